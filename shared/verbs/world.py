"""Everything outside that a verb may touch, put together once by the composition root.

Nearly all of it is imported here by name only: what a function does not touch, a cold start need not find.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from shared.bus import Bus, Envelope
from shared.verbs.ahead import Ahead
from shared.verbs.ears import Ears
from shared.verbs.listed import Listed

if TYPE_CHECKING:
    from shared.blobs import Blobs
    from shared.clock import Clock
    from shared.nouns.messages import Attempt
    from shared.nouns.step import Step
    from shared.nouns.task import Task
    from shared.settings import Settings
    from shared.tables import Tables
    from shared.tables.requests import Request
    from shared.tenant import Tenant
    from shared.verbs.met import Nameless
    from shared.verbs.owners import Owners

# A pause or cancellation is seen by every instance within this time.
REQUEST_SEEN_SECONDS = 2
# A slot nearer than this is not worth scheduling for.
AT_ONCE = timedelta(seconds=1)
LONGEST_AGAIN_SECONDS = 60.0
# What Exchange Online takes of one mailbox is counted by the minute.
# https://learn.microsoft.com/office365/servicedescriptions/exchange-online-service-description/exchange-online-limits#sending-limits-1
MAIL_WINDOW_SECONDS = 60
MOST_PARTS_AT_ONCE = 2


@dataclass
class World:
    settings: Settings
    clock: Clock
    tables: Tables
    bus: Bus
    tenant: Tenant
    # Where the heads of seals are kept; None where the settings name no place.
    blobs: Blobs | None = None
    # A part of a request is up to 2,000 guests; however many arrive at once, so many are unfolded in one process.
    planning: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_PARTS_AT_ONCE))
    # Exchange takes very few calls at once, and the steps that look ahead there would all ask together.
    exchange: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))
    ears: Ears = field(default_factory=Ears)
    listed: Listed = field(default_factory=Listed)
    ahead: Ahead = field(default_factory=Ahead)
    _seen: dict[str, tuple[datetime, Request]] = field(default_factory=dict)
    _rested: dict[str, datetime | None] = field(default_factory=dict)
    _flying: Counter[tuple[str, str]] = field(default_factory=Counter)
    _left: set[tuple[str, str]] = field(default_factory=set)

    @cached_property
    def steps(self) -> tuple[Step[Tenant], ...]:
        """All steps, in the order in which a request is planned."""
        from shared.steps import STEPS

        return STEPS

    @cached_property
    def owners(self) -> Owners:
        """Whose accounts other products end, as this process has read it within minutes."""
        from shared.verbs.owners import Owners

        return Owners()

    @cached_property
    def nameless(self) -> Nameless:
        """Refusals that name nobody, as this process has met them."""
        from shared.verbs.met import Nameless

        return Nameless()

    def step(self, name: str) -> Step[Tenant]:
        return next(step for step in self.steps if step.name == name)

    @property
    def after(self) -> dict[str, tuple[str, ...]]:
        """Which steps each step waits for."""
        return {step.name: step.after for step in self.steps}

    @contextmanager
    def flight(self, request: str, cohort: str) -> Iterator[Callable[[], None]]:
        """An attempt of the cohort is under way in this process, until what is yielded is called or the block ends."""
        key, landed = (request, cohort), False
        self._flying[key] += 1

        def land() -> None:
            nonlocal landed
            if not landed:
                landed = True
                self._flying[key] -= 1
                if not self._flying[key]:
                    del self._flying[key]

        try:
            yield land
        finally:
            land()

    def is_last(self, request: str, cohort: str, *, settled: bool) -> bool:
        """Whether who has just written a row of the cohort must look at all of them.

        While others of this process are under way, it is left to them: they write later, and then see this row too. Who
        settled nothing looks only where somebody else has left it to them.
        """
        key = request, cohort
        if self._flying[key] > 0:
            if settled:
                self._left.add(key)
            return False
        left = key in self._left
        self._left.discard(key)
        return settled or left

    async def request(self, name: str) -> Request | None:
        """The request, as it was at most two seconds ago; one that was stopped or paused then, as it is now."""
        now = self.clock()
        seen = self._seen.get(name)
        # An attempt that finds its request paused is over, so that must not be what was true before somebody resumed it.
        halted = seen is not None and (seen[1].paused or seen[1].cancelled)
        if seen is not None and not halted and now - seen[0] < timedelta(seconds=REQUEST_SEEN_SECONDS):
            return seen[1]
        request = await self.tables.requests.get(name)
        if request is not None:
            if len(self._seen) > 100:
                self._seen.clear()
            self._seen[name] = (now, request)
        return request

    async def rested_before(self, request: Request) -> datetime | None:
        """When the partner's turn was last given back before this request got it; None where nobody had it before. Read once a process."""
        if request.id not in self._rested:
            known = await self.tables.partners.get(request.partner_tenant)
            if len(self._rested) > 100:
                self._rested.clear()
            self._rested[request.id] = known.rested if known is not None else None
        return self._rested[request.id]

    def rate(self, lane: str) -> float:
        """Slots a second that the lane gives out: our share of the published limit; 0 where it is switched off."""
        published = {
            "entra-writes": self.settings.entra_writes_per_second,
            "invitations": self.settings.invitations_per_second,
            "exchange": self.settings.exchange_per_second,
            "sharepoint": self.settings.sharepoint_per_second,
            "teams": self.settings.teams_per_second,
            "fabric": self.settings.fabric_per_second,
        }
        # The mailbox is ours alone: nobody else lives on its limit.
        return self.settings.mail_per_second if lane == "mail" else published[lane] * self.settings.pace_share

    async def slots(self, tasks: Sequence[Task]) -> list[datetime]:
        """When the write of each task may go out, keeping the pace of every lane it is on, in the order given."""
        now = self.clock()
        times = [now] * len(tasks)
        for lane in sorted({lane for task in tasks for lane in self.step(task.step).lanes}):
            on_lane = [index for index, task in enumerate(tasks) if lane in self.step(task.step).lanes]
            window = MAIL_WINDOW_SECONDS if lane == "mail" else 0
            reserved = await self.tables.pace.reserve(lane, len(on_lane), self.rate(lane), now, window=window)
            for index, at in zip(on_lane, reserved, strict=True):
                times[index] = max(times[index], at)
        return times

    async def hold(self, lanes: tuple[str, ...], seconds: float) -> None:
        """The vendor asked to wait: nobody gets a slot of these lanes before."""
        now = self.clock()
        for lane in lanes:
            if self.rate(lane) > 0:
                await self.tables.pace.hold(lane, now + timedelta(seconds=seconds), now)

    def again_at(self, after: float, retry: int) -> datetime:
        """When what could not be done now is tried again: in `after` seconds, with every retry a little later."""
        return self.clock() + timedelta(seconds=grown(after, retry))

    def envelope(self, message: Attempt, at: datetime | None = None) -> Envelope:
        """The message that makes this attempt run, not before `at`."""
        step = self.step(queue_of(message.task))
        soon = at is None or at <= self.clock() + AT_ONCE
        return Envelope(
            queue=step.name,
            message_id=message.message_id(),
            body=message.model_dump_json(exclude_defaults=True),
            session=(step.shared or session_of(message.task)) if step.session else None,
            at=None if soon else at,
        )

    async def send(self, tasks: Iterable[Task], times: Iterable[datetime]) -> None:
        """Each task's attempt is on its step's queue, to run not before its time."""
        from shared.nouns.messages import Attempt

        await self.bus.send(
            self.envelope(Attempt(request=task.request, task=task.key, attempt=task.attempt), at)
            for task, at in zip(tasks, times, strict=True)
        )


def queue_of(key: str) -> str:
    """The step in a task's row key, which is also its queue."""
    return key.split("|")[2]


def session_of(key: str) -> str:
    """What must not be written twice at once: the group or partner that the task's subject begins with."""
    return key.split("|")[3].split(".", 1)[0]


def grown(after: float, times: int) -> float:
    """A wait that has been asked for `times` times already: half as long again each time, up to a minute or what was asked."""
    return min(after * 1.5 ** min(times, 20), max(LONGEST_AGAIN_SECONDS, after))
