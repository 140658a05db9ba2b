"""What azure-core is told when the table service does something else than answer: over real sockets."""

import asyncio

import pytest
from azure.core.exceptions import (
    AzureError,
    ServiceRequestError,
    ServiceRequestTimeoutError,
    ServiceResponseError,
    ServiceResponseTimeoutError,
)
from azure.core.rest import HttpRequest

from shared.http1.pool import Patience
from shared.tables.transport import Transport
from tests.answering import Answering, saying, server

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CUT_OFF = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"


async def asked(answer: Answering, request: HttpRequest) -> tuple[int, bytes, str]:
    async with server(answer) as port, Transport(Patience(5, 5)) as transport:
        request.url = request.url.replace("PORT", str(port))
        answered = await transport.send(request)
        return answered.status_code, await answered.read(), answered.headers.get("ETAG", "")


async def test_request_and_answer_arrive_as_they_were_sent() -> None:
    seen: list[bytes] = []

    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        seen.append(request)
        writer.write(b"HTTP/1.1 201 Created\r\nETag: one\r\nContent-Length: 2\r\n\r\nok")

    url = "http://127.0.0.1:PORT/devstoreaccount1/tasks(PartitionKey='a%7Cb',RowKey='c')?$select=x%20y"
    request = HttpRequest("PUT", url, headers={"Content-Type": "application/json"}, content='{"a":"é"}')
    assert await asked(answer, request) == (201, b"ok", "one")
    head, _, body = seen[0].partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"PUT /devstoreaccount1/tasks(PartitionKey='a%7Cb',RowKey='c')?$select=x%20y HTTP/1.1"
    assert [line for line in lines if line.lower().startswith(b"content-length")] == [b"Content-Length: 10"]
    assert body == '{"a":"é"}'.encode()


@pytest.mark.parametrize(("method", "said"), [("GET", []), ("DELETE", []), ("POST", [b"Content-Length: 0"])])
async def test_no_body_has_a_length_where_one_is_expected(method: str, said: list[bytes]) -> None:
    seen: list[bytes] = []

    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        seen.append(request)
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    assert await asked(answer, HttpRequest(method, "http://127.0.0.1:PORT")) == (204, b"", "")
    lines = seen[0].split(b"\r\n")
    assert lines[0] == f"{method} / HTTP/1.1".encode()
    assert [line for line in lines if line.lower().startswith(b"content-length")] == said


async def test_nobody_listens_so_nothing_was_sent() -> None:
    async with server(saying()) as port:
        pass
    with pytest.raises(ServiceRequestError):
        await Transport(Patience(5, 5)).send(HttpRequest("GET", f"http://127.0.0.1:{port}/"))


async def test_an_answer_that_is_cut_off_may_have_had_its_effect() -> None:
    with pytest.raises(ServiceResponseError):
        await asked(saying(CUT_OFF, OK), HttpRequest("POST", "http://127.0.0.1:PORT/"))


async def test_what_only_reads_is_asked_once_more_where_the_other_side_hangs_up() -> None:
    request = HttpRequest("GET", "http://127.0.0.1:PORT/")
    assert await asked(saying(b"", OK), request) == (200, b"ok", "")
    with pytest.raises(ServiceResponseError):
        await asked(saying(b"", CUT_OFF, OK), HttpRequest("GET", "http://127.0.0.1:PORT/"))


@pytest.mark.parametrize(("scheme", "error"), [("http", ServiceResponseTimeoutError), ("https", ServiceRequestTimeoutError)])
async def test_silence_says_whether_it_may_have_been_sent(scheme: str, error: type[AzureError]) -> None:
    """What the server takes for no HTTP, and does not answer, is the beginning of TLS."""
    gone = asyncio.Event()

    async def silence(request: bytes, writer: asyncio.StreamWriter) -> None:
        await gone.wait()

    async with server(silence) as port, Transport(Patience(0.1, 0.1)) as transport:
        with pytest.raises(error):
            await transport.send(HttpRequest("GET", f"{scheme}://127.0.0.1:{port}/"))
        gone.set()
