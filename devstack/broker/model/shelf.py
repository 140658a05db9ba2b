"""The messages of a queue in their places (facts/service-bus-broker.md, section 6).

A message is in exactly one place: ready, locked, deferred or scheduled. Whatever its lock's fate it returns to its place in the
order of sequence numbers, unless it was settled, expired or dead-lettered.
"""

import heapq
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from uuid import UUID, uuid4

from devstack.broker.model.deadlines import Deadlines
from devstack.broker.model.message import Lock, Message, State
from devstack.broker.model.properties import QueueProperties
from devstack.broker.model.sessions import Session, Sessions


class Shelf(ABC):
    """`on_ready` is called with a session id, or None, whenever a message can be delivered that could not before."""

    def __init__(self, name: str, properties: QueueProperties, clock: Callable[[], float]) -> None:
        self.name = name
        self.properties = properties
        self.on_ready: Callable[[str | None], None] = lambda _: None
        self._clock = clock
        self._last_number = 0
        self._first_number = 1
        self.clear()

    def clear(self) -> None:
        """No messages, sessions or locks are left; sequence numbers go on."""
        properties = self.properties
        self._messages: dict[int, Message] = {}
        self._ready: list[int] = []
        self._locked: dict[UUID, Message] = {}
        self._lock_deadlines: Deadlines[UUID] = Deadlines()
        self.sessions = Sessions(self.name, properties.lock_duration, self, self._clock) if properties.requires_session else None

    @abstractmethod
    def give_back(self, message: Message, *, failed: bool) -> None:
        """The message's lock is gone and it is back in its place, with a failed delivery counted if `failed`."""

    def _insert(self, message: Message) -> None:
        """The message is the last one, with the next sequence number."""
        self._last_number += 1
        message.sequence_number = self._last_number
        self._messages[message.sequence_number] = message
        session = self._session_of(message)
        if session is not None:
            session.members += 1

    def _session_of(self, message: Message) -> Session | None:
        session_id = message.content.session_id
        return self.sessions.get(session_id) if self.sessions is not None and session_id is not None else None

    def _make_ready(self, message: Message) -> None:
        session = self._session_of(message)
        if session is None or self.sessions is None:
            heapq.heappush(self._ready, message.sequence_number)
            self.on_ready(None)
        else:
            self.sessions.add_ready(session, message.sequence_number)
            self.on_ready(session.id)

    def is_ready(self, sequence_number: int) -> bool:
        message = self._messages.get(sequence_number)
        return message is not None and message.lock is None and message.state is State.ACTIVE

    def between(self, first: int, count: int, session_id: str | None = None) -> list[Message]:
        """Up to `count` messages from sequence number `first` on, in order, wherever they are."""
        while self._first_number <= self._last_number and self._first_number not in self._messages:
            self._first_number += 1
        found: list[Message] = []
        for number in range(max(first, self._first_number), self._last_number + 1):
            if len(found) >= count:
                break
            message = self._messages.get(number)
            if message is not None and session_id in {None, message.content.session_id}:
                found.append(message)
        return found

    def __iter__(self) -> Iterator[Message]:
        return iter(self._messages.values())

    def _lock(self, message: Message, session: Session | None) -> None:
        token = uuid4()
        if session is None:
            message.lock = Lock(token, self._clock() + self.properties.lock_duration)
            self._lock_deadlines.set(token, message.lock.until)
        else:
            message.lock = Lock(token, session.locked_until)
            session.locked[token] = message
        self._locked[token] = message

    def _unlock(self, message: Message) -> None:
        if message.lock is None:
            return
        token, message.lock = message.lock.token, None
        del self._locked[token]
        self._lock_deadlines.discard(token)
        session = self._session_of(message)
        if session is not None:
            session.locked.pop(token, None)

    def _remove(self, message: Message) -> None:
        self._unlock(message)
        del self._messages[message.sequence_number]
        session = self._session_of(message)
        if session is not None and self.sessions is not None:
            self.sessions.left(session)
