"""The app's webhook on loopback, as the Functions host would serve it, in front of a rig's world."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import azure.functions as func
from aiohttp import web

from functions import tenant_changes
from shared import root
from shared.nouns.changes import Upkeep
from shared.verbs.tend import tend
from tests.rig import Killed, Rig

KEY = base64.b64encode(b"32 bytes that are no secret at all").decode()
ROUTES = {
    "/api/tenant-changes": tenant_changes.hear_tenant_changes,
    "/api/tenant-changes/lifecycle": tenant_changes.hear_lifecycle,
}


@dataclass
class Ear:
    """What came in, in order: path and body. While `deaf`, nobody answers; a worker that is killed answers nobody either."""

    address: str = ""
    rig: Rig | None = None
    deaf: bool = False
    bodies: list[tuple[str, bytes]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    async def answer(self, incoming: web.Request) -> web.StreamResponse:
        body = await incoming.read()
        if self.deaf or self.rig is None:
            return _hang_up(incoming)
        request = func.HttpRequest(
            method=incoming.method, url=str(incoming.url), headers=dict(incoming.headers), params=dict(incoming.query), body=body
        )
        self.bodies.append((incoming.path, body))
        root._built[""] = self.rig.world
        try:
            answer: func.HttpResponse = await ROUTES[incoming.path](request)
        except Killed:
            return _hang_up(incoming)
        finally:
            root._built.clear()
        self.statuses.append(answer.status_code)
        headers: dict[str, Any] = {**answer.headers, "Content-Type": answer.headers.get("Content-Type") or answer.mimetype}
        return web.Response(status=answer.status_code, body=answer.get_body(), headers=headers)


def _hang_up(incoming: web.Request) -> web.Response:
    assert incoming.transport is not None
    incoming.transport.abort()
    return web.Response()


@asynccontextmanager
async def ear() -> AsyncIterator[Ear]:
    """A webhook that answers while the context lasts, for whichever rig is set."""
    made = Ear()
    app = web.Application(client_max_size=64_000_000)
    for path in ROUTES:
        app.router.add_post(path, made.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        made.address = "http://{}:{}".format(*runner.addresses[0][:2])
        yield made
    finally:
        await runner.cleanup()


async def renewed(rig: Rig) -> None:
    """Subscriptions have been looked after, and what that ordered is done."""
    await tend(rig.world, Upkeep(do="renew", resource="subscriptions", why="by the clock"))
    await rig.deliver_all()
