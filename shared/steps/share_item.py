"""A group has a role on a file or folder of SharePoint or OneDrive.

The permission's key is grantee, role and item; it is given to the group by its object id, so nobody is written to and nobody has
to be looked up by address. https://learn.microsoft.com/graph/api/driveitem-invite
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from shared.nouns.outcomes import Applied, WontWork
from shared.nouns.state import State, Value
from shared.nouns.step import Ask, Entry, Finding, Preflight, Step, Subject, Weight, Wish
from shared.steps.named import GroupName, block
from shared.tenant import Tenant

STEP = "share-item"
OWNER = "owner"


def _day(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("must be a date such as 2027-06-30")  # noqa: TRY004  # pydantic turns a ValueError into a fault
    return date.fromisoformat(value)


Id = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9!_-]+$")]


class ShareItem(BaseModel):
    """`drive` and `item` are Microsoft Graph's ids (`root` is a drive's top folder). `until` is the last day, in UTC."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)

    drive: Id
    item: Id
    group: GroupName
    role: Literal["read", "write"] = "read"
    until: Annotated[date, BeforeValidator(_day)] | None = None


def wanted(ask: Ask) -> Wish | None:
    """The group has the role on the item, to the day asked for."""
    asked = block(ShareItem, ask.settings, STEP, ask.name)
    end: dict[str, Value] = {"until": f"{asked.until.isoformat()}T23:59:59Z"} if asked.until else {}
    return Wish(
        {"role": asked.role, **end},
        {"drive": asked.drive, "item": asked.item, **{k: str(v) for k, v in end.items()}},
        asked.group,
    )


async def read(tenant: Tenant, subject: Subject) -> State:
    """The group's own `role` on the item and its end, `permission` is its id; `item` is there or None. What is inherited from a
    folder above is not the item's to give or take, and only told."""
    nothing: dict[str, Value] = {"role": None, "until": None, "permission": None, "inherited": None}
    shares = await tenant.drives.shares(*_place(subject))
    if shares is None:
        return nothing | {"item": None}
    mine = [share for share in shares if share.group == _group(subject) and not share.scope]
    above = next((share.role for share in mine if share.inherited), None)
    own = next((share for share in mine if not share.inherited), None)
    if own is None:
        return nothing | {"item": "there", "inherited": above}
    return {"role": own.role, "until": _instant(own.until), "permission": own.id, "inherited": above, "item": "there"}


def explain(subject: Subject, actual: State) -> str | None:
    """There is no such item, or somebody else's permission is in the way."""
    drive, item = _place(subject)
    if actual.get("item") is None:
        return f"There is no item {item} in drive {drive}, or the app may not see it: correct the request"
    if actual.get("role") == OWNER:
        return f"Group {_group(subject)} owns item {item}: an owner's permission is nothing to change here"
    end = subject.details.get("until")
    ours = subject.ids.get("permission") == actual.get("permission") or any(
        "until" in intent.change for intent in subject.intents
    )
    if actual.get("role") is not None and end is not None and end != actual.get("until") and not ours:
        return (
            f"Group {_group(subject)} has item {item} {'until ' + str(actual['until']) if actual.get('until') else 'without end'} already, and the end "
            "of a permission cannot be changed: take that permission away by hand, or ask for the same end"
        )
    return None


async def apply(tenant: Tenant, subject: Subject, change: Mapping[str, Value]) -> Applied:
    """The group has the role. Repeating it adds nothing: SharePoint keeps one permission for a grantee."""
    drive, item = _place(subject)
    there, role = subject.seen.get("permission"), change.get("role", subject.seen.get("role"))
    if isinstance(there, str) and "until" not in change:
        await tenant.drives.change(drive, item, there, str(role))
        return Applied(ids={"permission": there})
    permission = await tenant.drives.share(drive, item, _group(subject), str(role), str(change.get("until") or ""))
    return Applied(ids={"permission": permission}, created=there is None)


async def undo(tenant: Tenant, subject: Subject, entry: Entry) -> Applied:
    """The permission that we gave is gone, or has the role of before."""
    drive, item = _place(subject)
    now = await read(tenant, subject)
    permission, ours, before = now.get("permission"), entry.after.get("role"), entry.before.get("role")
    if not isinstance(permission, str):
        return Applied(note="The group has no permission of its own on the item any more")
    if now.get("role") == before:
        return Applied(note="The group's role on the item is that of before already")
    if ours is not None and now.get("role") != ours:
        raise WontWork(
            f"The group's role on item {item} of drive {drive} was {ours} and is {now.get('role')}: somebody changed it after us. Set it by hand as "
            "it should be"
        )
    if isinstance(before, str):
        await tenant.drives.change(drive, item, permission, before)
        return Applied(note=f"The group's role on the item is {before} again")
    if not await tenant.drives.unshare(drive, item, permission):
        raise WontWork(f"SharePoint does not take the group's permission on item {item} of drive {drive} away: do it by hand")
    return Applied(note="The permission that we had given was taken away")


def settled(subject: Subject, actual: State) -> str:
    """What the group may do, and until when."""
    already = "" if subject.intents else " already"
    end = f" until {actual['until']}" if actual.get("until") else ""
    above = f"; from a folder above it has {actual['inherited']} as well" if actual.get("inherited") else ""
    return f"the group may{already} {actual.get('role')} item {_place(subject)[1]}{end}{above}"


async def preflight(tenant: Tenant, ahead: Preflight) -> tuple[Finding, ...]:
    """Whether the tenant shares with people outside at all."""
    where = "SharePoint admin center, Policies, Sharing"
    if not ahead.roles & {"SharePointTenantSettings.Read.All", "SharePointTenantSettings.ReadWrite.All"}:
        why = "Whether sharing with people outside is on cannot be read: the app lacks SharePointTenantSettings.Read.All"
        return (Finding(Weight.WARNS, "sharingCapability", "not read", where, why),)
    sharing = await tenant.sharepoint.sharing()
    found: list[Finding] = []
    if sharing.capability == "disabled":
        why = "Sharing with people outside is switched off: guests in the group will see nothing"
        found.append(Finding(Weight.REFUSES, "sharingCapability", sharing.capability, where, why))
    if sharing.resharing:
        why = "Guests may share on what they do not own"
        found.append(Finding(Weight.TELLS, "isResharingByExternalUsersEnabled", "true", where, why))
    return tuple(found)


def _instant(text: str) -> str | None:
    """The moment in one spelling, in UTC and whole seconds, as SharePoint writes fractions at times."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return text
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _place(subject: Subject) -> tuple[str, str]:
    return str(subject.details.get("drive")), str(subject.details.get("item"))


def _group(subject: Subject) -> str:
    if subject.group is None:
        raise ValueError(f"a task of {STEP} has a group")
    return subject.group.lower()


SHARE_ITEM = Step(
    name=STEP,
    sentence="A group has a role on a file or folder.",
    subject="named",
    permissions=("Files.ReadWrite.All",),
    power="guests",
    lanes=("sharepoint",),
    wanted=wanted,
    read=read,
    explain=explain,
    apply=apply,
    undo=undo,
    settled=settled,
    after=("allow-domain", "create-group", "create-community"),
    session=True,
    common=("drive", "item"),
    keeps=("permission",),
    preflight=preflight,
)
