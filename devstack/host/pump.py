"""Keeps up to `slots` deliveries of one receiver in work at once.

No more messages are asked for than can be worked on at once, so that other hosts get the rest (unless host.json asks for
prefetching). The client library waits 0.2 s for the rest of a batch it was asked for and did not get, so the pump asks for one
message at a time until the queue has proved to be full, and then for as many as there are free slots.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

from devstack.host.delivery import Delivery, Receiver

# How long a receive may take before the pump looks at whether it shall stop, in seconds.
_TURN = 1.0
# A receive that is answered within this time found the message waiting; so many in a row mean a full queue.
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


class Pump:
    """Receives and works until told to stop or, with `idle`, until so many seconds bring no message and nothing is in work."""

    def __init__(
        self, receiver: Receiver, work: Callable[[Delivery], Awaitable[None]], slots: int, idle: float | None = None
    ) -> None:
        self._receiver = receiver
        self._work = work
        self._slots = slots
        self._idle = idle
        self._running: set[asyncio.Task[None]] = set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Returns when all work is done; raises LinkLostError from the receiver, then too after the work is done."""
        try:
            await self._receive(stopping)
        finally:
            # What was received is finished, whatever ended the receiving: its locks are still ours.
            if self._running:
                await asyncio.wait(self._running)

    async def _receive(self, stopping: asyncio.Event) -> None:
        pace, last = Pace(), time.monotonic()
        while not stopping.is_set():
            free = self._slots - len(self._running)
            if free <= 0:
                await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
                continue
            asked, started = pace.ask(free), time.monotonic()
            wait = _TURN if self._idle is None else max(min(_TURN, self._idle), 0.05)
            deliveries = await self._receiver.receive(asked, wait)
            now = time.monotonic()
            pace.answered(asked, len(deliveries), now - started)
            for delivery in deliveries:
                self._start(delivery)
            if deliveries or self._running:
                last = now
            elif self._idle is not None and now - last >= self._idle:
                return

    def _start(self, delivery: Delivery) -> None:
        task = asyncio.ensure_future(self._work(delivery))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
