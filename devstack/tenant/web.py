"""The wire: aiohttp requests to the services' own requests, and their answers back."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from inspect import isawaitable
from typing import Any

from aiohttp import web

from devstack.tenant.control.routes import Order, carry_out
from devstack.tenant.exchange.invoke import Command, Exchange
from devstack.tenant.graph.batch import answer_batch
from devstack.tenant.graph.pipeline import Answer, Request, answer
from devstack.tenant.identity import answer_token
from devstack.tenant.notifications.courier import Courier
from devstack.tenant.services.door import answer_service
from devstack.tenant.tenant import SimulatedTenant

_LARGEST_BODY = 32 * 1024 * 1024


class Services:
    """The tenant behind its endpoints. `rebuild` gives a fresh tenant, from the seed of the start or another one."""

    def __init__(self, rebuild: Callable[[Any], SimulatedTenant], secret: str) -> None:
        self._rebuild, self._secret = rebuild, secret
        self.courier = Courier(lambda: self.tenant.post_office)
        self.reset(None)

    def reset(self, seed: Any) -> None:
        """The tenant is fresh."""
        self.tenant = self._rebuild(seed)
        self.exchange = Exchange(self.tenant)
        self.tenant.send, self.tenant.post_office.wake = self.courier.send, self.courier.wake
        self.courier.wake()

    def application(self) -> web.Application:
        """The aiohttp application with every endpoint."""
        app = web.Application(client_max_size=_LARGEST_BODY)
        app.router.add_route("*", "/{version:v1\\.0|beta}/{tail:.*}", self._graph)
        app.router.add_post("/adminapi/{version:beta|v1\\.0}/{tenant}/InvokeCommand", self._exchange)
        app.router.add_get("/msi/token", self._token)
        app.router.add_route("*", "/_sim/{path:.*}", self._control)
        app.router.add_route("*", "/{path:(?:_api|sites|teams|v1|Skype\\.Policy)/.*}", self._service)
        app.router.add_route("*", "/{tail:.*}", _nowhere)
        app.cleanup_ctx.append(self._delivering)
        return app

    async def _delivering(self, app: web.Application) -> AsyncIterator[None]:
        running = asyncio.create_task(self.courier.run())
        yield
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running

    async def _graph(self, request: web.Request) -> web.StreamResponse:
        version = request.match_info["version"]
        path = request.rel_url.raw_path[len(version) + 1 :]
        body, unreadable = await _json(request)
        received = Request(
            method=request.method,
            version=version,
            path=path,
            query=request.rel_url.raw_query_string,
            headers=request.headers,
            base=f"{request.scheme}://{request.host}",
            body=body,
            unreadable=unreadable,
        )
        self.courier.wake()
        is_batch = path.lower() in ("/$batch", "/%24batch")
        return await _respond(request, await (answer_batch if is_batch else answer)(self.tenant, received))

    async def _exchange(self, request: web.Request) -> web.StreamResponse:
        body, _ = await _json(request)
        command = Command(
            tenant_name=request.match_info["tenant"],
            headers=request.headers,
            query=request.query_string,
            address=f"{request.scheme}://{request.host}{request.path}",
            target=str(request.rel_url),
            body=body,
        )
        return await _respond(request, await self.exchange.answer(command))

    async def _service(self, request: web.Request) -> web.StreamResponse:
        body, _ = await _json(request)
        received = Request(
            method=request.method,
            version="",
            path=request.rel_url.path,
            query=request.rel_url.raw_query_string,
            headers=request.headers,
            base=f"{request.scheme}://{request.host}",
            body=body,
        )
        return await _respond(request, await answer_service(self.tenant, received))

    async def _token(self, request: web.Request) -> web.StreamResponse:
        tenant = self.tenant
        entry = tenant.journal.begin(
            time=tenant.moment(), kind="token", method="GET", path=str(request.rel_url), request_id=tenant.new_id("token-request")
        )
        rule = tenant.faults.strike("GET", entry.path)
        if rule is not None and rule.effect == "delay":
            await asyncio.sleep(float(rule.given.get("seconds", 0)))
        status, body = answer_token(tenant, self._secret, request.headers, request.rel_url.raw_query_string)
        if rule is not None and rule.effect.endswith("status"):
            entry.fault = rule.number
            status, body = (
                int(rule.given["status"]),
                {"statusCode": rule.given["status"], "message": rule.given.get("message", "")},
            )
        lost = rule is not None and rule.effect.endswith("lost")
        content = json.dumps(body).encode()
        tenant.journal.settle(entry, None if lost else status, "GET /msi/token", None if status == 200 else body, len(content))
        return await _respond(request, Answer(status, body, {"Content-Type": "application/json"}, content, lost=lost))

    async def _control(self, request: web.Request) -> web.StreamResponse:
        body, unreadable = await _json(request)
        if unreadable:
            return web.json_response({"error": "the body is not JSON"}, status=400)
        order = Order(self.tenant, body, dict(request.query), self.reset, self.courier.settle)
        status, answered = carry_out(request.method, request.match_info["path"], order)
        if isawaitable(answered):
            answered = await answered
        self.courier.wake()
        return web.json_response(answered, status=status)


async def _json(request: web.Request) -> tuple[Any, bool]:
    """The body as JSON (None if there is none), and whether it could not be read as such."""
    if not request.body_exists:
        return None, False
    content = await request.read()
    if not content:
        return None, False
    if request.content_type == "text/plain" and request.path.lower().endswith("/sendmail"):
        # The one body of Graph's that may be MIME, in base64.
        return content.decode("ascii", "replace"), False
    if request.content_type not in ("application/json", "text/json") and not request.path.startswith("/_sim/"):
        return None, True
    try:
        return json.loads(content), False
    except ValueError:
        return None, True


async def _respond(request: web.Request, answered: Answer) -> web.StreamResponse:
    if answered.lost:
        if request.transport is not None:
            request.transport.abort()
        # The client is gone; what is returned here reaches nobody.
        return web.Response(status=499)
    return web.Response(status=answered.status, body=answered.content or None, headers=answered.headers)


async def _nowhere(request: web.Request) -> web.StreamResponse:
    """501 for services that are not simulated, naming where one would be written."""
    if request.path.startswith("/adminapi/"):
        sentence = f"{request.method} {request.path} is not simulated. Write it in devstack/tenant/exchange/ and list it in devstack/tenant/web.py."
    else:
        sentence = f"{request.method} {request.path} is not simulated. Write a package beside devstack/tenant/graph/ and list it in devstack/tenant/web.py."
    return web.json_response({"error": {"code": "NotSimulated", "message": sentence}}, status=501)
