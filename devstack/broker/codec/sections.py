"""The sections of an AMQP 1.0 message, cut apart without decoding them (OASIS AMQP 1.0, part 3, section 3.2)."""

from typing import NamedTuple

from devstack.broker.codec import encode as e
from devstack.broker.codec.decode import MalformedAmqpError, decode, decode_at, elements, pairs, skip

HEADER, DELIVERY_ANNOTATIONS, MESSAGE_ANNOTATIONS, PROPERTIES, APPLICATION_PROPERTIES, DATA, SEQUENCE, VALUE, FOOTER = range(
    0x70, 0x79
)


class Sections(NamedTuple):
    """A message in pieces: of the first five sections the raw value (None when absent), of the rest the raw bytes as they came."""

    header: bytes | None
    delivery_annotations: bytes | None
    message_annotations: bytes | None
    properties: bytes | None
    application_properties: bytes | None
    body: bytes


def split(message: bytes) -> Sections:
    """The message in pieces; raises MalformedAmqpError when a section is unknown or repeated.

    Sections are taken in any order, because the SDK writes delivery annotations behind the body (`_pyamqp/_encode.py`).
    """
    head: dict[int, bytes] = {}
    body: list[bytes] = []
    position = 0
    while position < len(message):
        start = position
        code, value_at = _descriptor(message, position)
        position = skip(message, value_at)
        if code >= DATA:
            body.append(message[start:position])
        elif code in head:
            raise MalformedAmqpError(f"the section {code:#04x} of the message is repeated")
        else:
            head[code] = message[value_at:position]
    return Sections(
        head.get(HEADER),
        head.get(DELIVERY_ANNOTATIONS),
        head.get(MESSAGE_ANNOTATIONS),
        head.get(PROPERTIES),
        head.get(APPLICATION_PROPERTIES),
        b"".join(body),
    )


def _descriptor(message: bytes, position: int) -> tuple[int, int]:
    if message[position : position + 2] == b"\x00\x53":
        code: object = message[position + 2] if position + 2 < len(message) else None
        value_at = position + 3
    elif message[position : position + 1] == b"\x00":
        code, value_at = decode_at(message, position + 1)
    else:
        raise MalformedAmqpError(f"no message section begins at byte {position}")
    if not isinstance(code, int) or not HEADER <= code <= FOOTER:
        raise MalformedAmqpError(f"unknown message section {code!r}")
    return code, value_at


def data(body: bytes) -> list[bytes]:
    """The content of each data section of a message body; raises MalformedAmqpError."""
    found = []
    position = 0
    while position < len(body):
        code, value_at = _descriptor(body, position)
        position = skip(body, value_at)
        if code == DATA:
            value = decode(body, value_at)
            if not isinstance(value, bytes):
                raise MalformedAmqpError("a data section does not hold binary")
            found.append(value)
    return found


def body_value(body: bytes) -> object:
    """The body as a Python value: data as bytes, a sequence as list, a value as itself."""
    found = data(body)
    if found or not body:
        return b"".join(found)
    _, value_at = _descriptor(body, 0)
    return decode(body, value_at)


def fields(raw_list: bytes | None, count: int) -> list[bytes]:
    """The raw fields of a header or properties section, padded with nulls to `count`."""
    found = elements(raw_list) if raw_list is not None else []
    return found + [e.NULL] * (count - len(found))


def string_entries(raw_map: bytes | None) -> list[tuple[str, bytes, bytes]]:
    """The entries of an annotations or application-properties map as key, raw key, raw value; raises MalformedAmqpError."""
    return [(str(key), raw_key, raw) for key, raw_key, raw in pairs(raw_map)] if raw_map is not None else []


def section(code: int, value: bytes) -> bytes:
    return e.described(code, value)
