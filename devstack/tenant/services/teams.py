"""Teams' external access through the ConfigAPI, as public code uses it; Microsoft does not document it. Facts section 6.1."""

from typing import Any

from devstack.tenant.graph.operation import Reply
from devstack.tenant.services.endpoint import Asked, Endpoint, Service, ServiceError
from devstack.tenant.services.workloads import FEDERATION
from devstack.tenant.tenant import SimulatedTenant
from devstack.tenant.tokens import Token

_WRITERS = frozenset({"Teams Administrator", "Global Administrator"})
_READERS = _WRITERS | {"Global Reader"}
_MOST_DOMAINS = 4_000
_KEY = "teams-federation"


def _may(tenant: SimulatedTenant, token: Token, writes: bool) -> None:
    if token.directory_roles.isdisjoint(_WRITERS if writes else _READERS):
        raise ServiceError(403, "Forbidden", "Access denied.")


def _refusal(error: ServiceError) -> Any:
    return {"code": error.code, "message": error.message}


TEAMS = Service("Teams ConfigAPI", lambda tenant: ("48ac35b8-9aa8-4d74-927d-1f4a14a0b239",), _refusal, _may)


def read(asked: Asked) -> Reply:
    """External access as it is. Every domain is allowed where `AllowedDomains` has no list; an empty list allows nobody."""
    _scoped(asked)
    return Reply(200, asked.tenant.lag.view(_KEY, asked.tenant.workloads.federation))


def write(asked: Asked) -> Reply:
    """External access is what the body says; what it leaves out is as it comes out of the box, as with every PUT."""
    _scoped(asked)
    body = asked.json()
    if unknown := body.keys() - FEDERATION.keys():
        raise ServiceError(400, "BadRequest", f"Unknown property {min(unknown)}.")
    allowed = body.get("AllowedDomains", {})
    domains = _list(allowed)
    if domains is not None and (len(domains) > _MOST_DOMAINS or len(set(domains)) < len(domains) or not all(domains)):
        raise ServiceError(400, "BadRequest", "AllowedDomains holds at most 4000 domains, each once.")
    workloads = asked.tenant.workloads
    asked.tenant.lag.note(_KEY, workloads.federation)
    shown = {} if domains is None else {"AllowedDomain": [{"Domain": domain} for domain in domains]}
    workloads.federation = {**FEDERATION, **body, "AllowedDomains": shown}
    return Reply(200, {})


def _scoped(asked: Asked) -> None:
    if asked.headers.get("x-authz-scope") != "tenant":
        raise ServiceError(400, "BadRequest", "The header x-authz-scope is missing.")


def _list(allowed: Any) -> list[str] | None:
    items = allowed.get("AllowedDomain", allowed.get("AllowList")) if isinstance(allowed, dict) else allowed or None
    if items is None:
        return None
    if not isinstance(items, list):
        raise ServiceError(400, "BadRequest", "AllowedDomains holds a list of domains.")
    return [str(item.get("Domain", "") if isinstance(item, dict) else item).lower() for item in items]


_PATH = "/Skype.Policy/configurations/TenantFederationSettings/configuration/Global"
_PAGE = "https://learn.microsoft.com/powershell/module/teams/set-cstenantfederationconfiguration"
_UNVERIFIED = ("everything: the service is not documented, its shapes are those that public code reads and writes",)
ENDPOINTS = (
    Endpoint("GET", _PATH, read, TEAMS, _PAGE, unverified=_UNVERIFIED),
    Endpoint("PUT", _PATH, write, TEAMS, _PAGE, "write", unverified=_UNVERIFIED),
)
