"""Starts hosts as processes, the way the stack does."""

import asyncio
import contextlib
import gc
import json
import os
import subprocess
import sys
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient
from azure.servicebus.exceptions import ServiceBusError

ROOT = Path(__file__).resolve().parents[2]
APPS = Path(__file__).resolve().parent / "apps"
DEADLINE = 60.0


@dataclass
class HostProcess:
    """A running host: what it announced, and its log so far."""

    process: asyncio.subprocess.Process
    announced: dict[str, Any]
    log: list[str] = field(default_factory=list)
    reading: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        return str(self.announced["url"])

    def text(self) -> str:
        return "".join(self.log)

    async def until_logged(self, wanted: str, times: int = 1) -> None:
        await until(lambda: self.text().count(wanted) >= times, lambda: f"the log to hold {wanted!r}:\n{self.text()}")

    async def exited(self) -> int:
        async with asyncio.timeout(DEADLINE):
            return await self.process.wait()


async def until(true: Callable[[], bool], what: Callable[[], str]) -> None:
    """Returns when the condition holds; fails with a sentence when the deadline passes."""
    try:
        async with asyncio.timeout(DEADLINE):
            while not true():  # noqa: ASYNC110 - the condition is in another process
                await asyncio.sleep(0.02)
    except TimeoutError:
        pytest.fail(f"waited {DEADLINE} s for {what()}")


async def _read(process: asyncio.subprocess.Process, log: list[str]) -> None:
    assert process.stderr is not None
    async for line in process.stderr:
        log.append(line.decode(errors="replace"))  # noqa: PERF401 - readers look at the log while it grows


StartHost = Callable[..., Awaitable[HostProcess]]


@pytest.fixture
async def start_host(tmp_path: Path) -> AsyncIterator[StartHost]:
    """Starts `python -m devstack.host` on an app of tests/host/apps; all hosts are gone afterwards."""
    started: list[HostProcess] = []

    async def start(app: str | Path, *arguments: str, refused: bool = False, **settings: str) -> HostProcess:
        place = APPS / app if isinstance(app, str) else app
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "devstack.host", "--app", str(place), "--state", str(tmp_path / "state"), *arguments),
            cwd=ROOT,
            env=os.environ | settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdout is not None
        host = HostProcess(process, {})
        host.reading = asyncio.create_task(_read(process, host.log))
        started.append(host)
        async with asyncio.timeout(DEADLINE):
            line = await process.stdout.readline()
        if not line:
            await process.wait()
            await host.reading
        if bool(line) is refused:
            pytest.fail(f"the host should {'not ' if refused else ''}have started:\n{host.text()}")
        host.announced = json.loads(line or b"{}")
        return host

    yield start
    for host in started:
        if host.process.returncode is None:
            host.process.kill()
        await host.process.wait()
        assert host.reading is not None
        await host.reading


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), timeout=aiohttp.ClientTimeout(DEADLINE)) as session:
        yield session


QUEUES: dict[str, dict[str, object]] = {
    "work": {"LockDuration": "PT2S", "MaxDeliveryCount": 3},
    "text": {"MaxDeliveryCount": 2},
    "sessions": {"RequiresSession": True, "LockDuration": "PT2S"},
    "batch": {},
    "json-batch": {"MaxDeliveryCount": 2},
    "seen": {},
}


@dataclass
class Bus:
    """A running broker and a client of it. `seen` is what the app's functions have told so far."""

    connection: str
    control: str
    process: asyncio.subprocess.Process
    client: ServiceBusClient
    http: aiohttp.ClientSession
    seen: list[dict[str, Any]] = field(default_factory=list)
    dropped: bool = False

    async def send(self, queue: str, *messages: ServiceBusMessage | str) -> None:
        made = [each if isinstance(each, ServiceBusMessage) else ServiceBusMessage(each) for each in messages]
        async with self.client.get_queue_sender(queue) as sender:
            await sender.send_messages(made)

    async def until_seen(self, true: Callable[[list[dict[str, Any]]], bool]) -> None:
        await until(lambda: true(self.seen), lambda: f"something else to be seen than {self.seen}")

    async def depth(self, queue: str) -> int:
        """How many messages are in the queue or locked."""
        async with self.http.get(f"{self.control}/_bus/queues/{queue}/messages") as answer:
            return len((await answer.json())["messages"])

    async def drop_connections(self) -> None:
        """Every connection of the broker is cut, without a word to its client."""
        self.dropped = True
        async with self.http.post(f"{self.control}/_bus/faults", json={"dropConnections": True}) as answer:
            answer.raise_for_status()

    async def until_empty(self, queue: str) -> None:
        async with asyncio.timeout(DEADLINE):
            while await self.depth(queue):  # noqa: ASYNC110 - the queue is in another process
                await asyncio.sleep(0.05)


async def _watch(bus: Bus, stop: asyncio.Event) -> None:
    while not stop.is_set():
        # A test may have the broker drop its connections; then the client raises, and a new receiver goes on.
        with contextlib.suppress(ServiceBusError):
            async with bus.client.get_queue_receiver("seen") as receiver:
                # Told to stop and not cancelled: a client that is cancelled as it opens leaves its socket open.
                while not stop.is_set():
                    for message in await receiver.receive_messages(max_message_count=1, max_wait_time=0.2):
                        bus.seen.append(json.loads(b"".join(message.body)))
                        await receiver.complete_message(message)


@pytest.fixture
async def bus(tmp_path: Path, http: aiohttp.ClientSession) -> AsyncIterator[Bus]:
    """The local broker with QUEUES, as a process of its own."""
    queues = [{"Name": name, "Properties": properties} for name, properties in QUEUES.items()]
    config = {
        "UserConfig": {"Namespaces": [{"Name": "sbemulatorns", "Queues": queues, "Topics": []}], "Logging": {"Type": "Console"}}
    }
    file = tmp_path / "Config.json"
    file.write_text(json.dumps(config))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "devstack.broker", "--config", str(file)), cwd=ROOT, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    addresses = json.loads(await process.stdout.readline())
    connection = addresses["connectionString"]
    async with ServiceBusClient.from_connection_string(connection, retry_total=0) as client:
        running = Bus(connection, addresses["control"], process, client, http)
        stop = asyncio.Event()
        watching = asyncio.create_task(_watch(running, stop))
        yield running
        stop.set()
        await watching
    if process.returncode is None:
        process.terminate()
    await process.wait()
    if running.dropped:
        # The client leaves the socket of a cut connection to the garbage collector, which would tell on some later test.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()


StartBusHost = Callable[..., Awaitable[HostProcess]]


@pytest.fixture
async def bus_host(start_host: StartHost, bus: Bus) -> StartBusHost:
    """Starts the app `bus` on the broker, listening for the functions named."""

    async def start(*functions: str, **settings: str) -> HostProcess:
        return await start_host("bus", "--only", ",".join(functions), **({"BUS": bus.connection, "WORK": "work"} | settings))

    return start
