"""A proxy in front of the tables that counts requests; a transaction (`$batch`) is one request."""

import asyncio
import contextlib
import re
from types import TracebackType
from typing import Self

# A request line; bodies of table requests are JSON and multipart, whose inner request lines follow a blank line of the part.
_REQUEST = re.compile(rb"(?:^|\r\n)(?:GET|POST|PUT|PATCH|MERGE|DELETE) /devstoreaccount1/[^\r\n]* HTTP/1\.1\r\n")
_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


class CountingProxy:
    """Listens at once; `leads_to` says where, before the first connection is made."""

    def __init__(self) -> None:
        self.requests = 0
        self._port = 0
        self._target = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def connection(self) -> str:
        """The connection string of the tables behind the proxy."""
        end = f"TableEndpoint=http://127.0.0.1:{self._port}/devstoreaccount1;"
        return f"DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={_KEY};{end}"

    def leads_to(self, connection: str) -> None:
        """Connections go on to the tables of this connection string; counting begins now."""
        found = re.search(r"TableEndpoint=http://[^:]+:(\d+)/", connection)
        if found is None:
            raise ValueError("the connection string names no table endpoint with a port")
        self._target = int(found[1])
        self.requests = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        for source, sink, counted in ((reader, back, True), (there, writer, False)):
            task = asyncio.create_task(self._pass_on(source, sink, counted=counted))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass_on(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, counted: bool) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await source.read(65_536):
                if counted:
                    self.requests += len(_REQUEST.findall(data))
                sink.write(data)
                await sink.drain()
        sink.close()
