"""What comes of a request over a real socket, whatever the other side does with it."""

import asyncio

import pytest

from shared.http1.connection import Connection, MaybeSent, NoAnswerInTime, NothingSent, NotInTime, Reply, _Exchange, _Watch
from shared.http1.pool import Connections, Patience, Place
from tests.answering import Answering, saying, server

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
PATIENCE = Patience(connect=5, read=5)


async def ask(
    connections: Connections, port: int, method: str = "GET", target: bytes = b"/", *, patience: Patience = PATIENCE
) -> Reply:
    place = Place("http", "127.0.0.1", port)
    return await connections.ask(place, method, target, [(b"Host", b"here")], patience=patience)


async def alone(answer: Answering, method: str = "GET") -> Reply:
    connections = Connections()
    async with server(answer) as port:
        try:
            return await ask(connections, port, method)
        finally:
            connections.close()


async def connections_made(*said: bytes) -> int:
    """How many connections it takes to be answered so, request after request."""
    peers: list[object] = []
    left = list(said)

    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        peers.append(writer.get_extra_info("peername"))
        writer.write(left.pop(0))

    connections = Connections()
    async with server(answer, requests=len(said)) as port:
        for _ in said:
            assert (await ask(connections, port)).body == b"ok"
        connections.close()
    return len(set(peers))


@pytest.mark.parametrize(
    ("said", "status", "body"),
    [
        (OK + b"ok", 200, b"ok"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (
            b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nnot\r\n5;x=y\r\n here\r\n0\r\nTrailer: t\r\n\r\n",
            404,
            b"not here",
        ),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n" + OK + b"ok", 200, b"ok"),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end", 200, b"until the end"),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", 200, b"until the end"),
    ],
)
async def test_an_answer_is_whole_whatever_says_where_it_ends(said: bytes, status: int, body: bytes) -> None:
    reply = await alone(saying(said))
    assert (reply.status, reply.body) == (status, body)


async def test_an_answer_may_come_byte_by_byte() -> None:
    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nX-Name: two words\r\nContent-Length: 2\r\n\r\nok":
            writer.write(bytes([byte]))
            await writer.drain()

    reply = await alone(answer)
    assert reply == Reply(200, [(b"X-Name", b"two words"), (b"Content-Length", b"2")], b"ok")


async def test_interim_answers_leave_nothing_behind() -> None:
    reply = await alone(saying(b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n" + OK + b"ok"))
    assert reply.headers == [(b"Content-Length", b"2")]


async def test_what_follows_a_body_is_not_taken_for_what_stood_before_it() -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nLocation: elsewhere\r\n\r\n"
    assert await alone(saying(chunked)) == Reply(200, [(b"Transfer-Encoding", b"chunked")], b"ok")


async def test_spaces_around_a_value_are_no_part_of_it() -> None:
    reply = await alone(saying(b"HTTP/1.1 429 Slow\r\nRetry-After: \t 2 \t \r\nX-Empty:  \r\nContent-Length: 0 \r\n\r\n"))
    assert reply.headers == [(b"Retry-After", b"2"), (b"X-Empty", b""), (b"Content-Length", b"0")]


async def test_the_answer_to_head_has_no_body_whatever_its_length_says() -> None:
    reply = await alone(saying(OK), "HEAD")
    assert (reply.status, reply.body) == (200, b"")


async def test_a_connection_is_used_again() -> None:
    assert await connections_made(OK + b"ok", OK + b"ok", OK + b"ok") == 1


async def test_a_connection_that_the_other_side_ends_is_not_used_again() -> None:
    ending = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
    assert await connections_made(ending, OK + b"ok") == 2


async def test_a_connection_that_said_more_than_it_was_asked_is_not_used_again() -> None:
    """Or what nobody asked for would be taken for the next one's answer."""
    assert await connections_made(OK + b"ok" + OK + b"no", OK + b"ok") == 2


async def test_a_connection_that_was_idle_for_long_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.http1.pool.FRESH_SECONDS", -1.0)
    assert await connections_made(OK + b"ok", OK + b"ok") == 2


async def idle_connection_closed(connections: Connections) -> None:
    while connections._idle[0].connection.open:  # noqa: ASYNC110 -- the network says so to nobody but the connection
        await asyncio.sleep(0)


async def test_what_comes_unasked_ends_the_connection() -> None:
    asked = asyncio.Event()
    peers: list[object] = []

    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        peers.append(writer.get_extra_info("peername"))
        writer.write(OK + b"ok")
        if len(peers) == 1:
            await asked.wait()
            writer.write(OK + b"no")

    connections = Connections()
    async with server(answer, requests=2) as port:
        await ask(connections, port)
        asked.set()
        await idle_connection_closed(connections)
        assert (await ask(connections, port)).body == b"ok"
        connections.close()
    assert len(set(peers)) == 2


async def test_a_connection_that_is_closed_while_idle_is_not_written_to() -> None:
    """The other side has seen nothing then, and there is no need to wonder."""
    connections = Connections()
    async with server(saying(OK + b"ok", OK + b"ok")) as port:
        for _ in range(2):
            await ask(connections, port)
            await idle_connection_closed(connections)
    connections.close()


async def test_a_connection_whose_other_side_has_ended_is_not_written_to() -> None:
    connections = Connections()
    async with server(saying(OK + b"ok", OK + b"ok"), requests=2) as port:
        await ask(connections, port)
        ended = connections._idle[0].connection
        ended.eof_received()
        await ask(connections, port)
        assert [idle.connection for idle in connections._idle] != [ended]
        ended._transport.abort()
        connections.close()


async def test_more_than_so_many_wait_for_each_other() -> None:
    under_way, most = 0, 0

    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        for _ in range(10):
            await asyncio.sleep(0)
        writer.write(OK + b"ok")
        under_way -= 1

    connections = Connections(most=3)
    async with server(answer, requests=10) as port:
        replies = await asyncio.gather(*(ask(connections, port) for _ in range(10)))
        connections.close()
    assert [reply.body for reply in replies] == [b"ok"] * 10
    assert most == 3


async def test_idle_connections_elsewhere_make_room() -> None:
    connections = Connections(most=1)
    async with server(saying(OK + b"ok"), requests=2) as one, server(saying(OK + b"ok"), requests=2) as other:
        await ask(connections, one)
        await ask(connections, other)
        assert [idle.place.port for idle in connections._idle] == [other]
        connections.close()


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: other\r\nConnection: upgrade\r\n\r\nwhat",
        b"no http\r\n\r\n",
    ],
)
async def test_what_is_no_whole_answer_leaves_open_whether_it_was_carried_out(said: bytes) -> None:
    with pytest.raises(MaybeSent):
        await alone(saying(said))


async def test_a_reset_leaves_open_whether_it_was_carried_out() -> None:
    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        transport = writer.transport
        assert isinstance(transport, asyncio.WriteTransport)
        transport.abort()

    with pytest.raises(MaybeSent):
        await alone(answer)


async def test_who_hangs_up_before_being_asked_has_seen_nothing() -> None:
    """It may do so between the connection and the request: nobody would ever hear of an answer then."""
    async with server(saying(OK + b"ok")) as port:
        _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", port)
        connection._transport.abort()
        connection.connection_lost(None)
        with pytest.raises(NothingSent):
            await connection.ask("GET", b"GET / HTTP/1.1\r\n\r\n", None)


async def test_a_connection_on_which_more_is_still_to_be_sent_is_not_used_again() -> None:
    """Whoever answers that early may take the rest for a request."""
    answered = asyncio.Event()

    async def early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK + b"no")
        await answered.wait()
        writer.close()

    connections = Connections()
    listening = await asyncio.start_server(early, "127.0.0.1", 0, limit=1_000)
    place = Place("http", "127.0.0.1", listening.sockets[0].getsockname()[1])
    body = bytes(50_000_000)
    reply = await connections.ask(place, "PUT", b"/", [(b"Content-Length", b"50000000")], body=body, patience=PATIENCE)
    assert (reply.body, connections._idle) == (b"no", [])
    answered.set()
    listening.close()
    await listening.wait_closed()


async def test_nobody_listens_so_nothing_was_sent() -> None:
    async with server(saying()) as port:
        pass
    with pytest.raises(NothingSent):
        await ask(Connections(), port)


async def test_a_name_that_nobody_has_means_that_nothing_was_sent() -> None:
    with pytest.raises(NothingSent):
        await Connections().ask(Place("http", "x..invalid", 80), "GET", b"/", [], patience=PATIENCE)


async def test_a_connection_that_does_not_come_about_in_time_means_that_nothing_was_sent() -> None:
    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        raise AssertionError("TLS was to be spoken, and nothing is understood of it")

    async with server(answer) as port:
        with pytest.raises(NotInTime):
            await Connections().ask(Place("https", "127.0.0.1", port), "GET", b"/", [], patience=Patience(connect=0.05))


async def test_silence_is_waited_out_as_long_as_told_and_no_longer() -> None:
    gone = asyncio.Event()

    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nx")
        await gone.wait()

    connections = Connections()
    async with server(answer) as port:
        with pytest.raises(NoAnswerInTime):
            await ask(connections, port, patience=Patience(read=0.05))
        assert not connections._idle
        gone.set()


async def test_only_the_time_since_something_was_heard_counts() -> None:
    exchange = _Exchange("GET")
    watch = _Watch(exchange, 1_000)
    now = asyncio.get_running_loop().time()
    exchange.heard_at = now - 500
    watch._look()
    assert not exchange.answer.done()
    exchange.heard_at = now - 1_001
    watch._look()
    assert isinstance(exchange.answer.exception(), NoAnswerInTime)
    watch.stop()


async def test_whoever_stops_waiting_leaves_no_answer_for_the_next() -> None:
    heard, go_on = asyncio.Event(), asyncio.Event()
    bodies = [b"no", b"ok"]

    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        body = bodies.pop(0)
        heard.set()
        if body == b"no":
            await go_on.wait()
        writer.write(OK + body)

    connections = Connections()
    async with server(answer, requests=2) as port:
        first = asyncio.create_task(ask(connections, port))
        await heard.wait()
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        go_on.set()
        assert (await ask(connections, port)).body == b"ok"
        connections.close()


@pytest.mark.parametrize(
    ("target", "header"),
    [
        (b"/a HTTP/1.1\r\nX: y\r\n\r\nGET /b", (b"Host", b"here")),
        (b"/a b", (b"Host", b"here")),
        (b"/", (b"X-Name", b"one\r\nX-Other: two")),
        (b"/", (b"X-Name", b"one\nX-Other: two")),
        (b"/", (b"X-Name", b"one\rtwo")),
        (b"/", (b"X-Name", b"one\0two")),
        (b"/", (b"X-Name: a\r\nX-Other", b"two")),
    ],
)
async def test_nothing_in_a_request_begins_a_line_of_its_own(target: bytes, header: tuple[bytes, bytes]) -> None:
    async with server(saying(OK + b"ok")) as port:
        place = Place("http", "127.0.0.1", port)
        with pytest.raises(ValueError, match="characters"):
            await Connections().ask(place, "GET", target, [header], patience=PATIENCE)
