"""An AMQP session, which one connection may have several of: its links, delivery ids and windows.

Called a channel here, because sessions are something else in Service Bus.
"""

from typing import TYPE_CHECKING, Protocol

from devstack.broker.codec import frames
from devstack.broker.codec.decode import MalformedAmqpError, decode, elements
from devstack.broker.codec.frames import Error, Performative, Window

if TYPE_CHECKING:
    from devstack.broker.front.connection import Connection
    from devstack.broker.front.receiver import QueueReceiver
    from devstack.broker.front.replies import ReplyLink

WINDOW = 2**31 - 1
FRAME_SIZE = 65536
_ROOM = FRAME_SIZE - 96
"""Bytes of payload per frame: the performative of a transfer is well below 96 bytes."""


class ChannelLink(Protocol):
    """One end of a link on a channel."""

    handle: int

    def flow(self, delivery_count: int | None, credit: int, *, drain: bool) -> None:
        """The client granted credit, or told its state."""

    def transfer(self, performative: Performative, body: bytes) -> None:
        """The client sent a frame of a message."""

    def closed(self) -> None:
        """The client, or its connection, is gone: what the link held is free."""


class Channel:
    def __init__(self, connection: "Connection", number: int) -> None:
        self.connection = connection
        self.number = number
        self.links: dict[int, ChannelLink] = {}
        self.replies: dict[str, ReplyLink] = {}
        self.unsettled: dict[int, QueueReceiver] = {}
        self.window = WINDOW
        self._next_delivery = 1
        self._received = 0

    def send(self, frame: bytes) -> None:
        self.connection.write(frame)

    def state(self) -> Window:
        return Window(self._received, self._next_delivery, WINDOW)

    # ---- what the client sends

    def flowed(self, fields: list[object]) -> None:
        incoming_window = fields[1]
        reopened = self.window <= 0
        if isinstance(incoming_window, int):
            self.window = incoming_window
        handle, delivery_count, credit = fields[4], fields[5], fields[6]
        if isinstance(handle, int) and handle in self.links:
            count = delivery_count if isinstance(delivery_count, int) else None
            self.links[handle].flow(count, credit if isinstance(credit, int) else 0, drain=fields[8] is True)
        if reopened and self.window > 0:
            self.connection.wake_links()

    def transferred(self, performative: Performative, body: bytes) -> None:
        self._received += 1
        link = self.links.get(_integer(performative.fields[0]))
        if link is not None:  # else it was detached while the transfer was on its way
            link.transfer(performative, body)

    def disposed(self, body: bytes) -> None:
        """The client settled deliveries; those of links that are gone are ignored, it settles them again over management."""
        fields = [*elements(body, frames.performative_code(body)[1]), *[b"\x40"] * 6]
        if decode(fields[0]) is not True:
            return
        first = _integer(decode(fields[1]))
        last = first if fields[2] == b"\x40" else _integer(decode(fields[2]))
        settled = decode(fields[3]) is True
        if last - first < len(self.unsettled):
            numbers = [number for number in range(first, last + 1) if number in self.unsettled]
        else:
            numbers = sorted(number for number in self.unsettled if first <= number <= last)
        for number in numbers:
            self.unsettled[number].settle(number, fields[4], settled=settled)

    def detached(self, handle: int, *, closed: bool) -> None:
        link = self.links.pop(handle, None)
        if link is not None:
            link.closed()
            self.send(frames.detach(self.number, handle, closed=closed))

    def close(self) -> None:
        """Every link is gone."""
        links, self.links = self.links, {}
        for link in links.values():
            link.closed()

    # ---- what the broker sends

    def next_delivery_id(self) -> int:
        number = self._next_delivery
        self._next_delivery += 1
        return number

    def deliver(self, handle: int, number: int, tag: bytes, payload: bytes, *, settled: bool) -> None:
        """The message is on its way, in as many frames as it needs."""
        more = len(payload) > _ROOM
        head = frames.transfer(handle, number, tag, settled=settled, more=more)
        self.window -= 1
        if not more:
            self.send(frames.frame(self.number, head, payload))
            return
        self.send(frames.frame(self.number, head, payload[:_ROOM]))
        for start in range(_ROOM, len(payload), _ROOM):
            head = frames.continuation(handle, settled=settled, more=start + _ROOM < len(payload))
            self.send(frames.frame(self.number, head, payload[start : start + _ROOM]))

    def drop(self, handle: int, reason: Error) -> None:
        """The link is detached for good, with this error."""
        link = self.links.pop(handle, None)
        if link is not None:
            link.closed()
            self.send(frames.detach(self.number, handle, closed=True, reason=reason))


def _integer(value: object) -> int:
    if not isinstance(value, int):
        raise MalformedAmqpError(f"expected a number in a frame, found {value!r}")
    return value
