"""Application permissions: which app roles Microsoft's services have, and who was assigned them.

An assignment is what the identity's next token carries; tokens that are out keep what they had.
https://learn.microsoft.com/graph/api/resources/approleassignment
"""

import uuid
from collections.abc import Iterator
from functools import cache

from devstack.tenant.directory.objects import Record
from devstack.tenant.errors import bad_request, not_found
from devstack.tenant.graph.operation import NO_CONTENT, PLAIN, Call, Operation, Reply
from devstack.tenant.tenant import Identity, SimulatedTenant
from devstack.tenant.tokens import EXCHANGE, GRAPH, SHAREPOINT

# Microsoft's own tenant, which has the applications of its services.
MICROSOFT = "f8cdef31-a31e-4b4a-93e4-5f571e91255a"
_SPACE = uuid.UUID("6d2f0c9e-3f64-4d4c-9a3e-5f0f6b1c7a10")
# appId and name by the audience under which an identity's permissions stand.
_SERVICES = {
    GRAPH: ("00000003-0000-0000-c000-000000000000", "Microsoft Graph"),
    EXCHANGE: ("00000002-0000-0ff1-ce00-000000000000", "Office 365 Exchange Online"),
    SHAREPOINT: ("00000003-0000-0ff1-ce00-000000000000", "Office 365 SharePoint Online"),
}
_ELSEWHERE = {
    EXCHANGE: ("Exchange.ManageAsApp", "full_access_as_app"),
    SHAREPOINT: ("Sites.FullControl.All", "Sites.Read.All", "Sites.ReadWrite.All", "Sites.Selected", "User.Read.All"),
}


@cache
def _values(audience: str) -> tuple[str, ...]:
    from devstack.tenant.graph.router import OPERATIONS as ALL

    known = _ELSEWHERE.get(audience)
    return known or tuple(sorted({permission for operation in ALL for permission in operation.permissions}))


def role_id(audience: str, value: str) -> str:
    """The id of an app role. It is another than Microsoft's: who needs it asks by value."""
    return str(uuid.uuid5(_SPACE, f"{audience} {value}"))


def service_id(audience: str) -> str:
    """The object id of a service's service principal in this tenant."""
    return str(uuid.uuid5(_SPACE, audience))


def built_in(tenant: SimulatedTenant) -> list[Record]:
    """The service principals that are there without anybody having made them: Microsoft's services, and managed identities."""
    services = [
        _principal(service_id(audience), app, name, "Application", MICROSOFT)
        | {"appRoles": [_role(audience, value) for value in _values(audience)]}
        for audience, (app, name) in _SERVICES.items()
    ]
    identities = [
        _principal(
            one.principal,
            one.application,
            f"id-entente-{number}",
            "Application" if one.registered else "ManagedIdentity",
            tenant.tenant_id,
        )
        for number, one in enumerate(tenant.identities)
    ]
    return [*services, *identities]


def _principal(identifier: str, app: str, name: str, kind: str, owner: str) -> Record:
    return {"id": identifier, "appId": app, "displayName": name, "appOwnerOrganizationId": owner, "servicePrincipalType": kind}


def _role(audience: str, value: str) -> Record:
    identifier = role_id(audience, value)
    return {
        "id": identifier,
        "value": value,
        "displayName": value,
        "description": value,
        "allowedMemberTypes": ["Application"],
        "isEnabled": True,
        "origin": "Application",
    }


def list_assigned_to(call: Call) -> Reply:
    """Who has roles of the service."""
    service = _named(call)["id"]
    found = [one for one in assignments(call.tenant) if one["resourceId"] == service]
    return Reply(200, {"@odata.context": call.context("appRoleAssignments"), "value": found})


def list_assignments(call: Call) -> Reply:
    """The roles that the service principal has."""
    principal = _named(call)["id"]
    found = [one for one in assignments(call.tenant) if one["principalId"] == principal]
    return Reply(200, {"@odata.context": call.context("appRoleAssignments"), "value": found})


def assign(call: Call) -> Reply:
    """The identity has the role."""
    resource, body = _named(call)["id"], call.json()
    wrong = [name for name in ("principalId", "resourceId", "appRoleId") if not isinstance(body.get(name), str)]
    if wrong:
        raise bad_request(f"One or more properties are missing or invalid: {', '.join(wrong)}.")
    if body["resourceId"].lower() != resource:
        raise bad_request("The resourceId does not match the service principal of the request.")
    identity = _identity(call.tenant, body["principalId"])
    role = next(
        (
            (audience, value)
            for audience in _SERVICES
            for value in _values(audience)
            if role_id(audience, value) == body["appRoleId"].lower()
        ),
        None,
    )
    if role is None or service_id(role[0]) != resource:
        raise bad_request("Permission being assigned was not found on application")
    audience, value = role
    if value in identity.permissions.get(audience, []):
        raise bad_request("Permission being assigned already exists on the object")
    identity.permissions.setdefault(audience, []).append(value)
    made = next(one for one in assignments(call.tenant) if one["id"] == _assignment_id(identity, audience, value))
    return Reply(201, {"@odata.context": call.context("appRoleAssignments/$entity"), **made})


def unassign(call: Call) -> Reply:
    """The identity does not have the role any more."""
    service, wanted = _named(call)["id"], call.parameters["assignment"]
    for identity, audience, value in _held(call.tenant):
        if _assignment_id(identity, audience, value) == wanted and service_id(audience) == service:
            identity.permissions[audience].remove(value)
            return Reply(NO_CONTENT)
    raise not_found(wanted)


def _named(call: Call) -> Record:
    identifier = call.identifier("id").lower()
    found = next((one for one in (*built_in(call.tenant), *call.tenant.service_principals) if one["id"] == identifier), None)
    if found is None:
        raise not_found(call.parameters["id"])
    return found


def _identity(tenant: SimulatedTenant, principal: str) -> Identity:
    found = next((one for one in tenant.identities if one.principal == principal.lower()), None)
    if found is None:
        raise not_found(principal)
    return found


def _held(tenant: SimulatedTenant) -> Iterator[tuple[Identity, str, str]]:
    for identity in tenant.identities:
        for audience in _SERVICES:
            for value in identity.permissions.get(audience, ()):
                yield identity, audience, value


def _assignment_id(identity: Identity, audience: str, value: str) -> str:
    return uuid.uuid5(_SPACE, f"{identity.principal} {audience} {value}").hex


def assignments(tenant: SimulatedTenant) -> list[Record]:
    """Every role that an identity has, as Graph shows it."""
    names = {one["id"]: one["displayName"] for one in built_in(tenant)}
    return [
        {
            "id": _assignment_id(identity, audience, value),
            "deletedDateTime": None,
            "appRoleId": role_id(audience, value),
            "createdDateTime": "2026-11-01T09:00:00Z",
            "principalDisplayName": names[identity.principal],
            "principalId": identity.principal,
            "principalType": "ServicePrincipal",
            "resourceDisplayName": names[service_id(audience)],
            "resourceId": service_id(audience),
        }
        for identity, audience, value in _held(tenant)
    ]


_READ = (
    "Application.Read.All",
    "Application.ReadWrite.All",
    "Application.ReadWrite.OwnedBy",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
)
_API = "https://learn.microsoft.com/graph/api/serviceprincipal-"
_DEVIATIONS = ("only managed identities are assigned roles; everything is on one page",)
_UNVERIFIED = ("the words of a refusal where the role is assigned already, or is not the service's",)
OPERATIONS = (
    Operation(
        "GET",
        "/servicePrincipals/{id}/appRoleAssignedTo",
        list_assigned_to,
        _READ,
        f"{_API}list-approleassignedto",
        deviations=_DEVIATIONS,
        options=PLAIN,
    ),
    Operation(
        "GET",
        "/servicePrincipals/{id}/appRoleAssignments",
        list_assignments,
        _READ,
        f"{_API}list-approleassignments",
        units=2,
        deviations=_DEVIATIONS,
        options=PLAIN,
    ),
    Operation(
        *("POST", "/servicePrincipals/{id}/appRoleAssignedTo", assign, ("AppRoleAssignment.ReadWrite.All",)),
        *(f"{_API}post-approleassignedto", "write"),
        unverified=_UNVERIFIED,
        deviations=_DEVIATIONS,
    ),
    Operation(
        *("DELETE", "/servicePrincipals/{id}/appRoleAssignedTo/{assignment}", unassign, ("AppRoleAssignment.ReadWrite.All",)),
        *(f"{_API}delete-approleassignedto", "write"),
        deviations=_DEVIATIONS,
    ),
)
NOT_SIMULATED = ("POST /servicePrincipals/{id}/appRoleAssignments",)
