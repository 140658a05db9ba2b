"""Every request to a service beside Graph goes through here: route -> authenticate -> faults -> permission -> the endpoint -> journal."""

import asyncio
import json
import uuid
from types import ModuleType
from urllib.parse import parse_qsl

from devstack.tenant.faults import Rule
from devstack.tenant.graph.operation import Reply
from devstack.tenant.graph.pipeline import Answer, Request
from devstack.tenant.services import fabric, sharepoint, teams
from devstack.tenant.services.endpoint import Asked, Endpoint, ServiceError
from devstack.tenant.tenant import SimulatedTenant
from devstack.tenant.tokens import Token, TokenRefused

SERVICES: tuple[ModuleType, ...] = (sharepoint, teams, fabric)
ENDPOINTS: tuple[Endpoint, ...] = tuple(endpoint for service in SERVICES for endpoint in service.ENDPOINTS)


async def answer_service(tenant: SimulatedTenant, request: Request) -> Answer:
    """The answer to the request, whose `version` is empty; never raises for what the service would refuse."""
    request_id = str(uuid.uuid4())
    target = request.path + (f"?{request.query}" if request.query else "")
    entry = tenant.journal.begin(
        time=tenant.moment(),
        kind="read" if request.method == "GET" else "write",
        method=request.method,
        path=target,
        request_id=request_id,
        client_request_id=request.headers.get("client-request-id"),
        request=request.body,
    )
    endpoint, parameters = _route(request)
    rule, lost = None, False
    if endpoint is None:
        reply = _nowhere(request)
    else:
        try:
            token = _authenticated(tenant, endpoint, request)
            entry.application = token.application
            rule = tenant.faults.strike(request.method, target)
            headers = {name.lower(): value for name, value in request.headers.items()}
            asked = Asked(tenant, token, request.base, parameters, dict(parse_qsl(request.query)), headers, request.body)
            reply, lost = await _carry_out(endpoint, asked, rule)
        except ServiceError as error:
            reply = Reply(error.status, endpoint.service.refusal(error), error.headers)
    content = b"" if reply.body is None else json.dumps(reply.body, ensure_ascii=False).encode()
    kind = {"Content-Type": "application/json; charset=utf-8"} if content else {}
    entry.fault = rule.number if rule else None
    tenant.journal.settle(entry, None if lost else reply.status, endpoint.name if endpoint else None, reply.body, len(content))
    return Answer(reply.status, reply.body, {"request-id": request_id, **kind, **reply.headers}, content, lost=lost)


def _route(request: Request) -> tuple[Endpoint | None, dict[str, str]]:
    for endpoint in ENDPOINTS:
        match = endpoint.pattern.fullmatch(request.path) if endpoint.method == request.method else None
        if match is not None:
            return endpoint, match.groupdict()
    return None, {}


def _authenticated(tenant: SimulatedTenant, endpoint: Endpoint, request: Request) -> Token:
    refused = ""
    for audience in endpoint.service.audiences(tenant):
        try:
            return tenant.tokens.check(request.headers.get("Authorization"), audience)
        except TokenRefused as error:
            refused = str(error)
    raise ServiceError(401, "Unauthorized", refused, {"WWW-Authenticate": 'Bearer error="invalid_token"'})


async def _carry_out(endpoint: Endpoint, asked: Asked, rule: Rule | None) -> tuple[Reply, bool]:
    effect = rule.effect if rule else None
    if rule and effect == "delay":
        await asyncio.sleep(float(rule.given.get("seconds", 0)))
    if rule and effect == "status":
        raise _spoiled(rule)
    if effect == "lost":
        return Reply(504), True
    endpoint.service.may(asked.tenant, asked.token, endpoint.kind == "write")
    with asked.tenant.lag.forced_stale(effect == "stale"):
        reply = endpoint.run(asked)
    if rule and effect == "effect-then-status":
        raise _spoiled(rule)
    return reply, effect == "effect-then-lost"


def _spoiled(rule: Rule) -> ServiceError:
    given = rule.given
    code = given.get("code") or {429: "RequestBlocked"}.get(int(given["status"]), "UnknownError")
    headers = {name: str(value) for name, value in (given.get("headers") or {}).items()}
    return ServiceError(int(given["status"]), code, given.get("message", ""), headers)


def _nowhere(request: Request) -> Reply:
    sentence = (
        f"{request.method} {request.path} is not simulated. Write it in devstack/tenant/services/ and list it in ENDPOINTS there."
    )
    return Reply(501, {"error": {"code": "NotSimulated", "message": sentence}})
