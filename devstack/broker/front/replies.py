"""The link on which a client of `$cbs` or `$management` gets its answers."""

from collections import deque
from typing import TYPE_CHECKING

from devstack.broker.codec import encode as e
from devstack.broker.codec import sections
from devstack.broker.codec.frames import Performative

if TYPE_CHECKING:
    from devstack.broker.front.channel import Channel


class ReplyLink:
    """Answers wait here for credit."""

    def __init__(self, channel: "Channel", handle: int, node: str) -> None:
        self.handle = handle
        self._channel = channel
        self._node = node
        self._delivery_count = 0
        self._credit = 0
        self._waiting: deque[bytes] = deque()
        channel.replies[node] = self

    def flow(self, delivery_count: int | None, credit: int, *, drain: bool) -> None:
        self._credit = (delivery_count or 0) + credit - self._delivery_count
        self._send()

    def transfer(self, performative: Performative, body: bytes) -> None:
        """Clients do not send on this link."""

    def closed(self) -> None:
        if self._channel.replies.get(self._node) is self:
            del self._channel.replies[self._node]

    def reply(self, payload: bytes) -> None:
        self._waiting.append(payload)
        self._send()

    def _send(self) -> None:
        while self._waiting and self._credit > 0:
            number = self._channel.next_delivery_id()
            self._credit -= 1
            self._delivery_count += 1
            self._channel.deliver(self.handle, number, number.to_bytes(4), self._waiting.popleft(), settled=True)


def encoded(correlation_id: bytes, properties: dict[str, bytes], value: bytes) -> bytes:
    """An answer: the request's raw message id as correlation id, so that its AMQP type is kept."""
    head = e.amqp_list([e.NULL] * 5 + [correlation_id])
    entries = e.amqp_map((e.string(key), raw) for key, raw in properties.items())
    return b"".join(
        (
            sections.section(sections.PROPERTIES, head),
            sections.section(sections.APPLICATION_PROPERTIES, entries),
            sections.section(sections.VALUE, value),
        )
    )
