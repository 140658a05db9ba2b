"""AMQP 1.0 typed values as plain Python values, and cutting raw values out of a buffer without decoding them.

boolean -> bool; every integer, timestamp (ms) -> int; float, double -> float; decimals, binary -> bytes; string, symbol, char -> str;
uuid -> UUID; list, array -> list; map -> dict; described -> Described.
"""

import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple
from uuid import UUID

MAX_DEPTH = 32
MAX_ARRAY_OF_NOTHING = 65536
"""Elements of zero width cost no bytes: without a bound a 12-byte array could ask for gigabytes."""


class MalformedAmqpError(ValueError):
    """The bytes are not AMQP 1.0."""


class Described(NamedTuple):
    descriptor: object
    value: object


def decode(buffer: bytes, position: int = 0) -> object:
    """The value that starts at `position`; raises MalformedAmqpError."""
    return decode_at(buffer, position)[0]


def decode_at(buffer: bytes, position: int, depth: int = 0) -> tuple[object, int]:
    """The value that starts at `position` and the position after it; raises MalformedAmqpError."""
    try:
        constructor = buffer[position]
        if constructor == 0:
            return _described(buffer, position + 1, depth + 1)
        return _body(constructor, buffer, position + 1, depth)
    except (IndexError, struct.error, UnicodeDecodeError, OverflowError) as error:
        raise MalformedAmqpError(f"AMQP value at byte {position} is cut short or invalid: {error}") from error


def skip(buffer: bytes, position: int, depth: int = 0) -> int:
    """The position after the value that starts at `position`; raises MalformedAmqpError."""
    try:
        constructor = buffer[position]
        if constructor == 0:
            _too_deep(depth)
            return skip(buffer, skip(buffer, position + 1, depth + 1), depth + 1)
        position += 1
        width = _WIDTH[constructor >> 4]
        end = position + abs(width)
        if width < 0:  # the width of a size that precedes the bytes themselves
            end += int.from_bytes(buffer[position:end])
    except IndexError as error:
        raise MalformedAmqpError(f"AMQP value is cut short at byte {position}") from error
    if end > len(buffer) or constructor < 0x40:
        raise MalformedAmqpError(f"AMQP value of type {constructor:#04x} at byte {position} is cut short or unknown")
    return end


_WIDTH = (0, 0, 0, 0, 0, 1, 2, 4, 8, 16, -1, -4, -1, -4, -1, -4)


def elements(buffer: bytes, position: int = 0) -> list[bytes]:
    """The raw elements of the list, or keys and values of the map, at `position`; raises MalformedAmqpError."""
    end = skip(buffer, position)
    constructor = buffer[position]
    if constructor == 0x45:
        return []
    if constructor in {0xC0, 0xC1}:
        count, position = buffer[position + 2] if end >= position + 3 else 0, position + 3
    elif constructor in {0xD0, 0xD1}:
        count, position = int.from_bytes(buffer[position + 5 : position + 9]), position + 9
    else:
        raise MalformedAmqpError(f"expected a list or map at byte {position}, found type {constructor:#04x}")
    parts: list[bytes] = []
    while position < end and len(parts) < count:
        after = skip(buffer, position)
        parts.append(buffer[position:after])
        position = after
    if len(parts) != count or position > end:
        raise MalformedAmqpError("a list or map has fewer elements than it says")
    return parts


def pairs(buffer: bytes, position: int = 0) -> Iterator[tuple[object, bytes, bytes]]:
    """Each entry of the map at `position` as decoded key, raw key, raw value; raises MalformedAmqpError."""
    if buffer[position : position + 1] not in {b"\xc1", b"\xd1"}:
        raise MalformedAmqpError(f"expected a map at byte {position}")
    flat = elements(buffer, position)
    if len(flat) % 2:
        raise MalformedAmqpError("a map has a key without a value")
    for index in range(0, len(flat), 2):
        yield decode(flat[index]), flat[index], flat[index + 1]


def _too_deep(depth: int) -> None:
    if depth > MAX_DEPTH:
        raise MalformedAmqpError(f"AMQP values are nested deeper than {MAX_DEPTH}")


def _described(buffer: bytes, position: int, depth: int) -> tuple[Described, int]:
    _too_deep(depth)
    descriptor, position = decode_at(buffer, position, depth)
    value, position = decode_at(buffer, position, depth)
    return Described(descriptor, value), position


def _body(constructor: int, buffer: bytes, position: int, depth: int) -> tuple[object, int]:
    fixed = _FIXED.get(constructor)
    if fixed is not None:
        layout, convert = fixed
        (value,) = layout.unpack_from(buffer, position)
        return (convert(value) if convert else value), position + layout.size
    if constructor in _CONSTANTS:
        return _CONSTANTS[constructor], position
    if constructor == 0x45:
        return [], position
    kind = constructor >> 4
    if kind < 0xA or constructor not in _VARIABLE:
        raise MalformedAmqpError(f"unknown AMQP type {constructor:#04x} at byte {position - 1}")
    width = 4 if kind & 1 else 1
    size = int.from_bytes(buffer[position : position + width])
    start = position + width
    end = start + size
    if end > len(buffer):
        raise MalformedAmqpError(f"AMQP value at byte {position - 1} says {size} bytes, more than there are")
    if constructor in {0xA0, 0xB0}:
        return buffer[start:end], end
    if kind < 0xC:
        return buffer[start:end].decode("ascii" if constructor & 0xF == 3 else "utf-8"), end
    _too_deep(depth + 1)
    count = int.from_bytes(buffer[start : start + width])
    return _compound(constructor, buffer[:end], start + width, count, depth + 1), end


def _compound(constructor: int, buffer: bytes, position: int, count: int, depth: int) -> object:
    """`buffer` ends where the compound ends, so that a wrong element size cannot reach past it."""
    if constructor in {0xE0, 0xF0}:
        return _array(buffer, position, count, depth)
    if count > len(buffer) - position:
        raise MalformedAmqpError(f"a compound says {count} elements in {len(buffer) - position} bytes")
    items = []
    for _ in range(count):
        item, position = decode_at(buffer, position, depth)
        items.append(item)
    if constructor in {0xC0, 0xD0}:
        return items
    if count % 2:
        raise MalformedAmqpError("a map has a key without a value")
    try:
        return dict(zip(items[::2], items[1::2], strict=True))
    except TypeError as error:
        raise MalformedAmqpError(f"a map has a compound as its key: {error}") from error


def _array(buffer: bytes, position: int, count: int, depth: int) -> list[object]:
    constructor = buffer[position]
    descriptor: object = None
    if constructor == 0:
        descriptor, position = decode_at(buffer, position + 1, depth)
        constructor = buffer[position]
    position += 1
    if count > max(len(buffer) - position, MAX_ARRAY_OF_NOTHING):
        raise MalformedAmqpError(f"an array says {count} elements in {len(buffer) - position} bytes")
    items: list[object] = []
    for _ in range(count):
        item, position = _body(constructor, buffer, position, depth)
        items.append(item if descriptor is None else Described(descriptor, item))
    return items


def _to_char(code_point: int) -> str:
    try:
        return chr(code_point)
    except ValueError as error:
        raise MalformedAmqpError(f"{code_point:#x} is not a Unicode character") from error


def _to_uuid(raw: bytes) -> UUID:
    return UUID(bytes=raw)


_FIXED: dict[int, tuple[struct.Struct, Callable[..., object] | None]] = {
    0x50: (struct.Struct(">B"), None),
    0x51: (struct.Struct(">b"), None),
    0x52: (struct.Struct(">B"), None),
    0x53: (struct.Struct(">B"), None),
    0x54: (struct.Struct(">b"), None),
    0x55: (struct.Struct(">b"), None),
    0x56: (struct.Struct(">?"), None),
    0x60: (struct.Struct(">H"), None),
    0x61: (struct.Struct(">h"), None),
    0x70: (struct.Struct(">I"), None),
    0x71: (struct.Struct(">i"), None),
    0x72: (struct.Struct(">f"), None),
    0x73: (struct.Struct(">I"), _to_char),
    0x74: (struct.Struct("4s"), None),
    0x80: (struct.Struct(">Q"), None),
    0x81: (struct.Struct(">q"), None),
    0x82: (struct.Struct(">d"), None),
    0x83: (struct.Struct(">q"), None),
    0x84: (struct.Struct("8s"), None),
    0x94: (struct.Struct("16s"), None),
    0x98: (struct.Struct("16s"), _to_uuid),
}
_CONSTANTS: dict[int, object] = {0x40: None, 0x41: True, 0x42: False, 0x43: 0, 0x44: 0}
_VARIABLE = {0xA0, 0xA1, 0xA3, 0xB0, 0xB1, 0xB3, 0xC0, 0xC1, 0xD0, 0xD1, 0xE0, 0xF0}
