"""AMQP 1.0 frames and performatives (OASIS AMQP 1.0, parts 2 and 5).

Every performative is written with its full list of fields, and every error with all three of its own: clients read them by position
(facts/service-bus-broker.md, sections 3 and 13, P1 and P5).
"""

from typing import NamedTuple

from devstack.broker.codec import encode as e
from devstack.broker.codec.decode import MalformedAmqpError, decode_at, elements

AMQP_HEADER = b"AMQP\x00\x01\x00\x00"
SASL_HEADER = b"AMQP\x03\x01\x00\x00"
EMPTY_FRAME = b"\x00\x00\x00\x08\x02\x00\x00\x00"

OPEN, BEGIN, ATTACH, FLOW, TRANSFER, DISPOSITION, DETACH, END, CLOSE = range(0x10, 0x19)
SASL_MECHANISMS, SASL_INIT, SASL_CHALLENGE, SASL_RESPONSE, SASL_OUTCOME = range(0x40, 0x45)
ACCEPTED, REJECTED, RELEASED, MODIFIED = range(0x24, 0x28)
COORDINATOR = 0x30
_ERROR, _SOURCE = 0x1D, 0x28

_FIELDS = {OPEN: 10, BEGIN: 8, ATTACH: 14, FLOW: 11, TRANSFER: 11, DISPOSITION: 6, DETACH: 3, END: 1, CLOSE: 1, SASL_INIT: 3}


class Error(NamedTuple):
    """What AMQP calls an error: a condition that programs read and a sentence that people read."""

    condition: str
    description: str


def frame(channel: int, performative: bytes, payload: bytes = b"", *, sasl: bool = False) -> bytes:
    size = 8 + len(performative) + len(payload)
    return size.to_bytes(4) + (b"\x02\x01" if sasl else b"\x02\x00") + channel.to_bytes(2) + performative + payload


def error(value: Error | None) -> bytes:
    if value is None:
        return e.NULL
    fields = [e.symbol(value.condition), e.string(value.description), e.EMPTY_MAP]
    return e.described(_ERROR, e.amqp_list(fields))


def sasl_mechanisms(names: list[str]) -> bytes:
    return frame(0, e.described(SASL_MECHANISMS, e.amqp_list([e.symbol_array(names)])), sasl=True)


def sasl_welcome() -> bytes:
    return frame(0, e.described(SASL_OUTCOME, e.amqp_list([e.ubyte(0), e.binary(b"Welcome!")])), sasl=True)


def open_(container: str, max_frame_size: int, channel_max: int, idle_ms: int) -> bytes:
    numbers = [e.uint(max_frame_size), e.ushort(channel_max), e.uint(idle_ms)]
    fields = [e.string(container), e.NULL, *numbers, *[e.NULL] * 4, e.EMPTY_MAP]
    return frame(0, e.described(OPEN, e.amqp_list(fields)))


def begin(channel: int, remote_channel: int, window: int) -> bytes:
    numbers = [e.uint(1), e.uint(window), e.uint(window), e.uint(255)]
    fields = [e.ushort(remote_channel), *numbers, e.NULL, e.NULL, e.EMPTY_MAP]
    return frame(channel, e.described(BEGIN, e.amqp_list(fields)))


class Attach(NamedTuple):
    """An attach to send; `source`, `target`, the settle modes and `properties` are already encoded."""

    name: str
    handle: int
    receiver: bool
    settle_modes: tuple[bytes, bytes]
    source: bytes
    target: bytes
    max_message_size: int | None = None
    properties: bytes = e.EMPTY_MAP


def attach(channel: int, link: Attach) -> bytes:
    fields = [
        e.string(link.name),
        e.uint(link.handle),
        e.boolean(link.receiver),
        *link.settle_modes,
        link.source,
        link.target,
        e.NULL,
        e.FALSE,
        e.NULL if link.receiver else b"\x52\x00",  # the SDK counts on from it: zero, never null
        e.NULL if link.max_message_size is None else e.ulong(link.max_message_size),
        e.NULL,
        e.NULL,
        link.properties,
    ]
    return frame(channel, e.described(ATTACH, e.amqp_list(fields)))


def source_with_filter(raw_source: bytes, filters: bytes) -> bytes:
    """The client's source with `filters` as its filter set and everything else, the address above all, as the client wrote it."""
    fields = source_fields(raw_source)
    fields[7] = filters
    return e.described(_SOURCE, e.amqp_list(fields))


def source_fields(raw_terminus: bytes) -> list[bytes]:
    """The raw fields of a source or target, padded to a source's eleven; raises MalformedAmqpError."""
    _, position = decode_at(raw_terminus, 1)
    fields = elements(raw_terminus, position)
    return fields + [e.NULL] * (11 - len(fields))


class Window(NamedTuple):
    next_incoming_id: int
    next_outgoing_id: int
    size: int


def flow(channel: int, window: Window, handle: int, delivery_count: int, credit: int, *, drain: bool = False) -> bytes:
    session = [e.uint(window.next_incoming_id), e.uint(window.size), e.uint(window.next_outgoing_id), e.uint(window.size)]
    link = [e.uint(handle), e.uint(delivery_count), e.uint(credit), e.uint(0), e.boolean(drain), e.FALSE, e.EMPTY_MAP]
    return frame(channel, e.described(FLOW, e.amqp_list(session + link)))


def transfer(handle: int, delivery_id: int, tag: bytes, *, settled: bool, more: bool) -> bytes:
    """The first frame of a delivery."""
    body = b"".join(
        (
            e.uint(handle),
            e.uint(delivery_id),
            e.binary(tag),
            b"\x43",
            e.TRUE if settled else e.FALSE,
            e.TRUE if more else e.FALSE,
            b"\x40\x40\x42\x42\x42",
        )
    )
    return b"\x00\x53\x14\xc0" + (len(body) + 1).to_bytes() + b"\x0b" + body


def continuation(handle: int, *, settled: bool, more: bool) -> bytes:
    """A further frame of a delivery: delivery-id, tag and format stand in the first one only."""
    fields = [e.uint(handle), e.NULL, e.NULL, e.NULL, e.boolean(settled), e.boolean(more)]
    return e.described(TRANSFER, e.amqp_list([*fields, e.NULL, e.NULL, e.FALSE, e.FALSE, e.FALSE]))


ACCEPTED_STATE = e.described(ACCEPTED, e.amqp_list([]))
REJECTED_STATE = e.described(REJECTED, e.amqp_list([]))


def rejected(value: Error) -> bytes:
    return e.described(REJECTED, e.amqp_list([error(value)]))


def disposition(channel: int, *, receiver: bool, delivery_id: int, state: bytes) -> bytes:
    """The settlement of one delivery. Never of several: a merged range makes concurrent settlements of the SDK sleep (P9)."""
    number = e.uint(delivery_id)
    fields = [e.boolean(receiver), number, number, e.TRUE, state, e.FALSE]
    return frame(channel, e.described(DISPOSITION, e.amqp_list(fields)))


def detach(channel: int, handle: int, *, closed: bool, reason: Error | None = None) -> bytes:
    return frame(channel, e.described(DETACH, e.amqp_list([e.uint(handle), e.boolean(closed), error(reason)])))


def end(channel: int, reason: Error | None = None) -> bytes:
    return frame(channel, e.described(END, e.amqp_list([error(reason)])))


def close(reason: Error | None = None) -> bytes:
    return frame(0, e.described(CLOSE, e.amqp_list([error(reason)])))


class Performative(NamedTuple):
    """A decoded performative: its code, its fields padded with None, and where the payload begins."""

    code: int
    fields: list[object]
    payload_at: int


def performative(body: bytes) -> Performative:
    """The performative at the start of a frame's body; raises MalformedAmqpError."""
    code, position = performative_code(body)
    fields, after = decode_at(body, position)
    if not isinstance(fields, list):
        raise MalformedAmqpError(f"performative {code:#04x} is not a list")
    missing = _FIELDS.get(code, 0) - len(fields)
    return Performative(code, fields + [None] * missing if missing > 0 else fields, after)


def performative_code(body: bytes) -> tuple[int, int]:
    """The code of the performative and where its list begins; raises MalformedAmqpError."""
    if body[:1] != b"\x00":
        raise MalformedAmqpError("a frame does not begin with a performative")
    code, position = decode_at(body, 1)
    if not isinstance(code, int):
        raise MalformedAmqpError(f"unknown performative {code!r}")
    return code, position
