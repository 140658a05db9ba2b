"""A Service Bus message as the pump sees it, independent of the client library."""

import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery of one message. `delivery_count` counts as .NET does: 1 at the first delivery. Times are aware, UTC.

    `original` is the client library's own object, for settlement.
    """

    body: bytes
    message_id: str | None = None
    content_type: str | None = None
    correlation_id: str | None = None
    subject: str | None = None
    to: str | None = None
    reply_to: str | None = None
    session_id: str | None = None
    reply_to_session_id: str | None = None
    partition_key: str | None = None
    dead_letter_source: str | None = None
    sequence_number: int = 0
    delivery_count: int = 1
    enqueued_time: datetime | None = None
    expires_at: datetime | None = None
    locked_until: datetime | None = None
    lock_token: str = field(default_factory=lambda: str(uuid.uuid4()))
    properties: dict[str, Any] = field(default_factory=dict)
    original: Any = None


class LinkLostError(Exception):
    """The receiver cannot be used any more and has to be opened again; the message says why."""


class NoSessionError(Exception):
    """No session had a message within the time that was waited."""


class Receiver(Protocol):
    """A peek-lock receiver on one entity or one session."""

    session_id: str | None

    async def receive(self, most: int, wait: float) -> list[Delivery]:
        """Up to `most` messages, or none after `wait` seconds; raises LinkLostError."""

    async def settle(self, done: Sequence[tuple[Delivery, bool]]) -> list[LinkLostError | None]:
        """True: the message is completed, the broker has removed it. False: it is abandoned, available again with a delivery
        count one higher. Answers for each why it could not be done, because lock or link are gone; None where it was."""

    async def renew(self, delivery: Delivery | None) -> datetime:
        """The new end of the message's lock, or of the session's for None; raises LinkLostError."""

    def session_locked_until(self) -> datetime | None:
        """The end of the session lock; None where there is no session."""

    async def close(self) -> None:
        """The link is closed, its session free; never raises."""


Open = Callable[[], Awaitable[Receiver]]
