"""Our people may share their calendars with the partner's people as asked.

A mailbox has one sharing policy, so the partner's domains are entries in the policy that mailboxes have: never a policy of their own.
https://learn.microsoft.com/exchange/sharing/sharing-policies/sharing-policies
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from shared.nouns.checked import checked
from shared.nouns.errors import Fault, Refusal
from shared.nouns.json_text import Json
from shared.nouns.outcomes import Applied, WontWork
from shared.nouns.request import Domain
from shared.nouns.state import State, Value
from shared.nouns.step import Ask, Entry, Finding, Preflight, Step, Subject, Weight, Wish
from shared.steps.exchange_ahead import access, readable
from shared.steps.exchange_values import within
from shared.tenant import Tenant
from shared.tenant.sharing_policies import ACTIONS, EVERYBODY, SharingPolicy, ordered, shows_more

STEP = "set-sharing-policy"
WHERE = "Exchange admin center > Organization > Sharing > Individual sharing"
# Facts 3.7; https://learn.microsoft.com/graph/api/resources/m365capabilitybase
LEGACY = (
    "While the partner has an entry in a sharing policy, it goes before cross-tenant capabilities (step set-capabilities), and it needs "
    "Exchange Web Services, which Microsoft switches off between 2026-10 and 2027-04: a capability is the better choice where it serves"
)
# Policies besides ours whose mailboxes a preflight looks for: one call each.
MOST_OTHERS = 5

Action = Literal[
    "CalendarSharingFreeBusySimple", "CalendarSharingFreeBusyDetail", "CalendarSharingFreeBusyReviewer", "ContactsSharing"
]


class SharingBlock(BaseModel):
    """`Policy` names the sharing policy (else the default one). `Domains` are the partner's domains, each an entry of its own, for a
    domain does not cover its subdomains; else all of the partner's. `Actions` is what may be shared with them."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)

    Policy: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    Domains: Annotated[list[Domain], Field(min_length=1, max_length=50)] | None = None
    Actions: Annotated[list[Action], Field(min_length=1, max_length=4)] = ["CalendarSharingFreeBusySimple"]

    @field_validator("Actions")
    @classmethod
    def _one_level(cls, value: list[Action]) -> list[Action]:
        if sum(action != "ContactsSharing" for action in value) > 1:
            raise ValueError(f"has several levels of calendar sharing: give one of {', '.join(ACTIONS[:3])}")
        return value


def wanted(ask: Ask) -> Wish | None:
    """For each domain, what may be shared with it."""
    asked = checked(SharingBlock, dict(ask.settings), ("steps", STEP))
    domains = asked.Domains or list(ask.partner.domains)
    if foreign := [domain for domain in domains if not within(domain, ask.partner.domains)]:
        raise Refusal([Fault(f"steps.{STEP}.Domains", f"{', '.join(foreign)} is not among the partner's domains: add it there")])
    actions = ordered(asked.Actions)
    names = sorted(set(domains))
    details: dict[str, Json] = {"policy": asked.Policy or "", "domains": list(names)}
    return Wish(dict.fromkeys(names, actions), details)


async def read(tenant: Tenant, subject: Subject) -> State:
    """For each domain what may be shared with it (None without an entry); `policy` is the policy's identity, or None."""
    policy = _chosen(subject, await tenant.sharing_policies.all())
    domains = _domains(subject)
    if policy is None:
        return dict.fromkeys(domains) | {"policy": None, "enabled": None}
    return {domain: policy.actions(domain) for domain in domains} | {"policy": policy.identity, "enabled": policy.enabled}


def explain(subject: Subject, actual: State) -> str | None:
    """There is no such policy, or it is switched off."""
    named = subject.details.get("policy")
    which = f"sharing policy {named!r}" if named else "default sharing policy"
    if actual.get("policy") is None:
        return f"There is no {which}: correct steps.{STEP}.Policy in the template or request"
    if actual.get("enabled") is False:
        return f"The {which} is disabled, so nothing is shared by it: enable it in {WHERE}, or leave this step out"
    return None


async def apply(tenant: Tenant, subject: Subject, change: Mapping[str, Value]) -> Applied:
    """The policy has the partner's entries as asked; all others stay as they are at that moment, whoever made them."""
    policy = await _there(tenant, subject)
    if policy is None:
        raise WontWork(str(explain(subject, {"policy": None})))
    await _write(tenant, policy, change)
    return Applied(ids={"policy": policy.identity})


async def undo(tenant: Tenant, subject: Subject, entry: Entry) -> Applied:
    """The partner's entries are as before; those that we added are gone. What somebody changed since is told when that is done."""
    policy = await _there(tenant, subject, entry.ids.get("policy") or str(entry.after.get("policy") or ""))
    if policy is None:
        return Applied(note="The sharing policy is gone already")
    ours = {domain: value for domain, value in entry.after.items() if domain in _domains(subject)}
    ours = {domain: value for domain, value in ours.items() if value is not None and entry.before.get(domain) != value}
    now = {domain: policy.actions(domain) for domain in ours}
    changed = [domain for domain, value in ours.items() if now[domain] not in (value, entry.before.get(domain))]
    back = {domain: entry.before.get(domain) for domain in ours if now[domain] == ours[domain]}
    if back:
        await _write(tenant, policy, back)
    # An entry that somebody took away is no access that we could take away.
    if any(now[domain] is not None for domain in changed):
        both = "; ".join(f"{domain} was {ours[domain]} and is {now[domain] or 'gone'}" for domain in changed)
        raise WontWork(
            f"The sharing policy {policy.name!r} was changed by somebody after us ({both}): set it by hand as it should be",
            restored=back,
        )
    if not back:
        return Applied(ids={"policy": policy.identity}, note="The entries are as before already")
    return Applied(ids={"policy": policy.identity}, note=f"The entries of {', '.join(sorted(back))} are as before again")


def settled(subject: Subject, actual: State) -> str:
    """What may be shared with which domain."""
    already = "" if subject.intents else " already"
    return f"our people may{already} share " + "; ".join(f"with {domain}: {actual.get(domain)}" for domain in _domains(subject))


async def preflight(tenant: Tenant, ahead: Preflight) -> tuple[Finding, ...]:
    """A missing permission, policy or mailboxes with another policy; entries that will change, and a wider one for everybody."""
    wish = wanted(Ask(ahead.header, ahead.template, ahead.partner, ahead.settings))
    if wish is None:
        return ()
    if missing := await access(tenant, ahead):
        return missing
    policies, refused = await readable(tenant.sharing_policies.all(), "sharing policies")
    if policies is None:
        return refused
    subject = Subject(id=ahead.partner.tenant_id, partner=ahead.partner, details=wish.details)
    policy = _chosen(subject, policies)
    state: State = {"policy": policy.identity if policy else None, "enabled": policy.enabled if policy else None}
    if policy is None or explain(subject, state):
        which = str(wish.details["policy"] or "default")
        return (Finding(Weight.REFUSES, "sharing policy", which, WHERE, str(explain(subject, state))),)
    retired = Finding(Weight.WARNS, "sharing policies", "EWS ends 2027-04-01", WHERE, LEGACY)
    others = [one for one in policies if one.identity != policy.identity][:MOST_OTHERS]
    return (retired, *_entries(policy, wish.state), *[found for one in others for found in await _apart(tenant, one, policy)])


def _entries(policy: SharingPolicy, wanted_: State) -> list[Finding]:
    """Entries of the partner that will change, and a wider one for everybody."""
    findings = []
    everybody = policy.actions(EVERYBODY)
    for domain, value in wanted_.items():
        there = policy.actions(domain)
        if there is not None and there != value:
            said = f"The entry for {domain} in sharing policy {policy.name!r} is replaced: {there} becomes {value}"
            findings.append(Finding(Weight.WARNS, f"sharing policy {policy.name}", f"{domain}:{there}", WHERE, said))
    if everybody is not None and (wider := [domain for domain, value in wanted_.items() if shows_more(everybody, str(value))]):
        said = (
            f"The sharing policy {policy.name!r} lets our people share more with everybody ({everybody}) than is asked for "
            f"{', '.join(wider)}: the partner's own entry is the narrower one, and taking it out later gives the partner more"
        )
        findings.append(Finding(Weight.WARNS, f"sharing policy {policy.name}", f"*:{everybody}", WHERE, said))
    return findings


async def _apart(tenant: Tenant, other: SharingPolicy, policy: SharingPolicy) -> tuple[Finding, ...]:
    has, refused = await readable(tenant.sharing_policies.has_mailboxes(other), "mailboxes")
    if has is None:
        return tuple(Finding(Weight.WARNS, one.setting, one.value, one.where, one.why) for one in refused)
    said = (
        f"Mailboxes with sharing policy {other.name!r} do not have the entries that are made in {policy.name!r}: name that policy in the "
        "template for partners whom they work with"
    )
    return (Finding(Weight.WARNS, "SharingPolicy of mailboxes", other.name, WHERE, said),) if has else ()


async def _there(tenant: Tenant, subject: Subject, identity: str = "") -> SharingPolicy | None:
    policies = await tenant.sharing_policies.all()
    known = next((one for one in policies if one.identity == identity), None)
    return known or (None if identity else _chosen(subject, policies))


async def _write(tenant: Tenant, policy: SharingPolicy, entries: Mapping[str, Value]) -> None:
    """Each domain has just the entry given, or none. What is spelled as it is there is neither taken out nor added."""
    remove = [entry for domain in entries for entry in policy.of(domain)]
    add = [f"{domain}:{str(value).replace(',', ', ')}" for domain, value in entries.items() if value is not None]
    if sorted(remove) != sorted(add):
        await tenant.sharing_policies.change(policy, add=add, remove=remove)


def _chosen(subject: Subject, policies: tuple[SharingPolicy, ...]) -> SharingPolicy | None:
    """The policy of an earlier apply, else the one that is named, else the default one."""
    known = next((one for one in policies if one.identity == subject.ids.get("policy")), None)
    named = str(subject.details.get("policy") or "").casefold()
    return known or next((one for one in policies if (one.name.casefold() == named if named else one.default)), None)


def _domains(subject: Subject) -> tuple[str, ...]:
    given = subject.details.get("domains")
    return tuple(str(domain) for domain in given) if isinstance(given, list) else subject.partner.domains


SET_SHARING_POLICY = Step(
    name=STEP,
    sentence="Our people may share their calendars with the partner's people as asked.",
    subject="partner",
    permissions=(),
    power="settings",
    lanes=("exchange",),
    wanted=wanted,
    read=read,
    explain=explain,
    apply=apply,
    undo=undo,
    settled=settled,
    # The first has the sharing policies' cmdlets (unverified), the second shows the preflight which mailboxes have which policy.
    exchange_roles=("Federated Sharing", "View-Only Recipients"),
    session=True,
    shared="mailbox-sharing-policy",
    sensitive=True,
    keeps=("policy",),
    preflight=preflight,
)
