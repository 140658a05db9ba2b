"""A Microsoft 365 group for the partner is there, with the owners and the label that are asked for.

Its natural key is the nickname, which no two groups with an address share, so that a creation repeated after a lost reply
meets its own group. A group of somebody else is used only where the request says so (`existing`).
"""

from collections.abc import Mapping

from shared.nouns.checked import checked
from shared.nouns.json_text import Json
from shared.nouns.outcomes import Applied, NotYet, WontWork
from shared.nouns.state import State, Value
from shared.nouns.step import Ask, Entry, Finding, Preflight, Step, Subject, Wish
from shared.steps.group_block import WRITTEN, GroupBlock, group_in_words, is_older, new_group, written
from shared.steps.group_findings import about_labels, about_settings
from shared.steps.group_reasons import explain, label_in_words
from shared.steps.made_for import (
    as_named,
    find_owners,
    named_owners,
    nobody_of_ours,
    shown_names,
)
from shared.tenant import Tenant
from shared.tenant.teamwork import UnifiedGroup

STEP = "create-group"
GUEST_SETTINGS = "set-group-guest-settings"
REPLICATION_WAIT = 10.0


def wanted(ask: Ask) -> Wish | None:
    """The group with what its block says. Raises Refusal for what the platform would refuse."""
    if not ask.name:
        return None
    asked = checked(GroupBlock, {"mailNickname": ask.name} | dict(ask.settings), ("steps", STEP, ask.name))
    details: dict[str, Json] = asked.model_dump(exclude_none=True, by_alias=True) | {"shut": _shut_on_purpose(ask)}
    state: dict[str, Value] = {"present": True, "owners": tuple(sorted(shown_names(named_owners(details["owners"]))))}
    if asked.existing == "refuse":
        # A group of somebody else keeps its name and who can see it.
        state |= {"displayName": asked.display_name, "visibility": asked.visibility}
        state |= {"description": asked.description} if asked.description else {}
    if asked.sensitivity_label:
        state["label"] = asked.sensitivity_label.lower()
    return Wish(state, details)


async def read(tenant: Tenant, subject: Subject) -> State:
    """The group by the id of an earlier apply, else by its nickname; `group` is its id, `owner_ids` who was asked to own it."""
    named = named_owners(subject.details.get("owners"))
    ids = await find_owners(tenant, named)
    state: dict[str, Value] = {"owner_ids": ids, "nobody": nobody_of_ours(named, ids), "deleted": None}
    if known := subject.ids.get("group"):
        found = await _known(tenant, known)
        if found is None:
            return _absent(state) | {"deleted": known}
    else:
        several = await tenant.unified_groups.with_nickname(str(subject.details.get("mailNickname")))
        if len(several) > 1:
            return _absent(state) | {"conflict": tuple(group.id for group in several)}
        found = several[0] if several else None
    if found is None:
        return _absent(state)
    owners = await tenant.unified_groups.owners(found.id) if found.kind == "microsoft365" else ()
    return (
        state
        | group_in_words(subject, found)
        | {
            "owners": as_named(named, ids, owners),
            "all_owners": owners,
            "closed": await _closed(tenant, subject, found),
        }
    )


async def apply(tenant: Tenant, subject: Subject, change: Mapping[str, Value]) -> Applied:
    """The group is there and owned; a label is set where the block says that the app does."""
    actual = subject.seen or await read(tenant, subject)
    if why := explain(subject, actual):
        raise WontWork(why)
    group, owners = actual.get("group"), _texts(actual.get("owner_ids"))
    label = str(subject.details.get("sensitivityLabel") or "").lower()
    if label in tenant.labels_without_guests:
        raise WontWork(f"The sensitivity label {label} keeps guests out: choose another one for group {subject.name}")
    if not isinstance(group, str):
        made = await tenant.unified_groups.create(new_group(subject), owners)
        if made is None:
            raise NotYet(
                f"Another group got the nickname {subject.details.get('mailNickname')} meanwhile, or ours is there already: it is "
                "read again",
                after=REPLICATION_WAIT,
            )
        return Applied(ids={"group": made, "owners": " ".join(sorted(owners))}, created=True)
    if values := written(subject, change):
        await tenant.unified_groups.change(group, values)
    missing = set(owners) - set(_texts(actual.get("all_owners"))) if "owners" in change else set()
    await _add_owners(tenant, group, sorted(missing), partly=bool(values))
    kept = set(_texts(actual.get("all_owners"))) | set(owners)
    return Applied(ids={"group": group, "owners": " ".join(sorted(kept))})


async def undo(tenant: Tenant, subject: Subject, entry: Entry) -> Applied:
    """The group that we created is deleted (restorable for 30 days), or what we changed of another is as before."""
    known = entry.ids.get("group") or str(entry.after.get("group") or "")
    group = await tenant.unified_groups.by_id(known) if known else None
    if group is None:
        return Applied(note="The group is gone already")
    owners = await tenant.unified_groups.owners(group.id)
    if entry.created:
        if changed := await _changed(tenant, subject, entry, group, owners):
            raise WontWork(f"Group {group.id} is not deleted, because {changed}: delete it by hand if that is still wanted")
        await tenant.unified_groups.delete(group.id)
        return Applied(note="The group that we had created was deleted; it can be restored for 30 days")
    return await _put_back(tenant, subject, entry, group, owners)


def settled(subject: Subject, actual: State) -> str:
    """Whether it was there, and who owns it."""
    already = "" if subject.intents else " already"
    label = f", labelled {label_in_words(actual)}" if actual.get("label") else ""
    return f"group {subject.name} is{already} there as {actual.get('group')}, with {len(_texts(actual.get('all_owners')))} owners{label}"


def instruct(subject: Subject, change: Mapping[str, Value]) -> str | None:
    """A label, where nothing else is left to do, is set by a person: the platform does not surely let an app."""
    if set(change) != {"label"} or subject.details.get("labelBy") == "app":
        return None
    return (
        f"Set the sensitivity label {change['label']} on group {subject.ids.get('group') or subject.details.get('mailNickname')} "
        "(Microsoft 365 admin center > Teams & groups, or as an owner in Outlook or Teams)"
    )


async def preflight(tenant: Tenant, ahead: Preflight) -> tuple[Finding, ...]:
    """Settings of groups and labels that stand in the way."""
    return await about_settings(tenant, ahead) + await about_labels(tenant, ahead)


def _shut_on_purpose(ask: Ask) -> bool:
    """The same request, or its template, keeps guests from being added to this group."""
    blocks = (ask.template.defaults.get(GUEST_SETTINGS, {}), ask.header.steps.get(GUEST_SETTINGS, {}))
    found = [block[ask.name] for block in blocks if isinstance(block.get(ask.name), dict)]
    return any(block.get("allowToAddGuests") is False for block in found[-1:])


async def _known(tenant: Tenant, group_id: str) -> UnifiedGroup | None:
    """The group; None where it was deleted. Raises NotYet where the directory has neither: it is not replicated yet."""
    found = await tenant.unified_groups.by_id(group_id)
    if found is None and not await tenant.unified_groups.is_deleted(group_id):
        raise NotYet(f"Group {group_id} is not known everywhere in the directory yet", after=REPLICATION_WAIT)
    return found


async def _add_owners(tenant: Tenant, group: str, missing: list[str], *, partly: bool) -> None:
    for owner in missing:
        try:
            await tenant.unified_groups.add_owner(group, owner)
        except NotYet as error:
            # What was done before this owner must not be recorded as nothing done.
            unsure = partly or error.effect_unknown
            raise NotYet(error.reason, after=error.after, moves_lane=error.moves_lane, effect_unknown=unsure) from None
        partly = True


def _absent(state: Mapping[str, Value]) -> dict[str, Value]:
    return dict.fromkeys(("present", "group", "owners", "label", *WRITTEN)) | dict(state)


async def _closed(tenant: Tenant, subject: Subject, group: UnifiedGroup) -> bool:
    """The group's label keeps guests out: the settings say so of the label, or the label has switched guests off on the group."""
    if group.label is None:
        return False
    if group.label.id in tenant.labels_without_guests:
        return True
    own = None if subject.details.get("shut") else await tenant.group_settings.of_group(group.id)
    return own is not None and own.values.get("AllowToAddGuests", "true").lower() == "false"


async def _changed(tenant: Tenant, subject: Subject, entry: Entry, group: UnifiedGroup, owners: tuple[str, ...]) -> str:
    if is_older(subject, group) and group.created:
        return f"it was there before us, since {group.created.isoformat()}"
    # Where the answer to the creation was lost, nobody noted its owners: they were those of the request.
    noted = entry.ids.get("owners", "").split()
    ours = noted or list(await find_owners(tenant, named_owners(subject.details.get("owners"))))
    if set(ours) != set(owners):
        return f"its owners were {', '.join(ours) or 'nobody'} and are {', '.join(owners) or 'nobody'}"
    now = group_in_words(subject, group)
    return _both([key for key in WRITTEN if entry.after.get(key) not in {None, now[key]}], entry, now)


def _both(keys: list[str], entry: Entry, now: State) -> str:
    return "; ".join(f"{key} was {entry.after[key]!r} and is {now[key]!r}" for key in keys)


async def _put_back(tenant: Tenant, subject: Subject, entry: Entry, group: UnifiedGroup, owners: tuple[str, ...]) -> Applied:
    now = group_in_words(subject, group)
    changed = [key for key in WRITTEN if key in entry.after and entry.before.get(key) != entry.after[key]]
    if all(now[key] == entry.before.get(key) for key in changed):
        changed = []
    if strange := [key for key in changed if now[key] != entry.after[key]]:
        raise WontWork(
            f"Group {group.id} was changed by somebody after us ({_both(strange, entry, now)}): set it by hand as it should be"
        )
    added = set(_texts(entry.after.get("owners"))) - set(_texts(entry.before.get("owners")))
    named = named_owners(subject.details.get("owners"))
    ids = await find_owners(tenant, named)
    ours = {user for shown, user in zip(shown_names(named), ids, strict=True) if shown in added} & set(owners)
    if ours and ours == set(owners):
        raise WontWork(f"Group {group.id} would be left without an owner: give it one, then try again")
    if changed:
        await tenant.unified_groups.change(group.id, {key: str(entry.before.get(key) or "") for key in changed})
    for owner in sorted(ours):
        await tenant.unified_groups.remove_owner(group.id, owner)
    note = "The group was there before and stays; what we had changed of it, but for labels, is as before"
    return Applied(ids={"group": group.id}, note=note)


def _texts(value: Value) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else ()


CREATE_GROUP = Step(
    name=STEP,
    sentence="A Microsoft 365 group for the partner is there, owned and labelled as asked.",
    subject="named",
    permissions=("User.Read.All", "Group.ReadWrite.All"),
    power="guests",
    lanes=("entra-writes",),
    wanted=wanted,
    read=read,
    explain=explain,
    apply=apply,
    undo=undo,
    settled=settled,
    session=True,
    keeps=("group",),
    preflight=preflight,
    instruct=instruct,
)
