"""Every request to Graph goes through these stages, alone or as an item of a batch:

authenticate -> route -> count and throttle -> faults -> permissions -> the operation -> headers and journal.
"""

import asyncio
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from devstack.tenant.errors import GraphError, bad_request, denied, not_simulated
from devstack.tenant.faults import Rule
from devstack.tenant.graph.operation import Call, Operation, Reply
from devstack.tenant.graph.router import is_delta, route
from devstack.tenant.journal import Exchanged
from devstack.tenant.odata.options import read_options
from devstack.tenant.tenant import SimulatedTenant
from devstack.tenant.tokens import GRAPH, TokenRefused

_REFUSED = 400
_ODATA_JSON = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came, over the wire or in a batch. `headers` ignore case; `body` is what the JSON says."""

    method: str
    version: str
    path: str
    query: str
    headers: Mapping[str, str]
    base: str
    body: Any = None
    unreadable: bool = False
    batch: int | None = None

    @property
    def target(self) -> str:
        """The path and query as they came."""
        return f"/{self.version}{self.path}" + (f"?{self.query}" if self.query else "")


@dataclass(slots=True)
class Answer:
    """What goes back. `lost` means that the connection is closed instead."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes = b""
    lost: bool = False


async def answer(tenant: SimulatedTenant, request: Request) -> Answer:
    """The answer to the request; never raises for what Graph would refuse."""
    request_id = str(uuid.uuid4())
    client_request_id = request.headers.get("client-request-id")
    entry = tenant.journal.begin(
        time=tenant.moment(),
        kind="read" if request.method == "GET" else "write",
        method=request.method,
        path=request.target,
        request_id=request_id,
        client_request_id=client_request_id,
        request=request.body,
        batch=request.batch,
    )
    stale_before = tenant.lag.stale_answers
    operation, rule, headers, lost = None, None, {}, False
    tenant.purge_expired()
    try:
        token_free_call = _authenticate(tenant, request)
        operation, parameters = route(request.method, request.path)
        if operation.beta and request.version != "beta":
            raise bad_request(f"Resource not found for the segment '{request.path.strip('/').split('/')[-1]}'.", "BadRequest")
        entry.kind = "read" if operation.kind in ("read", "report") else operation.kind
        token_free_call.parameters = parameters
        headers = _charge(tenant, operation, token_free_call, entry)
        rule = tenant.faults.strike(request.method, request.target)
        reply, lost = await _carry_out(operation, token_free_call, rule, request)
    except GraphError as error:
        when = tenant.clock.now().strftime("%Y-%m-%dT%H:%M:%S")
        reply = Reply(error.status, error.body(when, request_id, client_request_id or request_id), error.headers)
    answered = _finish(reply, headers, request_id, client_request_id)
    answered.lost = lost
    entry.fault = rule.number if rule else None
    entry.stale = tenant.lag.stale_answers > stale_before
    tenant.journal.settle(
        entry, None if lost else reply.status, operation.name if operation else None, reply.body, len(answered.content)
    )
    return answered


def _authenticate(tenant: SimulatedTenant, request: Request) -> Call:
    try:
        token = tenant.tokens.check(request.headers.get("Authorization"), GRAPH)
    except TokenRefused as refused:
        challenge = {
            "WWW-Authenticate": f'Bearer realm="", authorization_uri="https://login.microsoftonline.com/{tenant.tenant_id}/oauth2/authorize"'
        }
        raise GraphError(401, "InvalidAuthenticationToken", str(refused), headers=challenge) from refused
    tracking = is_delta(request.path)
    options = read_options(request.query, request.headers.get("ConsistencyLevel", ""), also=("deltatoken",) if tracking else ())
    path = f"/{request.version}{request.path}"
    return Call(tenant, request.version, request.base, path, options, token, request.headers, body=request.body)


def _charge(tenant: SimulatedTenant, operation: Operation, call: Call, entry: Exchanged) -> dict[str, str]:
    """The headers that tell about the limits; raises 429 with `Retry-After` over one."""
    entry.application = call.token.application
    verdict = tenant.throttle.charge(
        operation.costs(call.options),
        call.token.application,
        tenant.users(),
        tenant.tenant_id,
        call.parameters.get("id", "").lower(),
    )
    if verdict.retry_after is None:
        return verdict.headers
    raise GraphError(
        429,
        "TooManyRequests",
        "Please retry again later.",
        headers=verdict.headers,
        inner={"code": "429", "message": "Please retry after", "status": "429"},
    )


async def _carry_out(operation: Operation, call: Call, rule: Rule | None, request: Request) -> tuple[Reply, bool]:
    """The reply, and whether it is to be lost on the way."""
    effect = rule.effect if rule else None
    if rule and effect == "delay":
        await asyncio.sleep(float(rule.given.get("seconds", 0)))
    if rule and effect == "status":
        raise spoiled(rule)
    if effect == "lost":
        return Reply(504), True
    if not call.may(*operation.permissions):
        raise denied()
    if request.unreadable:
        raise bad_request(
            "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.",
            "BadRequest",
        )
    call.fault = effect
    if operation.before is not None:
        await operation.before(call)
    with call.tenant.lag.forced_stale(effect == "stale"):
        reply = _selected(operation, call)
    if rule and effect == "effect-then-status":
        raise spoiled(rule)
    return reply, effect == "effect-then-lost"


def _selected(operation: Operation, call: Call) -> Reply:
    """What the operation answers; where it follows few query options, the selected properties of that. Raises 501 for the others."""
    if operation.options is None:
        return operation.run(call)
    if others := call.options.given.keys() - {*operation.options, "format"}:
        raise not_simulated(f"${min(others)} on {operation.path}", operation.file)
    reply = operation.run(call)
    names = {name.lower() for name in call.options.select}
    if not names or reply.body is None:
        return reply
    value = reply.body.get("value")
    if isinstance(value, list):
        return replace(reply, body={**reply.body, "value": [_only(item, names) for item in value]})
    return replace(reply, body=_only(reply.body, names))


def _only(item: Any, names: set[str]) -> Any:
    return {name: value for name, value in item.items() if name.lower() in names or "@odata" in name}


def spoiled(rule: Rule) -> GraphError:
    """The refusal that the fault rule describes."""
    given = rule.given
    status = int(given["status"])
    code = given.get("code") or {429: "TooManyRequests", 503: "serviceNotAvailable", 504: "UnknownError"}.get(
        status, "UnknownError"
    )
    return GraphError(
        status, code, given.get("message", ""), headers={k: str(v) for k, v in (given.get("headers") or {}).items()}
    )


def _finish(reply: Reply, headers: dict[str, str], request_id: str, client_request_id: str | None) -> Answer:
    content, kind = b"", None
    if reply.text is not None:
        content, kind = reply.text.encode(), "text/plain"
    elif reply.body is not None:
        content = json.dumps(reply.body, ensure_ascii=False, separators=(",", ":")).encode()
        # Refusals come without OData's parameters: https://learn.microsoft.com/graph/json-batching#example-json-batch-response
        kind = "application/json" if reply.status >= _REFUSED else _ODATA_JSON
    all_headers = {
        "Cache-Control": "no-cache",
        "request-id": request_id,
        "client-request-id": client_request_id or request_id,
        "OData-Version": "4.0",
        **headers,
        **reply.headers,
    }
    if kind:
        all_headers["Content-Type"] = kind
    return Answer(reply.status, reply.body if reply.text is None else reply.text, all_headers, content)
