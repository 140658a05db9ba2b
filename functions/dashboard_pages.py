"""The dashboard's files and what it reads, by a sign-in alone: a page cannot keep a function key from whoever looks at it.

Every answer names what a browser may do with it: run and load nothing that is not ours, show it in no frame, keep nothing.
"""

import re
from collections.abc import Awaitable, Callable
from html import escape
from typing import cast
from urllib.parse import quote

import azure.functions as func

from functions import cleanup, drift, guests, partners, people
from functions.people import LOOK
from functions.principal import answer, caller_of, person_of
from functions.whose import of_call
from shared.root import UnknownTenant
from shared.settings import ROOT, Settings

FOLDER = ROOT / "dashboard"
PAGE, PATH = "index.html", "/api/dashboard"
_NAME = re.compile(r"[a-z]+\.([a-z]+)")
_KINDS = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
# https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Content-Security-Policy; with no trusted types, no text ever becomes HTML.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
type Called = Callable[[func.HttpRequest], Awaitable[func.HttpResponse]]
# What may be read: the status function for all, the one for each, and what that one calls it.
_READS = {
    "partner-requests": (people.list_partner_requests, people.show_partner_request, "id"),
    "partners": (partners.list_partners, partners.show_partner, "partner"),
    "cleanup-runs": (cleanup.list_cleanup_runs, cleanup.show_cleanup_run, "id"),
    "parked": (people.list_parked, None, ""),
    "drift": (drift.list_drift, None, ""),
    "guests": (guests.list_guests, None, ""),
}


async def shown_file(req: func.HttpRequest) -> func.HttpResponse:
    """The page or one of its files, by name; whoever may not look is told what to do."""
    refused = await _refused(req)
    name = req.route_params.get("file") or PAGE
    if refused is not None and name == PAGE:
        return _page(refused)
    if refused is not None:
        return _sent(answer({"error": refused.said}, refused.status))
    found = _file(name)
    if found is None:
        return _sent(answer({"error": "the dashboard has no such file"}, 404))
    kind, content = found
    return func.HttpResponse(content, headers={**_HEADERS, "Content-Type": f"{kind}; charset=utf-8"})


async def read_status(req: func.HttpRequest) -> func.HttpResponse:
    """What the status function says, who asks for it seen as that function sees them; nothing for whoever has not signed in."""
    if (refused := await _refused(req)) is not None:
        return _sent(answer({"error": refused.said}, refused.status))
    if req.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return _sent(answer({"error": "this is read by the dashboard alone"}, 403))
    name = req.route_params.get("id", "")
    every, each, called = _READS.get(req.route_params["what"], (None, None, ""))
    function = each if name else every
    if function is None:
        return _sent(answer({"error": f"the dashboard reads {', '.join(_READS)}"}, 404))
    asked = func.HttpRequest(
        method="GET", url=req.url, headers=req.headers, params=req.params, route_params={called: name} if name else {}, body=b""
    )
    return _sent(await cast("Called", function)(asked))


class _Refused:
    def __init__(self, status: int, said: str, settings: Settings | None = None) -> None:
        self.status = status
        self.said = said
        self.settings = settings


async def _refused(req: func.HttpRequest) -> _Refused | None:
    """Why the caller may not look; None where they may: somebody who has signed in, with a role that may read."""
    try:
        settings = (await of_call(req)).settings
    except UnknownTenant as error:
        return _Refused(400, str(error))
    if not person_of(req, settings):
        return _Refused(401, "Nobody has signed in.", settings)
    if not caller_of(req, settings).roles & set(LOOK):
        return _Refused(403, f"You have none of the roles {', '.join(LOOK)}; an administrator assigns them.")
    return None


def _page(refused: _Refused) -> func.HttpResponse:
    """A page that needs nothing else, and leads to the platform's sign-in where that is what is missing.

    https://learn.microsoft.com/azure/app-service/configure-authentication-customize-sign-in-out
    """
    link = ""
    if refused.settings is not None:
        whose = refused.settings.tenant_name
        back = quote(f"{PATH}?tenant={whose}" if whose else PATH, safe="")
        link = f'<p><a href="/.auth/login/aad?post_login_redirect_uri={back}">Sign in</a></p>'
    html = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>Entente</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="color-scheme" content="light dark">\n</head>\n'
        f"<body>\n<main>\n<h1>Entente</h1>\n<p>{escape(refused.said)}</p>\n{link}\n</main>\n</body>\n</html>\n"
    )
    return func.HttpResponse(html, status_code=refused.status, headers={**_HEADERS, "Content-Type": "text/html; charset=utf-8"})


def _sent(found: func.HttpResponse) -> func.HttpResponse:
    """The answer with the headers of everything that a browser gets here."""
    headers = {**_HEADERS, **dict(found.headers)}
    return func.HttpResponse(found.get_body(), status_code=found.status_code, headers=headers, mimetype=found.mimetype)


def _file(name: str) -> tuple[str, bytes] | None:
    """The file's kind and content. No name that has anything of a path in it is one."""
    found = _NAME.fullmatch(name)
    kind = _KINDS.get(found[1]) if found else None
    path = FOLDER / name
    return (kind, path.read_bytes()) if kind and path.is_file() else None
