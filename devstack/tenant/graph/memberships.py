"""Which groups a user is in. https://learn.microsoft.com/graph/api/directoryobject-checkmembergroups; facts section 2.1."""

from devstack.tenant.directory.objects import Entry, Record
from devstack.tenant.errors import bad_request, not_simulated
from devstack.tenant.graph.kinds import GROUP
from devstack.tenant.graph.operation import GUID, Call, Operation, Reply
from devstack.tenant.graph.permissions import GROUP_READ, USER_READ
from devstack.tenant.graph.show import Found, collection, counting, page, predicate, related, requested, tagged

_MOST_GROUPS = 20
_ROLE = "directoryRole"
_BEHIND_GROUPS = 1_000_000_000


def check_member_groups(call: Call) -> Reply:
    """Those of the given groups that the user is in, directly or through other groups.

    Needs a permission to read users and one to read memberships; the Directory ones are both.
    """
    call.require(*USER_READ)
    call.require(*GROUP_READ)
    entry, _ = call.user()
    asked = call.json().get("groupIds")
    if not isinstance(asked, list) or not asked:
        raise bad_request("One or more parameters of the function are missing or invalid: 'groupIds'.")
    if len(asked) > _MOST_GROUPS:
        raise bad_request(f"The number of groupIds must not exceed {_MOST_GROUPS}.")
    for identifier in asked:
        if not isinstance(identifier, str) or not GUID.fullmatch(identifier):
            raise bad_request(f"Invalid object identifier '{identifier}'.")
    inside = _groups_of(call, entry.id, {identifier.lower() for identifier in asked})
    value = [identifier for identifier in dict.fromkeys(asked) if identifier.lower() in inside]
    return Reply(200, {"@odata.context": call.context("Collection(Edm.String)"), "value": value})


def _groups_of(call: Call, member: str, wanted: set[str]) -> set[str]:
    """Wanted groups that contain the member. Only the references asked about are read, so that each answer is one read of each."""
    relations, found = call.tenant.relations, set()
    for group in wanted:
        if call.tenant.live(group, "group") and relations.has("members", group, member):
            found.add(group)
    parents, seen = list(relations.sources("members", member)), {member}
    while parents:
        group = parents.pop()
        if group in seen or call.tenant.live(group, "group") is None:
            continue
        seen.add(group)
        for parent in relations.sources("members", group):
            if parent in wanted:
                found.add(parent)
            parents.append(parent)
    return found


def list_member_of(call: Call) -> Reply:
    """The groups that the user is in directly, each with its type."""
    return collection(call, None, _member_of(call), "directoryObjects")


def list_groups_of(call: Call) -> Reply:
    """The groups that the user is in directly."""
    return collection(call, GROUP, _member_of(call), "groups")


def _member_of(call: Call) -> Found:
    entry, _ = call.user()
    matches = predicate(call, GROUP, requested(call, GROUP, relation=True))
    return [pair for pair in related(call, call.tenant.relations.read_sources("members", entry.id)) if matches(pair[1])]


def list_transitive_member_of(call: Call) -> Reply:
    """The groups that the user is in, directly or through others, and their directory roles."""
    if unknown := call.options.given.keys() - {"top", "skiptoken", "select", "count"}:
        raise not_simulated(f"${min(unknown)} on transitiveMemberOf", "devstack/tenant/graph/memberships.py")
    entry, _ = call.user()
    parents, seen = list(call.tenant.relations.read_sources("members", entry.id)), set()
    while parents:
        group = parents.pop()
        if group not in seen:
            seen.add(group)
            parents.extend(call.tenant.relations.sources("members", group))

    def item(one: Entry, record: Record) -> Record:
        return record if one.kind == _ROLE else tagged(one, record, call.options.select)

    return page(call, [*related(call, sorted(seen)), *_roles(call, entry)], item, "directoryObjects")


def _roles(call: Call, user: Entry) -> list[tuple[Entry, Record]]:
    """The user's roles as directory objects; they are no objects of the store, because nothing else here reads them."""
    found = []
    for number, name in enumerate(user.record.get("directoryRoles") or []):
        identifier = call.tenant.chance.identifier("directory-role", name)
        empty = dict.fromkeys(("deletedDateTime", "description", "roleTemplateId"))
        record: Record = {"@odata.type": "#microsoft.graph.directoryRole", "id": identifier, "displayName": name, **empty}
        found.append((Entry(identifier, _ROLE, _BEHIND_GROUPS + number, record), record))
    return found


OPERATIONS = (
    Operation(
        "POST",
        "/users/{id}/checkMemberGroups",
        check_member_groups,
        (*USER_READ, *GROUP_READ),
        "https://learn.microsoft.com/graph/api/directoryobject-checkmembergroups",
        units=4,
        unverified=("a permission for users and one for memberships are both required",),
        deviations=("membership through a nested group is seen without delay",),
    ),
    *(
        Operation(
            "GET",
            f"/users/{{id}}/memberOf{end}",
            run,
            ("GroupMember.Read.All", "Group.Read.All", "Directory.Read.All", "Directory.ReadWrite.All"),
            "https://learn.microsoft.com/graph/api/user-list-memberof",
            units=2,
            deviations=() if "group" in end else ("directory roles and administrative units are not listed",),
        )
        for end, run in (
            ("", list_member_of),
            ("/$count", counting(list_member_of)),
            ("/graph.group", list_groups_of),
            ("/graph.group/$count", counting(list_groups_of)),
        )
    ),
    Operation(
        "GET",
        "/users/{id}/transitiveMemberOf",
        list_transitive_member_of,
        ("User.Read.All", "GroupMember.Read.All", "Group.Read.All", "Directory.Read.All", "Directory.ReadWrite.All"),
        "https://learn.microsoft.com/graph/api/user-list-transitivememberof",
        units=2,
        deviations=(
            "administrative units are not listed, and roles are those of the seed",
            "$filter and other queries answer 501; $select is ignored for roles",
            "everything is shown whole, whatever else the application may read; the form of a role is not in the OpenAPI subset",
        ),
    ),
)
NOT_SIMULATED = ("POST /users/{id}/getMemberGroups",)
