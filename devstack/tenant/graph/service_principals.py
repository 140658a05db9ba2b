"""Applications that have a foothold in the tenant, read only. https://learn.microsoft.com/graph/api/resources/serviceprincipal"""

from devstack.tenant.directory.objects import Record
from devstack.tenant.errors import not_found
from devstack.tenant.graph.app_roles import built_in
from devstack.tenant.graph.operation import GUID, Call, Operation, Reply
from devstack.tenant.odata.filter import Filterable, parse_filter

_OPERATORS = {
    "appOwnerOrganizationId": frozenset({"eq"}),
    "appId": frozenset({"eq", "in", "startswith"}),
    "displayName": frozenset({"eq", "in", "startswith"}),
    "accountEnabled": frozenset({"eq", "in"}),
}
_FILTERABLE = Filterable("ServicePrincipal", _OPERATORS, {name.lower(): name for name in _OPERATORS})
_EMPTY: Record = {
    "deletedDateTime": None,
    "accountEnabled": True,
    "appRoleAssignmentRequired": False,
    "appRoles": [],
    "oauth2PermissionScopes": [],
    "servicePrincipalNames": [],
    "servicePrincipalType": "Application",
    "signInAudience": "AzureADMultipleOrgs",
    "tags": [],
}


def whole_service_principal(given: Record, identifier: str) -> Record:
    """The service principal with the rest of what Graph shows of one. Raises ValueError where it lacks a name or an owner."""
    for name in ("displayName", "appOwnerOrganizationId"):
        if not given.get(name):
            raise ValueError(f"a service principal needs {name}")
    return {"id": identifier, "appId": identifier, **_EMPTY, "appDisplayName": given["displayName"], **given}


def list_service_principals(call: Call) -> Reply:
    """Those that the filter matches."""
    text = call.options.given.get("filter")
    matches = parse_filter(text, _FILTERABLE).matches if text is not None else lambda _: True
    found = [_selected(call, one) for one in _all(call) if matches(one)]
    return Reply(200, {"@odata.context": call.context("servicePrincipals"), "value": found})


def get_service_principal(call: Call) -> Reply:
    """One of them by its id."""
    identifier = call.parameters["id"].lower()
    found = next((one for one in _all(call) if one["id"] == identifier), None)
    if found is None or not GUID.fullmatch(identifier):
        raise not_found(call.parameters["id"])
    return Reply(200, {"@odata.context": call.context("servicePrincipals/$entity"), **_selected(call, found)})


def _all(call: Call) -> list[Record]:
    return [*call.tenant.service_principals, *(whole_service_principal(one, one["id"]) for one in built_in(call.tenant))]


def _selected(call: Call, found: Record) -> Record:
    names = {name.lower() for name in call.options.select}
    return {name: value for name, value in found.items() if not names or name.lower() in names}


_READ = ("Application.Read.All", "Application.ReadWrite.OwnedBy", "Application.ReadWrite.All", "Directory.Read.All")
_API = "https://learn.microsoft.com/graph/api/serviceprincipal-"
_DEVIATIONS = ("only $filter (a few properties) and $select are followed; everything is on one page",)
OPERATIONS = (
    Operation("GET", "/servicePrincipals", list_service_principals, _READ, f"{_API}list", deviations=_DEVIATIONS),
    Operation("GET", "/servicePrincipals/{id}", get_service_principal, _READ, f"{_API}get", deviations=_DEVIATIONS),
)
NOT_SIMULATED = (
    "POST /servicePrincipals",
    "PATCH /servicePrincipals/{id}",
    "DELETE /servicePrincipals/{id}",
)
