"""A small webhook on loopback, as an application has one: it answers handshakes and keeps what it is sent."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass
class Receiver:
    """`answers` are statuses for the next notifications, one each; then 202. `handshake` makes the reply to a token."""

    address: str = ""
    handshakes: list[tuple[str, str, str]] = field(default_factory=list)
    bodies: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    wait: float = 0.0
    handshake: Any = None

    @property
    def url(self) -> str:
        return f"{self.address}/api/changes?code=secret"

    @property
    def lifecycle_url(self) -> str:
        return f"{self.address}/api/lifecycle"

    def elements(self, path: str = "/api/changes") -> list[dict[str, Any]]:
        """Every element that came to the path, in order."""
        return [element for where, body in self.bodies if where == path for element in body["value"]]

    def wish(self, resource: str = "/users", **more: Any) -> dict[str, Any]:
        """The body of a subscription whose notifications come here."""
        return {
            "resource": resource,
            "changeType": "updated,deleted",
            "notificationUrl": self.url,
            "lifecycleNotificationUrl": self.lifecycle_url,
            "expirationDateTime": "2026-12-10T12:00:00Z",
            "clientState": "only we know",
            **more,
        }

    async def answer(self, request: web.Request) -> web.Response:
        if self.wait:
            await asyncio.sleep(self.wait)
        if "validationToken" in request.query:
            token = request.query["validationToken"]
            self.handshakes.append((request.path, request.headers["Content-Type"], request.query.get("code", "")))
            return self.handshake(token) if self.handshake else web.Response(text=token)
        self.bodies.append((request.path, await request.json()))
        return web.Response(status=self.answers.pop(0) if self.answers else 202)


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver that answers while the context lasts."""
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/{path:.*}", receiver.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        receiver.address = "http://{}:{}".format(*runner.addresses[0][:2])
        yield receiver
    finally:
        await runner.cleanup()
