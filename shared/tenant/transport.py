"""httpx over connections of our own: requests are built and answered as the Graph SDK expects, and cost a third of the CPU.

httpcore, which httpx comes with, looks at every idle socket before each request. An error says whether the request can have
reached the other side, because what follows from a lost answer depends on it.
"""

import httpx

from shared.http1.connection import MaybeSent, NoAnswerInTime, NothingSent, NotInTime
from shared.http1.pool import PORTS, Connections, Patience, Place


class Transport(httpx.AsyncBaseTransport):
    """Raises httpx.ConnectError and ConnectTimeout where nothing was sent, ReadError and ReadTimeout where it may have been."""

    def __init__(self) -> None:
        self._connections = Connections()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url, limits = request.url, request.extensions.get("timeout", {})
        body, headers = await request.aread(), request.headers.raw
        if "transfer-encoding" in request.headers:
            # It was to be sent in chunks, and goes out whole: its length says where it ends, and not what was to say so.
            headers = [header for header in headers if header[0].lower() != b"transfer-encoding"]
            headers.append((b"Content-Length", b"%d" % len(body)))
        try:
            reply = await self._connections.ask(
                Place(url.scheme, url.host, url.port or PORTS[url.scheme]),
                request.method,
                url.raw_path,
                headers,
                body=body,
                patience=Patience(limits.get("connect"), limits.get("read")),
            )
        except NotInTime as error:
            raise httpx.ConnectTimeout(str(error), request=request) from error
        except NothingSent as error:
            raise httpx.ConnectError(str(error), request=request) from error
        except NoAnswerInTime as error:
            raise httpx.ReadTimeout(str(error), request=request) from error
        except MaybeSent as error:
            raise httpx.ReadError(str(error), request=request) from error
        return httpx.Response(reply.status, headers=reply.headers, stream=httpx.ByteStream(reply.body), request=request)

    async def aclose(self) -> None:
        self._connections.close()
