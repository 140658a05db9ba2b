"""HTTP requests and responses between aiohttp and the wire, with the real host's habits. Source: facts/azure-functions-host.md 2.6."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

from aiohttp import web
from multidict import CIMultiDict

from devstack.host import signing_in
from devstack.host.wire import RpcHttp, TypedData, raw

# The platform sets these for a signed-in caller and removes what a client sends under these names.
_EASY_AUTH = ("x-ms-client-principal", "x-ms-token-")
# The server frames the response itself.
_FRAMING = {"content-length", "transfer-encoding", "connection"}


def joined(pairs: Mapping[str, str]) -> dict[str, str]:
    """Repeated keys become one, their values joined with commas."""
    found: dict[str, str] = {}
    for key, value in pairs.items():
        found[key] = f"{found[key]},{value}" if key in found else value
    return found


def request(incoming: web.BaseRequest, body: bytes, params: dict[str, str], easy_auth: bool) -> TypedData:
    """The request as a function gets it: lower-case headers, no empty query values, the body as bytes."""
    lowered = CIMultiDict((name.lower(), value) for name, value in incoming.headers.items())
    lowered.update(signing_in.header(incoming) if easy_auth else {})
    headers = {name: value for name, value in joined(lowered).items() if easy_auth or not name.startswith(_EASY_AUTH)}
    query = joined(CIMultiDict((key, value) for key, value in incoming.query.items() if value))
    return TypedData(
        http=RpcHttp(
            method=incoming.method,
            url=str(incoming.url),
            headers=headers,
            query=query,
            params=params,
            body=raw(body) if body else TypedData(),
        )
    )


def response(value: TypedData | None) -> web.Response:
    """What the caller gets for a function's return value; a str that is a JSON object with response members is read as one."""
    match value:
        case TypedData(kind="http"):
            return _full(value.http)
        case TypedData(kind="string" | "json"):
            return _loose(value.value)
        case TypedData(kind="bytes"):
            return web.Response(body=value.value, content_type="application/octet-stream")
        case _:
            return web.Response(status=500)


def _full(http: Any) -> web.Response:
    headers: CIMultiDict[str] = CIMultiDict((name, value) for name, value in http.headers.items() if name.lower() not in _FRAMING)
    for cookie in http.cookies or ():
        headers.add("Set-Cookie", set_cookie(cookie))
    body = http.body.value if http.body is not None else b""
    return web.Response(status=int(http.status_code), headers=headers, body=body)


def _loose(said: str) -> web.Response:
    try:
        document = json.loads(said)
    except ValueError:
        document = None
    if not isinstance(document, dict) or not {"body", "status", "statusCode"} & document.keys():
        return web.Response(text=said, content_type="text/plain")
    body = document.get("body")
    status = document.get("statusCode") or document.get("status") or 200
    stated = document.get("headers")
    headers = stated if isinstance(stated, dict) else {}
    kind = next((value for name, value in headers.items() if name.lower() == "content-type"), None)
    text = body if isinstance(body, str) else "" if body is None else json.dumps(body)
    default = "text/plain; charset=utf-8" if isinstance(body, str) else "application/json; charset=utf-8"
    sent = CIMultiDict({str(name): str(each) for name, each in headers.items() if name.lower() not in _FRAMING})
    sent["Content-Type"] = str(kind or default)
    return web.Response(status=int(status), headers=sent, body=text.encode())


def set_cookie(cookie: SimpleNamespace) -> str:
    """The Set-Cookie header of a structured cookie, its value percent-encoded as ASP.NET does."""
    parts = [f"{cookie.name}={quote(cookie.value, safe='')}"]
    if cookie.expires is not None:
        moment = datetime.fromtimestamp(cookie.expires.value.seconds, UTC)
        parts.append(f"expires={moment:%a, %d %b %Y %H:%M:%S} GMT")
    if cookie.max_age is not None:
        parts.append(f"max-age={int(cookie.max_age.value)}")
    parts += [f"{name}={each.value}" for name, each in (("domain", cookie.domain), ("path", cookie.path)) if each and each.value]
    parts += [name for name, each in (("secure", cookie.secure), ("httponly", cookie.http_only)) if each and each.value]
    same_site = {1: "samesite=lax", 2: "samesite=strict", 3: "samesite=none"}.get(int(cookie.same_site))
    return "; ".join([*parts, same_site] if same_site else parts)
