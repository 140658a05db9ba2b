"""Microsoft 365 cross-tenant capabilities of partners and of the default. Facts section 3.7.

https://learn.microsoft.com/graph/api/resources/m365capabilitybase
"""

from typing import Any

from devstack.tenant.directory.objects import Entry, Record
from devstack.tenant.errors import GraphError, bad_request, not_found
from devstack.tenant.graph.cross_tenant_access import key, partner_entry
from devstack.tenant.graph.operation import GUID, NO_CONTENT, PAGED, PLAIN, Call, Operation, Reply
from devstack.tenant.graph.show import page
from devstack.tenant.tenant import SimulatedTenant

CAPABILITY = "m365Capability"
DEFAULT = "default"
BOTH = (
    "crossTenantCalendarAvailabilityBasic",
    "crossTenantCalendarAvailabilityLimitedDetails",
    "crossTenantCalendarSharingFreeBusySimple",
    "crossTenantCalendarSharingFreeBusyDetail",
    "crossTenantCalendarSharingFreeBusyReviewer",
    "crossTenantMailTipsLimited",
    "crossTenantMailTipsAll",
    "crossTenantOpenProfileCard",
    "crossTenantPlacesRoomBooking",
    "crossTenantPlacesDeskBooking",
)
OF_PARTNERS = (*BOTH, "crossTenantLabelSync", "crossTenantMigration")
OF_DEFAULT = (
    *BOTH,
    "anonymousCalendarSharingFreeBusySimple",
    "anonymousCalendarSharingFreeBusyDetail",
    "anonymousCalendarSharingFreeBusyReviewer",
)


def plant_capability(tenant: SimulatedTenant, given: Record) -> None:
    """The partner (`tenantId`, or `default`) has the capability `name` with this `inboundAccess`. Raises ValueError for another."""
    owner, name = str(given["tenantId"]).lower(), given["name"]
    if name not in (OF_DEFAULT if owner == DEFAULT else OF_PARTNERS):
        raise ValueError(f"there is no capability {name!r} for {'the default' if owner == DEFAULT else 'a partner'}")
    try:
        _check(given["inboundAccess"])
    except GraphError as error:
        raise ValueError(error.message) from error
    _put(tenant, owner, name, given["inboundAccess"], replicated=True)


def list_capabilities(call: Call) -> Reply:
    """Those that were set, and no others."""
    owner = _owner(call)
    prefix = _key(owner, "")
    found = [
        (entry, record)
        for entry, record in call.tenant.objects.query(CAPABILITY, None, lambda _: True)
        if entry.id.startswith(prefix)
    ]
    return page(call, found, lambda _, record: record, f"{_context(owner)}")


def create_capability(call: Call) -> Reply:
    """The capability is set. Its name is that of its type."""
    owner, body = _owner(call, writing=True), call.json()
    kind = str(body.get("@odata.type", "")).removeprefix("#").removeprefix("microsoft.graph.")
    if kind not in (OF_DEFAULT if owner == DEFAULT else OF_PARTNERS):
        raise bad_request(f"'{kind}' is not a capability that can be set here.", "BadRequest")
    _only(body, ("@odata.type", "name", "inboundAccess", "lastModifiedDateTime"))
    _check(body.get("inboundAccess"))
    if owner != DEFAULT and not _trusted(call.tenant, owner):
        raise bad_request("Microsoft 365 collaboration is not allowed inbound for the partner.", "BadRequest")
    if call.tenant.objects.entry(_key(owner, kind)):
        status = call.tenant.behaviour.duplicate_partner_status
        raise GraphError(status, "Conflict" if status == 409 else "BadRequest", f"The capability '{kind}' already exists.")
    entry = _put(call.tenant, owner, kind, body["inboundAccess"])
    return Reply(201, {"@odata.context": call.context(f"{_context(owner)}/$entity"), **entry.record})


def get_capability(call: Call) -> Reply:
    """One capability by its name."""
    owner = _owner(call)
    return Reply(200, {"@odata.context": call.context(f"{_context(owner)}/$entity"), **_seen(call, owner)[1]})


def update_capability(call: Call) -> Reply:
    """The capability's access is as the body says, as a whole."""
    entry, body = _entry(call, _owner(call, writing=True)), call.json()
    _only(body, ("@odata.type", "name", "inboundAccess", "lastModifiedDateTime"))
    kind = str(body.get("@odata.type", entry.record["@odata.type"])).removeprefix("#")
    if kind != entry.record["@odata.type"].removeprefix("#") or "inboundAccess" not in body:
        raise bad_request("The type of a capability cannot be changed, and inboundAccess must be given.", "BadRequest")
    _check(body["inboundAccess"])
    call.tenant.objects.change(entry, inboundAccess=_access(body["inboundAccess"]), lastModifiedDateTime=call.tenant.moment())
    return Reply(NO_CONTENT)


def delete_capability(call: Call) -> Reply:
    """The partner has no such capability of its own, so that the default holds."""
    call.tenant.objects.remove(_entry(call, _owner(call, writing=True)))
    return Reply(NO_CONTENT)


def _owner(call: Call, *, writing: bool = False) -> str:
    """Whose capabilities the path names; raises 404 for a partner without a configuration."""
    if "id" not in call.parameters:
        return DEFAULT
    if writing:
        tenant_id: str = partner_entry(call).record["tenantId"]
        return tenant_id
    found = call.tenant.objects.read(key(call.parameters["id"]))
    if found is None:
        raise not_found(call.parameters["id"])
    return call.parameters["id"].lower()


def _trusted(tenant: SimulatedTenant, owner: str) -> bool:
    entry = tenant.objects.entry(key(owner))
    own = entry.record["m365CollaborationInbound"] if entry else None
    users = (own or tenant.access_default["m365CollaborationInbound"] or {}).get("users") or {}
    return bool(users.get("accessType") == "allowed")


def _put(tenant: SimulatedTenant, owner: str, name: str, access: Record, *, replicated: bool = False) -> Entry:
    record = {
        "@odata.type": f"#microsoft.graph.{name}",
        "name": name,
        "lastModifiedDateTime": tenant.moment(),
        "inboundAccess": _access(access),
    }
    known = tenant.objects.entry(_key(owner, name))
    if known:
        tenant.objects.change(known, **record)
        return known
    return tenant.objects.add(CAPABILITY, _key(owner, name), record, replicated=replicated)


def _access(given: Record) -> Record:
    scopes = given.get("resourceScopes") or {}
    return {
        "isAllowed": given["isAllowed"],
        "resourceScopes": {"included": scopes.get("included") or [], "excluded": scopes.get("excluded") or []},
    }


def _check(access: Any) -> None:
    _only(access, ("@odata.type", "isAllowed", "resourceScopes"))
    if not isinstance(access.get("isAllowed"), bool):
        raise bad_request("Invalid value specified for property 'isAllowed'.", "BadRequest")
    scopes = access.get("resourceScopes")
    scopes = {} if scopes is None else scopes
    _only(scopes, ("@odata.type", "included", "excluded"))
    for name in ("included", "excluded"):
        listed = scopes.get(name)
        if not isinstance(listed, list | None):
            raise bad_request(f"Invalid value specified for property '{name}'.", "BadRequest")
        for one in listed or []:
            _only(one, ("@odata.type", "resourceId", "resourceType"))
            identifier = one.get("resourceId")
            known = isinstance(identifier, str) and (identifier == "All" or GUID.fullmatch(identifier))
            kind = one.get("resourceType")
            if not known or kind not in ("user", "group"):
                raise bad_request(f"Invalid value specified for property '{name}'.", "BadRequest")
    if access["isAllowed"] and not scopes.get("included"):
        raise bad_request("resourceScopes must include something where the capability is allowed.", "BadRequest")


def _only(given: Any, names: tuple[str, ...]) -> None:
    if not isinstance(given, dict) or given.keys() - set(names):
        extra = min(given.keys() - set(names)) if isinstance(given, dict) else "inboundAccess"
        raise bad_request(f"Invalid property '{extra}'.", "BadRequest")


def _seen(call: Call, owner: str) -> tuple[Entry, Record]:
    found = call.tenant.objects.read(_key(owner, call.parameters["name"]))
    if found is None:
        raise not_found(call.parameters["name"])
    return found


def _entry(call: Call, owner: str) -> Entry:
    entry = call.tenant.objects.entry(_seen(call, owner)[0].id)
    if entry is None:
        raise not_found(call.parameters["name"])
    return entry


def _key(owner: str, name: str) -> str:
    return f"{CAPABILITY}:{owner}:{name}".lower()


def _context(owner: str) -> str:
    whose = DEFAULT if owner == DEFAULT else f"partners('{owner}')"
    return f"policies/crossTenantAccessPolicy/{whose}/m365Capabilities"


_READ = ("Policy.Read.All", "Policy.ReadWrite.CrossTenantCapability")
_WRITE = ("Policy.ReadWrite.CrossTenantCapability",)
_API = "https://learn.microsoft.com/graph/api/crosstenantaccesspolicyconfigurationpartner-"
_BASE = "https://learn.microsoft.com/graph/api/m365capabilitybase-"
_OF = "/policies/crossTenantAccessPolicy/partners/{id}/m365Capabilities"
_OF_DEFAULT = "/policies/crossTenantAccessPolicy/default/m365Capabilities"
_UNVERIFIED = (
    "that an application alone may do it; statuses and texts of refusals; that it is refused without `m365CollaborationInbound`",
)
_LABELS = "that partners may have crossTenantLabelSync: it is in message-centre posts and not in Microsoft's description of v1.0"
_NO_DELETE = "that a capability of the default cannot be deleted: the SDK offers it, the permission table does not; 405"
OPERATIONS = (
    Operation("GET", _OF, list_capabilities, _READ, f"{_API}list-m365capabilities", options=PAGED),
    Operation(
        "POST",
        _OF,
        create_capability,
        _WRITE,
        f"{_API}post-m365capabilities",
        kind="write",
        unverified=(*_UNVERIFIED, _LABELS),
    ),
    Operation("GET", f"{_OF}/{{name}}", get_capability, _READ, f"{_BASE}get", options=PLAIN),
    Operation("PATCH", f"{_OF}/{{name}}", update_capability, _WRITE, f"{_BASE}update", kind="write", unverified=_UNVERIFIED),
    Operation("DELETE", f"{_OF}/{{name}}", delete_capability, _WRITE, f"{_BASE}delete", kind="write", unverified=_UNVERIFIED),
    Operation("GET", _OF_DEFAULT, list_capabilities, _READ, f"{_API}list-m365capabilities", options=PAGED),
    Operation("POST", _OF_DEFAULT, create_capability, _WRITE, f"{_API}post-m365capabilities", kind="write"),
    Operation("GET", f"{_OF_DEFAULT}/{{name}}", get_capability, _READ, f"{_BASE}get", options=PLAIN),
    Operation(
        "PATCH", f"{_OF_DEFAULT}/{{name}}", update_capability, _WRITE, f"{_BASE}update", kind="write", unverified=(_NO_DELETE,)
    ),
)
NOT_SIMULATED: tuple[str, ...] = ()
