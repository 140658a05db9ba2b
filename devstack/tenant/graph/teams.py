"""Teams of groups: made, read, changed, archived. https://learn.microsoft.com/graph/api/resources/team; facts 2.2 and 6.2."""

from datetime import datetime, timedelta
from typing import Any

from devstack.tenant.directory.objects import Entry, Record
from devstack.tenant.errors import GraphError, bad_request
from devstack.tenant.graph.operation import NO_CONTENT, PLAIN, Call, Operation, Reply
from devstack.tenant.tenant import SimulatedTenant

KIND = "team"
# What a new team has where nobody says otherwise; guests may change nothing.
DEFAULTS: dict[str, Record] = {
    "memberSettings": {
        "allowAddRemoveApps": True,
        "allowCreatePrivateChannels": True,
        "allowCreateUpdateChannels": True,
        "allowCreateUpdateRemoveConnectors": True,
        "allowCreateUpdateRemoveTabs": True,
        "allowDeleteChannels": True,
    },
    "guestSettings": {"allowCreateUpdateChannels": False, "allowDeleteChannels": False},
    "messagingSettings": {
        "allowChannelMentions": True,
        "allowOwnerDeleteMessages": True,
        "allowTeamMentions": True,
        "allowUserDeleteMessages": True,
        "allowUserEditMessages": True,
    },
    "funSettings": {
        "allowCustomMemes": True,
        "allowGiphy": True,
        "allowStickersAndMemes": True,
        "giphyContentRating": "moderate",
    },
}


def get_group_team(call: Call) -> Reply:
    """The group's team; 404 for a group without one."""
    group, _ = call.group()
    return _answer(call, 200, group)


def get_team(call: Call) -> Reply:
    """The team by its id, which is its group's."""
    return get_group_team(call)


def create_team(call: Call) -> Reply:
    """The group has a team with the settings in the body. Teams must know the group, which must have an owner."""
    group = call.for_writing(call.group())
    _refuse_young(call.tenant, group)
    if "Unified" not in (group.record.get("groupTypes") or []):
        raise bad_request("Only a Microsoft 365 group can be made a team.", "BadRequest")
    if not call.tenant.relations.targets("owners", group.id):
        raise bad_request("A team owner must be provided when creating a team in application context.", "BadRequest")
    if call.tenant.objects.entry(_key(group.id), KIND) is not None:
        raise GraphError(409, "Conflict", "Team already exists.")
    add_team(call.tenant, group, _changes(call.json()))
    return _answer(call, 201, group, replicated=True)


def update_team(call: Call) -> Reply:
    """The team has the settings in the body; an archived team refuses."""
    team = _team(call)
    changes = _changes(call.json())
    if team.record["isArchived"]:
        raise GraphError(403, "AccessDenied", "Team is archived and cannot be modified.")
    call.tenant.objects.change(team, **{family: {**team.record[family], **own} for family, own in changes.items()})
    return Reply(NO_CONTENT)


def archive_team(call: Call) -> Reply:
    """The team is read-only. The operation that Teams answers with is done at once here."""
    team = _team(call)
    if team.record["isArchived"]:
        raise bad_request("Team is already archived.", "BadRequest")
    call.tenant.objects.change(team, isArchived=True)
    group = call.parameters["id"].lower()
    return Reply(202, None, {"Location": f"/teams('{group}')/operations('{call.tenant.new_id('team operation')}')"})


def add_team(tenant: SimulatedTenant, group: Entry, settings: Record, *, replicated: bool = False) -> Entry:
    """The group has a team; `settings` has families of them, over what a new team has, and `isArchived`."""
    whole = {family: {**own, **settings.get(family, {})} for family, own in DEFAULTS.items()}
    record: Record = {"isArchived": bool(settings.get("isArchived")), "createdDateTime": tenant.moment(), **whole}
    existing = tenant.objects.entry(_key(group.id), KIND)
    if existing is not None:
        tenant.objects.change(existing, **record)
        return existing
    provisioned = [*(group.record.get("resourceProvisioningOptions") or []), "Team"]
    tenant.objects.change(group, resourceProvisioningOptions=provisioned)
    return tenant.objects.add(KIND, _key(group.id), {"group": group.id, **record}, replicated=replicated)


def _refuse_young(tenant: SimulatedTenant, group: Entry) -> None:
    created, known = group.record.get("createdDateTime"), tenant.behaviour.teams_knows_groups_after
    if created and datetime.fromisoformat(created) + timedelta(seconds=known) > tenant.clock.now():
        raise GraphError(
            404,
            "NotFound",
            f"Failed to execute Templates backend request CreateTeamFromGroupWithTemplateRequest. Request GroupId: {group.id}.",
        )


def team_of(call: Call) -> Entry:
    """The group whose team the path names; raises 404 for a group without one."""
    group, _ = call.group()
    if call.tenant.objects.read(_key(group.id)) is None:
        raise _no_team(group.id)
    return group


def _team(call: Call) -> Entry:
    group = call.for_writing(call.group())
    team = call.tenant.objects.entry(_key(group.id), KIND)
    if team is None:
        raise _no_team(group.id)
    return team


def _answer(call: Call, status: int, group: Entry, *, replicated: bool = False) -> Reply:
    team = call.tenant.objects.entry(_key(group.id), KIND)
    found = (team, team.record) if replicated and team else call.tenant.objects.read(_key(group.id))
    if found is None:
        raise _no_team(group.id)
    own = {
        "id": group.id,
        "displayName": group.record.get("displayName"),
        "description": group.record.get("description"),
        "visibility": str(group.record.get("visibility") or "private").lower(),
        "webUrl": f"https://teams.microsoft.com/l/team/{group.id}",
    }
    shown = {name: value for name, value in found[1].items() if name != "group"}
    return Reply(status, {"@odata.context": call.context("teams/$entity"), **own, **shown})


def _no_team(group: str) -> GraphError:
    return GraphError(404, "NotFound", f"No team found with Group Id {group}")


def _changes(body: dict[str, Any]) -> dict[str, Record]:
    """The families of settings in the body, each setting of the right type; raises 400."""
    changes: dict[str, Record] = {}
    for family, own in body.items():
        if "@odata" in family:
            continue
        if family not in DEFAULTS or not isinstance(own, dict):
            raise bad_request(f"Invalid property '{family}' in the settings of a team.", "BadRequest")
        changes[family] = {name: value for name, value in own.items() if "@odata" not in name}
        for name, value in changes[family].items():
            wrong = name not in DEFAULTS[family] or type(value) is not type(DEFAULTS[family][name])
            if wrong or (name == "giphyContentRating" and value not in ("moderate", "strict")):
                raise bad_request(f"Invalid value for '{family}/{name}'.", "BadRequest")
    return changes


def _key(group: str) -> str:
    return f"team:{group}"


_READ = (
    *("Group.Read.All", "Group.ReadWrite.All", "Team.ReadBasic.All", "TeamSettings.Read.All", "TeamSettings.ReadWrite.All"),
    *("Directory.Read.All", "Directory.ReadWrite.All"),
)
_CHANGE = ("TeamSettings.ReadWrite.All", "Group.ReadWrite.All", "Directory.ReadWrite.All")
_API = "https://learn.microsoft.com/graph/api/team-"
# https://learn.microsoft.com/graph/throttling-limits#microsoft-teams-service-limits
_ONE = ("oneTeam",)
OPERATIONS = (
    Operation("GET", "/groups/{id}/team", get_group_team, ("Group.Read.All",), f"{_API}get", options=PLAIN, limits=_ONE),
    Operation(
        "PUT",
        "/groups/{id}/team",
        create_team,
        ("Group.ReadWrite.All", "Directory.ReadWrite.All"),
        f"{_API}put-teams",
        kind="write",
        unverified=("a group that has a team is refused with 409",),
        deviations=(
            "a new group is known to Teams as soon as this replica has it; `teamsKnowsGroupsAfter` (seconds) makes it later",
            "counts against the directory's limits too",
        ),
        limits=("teamsMade", *_ONE),
    ),
    Operation("GET", "/teams/{id}", get_team, _READ, f"{_API}get", options=PLAIN, limits=_ONE),
    Operation(
        "PATCH",
        "/teams/{id}",
        update_team,
        _CHANGE,
        f"{_API}update",
        kind="write",
        unverified=("an archived team is refused with 403",),
        deviations=("only the settings that PUT takes can be changed",),
        limits=_ONE,
    ),
    Operation(
        "POST",
        "/teams/{id}/archive",
        archive_team,
        _CHANGE,
        f"{_API}archive",
        kind="write",
        deviations=("the team is archived when the answer comes; its operation cannot be read",),
        limits=_ONE,
    ),
)
NOT_SIMULATED = (
    "GET /teams",
    "POST /teams",
    "GET /teams/{id}/channels",
)
