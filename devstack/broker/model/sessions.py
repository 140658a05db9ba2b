"""The sessions of one queue: who holds which, what waits in them, their state (facts/service-bus-broker.md, section 7)."""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from devstack.broker.model.deadlines import Deadlines
from devstack.broker.model.errors import SESSION_CANNOT_BE_LOCKED, BusError, session_lock_lost
from devstack.broker.model.message import Message


class Holder(Protocol):
    """A receiver that wants or holds a session. `name` identifies it to the management operations."""

    name: str

    def __hash__(self) -> int:
        """A holder is itself and no other."""

    def session_granted(self, session: "Session") -> None:
        """The next available session is locked for this receiver."""

    def session_timed_out(self) -> None:
        """No session became available in the time this receiver was ready to wait."""

    def session_lost(self, session: "Session") -> None:
        """The session's lock expired; its messages have been given back."""


@dataclass(slots=True, eq=False)
class Session:
    """`members` counts every message of the session; `locked` holds those delivered and not yet settled."""

    id: str
    ready: list[int] = field(default_factory=list)
    locked: dict[UUID, Message] = field(default_factory=dict)
    members: int = 0
    holder: Holder | None = None
    locked_until: float = 0.0
    state: bytes | None = None
    state_set_at: float = 0.0


class Keeper(Protocol):
    """The queue that the sessions belong to."""

    def is_ready(self, sequence_number: int) -> bool:
        """Whether the message is in the queue, active and not locked."""

    def give_back(self, message: Message, *, failed: bool) -> None:
        """The message's lock is gone and it is back in its place, with a failed delivery counted if `failed`."""


class Sessions:
    def __init__(self, queue_name: str, lock_duration: float, keeper: Keeper, clock: Callable[[], float]) -> None:
        self.lock_duration = lock_duration
        self._queue_name = queue_name
        self._keeper = keeper
        self._clock = clock
        self._sessions: dict[str, Session] = {}
        self._available: list[tuple[int, str]] = []
        self._waiting: dict[Holder, None] = {}
        self._waits: Deadlines[Holder] = Deadlines()
        self._locks: Deadlines[str] = Deadlines()

    def get(self, session_id: str) -> Session:
        """The session; one that nobody has used yet exists too."""
        session = self._sessions.get(session_id)
        if session is None:
            session = self._sessions[session_id] = Session(session_id)
        return session

    def add_ready(self, session: Session, sequence_number: int) -> None:
        """A message of the session can be delivered."""
        heapq.heappush(session.ready, sequence_number)
        if session.holder is None and session.ready[0] == sequence_number:
            self._offer(session)

    def left(self, session: Session) -> None:
        """One message of the session is no longer in the queue."""
        session.members -= 1
        self._tidy(session)

    def accept(self, session_id: str, holder: Holder) -> Session:
        """The session is locked for the holder; raises BusError when another one holds it."""
        session = self.get(session_id)
        if session.holder is not None:
            raise BusError(
                SESSION_CANNOT_BE_LOCKED,
                f"The requested session '{session_id}' of queue '{self._queue_name}' cannot be accepted:"
                " another receiver holds its lock. Wait until that receiver closes or its lock expires.",
            )
        self._lock(session, holder)
        return session

    def accept_next(self, holder: Holder, deadline: float) -> None:
        """The holder is told by `session_granted`, at once or when a session with messages is free, or by `session_timed_out`."""
        self._waiting[holder] = None
        self._waits.set(holder, deadline)
        self._grant()

    def stop_waiting(self, holder: Holder) -> None:
        self._waiting.pop(holder, None)
        self._waits.discard(holder)

    def is_waiting(self, holder: Holder) -> bool:
        return holder in self._waiting

    def held(self, session_id: str, holder_name: str | None) -> Session:
        """The session if it is locked, by the named holder where one is named; raises BusError otherwise."""
        session = self._sessions.get(session_id)
        if session is None or session.holder is None or (holder_name and session.holder.name != holder_name):
            raise session_lock_lost(self._queue_name, session_id)
        return session

    def renew(self, session: Session) -> float:
        """The session is locked for another lock duration; returns until when."""
        session.locked_until = self._clock() + self.lock_duration
        for message in session.locked.values():
            if message.lock is not None:
                message.lock.until = session.locked_until
        self._locks.set(session.id, session.locked_until)
        return session.locked_until

    def release(self, session: Session, *, failed: bool = False) -> None:
        """The session is free; its unsettled messages are back in the queue, with a failed delivery each if `failed`."""
        self._locks.discard(session.id)
        for message in list(session.locked.values()):
            self._keeper.give_back(message, failed=failed)
        session.holder = None
        self._offer(session)
        self._tidy(session)

    def advance(self, now: float) -> None:
        """Locks and waits that fell due are over."""
        for session_id in self._locks.pop_due(now):
            session = self._sessions[session_id]
            holder = session.holder
            self.release(session, failed=True)
            if holder is not None:
                holder.session_lost(session)
        for waiter in self._waits.pop_due(now):
            del self._waiting[waiter]
            waiter.session_timed_out()

    def next_due(self) -> float | None:
        return min((due for due in (self._locks.next(), self._waits.next()) if due is not None), default=None)

    def set_state(self, session: Session, state: bytes | None) -> None:
        session.state, session.state_set_at = state, self._clock()

    def matching(self, state_set_after: float | None) -> Iterator[str]:
        """Ids of the sessions with messages or state (None), or of those whose state was set after the given time."""
        for session in self._sessions.values():
            if state_set_after is None:
                if session.members or session.state is not None:
                    yield session.id
            elif session.state is not None and session.state_set_at > state_set_after:
                yield session.id

    def _lock(self, session: Session, holder: Holder) -> None:
        session.holder = holder
        self.renew(session)

    def _offer(self, session: Session) -> None:
        """A free session with messages goes to who has waited longest, or stays available."""
        head = self._head(session)
        if session.holder is None and head is not None:
            heapq.heappush(self._available, (head, session.id))
            self._grant()

    def _grant(self) -> None:
        while self._waiting:
            session = self._oldest_available()
            if session is None:
                return
            waiter = next(iter(self._waiting))
            self.stop_waiting(waiter)
            self._lock(session, waiter)
            waiter.session_granted(session)

    def _oldest_available(self) -> Session | None:
        while self._available:
            sequence_number, session_id = heapq.heappop(self._available)
            session = self._sessions.get(session_id)
            head = None if session is None or session.holder is not None else self._head(session)
            if session is None or head is None:
                continue
            if head == sequence_number:
                return session
            heapq.heappush(self._available, (head, session_id))
        return None

    def _head(self, session: Session) -> int | None:
        while session.ready and not self._keeper.is_ready(session.ready[0]):
            heapq.heappop(session.ready)
        return session.ready[0] if session.ready else None

    def _tidy(self, session: Session) -> None:
        if session.holder is None and not session.members and session.state is None:
            self._sessions.pop(session.id, None)
