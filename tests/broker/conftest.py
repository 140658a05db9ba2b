"""A broker in the test's own event loop, and unmodified SDK clients connected to it over sockets."""

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from azure.servicebus import ServiceBusMessage, ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver, ServiceBusSender

from devstack.broker.config import Config
from devstack.broker.model.properties import QueueProperties
from devstack.broker.server import Broker


class Bus:
    """A running broker and ways to reach it; everything is closed with the test, all links at once, as each takes half a second."""

    def __init__(self, broker: Broker, http: aiohttp.ClientSession, stack: AsyncExitStack) -> None:
        self.broker = broker
        self._http = http
        self._stack = stack
        self._links: list[ServiceBusSender | ServiceBusReceiver] = []

    async def client(self, connection_string: str | None = None, **options: Any) -> ServiceBusClient:
        text = connection_string or self.broker.connection_string
        options = {"retry_total": 0} | options
        client = await self._stack.enter_async_context(ServiceBusClient.from_connection_string(text, **options))
        self._stack.push_async_callback(self._close_links)
        return client

    async def open[L: (ServiceBusSender, ServiceBusReceiver)](self, *links: L) -> list[L]:
        """The links, all opened at once."""
        self._links += links
        await asyncio.gather(*(link.__aenter__() for link in links))
        return list(links)

    async def pair(self, queue: str = "q", **receiving: Any) -> tuple[ServiceBusSender, ServiceBusReceiver]:
        """A sender to and a receiver from the queue, both open."""
        client = await self.client()
        sender, receiver = client.get_queue_sender(queue), client.get_queue_receiver(queue, **receiving)
        await asyncio.gather(self.open(sender), self.open(receiver))
        return sender, receiver

    async def send(self, *messages: ServiceBusMessage, to: str = "q") -> None:
        """The messages are in the queue, one send each."""
        sender = (await self.client()).get_queue_sender(to)
        await self.open(sender)
        for message in messages:
            await sender.send_messages(message)

    async def _close_links(self) -> None:
        links, self._links = self._links, []
        await asyncio.gather(*(link.close() for link in links))

    async def control(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """An answer of the control plane: its status and its JSON."""
        async with self._http.request(method, f"{self.broker.control}/_bus/{path}", json=body) as answer:
            return answer.status, await answer.json()

    async def counts(self, queue: str = "q") -> dict[str, int]:
        _, found = await self.control("GET", f"queues/{queue}")
        return dict(found["counts"])

    async def stats(self) -> dict[str, int]:
        return dict((await self.control("GET", "stats"))[1])


async def until(condition: Callable[[], Awaitable[object]]) -> None:
    """The condition holds; fails after 10 s."""
    async with asyncio.timeout(10):
        while not await condition():  # noqa: ASYNC110  # what is waited for happens in the broker, behind HTTP
            await asyncio.sleep(0.03)


async def receive(receiver: ServiceBusReceiver, count: int) -> list[ServiceBusReceivedMessage]:
    """Exactly so many messages, however many calls that takes."""
    found: list[ServiceBusReceivedMessage] = []
    while len(found) < count:
        got = await receiver.receive_messages(max_message_count=count - len(found), max_wait_time=10)
        assert got, f"only {len(found)} of {count} messages came"
        found += got
    return found


def bodies(messages: list[ServiceBusReceivedMessage]) -> list[str]:
    return [str(message) for message in messages]


Start = Callable[..., Awaitable[Bus]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests of a module share an event loop, so that one can begin while the links of the one before still close."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here) and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="module"), append=False)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def closing() -> AsyncIterator[list[asyncio.Task[None]]]:
    """What closes in the background; all is closed when the module ends. The client takes a second for every link."""
    tasks: list[asyncio.Task[None]] = []
    yield tasks
    await asyncio.gather(*tasks)
    gc.collect()  # sockets that a client forgot are closed while their event loop still runs


@pytest_asyncio.fixture(loop_scope="module")
async def start(closing: list[asyncio.Task[None]]) -> AsyncIterator[Start]:
    """Starts a broker with queues by name, one plain queue `q` unless told; the options are the Broker's own."""
    stack = AsyncExitStack()

    async def started(queues: dict[str, QueueProperties] | None = None, **broker_options: Any) -> Bus:
        config = Config(queues if queues is not None else {"q": QueueProperties()})
        broker = await stack.enter_async_context(Broker(config, **broker_options))
        http = await stack.enter_async_context(aiohttp.ClientSession())
        return Bus(broker, http, stack)

    yield started
    closing.append(asyncio.create_task(stack.aclose()))
