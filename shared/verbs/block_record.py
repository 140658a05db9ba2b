"""What a block did, in the tables: a request of its own, so that status, journal and seals have it like any other.

A block does not wait for its record: where tables are out of reach it goes on, and says so.
"""

import asyncio
from collections.abc import Awaitable, Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from shared.nouns.outcomes import NotYet
from shared.nouns.partner import Partner
from shared.nouns.request import Header, PartnerWish
from shared.nouns.state import State
from shared.nouns.task import Task, TaskState
from shared.tables.blocks import Block
from shared.tables.requests import Request, RequestState
from shared.tables.store import Changed
from shared.tables.task_rows import JournalEntry
from shared.verbs.world import World

TEMPLATE = "emergency-block"
# How long a block waits for the tables, at most, before it goes on without them.
TABLES_SECONDS = 5.0
# A journal entry is a row, whose properties hold 32 K characters each.
MOST_WORDS = 100


@dataclass
class Record:
    """`lost` says why nothing can be recorded, once that is so; nothing is tried again then. `before` is kept for the report."""

    world: World
    who: str
    partner: Partner
    block: Block | None = None
    lost: str = ""

    async def kept[Answer](self, writing: Awaitable[Answer]) -> Answer | None:
        """The answer of the tables, or None where they do not answer in time."""
        if self.lost:
            if asyncio.iscoroutine(writing):
                writing.close()
            return None
        try:
            async with asyncio.timeout(TABLES_SECONDS):
                return await writing
        except (NotYet, TimeoutError) as error:
            self.lost = error.reason if isinstance(error, NotYet) else "the tables did not answer in time"
            return None

    async def told(self, state: RequestState, reason: str) -> None:
        """The block stands among the ended requests, so that nothing carries it on but who blocks or releases."""
        if self.block is not None:
            await self.kept(self.world.tables.requests.close(self._request(self.block, state, reason)))

    async def opened(
        self,
        step: str,
        subject: str,
        *,
        before: State,
        after: State,
        members: tuple[str, ...] = (),
        ids: dict[str, str] | None = None,
    ) -> Task | None:
        """The task's row, with the intent in the journal, before anything is changed."""
        if self.block is None:
            return None
        now = self.world.clock()
        task = Task(
            self.block.request, "block", step, subject, wanted=after, members=members, begun=now, touched=now, ids=ids or {}
        )
        return await self.kept(self._open(task, before))

    async def closed(
        self, task: Task | None, state: TaskState, reason: str, *entries: JournalEntry, without: Collection[str] = ()
    ) -> None:
        """How the task ended, with what it did; `without` are those of a batch to whom certainly nothing was done."""
        if task is None:
            return
        members = tuple(name for name in task.members if name not in without)
        ended = replace(task, state=state, reason=reason, members=members, settled_at=self.world.clock())
        await self.kept(self._save(ended, entries))

    def entry(
        self, task: Task | None, kind: str, before: State, after: State, note: str, ids: dict[str, str] | None = None
    ) -> JournalEntry:
        """A journal entry of this moment."""
        attempt = task.attempt if task is not None else 1
        return JournalEntry(kind, attempt, self.world.clock(), self.who, before, after, dict(ids or {}), note=note)

    async def _open(self, task: Task, before: State) -> Task:
        tasks = self.world.tables.tasks
        fresh = await tasks.insert_cohort(task.request, task.cohort, [task], mark_open=False)
        there = await tasks.get(task.request, task.key) or task
        if not fresh:
            # Whom an earlier round blocked under the same row stays in it, or nobody would ever let them in again.
            there = replace(
                there,
                attempt=there.attempt + 1,
                members=tuple(dict.fromkeys((*there.members, *task.members))),
                state=TaskState.READY,
                ids={**there.ids, **task.ids},
                wanted={**there.wanted, **task.wanted},
            )
        return await self._save(there, (self.entry(there, "intent", before, task.wanted, "", task.ids),))

    async def _save(self, task: Task, entries: Iterable[JournalEntry]) -> Task:
        listed = tuple(entries)
        while True:
            try:
                return await self.world.tables.tasks.save(task, *listed)
            except Changed:
                # Somebody else blocks the same partner at the same time; what both did stands in the journal.
                there = await self.world.tables.tasks.get(task.request, task.key)
                if there is None:
                    return task
                later = replace(task, attempt=there.attempt + 1, etag=there.etag)
                listed = tuple(replace(entry, attempt=later.attempt) for entry in listed)
                task = later

    def _request(self, block: Block, state: RequestState, reason: str) -> Request:
        domains = self.partner.domains or (f"{self.partner.tenant_id}.invalid",)
        wish = PartnerWish(name=self.partner.name[:64] or self.partner.tenant_id, domains=domains[:50])
        header = Header(version=1, id=block.request, action="change", template=TEMPLATE, partner=wish)
        return Request(
            id=block.request,
            state=state,
            header=header,
            digest="",
            who=block.by,
            partner_tenant=self.partner.tenant_id,
            template_version=1,
            received=block.at,
            finished=self.world.clock(),
            reason=reason[:8_000],
        )


def request_id(tenant_id: str, at: datetime) -> str:
    """The id under which a block is recorded."""
    return f"block-{tenant_id}-{at:%Y%m%dT%H%M%S}"


def in_pieces(words: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Words in pieces that a row holds."""
    return [words[start : start + MOST_WORDS] for start in range(0, len(words), MOST_WORDS)] or [()]
