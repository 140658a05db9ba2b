"""A stand-in for App Service's sign-in where the host lets sign-in headers through: a form asks who you are, a cookie remembers it.

Paths, parameter and cookie are the platform's, so that a browser is led as in Azure; whoever asks is believed, because this listens on
this machine alone. Whoever has no cookie is let through to the functions, where the platform would answer 401 by itself.
https://learn.microsoft.com/azure/app-service/configure-authentication-customize-sign-in-out
"""

import base64
import json
from html import escape

from aiohttp import web

COOKIE, HEADER = "AppServiceAuthSession", "x-ms-client-principal"
LOGIN, LOGOUT, BACK = "/.auth/login/aad", "/.auth/logout", "post_login_redirect_uri"
ROLES = ("Reader", "Requester", "Approver", "Operator", "PersonReader")
_SHOWN = {"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'", "Cache-Control": "no-store"}


def answer(incoming: web.BaseRequest) -> web.Response | None:
    """What the sign-in's own paths answer; None for every other path."""
    if incoming.path not in {LOGIN, LOGOUT}:
        return None
    back = incoming.query.get(BACK, "/")
    if not back.startswith("/") or back.startswith(("//", "/\\")):
        return web.Response(status=400, text="The way back has to be a path of this app.")
    who = incoming.query.get("who", "").strip()
    if incoming.path == LOGIN and not who:
        return _form(back)
    left = web.Response(status=302, headers={"Location": back, "Cache-Control": "no-store"})
    if incoming.path == LOGIN:
        left.set_cookie(COOKIE, _principal(who, incoming.query.getall("role", [])), httponly=True, samesite="Lax", path="/")
    else:
        left.del_cookie(COOKIE, path="/")
    return left


def header(incoming: web.BaseRequest) -> dict[str, str]:
    """The header that the platform would set for the session that the browser has; nothing where there is none."""
    cookie = incoming.cookies.get(COOKIE, "")
    return {HEADER: cookie} if cookie and HEADER not in incoming.headers else {}


def _principal(who: str, roles: list[str]) -> str:
    claims = [{"typ": "http://schemas.microsoft.com/identity/claims/objectidentifier", "val": who}]
    claims += [{"typ": "roles", "val": role} for role in roles]
    principal = {"auth_typ": "aad", "name_typ": "name", "role_typ": "roles", "claims": claims}
    return base64.b64encode(json.dumps(principal).encode()).decode()


def _form(back: str) -> web.Response:
    boxes = "".join(
        f'<p><label><input type="checkbox" name="role" value="{role}"{" checked" if role == "Reader" else ""}> {role}</label></p>'
        for role in ROLES
    )
    html = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>Sign in</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="color-scheme" content="light dark">\n</head>\n'
        "<body>\n<main>\n<h1>Who are you on this machine?</h1>\n<p>In Azure, Microsoft Entra asks this.</p>\n"
        f'<form><input type="hidden" name="{BACK}" value="{escape(back)}">\n'
        '<p><label>Name <input name="who" value="alice" required pattern="[A-Za-z0-9\\-]{1,64}"></label></p>\n'
        f"<fieldset><legend>App roles</legend>{boxes}</fieldset>\n<p><button>Sign in</button></p></form>\n</main>\n</body>\n</html>\n"
    )
    return web.Response(text=html, content_type="text/html", headers=_SHOWN)
