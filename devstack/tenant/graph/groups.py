"""Groups: found, read, created, changed, deleted. https://learn.microsoft.com/graph/api/resources/group; facts section 2."""

import re
import uuid
from typing import Any

from devstack.tenant.audit import AuditedChange
from devstack.tenant.directory.objects import Entry, Record
from devstack.tenant.errors import GraphError, bad_request, conflict
from devstack.tenant.graph.group_references import bind_members, member_kinds, refuse_foreign_mastered
from devstack.tenant.graph.guests_in_groups import labelled, refuse_guest_owners, refuse_guests
from devstack.tenant.graph.kinds import GROUP
from devstack.tenant.graph.look_up import find
from devstack.tenant.graph.operation import NO_CONTENT, Call, Operation, Reply
from devstack.tenant.graph.permissions import GROUP_READ, GROUP_WRITE, MEMBER_WRITE
from devstack.tenant.graph.show import chosen, collection, counting, one, shown
from devstack.tenant.graph.writing import checked
from devstack.tenant.tenant import SimulatedTenant

_NICKNAME = re.compile(r"[\x21-\x7e]{1,64}")
_NICKNAME_FORBIDDEN = frozenset("@()/[]'\\;:<>, \"")
_MOST_REFERENCES = 20
_UNIFIED, _DYNAMIC = "Unified", "DynamicMembership"
_VISIBILITIES = ("Private", "Public", "HiddenMembership")
# Kept by Exchange, answered for one group only and always together with its id.
_EXCHANGE_PROPERTIES = frozenset(
    {
        "allowExternalSenders",
        "autoSubscribeNewMembers",
        "hideFromAddressLists",
        "hideFromOutlookClients",
        "isSubscribedByMail",
        "unseenCount",
    }
)


def list_groups(call: Call) -> Reply:
    """The groups that the filter and search match, a page at a time."""
    if not _EXCHANGE_PROPERTIES.isdisjoint(call.options.select):
        raise bad_request("The property is supported only on the Get group API (GET /groups/{ID}).")
    return collection(call, GROUP, find(call, GROUP), "groups")


def get_group(call: Call) -> Reply:
    """The group, with the default properties or the selected ones."""
    entry, record = call.group()
    reply = one(call, entry, record)
    if not _EXCHANGE_PROPERTIES.isdisjoint(call.options.select):
        defaults = {"unseenCount": 0}
        answer = {name: defaults.get(name, False) if value is None else value for name, value in (reply.body or {}).items()}
        reply.body = {"@odata.context": answer.pop("@odata.context"), "id": entry.id, **answer}
    return reply


def create_group(call: Call) -> Reply:
    """The group exists, with the owners and members that the body binds (20 at most together)."""
    body = call.json()
    for name in ("displayName", "mailEnabled", "mailNickname", "securityEnabled"):
        if body.get(name) in (None, ""):
            raise bad_request(f"A value is required for property '{name}' of resource 'Group'.")
    bindable = {f"{name}@odata.bind" for name in ("owners", "members")}
    properties = {name: value for name, value in body.items() if name not in bindable}
    values = labelled(call.tenant, checked(GROUP, properties, creating=True))
    if values.get("isAssignableToRole"):
        call.require("RoleManagement.ReadWrite.Directory")
    _refuse_kind(values)
    _refuse_nickname(call.tenant, values, but=None)
    links = {name: body.get(f"{name}@odata.bind") or [] for name in ("owners", "members")}
    if sum(map(len, links.values())) > _MOST_REFERENCES:
        raise bad_request(f"The number of references to add must not exceed {_MOST_REFERENCES}.")
    bound = {
        "owners": [call.reference(link, kinds=("user",)) for link in links["owners"]],
        "members": [call.reference(link, kinds=member_kinds(values)) for link in links["members"]],
    }
    refuse_guests(call.tenant, None, values, bound["members"])
    refuse_guest_owners(call.tenant, values, bound["owners"])
    entry = new_group(call.tenant, values)
    for relation, targets in bound.items():
        for target in targets:
            call.tenant.relations.add(relation, entry.id, target.id)
    call.tenant.audit("Add group", "GroupManagement", entry, call.token.application)
    answer = {"@odata.context": call.context("groups/$entity"), **shown(GROUP, entry.record, chosen(GROUP, ()))}
    return Reply(201, answer, {"Location": f"{call.base}/{call.version}/groups/{entry.id}"})


def new_group(tenant: SimulatedTenant, values: Record, identifier: str | None = None, *, replicated: bool = False) -> Entry:
    """The group as the directory completes it: address, security identifier, times."""
    identifier = identifier or tenant.new_id("group")
    a, b, c, d = (int.from_bytes(uuid.UUID(identifier).bytes_le[at : at + 4], "little") for at in (0, 4, 8, 12))
    unified = _UNIFIED in (values.get("groupTypes") or [])
    record: Record = {
        "id": identifier,
        "createdDateTime": tenant.moment(),
        "renewedDateTime": tenant.moment(),
        "groupTypes": [],
        "securityIdentifier": f"S-1-12-1-{a}-{b}-{c}-{d}",
        "visibility": "Public" if unified else None,
        **values,
    }
    if record.get("mailEnabled") and not record.get("mail"):
        record["mail"] = f"{record['mailNickname']}@{tenant.default_domain}"
        record["proxyAddresses"] = [f"SMTP:{record['mail']}"]
    return tenant.objects.add("group", identifier, record, replicated=replicated)


def _refuse_kind(values: Record) -> None:
    """Graph creates Microsoft 365 groups and security groups, nothing that only Exchange can keep."""
    _refuse_values(values, _VISIBILITIES)
    unified = _UNIFIED in (values.get("groupTypes") or [])
    dynamic = _DYNAMIC in (values.get("groupTypes") or [])
    if values.get("visibility") == _VISIBILITIES[2] and not unified:
        raise bad_request("HiddenMembership can be set only for Microsoft 365 groups.")
    if unified != bool(values["mailEnabled"]) or not (unified or values["securityEnabled"]):
        raise bad_request(
            "The service does not currently support writes of mail-enabled groups. Please ensure that the mail-enablement property is "
            "unset and the security-enablement property is set."
        )
    if dynamic != bool(values.get("membershipRule")):
        raise bad_request(
            "A value is required for property 'membershipRule' of resource 'Group' exactly if its membership is dynamic."
        )


def _refuse_values(values: Record, visibilities: tuple[str, ...]) -> None:
    """https://learn.microsoft.com/graph/api/resources/group#properties says what `groupTypes` and `visibility` may be."""
    if not set(values.get("groupTypes") or ()) <= {_UNIFIED, _DYNAMIC}:
        raise bad_request("Invalid value specified for property 'groupTypes' of resource 'Group'.")
    if values.get("visibility") not in (None, *visibilities):
        raise bad_request("Invalid value specified for property 'visibility' of resource 'Group'.")


def _refuse_conversion(before: Record, changes: Record) -> None:
    """The group stays of its kind: only whether its members follow a rule can change, and no membership is hidden later."""
    _refuse_values(changes, _VISIBILITIES[:2] if before.get("visibility") != _VISIBILITIES[2] else _VISIBILITIES[2:])
    kinds = [set(one.get("groupTypes") or ()) - {_DYNAMIC} for one in (before, {**before, **changes})]
    if kinds[0] != kinds[1] or changes.get("mailEnabled", before.get("mailEnabled")) != before.get("mailEnabled"):
        raise bad_request(
            "The service does not currently support writes of mail-enabled groups: the kind of a group cannot be changed."
        )


def _refuse_nickname(tenant: SimulatedTenant, values: Record, *, but: str | None) -> None:
    nickname = values.get("mailNickname")
    if nickname is None:
        return
    if not _NICKNAME.fullmatch(nickname) or not _NICKNAME_FORBIDDEN.isdisjoint(nickname):
        raise bad_request("Invalid value specified for property 'mailNickname' of resource 'Group'.")
    taken = [
        e
        for e in tenant.objects.holders("group", "mailNickname", nickname)
        if e.id != but and not e.record.get("deletedDateTime")
    ]
    if any(entry.record.get("mailEnabled") for entry in taken) and values.get("mailEnabled", True):
        error = conflict("mailNickname")
        raise GraphError(tenant.behaviour.duplicate_group_status, error.code, error.message, details=error.details)


def update_group(call: Call) -> Reply:
    """The group has the values in the body, and the members that it binds (20 at most, all or none)."""
    found = call.group()
    body = call.json()
    links = body.get("members@odata.bind")
    unknown = [name for name in body if name.endswith("@odata.bind") and name != "members@odata.bind"]
    if unknown:
        raise bad_request(f"'{unknown[0]}' cannot be bound when a group is updated.")
    properties: dict[str, Any] = {name: value for name, value in body.items() if not name.endswith("@odata.bind")}
    call.require(*(MEMBER_WRITE if links is not None and not properties else GROUP_WRITE))
    entry = call.for_writing(found)
    changes = labelled(call.tenant, checked(GROUP, properties))
    if changes:
        refuse_foreign_mastered(entry)
        _refuse_conversion(entry.record, changes)
        if "displayName" in changes and not changes["displayName"]:
            raise bad_request("Invalid value specified for property 'displayName' of resource 'Group'.")
        if changes.get("mailNickname", entry.record.get("mailNickname")) != entry.record.get("mailNickname"):
            _refuse_nickname(call.tenant, {"mailEnabled": entry.record.get("mailEnabled"), **changes}, but=entry.id)
    if links is not None:
        bind_members(call, entry, links)
    if changes:
        before = entry.record
        call.tenant.objects.change(entry, **changes)
        change = AuditedChange(before=before)
        call.tenant.audit("Update group", "GroupManagement", entry, call.token.application, change=change)
    return Reply(NO_CONTENT)


def delete_group(call: Call) -> Reply:
    """The group is among the deleted items for 30 days."""
    entry = call.for_writing(call.group())
    refuse_foreign_mastered(entry)
    if entry.record.get("isAssignableToRole"):
        call.require("RoleManagement.ReadWrite.Directory")
    call.tenant.soft_delete(entry)
    call.tenant.audit("Delete group", "GroupManagement", entry, call.token.application)
    return Reply(NO_CONTENT)


_API = "https://learn.microsoft.com/graph/api/group-"
OPERATIONS = (
    Operation("GET", "/groups", list_groups, GROUP_READ, f"{_API}list"),
    Operation("GET", "/groups/$count", counting(list_groups), GROUP_READ, f"{_API}list"),
    Operation("GET", "/groups/{id}", get_group, GROUP_READ, f"{_API}get"),
    Operation(
        "POST",
        "/groups",
        create_group,
        ("Group.Create", *GROUP_WRITE),
        f"{_API}post-groups",
        kind="write",
        unverified=(
            "a duplicate mailNickname is refused with 400 (`duplicateGroupStatus`)",
            "applications may not set sensitivity labels: 403 (`labelsByApplications`)",
        ),
        deviations=(
            "rules of dynamic groups are not evaluated: members stay as seeded",
            "the naming policy and blocked words are not applied; who may create groups binds people only",
        ),
    ),
    Operation(
        "PATCH",
        "/groups/{id}",
        update_group,
        (*GROUP_WRITE, "GroupMember.ReadWrite.All"),
        f"{_API}update",
        kind="write",
        unverified=("GroupMember.ReadWrite.All is enough for a body that only binds members",),
    ),
    Operation("DELETE", "/groups/{id}", delete_group, ("Group.ReadWrite.All",), f"{_API}delete", kind="write"),
)
NOT_SIMULATED = (
    "GET /groups/{id}/drive",
    "GET /groups/{id}/transitiveMembers",
)
