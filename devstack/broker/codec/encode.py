"""Python values as AMQP 1.0 typed values, one function per type (OASIS AMQP 1.0, part 1, section 1.6)."""

import struct
from collections.abc import Iterable, Sequence
from uuid import UUID

NULL = b"\x40"
TRUE = b"\x41"
FALSE = b"\x42"
EMPTY_MAP = b"\xc1\x01\x00"


def boolean(value: bool) -> bytes:
    return TRUE if value else FALSE


def ubyte(value: int) -> bytes:
    return b"\x50" + value.to_bytes()


def ushort(value: int) -> bytes:
    return b"\x60" + value.to_bytes(2)


def uint(value: int) -> bytes:
    if value == 0:
        return b"\x43"
    if value < 256:
        return b"\x52" + value.to_bytes()
    return b"\x70" + value.to_bytes(4)


def ulong(value: int) -> bytes:
    if value == 0:
        return b"\x44"
    if value < 256:
        return b"\x53" + value.to_bytes()
    return b"\x80" + value.to_bytes(8)


def byte(value: int) -> bytes:
    return b"\x51" + value.to_bytes(1, signed=True)


def short(value: int) -> bytes:
    return b"\x61" + value.to_bytes(2, signed=True)


def int32(value: int) -> bytes:
    if -128 <= value < 128:
        return b"\x54" + value.to_bytes(1, signed=True)
    return b"\x71" + value.to_bytes(4, signed=True)


def long(value: int) -> bytes:
    if -128 <= value < 128:
        return b"\x55" + value.to_bytes(1, signed=True)
    return b"\x81" + value.to_bytes(8, signed=True)


def float32(value: float) -> bytes:
    return b"\x72" + struct.pack(">f", value)


def double(value: float) -> bytes:
    return b"\x82" + struct.pack(">d", value)


def char(value: str) -> bytes:
    return b"\x73" + ord(value).to_bytes(4)


def timestamp(milliseconds: int) -> bytes:
    """Milliseconds since 1970-01-01T00:00:00Z."""
    return b"\x83" + milliseconds.to_bytes(8, signed=True)


def uuid(value: UUID) -> bytes:
    return b"\x98" + value.bytes


def decimal(raw: bytes) -> bytes:
    """An IEEE 754 decimal given as its 4, 8 or 16 bytes: the broker carries decimals and never computes with them."""
    return {4: b"\x74", 8: b"\x84", 16: b"\x94"}[len(raw)] + raw


def _sized(small: bytes, large: bytes, raw: bytes) -> bytes:
    if len(raw) < 256:
        return small + len(raw).to_bytes() + raw
    return large + len(raw).to_bytes(4) + raw


def binary(value: bytes) -> bytes:
    return _sized(b"\xa0", b"\xb0", value)


def string(value: str) -> bytes:
    return _sized(b"\xa1", b"\xb1", value.encode())


def symbol(value: str) -> bytes:
    return _sized(b"\xa3", b"\xb3", value.encode("ascii"))


def _compound(small: bytes, large: bytes, count: int, body: bytes) -> bytes:
    if len(body) < 255 and count < 256:
        return small + (len(body) + 1).to_bytes() + count.to_bytes() + body
    return large + (len(body) + 4).to_bytes(4) + count.to_bytes(4) + body


def amqp_list(items: Sequence[bytes]) -> bytes:
    """A list of already encoded values."""
    return _compound(b"\xc0", b"\xd0", len(items), b"".join(items)) if items else b"\x45"


def amqp_map(pairs: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A map of already encoded keys and values, in the order given."""
    flat = [part for pair in pairs for part in pair]
    return _compound(b"\xc1", b"\xd1", len(flat), b"".join(flat))


def joined_list(count: int, body: bytes) -> bytes:
    """A list from `count` encoded values that stand one after the other in `body`."""
    return _compound(b"\xc0", b"\xd0", count, body)


def joined_map(count: int, body: bytes) -> bytes:
    """A map from `count` pairs whose encoded keys and values stand one after the other in `body`."""
    return _compound(b"\xc1", b"\xd1", count * 2, body)


def array(constructor: int, bodies: Sequence[bytes]) -> bytes:
    """An array32: one constructor byte, then the elements without theirs (the form the service itself writes)."""
    body = constructor.to_bytes() + b"".join(bodies)
    return b"\xf0" + (len(body) + 4).to_bytes(4) + len(bodies).to_bytes(4) + body


def long_array(values: Iterable[int]) -> bytes:
    return array(0x81, [value.to_bytes(8, signed=True) for value in values])


def timestamp_array(milliseconds: Iterable[int]) -> bytes:
    return array(0x83, [value.to_bytes(8, signed=True) for value in milliseconds])


def uuid_array(values: Iterable[UUID]) -> bytes:
    return array(0x98, [value.bytes for value in values])


def string_array(values: Iterable[str]) -> bytes:
    return array(0xB1, [len(raw).to_bytes(4) + raw for raw in (value.encode() for value in values)])


def symbol_array(values: Iterable[str]) -> bytes:
    return array(0xB3, [len(raw).to_bytes(4) + raw for raw in (value.encode("ascii") for value in values)])


def described(code: int, value: bytes) -> bytes:
    """A described value; the descriptor is always a smallulong, which the Azure SDK for Python insists on."""
    return b"\x00\x53" + code.to_bytes() + value
