"""One connection: a request goes out, its whole answer comes back, and then the next.

What comes in is read by llhttp, Node's parser, through httptools; nothing lenient is switched on.
https://www.rfc-editor.org/rfc/rfc9112
"""

import asyncio
from dataclasses import dataclass, field

import httptools

type Headers = list[tuple[bytes, bytes]]
_SAYS_ITS_LENGTH = frozenset({b"content-length", b"transfer-encoding"})


class NothingSent(Exception):
    """The other side cannot have seen anything of the request."""


class NotInTime(NothingSent):
    """No connection was made in the time given."""


class MaybeSent(Exception):
    """The other side may have carried the request out; there is no whole answer."""


class NoAnswerInTime(MaybeSent):
    """Nothing came for as long as was to be waited."""


@dataclass
class Reply:
    """An answer as it came: the body is not decompressed."""

    status: int = 0
    headers: Headers = field(default_factory=list)
    body: bytes = b""


class Connection(asyncio.Protocol):
    """What `loop.create_connection` makes. `open` says that a request may be written to it."""

    def __init__(self) -> None:
        self.open = False
        self._exchange: _Exchange | None = None

    async def ask(self, method: str, request: bytes, seconds: float | None) -> Reply:
        """The answer to the request; `seconds` is the longest silence before it is whole. Raises MaybeSent, and NothingSent where the
        other side had hung up before.

        Afterwards `open` says whether the connection can be used again; where somebody stopped waiting, it cannot.
        """
        if not self.open:
            raise NothingSent("the other side hung up before it was asked anything")
        exchange = self._exchange = _Exchange(method)
        self._transport.write(request)
        watch = _Watch(exchange, seconds) if seconds else None
        try:
            return await exchange.answer
        finally:
            self._exchange = None
            if watch:
                watch.stop()
            if not exchange.may_follow or self._transport.get_write_buffer_size():
                # Whoever answers before all was sent may not read the rest, or take it for a request.
                self.close()

    def close(self) -> None:
        """Nothing more comes or goes."""
        if self.open:
            self.open = False
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 -- asyncio gives a stream protocol nothing else
        self._transport = transport
        self.open = True

    def data_received(self, data: bytes) -> None:
        if self._exchange is None:
            # An answer that nobody asked for must not be taken for the next one's.
            self.close()
        else:
            self._exchange.hear(data)

    def eof_received(self) -> None:
        # Nothing may be written from here on; the rest is said by connection_lost.
        self.open = False

    def connection_lost(self, exc: Exception | None) -> None:
        self.open = False
        if self._exchange is not None:
            self._exchange.end(exc)


class _Exchange:
    """One request's answer, as it comes in. Its methods named `on_` are the parser's."""

    def __init__(self, method: str) -> None:
        loop = asyncio.get_running_loop()
        self.answer: asyncio.Future[Reply] = loop.create_future()
        self.heard_at = loop.time()
        # Whether another request may be sent after this one.
        self.may_follow = False
        self._loop = loop
        self._bodiless = method == "HEAD"
        self._parser = httptools.HttpResponseParser(self)
        self._reply = Reply()
        self._body: list[bytes] = []
        self._until_the_end = True
        self._begun = False

    def hear(self, data: bytes) -> None:
        self.heard_at = self._loop.time()
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self.may_follow = False
            self.fail(MaybeSent(f"what came is no HTTP ({type(error).__name__})"))

    def end(self, error: Exception | None) -> None:
        """The connection is gone. An answer without a length is whole by that; any other, and an interim one, was cut off."""
        self.may_follow = False
        if error is None and self._begun and self._until_the_end and self._reply.status >= 200:
            self._finish()
        else:
            self.fail(MaybeSent(f"the connection broke ({type(error).__name__})" if error else "the other side hung up"))

    def fail(self, error: MaybeSent) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)

    def on_message_begin(self) -> None:
        if self.answer.done():
            # More came than was asked for.
            self.may_follow = False
        self._reply = Reply()
        self._body = []
        self._until_the_end = True
        self._begun = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._begun:
            # What follows a body must not be taken for what stood before it. https://www.rfc-editor.org/rfc/rfc9110#section-6.5.1
            return
        # The parser leaves spaces behind a value, which are no part of it. https://www.rfc-editor.org/rfc/rfc9110#section-5.5
        self._reply.headers.append((name, value.rstrip(b" \t")))
        if name.lower() in _SAYS_ITS_LENGTH:
            self._until_the_end = False

    def on_headers_complete(self) -> None:
        self._begun = True
        self._reply.status = self._parser.get_status_code()
        if self._bodiless and self._reply.status >= 200:
            # What the parser would take for a body never comes.
            self._finish()

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        # Interim answers come before the one that counts.
        if self._reply.status >= 200 and not self.answer.done():
            self.may_follow = self._parser.should_keep_alive()
            self._finish()

    def _finish(self) -> None:
        self._reply.body = b"".join(self._body)
        if not self.answer.done():
            self.answer.set_result(self._reply)


class _Watch:
    """Ends an exchange in which nothing was heard for `seconds`."""

    def __init__(self, exchange: _Exchange, seconds: float) -> None:
        self._exchange = exchange
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(seconds, self._look)

    def stop(self) -> None:
        self._timer.cancel()

    def _look(self) -> None:
        due = self._exchange.heard_at + self._seconds
        if self._loop.time() >= due:
            self._exchange.fail(NoAnswerInTime(f"nothing came for {self._seconds} s"))
        else:
            self._timer = self._loop.call_at(due, self._look)
