"""Who calls: the principal that App Service authentication has signed in, or the holder of a function key."""

import base64
import binascii
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any

import azure.functions as func

from functions.whose import of_call
from shared.nouns.errors import Refusal
from shared.nouns.outcomes import NotYet
from shared.root import UnknownTenant

if TYPE_CHECKING:
    from shared.settings import Settings
    from shared.verbs.world import World

ROLE_CLAIMS = frozenset({"roles", "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"})
PERSON = re.compile(r"[A-Za-z0-9-]{1,64}")
# Who may read reports about one person; each reading is logged.
PERSON_READERS = ("PersonReader", "Operator")
TENANT_CLAIMS = ("http://schemas.microsoft.com/identity/claims/tenantid", "tid")
ID_CLAIMS = ("http://schemas.microsoft.com/identity/claims/objectidentifier", "oid")


@dataclass(frozen=True)
class Caller:
    """`name` is what the journal records; roles are app roles of our Entra application."""

    name: str
    roles: frozenset[str]


def caller_of(request: func.HttpRequest, settings: "Settings") -> Caller:
    """The caller. The sign-in header counts only where the platform strips forged ones (setting WEBSITE_AUTH_ENABLED).

    https://learn.microsoft.com/azure/app-service/configure-authentication-user-identities
    """
    from shared.verbs.asker import KEY_HOLDER

    header = request.headers.get("x-ms-client-principal")
    if header and settings.trust_sign_in:
        try:
            principal = json.loads(base64.b64decode(header, validate=True))
            claims = [(str(claim["typ"]), str(claim["val"])) for claim in principal["claims"]]
        except (binascii.Error, ValueError, KeyError, TypeError):
            return Caller("unreadable sign-in", frozenset())
        kinds = {str(principal.get("role_typ", "roles")), *ROLE_CLAIMS}
        found = next((value for kind in ID_CLAIMS for name, value in claims if name == kind), "unknown principal")
        roles = frozenset(value for name, value in claims if name in kinds)
        return Caller(f"user {found}", _here(roles, settings.tenant_name))
    return Caller(KEY_HOLDER, frozenset(settings.key_roles))


def _here(roles: frozenset[str], tenant: str) -> frozenset[str]:
    """What the roles are worth for the tenant: of several, those that are named after it (`contoso.Operator`), and no other."""
    if not tenant:
        return roles
    return frozenset(role.removeprefix(f"{tenant}.") for role in roles if role.startswith(f"{tenant}."))


def _at_home(request: func.HttpRequest, settings: "Settings") -> bool:
    """Whoever has signed in did so in the tenant itself. An app for one tenant lets nobody else sign in."""
    if not settings.tenant_name:
        return True
    try:
        claims = json.loads(base64.b64decode(request.headers.get("x-ms-client-principal", ""), validate=True))["claims"]
        return settings.tenant_id.lower() in {str(claim["val"]).lower() for claim in claims if claim["typ"] in TENANT_CLAIMS}
    except (binascii.Error, ValueError, KeyError, TypeError):
        return False


def person_of(request: func.HttpRequest, settings: "Settings") -> str:
    """The object id of the person who has signed in, with or without a role; empty for anybody else."""
    kind, _, subject = caller_of(request, settings).name.partition(" ")
    signed_in = settings.trust_sign_in and "x-ms-client-principal" in request.headers
    known = signed_in and kind == "user" and PERSON.fullmatch(subject) and _at_home(request, settings)
    return subject.lower() if known else ""


def note_reading(caller: Caller, report: str, person: str) -> None:
    """Who has read what about one person stands in the log, under the person's opaque id."""
    from shared.log import log

    log.info("personal data read", who=caller.name, report=report, person=person)


type Route = Callable[[func.HttpRequest, World, Caller], Awaitable[func.HttpResponse]]


def needs(*roles: str) -> Callable[[Route], Callable[[func.HttpRequest], Awaitable[func.HttpResponse]]]:
    """The route runs for callers with one of `roles`; refusals and outages become answers that say what to do."""

    def wrap(route: Route) -> Callable[[func.HttpRequest], Awaitable[func.HttpResponse]]:
        @wraps(route)
        async def checked(req: func.HttpRequest) -> func.HttpResponse:
            try:
                ours = await of_call(req)
            except UnknownTenant as error:
                return answer({"error": str(error)}, 400)
            caller = caller_of(req, ours.settings)
            if not caller.roles & set(roles):
                return answer(
                    {"error": f"{caller.name} has none of the roles {', '.join(roles)}; an administrator assigns them"}, 403
                )
            try:
                return await route(req, ours, caller)
            except Refusal as refusal:
                faults = [{"field": fault.field, "reason": fault.reason} for fault in refusal.faults]
                return answer({"error": str(refusal), "faults": faults}, 400)
            except NotYet as error:
                return answer(
                    {"error": f"{error.reason}; try again shortly"}, 503, {"Retry-After": str(max(1, round(error.after)))}
                )

        # The runtime reads the function's signature: one parameter, the binding's.
        del checked.__wrapped__
        checked.__annotations__ = {"req": func.HttpRequest, "return": func.HttpResponse}
        return checked

    return wrap


def answer(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> func.HttpResponse:
    """A JSON answer that nothing caches."""
    return func.HttpResponse(
        json.dumps(body, ensure_ascii=False),
        status_code=status,
        mimetype="application/json",
        headers={"Cache-Control": "no-store", **(headers or {})},
    )
