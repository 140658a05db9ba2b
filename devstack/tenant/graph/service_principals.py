"""Applications that have a foothold in the tenant, read only. https://learn.microsoft.com/graph/api/resources/serviceprincipal"""

from devstack.tenant.directory.objects import Entry, Record
from devstack.tenant.errors import not_found
from devstack.tenant.graph.app_roles import built_in
from devstack.tenant.graph.operation import GUID, PAGED, PLAIN, Call, Operation, Reply
from devstack.tenant.graph.show import checked_filter, page
from devstack.tenant.odata.filter import Filterable

_OPERATORS = {
    "id": frozenset({"eq", "in"}),
    "appOwnerOrganizationId": frozenset({"eq"}),
    "appId": frozenset({"eq", "in", "startswith"}),
    "displayName": frozenset({"eq", "in", "startswith"}),
    "accountEnabled": frozenset({"eq", "in"}),
}
# https://learn.microsoft.com/graph/aad-advanced-queries: a filter by the owner works as an advanced query alone.
_FILTERABLE = Filterable(
    "ServicePrincipal", _OPERATORS, {name.lower(): name for name in _OPERATORS}, frozenset({"appOwnerOrganizationId"})
)
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
    """Those that the filter matches, a page at a time."""
    parsed = checked_filter(call, _FILTERABLE)
    # They are no objects of the store: nobody changes them there.
    entries = [(Entry(one["id"], "servicePrincipal", number, one), one) for number, one in enumerate(_all(call), 1)]
    found = [(entry, one) for entry, one in entries if parsed is None or parsed.matches(one)]
    return page(call, found, lambda _, one: one, "servicePrincipals")


def get_service_principal(call: Call) -> Reply:
    """One of them by its id."""
    identifier = call.parameters["id"].lower()
    found = next((one for one in _all(call) if one["id"] == identifier), None)
    if found is None or not GUID.fullmatch(identifier):
        raise not_found(call.parameters["id"])
    return Reply(200, {"@odata.context": call.context("servicePrincipals/$entity"), **found})


def _all(call: Call) -> list[Record]:
    return [*call.tenant.service_principals, *(whole_service_principal(one, one["id"]) for one in built_in(call.tenant))]


_READ = ("Application.Read.All", "Application.ReadWrite.OwnedBy", "Application.ReadWrite.All", "Directory.Read.All")
_API = "https://learn.microsoft.com/graph/api/serviceprincipal-"
_DEVIATIONS = ("a $filter may name a few properties",)
_OPTIONS = (*PAGED, "count", "filter", "orderby")
OPERATIONS = (
    Operation(
        "GET", "/servicePrincipals", list_service_principals, _READ, f"{_API}list", deviations=_DEVIATIONS, options=_OPTIONS
    ),
    Operation("GET", "/servicePrincipals/{id}", get_service_principal, _READ, f"{_API}get", options=PLAIN),
)
NOT_SIMULATED = (
    "POST /servicePrincipals",
    "PATCH /servicePrincipals/{id}",
    "DELETE /servicePrincipals/{id}",
)
