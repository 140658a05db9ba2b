"""Members of a team, as Teams tells of them: those of its group, the owners among them and guests by their role.

https://learn.microsoft.com/graph/api/team-list-members, facts 6.1.
"""

import base64
import binascii
import re
from dataclasses import replace

from devstack.tenant.directory.objects import Entry, Record
from devstack.tenant.errors import GraphError, bad_request, not_found
from devstack.tenant.graph.operation import NO_CONTENT, Call, Operation, Reply
from devstack.tenant.graph.show import next_link
from devstack.tenant.graph.teams import team_of

PAGE = 100
LARGEST_PAGE = 999
TYPE = "#microsoft.graph.aadUserConversationMember"
_BY_NAME = re.compile(r"https?://[^/]+/(?:v1\.0|beta)/users\('(?P<name>[^'@]+@[^']+)'\)", re.IGNORECASE)
_FILTER = re.compile(
    r"\(?(?P<roles>roles/any\(r:r eq '(?P<role>owner|guest)'\))\)?"
    r"|\(?microsoft\.graph\.aadUserConversationMember/(?P<name>userId|email) eq '(?P<value>[^']+)'\)?",
    re.IGNORECASE,
)


def list_members(call: Call) -> Reply:
    """The team's members a page at a time, with their roles; owners are members too."""
    group = team_of(call)
    found = [_member(call, group, user) for user in _users(call, group)]
    if (text := call.options.given.get("filter")) is not None:
        found = _filtered(found, text)
    given = call.options.given.get("skiptoken", "")
    start, size = int(given) if given.isdecimal() else 0, call.options.top(PAGE, LARGEST_PAGE)
    shown = found[start : start + size]
    body: Record = {"@odata.context": call.context(f"teams('{group.id}')/members"), "@odata.count": len(shown)}
    if start + size < len(found):
        body["@odata.nextLink"] = next_link(call, str(start + size))
    return Reply(200, body | {"value": [{"@odata.type": TYPE, **member} for member in shown]})


def get_member(call: Call) -> Reply:
    """One membership by its own id, which says nothing to a client."""
    group = team_of(call)
    user = _named(call, group)
    context = call.context(f"teams('{group.id}')/members/$entity")
    return Reply(200, {"@odata.context": context, "@odata.type": TYPE, **_member(call, group, user)})


def add_member(call: Call) -> Reply:
    """The user is a member of the team, and so of its group; an owner where `roles` says so.

    An application may not add guests this way: 403, and they get in through the group.
    """
    group, body = team_of(call), call.json()
    if str(body.get("@odata.type", TYPE)).lstrip("#") != TYPE.lstrip("#"):
        raise bad_request("Invalid conversation member type.", "BadRequest")
    roles = body.get("roles") or []
    if roles not in ([], ["owner"]):
        raise bad_request("Invalid role specified for member.", "BadRequest")
    if roles:
        call.require(*_OWNERS)
    user = _bound(call, body.get("user@odata.bind"))
    if user.record.get("userType") == "Guest":
        raise GraphError(403, "Forbidden", "An unknown error has occurred.")
    call.tenant.relations.add("members", group.id, user.id)
    if roles:
        call.tenant.relations.add("owners", group.id, user.id)
    return Reply(
        201,
        {
            "@odata.context": call.context(f"teams('{group.id}')/members/$entity"),
            "@odata.type": TYPE,
            **_member(call, group, user, roles=roles),
        },
    )


def remove_member(call: Call) -> Reply:
    """The user is no member of the team any more, nor of its group, nor an owner."""
    group = team_of(call)
    user = _named(call, group)
    owners = call.tenant.relations.targets("owners", group.id)
    if user.id in owners:
        call.require(*_OWNERS)
        if len(owners) == 1:
            raise bad_request("The last owner of a team cannot be removed.", "BadRequest")
        call.tenant.relations.remove("owners", group.id, user.id)
    if user.id in call.tenant.relations.targets("members", group.id):
        call.tenant.relations.remove("members", group.id, user.id)
    return Reply(NO_CONTENT)


def _bound(call: Call, link: object) -> Entry:
    """The user that the link names, by id or, as Teams allows, by user name."""
    named = _BY_NAME.fullmatch(link) if isinstance(link, str) else None
    if named is None:
        return call.reference(link, kinds=("user",))
    user, _ = replace(call, parameters={**call.parameters, "id": named["name"]}).user()
    return user


def _users(call: Call, group: Entry) -> list[Entry]:
    """Owners and members whom this reader's replica knows."""
    there = dict.fromkeys(
        (*call.tenant.relations.read_targets("owners", group.id), *call.tenant.relations.read_targets("members", group.id))
    )
    found = (call.tenant.objects.read(identifier) for identifier in there)
    return [entry for entry, record in filter(None, found) if entry.kind == "user" and not record.get("deletedDateTime")]


def _member(call: Call, group: Entry, user: Entry, roles: list[str] | None = None) -> Record:
    if roles is None:
        owner = user.id in call.tenant.relations.read_targets("owners", group.id)
        roles = ["owner"] if owner else ["guest"] if user.record.get("userType") == "Guest" else []
    identifier = base64.b64encode(f"{call.tenant.tenant_id}##{group.id}##{user.id}".encode()).decode()
    return {
        "id": identifier,
        "roles": roles,
        "displayName": user.record.get("displayName"),
        "visibleHistoryStartDateTime": "0001-01-01T00:00:00Z",
        "userId": user.id,
        "email": user.record.get("mail") or user.record.get("userPrincipalName"),
        "tenantId": call.tenant.tenant_id,
    }


def _named(call: Call, group: Entry) -> Entry:
    """The user whose membership of this team the path names; raises 404."""
    name = call.parameters["member"]
    try:
        _, of, user = base64.b64decode(name, validate=True).decode().split("##")
    except (binascii.Error, ValueError) as error:
        raise bad_request("Invalid membership id.", "BadRequest") from error
    found = next((entry for entry in _users(call, group) if entry.id == user and of == group.id), None)
    if found is None:
        raise not_found(name)
    return found


def _filtered(members: list[Record], text: str) -> list[Record]:
    found = _FILTER.fullmatch(text.strip())
    if found is None:
        raise bad_request("Invalid filter clause.", "BadRequest")
    if found["roles"]:
        return [member for member in members if found["role"].lower() in member["roles"]]
    name = {"userid": "userId", "email": "email"}[found["name"].lower()]
    return [member for member in members if str(member[name] or "").lower() == found["value"].lower()]


_READ = ("TeamMember.Read.All", "TeamMember.ReadWrite.All")
_OWNERS = ("TeamMember.ReadWrite.All",)
_CHANGE = ("TeamMember.ReadWriteNonOwnerRole.All", *_OWNERS)
_API = "https://learn.microsoft.com/graph/api/team-"
_LIMITS = ("oneTeam",)
OPERATIONS = (
    Operation(
        "GET",
        "/teams/{id}/members",
        list_members,
        _READ,
        f"{_API}list-members",
        options=("select", "filter", "top", "skiptoken"),
        limits=("teamMembers", *_LIMITS),
        deviations=("as the directory has them at once; Teams follows a group within minutes to a day",),
    ),
    Operation(
        "POST",
        "/teams/{id}/members",
        add_member,
        _CHANGE,
        f"{_API}post-members",
        kind="write",
        limits=_LIMITS,
        unverified=(
            "an application that adds a guest is refused with 403, as people report",
            "who is in already is answered with 201",
        ),
    ),
    Operation(
        "GET", "/teams/{id}/members/{member}", get_member, _READ, f"{_API}get-members", options=("select",), limits=_LIMITS
    ),
    Operation(
        "DELETE",
        "/teams/{id}/members/{member}",
        remove_member,
        _CHANGE,
        f"{_API}delete-members",
        kind="write",
        limits=_LIMITS,
        unverified=("the last owner is refused with 400",),
    ),
)
NOT_SIMULATED = ("PATCH /teams/{id}/members/{member}", "POST /teams/{id}/members/add", "POST /teams/{id}/members/remove")
