"""The broker as an object: started, it serves AMQP and its control plane over HTTP on loopback until it is stopped."""

import asyncio
import base64
import secrets
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from aiohttp import web

from devstack.broker import config as configuration
from devstack.broker.config import Config
from devstack.broker.control import application
from devstack.broker.front.connection import factory
from devstack.broker.front.hub import Hub
from devstack.broker.model.namespace import Namespace
from devstack.broker.tokens import Key, connection_string

ROOT_KEY = "RootManageSharedAccessKey"


class Broker:
    """`async with Broker(config) as broker:`; ports of 0 are chosen. `keys` given, tokens must be signed with one of them.

    `clock` tells Unix seconds for everything that a queue does; with a clock that is set by hand call `wake` after setting it.
    """

    def __init__(
        self,
        config: Config = configuration.EMPTY,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        control_port: int = 0,
        keys: Mapping[str, Key] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._config = config
        self._host = host
        self._ports = port, control_port
        self._keys = dict(keys or {})
        self._clock = clock
        self._secret = base64.b64encode(secrets.token_bytes(32)).decode()
        self._hub: Hub | None = None
        self._server: asyncio.Server | None = None
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Both addresses answer. Raises OSError when a port is taken."""
        self._hub = Hub(Namespace(self._clock), self._keys, self._clock)
        for name, properties in self._config.queues.items():
            self._hub.namespace.put(name, properties)
        port, control_port = self._ports
        self._server = await asyncio.get_running_loop().create_server(factory(self._hub), self._host, port)
        self._runner = web.AppRunner(application(self._hub, self._config), access_log=None, shutdown_timeout=1.0)
        try:
            await self._runner.setup()
            site = web.TCPSite(self._runner, self._host, control_port)
            await site.start()
        except OSError:
            await self.stop()
            raise
        self._ports = self._server.sockets[0].getsockname()[1], self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Nothing is served any more and every connection is gone."""
        if self._runner is not None:
            await self._runner.cleanup()
        if self._server is not None:
            self._server.close()
        if self._hub is not None:
            self._hub.close()
        if self._server is not None:
            await self._server.wait_closed()
        self._hub = self._server = self._runner = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.stop()

    @property
    def amqp(self) -> str:
        return f"sb://{_literal(self._host)}:{self._ports[0]}"

    @property
    def control(self) -> str:
        return f"http://{_literal(self._host)}:{self._ports[1]}"

    @property
    def connection_string(self) -> str:
        """With the first of the configured keys, or a new one."""
        name, key = next(iter(self._keys.items()), (ROOT_KEY, Key(self._secret)))
        return connection_string(self.amqp, name, key.secret)

    def addresses(self) -> dict[str, str]:
        return {"amqp": self.amqp, "connectionString": self.connection_string, "control": self.control}

    def wake(self) -> None:
        """What fell due by the clock happens before the event loop waits again."""
        assert self._hub is not None, "the broker has not been started"
        self._hub.wake()


def _literal(host: str) -> str:
    """The host as it stands in a URL."""
    return f"[{host}]" if ":" in host else host
