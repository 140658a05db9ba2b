"""A broker in the test's own event loop, and unmodified SDK clients connected to it over sockets."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest
from azure.servicebus.aio import ServiceBusClient

from devstack.broker.config import Config
from devstack.broker.model.properties import QueueProperties
from devstack.broker.server import Broker

SOON = 0.05
"""Seconds the SDK waits in one read of its socket; 0.2 unless told, which makes every open and close slow."""


class Bus:
    """A running broker and ways to reach it; everything is closed with the test."""

    def __init__(self, broker: Broker, http: aiohttp.ClientSession, stack: AsyncExitStack) -> None:
        self.broker = broker
        self._http = http
        self._stack = stack

    async def client(self, connection_string: str | None = None, **options: Any) -> ServiceBusClient:
        options = {"retry_total": 0, "socket_timeout": SOON} | options
        text = connection_string or self.broker.connection_string
        return await self._stack.enter_async_context(ServiceBusClient.from_connection_string(text, **options))

    async def control(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """An answer of the control plane: its status and its JSON."""
        async with self._http.request(method, f"{self.broker.control}/_bus/{path}", json=body) as answer:
            return answer.status, await answer.json()

    async def counts(self, queue: str = "q") -> dict[str, int]:
        _, found = await self.control("GET", f"queues/{queue}")
        return dict(found["counts"])

    async def stats(self) -> dict[str, int]:
        return dict((await self.control("GET", "stats"))[1])


Start = Callable[..., Awaitable[Bus]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Starts a broker: queues by name as keyword or mapping, `broker_options` for the Broker itself."""
    async with AsyncExitStack() as stack:

        async def started(queues: dict[str, QueueProperties] | None = None, **broker_options: Any) -> Bus:
            config = Config(queues if queues is not None else {"q": QueueProperties()})
            broker = await stack.enter_async_context(Broker(config, **broker_options))
            http = await stack.enter_async_context(aiohttp.ClientSession())
            return Bus(broker, http, stack)

        yield started
