"""A link on which the client sends: messages to a queue, or requests to `$cbs` and `$management`."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from devstack.broker.codec import frames
from devstack.broker.codec.frames import Error, Performative
from devstack.broker.model import message as messages
from devstack.broker.model.entity import Queue
from devstack.broker.model.errors import BusError
from devstack.broker.model.namespace import MAX_MESSAGE_SIZE, check_size

if TYPE_CHECKING:
    from devstack.broker.front.channel import Channel

CREDIT = 1000
MAX_REQUEST_SIZE = 4 * MAX_MESSAGE_SIZE


class SendingLink:
    """Puts transfers together and answers each with one disposition; `accept` raises BusError to reject one."""

    operation: str | None = None

    def __init__(self, channel: "Channel", handle: int, accept: Callable[[bytes, int], None]) -> None:
        self.handle = handle
        self.queue_name = ""
        self.active_at = channel.connection.hub.loop.time()
        self._channel = channel
        self._accept = accept
        self._parts: list[bytes] = []
        self._size = 0
        self._first: list[object] = []
        self._delivery_count = 0
        self._credit = 0

    def grant(self) -> None:
        """The client may send CREDIT messages more."""
        self._credit = CREDIT
        frame = frames.flow(self._channel.number, self._channel.state(), self.handle, self._delivery_count, CREDIT)
        self._channel.send(frame)

    def flow(self, delivery_count: int | None, credit: int, *, drain: bool) -> None:
        """A sender's flow tells its state; what it says of credit is not for us (facts, section 4)."""
        self.active_at = self._channel.connection.hub.loop.time()

    def transfer(self, performative: Performative, body: bytes) -> None:
        fields = performative.fields
        if not self._first:
            self._first = fields
        if fields[9] is True:  # aborted
            self._begin_anew()
            return
        self._size += len(body) - performative.payload_at
        if self._size <= MAX_REQUEST_SIZE:
            self._parts.append(body[performative.payload_at :])
        if fields[5] is not True:
            self._complete()

    def _begin_anew(self) -> None:
        self._parts, self._size, self._first = [], 0, []

    def _complete(self) -> None:
        first, size, payload = self._first, self._size, b"".join(self._parts)
        self._begin_anew()
        self._delivery_count += 1
        self._credit -= 1
        self.active_at = self._channel.connection.hub.loop.time()
        message_format = first[3] if isinstance(first[3], int) else 0
        state = self._outcome(payload, size, message_format)
        if self._channel.connection.loses_reply(self.operation, self.queue_name):
            return
        if first[4] is not True and isinstance(first[1], int):
            frame = frames.disposition(self._channel.number, receiver=True, delivery_id=first[1], state=state)
            self._channel.send(frame)
        if self._credit <= CREDIT // 2:
            self.grant()

    def _outcome(self, payload: bytes, size: int, message_format: int) -> bytes:
        try:
            check_size(size, MAX_REQUEST_SIZE)
            self._accept(payload, message_format)
        except BusError as error:
            return frames.rejected(Error(error.condition, error.description))
        return frames.ACCEPTED_STATE

    def closed(self) -> None:
        """A message of which only a part came is forgotten."""
        self._begin_anew()


class QueueSender(SendingLink):
    """Messages to a queue."""

    operation = "send"
    receives = False

    def __init__(self, channel: "Channel", handle: int, queue: Queue) -> None:
        super().__init__(channel, handle, self._send)
        self.queue_name = queue.name
        self._queue = queue
        self._hub = channel.connection.hub
        self._outlet = self._hub.outlet(queue)
        self._outlet.links[self] = None

    def _send(self, payload: bytes, message_format: int) -> None:
        self._hub.faults.strike("send", self._queue.name)
        check_size(len(payload))
        contents = messages.read_all(payload, message_format)
        self._hub.namespace.send(self._queue, contents)
        self._hub.counts["sends"] += 1
        if message_format == messages.BATCH_FORMAT:
            self._hub.counts["batchedMessages"] += len(contents)
        self._outlet.wake()

    def drop(self, reason: Error) -> None:
        self._channel.drop(self.handle, reason)

    def closed(self) -> None:
        super().closed()
        self._outlet.forget(self)
