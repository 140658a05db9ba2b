"""Keeps up to `slots` deliveries of one receiver in work at once.

No more messages are asked for than can be worked on at once, so that other hosts get the rest (unless host.json asks for
prefetching). Two habits of azure-servicebus 7.15 shape the loop. All reads and writes of a connection wait for one lock that a
read holds until a frame comes or 0.2 s have passed, so the pump never settles while it receives: it takes turns (with
both at once, 64 messages/s were measured instead of 1,500). And a receive that gets less than it asked for
waits another 0.2 s, so the pump asks for one message at a time until the queue has proved to be full.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from devstack.host.delivery import Delivery, Receiver
from devstack.host.worker import Outcome

_log = logging.getLogger("host.servicebus")
# How long a receive may take before the pump looks at whether it shall stop, in seconds.
_TURN = 1.0
# The same while deliveries are in work, which want to be settled when they are done.
_BUSY_TURN = 0.1
# A receive that is answered within this time for each message found it waiting; so many in a row mean a full queue.
_AT_ONCE = 0.02
_PROOF = 4


class Pace:
    """How many messages to ask for next."""

    def __init__(self) -> None:
        self._streak = 0

    def ask(self, free: int) -> int:
        """One, or every free slot when the queue has proved to be full."""
        return free if self._streak >= _PROOF else 1

    def answered(self, asked: int, got: int, seconds: float) -> None:
        """Learns from a receive."""
        self._streak = self._streak + 1 if got == asked and seconds < _AT_ONCE * asked else 0


@dataclass(frozen=True, slots=True)
class Worked:
    """A delivery and how the work on it ended."""

    delivery: Delivery
    outcome: Outcome


Work = Callable[[Delivery], Awaitable[Outcome]]
Settle = Callable[[Sequence[Worked]], Awaitable[None]]


class Pump:
    """Receives, works and settles until told to stop or, with `idle`, until so many seconds bring no message and none is in work."""

    def __init__(self, receiver: Receiver, work: Work, settle: Settle, slots: int, idle: float | None = None) -> None:
        self._receiver = receiver
        self._work = work
        self._settle = settle
        self._slots = slots
        self._idle = idle
        self._running: set[asyncio.Task[None]] = set()
        self._done: list[Worked] = []

    async def run(self, stopping: asyncio.Event) -> None:
        """Returns when all that was received is settled; raises LinkLostError from the receiver, then too after settling."""
        try:
            await self._take_turns(stopping)
        finally:
            # What was received is finished, whatever ended the receiving: its locks are still ours.
            while self._running or self._done:
                if self._running:
                    await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
                await self._settle_done()

    async def _take_turns(self, stopping: asyncio.Event) -> None:
        pace, last = Pace(), time.monotonic()
        while not stopping.is_set():
            await self._settle_done()
            free = self._slots - len(self._running)
            if free <= 0:
                await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
                continue
            asked, started = pace.ask(free), time.monotonic()
            deliveries = await self._receiver.receive(asked, self._patience())
            now = time.monotonic()
            pace.answered(asked, len(deliveries), now - started)
            for delivery in deliveries:
                self._start(delivery)
            if deliveries or self._running:
                last = now
                # Functions that wait for nothing are done after this.
                await asyncio.sleep(0)
            elif self._idle is not None and now - last >= self._idle:
                return

    def _patience(self) -> float:
        if self._running:
            return _BUSY_TURN
        return _TURN if self._idle is None else max(min(_TURN, self._idle), _BUSY_TURN)

    def _start(self, delivery: Delivery) -> None:
        task = asyncio.ensure_future(self._carry_out(delivery))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _carry_out(self, delivery: Delivery) -> None:
        try:
            outcome = await self._work(delivery)
        except Exception as error:  # noqa: BLE001 - whatever it is, the message has to be settled
            # A message that trips the host itself must not stay locked, nor take a slot for ever.
            _log.exception("Message %s could not be handed to its function.", delivery.message_id)
            outcome = Outcome(ok=False, error=str(error))
        self._done.append(Worked(delivery, outcome))

    async def _settle_done(self) -> None:
        if self._done:
            done, self._done = self._done, []
            await self._settle(done)
