"""Our directory says about the guest what is asked: company, department, job title, usage location, name.

Only properties that are asked for are touched. What the guest's own organization keeps for them (people from cross-tenant sync)
is overwritten by it again; Teams shows a change later. https://learn.microsoft.com/graph/api/user-update
"""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from shared.nouns.checked import checked
from shared.nouns.errors import Fault, Refusal
from shared.nouns.json_text import Json
from shared.nouns.outcomes import Applied, NotYet, WontWork
from shared.nouns.state import State, Value
from shared.nouns.step import Ask, Entry, Step, Subject, Wish
from shared.tenant import Tenant

STEP = "set-guest-details"
REPLICATION_WAIT = 10.0
_PLAIN = ("companyName", "department", "jobTitle", "usageLocation")


class GuestDetails(BaseModel):
    """For all guests of the request. `companyName` is the partner's name unless it is given; null leaves it alone.

    `displayName` is a pattern with {name} (the guest's name in the request) and {partner}; guests without a name keep theirs.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True, alias_generator=to_camel)

    company_name: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    department: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    job_title: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    usage_location: Annotated[str, Field(pattern=r"^[A-Z]{2}$", description="Country, as in ISO 3166: US")] | None = None
    display_name: Annotated[str, Field(min_length=1, max_length=200, pattern=r"\{name\}")] | None = None


def wanted(ask: Ask) -> Wish | None:
    """The properties that the block gives, for every guest alike."""
    if ask.guest is None:
        return None
    asked = checked(GuestDetails, {"companyName": ask.partner.name[:64]} | dict(ask.settings), ("steps", STEP))
    state: dict[str, Value] = asked.model_dump(exclude_none=True, by_alias=True)
    pattern = state.pop("displayName", None)
    if isinstance(pattern, str) and pattern.replace("{name}", "").replace("{partner}", "").count("{"):
        raise Refusal([Fault(f"steps.{STEP}.displayName", "may hold {name} and {partner} and no other word in braces")])
    if pattern and ask.guest.name:
        # A person's name stands in the people table alone: the state only says whether it is as the pattern makes it.
        state["named"] = True
    details: dict[str, Json] = {"displayName": pattern} if isinstance(pattern, str) else {}
    return Wish(state, details) if state else None


async def read(tenant: Tenant, subject: Subject) -> State:
    """The properties; `named` says that the guest is called as asked, and where not, `name` and `nameAsked` are both names."""
    user = await _user(tenant, subject)
    profile = await tenant.profiles.of_user(user) if user else None
    if profile is None:
        raise NotYet(f"Guest {user or subject.id} is not known everywhere in the directory yet", after=REPLICATION_WAIT)
    shown: dict[str, Value] = {name: profile.values.get(name) or None for name in _PLAIN}
    called, asked = profile.values.get("displayName", ""), _name(subject)
    named = called == asked
    if not named and asked:
        shown |= {"name": called, "nameAsked": asked}
    return shown | {"named": named, "user": profile.id, "external": profile.external, "synced": profile.synced}


def explain(subject: Subject, actual: State) -> str | None:
    """One of our own people, or somebody whose properties come from on-premises."""
    if not actual.get("external"):
        return f"User {actual.get('user')} is one of our own people, whose details are not changed here: leave them out"
    if actual.get("synced"):
        return f"The details of user {actual.get('user')} come from on-premises: change them there"
    return None


async def apply(tenant: Tenant, subject: Subject, change: Mapping[str, Value]) -> Applied:
    """The guest has the properties that are to change."""
    actual = subject.seen or await read(tenant, subject)
    user, values = str(actual["user"]), {name: str(change[name]) for name in _PLAIN if name in change}
    if "named" in change:
        if subject.person is None:
            raise WontWork(f"The name of person {subject.id} was erased: name the person in a new request")
        values["displayName"] = _name(subject)
    await tenant.profiles.change(user, values)
    return Applied(ids={"user": user})


async def undo(tenant: Tenant, subject: Subject, entry: Entry) -> Applied:
    """The properties are those of before, and the name too, unless what it was has been erased. What others changed is told when the
    rest is put back."""
    user = entry.ids.get("user") or str(entry.after.get("user") or "")
    profile = await tenant.profiles.of_user(user) if user else None
    if profile is None:
        return Applied(note="The guest is gone already")
    ours: dict[str, Value] = {
        name: entry.after[name] for name in _PLAIN if name in entry.after and entry.before.get(name) != entry.after[name]
    }
    now: dict[str, Value] = {name: profile.values.get(name) or None for name in ours}
    back = {name: str(entry.before[name]) if entry.before.get(name) else None for name in ours}
    note = ""
    if "named" in entry.after:
        if subject.kept:
            ours["displayName"], now["displayName"] = subject.kept["nameAsked"], profile.values.get("displayName")
            back["displayName"] = subject.kept["name"]
        else:
            note = "; the name stays, because what it was before has been erased"
    if now == back:
        return Applied(ids={"user": user}, note=f"The details are those of before already{note}")
    # Whoever put one back has done our work.
    strange = [name for name in ours if now[name] not in {ours[name], back[name]}]
    due = {name: value for name, value in back.items() if name not in strange and now[name] != value}
    if due:
        await tenant.profiles.change(user, due)
    if strange:
        raise WontWork(
            f"User {user} was changed by somebody after us ({_both(strange, ours, now)}): set it by hand as it should be",
            restored=["named" if name == "displayName" else name for name in due],
        )
    return Applied(ids={"user": user}, note=f"The details of before are set again{note}")


def _both(strange: list[str], ours: Mapping[str, Value], now: Mapping[str, Value]) -> str:
    """What each was and is; a person's name stands in no reason."""
    return "; ".join(
        f"{name} is not what we set" if name == "displayName" else f"{name} was {ours[name]!r} and is {now[name]!r}"
        for name in strange
    )


def settled(subject: Subject, actual: State) -> str:
    """For which company."""
    already = "" if subject.intents else " already"
    return f"the guest's details are{already} as asked (company {actual.get('companyName') or 'not given'})"


async def _user(tenant: Tenant, subject: Subject) -> str | None:
    """The guest's object id: as the invitation gave it, else by address. Raises WontWork where several have the address."""
    if known := subject.ids.get("user"):
        return known
    if subject.person is None:
        raise WontWork(f"The address of person {subject.id} was erased: name the person in a new request")
    found = await tenant.users.find_by_address(subject.person.address)
    if len(found) > 1:
        several = " and ".join(user.id for user in found)
        raise WontWork(f"Users {several} have this person's address: decide which one is meant")
    return found[0].id if found else None


def _name(subject: Subject) -> str:
    pattern, person = str(subject.details.get("displayName") or ""), subject.person
    whole = pattern.replace("{partner}", subject.partner.name).replace("{name}", person.name if person else "")
    return whole[:256]


SET_GUEST_DETAILS = Step(
    name=STEP,
    sentence="Our directory says about the guest what is asked.",
    subject="person",
    permissions=("User.Read.All", "User.ReadWrite.All"),
    power="guests",
    lanes=("entra-writes",),
    wanted=wanted,
    read=read,
    explain=explain,
    apply=apply,
    undo=undo,
    settled=settled,
    after=("invite-guest",),
    keeps=("user",),
    personal=("name", "nameAsked"),
)
