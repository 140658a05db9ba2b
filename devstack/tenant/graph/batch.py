"""JSON batches. https://learn.microsoft.com/graph/json-batching; facts section 1.7.

Every item is routed, throttled, spoiled and journalled as a request of its own; the batch itself costs nothing.
"""

import asyncio
import json
import uuid
from typing import Any

from multidict import CIMultiDict

from devstack.tenant.errors import GraphError, bad_request
from devstack.tenant.graph.pipeline import Answer, Request, spoiled
from devstack.tenant.graph.pipeline import answer as answer_one
from devstack.tenant.graph.router import METHODS
from devstack.tenant.journal import Exchanged
from devstack.tenant.tenant import SimulatedTenant
from devstack.tenant.tokens import GRAPH, TokenRefused

MOST_ITEMS = 20
_WRITES = ("POST", "PATCH", "PUT")


async def answer_batch(tenant: SimulatedTenant, request: Request) -> Answer:
    """200 with one response per item, in any order; 400 only for a malformed envelope."""
    request_id = str(uuid.uuid4())
    entry = tenant.journal.begin(
        time=tenant.moment(),
        kind="batch",
        method=request.method,
        path=request.target,
        request_id=request_id,
        client_request_id=request.headers.get("client-request-id"),
    )
    headers = {"Content-Type": "application/json", "request-id": request_id, "Cache-Control": "no-cache"}
    lost = False
    try:
        responses, lost = await _carry_out(tenant, request, entry)
        status, body = 200, {"responses": responses}
    except GraphError as error:
        status, body = error.status, _refusal(tenant, error, request_id)
        headers |= error.headers
    content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    tenant.journal.settle(entry, None if lost else status, "POST /$batch", None if status == 200 else body, len(content))
    return Answer(status, body, headers, content, lost=lost)


async def _carry_out(tenant: SimulatedTenant, request: Request, entry: Exchanged) -> tuple[list[dict[str, Any]], bool]:
    """The responses, and whether they are to be lost. A fault rule spoils the whole batch only if its path matches the batch's."""
    try:
        tenant.tokens.check(request.headers.get("Authorization"), GRAPH)
    except TokenRefused as refused:
        raise GraphError(401, "InvalidAuthenticationToken", str(refused)) from refused
    items = _items(request)
    rule = tenant.faults.strike("POST", request.target, by_path_only=True)
    if rule is None:
        return await _answers(tenant, request, items, entry.number), False
    entry.fault = rule.number
    if rule.effect == "status":
        raise spoiled(rule)
    if rule.effect == "lost":
        return [], True
    if rule.effect == "delay":
        await asyncio.sleep(float(rule.given.get("seconds", 0)))
    responses = await _answers(tenant, request, items, entry.number)
    if rule.effect == "effect-then-status":
        raise spoiled(rule)
    return responses, rule.effect == "effect-then-lost"


def _refusal(tenant: SimulatedTenant, error: GraphError, request_id: str) -> dict[str, Any]:
    return error.body(tenant.clock.now().strftime("%Y-%m-%dT%H:%M:%S"), request_id, request_id)


def _items(request: Request) -> list[dict[str, Any]]:
    """The items, each complete; raises 400 for what makes Graph refuse the whole batch."""
    if request.method != "POST":
        raise GraphError(405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.")
    items = request.body.get("requests") if isinstance(request.body, dict) else None
    if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
        raise bad_request("Invalid batch payload format.", "BadRequest")
    if len(items) > MOST_ITEMS:
        raise bad_request(f"Number of batch request steps exceeds the maximum value of {MOST_ITEMS}.", "BadRequest")
    known: set[str] = set()
    for item in items:
        _refuse_malformed(item, known)
        known.add(item["id"].lower())
    for item in items:
        for needed in item.get("dependsOn") or []:
            if needed.lower() not in known or needed.lower() == item["id"].lower():
                raise bad_request(
                    f"Batch request id '{item['id']}' depends on '{needed}', which is not another request of the batch.",
                    "BadRequest",
                )
    return items


def _refuse_malformed(item: dict[str, Any], known: set[str]) -> None:
    """The item is complete; its id is "not case-sensitive" and once in the batch. Raises 400."""
    identifier, method, url = item.get("id"), item.get("method"), item.get("url")
    if not isinstance(identifier, str) or not identifier or identifier.lower() in known:
        raise bad_request(f"Batch request id is missing, empty or used twice: {identifier!r}.", "BadRequest")
    if not isinstance(method, str) or method.upper() not in METHODS or not isinstance(url, str) or not url:
        raise bad_request(f"Batch request id '{identifier}' needs a method and a relative url.", "BadRequest")
    if url.startswith(("http://", "https://")):
        raise bad_request(f"Batch request id '{identifier}': the url must be relative.", "BadRequest")
    headers, needed = item.get("headers") or {}, item.get("dependsOn") or []
    plain = isinstance(headers, dict) and all(isinstance(value, str) for value in headers.values())
    if not plain or not isinstance(needed, list) or not all(isinstance(name, str) for name in needed):
        raise bad_request(
            f"Batch request id '{identifier}': headers and dependsOn do not have the form they must have.", "BadRequest"
        )
    has_type = any(name.lower() == "content-type" for name in headers)
    # "While the target URL doesn't require a request body, you must still specify the headers and body parameters where only body
    # can be an empty object."
    if (item.get("body") is not None or method.upper() in _WRITES) and not (has_type and item.get("body") is not None):
        raise bad_request(f"Write request id : {identifier} does not contain Content-Type header or body.", "BadRequest")


async def _answers(tenant: SimulatedTenant, request: Request, items: list[dict[str, Any]], number: int) -> list[dict[str, Any]]:
    """The responses. Items wait for what they depend on; a cycle is a malformed batch."""
    statuses: dict[str, int] = {}
    responses, waiting = [], list(items)
    while waiting:
        ready = [item for item in waiting if all(needed.lower() in statuses for needed in item.get("dependsOn") or [])]
        if not ready:
            raise bad_request("The batch requests depend on each other in a circle.", "BadRequest")
        for item in ready:
            failed = any(statuses[needed.lower()] >= 400 for needed in item.get("dependsOn") or [])
            response = _dependency_failed(tenant, item) if failed else await _answer_item(tenant, request, item, number)
            statuses[item["id"].lower()] = response["status"]
            responses.append(response)
        waiting = [item for item in waiting if item["id"].lower() not in statuses]
    if tenant.behaviour.batch_order == "shuffled":
        responses.sort(key=lambda response: tenant.chance.fraction("batch", number, response["id"]))
    return responses


def _dependency_failed(tenant: SimulatedTenant, item: dict[str, Any]) -> dict[str, Any]:
    error = GraphError(424, "FailedDependency", "A request that this request depends on has failed.")
    return {
        "id": item["id"],
        "status": 424,
        "headers": {"Content-Type": "application/json"},
        "body": _refusal(tenant, error, str(uuid.uuid4())),
    }


async def _answer_item(tenant: SimulatedTenant, request: Request, item: dict[str, Any], number: int) -> dict[str, Any]:
    path, _, query = item["url"].partition("?")
    headers = CIMultiDict({"Authorization": request.headers.get("Authorization", ""), **(item.get("headers") or {})})
    single = Request(
        method=item["method"].upper(),
        version=request.version,
        path="/" + path.lstrip("/"),
        query=query,
        headers=headers,
        base=request.base,
        body=item.get("body"),
        batch=number,
    )
    if single.path.lower() == "/$batch":
        error = bad_request("A batch cannot contain another batch.", "BadRequest")
        return {
            "id": item["id"],
            "status": 400,
            "headers": {"Content-Type": "application/json"},
            "body": _refusal(tenant, error, str(uuid.uuid4())),
        }
    answered = await answer_one(tenant, single)
    if answered.lost:
        # A reply that is lost behind the gateway reaches the client as the gateway's own timeout.
        error = GraphError(504, "UnknownError", "")
        return {
            "id": item["id"],
            "status": 504,
            "headers": {"Content-Type": "application/json"},
            "body": _refusal(tenant, error, str(uuid.uuid4())),
        }
    kept = {name: value for name, value in answered.headers.items() if name not in ("request-id", "client-request-id")}
    response: dict[str, Any] = {"id": item["id"], "status": answered.status, "headers": kept}
    return response if answered.body is None else {**response, "body": answered.body}
