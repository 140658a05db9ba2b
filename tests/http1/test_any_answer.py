"""Whatever an answer looks like and however it is cut on its way: it is taken for what it is, or for none."""

from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.http1.connection import Headers, MaybeSent, Reply, _Exchange

VALUES = st.from_regex(rb"([!-~\x80-\xff]([ -~\x80-\xff]{0,20}[!-~\x80-\xff])?)?", fullmatch=True)
NAMES = st.sampled_from([b"X-One", b"x-two", b"Set-Cookie", b"Retry-After"])
BEFORE = st.sampled_from([b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n"])


@dataclass(frozen=True)
class Said:
    """An answer on the wire, and what it is; `ends` says that only the end of the connection ends it, behind so many bytes."""

    wire: bytes
    reply: Reply
    ends: int | None = None


@st.composite
def answers(draw: st.DrawFn) -> Said:
    headers: Headers = draw(st.lists(st.tuples(NAMES, VALUES), max_size=4))
    status, body = draw(st.sampled_from([200, 404, 429, 503])), draw(st.binary(max_size=60))
    way, before = draw(st.sampled_from(["length", "chunks", "end"])), draw(BEFORE)
    lines = [
        b"%b:%b%b%b" % (name, draw(st.sampled_from([b"", b" ", b"\t "])), value, draw(st.sampled_from([b"", b"  "])))
        for name, value in headers
    ]
    length = {"length": [(b"Content-Length", b"%d" % len(body))], "chunks": [(b"Transfer-Encoding", b"chunked")], "end": []}[way]
    head = b"\r\n".join([b"HTTP/1.1 %d Words" % status, *lines, *(b"%b: %b" % one for one in length)]) + b"\r\n\r\n"
    sent = body
    if way == "chunks":
        size = draw(st.integers(1, 20))
        parts = [body[start : start + size] for start in range(0, len(body), size)]
        trailer = draw(st.sampled_from([b"", b"X-One: late\r\n"]))
        sent = b"".join(b"%X;a=b\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n" + trailer + b"\r\n"
    reply = Reply(status, [*headers, *length], body)
    return Said(before + head + sent, reply, len(before + head) if way == "end" else None)


def heard(exchange: _Exchange, wire: bytes, cuts: list[int]) -> None:
    places = sorted({0, len(wire), *(cut % (len(wire) + 1) for cut in cuts)})
    for start, end in pairwise(places):
        exchange.hear(wire[start:end])


@given(said=answers(), cuts=st.lists(st.integers(0, 10_000), max_size=6))
async def test_it_is_what_it_is_however_it_is_cut(said: Said, cuts: list[int]) -> None:
    exchange = _Exchange("GET")
    heard(exchange, said.wire, cuts)
    assert exchange.answer.done() is (said.ends is None)
    assert exchange.may_follow is (said.ends is None)
    exchange.end(None)
    assert await exchange.answer == said.reply


@given(said=answers(), cuts=st.lists(st.integers(0, 10_000), max_size=3), kept=st.integers(0, 10_000))
async def test_a_part_of_it_is_none(said: Said, cuts: list[int], kept: int) -> None:
    exchange, got = _Exchange("GET"), kept % len(said.wire)
    heard(exchange, said.wire[:got], cuts)
    exchange.end(None)
    if said.ends is not None and got >= said.ends:
        assert (await exchange.answer).status == said.reply.status
    else:
        with pytest.raises(MaybeSent):
            await exchange.answer
    assert not exchange.may_follow
