"""The queue against a reference model that is too simple to be wrong, with a clock that is set by hand."""

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, precondition, rule

from devstack.broker.codec import encode as e
from devstack.broker.codec import sections
from devstack.broker.codec.decode import decode
from devstack.broker.model.delivery import encoded
from devstack.broker.model.entity import Queue
from devstack.broker.model.errors import (
    LOCK_LOST,
    MESSAGE_NOT_FOUND,
    NOT_ALLOWED,
    SESSION_CANNOT_BE_LOCKED,
    SESSION_LOCK_LOST,
    BusError,
)
from devstack.broker.model.message import Content, Entries, Message, State, read
from devstack.broker.model.namespace import Namespace
from devstack.broker.model.properties import QueueProperties
from devstack.broker.model.sessions import Session

LOCK = 10.0
MOST_DELIVERIES = 3


def content(
    body: str = "",
    *,
    session: str | None = None,
    message_id: str | None = None,
    ttl: float | None = None,
    due: float | None = None,
) -> Content:
    nothing = Entries(0, b"")
    raw = sections.section(sections.DATA, e.binary(body.encode()))
    return Content(e.NULL * 4, nothing, nothing, b"", None, raw, message_id, session, ttl, due)


def text(message: Message) -> str:
    value = sections.body_value(message.content.body)
    assert isinstance(value, bytes)
    return value.decode()


class World:
    """A namespace with a clock."""

    def __init__(self, **queues: QueueProperties) -> None:
        self.now = 1000.0
        self.namespace = Namespace(lambda: self.now)
        for name, properties in queues.items():
            self.namespace.put(name, properties)

    def queue(self, path: str = "q") -> Queue:
        return self.namespace.queue(path)

    def send(self, *contents: Content, to: str = "q") -> list[int]:
        return self.namespace.send(self.queue(to), contents)

    def drain(self, path: str = "q") -> list[str]:
        queue = self.queue(path)
        found = []
        while (message := queue.take(lock=False)) is not None:
            found.append(text(message))
        return found

    def application_properties(self, path: str) -> dict[str, object]:
        (message,) = self.queue(path).peek(0, 10)
        return {key: decode(raw) for key, _, raw in sections.string_entries(message.content.application_properties)}


class QueueMachine(RuleBasedStateMachine):
    """Places of the reference: ready (by number), locked (token), deferred, scheduled, dead; every message is in one of them."""

    tokens = Bundle("tokens")

    def __init__(self) -> None:
        super().__init__()
        self.world = World(q=QueueProperties(lock_duration=LOCK, max_delivery_count=MOST_DELIVERIES))
        self.queue = self.world.queue()
        self.sent = 0
        self.gone = 0
        self.ready: dict[int, str] = {}
        self.locked: dict[UUID, tuple[int, str, float, bool]] = {}
        self.deferred: dict[int, str] = {}
        self.scheduled: list[tuple[float, str]] = []
        self.dead: list[str] = []
        self.failures: dict[str, int] = {}

    def _new(self) -> str:
        self.sent += 1
        return f"m{self.sent}"

    @rule()
    def send(self) -> None:
        body = self._new()
        (number,) = self.world.send(content(body))
        self.ready[number] = body

    @rule(delay=st.floats(0.5, 30))
    def schedule(self, delay: float) -> None:
        body = self._new()
        due = self.world.now + delay
        self.world.send(content(body, due=due))
        self.scheduled.append((due, body))

    @rule(target=tokens, lock=st.booleans())
    def take(self, lock: bool) -> object:
        message = self.queue.take(lock=lock)
        if not self.ready:
            assert message is None
            return multiple()
        number = min(self.ready)
        assert message is not None
        assert (message.sequence_number, text(message)) == (number, self.ready.pop(number))
        assert message.delivery_count == self.failures.get(text(message), 0)
        if not lock:
            self.gone += 1
            return multiple()
        assert message.lock is not None
        token = message.lock.token
        assert token not in self.locked
        self.locked[token] = (number, text(message), self.world.now + LOCK, False)
        return token

    @rule(target=tokens)
    @precondition(lambda self: self.deferred)
    def take_deferred(self) -> object:
        number = max(self.deferred)
        (message,) = self.queue.take_deferred([number], lock=True)
        assert message.lock is not None
        self.locked[message.lock.token] = (number, self.deferred.pop(number), self.world.now + LOCK, True)
        return message.lock.token

    @rule(token=consumes(tokens), how=st.sampled_from(["complete", "abandon", "defer", "dead_letter", "release"]))
    def settle(self, token: UUID, how: str) -> None:
        if token not in self.locked:
            with pytest.raises(BusError) as caught:
                self.queue.locked(token)
            assert caught.value.condition == LOCK_LOST
            return
        message = self.queue.locked(token)
        number, body, _, deferred = self.locked.pop(token)
        match how:
            case "complete":
                self.queue.complete(message)
                self.gone += 1
            case "abandon":
                self.queue.abandon(message, {})
                self._failed(number, body, deferred=deferred)
            case "defer":
                self.queue.defer(message, {})
                self.failures[body] = self.failures.get(body, 0) + 1
                self.deferred[number] = body
            case "dead_letter":
                self.queue.dead_letter(message, "r", None, {})
                self.dead.append(body)
            case _:
                self.queue.give_back(message, failed=False)
                (self.deferred if deferred else self.ready)[number] = body

    def _failed(self, number: int, body: str, *, deferred: bool) -> None:
        self.failures[body] = self.failures.get(body, 0) + 1
        if self.failures[body] >= MOST_DELIVERIES:
            self.dead.append(body)
        else:
            (self.deferred if deferred else self.ready)[number] = body

    @rule(token=tokens)
    def renew(self, token: UUID) -> None:
        if token in self.locked:
            number, body, _, deferred = self.locked[token]
            until = self.world.now + LOCK
            assert self.queue.renew(token) == until
            self.locked[token] = (number, body, until, deferred)

    @rule(seconds=st.floats(0.1, 15))
    def wait(self, seconds: float) -> None:
        self.world.now += seconds
        self.queue.advance()
        due = sorted(entry for entry in self.locked.items() if entry[1][2] <= self.world.now)
        for token, (number, body, _, deferred) in sorted(due, key=lambda entry: entry[1][2]):
            del self.locked[token]
            self._failed(number, body, deferred=deferred)
        active = {text(message): message for message in self.queue if message.state is State.ACTIVE}
        for entry in [entry for entry in self.scheduled if entry[0] <= self.world.now]:
            self.scheduled.remove(entry)
            self.ready[active[entry[1]].sequence_number] = entry[1]

    @invariant()
    def every_message_is_in_one_place(self) -> None:
        states = [(message.state, message.lock is not None, text(message)) for message in self.queue]
        assert {body for state, locked, body in states if state is State.ACTIVE and not locked} == set(self.ready.values())
        assert {body for _, locked, body in states if locked} == {body for _, body, _, _ in self.locked.values()}
        assert {body for state, locked, body in states if state is State.DEFERRED and not locked} == set(self.deferred.values())
        assert {body for state, _, body in states if state is State.SCHEDULED} == {body for _, body in self.scheduled}
        assert sorted(text(message) for message in self.world.queue("q/$DeadLetterQueue")) == sorted(self.dead)
        assert len(states) + len(self.dead) + self.gone == self.sent

    @invariant()
    def peek_shows_all_in_order(self) -> None:
        numbers = [message.sequence_number for message in self.queue.peek(0, 10_000)]
        assert numbers == sorted(message.sequence_number for message in self.queue)


TestQueueMachine = QueueMachine.TestCase
TestQueueMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


class Seat:
    """A receiver of sessions that remembers what it was told."""

    def __init__(self, name: str = "seat") -> None:
        self.name = name
        self.session: Session | None = None
        self.told: list[str] = []

    def session_granted(self, session: Session) -> None:
        self.session = session
        self.told.append(f"granted {session.id}")

    def session_timed_out(self) -> None:
        self.told.append("timed out")

    def session_lost(self, session: Session) -> None:
        self.told.append(f"lost {session.id}")


class SessionMachine(RuleBasedStateMachine):
    """Messages of a session go to its holder alone and in order; a free session with messages never waits while a receiver does."""

    seats = Bundle("seats")

    def __init__(self) -> None:
        super().__init__()
        self.world = World(q=QueueProperties(lock_duration=LOCK, requires_session=True, max_delivery_count=1000))
        self.queue = self.world.queue()
        self.waiting: list[Seat] = []
        self.sent: dict[str, list[str]] = {}
        self.done: dict[str, list[str]] = {}

    @rule(session=st.sampled_from("abc"))
    def send(self, session: str) -> None:
        mine = self.sent.setdefault(session, [])
        mine.append(f"{session}{len(mine)}")
        self.world.send(content(mine[-1], session=session))

    @rule(target=seats)
    def accept_next(self) -> Seat:
        seat = Seat(str(uuid4()))
        self.queue.sessions.accept_next(seat, self.world.now + 20)  # type: ignore[union-attr]  # the queue has sessions
        if seat.session is None:
            self.waiting.append(seat)
        return seat

    @rule(target=seats, session=st.sampled_from("abcd"))
    def accept(self, session: str) -> object:
        sessions = self.queue.sessions
        assert sessions is not None
        seat = Seat(str(uuid4()))
        if sessions.get(session).holder is None:
            seat.session = sessions.accept(session, seat)
            return seat
        with pytest.raises(BusError) as caught:
            sessions.accept(session, seat)
        assert caught.value.condition == SESSION_CANNOT_BE_LOCKED
        return multiple()

    def _holds(self, seat: Seat) -> bool:
        return seat.session is not None and seat.session.holder is seat

    @rule(seat=seats, complete=st.booleans())
    def receive(self, seat: Seat, complete: bool) -> None:
        if not self._holds(seat):
            return
        assert seat.session is not None
        message = self.queue.take(lock=True, session=seat.session)
        done = self.done.setdefault(seat.session.id, [])
        sent = self.sent.get(seat.session.id, [])
        if message is None:
            assert len(done) + len(seat.session.locked) == len(sent)
            return
        assert message.lock is not None
        assert message.lock.until == seat.session.locked_until
        assert text(message) == sent[len(done) + len(seat.session.locked) - 1]
        if complete and len(seat.session.locked) == 1:
            self.queue.complete(self.queue.locked(message.lock.token))
            done.append(text(message))

    @rule(seat=consumes(seats))
    def leave(self, seat: Seat) -> None:
        sessions = self.queue.sessions
        assert sessions is not None
        if self._holds(seat):
            assert seat.session is not None
            sessions.release(seat.session)
        sessions.stop_waiting(seat)
        self.waiting = [other for other in self.waiting if other is not seat]

    @rule(seconds=st.floats(0.1, 12))
    def wait(self, seconds: float) -> None:
        self.world.now += seconds
        self.queue.advance()

    @invariant()
    def who_waits_waits_for_nothing_that_is_there(self) -> None:
        self.waiting = [seat for seat in self.waiting if not seat.told]
        sessions = self.queue.sessions
        assert sessions is not None
        free = [name for name in self.sent if sessions.get(name).holder is None and self._has_ready(name)]
        assert not (self.waiting and free)

    def _has_ready(self, session: str) -> bool:
        return any(
            message.content.session_id == session and self.queue.is_ready(message.sequence_number) for message in self.queue
        )

    @invariant()
    def nothing_is_lost(self) -> None:
        held = sorted(text(message) for message in self.queue)
        done = [body for bodies in self.done.values() for body in bodies]
        assert sorted(held + done) == sorted(body for bodies in self.sent.values() for body in bodies)


TestSessionMachine = SessionMachine.TestCase
TestSessionMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


# ---- single rules


def test_expiry_drops_or_dead_letters_and_leaves_locked_and_deferred_messages_alone() -> None:
    keeps = QueueProperties(time_to_live=60, dead_letter_on_expiration=True, lock_duration=100)
    world = World(q=keeps, drops=QueueProperties(time_to_live=60))
    world.send(content("deferred"), content("locked"), content("short", ttl=5), content("default", ttl=500))
    world.send(content("dropped"), to="drops")
    deferred, locked = world.queue().take(lock=True), world.queue().take(lock=True)
    assert deferred is not None
    assert locked is not None
    world.queue().defer(deferred, {})
    world.now += 5
    world.queue().advance()
    assert world.application_properties("q/$DeadLetterQueue")["DeadLetterReason"] == "TTLExpiredException"
    assert world.drain("q/$DeadLetterQueue") == ["short"]
    world.now += 55
    assert world.drain("drops") == []
    assert world.drain("q") == []
    assert world.drain("q/$DeadLetterQueue") == ["default"]
    assert world.queue().take_deferred([deferred.sequence_number], lock=False) == [deferred]
    world.queue().abandon(locked, {})
    assert world.drain("q/$DeadLetterQueue") == ["locked"]


def test_dead_letters_never_expire_and_cannot_be_dead_lettered_again() -> None:
    world = World(q=QueueProperties(time_to_live=1, dead_letter_on_expiration=True, max_delivery_count=1, lock_duration=1))
    world.send(content("m"))
    dead = world.queue("q/$DeadLetterQueue")
    for _ in range(20):
        world.now += 10
        world.queue().advance()
        assert dead.take(lock=True) is not None
    (message,) = dead.peek(0, 5)
    with pytest.raises(BusError) as caught:
        dead.dead_letter(message, None, None, {})
    assert caught.value.condition == NOT_ALLOWED


def test_scheduled_messages_get_a_new_number_when_they_become_active() -> None:
    world = World(q=QueueProperties())
    (scheduled,) = world.send(content("later", due=world.now + 5))
    world.send(content("now"))
    assert world.queue().next_due() == world.now + 5
    world.now += 5
    world.queue().advance()
    assert [message.sequence_number for message in world.queue().peek(0, 5)] == [2, 3]
    with pytest.raises(BusError) as caught:
        world.queue().cancel([scheduled])
    assert caught.value.condition == MESSAGE_NOT_FOUND
    assert world.drain() == ["now", "later"]


def test_cancelling_takes_all_or_nothing() -> None:
    world = World(q=QueueProperties())
    one, two = world.send(content("1", due=world.now + 5), content("2", due=world.now + 5))
    with pytest.raises(BusError):
        world.queue().cancel([one, 99])
    world.queue().cancel([one])
    world.now += 6
    assert world.drain() == ["2"]
    assert two == 2


def test_duplicates_are_dropped_one_by_one_also_from_batches_and_scheduled() -> None:
    world = World(q=QueueProperties(detects_duplicates=True, duplicate_window=20))
    world.send(content("1", message_id="a"), content("2", message_id="a"), content("3"), content("4"))
    world.send(content("5", message_id="b", due=world.now + 5), content("6", message_id="b"))
    world.now += 19
    world.send(content("7", message_id="a"))
    world.now += 1
    world.send(content("8", message_id="a"))
    assert world.drain() == ["1", "3", "4", "5", "8"]


def test_forwarding_goes_four_hops_far_and_then_to_the_dead_letters() -> None:
    chain = {f"q{n}": QueueProperties(forward_to=f"q{n + 1}" if n < 6 else None) for n in range(7)}
    world = World(**chain)
    world.send(content("short"), to="q2")
    world.send(content("long"), to="q0")
    assert world.drain("q6") == ["short"]
    assert world.application_properties("q4/$DeadLetterQueue")["DeadLetterReason"] == "MaxTransferHopCountExceeded"
    assert world.drain("q4/$DeadLetterQueue") == ["long"]


def test_a_forwarded_message_tells_its_first_number_and_a_dead_letter_its_source() -> None:
    world = World(
        parked=QueueProperties(), q=QueueProperties(forward_dead_letters_to="parked"), f=QueueProperties(forward_to="q")
    )
    world.send(content("x"), to="q")
    world.drain()
    world.send(content("m"), to="f")
    message = world.queue().take(lock=True)
    assert message is not None
    assert message.enqueue_sequence_number == 1
    world.queue().dead_letter(message, "why", None, {"extra": e.string("kept")})
    assert world.application_properties("parked") == {"extra": "kept", "DeadLetterReason": "why"}
    (parked,) = world.queue("parked").peek(0, 5)
    assert parked.dead_letter_source == "q"
    assert world.drain("q/$DeadLetterQueue") == []


def test_a_circle_of_dead_letters_comes_to_rest() -> None:
    """Each of two queues forwards its dead letters to the other, and every message expires at once."""
    there = QueueProperties(forward_dead_letters_to="b", time_to_live=1, dead_letter_on_expiration=True)
    back = QueueProperties(forward_dead_letters_to="a", time_to_live=1, dead_letter_on_expiration=True)
    world = World(a=there, b=back)
    world.send(content("m"), to="a")
    for _ in range(10):
        world.now += 2
        world.queue("a").advance()
        world.queue("b").advance()
    assert world.drain("a/$DeadLetterQueue") + world.drain("b/$DeadLetterQueue") == ["m"]


def test_a_forward_that_cannot_arrive_is_dead_lettered_where_it_started() -> None:
    world = World(q=QueueProperties(forward_to="s"), s=QueueProperties(requires_session=True))
    world.send(content("no session"))
    assert world.application_properties("q/$DeadLetterQueue")["DeadLetterReason"] == NOT_ALLOWED
    world.namespace.delete("s")
    world.send(content("no target"))
    assert world.drain("q/$DeadLetterQueue") == ["no session", "no target"]


def test_a_batch_is_taken_whole_or_not_at_all() -> None:
    world = World(q=QueueProperties(requires_session=True))
    with pytest.raises(BusError) as caught:
        world.send(content("1", session="a"), content("2"))
    assert caught.value.condition == NOT_ALLOWED
    assert list(world.queue()) == []


def test_a_lost_session_lock_frees_the_session_and_counts_a_delivery() -> None:
    world = World(q=QueueProperties(requires_session=True, lock_duration=LOCK))
    queue, seat, next_seat = world.queue(), Seat("one"), Seat("two")
    assert queue.sessions is not None
    world.send(content("m", session="a"))
    queue.sessions.accept_next(seat, world.now + 1)
    message = queue.take(lock=True, session=seat.session)
    assert message is not None
    assert message.lock is not None
    token = message.lock.token
    queue.sessions.accept_next(next_seat, world.now + 100)
    world.now += LOCK
    queue.advance()
    assert seat.told == ["granted a", "lost a"]
    assert next_seat.told == ["granted a"]
    sessions = queue.sessions
    for lost in (lambda: queue.locked(token, "a"), lambda: sessions.held("a", "one")):
        with pytest.raises(BusError) as caught:
            lost()
        assert caught.value.condition == SESSION_LOCK_LOST
    again = queue.take(lock=True, session=next_seat.session)
    assert again is not None
    assert again.delivery_count == 1


def test_a_closed_session_gives_messages_back_without_counting_and_keeps_its_state() -> None:
    world = World(q=QueueProperties(requires_session=True))
    queue, seat = world.queue(), Seat()
    assert queue.sessions is not None
    world.send(content("m", session=""))
    session = queue.sessions.accept("", seat)
    assert queue.take(lock=True, session=session) is not None
    queue.sessions.set_state(session, b"s")
    queue.sessions.release(session)
    again = queue.sessions.accept("", seat)
    message = queue.take(lock=False, session=again)
    assert message is not None
    assert (message.delivery_count, again.state) == (0, b"s")
    queue.sessions.set_state(again, None)
    queue.sessions.release(again)
    assert list(queue.sessions.matching(None)) == []


def test_a_queue_is_deleted_while_a_session_of_it_is_held() -> None:
    world = World(q=QueueProperties(requires_session=True))
    queue, seat = world.queue(), Seat()
    assert queue.sessions is not None
    sessions = queue.sessions
    world.send(content("m", session="a"))
    session = sessions.accept("a", seat)
    assert queue.take(lock=True, session=session) is not None
    world.namespace.on_gone = lambda gone: sessions.release(session) if gone is queue else None
    world.namespace.delete("q")
    assert list(queue) == []


def test_nothing_can_be_sent_to_dead_letters() -> None:
    world = World(q=QueueProperties())
    with pytest.raises(BusError) as caught:
        world.send(content("m"), to="q/$DeadLetterQueue")
    assert caught.value.condition == NOT_ALLOWED


def test_who_waits_for_a_session_waits_no_longer_than_told() -> None:
    world = World(q=QueueProperties(requires_session=True))
    queue, seat = world.queue(), Seat()
    assert queue.sessions is not None
    queue.sessions.accept_next(seat, world.now + 5)
    assert queue.next_due() == world.now + 5
    world.now += 5
    queue.advance()
    assert seat.told == ["timed out"]


def test_the_next_session_is_the_one_whose_message_waits_longest() -> None:
    world = World(q=QueueProperties(requires_session=True))
    queue = world.queue()
    assert queue.sessions is not None
    world.send(content("1", session="b"), content("2", session="a"), content("3", session="b"))
    first, second, third = Seat(), Seat(), Seat()
    for seat in (first, second, third):
        queue.sessions.accept_next(seat, world.now + 5)
    assert [seat.told for seat in (first, second, third)] == [["granted b"], ["granted a"], []]


@pytest.mark.parametrize("change", [lambda q: q, lambda q: QueueProperties(requires_session=True)])
def test_an_update_keeps_the_messages_unless_sessions_change(
    change: Callable[[QueueProperties], QueueProperties],
) -> None:
    world = World(q=QueueProperties())
    world.send(content("m"))
    world.namespace.put("Q", change(QueueProperties(lock_duration=5)))
    assert len(list(world.queue())) == (0 if world.queue().properties.requires_session else 1)


def test_what_the_sender_wrote_arrives_byte_for_byte() -> None:
    """The broker's own annotations replace forged ones; everything else is the sender's."""
    forged = e.amqp_map(
        [
            (e.symbol("x-opt-sequence-number"), e.long(77)),
            (e.symbol("mine"), e.timestamp(5)),
            (e.symbol("x-opt-partition-key"), e.string("pk")),
        ]
    )
    properties = e.amqp_list([e.uuid(UUID(int=7)), *[e.NULL] * 9, e.string("s")])
    bare = b"".join(
        (
            sections.section(sections.PROPERTIES, properties),
            sections.section(sections.APPLICATION_PROPERTIES, e.amqp_map([(e.string("d"), e.decimal(b"12345678"))])),
            sections.section(sections.VALUE, e.amqp_list([e.float32(1.5), e.char("é")])),
            sections.section(sections.FOOTER, e.EMPTY_MAP),
        )
    )
    head = sections.section(sections.HEADER, e.amqp_list([e.TRUE, e.ubyte(9), e.uint(1500)]))
    found = read(head + sections.section(sections.MESSAGE_ANNOTATIONS, forged) + bare)
    assert (found.message_id, found.session_id, found.ttl) == (UUID(int=7), "s", 1.5)
    raw = encoded(Message(found, enqueued_at=2.0, sequence_number=3, delivery_count=4))
    assert raw.endswith(bare)
    cut = sections.split(raw)
    assert decode(cut.header or b"") == [True, 9, 1500, None, 4]
    assert decode(cut.delivery_annotations or b"") == {}
    assert decode(cut.message_annotations or b"") == {
        "mine": 5,
        "x-opt-partition-key": "s",
        "x-opt-enqueued-time": 2000,
        "x-opt-sequence-number": 3,
    }
