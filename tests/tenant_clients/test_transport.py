"""What httpx is told when a connection does something else than answer: over real sockets."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from shared.tenant.transport import Transport
from tests.answering import server


async def ask(port: int, *, patience: float = 5) -> httpx.Response:
    async with httpx.AsyncClient(transport=Transport(), timeout=patience, trust_env=False) as client:
        return await client.post(
            f"http://127.0.0.1:{port}/v1.0/users?$filter=mail%20eq%20'a%2Bb'", json={"a": 1}, headers={"X-One": "1"}
        )


async def test_request_and_answer_arrive_as_they_were_sent() -> None:
    seen: list[bytes] = []

    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        seen.append(request)
        writer.write(b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nrequest-id: r1\r\nContent-Length: 11\r\n\r\n")
        writer.write(b'{"id": "u"}')

    async with server(answer) as port:
        response = await ask(port)
    assert (response.status_code, response.json(), response.headers["request-id"]) == (201, {"id": "u"}, "r1")
    head, _, body = seen[0].partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    assert lines[0] == b"post /v1.0/users?$filter=mail%20eq%20'a%2bb' http/1.1"
    assert b"x-one: 1" in lines
    assert lines.count(b"content-type: application/json") == 1
    assert body == b'{"a":1}'


async def test_what_is_read_from_a_stream_is_sent_whole_and_says_its_length_alone() -> None:
    seen: list[bytes] = []

    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        seen.append(request)
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    async def parts() -> AsyncIterator[bytes]:
        yield b"one "
        yield b"two"

    async with server(answer) as port, httpx.AsyncClient(transport=Transport(), trust_env=False) as client:
        await client.put(f"http://127.0.0.1:{port}/", content=parts())
    head, _, body = seen[0].lower().partition(b"\r\n\r\n")
    assert (b"content-length: 7" in head, b"transfer-encoding" in head, body) == (True, False, b"one two")


async def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 307 Elsewhere\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n")

    async with server(answer) as port:
        assert (await ask(port)).status_code == 307


async def test_nobody_listens_so_nothing_was_sent() -> None:
    async with server(lambda request, writer: asyncio.sleep(0)) as port:
        pass
    with pytest.raises(httpx.ConnectError):
        await ask(port)


@pytest.mark.parametrize(
    "said", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", b"no http\r\n\r\n"]
)
async def test_whoever_hangs_up_after_the_request_may_have_carried_it_out(said: bytes) -> None:
    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(said)

    async with server(answer) as port:
        with pytest.raises(httpx.TransportError) as raised:
            await ask(port)
    assert not isinstance(raised.value, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)


async def test_an_answer_that_does_not_come_in_time_may_have_had_its_effect() -> None:
    gone = asyncio.Event()

    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        await gone.wait()

    async with server(answer) as port:
        with pytest.raises(httpx.ReadTimeout):
            await ask(port, patience=0.05)
        gone.set()
