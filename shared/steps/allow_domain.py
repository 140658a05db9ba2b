"""SharePoint's and OneDrive's list of domains lets the partner in.

The list is the tenant's, and its mode is never changed: a first entry in an allow list shuts everybody else out, and one that
loses its last entry opens or shuts the tenant. https://learn.microsoft.com/sharepoint/restricted-domains-sharing
"""

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from shared.nouns.checked import checked
from shared.nouns.outcomes import Applied, WontWork
from shared.nouns.request import domain_name
from shared.nouns.state import State, Value
from shared.nouns.step import Ask, Entry, Finding, Preflight, Step, Subject, Weight, Wish
from shared.steps.domains import asked_domains
from shared.tenant import Tenant
from shared.tenant.sharing_settings import ALLOW_LIST, BLOCK_LIST, NONE, Sharing

STEP = "allow-domain"
MOST_DOMAINS = 5_000
WHERE = "SharePoint admin center, Policies, Sharing, Limit external sharing by domain"
DomainName = Annotated[str, AfterValidator(domain_name)]


class AllowDomain(BaseModel):
    """`domains` are those of the partner that are meant, all if left out. `unblock` says that they may be taken out of the block list."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)

    domains: Annotated[list[DomainName], Field(min_length=1, max_length=50)] | None = None
    unblock: bool = False


def wanted(ask: Ask) -> Wish | None:
    """Every domain asked for is let in."""
    asked = _settings(ask.settings)
    domains = asked_domains(STEP, asked.domains, ask.partner)
    return Wish({"domains": domains}, {"domains": list(domains), "unblock": asked.unblock})


async def read(tenant: Tenant, subject: Subject) -> State:
    """`domains` are the partner's that the list lets in, `mode` is the list's, `kept` those on the block list, `entries` how many it has."""
    return _state(await tenant.sharepoint.sharing(), subject)


def explain(subject: Subject, actual: State) -> str | None:
    """The list blocks the partner, is empty, is full, or is of a kind that nobody knows."""
    mode, entries = actual.get("mode"), actual.get("entries")
    kept = _elements(actual, "kept")
    if mode not in (NONE, ALLOW_LIST, BLOCK_LIST):
        return f"SharePoint's list of domains is of the unknown kind {mode!r}: look at it by hand ({WHERE})"
    if kept and subject.details.get("unblock") is not True:
        return (
            f"{', '.join(sorted(kept))} is on SharePoint's block list: somebody decided that. Take it out by hand ({WHERE}), or ask for it with "
            f"unblock = true in the request's block for {STEP}"
        )
    if mode == ALLOW_LIST and entries == 0:
        return f"SharePoint's allow list is in force and empty: a first entry could shut everybody else out. Decide by hand what it should hold ({WHERE})"
    missing = len(set(_asked(subject)) - _elements(actual, "domains"))
    if mode == ALLOW_LIST and isinstance(entries, int) and missing and entries + missing > MOST_DOMAINS:
        return f"SharePoint's allow list takes {MOST_DOMAINS} domains and has {entries}: take some out ({WHERE})"
    return None


async def apply(tenant: Tenant, subject: Subject, change: Mapping[str, Value]) -> Applied:
    """The list that is in force lets the domains in; everything else in it stays, and so does its mode."""
    # Read again, as late as can be: there is no ETag, and the mode is written with the list.
    now = await tenant.sharepoint.sharing()
    asked = set(_elements(change, "domains"))
    if (why := explain(subject, _state(now, subject))) is not None:
        raise WontWork(why)
    if now.mode == NONE or all(now.allows(domain) for domain in asked):
        return Applied(note="The list lets them in already")
    listed = set(now.listed)
    await tenant.sharepoint.set_list(now.mode, _sorted(listed - asked if now.mode == BLOCK_LIST else listed | asked))
    return Applied(ids={"list": now.mode})


async def undo(tenant: Tenant, subject: Subject, entry: Entry) -> Applied:
    """The entries that we added are gone again, or those that we took out of the block list are back."""
    ours = set(_elements(entry.after, "domains")) - set(_elements(entry.before, "domains"))
    if not ours:
        return Applied(note="Nothing of ours is in SharePoint's list")
    now = await tenant.sharepoint.sharing()
    # The answer that said which list it was may have been lost.
    mode = entry.ids.get("list", now.mode)
    if now.mode != mode:
        raise WontWork(
            f"SharePoint's list of domains was {mode} when {', '.join(sorted(ours))} was let in, and is {now.mode} now: somebody changed it. "
            f"Take the domain out by hand if it should go ({WHERE})"
        )
    if mode == NONE:
        return Applied(note="SharePoint has no list of domains in force")
    listed = set(now.listed)
    back = listed | ours if mode == BLOCK_LIST else listed - ours
    if back == listed:
        return Applied(note="SharePoint's list is as it was before already")
    if not back:
        raise WontWork(
            f"{', '.join(sorted(ours))} is all that SharePoint's allow list holds: without it the list would be empty, which opens or shuts the "
            f"whole tenant. Put another domain in, or decide by hand ({WHERE})"
        )
    await tenant.sharepoint.set_list(mode, _sorted(back))
    return Applied(note="Our entries in SharePoint's list are as they were before")


def settled(subject: Subject, actual: State) -> str:
    """Which domains are let in, and by what."""
    domains = ", ".join(_sorted(_elements(actual, "domains")))
    if actual.get("mode") == NONE:
        return f"SharePoint has no list of domains in force: {domains} is let in like every other"
    already = "" if subject.intents else " already"
    return f"SharePoint's {'allow' if actual.get('mode') == ALLOW_LIST else 'block'} list{already} lets {domains} in"


async def preflight(tenant: Tenant, ahead: Preflight) -> tuple[Finding, ...]:
    """The list's mode, what stands in its way, and whether sharing with people outside is on at all."""
    asked = _settings(ahead.settings)
    domains = asked_domains(STEP, asked.domains, ahead.partner)
    sharing = await tenant.sharepoint.sharing()
    details = Subject(id="", partner=ahead.partner, details={"domains": list(domains), "unblock": asked.unblock})
    found = [*_of_list(sharing, details, domains), *_of_capability(sharing)]
    others = sorted({domain for domain in ahead.guest_domains if domain not in domains and not sharing.allows(domain)})
    if others:
        found.append(
            Finding(
                Weight.WARNS,
                "sharingDomainRestrictionMode",
                sharing.mode,
                WHERE,
                f"Guests of {', '.join(others)} are not let in by SharePoint's list, and {STEP} adds the partner's domains only",
            )
        )
    return tuple(found)


def _of_list(sharing: Sharing, subject: Subject, domains: tuple[str, ...]) -> list[Finding]:
    setting, value = "sharingDomainRestrictionMode", f"{sharing.mode}, {len(sharing.listed)} domains"
    if (why := explain(subject, _state(sharing, subject))) is not None:
        return [Finding(Weight.REFUSES, setting, value, WHERE, why)]
    if sharing.mode == NONE:
        return [Finding(Weight.TELLS, setting, value, WHERE, "Every domain is let in: nothing will be written")]
    if sharing.mode == BLOCK_LIST and (kept := [domain for domain in domains if domain in sharing.blocked]):
        return [Finding(Weight.WARNS, setting, value, WHERE, f"{', '.join(kept)} will be taken out of the block list")]
    return []


def _of_capability(sharing: Sharing) -> list[Finding]:
    where = "SharePoint admin center, Policies, Sharing, External sharing"
    if sharing.capability == "disabled":
        why = "Sharing with people outside is switched off for the tenant: the list has no effect until somebody switches it on"
        return [Finding(Weight.WARNS, "sharingCapability", sharing.capability, where, why)]
    if sharing.capability == "existingExternalUserSharingOnly":
        why = "Only people who are guests already can be shared with: invite them first"
        return [Finding(Weight.TELLS, "sharingCapability", sharing.capability, where, why)]
    return []


def _settings(given: Mapping[str, object]) -> AllowDomain:
    return checked(AllowDomain, dict(given), ("steps", STEP))


def _asked(subject: Subject) -> tuple[str, ...]:
    named = subject.details.get("domains")
    return tuple(str(name) for name in named) if isinstance(named, list) else subject.partner.domains


def _state(sharing: Sharing, subject: Subject) -> State:
    asked = _asked(subject)
    return {
        "domains": tuple(domain for domain in asked if sharing.allows(domain)),
        "mode": sharing.mode,
        "kept": tuple(domain for domain in asked if sharing.mode == BLOCK_LIST and domain in sharing.blocked),
        "entries": len(sharing.listed),
    }


def _elements(state: Mapping[str, Value], key: str) -> set[str]:
    value = state.get(key)
    return set(value) if isinstance(value, tuple) else set()


def _sorted(domains: set[str]) -> tuple[str, ...]:
    return tuple(sorted(domains))


ALLOW_DOMAIN = Step(
    name=STEP,
    sentence="SharePoint's list of domains lets the partner in.",
    subject="partner",
    permissions=("SharePointTenantSettings.Read.All", "SharePointTenantSettings.ReadWrite.All"),
    power="settings",
    lanes=("sharepoint",),
    wanted=wanted,
    read=read,
    explain=explain,
    apply=apply,
    undo=undo,
    settled=settled,
    session=True,
    shared="sharepoint-domains",
    sensitive=True,
    preflight=preflight,
)
