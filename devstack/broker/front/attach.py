"""What a client's attach asks for, and the answer to it (facts/service-bus-broker.md, sections 4 and 7)."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from devstack.broker.codec import encode as e
from devstack.broker.codec import frames
from devstack.broker.codec.decode import Described, decode, elements
from devstack.broker.codec.frames import Error
from devstack.broker.front.cbs import CbsNode
from devstack.broker.front.management import ManagementNode
from devstack.broker.front.receiver import QueueReceiver
from devstack.broker.front.replies import ReplyLink
from devstack.broker.front.sender import QueueSender, SendingLink
from devstack.broker.model.entity import Queue
from devstack.broker.model.errors import ARGUMENT_ERROR, NOT_ALLOWED, NOT_IMPLEMENTED, BusError
from devstack.broker.model.namespace import DEAD_LETTERS, MAX_MESSAGE_SIZE
from devstack.broker.model.sessions import Session
from devstack.broker.tokens import path_of

if TYPE_CHECKING:
    from devstack.broker.front.channel import Channel, ChannelLink

SESSION_FILTER = "com.microsoft:session-filter"
DEFAULT_SESSION_WAIT = 60.0
_TICKS_AT_UNIX_EPOCH = 621355968000000000


class Wanted(NamedTuple):
    """A client's attach. `receives` is the client's view; `source`, `target` and `settle_modes` are raw."""

    name: str
    handle: int
    receives: bool
    settle_modes: tuple[bytes, bytes]
    source: bytes
    target: bytes
    properties: dict[object, object]

    @property
    def path(self) -> str:
        """The node the client wants to receive from or send to."""
        terminus = self.source if self.receives else self.target
        if terminus == e.NULL:
            raise BusError(ARGUMENT_ERROR, "The link has no address.")
        if frames.performative_code(terminus)[0] == frames.COORDINATOR:
            raise BusError(NOT_IMPLEMENTED, "Transactions are not supported by this broker.")
        address = decode(frames.source_fields(terminus)[0])
        if not isinstance(address, str):
            raise BusError(ARGUMENT_ERROR, f"The address of a link must be a string, not {address!r}.")
        return path_of(address)


def read(body: bytes) -> Wanted:
    """The attach in a frame's body; raises MalformedAmqpError."""
    fields = elements(body, frames.performative_code(body)[1])
    fields += [e.NULL] * (14 - len(fields))
    name, handle, role, properties = (decode(fields[index]) for index in (0, 1, 2, 13))
    return Wanted(
        name=str(name),
        handle=handle if isinstance(handle, int) else 0,
        receives=role is True,
        settle_modes=(fields[3], fields[4]),
        source=fields[5],
        target=fields[6],
        properties=properties if isinstance(properties, dict) else {},
    )


def attach(channel: "Channel", wanted: Wanted) -> None:
    """The link is attached, or refused with an error, or waits for a session."""
    try:
        path = wanted.path
        if path == "$cbs":
            _attach_node(channel, wanted, path, CbsNode(channel).request)
        elif path.lower().endswith("/$management"):
            queue = channel.connection.hub.namespace.queue(path[: -len("/$management")])
            channel.connection.authorize(path, "Send", "Listen")
            _attach_node(channel, wanted, path.lower(), ManagementNode(channel, queue, path.lower()).request)
        else:
            _attach_queue(channel, wanted, path)
    except BusError as error:
        refuse(channel, wanted, Error(error.condition, error.description))


def refuse(channel: "Channel", wanted: Wanted, error: Error) -> None:
    """The client learns that the link is not to be: an attach without source and target, and at once a detach."""
    empty = frames.Attach(wanted.name, wanted.handle, not wanted.receives, wanted.settle_modes, e.NULL, e.NULL)
    channel.links.pop(wanted.handle, None)
    channel.send(frames.attach(channel.number, empty))
    channel.send(frames.detach(channel.number, wanted.handle, closed=True, reason=error))


def _answer(
    channel: "Channel", wanted: Wanted, link: "ChannelLink", *, source: bytes | None = None, properties: bytes = e.EMPTY_MAP
) -> None:
    channel.links[wanted.handle] = link
    answer = frames.Attach(
        wanted.name,
        wanted.handle,
        not wanted.receives,
        wanted.settle_modes,
        source or wanted.source,
        wanted.target,
        MAX_MESSAGE_SIZE,
        properties,
    )
    channel.send(frames.attach(channel.number, answer))


def _attach_node(channel: "Channel", wanted: Wanted, node: str, request: Callable[[bytes, int], None]) -> None:
    if wanted.receives:
        _answer(channel, wanted, ReplyLink(channel, wanted.handle, node))
    else:
        link = SendingLink(channel, wanted.handle, request)
        link.operation = "management" if node != "$cbs" else None
        link.queue_name = node.removesuffix("/$management")
        _answer(channel, wanted, link)
        link.grant()


def _attach_queue(channel: "Channel", wanted: Wanted, path: str) -> None:
    hub = channel.connection.hub
    queue = hub.namespace.queue(path)
    channel.connection.authorize(path, "Listen" if wanted.receives else "Send")
    hub.faults.strike("attach", queue.name)
    if wanted.receives:
        _attach_receiver(channel, wanted, queue)
        return
    if queue.name.lower().endswith(DEAD_LETTERS):
        raise BusError(NOT_ALLOWED, f"'{queue.name}' takes no messages from senders. Send to the queue itself.")
    sender = QueueSender(channel, wanted.handle, queue)
    _answer(channel, wanted, sender)
    sender.grant()


def _attach_receiver(channel: "Channel", wanted: Wanted, queue: Queue) -> None:
    if queue.properties.forward_to is not None:
        target = queue.properties.forward_to
        raise BusError(NOT_ALLOWED, f"Queue '{queue.name}' forwards to '{target}'. Receive from there.")
    filtered, session_id = _session_filter(wanted)
    if filtered is not (queue.sessions is not None):
        kind = "requires sessions. Accept one" if queue.sessions is not None else "has no sessions. Receive without one"
        raise BusError(NOT_ALLOWED, f"Queue '{queue.name}' {kind} (session filter of the receiver).")
    locks = decode(wanted.settle_modes[0]) != 1
    link = QueueReceiver(channel, wanted.handle, wanted.name, queue, locks=locks)
    if queue.sessions is None:
        _answer(channel, wanted, link)
        return
    channel.links[wanted.handle] = link
    link.on_session = lambda outcome: _session_outcome(channel, wanted, link, outcome)
    try:
        if session_id is None:
            _wait_for_session(channel, wanted, queue, link)
        else:
            link.session_granted(queue.sessions.accept(session_id, link))
    except BusError:
        link.closed()
        raise


def _wait_for_session(channel: "Channel", wanted: Wanted, queue: Queue, link: QueueReceiver) -> None:
    hub = channel.connection.hub
    milliseconds = wanted.properties.get("com.microsoft:timeout")
    wait = milliseconds / 1000 if isinstance(milliseconds, int) else DEFAULT_SESSION_WAIT
    assert queue.sessions is not None
    queue.advance()
    queue.sessions.accept_next(link, hub.clock() + wait)
    hub.outlet(queue).wake()


def _session_filter(wanted: Wanted) -> tuple[bool, str | None]:
    """Whether a session is asked for, and which; None is the next available one. Raises BusError for an id that is no string."""
    filters = decode(frames.source_fields(wanted.source)[7])
    if not isinstance(filters, dict) or SESSION_FILTER not in filters:
        return False, None
    value = filters[SESSION_FILTER]
    if isinstance(value, Described):
        value = value.value
    if value is not None and not isinstance(value, str):
        raise BusError(ARGUMENT_ERROR, f"The session id must be a string, not {value!r}.")
    return True, value


def _session_outcome(channel: "Channel", wanted: Wanted, link: QueueReceiver, outcome: Session | Error) -> None:
    if isinstance(outcome, Error):
        link.closed()
        refuse(channel, wanted, outcome)
        return
    ticks = round(outcome.locked_until * 10_000_000) + _TICKS_AT_UNIX_EPOCH
    source = frames.source_with_filter(wanted.source, e.amqp_map([(e.symbol(SESSION_FILTER), e.string(outcome.id))]))
    properties = e.amqp_map([(e.symbol("com.microsoft:locked-until-utc"), e.long(ticks))])
    _answer(channel, wanted, link, source=source, properties=properties)
