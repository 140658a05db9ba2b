"""One TCP connection: SASL, frames in, frames out (facts/service-bus-broker.md, section 3)."""

import asyncio
from collections.abc import Callable

from devstack.broker.codec import frames
from devstack.broker.codec.decode import MalformedAmqpError
from devstack.broker.codec.frames import Error, Performative
from devstack.broker.front import attach
from devstack.broker.front.channel import FRAME_SIZE, WINDOW, Channel
from devstack.broker.front.hub import Hub
from devstack.broker.front.receiver import QueueReceiver
from devstack.broker.model.errors import UNAUTHORIZED, BusError
from devstack.broker.tokens import Grant

CHANNEL_MAX = 4999
IDLE_MS = 240_000
FLUSH_AT = 256 * 1024
"""Bytes that are collected for one write at most."""
MECHANISMS = ["MSSBCBS", "PLAIN", "ANONYMOUS", "EXTERNAL"]


class Connection(asyncio.Protocol):
    """`grants` is what the client's tokens allow; `writable` is false while the client does not read."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.grants: list[Grant] = []
        self.writable = True
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._greeted = False
        self._out: list[bytes] = []
        self._unflushed = 0
        self._flush_planned = False
        self._channels: dict[int, Channel] = {}
        self._heartbeat: asyncio.TimerHandle | None = None
        self._silence: asyncio.TimerHandle | None = None
        self._heard = False

    # ---- transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if self.hub.refuses():
            transport.abort()
            return
        self.hub.connections.add(self)
        self.hub.counts["connections"] += 1
        self._watch_silence()

    def connection_lost(self, exc: Exception | None) -> None:
        self.hub.connections.discard(self)
        for timer in (self._heartbeat, self._silence):
            if timer is not None:
                timer.cancel()
        self._transport = None
        channels, self._channels = self._channels, {}
        for channel in channels.values():
            channel.close()

    def pause_writing(self) -> None:
        self.writable = False

    def resume_writing(self) -> None:
        self.writable = True
        self.wake_links()

    def wake_links(self) -> None:
        """Receivers with credit get on."""
        for channel in self._channels.values():
            for link in channel.links.values():
                if isinstance(link, QueueReceiver):
                    link.wake()

    def write(self, raw: bytes) -> None:
        """The bytes go out with all others of this turn of the event loop."""
        self._out.append(raw)
        self._unflushed += len(raw)
        if self._unflushed > FLUSH_AT:
            self._flush()  # so that the transport can say in time that the client does not keep up
        elif not self._flush_planned:
            self._flush_planned = True
            self.hub.loop.call_soon(self._turn_ends)

    def _turn_ends(self) -> None:
        self._flush_planned = False
        self._flush()

    def _flush(self) -> None:
        out, self._out, self._unflushed = self._out, [], 0
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"".join(out))

    def abort(self) -> None:
        self._out.clear()
        if self._transport is not None:
            self._transport.abort()

    def _close(self) -> None:
        self._flush()
        if self._transport is not None:
            self._transport.close()

    def loses_reply(self, operation: str | None, queue_name: str) -> bool:
        """Whether the connection dropped in place of an answer, by order of a fault."""
        if operation is None or not self.hub.faults.loses_reply(operation, queue_name):
            return False
        self.abort()
        return True

    # ---- reading

    def data_received(self, data: bytes) -> None:
        self._heard = True
        self._buffer += data
        try:
            self._read()
        except MalformedAmqpError as error:
            self._fail(Error("amqp:decode-error", f"{error}."))

    def _read(self) -> None:
        buffer = self._buffer
        position = 0
        while len(buffer) - position >= 8 and self._transport is not None and not self._transport.is_closing():
            if not self._greeted or buffer[position : position + 4] == b"AMQP":
                self._greet(bytes(buffer[position : position + 8]))
                position += 8
                continue
            size = int.from_bytes(buffer[position : position + 4])
            start = buffer[position + 4] * 4
            if not 8 <= start <= size <= FRAME_SIZE:
                self._fail(Error("amqp:connection:framing-error", f"A frame of {size} bytes; at most {FRAME_SIZE} are read."))
                break
            if len(buffer) - position < size:
                break
            sasl = buffer[position + 5] == 1
            number = int.from_bytes(buffer[position + 6 : position + 8])
            body = bytes(buffer[position + start : position + size])
            position += size
            if body:
                self._frame(number, body, sasl=sasl)
        del buffer[:position]

    def _greet(self, header: bytes) -> None:
        if header == frames.SASL_HEADER:
            self.write(frames.SASL_HEADER + frames.sasl_mechanisms(MECHANISMS))
        else:
            self.write(frames.AMQP_HEADER)
            if header != frames.AMQP_HEADER:
                self._close()
        self._greeted = True

    def _frame(self, number: int, body: bytes, *, sasl: bool) -> None:
        if sasl:
            if frames.performative_code(body)[0] == frames.SASL_INIT:
                self.write(frames.sasl_welcome())
            return
        code, _ = frames.performative_code(body)
        channel = self._channels.get(number)
        if code == frames.ATTACH and channel is not None:
            self._attach(channel, body)
        elif code == frames.DISPOSITION and channel is not None:
            channel.disposed(body)
        else:
            self._performative(number, channel, frames.performative(body), body)

    def _performative(self, number: int, channel: Channel | None, performative: Performative, body: bytes) -> None:
        code, fields, _ = performative
        if code == frames.OPEN:
            self._open(fields)
        elif code == frames.BEGIN and channel is None:
            self._channels[number] = Channel(self, number)
            self.write(frames.begin(number, number, WINDOW))
        elif code == frames.CLOSE:
            self.write(frames.close())
            self._close()
        elif channel is None:
            self._fail(Error("amqp:not-allowed", f"A frame came on channel {number}, which has not begun."))
        elif code == frames.TRANSFER:
            channel.transferred(performative, body)
        elif code == frames.FLOW:
            channel.flowed(fields)
        elif code == frames.DETACH and isinstance(fields[0], int):
            channel.detached(fields[0], closed=fields[1] is True)
        elif code == frames.END:
            del self._channels[number]
            channel.close()
            self.write(frames.end(number))
        else:
            self._fail(Error("amqp:not-implemented", f"The performative {code:#04x} is not supported."))

    def _open(self, fields: list[object]) -> None:
        self.write(frames.open_("entente-broker", FRAME_SIZE, CHANNEL_MAX, IDLE_MS))
        idle = fields[4]
        if isinstance(idle, int) and idle > 0:
            self._beat(max(idle / 2000, 0.01))

    def _attach(self, channel: Channel, body: bytes) -> None:
        wanted = attach.read(body)
        if wanted.handle in channel.links:
            self._fail(Error("amqp:session:handle-in-use", f"The handle {wanted.handle} is attached already."))
        else:
            attach.attach(channel, wanted)

    def _fail(self, error: Error) -> None:
        self.write(frames.close(error))
        self._close()

    # ---- time

    def _beat(self, seconds: float) -> None:
        self.write(frames.EMPTY_FRAME)
        self._heartbeat = self.hub.loop.call_later(seconds, self._beat, seconds)

    def _watch_silence(self) -> None:
        """A client that has been silent for twice the announced time-out is gone."""
        if not self._heard and self._silence is not None:
            self.abort()
            return
        self._heard = False
        self._silence = self.hub.loop.call_later(2 * IDLE_MS / 1000, self._watch_silence)

    # ---- rights

    def authorize(self, path: str, *rights: str) -> None:
        """Raises BusError unless a token of the client allows one of the rights on the path."""
        now = self.hub.clock()
        allowed = {right for grant in self.grants if grant.until > now and grant.covers(path) for right in grant.rights}
        if not allowed & {*rights, "Manage"}:
            raise BusError(
                UNAUTHORIZED,
                f"Unauthorized access. '{', '.join(rights)}' claim(s) are required to perform this operation on '{path}'.",
            )


def factory(hub: Hub) -> Callable[[], Connection]:
    return lambda: Connection(hub)
