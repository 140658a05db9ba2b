"""What other AMQP clients may do, or get wrong: raw frames over a socket."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import pytest

from devstack.broker.codec import encode as e
from devstack.broker.codec import frames, sections
from devstack.broker.codec.decode import Described, decode
from devstack.broker.codec.frames import Performative

from .conftest import Bus, Start

TOKEN = "SharedAccessSignature sr=sb%3A%2F%2Flocalhost&sig=x&se=99999999999&skn=any"


class Wire:
    """A client without manners: it writes what it is told to and reads frame by frame."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def raw(self, count: int) -> bytes:
        return await asyncio.wait_for(self._reader.readexactly(count), 10)

    async def frame(self) -> tuple[Performative, bytes] | None:
        """The next frame, or None for an empty one."""
        size = int.from_bytes(await self.raw(4))
        body = (await self.raw(size - 4))[4:]
        return (frames.performative(body), body) if body else None

    async def next(self, code: int) -> list[object]:
        """The fields of the next frame, which has to be of this kind."""
        found = await self.frame()
        assert found is not None
        assert found[0].code == code, found
        return found[0].fields

    async def closed(self) -> bool:
        return await asyncio.wait_for(self._reader.read(), 10) == b""

    def write(self, raw: bytes) -> None:
        self._writer.write(raw)

    def send(self, code: int, *fields: bytes, payload: bytes = b"", channel: int = 1) -> None:
        self.write(frames.frame(channel, e.described(code, e.amqp_list(fields)), payload))

    def open(self, idle_ms: bytes = e.NULL) -> None:
        self.write(frames.AMQP_HEADER)
        self.send(frames.OPEN, e.string("c"), e.NULL, e.NULL, e.NULL, idle_ms, channel=0)

    async def begin(self) -> None:
        self.open()
        self.send(frames.BEGIN, e.NULL, e.uint(0), e.uint(1000), e.uint(1000))
        assert await self.raw(8) == frames.AMQP_HEADER
        assert len(await self.next(frames.OPEN)) == 10
        assert len(await self.next(frames.BEGIN)) == 8

    def attach(self, handle: int, *, source: str, target: str, receives: bool, settle: int = 0) -> None:
        ends = [e.described(0x28, e.amqp_list([e.string(source)])), e.described(0x29, e.amqp_list([e.string(target)]))]
        modes = [e.ubyte(settle), e.ubyte(1)]
        self.send(frames.ATTACH, e.string(f"link-{handle}"), e.uint(handle), e.boolean(receives), *modes, *ends)

    def credit(self, handle: int, count: int, *, delivery_count: int = 0, drain: bool = False, window: int = 1000) -> None:
        session = [e.uint(0), e.uint(window), e.uint(0), e.uint(1000)]
        link = [e.uint(handle), e.uint(delivery_count), e.uint(count), e.NULL, e.boolean(drain)]
        self.send(frames.FLOW, *session, *link)

    def transfer(self, handle: int, number: int, payload: bytes, *, more: bool = False, message_format: int = 0) -> None:
        head = [e.uint(handle), e.uint(number), e.binary(b"t"), e.uint(message_format), e.FALSE, e.boolean(more)]
        self.send(frames.TRANSFER, *head, payload=payload)

    async def authenticate(self, queue: str = "q") -> UUID:
        """A token is put for the queue, over links 8 and 9."""
        self.attach(8, source="$cbs", target="$cbs", receives=True)
        self.attach(9, source="$cbs", target="$cbs", receives=False)
        for code in (frames.ATTACH, frames.ATTACH, frames.FLOW):
            await self.next(code)
        self.credit(8, 10)
        message_id = uuid4()
        texts = {"operation": "put-token", "type": "jwt", "name": f"sb://localhost/{queue}"}
        properties = e.amqp_map((e.string(key), e.string(text)) for key, text in texts.items())
        request = sections.section(sections.PROPERTIES, e.amqp_list([e.uuid(message_id)]))
        request += sections.section(sections.APPLICATION_PROPERTIES, properties)
        self.transfer(9, 0, request + sections.section(sections.VALUE, e.string(TOKEN)))
        answer = await self.frame()
        assert answer is not None
        cut = sections.split(answer[1][answer[0].payload_at :])
        assert sections.fields(cut.properties, 6)[5] == e.uuid(message_id), "the message id keeps its AMQP type (facts, P2)"
        assert decode(cut.application_properties or b"") == {"status-code": 202, "status-description": "Accepted"}
        await self.next(frames.DISPOSITION)
        return message_id


@asynccontextmanager
async def wire(bus: Bus) -> AsyncIterator[Wire]:
    host, port = bus.broker.amqp.removeprefix("sb://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


DATA = sections.section(sections.DATA, e.binary(b"body"))


async def test_sasl_and_open_may_come_in_one_piece_or_byte_by_byte(start: Start) -> None:
    bus = await start()
    init = frames.frame(0, e.described(frames.SASL_INIT, e.amqp_list([e.symbol("ANONYMOUS")])), sasl=True)
    for pieces in (1, 10_000):
        async with wire(bus) as peer:
            opening = frames.frame(0, e.described(frames.OPEN, e.amqp_list([e.string("c")])))
            everything = frames.SASL_HEADER + init + frames.AMQP_HEADER + opening
            step = max(1, len(everything) // pieces)
            for at in range(0, len(everything), step):
                peer.write(everything[at : at + step])
                await asyncio.sleep(0)
            assert await peer.raw(8) == frames.SASL_HEADER
            mechanisms = await peer.next(frames.SASL_MECHANISMS)
            assert mechanisms == [["MSSBCBS", "PLAIN", "ANONYMOUS", "EXTERNAL"]]
            assert await peer.next(frames.SASL_OUTCOME) == [0, b"Welcome!"]
            assert await peer.raw(8) == frames.AMQP_HEADER
            await peer.next(frames.OPEN)
            peer.send(frames.CLOSE, channel=0)
            assert await peer.next(frames.CLOSE) == [None]
            assert await peer.closed()


async def test_another_protocol_is_told_which_one_this_is(start: Start) -> None:
    bus = await start()
    async with wire(bus) as peer:
        peer.write(b"GET / HTTP/1.1\r\n\r\n")
        assert await peer.raw(8) == frames.AMQP_HEADER
        assert await peer.closed()


@pytest.mark.parametrize(
    ("wrong", "condition"),
    [
        (b"\x00\x00\x00\x0c\x02\x00\x00\x00\xff\xff\xff\xff", "amqp:decode-error"),
        (b"\x7f\xff\xff\xff\x02\x00\x00\x00", "amqp:connection:framing-error"),
        (b"\x00\x00\x00\x04\x02\x00\x00\x00", "amqp:connection:framing-error"),
        (frames.frame(5, e.described(frames.FLOW, e.amqp_list([]))), "amqp:not-allowed"),
        (frames.frame(1, e.described(0x77, e.amqp_list([]))), "amqp:not-implemented"),
        (frames.frame(1, e.described(frames.TRANSFER, e.amqp_list([e.string("x")]))), "amqp:decode-error"),
    ],
)
async def test_what_is_wrong_closes_the_connection_with_a_reason(start: Start, wrong: bytes, condition: str) -> None:
    bus = await start()
    async with wire(bus) as peer:
        await peer.begin()
        peer.write(wrong)
        (error,) = await peer.next(frames.CLOSE)
        assert isinstance(error, Described)
        assert isinstance(error.value, list)
        assert error.value[0] == condition
        assert len(error.value) == 3
        assert await peer.closed()


async def test_a_link_is_refused_by_an_empty_attach_and_a_detach(start: Start) -> None:
    """A detach alone would close the SDK's whole connection (facts, P5). Without a token nothing is allowed."""
    bus = await start()
    async with wire(bus) as peer:
        await peer.begin()
        expected = {"q": "amqp:unauthorized-access", "none": "amqp:not-found", "q/$DeadLetterQueue": "amqp:unauthorized-access"}
        for path, condition in expected.items():
            peer.attach(3, source="here", target=f"amqps://localhost:5672/{path}", receives=False)
            answer = await peer.next(frames.ATTACH)
            assert answer[2] is True
            assert answer[5:7] == [None, None]
            handle, closed, error = await peer.next(frames.DETACH)
            assert (handle, closed) == (3, True)
            assert isinstance(error, Described)
            assert isinstance(error.value, list)
            assert error.value[0] == condition
        coordinator = e.described(frames.COORDINATOR, e.amqp_list([]))
        end = e.described(0x28, e.amqp_list([]))
        peer.send(frames.ATTACH, e.string("tx"), e.uint(4), e.FALSE, e.ubyte(0), e.ubyte(0), end, coordinator)
        await peer.next(frames.ATTACH)
        assert "amqp:not-implemented" in str(await peer.next(frames.DETACH))


async def test_an_attach_is_answered_with_the_clients_own_ends(start: Start) -> None:
    bus = await start()
    async with wire(bus) as peer:
        await peer.begin()
        await peer.authenticate()
        peer.attach(3, source="me", target="amqps://elsewhere:1/Q", receives=False)
        answer = await peer.next(frames.ATTACH)
        assert len(answer) == 14
        assert answer[5:7] == [Described(0x28, ["me"]), Described(0x29, ["amqps://elsewhere:1/Q"])]
        assert (answer[2], answer[10]) == (True, 262144)
        flow = await peer.next(frames.FLOW)
        assert flow[6] == 1000
        peer.attach(3, source="me", target="q", receives=False)
        assert "handle-in-use" in str(await peer.next(frames.CLOSE))


async def test_a_range_of_settlements_is_answered_one_by_one(start: Start) -> None:
    """One merged answer makes concurrent settlements of the SDK sleep (facts, P9)."""
    bus = await start()
    async with wire(bus) as peer:
        await peer.begin()
        await peer.authenticate()
        peer.attach(3, source="s", target="q", receives=False)
        peer.attach(4, source="q", target="t", receives=True)
        for number in range(1, 4):
            peer.transfer(3, number, DATA[:2], more=True)
            peer.transfer(3, number, DATA[2:])
        for code in (frames.ATTACH, frames.FLOW):
            await peer.next(code)
        receiving = await peer.next(frames.ATTACH)
        assert receiving[9] == 0
        for number in range(1, 4):
            fields = await peer.next(frames.DISPOSITION)
            assert fields[:5] == [True, number, number, True, Described(frames.ACCEPTED, [])]
        peer.credit(4, 3)
        deliveries = [await peer.next(frames.TRANSFER) for _ in range(3)]
        numbers = [fields[1] for fields in deliveries]
        assert all(isinstance(fields[2], bytes) and len(fields[2]) == 16 for fields in deliveries)
        accepted = e.described(frames.ACCEPTED, e.amqp_list([]))
        peer.send(frames.DISPOSITION, e.TRUE, e.uint(0), e.uint(2**32 - 1), e.FALSE, accepted)
        assert [(await peer.next(frames.DISPOSITION))[1:3] for _ in range(3)] == [[number, number] for number in numbers]
    assert (await bus.counts())["locked"] == 0


async def test_credit_window_and_drain_are_kept_to(start: Start) -> None:
    bus = await start()
    async with wire(bus) as peer:
        await peer.begin()
        await peer.authenticate()
        peer.attach(3, source="s", target="q", receives=False)
        peer.attach(4, source="q", target="t", receives=True, settle=1)
        for code in (frames.ATTACH, frames.FLOW, frames.ATTACH):
            await peer.next(code)
        for number in range(1, 6):
            peer.transfer(3, number, DATA)
            await peer.next(frames.DISPOSITION)
        peer.credit(4, 2)
        first = [await peer.next(frames.TRANSFER) for _ in range(2)]
        assert [fields[2] for fields in first] == [b"", b""], "a message that is received and deleted has no lock token"
        assert [fields[4] for fields in first] == [True, True]
        peer.credit(4, 5, delivery_count=2, window=1)
        await peer.next(frames.TRANSFER)
        peer.credit(4, 4, delivery_count=3, window=1000)
        assert [(await peer.next(frames.TRANSFER))[0] for _ in range(2)] == [4, 4]
        peer.credit(4, 2, delivery_count=5, drain=True)
        drained = await peer.next(frames.FLOW)
        assert (drained[5], drained[6], drained[8]) == (7, 0, True)


async def test_who_announces_a_time_out_hears_a_heart_beat(start: Start) -> None:
    bus = await start()
    async with wire(bus) as peer:
        peer.open(e.uint(60))
        await peer.raw(8)
        await peer.next(frames.OPEN)
        for _ in range(3):
            assert await peer.frame() is None


async def test_a_detached_link_and_an_ended_session_may_begin_anew(start: Start) -> None:
    bus = await start()
    async with wire(bus) as peer:
        await peer.begin()
        await peer.authenticate()
        for _ in range(2):
            peer.attach(3, source="s", target="q", receives=False)
            for code in (frames.ATTACH, frames.FLOW):
                await peer.next(code)
            peer.transfer(3, 1, DATA, more=True)
            peer.send(frames.DETACH, e.uint(3), e.TRUE)
            assert (await peer.next(frames.DETACH))[:2] == [3, True]
            peer.transfer(3, 1, DATA)
        peer.send(frames.END)
        await peer.next(frames.END)
        peer.send(frames.BEGIN, e.NULL, e.uint(0), e.uint(1000), e.uint(1000))
        await peer.next(frames.BEGIN)
    assert (await bus.counts())["active"] == 0


async def test_a_message_that_is_none_is_rejected_and_the_link_goes_on(start: Start) -> None:
    bus = await start()
    async with wire(bus) as peer:
        await peer.begin()
        await peer.authenticate()
        peer.attach(3, source="s", target="q", receives=False)
        for code in (frames.ATTACH, frames.FLOW):
            await peer.next(code)
        batch = sections.section(sections.DATA, e.binary(DATA)) + sections.section(sections.DATA, e.binary(b"junk"))
        for number, (payload, message_format) in enumerate([(b"junk", 0), (batch, 0x80013700), (DATA, 0)]):
            peer.transfer(3, number, payload, message_format=message_format)
            fields = await peer.next(frames.DISPOSITION)
            assert ("argument-error" in str(fields[4])) is (payload != DATA)
    assert (await bus.counts())["active"] == 1
