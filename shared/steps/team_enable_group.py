"""The group has a team, with the settings that are asked for, those of its guests first.

A group that has a team keeps it: Microsoft 365 has no way back but deleting the group. An undo puts settings back and, where the
block says `whenUndone = "archive"`, makes a team that we made read-only.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from shared.nouns.checked import checked
from shared.nouns.outcomes import Applied, WontWork
from shared.nouns.state import State, Value, difference
from shared.nouns.step import Ask, Entry, Finding, Preflight, Step, Subject, Weight, Wish
from shared.steps.group_findings import TEAMS, about_licences, about_settings
from shared.steps.group_there import there
from shared.tenant import Tenant

STEP = "team-enable-group"
# Service plans that Teams comes with. https://learn.microsoft.com/entra/identity/users/licensing-service-plan-reference
_PLANS = dict.fromkeys(("TEAMS1", "TEAMS_GOV", "TEAMS_AR_GCCHIGH", "TEAMS_AR_DOD"), "Teams")


class _Switches(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True, alias_generator=to_camel)


class GuestSwitches(_Switches):
    """https://learn.microsoft.com/graph/api/resources/teamguestsettings"""

    allow_create_update_channels: bool | None = None
    allow_delete_channels: bool | None = None


class MemberSwitches(_Switches):
    """https://learn.microsoft.com/graph/api/resources/teammembersettings"""

    allow_add_remove_apps: bool | None = None
    allow_create_private_channels: bool | None = None
    allow_create_update_channels: bool | None = None
    allow_create_update_remove_connectors: bool | None = None
    allow_create_update_remove_tabs: bool | None = None
    allow_delete_channels: bool | None = None


class MessagingSwitches(_Switches):
    """https://learn.microsoft.com/graph/api/resources/teammessagingsettings"""

    allow_channel_mentions: bool | None = None
    allow_owner_delete_messages: bool | None = None
    allow_team_mentions: bool | None = None
    allow_user_delete_messages: bool | None = None
    allow_user_edit_messages: bool | None = None


class FunSwitches(_Switches):
    """https://learn.microsoft.com/graph/api/resources/teamfunsettings"""

    allow_custom_memes: bool | None = None
    allow_giphy: bool | None = None
    allow_stickers_and_memes: bool | None = None
    giphy_content_rating: Literal["moderate", "strict"] | None = None


class TeamBlock(_Switches):
    """`group` is the block's name where it is left out. Settings that are left out are not touched."""

    group: Annotated[str, Field(min_length=1, max_length=120)] | None = None
    guest_settings: GuestSwitches = GuestSwitches()
    member_settings: MemberSwitches = MemberSwitches()
    messaging_settings: MessagingSwitches = MessagingSwitches()
    fun_settings: FunSwitches = FunSwitches()
    when_undone: Literal["leave", "archive"] = "leave"


def wanted(ask: Ask) -> Wish | None:
    """A team, and those of its settings that the block gives."""
    if not ask.name:
        return None
    asked = checked(TeamBlock, dict(ask.settings), ("steps", STEP, ask.name))
    written = asked.model_dump(by_alias=True, exclude_none=True, exclude={"group", "when_undone"})
    settings: dict[str, Value] = {f"{family}.{name}": value for family, own in written.items() for name, value in own.items()}
    return Wish({"team": True} | settings, {"whenUndone": asked.when_undone}, group=asked.group or ask.name)


async def read(tenant: Tenant, subject: Subject) -> State:
    """The team with all its settings; where there is none, the group's `kind` and how many `owners` it has."""
    team = await tenant.group_teams.of_group(_group(subject))
    if team is not None:
        return {"team": True, "archived": team.archived, "kind": "microsoft365", **team.settings}
    group = there(subject, await tenant.unified_groups.by_id(_group(subject)))
    owners = await tenant.unified_groups.owners(group.id) if group and group.kind == "microsoft365" else ()
    # A group is made with its owners: a replica that shows none does not have them yet.
    there(subject, owners or None)
    return {"team": None, "kind": group.kind if group else None, "owners": len(owners)}


def explain(subject: Subject, actual: State) -> str | None:
    """No such group, one that cannot have a team, or an archived team."""
    group = _group(subject)
    if actual.get("team"):
        archived = f"The team of group {group} was archived by somebody, so its settings cannot be changed: unarchive it first"
        return archived if actual.get("archived") else None
    if actual.get("kind") is None:
        return f"There is no group {group}: correct the request or the template"
    if actual.get("kind") != "microsoft365":
        return f"Group {group} is {actual.get('kind')}, and only a Microsoft 365 group can have a team: name another one"
    if not actual.get("owners"):
        return f"Group {group} has no owner, and a team needs one: give it an owner"
    return None


async def apply(tenant: Tenant, subject: Subject, change: Mapping[str, Value]) -> Applied:
    """The group has a team with these settings. Raises NotYet while Teams does not know a new group."""
    group = _group(subject)
    settings = {name: value for name, value in change.items() if "." in name and isinstance(value, bool | str)}
    if "team" in change and await tenant.group_teams.enable(group, settings):
        return Applied(ids={"team": group}, created=True)
    if settings:
        await tenant.group_teams.change(group, settings)
    return Applied(ids={"team": group})


async def undo(tenant: Tenant, subject: Subject, entry: Entry) -> Applied:
    """The settings are those of before, and a team that we made is archived where that was asked for. It stays a team."""
    group = _group(subject)
    team = await tenant.group_teams.of_group(group)
    if team is None:
        return Applied(note="The group has no team any more")
    if entry.created or ("team" in entry.after and entry.before.get("team") is None):
        return await _leave(tenant, subject, group, archived=team.archived)
    ours = {name: value for name, value in entry.after.items() if "." in name and entry.before.get(name) != value}
    before = {name: entry.before.get(name) for name in ours}
    if not difference(before, team.settings):
        return Applied(ids={"team": group}, note="The settings are those of before already; the group stays a team")
    if changed := difference(ours, team.settings):
        both = "; ".join(f"{name} was {value!r} and is {team.settings.get(name)!r}" for name, value in changed.items())
        raise WontWork(f"The team of group {group} was changed by somebody after us ({both}): set it by hand as it should be")
    if team.archived:
        raise WontWork(
            f"The team of group {group} was archived by somebody, so its settings cannot be put back: unarchive it first"
        )
    await tenant.group_teams.change(group, {name: value for name, value in before.items() if isinstance(value, bool | str)})
    return Applied(ids={"team": group}, note="The settings of before are set again; the group stays a team")


def settled(subject: Subject, actual: State) -> str:
    """What guests may do there."""
    already = "" if subject.intents else " already"
    may = [words for name, words in _GUESTS_MAY.items() if actual.get(f"guestSettings.{name}")]
    return f"the group has{already} a team, where guests may {' and '.join(may) or 'change no channels'}"


async def preflight(tenant: Tenant, ahead: Preflight) -> tuple[Finding, ...]:
    """What stands in the way of a team with guests; Teams' own switch for guests is not readable through Graph, and is said to be."""
    guests = Finding(
        Weight.TELLS, "Teams guest access", "unknown", TEAMS, "no supported API shows it; where it is off, guests reach no team"
    )
    return (guests, *await about_settings(tenant, ahead), *await about_licences(tenant, ahead, _PLANS))


async def _leave(tenant: Tenant, subject: Subject, group: str, *, archived: bool) -> Applied:
    kept = "a group that has a team keeps it, and goes with its team when the group is deleted"
    if subject.details.get("whenUndone") != "archive":
        return Applied(ids={"team": group}, note=f"The team that we had made was left: {kept}")
    if not archived:
        await tenant.group_teams.archive(group)
    return Applied(ids={"team": group}, note=f"The team that we had made was archived; {kept}")


_GUESTS_MAY = {"allowCreateUpdateChannels": "create and change channels", "allowDeleteChannels": "delete channels"}


def _group(subject: Subject) -> str:
    if subject.group is None:
        raise ValueError(f"a task of {STEP} has a group")
    return subject.group


TEAM_ENABLE_GROUP = Step(
    name=STEP,
    sentence="The group has a team with the settings that are asked for.",
    subject="named",
    # Making a team needs it, and it is enough for everything else here (facts 2.2).
    permissions=("Group.ReadWrite.All",),
    power="guests",
    lanes=("entra-writes",),
    wanted=wanted,
    read=read,
    explain=explain,
    apply=apply,
    undo=undo,
    settled=settled,
    after=("create-group",),
    session=True,
    common=(),
    preflight=preflight,
)
