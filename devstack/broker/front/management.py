"""`<queue>/$management`: requests that get an answer each (facts/service-bus-broker.md, section 8)."""

from collections.abc import Callable
from typing import TYPE_CHECKING
from uuid import UUID

from devstack.broker.codec import encode as e
from devstack.broker.codec import sections
from devstack.broker.codec.decode import MalformedAmqpError
from devstack.broker.front.requests import Reply, Request, refusal
from devstack.broker.model import message as messages
from devstack.broker.model.delivery import encoded as delivered
from devstack.broker.model.delivery import milliseconds
from devstack.broker.model.entity import Queue
from devstack.broker.model.errors import ARGUMENT_ERROR, NOT_ALLOWED, NOT_IMPLEMENTED, SESSION_NOT_FOUND, BusError
from devstack.broker.model.message import Message
from devstack.broker.model.namespace import check_size
from devstack.broker.model.sessions import Session, Sessions

if TYPE_CHECKING:
    from devstack.broker.front.channel import Channel

ALL_SESSIONS_MS = 253402300800000
"""`last-updated-time` that means: sessions with messages or state, rather than those whose state was set after it."""
MAX_REPLY_SIZE = 1024 * 1024


class ManagementNode:
    def __init__(self, channel: "Channel", queue: Queue, node: str) -> None:
        self._channel = channel
        self._queue = queue
        self._node = node
        self._hub = channel.connection.hub

    def request(self, payload: bytes, _message_format: int) -> None:
        """The operation is done and its answer sent; raises BusError for what is no request."""
        try:
            request = Request(payload)
        except MalformedAmqpError as error:
            raise BusError(ARGUMENT_ERROR, f"The request to {self._node} is not a valid message: {error}.") from error
        try:
            self._queue = self._hub.namespace.queue(self._node.removesuffix("/$management"))
        except BusError as error:  # deleted, or deleted and made anew, since the link was attached
            reply = refusal(error)
        else:
            reply = self._answer(request)
            self._hub.outlet(self._queue).wake()
        link = self._channel.replies.get(self._node)
        if link is not None:
            link.reply(reply.encoded(request.message_id))

    def _answer(self, request: Request) -> Reply:
        name = request.operation.removeprefix("com.microsoft:")
        operation = _OPERATIONS.get(name, ManagementNode.unsupported)
        try:
            self._hub.faults.strike("management", self._queue.name)
            self._queue.advance()
            reply = operation(self, request)
        except MalformedAmqpError as error:
            return Reply({}, 400, ARGUMENT_ERROR, f"The request {name} is malformed: {error}.")
        except BusError as error:
            return refusal(error)
        return reply

    def unsupported(self, request: Request) -> Reply:
        raise BusError(NOT_IMPLEMENTED, f"The management operation '{request.operation}' is not supported.")

    # ---- messages

    def renew_lock(self, request: Request) -> Reply:
        until = [self._queue.renew(token) for token in request.items("lock-tokens", UUID)]
        self._hub.counts["lockRenewals"] += len(until)
        return Reply({"expirations": e.timestamp_array(milliseconds(when) for when in until)})

    def peek(self, request: Request) -> Reply:
        first, count = request.get("from-sequence-number", int, 0), request.get("message-count", int, 1)
        found = self._queue.peek(first, count, request.optional("session-id", str))
        self._hub.counts["peeks"] += 1
        entries: list[bytes] = []
        size = 0
        for message in found:
            raw = delivered(message, token=False)
            size += len(raw)
            if entries and size > MAX_REPLY_SIZE:
                break  # the client asks again from there on
            entries.append(e.amqp_map([(e.string("message"), e.binary(raw))]))
        if not entries:
            return Reply({}, 204, description="There are no messages to peek at.")
        return Reply({"messages": e.amqp_list(entries)})

    def schedule(self, request: Request) -> Reply:
        contents = []
        for item in request.items("messages", dict):
            raw = item.get("message")
            if not isinstance(raw, bytes):
                raise BusError(ARGUMENT_ERROR, "A message to schedule has no binary 'message'.")
            check_size(len(raw))
            contents.append(messages.read(raw))
        self._channel.connection.authorize(self._queue.name, "Send")
        numbers = self._hub.namespace.send(self._queue, contents)
        self._hub.counts["schedules"] += len(numbers)
        return Reply({"sequence-numbers": e.long_array(numbers)})

    def cancel(self, request: Request) -> Reply:
        numbers = request.items("sequence-numbers", int)
        self._queue.cancel(numbers)
        self._hub.counts["cancels"] += len(numbers)
        return Reply({})

    def receive_deferred(self, request: Request) -> Reply:
        session_id = request.optional("session-id", str)
        session = self._held(request, session_id) if session_id is not None else None
        numbers = request.items("sequence-numbers", int)
        lock = request.get("receiver-settle-mode", int, 1) == 1
        if session is None and lock and self._queue.sessions is not None:
            raise BusError(
                NOT_ALLOWED, f"Queue '{self._queue.name}' requires sessions. Name the session of the deferred messages."
            )
        found = self._queue.take_deferred(numbers, lock=lock, session=session)
        self._hub.counts["deferredReceives"] += len(found)
        return Reply({"messages": e.amqp_list([_with_token(message) for message in found])})

    def update_disposition(self, request: Request) -> Reply:
        status = request.get("disposition-status", str)
        session_id = request.optional("session-id", str)
        tokens = request.items("lock-tokens", UUID)
        if session_id is not None:
            self._held(request, session_id)
        raw = request.raw("properties-to-modify")
        changes = {} if raw == e.NULL else {key: value for key, _, value in sections.string_entries(raw)}
        reason, description = request.optional("deadletter-reason", str), request.optional("deadletter-description", str)
        for message in [self._queue.locked(token) for token in dict.fromkeys(tokens)]:
            match status:
                case "completed":
                    self._queue.complete(message)
                case "abandoned":
                    self._queue.abandon(message, changes)
                case "defered":
                    self._queue.defer(message, changes)
                case "suspended":
                    self._queue.dead_letter(message, reason, description, changes)
                case _:
                    raise BusError(ARGUMENT_ERROR, f"'{status}' is not a disposition status.")
            self._hub.counts[_COUNTED_AS[status]] += 1
        return Reply({})

    # ---- sessions

    def _sessions(self) -> Sessions:
        if self._queue.sessions is None:
            raise BusError(NOT_ALLOWED, f"Queue '{self._queue.name}' has no sessions.")
        return self._queue.sessions

    def _held(self, request: Request, session_id: str) -> Session:
        return self._sessions().held(session_id, request.link_name)

    def renew_session_lock(self, request: Request) -> Reply:
        session = self._held(request, request.get("session-id", str))
        self._hub.counts["sessionRenewals"] += 1
        return Reply({"expiration": e.timestamp(milliseconds(self._sessions().renew(session)))})

    def get_session_state(self, request: Request) -> Reply:
        state = self._held(request, request.get("session-id", str)).state
        return Reply({"session-state": e.NULL if state is None else e.binary(state)})

    def set_session_state(self, request: Request) -> Reply:
        session = self._held(request, request.get("session-id", str))
        self._sessions().set_state(session, request.optional("session-state", bytes))
        return Reply({})

    def list_sessions(self, request: Request) -> Reply:
        updated = request.get("last-updated-time", int, ALL_SESSIONS_MS)
        skip, top = request.get("skip", int, 0), request.get("top", int, 100)
        ids = list(self._sessions().matching(None if updated >= ALL_SESSIONS_MS else updated / 1000))[skip : skip + top]
        if not ids:
            return Reply({}, 204, SESSION_NOT_FOUND, "There are no such sessions.")
        return Reply({"skip": e.int32(skip + len(ids)), "sessions-ids": e.string_array(ids)})


def _with_token(message: Message) -> bytes:
    entries = [(e.string("message"), e.binary(delivered(message)))]
    if message.lock is not None:
        entries.insert(0, (e.string("lock-token"), e.uuid(message.lock.token)))
    return e.amqp_map(entries)


_COUNTED_AS = {"completed": "completes", "abandoned": "abandons", "defered": "defers", "suspended": "deadLetters"}
_OPERATIONS: dict[str, Callable[[ManagementNode, Request], Reply]] = {
    "renew-lock": ManagementNode.renew_lock,
    "peek-message": ManagementNode.peek,
    "schedule-message": ManagementNode.schedule,
    "cancel-scheduled-message": ManagementNode.cancel,
    "receive-by-sequence-number": ManagementNode.receive_deferred,
    "update-disposition": ManagementNode.update_disposition,
    "renew-session-lock": ManagementNode.renew_session_lock,
    "get-session-state": ManagementNode.get_session_state,
    "set-session-state": ManagementNode.set_session_state,
    "get-message-sessions": ManagementNode.list_sessions,
}
