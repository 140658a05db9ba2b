"""A Viva Engage community for the partner is there; who is in it is up to its Microsoft 365 group.

Communities have no natural key: names can repeat. Ours is known by its id, else by the mark in its description. It is made
asynchronously: the operation's id is kept, and the community is there when the operation has succeeded and the group is known.
Networks must be in native mode; guests of the network, external networks and the network's switch for guests have no API.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from shared.nouns.checked import checked
from shared.nouns.json_text import Json
from shared.nouns.outcomes import Applied, NotYet, WontWork
from shared.nouns.state import State, Value
from shared.nouns.step import Ask, Entry, Finding, Preflight, Step, Subject, Weight, Wish
from shared.steps.group_findings import about_licences, about_settings
from shared.steps.made_for import Owners, described, find_owners, is_marked, named_owners, nobody_of_ours
from shared.tenant import Tenant
from shared.tenant.teamwork import Community

STEP = "create-community"
# At least 30 s between two looks at the operation (facts section 7).
POLL_WAIT = 30.0
REPLICATION_WAIT = 10.0
_WRITTEN = ("displayName", "description", "privacy")
_ENGAGE = "Viva Engage admin center > Governance and compliance > Guest access"
# https://learn.microsoft.com/entra/identity/users/licensing-service-plan-reference
_PLANS = dict.fromkeys(("YAMMER_ENTERPRISE", "VIVAENGAGE_CORE", "YAMMER_EDU", "YAMMER_MIDSIZE"), "Viva Engage")


class CommunityBlock(BaseModel):
    """What a request says about one community. https://learn.microsoft.com/graph/api/employeeexperience-post-communities"""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True, alias_generator=to_camel)

    display_name: Annotated[str, Field(min_length=1, max_length=255)]
    description: Annotated[str, Field(max_length=900)] = ""
    privacy: Literal["private", "public"] = "private"
    owners: Owners


def wanted(ask: Ask) -> Wish | None:
    """The community with what its block says; owners are those of a new one, for none can be added later through the API."""
    if not ask.name:
        return None
    asked = checked(CommunityBlock, dict(ask.settings), ("steps", STEP, ask.name))
    details: dict[str, Json] = asked.model_dump(by_alias=True)
    state: dict[str, Value] = {"present": True, "displayName": asked.display_name, "privacy": asked.privacy}
    return Wish(state | {"description": asked.description} if asked.description else state, details)


async def read(tenant: Tenant, subject: Subject) -> State:
    """The community, its `group`, or why its creation `failed`. Raises NotYet while it is being made."""
    named = named_owners(subject.details.get("owners"))
    found, failed = await _find(tenant, subject)
    if found is None:
        ids = await find_owners(tenant, named)
        absent: dict[str, Value] = dict.fromkeys(("present", "community", "group", *_WRITTEN))
        return absent | {"failed": failed, "owner_ids": ids, "nobody": nobody_of_ours(named, ids)}
    if found.group is None:
        raise NotYet(f"The group of community {subject.name} is not there yet", after=REPLICATION_WAIT)
    marked = is_marked(found.description, subject)
    ours = marked and any("present" in intent.change for intent in subject.intents)
    return _shown(subject, found) | {"marked": marked, "ours": ours}


def explain(subject: Subject, actual: State) -> str | None:
    """Owners who are none of our people, or a creation that failed."""
    if isinstance(nobody := actual.get("nobody"), tuple) and nobody:
        return (
            f"{', '.join(nobody)} of community {subject.name} is not one of our own people in the directory: name somebody else"
        )
    if failed := actual.get("failed"):
        return (
            f"Viva Engage could not make community {subject.name} ({failed}): the network must be in native mode and the owners must have "
            "Viva Engage; then send a new request"
        )
    return None


async def apply(tenant: Tenant, subject: Subject, change: Mapping[str, Value]) -> Applied:
    """The community has these values, or its creation is under way and `operation` names it."""
    actual = subject.seen or await read(tenant, subject)
    if why := explain(subject, actual):
        raise WontWork(why)
    if isinstance(community := actual.get("community"), str):
        values: dict[str, Json] = {name: str(change[name]) for name in _WRITTEN if name in change}
        if "description" in values:
            values["description"] = described(str(change["description"]), subject)
        await tenant.communities.change(community, values)
        return Applied(ids={"community": community})
    ids = actual.get("owner_ids")
    owners = ids if isinstance(ids, tuple) else ()
    values = {name: subject.details[name] for name in ("displayName", "privacy")}
    values["description"] = described(str(subject.details.get("description") or ""), subject)
    operation = await tenant.communities.create(values, owners)
    return Applied(ids={"operation": operation, "owners": " ".join(sorted(owners))}, created=True)


async def undo(tenant: Tenant, subject: Subject, entry: Entry) -> Applied:
    """The community that we made is deleted with its group, or what we changed of another is as before."""
    found, _ = await _find(tenant, replace(subject, ids={**entry.ids, **subject.ids}))
    if found is None:
        return Applied(note="The community is gone already, or was never made")
    now = _shown(subject, found)
    changed = [name for name in _WRITTEN if name in entry.after and entry.before.get(name) != entry.after[name]]
    if strange := [name for name in changed if now[name] not in (entry.after[name], entry.before.get(name))]:
        both = "; ".join(f"{name} was {entry.after[name]!r} and is {now[name]!r}" for name in strange)
        raise WontWork(f"Community {subject.name} was changed by somebody after us ({both}): set or delete it by hand")
    if entry.created:
        await _refuse_new_owners(tenant, subject, entry, found)
        await tenant.communities.delete(found.id)
        return Applied(note="The community that we had made was deleted, with its group and everything in it")
    back: dict[str, Json] = {name: str(entry.before.get(name) or "") for name in changed if now[name] != entry.before.get(name)}
    if back:
        await tenant.communities.change(found.id, back)
    return Applied(ids={"community": found.id}, note="The community was there before and stays; its values are those of before")


def settled(subject: Subject, actual: State) -> str:
    """Which group keeps its members."""
    already = "" if subject.intents else " already"
    return f"community {subject.name} is{already} there; group {actual.get('group')} keeps its members"


async def preflight(tenant: Tenant, ahead: Preflight) -> tuple[Finding, ...]:
    """What cannot be read is said; then what stands in the way of the community's group."""
    unknown = (
        Finding(Weight.TELLS, "Viva Engage guest access", "unknown", _ENGAGE, "no API shows the network's switch for guests"),
        Finding(
            Weight.TELLS, "Viva Engage native mode", "unknown", _ENGAGE, "only networks in native mode take communities by API"
        ),
    )
    return (*unknown, *await about_settings(tenant, ahead), *await about_licences(tenant, ahead, _PLANS))


async def _find(tenant: Tenant, subject: Subject) -> tuple[Community | None, str]:
    """The community by its id, by the operation that makes it, or by our mark; and why its creation failed."""
    known = subject.ids.get("community")
    if not known and (operation := subject.ids.get("operation")):
        creation = await tenant.communities.creation(operation)
        if creation is not None and creation.failed:
            return None, creation.failed
        if creation is not None and not creation.community:
            raise NotYet(f"Viva Engage is still making community {subject.name}", after=POLL_WAIT, firm=True)
        known = creation.community if creation else None
    if known:
        found = await tenant.communities.by_id(known)
        if found is None and not subject.ids.get("community"):
            raise NotYet(f"Community {subject.name} is made and not to be seen yet", after=REPLICATION_WAIT)
        return found, ""
    marked = [community for community in await tenant.communities.all() if is_marked(community.description, subject)]
    if len(marked) > 1:
        several = " and ".join(community.id for community in marked)
        raise WontWork(f"Communities {several} were both made for {subject.partner.name} as {subject.name}: delete one of them")
    return (marked[0] if marked else None), ""


def _shown(subject: Subject, found: Community) -> dict[str, Value]:
    said = str(subject.details.get("description") or "")
    return {
        "present": True,
        "community": found.id,
        "group": found.group,
        "displayName": found.name,
        "description": said if found.description == described(said, subject) else found.description,
        "privacy": found.privacy,
    }


async def _refuse_new_owners(tenant: Tenant, subject: Subject, entry: Entry, found: Community) -> None:
    """Whoever else owns it by now has a say in whether it goes: the owners are those of its group."""
    if found.group is None:
        return
    noted = entry.ids.get("owners", "").split() or await find_owners(tenant, named_owners(subject.details.get("owners")))
    owners = await tenant.unified_groups.owners(found.group)
    if not set(owners) <= set(noted):
        raise WontWork(
            f"Community {subject.name} is not deleted, because its owners were {', '.join(sorted(noted))} and are {', '.join(owners)}: "
            "delete it by hand if that is still wanted"
        )


CREATE_COMMUNITY = Step(
    name=STEP,
    sentence="A Viva Engage community for the partner is there, with a group that keeps its members.",
    subject="named",
    permissions=("User.Read.All", "GroupMember.Read.All", "Community.ReadWrite.All"),
    power="guests",
    lanes=("entra-writes",),
    wanted=wanted,
    read=read,
    explain=explain,
    apply=apply,
    undo=undo,
    settled=settled,
    session=True,
    keeps=("community", "group"),
    preflight=preflight,
)
