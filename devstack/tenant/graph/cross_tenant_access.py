"""Cross-tenant access: the default and the partners. https://learn.microsoft.com/graph/api/resources/crosstenantaccesspolicy-overview"""

import json
from typing import Any

from devstack.tenant.directory.objects import Entry, Record
from devstack.tenant.errors import GraphError, bad_request, not_found
from devstack.tenant.graph.access_blocks import SYSTEM_DEFAULT, check, permits_nobody
from devstack.tenant.graph.operation import GUID, NO_CONTENT, PAGED, PLAIN, Call, Operation, Reply
from devstack.tenant.graph.show import page
from devstack.tenant.tenant import SimulatedTenant

PARTNER = "crossTenantPartner"
MOST_CHARACTERS = 25_000
_POLICY = "policies/crossTenantAccessPolicy"
_READ_ONLY = ("isInMultiTenantOrganization", "isServiceDefault", "id")
_EMPTY: Record = {
    **{
        name: None
        for name in SYSTEM_DEFAULT
        if name not in ("isServiceDefault", "invitationRedemptionIdentityProviderConfiguration")
    },
    "isServiceProvider": None,
    "isInMultiTenantOrganization": False,
}


def key(tenant_id: str) -> str:
    """What the partner's configuration is called among the tenant's objects."""
    return f"{PARTNER}:{tenant_id.lower()}"


def blocks_invitations(tenant: SimulatedTenant, tenant_id: str) -> bool:
    """B2B collaboration inbound is blocked for everybody of the tenant, by its own configuration or else by the default."""
    entry = tenant.objects.entry(key(tenant_id))
    own = entry.record["b2bCollaborationInbound"] if entry else None
    return permits_nobody(own or tenant.access_default["b2bCollaborationInbound"])


def plant_partner(tenant: SimulatedTenant, given: Record) -> None:
    """The partner has a configuration with what is given, over what it had. Raises ValueError for a block that does not fit."""
    identifier, changes = str(given["tenantId"]).lower(), {name: value for name, value in given.items() if name != "tenantId"}
    try:
        for name, block in changes.items():
            if name not in ("identitySynchronization", *_READ_ONLY):
                check(name, block)
    except GraphError as error:
        raise ValueError(error.message) from error
    entry = tenant.objects.entry(key(identifier))
    if entry:
        tenant.objects.change(entry, **changes)
    else:
        tenant.objects.add(PARTNER, key(identifier), {"tenantId": identifier, **_EMPTY, **changes}, replicated=True)


def get_default(call: Call) -> Reply:
    """What holds for every organization without a configuration of its own."""
    return Reply(200, {"@odata.context": call.context(f"{_POLICY}/default/$entity"), **call.tenant.access_default})


def update_default(call: Call) -> Reply:
    """The default has these blocks, each as a whole."""
    changes = _changes(call, ("automaticUserConsentSettings", "isServiceProvider"))
    if any(value is None for name, value in changes.items() if SYSTEM_DEFAULT.get(name) is not None):
        raise bad_request("The default configuration must have a value for every setting.", "BadRequest")
    call.tenant.access_default = {**call.tenant.access_default, **changes, "isServiceDefault": False}
    return Reply(NO_CONTENT)


def reset_default(call: Call) -> Reply:
    """The default is Microsoft's own again."""
    call.tenant.access_default = dict(SYSTEM_DEFAULT)
    return Reply(NO_CONTENT)


def list_partners(call: Call) -> Reply:
    """Every partner that has a configuration."""
    found = call.tenant.objects.query(PARTNER, None, lambda _: True)
    return page(call, found, lambda _, record: _shown(record), f"{_POLICY}/partners")


def create_partner(call: Call) -> Reply:
    """The partner has a configuration; what is left out is inherited from the default."""
    tenant, body = call.tenant, call.json()
    identifier = body.get("tenantId")
    if not isinstance(identifier, str) or not GUID.fullmatch(identifier):
        raise bad_request("The tenantId is missing or is not valid.", "BadRequest")
    if identifier.lower() == tenant.tenant_id or tenant.tenant_with_id(identifier) is None:
        raise bad_request(f"The tenant '{identifier}' is not a valid partner tenant.", "BadRequest")
    changes = _changes(call, ("tenantId",))
    if tenant.objects.entry(key(identifier)):
        status = tenant.behaviour.duplicate_partner_status
        raise GraphError(
            status,
            "Conflict" if status == 409 else "BadRequest",
            f"A cross-tenant access policy configuration already exists for the tenant '{identifier}'.",
        )
    record = {"tenantId": identifier.lower(), **_EMPTY, **changes}
    _fits_in_policy(tenant, None, record)
    tenant.objects.add(PARTNER, key(identifier), record)
    return Reply(201, {"@odata.context": call.context(f"{_POLICY}/partners/$entity"), **_shown(record)})


def get_partner(call: Call) -> Reply:
    """The partner's configuration; blocks that it inherits are null."""
    return Reply(200, {"@odata.context": call.context(f"{_POLICY}/partners/$entity"), **_shown(_seen(call)[1])})


def update_partner(call: Call) -> Reply:
    """The partner has these blocks, each as a whole; null lets one inherit again."""
    entry = partner_entry(call)
    changes = _changes(call, ("tenantId",))
    if str(call.json().get("tenantId", entry.record["tenantId"])).lower() != entry.record["tenantId"]:
        raise bad_request("Property 'tenantId' is read-only and cannot be set.", "BadRequest")
    _fits_in_policy(call.tenant, entry, {**entry.record, **changes})
    call.tenant.objects.change(entry, **changes)
    return Reply(NO_CONTENT)


def delete_partner(call: Call) -> Reply:
    """The partner has no configuration, so that the default holds; its capabilities go with it."""
    entry = partner_entry(call)
    if entry.record.get("identitySynchronization"):
        raise bad_request("Delete the identity synchronization policy of the partner first.", "BadRequest")
    prefix = f"m365Capability:{entry.record['tenantId']}:"
    for capability in [one for one in call.tenant.objects.all("m365Capability") if one.id.startswith(prefix.lower())]:
        call.tenant.objects.remove(capability)
    call.tenant.objects.remove(entry)
    return Reply(NO_CONTENT)


def get_synchronization(call: Call) -> Reply:
    """Whether the partner may synchronize its people into this tenant."""
    found = _seen(call)[1].get("identitySynchronization")
    if not found:
        raise not_found(call.parameters["id"])
    return Reply(200, {"@odata.context": call.context(f"{_POLICY}/partners/identitySynchronization/$entity"), **found})


def put_synchronization(call: Call) -> Reply:
    """The partner's synchronization is as the body says."""
    entry, body = partner_entry(call), call.json()
    inbound = body.get("userSyncInbound") or {}
    if not isinstance(inbound, dict) or not isinstance(inbound.get("isSyncAllowed", False), bool):
        raise bad_request("Invalid value specified for property 'userSyncInbound'.", "BadRequest")
    found = {
        "tenantId": entry.record["tenantId"],
        "displayName": body.get("displayName"),
        "userSyncInbound": {"isSyncAllowed": inbound.get("isSyncAllowed", False)},
    }
    call.tenant.objects.change(entry, identitySynchronization=found)
    return Reply(NO_CONTENT)


def update_synchronization(call: Call) -> Reply:
    """What the body says of the partner's synchronization holds; the rest stays. Raises 404 where none was set up."""
    known = partner_entry(call).record.get("identitySynchronization")
    if not known:
        raise not_found(call.parameters["id"])
    call.body = {**known, **call.json()}
    return put_synchronization(call)


def delete_synchronization(call: Call) -> Reply:
    """The partner's synchronization was never set up."""
    entry = partner_entry(call)
    if not entry.record.get("identitySynchronization"):
        raise not_found(call.parameters["id"])
    call.tenant.objects.change(entry, identitySynchronization=None)
    return Reply(NO_CONTENT)


def partner_entry(call: Call) -> Entry:
    """The configuration that the path names, as the primary has it, where writes go; raises 404."""
    entry = call.tenant.objects.entry(_seen(call)[0].id)
    if entry is None:
        raise not_found(call.parameters["id"])
    return entry


def _seen(call: Call) -> tuple[Entry, Record]:
    found = call.tenant.objects.read(key(call.parameters["id"]))
    if found is None:
        raise not_found(call.parameters["id"])
    return found


def _shown(record: Record) -> Record:
    return {name: value for name, value in record.items() if name != "identitySynchronization"}


def _changes(call: Call, ignored: tuple[str, ...]) -> Record:
    changes: Record = {}
    for name, value in call.json().items():
        if "@odata" in name:
            continue
        if name in _READ_ONLY or (name in ignored and name != "tenantId"):
            raise bad_request(f"Property '{name}' is read-only and cannot be set.", "BadRequest")
        if name not in ignored:
            check(name, value)
            changes[name] = value
    return changes


def _fits_in_policy(tenant: SimulatedTenant, entry: Entry | None, record: Record) -> None:
    """All partners together stay below 25 KB; raises 400."""
    others: list[Any] = [one.record for one in tenant.objects.all(PARTNER) if entry is None or one.id != entry.id]
    written = json.dumps([{k: v for k, v in one.items() if v is not None} for one in (*others, record)], separators=(",", ":"))
    if len(written) > tenant.behaviour.cross_tenant_policy_characters:
        raise bad_request("The cross-tenant access policy exceeds its maximum size.", "BadRequest")


_READ = ("Policy.Read.All", "Policy.ReadWrite.CrossTenantAccess")
_WRITE = ("Policy.ReadWrite.CrossTenantAccess",)
_API = "https://learn.microsoft.com/graph/api/"
_PARTNERS, _ONE = f"/{_POLICY}/partners", f"/{_POLICY}/partners/{{id}}"
_DEFAULT, _SYNC = f"/{_POLICY}/default", f"/{_POLICY}/partners/{{id}}/identitySynchronization"
_UNVERIFIED = (
    "statuses and texts of refusals; that a size of 25 KB for all partners together is the limit (`crossTenantPolicyCharacters`)",
    "that blocking all users asks for blocking all applications, too, is the portal's rule, here also Graph's",
)
OPERATIONS = (
    Operation(
        "GET",
        _DEFAULT,
        get_default,
        _READ,
        f"{_API}crosstenantaccesspolicyconfigurationdefault-get",
        unverified=("that Microsoft 365 collaboration is off in Microsoft's own default",),
        deviations=("changes are seen at once",),
        options=PLAIN,
    ),
    Operation(
        "PATCH", _DEFAULT, update_default, _WRITE, f"{_API}crosstenantaccesspolicyconfigurationdefault-update", kind="write"
    ),
    Operation(
        "POST",
        f"{_DEFAULT}/resetToSystemDefault",
        reset_default,
        _WRITE,
        f"{_API}crosstenantaccesspolicyconfigurationdefault-resettosystemdefault",
        kind="write",
    ),
    Operation(
        "GET",
        _PARTNERS,
        list_partners,
        _READ,
        f"{_API}crosstenantaccesspolicy-list-partners",
        options=PAGED,
    ),
    Operation(
        "POST",
        _PARTNERS,
        create_partner,
        _WRITE,
        f"{_API}crosstenantaccesspolicy-post-partners",
        kind="write",
        unverified=("status of a second configuration for the same tenant (`duplicatePartnerStatus`)", *_UNVERIFIED),
    ),
    Operation("GET", _ONE, get_partner, _READ, f"{_API}crosstenantaccesspolicyconfigurationpartner-get", options=PLAIN),
    Operation(
        "PATCH",
        _ONE,
        update_partner,
        _WRITE,
        f"{_API}crosstenantaccesspolicyconfigurationpartner-update",
        kind="write",
        unverified=_UNVERIFIED,
    ),
    Operation(
        "DELETE",
        _ONE,
        delete_partner,
        _WRITE,
        f"{_API}crosstenantaccesspolicyconfigurationpartner-delete",
        kind="write",
        unverified=("that synchronization has to be deleted first, and that capabilities go along",),
        deviations=("it cannot be restored from beta's deleted items",),
    ),
    Operation("GET", _SYNC, get_synchronization, _READ, f"{_API}crosstenantidentitysyncpolicypartner-get", options=PLAIN),
    Operation(
        "PUT",
        _SYNC,
        put_synchronization,
        _WRITE,
        f"{_API}crosstenantaccesspolicyconfigurationpartner-put-identitysynchronization",
        kind="write",
        unverified=("that a second PUT replaces the first",),
        deviations=("nobody is synchronized",),
    ),
    Operation("PATCH", _SYNC, update_synchronization, _WRITE, f"{_API}crosstenantidentitysyncpolicypartner-update", kind="write"),
    Operation(
        "DELETE", _SYNC, delete_synchronization, _WRITE, f"{_API}crosstenantidentitysyncpolicypartner-delete", kind="write"
    ),
)
NOT_SIMULATED = (
    f"GET /{_POLICY}",
    f"PATCH /{_POLICY}",
)
