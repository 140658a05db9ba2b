"""The connections to whom we speak: used again while they are fresh, and never more than so many."""

import asyncio
from collections.abc import Iterable
from typing import NamedTuple

from shared.http1.connection import Connection, NothingSent, NotInTime, Reply
from shared.http1.trust import trusting_the_system

MOST_CONNECTIONS = 100
# What stands between may forget an idle connection without a word; one that has been idle for longer is not used again.
FRESH_SECONDS = 15.0
# How long one address is tried before the next is, beside it. https://www.rfc-editor.org/rfc/rfc8305#section-5
NEXT_ADDRESS_SECONDS = 0.25
PORTS = {"http": 80, "https": 443}


class Place(NamedTuple):
    """Where a connection leads."""

    scheme: str
    host: str
    port: int


class Patience(NamedTuple):
    """The longest to wait for a connection, and for a sign of life from the other side, in seconds; None for ever."""

    connect: float | None = None
    read: float | None = None


class _Idle(NamedTuple):
    place: Place
    connection: Connection
    since: float


class Connections:
    """Raises NothingSent where the other side has seen nothing of the request, MaybeSent where it may have. Nothing is sent twice.

    Proxies and ~/.netrc are not looked at.
    """

    def __init__(self, most: int = MOST_CONNECTIONS) -> None:
        self._most = most
        self._closed = False
        self._room = asyncio.Semaphore(most)
        self._used = 0
        # The one that was used last stands last.
        self._idle: list[_Idle] = []

    async def ask(
        self,
        place: Place,
        method: str,
        target: bytes,
        headers: Iterable[tuple[bytes, bytes]],
        *,
        body: bytes = b"",
        patience: Patience,
    ) -> Reply:
        """The whole answer. The headers are sent as they are: Host and Content-Length are for the caller to give."""
        request = _written(method, target, headers) + body
        async with self._room:
            self._used += 1
            connection: Connection | None = None
            try:
                connection = self._fresh(place) or await self._opened(place, patience.connect)
                return await connection.ask(method, request, patience.read)
            finally:
                self._used -= 1
                if connection is not None:
                    self._keep(place, connection)

    def close(self) -> None:
        """No connection is left idle; those that are in use go with their answers."""
        self._closed = True
        while self._idle:
            self._idle.pop().connection.close()

    def _fresh(self, place: Place) -> Connection | None:
        """The idle connection there that was used last, if it is good still."""
        stale = asyncio.get_running_loop().time() - FRESH_SECONDS
        while self._idle and self._idle[0].since < stale:
            self._idle.pop(0).connection.close()
        for index in range(len(self._idle) - 1, -1, -1):
            if self._idle[index].place == place:
                found = self._idle.pop(index).connection
                if found.open:
                    return found
        return None

    def _keep(self, place: Place, connection: Connection) -> None:
        if self._closed:
            connection.close()
        elif connection.open:
            self._idle.append(_Idle(place, connection, asyncio.get_running_loop().time()))

    async def _opened(self, place: Place, seconds: float | None) -> Connection:
        if self._idle and len(self._idle) + self._used > self._most:
            self._idle.pop(0).connection.close()
        tls = trusting_the_system() if place.scheme == "https" else None
        try:
            async with asyncio.timeout(seconds):
                _, connection = await asyncio.get_running_loop().create_connection(
                    Connection, place.host, place.port, ssl=tls, happy_eyeballs_delay=NEXT_ADDRESS_SECONDS
                )
        except TimeoutError as error:
            raise NotInTime(f"no connection in {seconds} s") from error
        except (OSError, UnicodeError) as error:
            raise NothingSent(f"no connection ({type(error).__name__})") from error
        return connection


def _written(method: str, target: bytes, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The head of the request. Raises ValueError where something in it would begin a line of its own."""
    lines = [b"%b %b HTTP/1.1" % (method.encode("ascii"), target), *(b"%b: %b" % header for header in headers)]
    head = b"\n".join(lines)
    if b" " in target or b"\r" in head or b"\0" in head or head.count(b"\n") != len(lines) - 1:
        raise ValueError(f"the head of a {method} request has characters in it that end a line")
    return head.replace(b"\n", b"\r\n") + b"\r\n\r\n"
