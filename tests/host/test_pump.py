"""The pump at its seam: how much it asks for, that it takes turns, when it ends."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from devstack.host.delivery import Delivery, LinkLostError
from devstack.host.pump import Pace, Pump, Worked
from devstack.host.renewal import renew_after
from devstack.host.worker import Outcome


class FakeReceiver:
    """Hands out a list of messages; fails where two uses would meet, or more is asked for than there are slots."""

    session_id: str | None = None

    def __init__(self, slots: int, bodies: Sequence[bytes], *, lost_at_end: bool = False) -> None:
        self.left = list(bodies)
        self.locked = 0
        self.settled: list[tuple[bytes, bool]] = []
        self.asked: list[int] = []
        self._slots = slots
        self._lost_at_end = lost_at_end
        self._busy = False

    async def receive(self, most: int, wait: float) -> list[Delivery]:
        assert not self._busy, "a receive began while something else was under way"
        assert most + self.locked <= self._slots, "more was asked for than can be worked on"
        self._busy = True
        self.asked.append(most)
        await asyncio.sleep(0)
        got, self.left = self.left[:most], self.left[most:]
        self.locked += len(got)
        if not got:
            if self._lost_at_end:
                self._busy = False
                raise LinkLostError("by order of the test")
            await asyncio.sleep(wait / 10)
        self._busy = False
        return [Delivery(body=body) for body in got]

    async def settle(self, done: Sequence[tuple[Delivery, bool]]) -> list[LinkLostError | None]:
        assert not self._busy, "a settlement began while something else was under way"
        self._busy = True
        await asyncio.sleep(0)
        self.locked -= len(done)
        self.settled += [(delivery.body, completed) for delivery, completed in done]
        self._busy = False
        return [None] * len(done)

    async def renew(self, delivery: Delivery | None) -> datetime:
        return datetime.now(UTC)

    def session_locked_until(self) -> datetime | None:
        return None

    async def close(self) -> None:
        return None


def pump(receiver: FakeReceiver, slots: int, idle: float | None) -> Pump:
    async def work(delivery: Delivery) -> Outcome:
        # Some are done at once, some after others have come: both kinds must be settled.
        for _ in range(len(delivery.body)):
            await asyncio.sleep(0)
        return Outcome(ok=not delivery.body.startswith(b"f"))

    async def settle(done: Sequence[Worked]) -> None:
        await receiver.settle([(one.delivery, one.outcome.ok) for one in done])

    return Pump(receiver, work, settle, slots, idle)


@pytest.mark.parametrize("slots", [1, 3, 16])
async def test_everything_received_is_settled_by_its_outcome(slots: int) -> None:
    bodies = [b"f" * (n % 5) + b"x" * (n % 7) for n in range(200)]
    receiver = FakeReceiver(slots, bodies)
    async with asyncio.timeout(20):
        await pump(receiver, slots, idle=0.2).run(asyncio.Event())
    assert sorted(receiver.settled) == sorted((body, not body.startswith(b"f")) for body in bodies)
    assert receiver.locked == 0
    assert max(receiver.asked) <= slots


async def test_a_lost_link_ends_the_pump_after_the_work_is_settled() -> None:
    receiver = FakeReceiver(5, [b"x" * 50] * 4, lost_at_end=True)
    with pytest.raises(LinkLostError):
        await pump(receiver, 5, idle=None).run(asyncio.Event())
    assert receiver.settled == [(b"x" * 50, True)] * 4


async def test_a_message_that_trips_the_host_itself_is_abandoned_and_frees_its_slot() -> None:
    receiver = FakeReceiver(1, [b"x", b"y"])

    async def work(delivery: Delivery) -> Outcome:
        if delivery.body == b"x":
            raise KeyError("by order of the test")
        return Outcome(ok=True)

    async def settle(done: Sequence[Worked]) -> None:
        await receiver.settle([(one.delivery, one.outcome.ok) for one in done])

    await Pump(receiver, work, settle, 1, idle=0.1).run(asyncio.Event())
    assert receiver.settled == [(b"x", False), (b"y", True)]


async def test_a_stopped_pump_receives_no_more_and_settles_what_it_has() -> None:
    receiver, stopping = FakeReceiver(2, [b"x" * 20] * 10), asyncio.Event()
    running = asyncio.create_task(pump(receiver, 2, idle=None).run(stopping))
    while receiver.locked < 2:  # noqa: ASYNC110 - the receiver is a plain object
        await asyncio.sleep(0)
    stopping.set()
    await running
    assert len(receiver.settled) == 2
    assert len(receiver.left) == 8


def test_one_message_is_asked_for_until_the_queue_has_proved_to_be_full() -> None:
    pace = Pace()
    for _ in range(4):
        assert pace.ask(16) == 1
        pace.answered(1, 1, 0.001)
    assert pace.ask(16) == 16
    pace.answered(16, 3, 0.2)
    assert pace.ask(13) == 1


@pytest.mark.parametrize(("left", "wait"), [(60.0, 50.0), (20.0, 10.0), (5.0, 2.5), (-1.0, 0.0)])
def test_a_lock_is_renewed_ten_seconds_before_its_end_or_at_half_time(left: float, wait: float) -> None:
    assert renew_after(left) == wait
