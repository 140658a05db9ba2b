"""httpx over aiohttp's connections: the requests are built and answered as the Graph SDK expects, and cost a third of the CPU.

httpcore looks at every idle socket before each request. An error says whether the request can have reached the other side,
because what follows from a lost answer depends on it.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import aiohttp
import httpx

_CHUNK = 64 * 1024


class AiohttpTransport(httpx.AsyncBaseTransport):
    """One pool of connections. Raises httpx.ConnectError and ConnectTimeout where nothing was sent, other TransportErrors where
    it may have been. Proxies and ~/.netrc are not looked at: they would cost a thread at every call."""

    def __init__(self, most_connections: int = 100) -> None:
        self._most_connections = most_connections
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        limits = request.extensions.get("timeout", {})
        timeout = aiohttp.ClientTimeout(sock_connect=limits.get("connect"), sock_read=limits.get("read"))
        body = await request.aread()
        with _translated(request):
            response = await self._opened().request(
                request.method,
                str(request.url),
                headers=[(name.decode("ascii"), value.decode("latin-1")) for name, value in request.headers.raw],
                data=body or None,
                allow_redirects=False,
                timeout=timeout,
            )
        return httpx.Response(
            response.status, headers=list(response.raw_headers), stream=_Body(response, request), request=request
        )

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._most_connections),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("User-Agent", "Content-Type"),
            )
            # aiohttp sends a PUT or DELETE again, unasked, where a connection broke; whether it had an effect is for us to find out.
            self._session._retry_connection = False  # noqa: SLF001 -- there is no public way; its own test client does the same
        return self._session


class _Body(httpx.AsyncByteStream):
    def __init__(self, response: aiohttp.ClientResponse, request: httpx.Request) -> None:
        self._response = response
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _translated(self._request):
            async for chunk in self._response.content.iter_chunked(_CHUNK):
                yield chunk

    async def aclose(self) -> None:
        self._response.release()


@contextmanager
def _translated(request: httpx.Request) -> Iterator[None]:
    try:
        yield
    except aiohttp.ConnectionTimeoutError as error:
        raise httpx.ConnectTimeout(type(error).__name__, request=request) from error
    except (aiohttp.ClientConnectorError, aiohttp.InvalidURL) as error:
        raise httpx.ConnectError(type(error).__name__, request=request) from error
    except TimeoutError as error:
        raise httpx.ReadTimeout(type(error).__name__, request=request) from error
    except (aiohttp.ClientError, OSError) as error:
        raise httpx.ReadError(type(error).__name__, request=request) from error
