"""What all connections share: the queues with their outlets, the faults, the keys, the counts."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Protocol, cast

from devstack.broker.codec.frames import Error
from devstack.broker.faults import Faults
from devstack.broker.model.entity import Queue
from devstack.broker.model.errors import DETACH_FORCED, NOT_FOUND, SESSION_LOCK_LOST
from devstack.broker.model.message import Message
from devstack.broker.model.namespace import Namespace
from devstack.broker.model.properties import QueueProperties
from devstack.broker.model.sessions import Session
from devstack.broker.tokens import Key


class Link(Protocol):
    """A link of a client to a queue; `receives` is the client's view."""

    active_at: float
    receives: bool

    def drop(self, reason: Error) -> None:
        """The link is detached with this error and the client is told."""


class Receiver(Link, Protocol):
    """A link that takes messages: `session` is set for one that holds a session."""

    session: Session | None
    locks: bool

    def wants_more(self) -> bool:
        """Whether a message can be delivered now."""

    def deliver(self, message: Message) -> None:
        """The message, already taken from the queue, is on its way to the client."""


class Peer(Protocol):
    """A connection."""

    def abort(self) -> None:
        """The connection is gone, whatever was still to be sent."""


class Outlet:
    """Hands a queue's messages to its links, once per turn of the event loop, and lets the queue know the time."""

    def __init__(self, queue: Queue, hub: "Hub") -> None:
        self.queue = queue
        self.links: dict[Link, None] = {}
        self._hub = hub
        self._hungry: deque[Receiver] = deque()
        self._woken: dict[Receiver, None] = {}
        self._turn: asyncio.Handle | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = 0.0
        queue.on_ready = self._ready

    def _ready(self, session_id: str | None) -> None:
        if session_id is not None and self.queue.sessions is not None:
            holder = self.queue.sessions.get(session_id).holder
            if holder is not None:
                self._woken[cast("Receiver", holder)] = None  # who holds a session here is a link
        self.wake()

    @property
    def receivers(self) -> int:
        """How many links receive from the queue, or wait for a session of it."""
        return sum(link.receives for link in self.links)

    def wake(self) -> None:
        """What can be delivered will be, and the alarm set, before the event loop waits again."""
        if self._turn is None:
            self._turn = self._hub.loop.call_soon(self._take_turn)

    def hungry(self, link: Receiver) -> None:
        """The link has credit."""
        if link.session is not None:
            self._woken[link] = None
        elif link not in self._hungry:
            self._hungry.append(link)
        self.wake()

    def forget(self, link: Link) -> None:
        """The link is gone."""
        self.links.pop(link, None)
        self._hungry = deque(other for other in self._hungry if other is not link)
        self._woken = {other: None for other in self._woken if other is not link}

    def _take_turn(self) -> None:
        self._turn = None
        self.queue.advance()
        woken, self._woken = self._woken, {}
        for link in woken:
            while link.session is not None and link.wants_more():
                if not self._deliver(link):
                    break
        while self._hungry:
            link = self._hungry[0]
            if not link.wants_more():
                self._hungry.popleft()
            elif self._deliver(link):
                self._hungry.rotate(-1)
            else:
                break
        self._set_alarm()

    def _deliver(self, link: Receiver) -> bool:
        message = self.queue.take(lock=link.locks, session=link.session)
        if message is None:
            return False
        self._hub.counts["receives"] += 1
        link.deliver(message)
        return True

    def _set_alarm(self) -> None:
        due = self.queue.next_due()
        if self._alarm is not None:
            if due == self._alarm_at:
                return
            self._alarm.cancel()
            self._alarm = None
        if due is not None:
            self._alarm_at = due
            delay = max(0.001, due - self._hub.clock())
            self._alarm = self._hub.loop.call_later(min(delay, 3600.0), self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self.wake()

    def close(self) -> None:
        """Nothing is delivered any more."""
        for handle in (self._turn, self._alarm):
            if handle is not None:
                handle.cancel()
        self._turn = self._alarm = None

    def drop_links(self, reason: Error, *, receivers_only: bool = False) -> None:
        for link in list(self.links):
            if link.receives or not receivers_only:
                link.drop(reason)


class Hub:
    def __init__(self, namespace: Namespace, keys: Mapping[str, Key], clock: Callable[[], float]) -> None:
        self.loop = asyncio.get_running_loop()
        self.namespace = namespace
        self.keys = keys
        self.clock = clock
        self.faults = Faults()
        self.counts: Counter[str] = Counter()
        self.connections: set[Peer] = set()
        self._outlets: dict[Queue, Outlet] = {}
        self._watch: asyncio.TimerHandle | None = None
        namespace.on_new_queue = self._open_outlet
        namespace.on_gone = self._close_outlet

    def outlet(self, queue: Queue) -> Outlet:
        return self._outlets[queue]

    def _open_outlet(self, queue: Queue) -> None:
        self._outlets[queue] = Outlet(queue, self)

    def _close_outlet(self, queue: Queue) -> None:
        outlet = self._outlets.pop(queue)
        outlet.drop_links(Error(NOT_FOUND, f"The messaging entity '{queue.name}' has been deleted."))
        outlet.close()

    def refuses(self) -> bool:
        """Whether the bus is out of reach, by order of a fault."""
        return self.clock() < self.faults.refuse_until

    def drop_connections(self) -> None:
        for connection in list(self.connections):
            connection.abort()

    def put(self, name: str, properties: QueueProperties) -> bool:
        """The queue exists with these properties; whether it is new. Receivers go where sessions come or cease to be required."""
        for entity in self.namespace:
            same = entity.queue.name.lower() == name.lower()
            if same and entity.queue.properties.requires_session is not properties.requires_session:
                self.detach_receivers(entity.queue)
        return self.namespace.put(name, properties)

    def detach_receivers(self, queue: Queue) -> None:
        """What the receivers of the queue hold is about to go; they are told."""
        reason = Error(
            SESSION_LOCK_LOST if queue.sessions is not None else DETACH_FORCED, f"Queue '{queue.name}' has been reset."
        )
        self._outlets[queue].drop_links(reason, receivers_only=True)

    def wake(self) -> None:
        """Every queue looks at the clock again."""
        for outlet in self._outlets.values():
            outlet.wake()

    def watch_idle_links(self) -> None:
        """Links without calls are detached for as long as the fault for it is in force."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        limit = self.faults.idle_seconds
        if limit is None:
            return
        why = Error(DETACH_FORCED, f"The link was detached: IdleTimerExpired: Idle timeout: {limit} s without calls.")
        now = self.loop.time()
        for outlet in self._outlets.values():
            for link in [link for link in outlet.links if now - link.active_at >= limit]:
                link.drop(why)
        self._watch = self.loop.call_later(min(limit / 4, 1.0), self.watch_idle_links)

    def close(self) -> None:
        """All connections and timers are gone."""
        self.faults.clear()
        self.watch_idle_links()
        self.drop_connections()
        for outlet in self._outlets.values():
            outlet.close()
