"""Every AMQP type survives encoding and decoding; nothing malformed does more than raise MalformedAmqpError."""

import contextlib
import math
import struct
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.broker.codec import encode as e
from devstack.broker.codec import frames, sections
from devstack.broker.codec.decode import Described, MalformedAmqpError, decode, decode_at, elements, pairs, skip


def integers(bits: int, *, signed: bool = False) -> st.SearchStrategy[int]:
    return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else st.integers(0, 2**bits - 1)


ASCII = st.text(st.characters(max_codepoint=127))
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
SCALARS = st.one_of(
    st.just((None, e.NULL)),
    st.booleans().map(lambda v: (v, e.boolean(v))),
    integers(8).map(lambda v: (v, e.ubyte(v))),
    integers(16).map(lambda v: (v, e.ushort(v))),
    integers(32).map(lambda v: (v, e.uint(v))),
    integers(64).map(lambda v: (v, e.ulong(v))),
    integers(8, signed=True).map(lambda v: (v, e.byte(v))),
    integers(16, signed=True).map(lambda v: (v, e.short(v))),
    integers(32, signed=True).map(lambda v: (v, e.int32(v))),
    integers(64, signed=True).map(lambda v: (v, e.long(v))),
    integers(64, signed=True).map(lambda v: (v, e.timestamp(v))),
    st.floats(width=32, allow_nan=False).map(lambda v: (v, e.float32(v))),
    st.floats(allow_nan=False).map(lambda v: (v, e.double(v))),
    st.sampled_from([4, 8, 16]).flatmap(lambda n: st.binary(min_size=n, max_size=n)).map(lambda v: (v, e.decimal(v))),
    st.characters(exclude_categories=["Cs"]).map(lambda v: (v, e.char(v))),
    st.uuids().map(lambda v: (v, e.uuid(v))),
    st.binary(max_size=600).map(lambda v: (v, e.binary(v))),
    TEXT.map(lambda v: (v, e.string(v))),
    ASCII.map(lambda v: (v, e.symbol(v))),
)
KEYS = ASCII.map(lambda v: (v, e.symbol(v)))


def lists(items: st.SearchStrategy[tuple[object, bytes]]) -> st.SearchStrategy[tuple[object, bytes]]:
    return st.lists(items, max_size=6).map(lambda found: ([v for v, _ in found], e.amqp_list([raw for _, raw in found])))


def maps(items: st.SearchStrategy[tuple[object, bytes]]) -> st.SearchStrategy[tuple[object, bytes]]:
    entries = st.lists(st.tuples(KEYS, items), max_size=6, unique_by=lambda pair: pair[0][0])
    return entries.map(
        lambda found: ({key: v for (key, _), (v, _) in found}, e.amqp_map([(key, raw) for (_, key), (_, raw) in found]))
    )


VALUES = st.recursive(
    SCALARS,
    lambda items: st.one_of(
        lists(items),
        maps(items),
        items.map(lambda pair: (Described(0x70, pair[0]), e.described(0x70, pair[1]))),
    ),
    max_leaves=20,
)


@given(VALUES, st.binary(max_size=4))
def test_what_is_encoded_is_decoded(pair: tuple[object, bytes], rest: bytes) -> None:
    value, raw = pair
    assert decode_at(raw + rest, 0) == (value, len(raw))
    assert skip(raw + rest, 0) == len(raw)


def test_not_a_number_survives() -> None:
    for raw in (e.float32(math.nan), e.double(math.nan)):
        value = decode(raw)
        assert isinstance(value, float)
        assert math.isnan(value)


@given(st.lists(integers(64, signed=True)), st.lists(st.uuids()), st.lists(TEXT), st.lists(ASCII))
def test_arrays(numbers: list[int], ids: list[UUID], texts: list[str], symbols: list[str]) -> None:
    assert decode(e.long_array(numbers)) == numbers
    assert decode(e.timestamp_array(numbers)) == numbers
    assert decode(e.uuid_array(ids)) == ids
    assert decode(e.string_array(texts)) == texts
    assert decode(e.symbol_array(symbols)) == symbols


def test_forms_that_only_others_write() -> None:
    """The SDK encodes small arrays, full booleans and described arrays that the broker itself never writes."""
    assert decode(b"\x56\x01") is True
    assert decode(b"\xe0\x04\x02\x50\x07\x08") == [7, 8]
    assert decode(b"\xe0\x03\x01\xa1\x00") == [""]
    assert decode(b"\xe0\x06\x01\x00\x53\x24\x50\x07") == [Described(0x24, 7)]
    assert decode(e.amqp_list([e.uint(n) for n in range(300)])) == list(range(300))
    assert decode(b"\x00\x80" + (0x70).to_bytes(8) + b"\x45") == Described(0x70, [])


@given(st.binary(max_size=64))
def test_anything_else_is_refused_and_nothing_worse(raw: bytes) -> None:
    for reader in (decode, elements, sections.split, frames.performative, lambda given_: list(pairs(given_))):
        with contextlib.suppress(MalformedAmqpError):
            reader(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xa1\x05abc",
        b"\x70\x00",
        b"\xa1\x01\xff",
        b"\x3f",
        b"\xc1\x04\x03\x40\x40\x40",
        b"\xc1\x04\x02\x45\x40\x40"[:5],
        b"\xd0\x00\x00\x00\x04\xff\xff\xff\xff",
        b"\xf0\x00\x00\x00\x05\xff\xff\xff\xff\x40",
        b"\x00" * 200,
        b"\xc0\xff" * 100,
        b"\x73\xff\xff\xff\xff",
    ],
)
def test_malformed_values(raw: bytes) -> None:
    with pytest.raises(MalformedAmqpError):
        decode(raw)


def test_values_nested_too_deep() -> None:
    raw = e.NULL
    for _ in range(100):
        raw = e.amqp_list([raw])
    with pytest.raises(MalformedAmqpError, match="nested deeper"):
        decode(raw)


def test_elements_keep_their_raw_bytes() -> None:
    parts = [e.uint(0), e.described(0x24, e.amqp_list([])), e.string("é" * 200), e.amqp_map([(e.symbol("k"), e.NULL)])]
    assert elements(e.amqp_list(parts)) == parts
    assert elements(e.amqp_list(parts * 100)) == parts * 100
    assert elements(e.amqp_list([])) == []


def test_a_message_is_cut_into_sections() -> None:
    head = [sections.section(code, e.EMPTY_MAP) for code in range(sections.HEADER, sections.DATA)]
    body = sections.section(sections.DATA, e.binary(b"a")) + sections.section(sections.DATA, e.binary(b"b"))
    found = sections.split(b"".join(head) + body)
    assert found[:5] == (e.EMPTY_MAP,) * 5
    assert found.body == body
    assert sections.data(body) == [b"a", b"b"]
    assert sections.body_value(sections.section(sections.VALUE, e.amqp_list([e.NULL]))) == [None]
    assert sections.split(body + b"".join(reversed(head))) == found, "the SDK writes delivery annotations last"
    for wrong in (head[0] + head[0], body + head[0][:-1], b"\x00\x53\x10\x45", b"\x45"):
        with pytest.raises(MalformedAmqpError):
            sections.split(wrong)


def test_frames_are_as_long_as_they_say_and_have_all_their_fields() -> None:
    """Older SDKs read open[9], begin[7] and attach[13] by position (facts, P1), and errors by all three fields (P5)."""
    link = frames.Attach("n", 3, receiver=False, settle_modes=(e.ubyte(0), e.ubyte(1)), source=e.NULL, target=e.NULL)
    window = frames.Window(0, 1, 10)
    error = frames.Error("amqp:not-found", "gone")
    expected = {
        frames.OPEN: (frames.open_("c", 65536, 10, 1000), 10),
        frames.BEGIN: (frames.begin(1, 1, 10), 8),
        frames.ATTACH: (frames.attach(1, link), 14),
        frames.FLOW: (frames.flow(1, window, 3, 0, 1), 11),
        frames.DISPOSITION: (frames.disposition(1, receiver=True, delivery_id=0, state=e.NULL), 6),
        frames.DETACH: (frames.detach(1, 3, closed=True, reason=error), 3),
        frames.CLOSE: (frames.close(error), 1),
    }
    for code, (raw, count) in expected.items():
        assert struct.unpack(">I", raw[:4])[0] == len(raw)
        assert raw[8:10] == b"\x00\x53"
        found, position = frames.performative_code(raw[8:])
        assert found == code
        assert len(elements(raw[8:], position)) == count
    described = decode(frames.error(error))
    assert described == Described(0x1D, ["amqp:not-found", "gone", {}])


def test_an_attach_of_a_sender_counts_from_zero() -> None:
    """The SDK adds to initial-delivery-count without looking (facts, P6)."""
    modes = (e.ubyte(0), e.ubyte(1))
    for receiver, expected in ((False, 0), (True, None)):
        raw = frames.attach(1, frames.Attach("n", 3, receiver, modes, e.NULL, e.NULL))
        assert frames.performative(raw[8:]).fields[9] == expected
