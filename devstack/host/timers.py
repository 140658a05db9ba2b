"""Timer triggers: one listener a function, on one host at a time.

Source: TimerListener.cs and ScheduleMonitor.cs of https://github.com/Azure/azure-webjobs-sdk-extensions;
facts/azure-functions-host.md 2.5.
"""

import asyncio
import json
import logging
from dataclasses import dataclass
from datetime import datetime

from devstack.host.clock import Clock
from devstack.host.functions import Function
from devstack.host.invocations import Invocations
from devstack.host.ncrontab import Schedule
from devstack.host.retries import wait_before
from devstack.host.timerstate import Status, TimerState
from devstack.host.wire import json_text
from devstack.host.worker import Outcome

_log = logging.getLogger("host.timer")
# How often a host that is not the timer's asks whether it may be, in seconds.
_LEASE_POLL = 1.0
# A sleep is never longer than this, so that a clock that was set is noticed.
_NAP = 60.0


@dataclass(frozen=True, slots=True)
class Due:
    """What start-up decides: the status to go on with, and whether an occurrence was missed."""

    status: Status
    past_due: bool


def at_start(stored: Status | None, schedule: Schedule, now: datetime) -> Due:
    """Whether an occurrence was missed while no host ran. A changed schedule starts anew and is never past due."""
    if stored is None:
        return Due(Status(None, schedule.after(now), now), past_due=False)
    expected = schedule.after(stored.last or stored.updated)
    if expected != stored.next:
        if now > expected:
            return Due(Status(None, schedule.after(now), now), past_due=False)
        return Due(Status(None, expected, stored.updated), past_due=False)
    return Due(stored, past_due=now > stored.next)


def after_run(status: Status, schedule: Schedule, started: datetime, planned: bool) -> Status:
    """The status after a run: the next occurrence counts from the run's start, so ticks missed meanwhile become one."""
    # A timer that fired a moment early must not fire for the same occurrence again.
    moment = max(started, status.next) if planned else started
    return Status(moment, schedule.after(moment), moment)


def payload(status: Status | None, past_due: bool) -> str:
    """The trigger's JSON as the worker gets it."""
    shown = None if status is None else status.as_json()
    return json.dumps({"Schedule": {"AdjustForDST": True}, "ScheduleStatus": shown, "IsPastDue": past_due})


@dataclass(slots=True)
class TimerListener:
    """Runs one timer function on its schedule while this host holds its lease."""

    function: Function
    schedule: Schedule
    state: TimerState
    clock: Clock
    invocations: Invocations
    _draining: bool = False
    _retrying: "asyncio.Future[None] | None" = None

    @property
    def monitored(self) -> bool:
        """Whether the schedule's status is kept over restarts."""
        return self.function.trigger.get("useMonitor") is not False and not self.schedule.more_than_once_a_minute

    async def listen(self) -> None:
        """Never returns; cancel it between runs to stop it. What the function raises is reported and does not end the schedule."""
        while True:
            with self.state.lease(self.function.name) as mine:
                if mine:
                    await self._hold()
            await self.clock.sleep(_LEASE_POLL)

    async def _hold(self) -> None:
        now = self.clock.now()
        stored = self.state.read(self.function.name) if self.monitored else None
        due = at_start(stored, self.schedule, now)
        status = due.status
        if self.monitored and status != stored:
            self.state.write(self.function.name, status)
        if due.past_due:
            _log.info("%s is past due: it should have run at %s.", self.function.name, status.next.isoformat())
            status = await self._run(status, past_due=True, planned=False)
        elif self.function.trigger.get("runOnStartup"):
            status = await self._run(status, past_due=False, planned=False)
        while True:
            await self._until(status.next)
            status = await self._run(status, past_due=False, planned=True)

    async def _until(self, moment: datetime) -> None:
        while (left := (moment - self.clock.now()).total_seconds()) > 0:
            await self.clock.sleep(min(left, _NAP))

    async def _run(self, status: Status, past_due: bool, planned: bool) -> Status:
        started = self.clock.now()
        shown = status if self.monitored else None
        run = asyncio.ensure_future(self._attempts(payload(shown, past_due)))
        cancelled = False
        while not run.done():
            try:
                await asyncio.shield(run)
            except asyncio.CancelledError:
                # What has begun is finished even when the host drains; only the wait for a retry is given up.
                cancelled = self._draining = True
                if self._retrying is not None:
                    self._retrying.cancel()
        updated = after_run(status, self.schedule, started, planned)
        if self.monitored:
            self.state.write(self.function.name, updated)
        if cancelled:
            raise asyncio.CancelledError
        return updated

    async def _attempts(self, trigger: str) -> Outcome:
        retry, attempt = self.function.retry, 0
        while True:
            limit = retry.limit if retry else 0
            outcome = await self.invocations.run(self.function, json_text(trigger), {}, attempt=(attempt, limit))
            attempt += 1
            wait = None if retry is None or self._draining else wait_before(retry, attempt)
            if outcome.ok or wait is None:
                return outcome
            self._retrying = asyncio.ensure_future(self.clock.sleep(wait.total_seconds()))
            await asyncio.wait({self._retrying})
            self._retrying = None
            if self._draining:
                return outcome
