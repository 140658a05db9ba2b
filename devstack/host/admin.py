"""The host's admin API, as far as a local stack needs it. Source: facts/azure-functions-host.md 2.6."""

import asyncio
import json
import os
import platform
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from aiohttp import web

from devstack.host import functions as kinds
from devstack.host import keys, metadata, timers
from devstack.host.delivery import Delivery
from devstack.host.functions import Function
from devstack.host.invocations import Invocations
from devstack.host.keys import Keys
from devstack.host.wire import RpcHttp, TypedData, json_text, raw


def manual_trigger(function: Function, said: str) -> tuple[TypedData, dict[str, TypedData]]:
    """What a function gets when somebody starts it by hand with this input."""
    if function.kind == kinds.TIMER:
        return json_text(timers.payload(None, past_due=False)), {}
    if function.kind == kinds.SERVICE_BUS:
        return metadata.single(Delivery(body=said.encode()), function.data_type)
    body = raw(said.encode()) if said else TypedData()
    return TypedData(http=RpcHttp(method="POST", url="", headers={}, query={}, params={}, body=body)), {}


@dataclass(slots=True)
class Admin:
    """Answers /admin/*: ping for everybody, the rest for the master key."""

    functions: Sequence[Function]
    disabled: frozenset[str]
    access: Keys
    invocations: Invocations
    base_url: str = ""
    started: float = field(default_factory=time.monotonic)
    _runs: "set[asyncio.Future[object]]" = field(default_factory=set)

    async def answer(self, incoming: web.BaseRequest, body: bytes) -> web.Response:
        """The admin API's answer."""
        parts = [part for part in incoming.rel_url.path.split("/") if part][1:]
        if parts == ["host", "ping"] and incoming.method in {"GET", "POST"}:
            return web.Response()
        if not self.access.admits("admin", "", keys.presented(incoming.headers, incoming.query)):
            return web.Response(status=401)
        routes: dict[tuple[str, str], Callable[[], web.Response]] = {
            ("GET", "host/status"): self._status,
            ("GET", "functions"): lambda: web.json_response([self._described(each) for each in self.functions]),
        }
        known = routes.get((incoming.method, "/".join(parts)))
        if known is not None:
            return known()
        function = self._named(parts)
        if function is None:
            return web.Response(status=404)
        if incoming.method == "GET":
            return web.json_response(self._described(function))
        return self._start(function, body) if incoming.method == "POST" else web.Response(status=404)

    def _named(self, parts: list[str]) -> Function | None:
        if len(parts) != 2 or parts[0] != "functions":
            return None
        return next((each for each in self.functions if each.name.lower() == parts[1].lower()), None)

    def _start(self, function: Function, body: bytes) -> web.Response:
        try:
            document = json.loads(body) if body else {}
            said = document.get("input") or ""
        except (ValueError, AttributeError):
            return web.Response(status=400)
        value, found = manual_trigger(function, said if isinstance(said, str) else json.dumps(said))
        run: Awaitable[object] = self.invocations.run(function, value, found)
        task = asyncio.ensure_future(run)
        self._runs.add(task)
        task.add_done_callback(self._runs.discard)
        return web.Response(status=202)

    def _status(self) -> web.Response:
        return web.json_response(
            {
                "id": f"local-{os.getpid()}",
                "state": "Running",
                "version": "4.0-local",
                "instanceId": str(os.getpid()),
                "computerName": platform.node(),
                "processUptime": int((time.monotonic() - self.started) * 1000),
            }
        )

    def _described(self, function: Function) -> dict[str, object]:
        url = f"{self.base_url}/admin/functions/{function.name}"
        return {
            "name": function.name,
            "href": url,
            "language": "python",
            "isDisabled": function.name in self.disabled,
            "config": {"bindings": [function.trigger, *function.others]},
        }
