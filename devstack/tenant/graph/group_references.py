"""Members and owners of groups. https://learn.microsoft.com/graph/api/group-post-members; facts section 2.1."""

from typing import Any

from devstack.tenant.audit import AuditedChange
from devstack.tenant.directory.objects import Entry, Record
from devstack.tenant.errors import already_referenced, bad_request, denied, not_found
from devstack.tenant.graph.guests_in_groups import refuse_guest_owners, refuse_guests
from devstack.tenant.graph.kinds import USER
from devstack.tenant.graph.operation import NO_CONTENT, Call, Operation, Reply
from devstack.tenant.graph.permissions import GROUP_WRITE, MEMBER_READ, MEMBER_WRITE, OWNER_READ
from devstack.tenant.graph.show import collection, counting, predicate, related, requested

_MOST_BOUND = 20


def list_members(call: Call) -> Reply:
    """The direct members, each with its type."""
    return _list(call, "members", cast=False)


def list_member_users(call: Call) -> Reply:
    """The direct members that are users."""
    return _list(call, "members", cast=True)


def list_owners(call: Call) -> Reply:
    """The owners, each with its type."""
    return _list(call, "owners", cast=False)


def _list(call: Call, relation: str, *, cast: bool) -> Reply:
    entry, _ = call.group()
    matches = predicate(call, USER, requested(call, USER, relation=True))
    ids = call.tenant.relations.read_targets(relation, entry.id)
    found = [pair for pair in related(call, ids, "user" if cast else None) if matches(pair[1])]
    return collection(call, USER, found, "users") if cast else collection(call, None, found, "directoryObjects")


def add_member(call: Call) -> Reply:
    """The object in `@odata.id` is a member."""
    group = call.for_writing(call.group())
    bind_members(call, group, [call.json().get("@odata.id")])
    return Reply(NO_CONTENT)


def bind_members(call: Call, group: Entry, links: Any) -> None:
    """Every link's object is a member, or, after an error, none of them has become one."""
    if not isinstance(links, list) or not links:
        raise bad_request("Invalid value specified for property 'members' of resource 'Group'.")
    if len(links) > _MOST_BOUND:
        raise bad_request(f"The number of references to add must not exceed {_MOST_BOUND}.")
    refuse_membership_change(call, group)
    members = [call.reference(link, kinds=member_kinds(group.record)) for link in links]
    present = call.tenant.relations.targets("members", group.id)
    distinct = {member.id for member in members}
    if len(distinct) < len(members) or any(member.id in present for member in members):
        raise already_referenced("members")
    if group.id in distinct:
        raise bad_request("A group cannot be a member of itself.")
    refuse_guests(call.tenant, group, group.record, members)
    for member in members:
        call.tenant.relations.add("members", group.id, member.id)
        _audit(call, "Add member to group", member, group)


def member_kinds(group: Record) -> tuple[str, ...]:
    """What may be a member: of a Microsoft 365 group only users, of a security group also groups and contacts."""
    return ("user",) if "Unified" in (group.get("groupTypes") or []) else ("user", "group", "contact")


def remove_member(call: Call) -> Reply:
    """The object is no member."""
    group = call.for_writing(call.group())
    refuse_membership_change(call, group)
    _remove(call, "members", group)
    return Reply(NO_CONTENT)


def add_owner(call: Call) -> Reply:
    """The user in `@odata.id` is an owner."""
    group = call.for_writing(call.group())
    refuse_foreign_mastered(group)
    _refuse_without_role_management(call, group)
    owner = call.reference(call.json().get("@odata.id"), kinds=("user",))
    if owner.id in call.tenant.relations.targets("owners", group.id):
        raise already_referenced("owners")
    refuse_guest_owners(call.tenant, group.record, [owner])
    call.tenant.relations.add("owners", group.id, owner.id)
    _audit(call, "Add owner to group", owner, group)
    return Reply(NO_CONTENT)


def remove_owner(call: Call) -> Reply:
    """The user is no owner; the last owner of a Microsoft 365 group stays."""
    group = call.for_writing(call.group())
    refuse_foreign_mastered(group)
    _refuse_without_role_management(call, group)
    owners = call.tenant.relations.targets("owners", group.id)
    if "Unified" in (group.record.get("groupTypes") or []) and list(owners) == [call.parameters["reference"].lower()]:
        raise bad_request("The group must have at least one owner, hence this owner cannot be removed.")
    _remove(call, "owners", group)
    return Reply(NO_CONTENT)


def _remove(call: Call, relation: str, group: Entry) -> None:
    target = call.identifier("reference").lower()
    if target not in call.tenant.relations.targets(relation, group.id):
        raise not_found(target)
    call.tenant.relations.remove(relation, group.id, target)
    removed = call.tenant.objects.entry(target)
    assert removed is not None, "what is referred to is there until it is purged with its references"
    _audit(call, f"Remove {relation.removesuffix('s')} from group", removed, group)


def _audit(call: Call, activity: str, other: Entry, group: Entry) -> None:
    """Both are targets of the entry, whoever came or went first."""
    call.tenant.audit(activity, "GroupManagement", other, call.token.application, change=AuditedChange(targets=(group,)))


def refuse_membership_change(call: Call, group: Entry) -> None:
    """The membership is kept by this directory, by hand; raises 400 or 403 (facts 2.1)."""
    refuse_foreign_mastered(group)
    if "DynamicMembership" in (group.record.get("groupTypes") or []):
        raise denied()
    _refuse_without_role_management(call, group)


def refuse_foreign_mastered(group: Entry) -> None:
    """The group is kept neither on premises nor by Exchange; raises 400."""
    if group.record.get("onPremisesSyncEnabled"):
        raise bad_request(
            "Unable to update the specified properties for on-premises mastered Directory Sync objects or objects currently undergoing migration."
        )
    if group.record.get("mailEnabled") and "Unified" not in (group.record.get("groupTypes") or []):
        raise bad_request("Cannot Update a mail-enabled security groups and or distribution list.")


def _refuse_without_role_management(call: Call, group: Entry) -> None:
    if group.record.get("isAssignableToRole"):
        call.require("RoleManagement.ReadWrite.Directory")


_API = "https://learn.microsoft.com/graph/api/group-"
_REFUSALS = (
    "a dynamic group is refused with 403 Authorization_RequestDenied",
    "a group that keeps guests out by its label, its settings or the tenant's refuses them with 403 (`guestSettingsBindApps`)",
)
OPERATIONS = (
    Operation("GET", "/groups/{id}/members", list_members, MEMBER_READ, f"{_API}list-members", units=3),
    Operation("GET", "/groups/{id}/members/graph.user", list_member_users, MEMBER_READ, f"{_API}list-members", units=3),
    Operation("GET", "/groups/{id}/members/$count", counting(list_members), MEMBER_READ, f"{_API}list-members", units=3),
    Operation(
        *("GET", "/groups/{id}/members/graph.user/$count", counting(list_member_users), MEMBER_READ, f"{_API}list-members"),
        units=3,
    ),
    Operation(
        "POST", "/groups/{id}/members/$ref", add_member, MEMBER_WRITE, f"{_API}post-members", kind="write", unverified=_REFUSALS
    ),
    Operation(
        "DELETE",
        "/groups/{id}/members/{reference}/$ref",
        remove_member,
        MEMBER_WRITE,
        f"{_API}delete-members",
        kind="write",
        unverified=_REFUSALS,
    ),
    Operation("GET", "/groups/{id}/owners", list_owners, OWNER_READ, f"{_API}list-owners"),
    Operation("GET", "/groups/{id}/owners/$count", counting(list_owners), OWNER_READ, f"{_API}list-owners"),
    Operation(
        "POST",
        "/groups/{id}/owners/$ref",
        add_owner,
        GROUP_WRITE,
        f"{_API}post-owners",
        kind="write",
        unverified=("a guest as owner of a Microsoft 365 group is refused with 403",),
    ),
    Operation("DELETE", "/groups/{id}/owners/{reference}/$ref", remove_owner, GROUP_WRITE, f"{_API}delete-owners", kind="write"),
)
NOT_SIMULATED = ("GET /groups/{id}/members/$ref", "GET /groups/{id}/owners/$ref")
