"""Keeps a message or session lock while work goes on.

As the .NET processor does: a renewal is due ten seconds before the lock ends, or at half of what is left if that is sooner, until
the greatest duration has passed. Source: ReceiverManager.CalculateRenewDelay and SessionReceiverManager.RenewSessionLock in
https://github.com/Azure/azure-sdk-for-net (sdk/servicebus).
"""

import asyncio
import logging
from datetime import UTC, datetime

from devstack.host.delivery import Delivery, LinkLostError, Receiver

_log = logging.getLogger("host.servicebus")


def renew_after(left: float) -> float:
    """Seconds to wait before renewing a lock of which `left` seconds are left."""
    return max(left - min(left / 2, 10.0), 0.0)


class Renewal:
    """Renews one lock from creation until `stop`, at most for `duration` seconds. Costs a timer, not a task, until it is due."""

    def __init__(self, receiver: Receiver, delivery: Delivery | None, until: datetime | None, duration: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._receiver = receiver
        self._delivery = delivery
        self._deadline = self._loop.time() + duration
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        if until is not None and duration > 0:
            self._arm(until)

    def stop(self) -> None:
        """No renewal begins any more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()

    def _arm(self, until: datetime) -> None:
        due = self._loop.time() + renew_after((until - datetime.now(UTC)).total_seconds())
        if due < self._deadline:
            self._timer = self._loop.call_at(due, self._due)

    def _due(self) -> None:
        self._task = self._loop.create_task(self._renew())

    async def _renew(self) -> None:
        what = f"message {self._delivery.message_id}" if self._delivery else f"session {self._receiver.session_id}"
        try:
            until = await self._receiver.renew(self._delivery)
        except LinkLostError as error:
            _log.warning("The lock of %s could not be renewed, so it may be delivered again meanwhile: %s", what, error)
            return
        _log.debug("The lock of %s was renewed until %s.", what, until.isoformat())
        self._arm(until)
