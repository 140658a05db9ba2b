"""Timer triggers under a clock that is set by hand."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from devstack.host.functions import Function, Retry
from devstack.host.invocations import Invocations
from devstack.host.ncrontab import parse
from devstack.host.timers import TimerListener
from devstack.host.timerstate import Status, TimerState
from devstack.host.worker import Invocation, Outcome

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class HandClock:
    """Time passes only in `pass_time`, which wakes the sleepers whose time has come, in order."""

    def __init__(self, now: datetime = NOON) -> None:
        self._now = now
        self._sleepers: list[tuple[datetime, asyncio.Event]] = []

    def now(self) -> datetime:
        return self._now

    async def sleep(self, seconds: float) -> None:
        event = asyncio.Event()
        self._sleepers.append((self._now + timedelta(seconds=seconds), event))
        await event.wait()

    async def pass_time(self, seconds: float) -> None:
        end = self._now + timedelta(seconds=seconds)
        await _settle()
        while due := [each for each in self._sleepers if each[0] <= end]:
            first = min(due, key=lambda each: each[0])
            self._sleepers.remove(first)
            self._now = max(self._now, first[0])
            first[1].set()
            await _settle()
        self._now = end


async def _settle() -> None:
    """Everything that can run without time passing has run."""
    for _ in range(30):
        await asyncio.sleep(0)


class Timer:
    """A listener under test, and what its function was given at which times."""

    def __init__(self, state: Path, clock: HandClock, schedule: str, retry: Retry | None = None, **binding: Any) -> None:
        self.runs: list[tuple[datetime, dict[str, Any]]] = []
        self.attempts: list[int] = []
        self.work: Callable[[], Any] = lambda: None
        self.clock = clock
        function = Function("Tick", "id", {"type": "timerTrigger", "name": "timer", **binding}, retry=retry)
        self.state = TimerState(state)
        self.listener = TimerListener(function, parse(schedule), self.state, clock, Invocations(self._invoke))
        self.task = asyncio.create_task(self.listener.listen())

    async def _invoke(self, call: Invocation) -> Outcome:
        assert call.input.data is not None
        self.runs.append((self.clock.now(), json.loads(call.input.data.json)))
        self.attempts.append(call.retry_count)
        result = self.work()
        if asyncio.iscoroutine(result):
            await result
        return result if isinstance(result, Outcome) else Outcome(ok=True)

    def times(self) -> list[str]:
        return [f"{moment:%H:%M:%S}" for moment, _ in self.runs]

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.wait({self.task})


async def test_a_timer_fires_on_its_schedule_and_stores_when(tmp_path: Path) -> None:
    clock = HandClock()
    timer = Timer(tmp_path, clock, "0 */5 * * * *")
    await clock.pass_time(11 * 60)
    await timer.stop()
    assert timer.times() == ["12:05:00", "12:10:00"]
    first, second = (payload for _, payload in timer.runs)
    assert first["IsPastDue"] is False
    assert first["ScheduleStatus"]["Last"] == "0001-01-01T00:00:00"
    assert second["ScheduleStatus"]["Last"] == "2026-11-22T12:05:00+00:00"
    stored = timer.state.read("Tick")
    assert stored is not None
    assert stored.next == NOON + timedelta(minutes=15)


async def test_missed_occurrences_are_one_run_that_is_past_due(tmp_path: Path) -> None:
    clock = HandClock()
    timer = Timer(tmp_path, clock, "0 */5 * * * *")
    await clock.pass_time(5 * 60)
    await timer.stop()
    later = HandClock(NOON + timedelta(hours=2, seconds=10))
    again = Timer(tmp_path, later, "0 */5 * * * *")
    await later.pass_time(60)
    await again.stop()
    assert again.times() == ["14:00:10"]
    assert again.runs[0][1]["IsPastDue"] is True


async def test_a_changed_schedule_is_not_past_due(tmp_path: Path) -> None:
    TimerState(tmp_path).write("Tick", Status(NOON - timedelta(hours=2), NOON - timedelta(hours=1), NOON - timedelta(hours=2)))
    clock = HandClock()
    timer = Timer(tmp_path, clock, "0 */7 * * * *")
    await clock.pass_time(60)
    await timer.stop()
    assert timer.runs == []


@pytest.mark.parametrize("binding", [{"useMonitor": False}, {}])
async def test_an_unmonitored_timer_stores_nothing_and_shows_no_status(tmp_path: Path, binding: dict[str, Any]) -> None:
    clock = HandClock()
    # Several times a minute: never monitored, whatever the binding says.
    timer = Timer(tmp_path, clock, "0 * * * * *" if binding else "*/20 * * * * *", **binding)
    await clock.pass_time(60)
    await timer.stop()
    assert len(timer.runs) == (1 if binding else 3)
    assert all(payload["ScheduleStatus"] is None for _, payload in timer.runs)
    assert timer.state.read("Tick") is None


async def test_run_on_startup_runs_at_once(tmp_path: Path) -> None:
    clock = HandClock()
    timer = Timer(tmp_path, clock, "0 0 * * * *", runOnStartup=True)
    await clock.pass_time(1)
    await timer.stop()
    assert timer.times() == ["12:00:00"]
    assert timer.runs[0][1]["IsPastDue"] is False


async def test_ticks_missed_by_a_long_run_become_one_and_runs_never_overlap(tmp_path: Path) -> None:
    clock = HandClock()
    timer = Timer(tmp_path, clock, "0 * * * * *")
    timer.work = lambda: clock.sleep(150) if len(timer.runs) == 1 else None
    await clock.pass_time(5 * 60)
    await timer.stop()
    assert timer.times() == ["12:01:00", "12:03:30", "12:04:00", "12:05:00"]


async def test_a_failing_timer_keeps_its_schedule(tmp_path: Path) -> None:
    clock = HandClock()
    timer = Timer(tmp_path, clock, "0 * * * * *")
    timer.work = lambda: Outcome(ok=False, error="meant to fail")
    await clock.pass_time(2 * 60)
    await timer.stop()
    assert timer.times() == ["12:01:00", "12:02:00"]


async def test_a_failing_timer_is_retried_as_its_decorator_says(tmp_path: Path) -> None:
    clock = HandClock()
    retry = Retry(limit=2, fixed=timedelta(seconds=10), least=timedelta(), most=timedelta())
    timer = Timer(tmp_path, clock, "0 * * * * *", retry=retry)
    timer.work = lambda: Outcome(ok=False, error="meant to fail")
    await clock.pass_time(90)
    await timer.stop()
    assert timer.times() == ["12:01:00", "12:01:10", "12:01:20"]
    assert timer.attempts == [0, 1, 2]


async def test_one_of_several_hosts_runs_a_timer_and_another_takes_over(tmp_path: Path) -> None:
    clock = HandClock()
    first, second = Timer(tmp_path, clock, "0 * * * * *"), Timer(tmp_path, clock, "0 * * * * *")
    await clock.pass_time(2 * 60)
    assert (len(first.runs), len(second.runs)) == (2, 0)
    await first.stop()
    await clock.pass_time(60)
    await second.stop()
    assert second.times() == ["12:03:00"]


async def test_a_run_that_has_begun_is_finished_when_the_host_drains(tmp_path: Path) -> None:
    clock = HandClock()
    timer = Timer(tmp_path, clock, "0 * * * * *")
    timer.work = lambda: clock.sleep(30)
    await clock.pass_time(70)
    timer.task.cancel()
    await _settle()
    assert not timer.task.done()
    await clock.pass_time(30)
    await asyncio.wait({timer.task})
    stored = timer.state.read("Tick")
    assert stored is not None
    assert stored.last == NOON + timedelta(minutes=1)
