"""Guests may, or may not, be added to the group, as asked.

The tenant's own setting stands above it: where that forbids guests, no group can allow them (preflight tells). `False` keeps
new guests from being added and leaves those who are there. That it binds apps as well is not verified (facts 2.3).
"""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from shared.nouns.checked import checked
from shared.nouns.outcomes import Applied, WontWork
from shared.nouns.state import State, Value
from shared.nouns.step import Ask, Entry, Finding, Preflight, Step, Subject, Wish
from shared.steps.group_findings import about_settings
from shared.steps.group_there import there
from shared.tenant import Tenant

STEP = "set-group-guest-settings"
NAME = "AllowToAddGuests"
# Template Group.Unified.Guest, whose values hold where a group has no settings of its own (facts 2.3).
TEMPLATE = "08d542b9-071f-4e16-94b0-74abb372e3d9"


class GuestSettingsBlock(BaseModel):
    """`group` is the block's name where it is left out: the group that the same request creates under it."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True, alias_generator=to_camel)

    group: Annotated[str, Field(min_length=1, max_length=120)] | None = None
    allow_to_add_guests: bool


def wanted(ask: Ask) -> Wish | None:
    """Whether guests may be added."""
    if not ask.name:
        return None
    asked = checked(GuestSettingsBlock, dict(ask.settings), ("steps", STEP, ask.name))
    return Wish({NAME: asked.allow_to_add_guests}, group=asked.group or ask.name)


async def read(tenant: Tenant, subject: Subject) -> State:
    """The value that holds for the group; `setting` is the group's own object, and `label` the one that decides instead of us."""
    group = there(subject, await tenant.unified_groups.by_id(_group(subject)))
    if group is None or group.kind != "microsoft365":
        return {NAME: None, "kind": group.kind if group else None, "setting": None, "label": None}
    own = await tenant.group_settings.of_group(group.id)
    values = own.values if own else await tenant.group_settings.defaults(TEMPLATE)
    return {
        NAME: _flag(values.get(NAME)),
        "kind": group.kind,
        "setting": own.id if own else None,
        "label": f"{group.label.name} ({group.label.id})".strip() if group.label else None,
    }


def explain(subject: Subject, actual: State) -> str | None:
    """No such group, one that has no such settings, or a label that keeps guests out."""
    group = _group(subject)
    if actual.get("kind") is None:
        return f"There is no group {group}: correct the request or the template"
    if actual.get("kind") != "microsoft365":
        return f"Group {group} is no Microsoft 365 group, and only those have settings for guests: leave it out"
    return None


async def apply(tenant: Tenant, subject: Subject, change: Mapping[str, Value]) -> Applied:
    """The group's own settings have the value, beside the others that they have."""
    group, actual = _group(subject), subject.seen or await read(tenant, subject)
    value = _text(change[NAME])
    if change[NAME] and actual.get("label"):
        raise WontWork(
            f"The sensitivity label {actual['label']} of group {group} decides about guests and was set by somebody: choose another "
            "label, or another group"
        )
    own = await tenant.group_settings.of_group(group)
    if own is None:
        values = {**await tenant.group_settings.defaults(TEMPLATE), NAME: value}
        made = await tenant.group_settings.create(group, values)
        if made is not None:
            return Applied(ids={"setting": made}, created=True)
        own = await tenant.group_settings.of_group(group)
    if own is None:
        raise WontWork(f"The settings of group {group} are there for one request and not for the next: try again")
    await tenant.group_settings.change(group, own.id, {**own.values, NAME: value})
    return Applied(ids={"setting": own.id})


async def undo(tenant: Tenant, subject: Subject, entry: Entry) -> Applied:
    """The group's setting is as before."""
    group, before, after = _group(subject), entry.before.get(NAME), entry.after.get(NAME)
    if await tenant.unified_groups.by_id(group) is None:
        return Applied(note="The group is gone already")
    own = await tenant.group_settings.of_group(group)
    defaults = await tenant.group_settings.defaults(TEMPLATE)
    now = _flag((own.values if own else defaults).get(NAME))
    if now == before or NAME not in entry.after:
        return Applied(note="The setting is that of before already")
    if own is None or now != after:
        raise WontWork(
            f"{NAME} of group {group} was {after} and is {now}, because somebody changed it after us: set it by hand as it should be"
        )
    others = {name: value for name, value in own.values.items() if name != NAME and value != defaults.get(name)}
    if entry.created and not others and _flag(defaults.get(NAME)) == before:
        await tenant.group_settings.remove(group, own.id)
        return Applied(note="The group's own settings, which we had made, were removed")
    await tenant.group_settings.change(group, own.id, {**own.values, NAME: _text(before)})
    return Applied(ids={"setting": own.id}, note="The value of before is set again")


def settled(subject: Subject, actual: State) -> str:
    """What holds."""
    already = "" if subject.intents else " already"
    return f"guests may{already} be added to the group" if actual.get(NAME) else f"no guests may{already} be added to the group"


async def preflight(tenant: Tenant, ahead: Preflight) -> tuple[Finding, ...]:
    """The tenant's settings that stand above those of a group."""
    return await about_settings(tenant, ahead)


def _flag(value: str | None) -> bool | None:
    return None if value is None else value.strip().lower() == "true"


def _text(value: Value) -> str:
    return "true" if value else "false"


def _group(subject: Subject) -> str:
    if subject.group is None:
        raise ValueError(f"a task of {STEP} has a group")
    return subject.group


SET_GROUP_GUEST_SETTINGS = Step(
    name=STEP,
    sentence="Guests may, or may not, be added to the group, as asked.",
    subject="named",
    # The label and kind of the group are read as well.
    permissions=("Group.Read.All", "GroupSettings.ReadWrite.All"),
    power="guests",
    lanes=("entra-writes",),
    wanted=wanted,
    read=read,
    explain=explain,
    apply=apply,
    undo=undo,
    settled=settled,
    after=("create-group", "create-community"),
    session=True,
    common=(),
    # It opens a group that somebody may have closed.
    sensitive=True,
    preflight=preflight,
)
