"""One queue or sub-queue: what comes in, what goes out, what time does (facts/service-bus-broker.md, sections 6 to 9)."""

import heapq
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol
from uuid import UUID

from devstack.broker.model.deadlines import Deadlines
from devstack.broker.model.duplicates import Duplicates
from devstack.broker.model.errors import (
    MESSAGE_NOT_FOUND,
    NOT_ALLOWED,
    BusError,
    lock_lost,
    session_lock_lost,
)
from devstack.broker.model.message import Content, Message, State
from devstack.broker.model.properties import QueueProperties
from devstack.broker.model.sessions import Session
from devstack.broker.model.shelf import Shelf


class Routes(Protocol):
    """Where messages go that leave a queue for another one."""

    def forward(self, source: "Queue", message: Message) -> None:
        """The message, which is no longer in `source`, is in the queue that `source` forwards to."""

    def dead_letter(self, source: "Queue", message: Message, reason: str | None, description: str | None) -> None:
        """The message, which is no longer in `source`, is among its dead letters."""


class Queue(Shelf):
    """`on_ready` is called with a session id, or None, whenever a message can be delivered that could not before."""

    def __init__(self, name: str, properties: QueueProperties, clock: Callable[[], float], routes: Routes | None) -> None:
        self._routes = routes  # None: this is a dead-letter queue, nothing leaves it by itself
        super().__init__(name, properties, clock)

    def clear(self) -> None:
        """No messages, sessions, locks or duplicates are left; sequence numbers go on."""
        super().clear()
        properties = self.properties
        self._expiries: Deadlines[int] = Deadlines()
        self._schedule: Deadlines[int] = Deadlines()
        self._duplicates = Duplicates(properties.duplicate_window) if properties.detects_duplicates else None

    # ---- what comes in

    def check(self, content: Content) -> None:
        """Raises BusError when the queue would not take the message."""
        if self._routes is None:
            raise BusError(NOT_ALLOWED, f"'{self.name}' takes no messages from senders. Send to the queue itself.")
        if self.sessions is not None and content.session_id is None:
            raise BusError(
                NOT_ALLOWED,
                f"Queue '{self.name}' requires sessions and the message has no session id. Set its session id (group-id).",
            )

    def submit(self, message: Message) -> Message | None:
        """The message is in the queue, or scheduled, or forwarded; None if it was dropped as a duplicate."""
        self.advance()
        now = self._clock()
        content = message.content
        if self._duplicates is not None and content.message_id is not None and self._duplicates.seen(content.message_id, now):
            return None
        if content.due is not None and content.due > now:
            message.state = State.SCHEDULED
            self._insert(message)
            self._schedule.set(message.sequence_number, content.due)
        else:
            self.insert_active(message)
        return message

    def insert_active(self, message: Message) -> None:
        """The message is the last one in the queue, or on its way to where the queue forwards to."""
        message.state = State.ACTIVE
        if self.properties.forward_to is not None and self._routes is not None:
            self._last_number += 1
            message.sequence_number = self._last_number
            self._routes.forward(self, message)
            return
        self._insert(message)
        length = self.properties.time_to_live
        if message.content.ttl is not None and message.dead_letter_source is None:  # a dead letter's own time is over
            length = min(length, message.content.ttl)
        if self._routes is not None and length != float("inf"):
            message.expires_at = message.enqueued_at + length
            self._expiries.set(message.sequence_number, message.expires_at)
        self._make_ready(message)

    # ---- what goes out

    def take(self, *, lock: bool, session: Session | None = None) -> Message | None:
        """The oldest message that is ready, of the session if one is given: locked, or removed for good."""
        self.advance()
        ready = self._ready if session is None else session.ready
        while ready:
            number = heapq.heappop(ready)
            if self.is_ready(number):
                message = self._messages[number]
                if lock:
                    self._lock(message, session)
                else:
                    self._remove(message)
                return message
        return None

    def take_deferred(self, numbers: Sequence[int], *, lock: bool, session: Session | None = None) -> list[Message]:
        """The deferred messages with these sequence numbers, locked or removed; raises BusError if one of them is not there."""
        self.advance()
        found = []
        for number in dict.fromkeys(numbers):
            message = self._messages.get(number)
            of_session = session is None or (message is not None and message.content.session_id == session.id)
            if message is None or message.state is not State.DEFERRED or message.lock is not None or not of_session:
                raise BusError(
                    MESSAGE_NOT_FOUND,
                    f"Queue '{self.name}' has no deferred message with sequence number {number} that is not locked.",
                )
            found.append(message)
        for message in found:
            if lock:
                self._lock(message, session)
            else:
                self._remove(message)
        return found

    def peek(self, first: int, count: int, session_id: str | None = None) -> list[Message]:
        """Up to `count` messages from sequence number `first` on: ready, locked, deferred and scheduled ones alike."""
        self.advance()
        return self.between(first, count, session_id)

    def _remove(self, message: Message) -> None:
        super()._remove(message)
        self._expiries.discard(message.sequence_number)

    # ---- settlement

    def locked(self, token: UUID, session_id: str | None = None) -> Message:
        """The message under this lock; raises BusError when the lock is gone."""
        self.advance()
        message = self._locked.get(token)
        if message is None:
            raise lock_lost(self.name) if session_id is None else session_lock_lost(self.name, session_id)
        return message

    def complete(self, message: Message) -> None:
        self._remove(message)

    def abandon(self, message: Message, changes: Mapping[str, bytes]) -> None:
        """The message is available again, one failed delivery later, or dead-lettered if that was its last."""
        message.content = message.content.with_properties(changes)
        self.give_back(message, failed=True)

    def defer(self, message: Message, changes: Mapping[str, bytes]) -> None:
        """The message waits for a receiver that asks for its sequence number."""
        message.content = message.content.with_properties(changes)
        self._unlock(message)
        message.delivery_count += 1
        message.state = State.DEFERRED

    def dead_letter(self, message: Message, reason: str | None, description: str | None, changes: Mapping[str, bytes]) -> None:
        """The message is among the queue's dead letters; raises BusError where it is a dead letter already."""
        if self._routes is None:
            raise BusError(NOT_ALLOWED, f"A message of '{self.name}' is dead-lettered already. Complete or abandon it.")
        message.content = message.content.with_properties(changes)
        self._remove(message)
        self._routes.dead_letter(self, message, reason, description)

    def give_back(self, message: Message, *, failed: bool) -> None:
        self._unlock(message)
        message.delivery_count += failed
        limit = self.properties.max_delivery_count
        if failed and self._routes is not None and message.delivery_count >= limit:
            why = f"Message could not be consumed after {limit} delivery attempts."
            self.dead_letter(message, "MaxDeliveryCountExceeded", why, {})
        elif message.state is State.DEFERRED:
            return
        elif message.expires_at is not None and message.expires_at <= self._clock():
            self._expire(message)
        else:
            self._make_ready(message)

    def renew(self, token: UUID) -> float:
        """The lock holds for another lock duration; returns until when. Raises BusError when it is gone."""
        message = self.locked(token)
        if message.lock is None or self._session_of(message) is not None:
            raise BusError(NOT_ALLOWED, f"Messages of queue '{self.name}' are locked by session. Renew the session's lock.")
        message.lock.until = self._clock() + self.properties.lock_duration
        self._lock_deadlines.set(token, message.lock.until)
        return message.lock.until

    # ---- time

    def cancel(self, numbers: Sequence[int]) -> None:
        """The scheduled messages are gone; raises BusError, and cancels none, if one of them is not there."""
        self.advance()
        for number in numbers:
            message = self._messages.get(number)
            if message is None or message.state is not State.SCHEDULED:
                raise BusError(
                    MESSAGE_NOT_FOUND,
                    f"Queue '{self.name}' has no scheduled message with sequence number {number}."
                    " It may have become active already, or been cancelled.",
                )
        for number in dict.fromkeys(numbers):
            self._schedule.discard(number)
            self._remove(self._messages[number])

    def advance(self) -> None:
        """What fell due by now has happened."""
        now = self._clock()
        for token in self._lock_deadlines.pop_due(now):
            self.give_back(self._locked[token], failed=True)
        for number in self._schedule.pop_due(now):
            message = self._messages[number]
            self._remove(message)  # and back in with a new number, as the real service does
            message.enqueued_at = now
            self.insert_active(message)
        for number in self._expiries.pop_due(now):
            if self.is_ready(number):
                self._expire(self._messages[number])
        if self.sessions is not None:
            self.sessions.advance(now)

    def next_due(self) -> float | None:
        """When `advance` will next have something to do."""
        dues = [self._lock_deadlines.next(), self._schedule.next(), self._expiries.next()]
        if self.sessions is not None:
            dues.append(self.sessions.next_due())
        return min((due for due in dues if due is not None), default=None)

    def _expire(self, message: Message) -> None:
        if self.properties.dead_letter_on_expiration:
            why = "The message expired and was dead lettered."
            self.dead_letter(message, "TTLExpiredException", why, {})
        else:
            self._remove(message)

    def update(self, properties: QueueProperties) -> None:
        """The properties hold from now on. Messages stay, unless the queue begins or ceases to require sessions."""
        sessions_change = properties.requires_session != self.properties.requires_session
        self.properties = properties
        if sessions_change:
            self.clear()
        if self.sessions is not None:
            self.sessions.lock_duration = properties.lock_duration
        if not properties.detects_duplicates:
            self._duplicates = None
        elif self._duplicates is None:
            self._duplicates = Duplicates(properties.duplicate_window)
        else:
            self._duplicates.window = properties.duplicate_window
        if properties.forward_to is not None:
            for message in [held for held in self if self.is_ready(held.sequence_number)]:
                self._remove(message)
                self.insert_active(message)
