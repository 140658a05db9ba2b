"""A link on which the client receives from a queue, or from one session of it (facts/service-bus-broker.md, sections 4, 6 and 7)."""

from typing import TYPE_CHECKING
from uuid import UUID

from devstack.broker.codec import frames
from devstack.broker.codec.frames import Error, Performative
from devstack.broker.front.settlement import settle
from devstack.broker.model.delivery import encoded
from devstack.broker.model.entity import Queue
from devstack.broker.model.errors import SESSION_LOCK_LOST, TIMEOUT, BusError
from devstack.broker.model.message import Message
from devstack.broker.model.sessions import Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from devstack.broker.front.channel import Channel

SESSION_GRACE = 1.5
"""Seconds between the loss of a session's lock and the detach of its link."""


class QueueReceiver:
    """`locks` is peek-lock, else receive-and-delete. Messages locked here stay locked when the link goes; a session does not."""

    receives = True

    def __init__(self, channel: "Channel", handle: int, name: str, queue: Queue, *, locks: bool) -> None:
        self.handle = handle
        self.name = name
        self.locks = locks
        self.session: Session | None = None
        self.on_session: Callable[[Session | Error], None] = lambda _: None
        self._lost_session: str | None = None
        self._channel = channel
        self._hub = channel.connection.hub
        self._queue = queue
        self._outlet = self._hub.outlet(queue)
        self._outlet.links[self] = None
        self._delivery_count = 0
        self._credit = 0
        self._deliveries: dict[int, UUID] = {}
        self.active_at = self._hub.loop.time()

    # ---- delivering

    def wants_more(self) -> bool:
        return self._credit > 0 and self._channel.window > 0 and self._channel.connection.writable

    def deliver(self, message: Message) -> None:
        number = self._channel.next_delivery_id()
        tag = b""
        if message.lock is not None:
            tag = message.lock.token.bytes_le
            self._deliveries[number] = message.lock.token
            self._channel.unsettled[number] = self
        self._credit -= 1
        self._delivery_count += 1
        self.active_at = self._hub.loop.time()
        self._channel.deliver(self.handle, number, tag, encoded(message), settled=not self.locks)

    def flow(self, delivery_count: int | None, credit: int, *, drain: bool) -> None:
        self.active_at = self._hub.loop.time()
        count = self._delivery_count if delivery_count is None else delivery_count
        self._credit = count + credit - self._delivery_count
        if drain:
            self._delivery_count += max(0, self._credit)
            self._credit = 0
            state = self._channel.state()
            frame = frames.flow(self._channel.number, state, self.handle, self._delivery_count, 0, drain=True)
            self._channel.send(frame)
        elif self._credit > 0:
            self._want_more()

    def _want_more(self) -> None:
        try:
            self._hub.faults.strike("receive", self._queue.name)
        except BusError as error:
            self.drop(Error(error.condition, error.description))
        else:
            self._outlet.hungry(self)

    def wake(self) -> None:
        """The connection can take more."""
        if self._credit > 0:
            self._outlet.hungry(self)

    def transfer(self, performative: Performative, body: bytes) -> None:
        """Clients do not send on this link."""

    # ---- settling

    def settle(self, number: int, state: bytes, *, settled: bool) -> None:
        """The delivery has the outcome the client asked for, and the client is told unless it does not want to know."""
        self.active_at = self._hub.loop.time()
        token = self._deliveries.pop(number)
        del self._channel.unsettled[number]
        answer = self._apply(token, state)
        self._outlet.wake()
        if not self._channel.connection.loses_reply("settle", self._queue.name) and not settled:
            frame = frames.disposition(self._channel.number, receiver=False, delivery_id=number, state=answer)
            self._channel.send(frame)

    def _apply(self, token: UUID, state: bytes) -> bytes:
        try:
            self._hub.faults.strike("settle", self._queue.name)
            message = self._queue.locked(token, self._lost_session)
            kind, answer = settle(self._queue, message, state)
        except BusError as error:
            return frames.rejected(Error(error.condition, error.description))
        self._hub.counts[kind] += 1
        return answer

    # ---- sessions

    def session_granted(self, session: Session) -> None:
        self.session = session
        self._hub.counts["sessionAccepts"] += 1
        self.on_session(session)

    def session_timed_out(self) -> None:
        why = f"No session of queue '{self._queue.name}' with messages became available in time. Try again."
        self.on_session(Error(TIMEOUT, why))

    def session_lost(self, session: Session) -> None:
        """The client hears of it when it next settles, and by a detach shortly after."""
        self._lost_session, self.session = session.id, None
        self._credit = 0
        why = f"The session lock for session '{session.id}' of queue '{self._queue.name}' has expired."
        self._hub.loop.call_later(SESSION_GRACE, self.drop, Error(SESSION_LOCK_LOST, why))

    # ---- ending

    def drop(self, reason: Error) -> None:
        if self._channel.links.get(self.handle) is not self:
            return
        if self._is_waiting():
            self.on_session(reason)
        else:
            self._channel.drop(self.handle, reason)

    def _is_waiting(self) -> bool:
        return self._queue.sessions is not None and self._queue.sessions.is_waiting(self)

    def closed(self) -> None:
        self._outlet.forget(self)
        for number in self._deliveries:
            self._channel.unsettled.pop(number, None)
        self._deliveries.clear()
        sessions = self._queue.sessions
        if sessions is not None:
            sessions.stop_waiting(self)
            if self.session is not None and self.session.holder is self:
                sessions.release(self.session)
                self._outlet.wake()
        self.session = None
