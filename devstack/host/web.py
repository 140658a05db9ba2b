"""The HTTP front: function routes, access keys, limits, and the host's admin API."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from devstack.host import httpwire, keys, signing_in
from devstack.host.functions import Function
from devstack.host.hostjson import HostConfig
from devstack.host.invocations import Invocations
from devstack.host.keys import Keys
from devstack.host.options import Options
from devstack.host.routes import Template
from devstack.host.worker import Trace

_log = logging.getLogger("host.http")
# ASP.NET's limit in the Functions host, 100 MB.
_LARGEST_BODY = 104_857_600


@dataclass(frozen=True, slots=True)
class Route:
    """One HTTP function and where it answers; no methods means all. A disabled function does not answer."""

    function: Function
    template: Template
    methods: frozenset[str]
    level: str

    def takes(self, method: str) -> bool:
        """Whether the function answers that HTTP method."""
        return not self.methods or method.upper() in self.methods


class Limits:
    """maxConcurrentRequests and maxOutstandingRequests of host.json; -1 means no limit."""

    def __init__(self, config: HostConfig) -> None:
        self._outstanding = config.outstanding_requests
        self._gate = asyncio.Semaphore(config.concurrent_requests) if config.concurrent_requests > 0 else None
        self._inside = 0

    async def within(self, work: Callable[[], Awaitable[web.Response]]) -> web.Response:
        """The work's response, or 429 where too many requests are already waiting or running."""
        if 0 <= self._outstanding <= self._inside:
            return web.Response(status=429)
        self._inside += 1
        try:
            if self._gate is None:
                return await work()
            async with self._gate:
                return await work()
        finally:
            self._inside -= 1


Admin = Callable[[web.BaseRequest, bytes], Awaitable[web.Response]]


class Front:
    """Answers HTTP on one address until closed."""

    def __init__(
        self, routes: list[Route], config: HostConfig, access: Keys, invocations: Invocations, admin: Admin, options: Options
    ) -> None:
        self._routes = sorted(routes, key=lambda route: route.template.precedence)
        self._prefix = f"/{config.route_prefix}" if config.route_prefix else ""
        self._limits = Limits(config)
        self._access = access
        self._invocations = invocations
        self._admin = admin
        self._easy_auth = options.easy_auth
        self._closing = False
        # As they came: the platform unpacks no body, whatever its Content-Encoding says.
        server = web.Server(self._answer, auto_decompress=False)
        self._runner = web.ServerRunner(server, shutdown_timeout=options.drain_timeout)

    async def open(self, host: str, port: int) -> int:
        """The port on which it answers from now on (port 0: a free one); raises OSError."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        return int(self._runner.addresses[0][1])

    async def refuse(self) -> None:
        """No request is taken any more; those under way go on."""
        self._closing = True
        for site in list(self._runner.sites):
            await site.stop()

    async def close(self) -> None:
        """All connections are closed; requests under way had the drain timeout to end."""
        await self._runner.cleanup()

    async def _answer(self, incoming: web.BaseRequest) -> web.StreamResponse:
        if self._closing:
            return web.Response(status=503)
        path = incoming.rel_url.raw_path
        if path.lower().startswith("/admin/"):
            return await self._admin(incoming, await _body(incoming))
        if path == "/":
            return web.Response(text="The function app is up and running.")
        signing = signing_in.answer(incoming) if self._easy_auth else None
        found = self._find(incoming.method, path)
        if signing is not None or found is None:
            return web.Response(status=404) if signing is None else signing
        route, params = found
        key = keys.presented(incoming.headers, incoming.query)
        if not self._access.admits(route.level, route.function.name, key):
            return web.Response(status=401)
        return await self._limits.within(lambda: self._invoke(incoming, route, params))

    def _find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        prefix = self._prefix
        if not path.lower().startswith(f"{prefix}/".lower()):
            return None
        rest = path[len(prefix) + 1 :]
        for route in self._routes:
            if route.takes(method):
                params = route.template.match(rest)
                if params is not None:
                    return route, params
        return None

    async def _invoke(self, incoming: web.BaseRequest, route: Route, params: dict[str, str]) -> web.Response:
        body = await _body(incoming)
        trigger = httpwire.request(incoming, body, params, self._easy_auth)
        parent = incoming.headers.get("traceparent")
        trace = Trace(parent, incoming.headers.get("tracestate", "")) if parent else None
        outcome = await self._invocations.run(route.function, trigger, {}, trace)
        if not outcome.ok:
            return web.Response(status=500)
        try:
            return httpwire.response(outcome.value)
        except (ValueError, TypeError, AttributeError) as error:
            _log.error("%s: its response cannot be sent: %s", route.function.name, error)
            return web.Response(status=500)


async def _body(incoming: web.BaseRequest) -> bytes:
    """The whole body; raises HTTPRequestEntityTooLarge, which aiohttp answers with 413."""
    parts, size = [], 0
    async for part in incoming.content.iter_any():
        size += len(part)
        if size > _LARGEST_BODY:
            raise web.HTTPRequestEntityTooLarge(_LARGEST_BODY, size)
        parts.append(part)
    return b"".join(parts)
