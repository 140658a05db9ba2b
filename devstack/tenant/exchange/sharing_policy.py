"""Sharing policies: what our users may share of their calendars and contacts with people of other domains. Facts section 4.4."""

from typing import Any

from devstack.tenant.directory.objects import Entry, Record
from devstack.tenant.exchange.cmdlet import Invocation
from devstack.tenant.exchange.configuration import Noun
from devstack.tenant.exchange.errors import binding, invalid
from devstack.tenant.exchange.parameters import Parameter, each, flag, smtp_domain
from devstack.tenant.tenant import SimulatedTenant

KIND = "sharingPolicy"
# In the order in which the service shows them.
_ACTIONS = (
    "CalendarSharingFreeBusySimple",
    "CalendarSharingFreeBusyDetail",
    "CalendarSharingFreeBusyReviewer",
    "ContactsSharing",
)
# What a new organization has. https://learn.microsoft.com/exchange/sharing/sharing-policies/sharing-policies
DEFAULT: Record = {
    "Name": "Default Sharing Policy",
    "Domains": ["Anonymous:CalendarSharingFreeBusyReviewer", "*:CalendarSharingFreeBusySimple"],
    "Default": True,
}


def domain_and_actions(value: str) -> str:
    """`domain:action[, action]` as the service writes it. Raises ValueError."""
    domain, colon, actions = value.partition(":")
    domain, given = domain.strip(), {action.strip().lower() for action in actions.split(",")}
    found = [action for action in _ACTIONS if action.lower() in given]
    if not colon or not domain or len(found) != len(given):
        raise ValueError(
            f'"{value}" isn\'t a valid sharing policy domain: give Domain:SharingPolicyAction, with {", ".join(_ACTIONS)}.'
        )
    named = {"anonymous": "Anonymous", "*": "*"}.get(domain.lower()) or _one_domain(domain)
    return f"{named}:{', '.join(found)}"


def _one_domain(domain: str) -> str:
    if domain.startswith("*"):
        raise ValueError(f"\"{domain}\" isn't a valid domain here: a domain doesn't include subdomains.")
    return smtp_domain(domain)


def _settle(_tenant: SimulatedTenant, settings: Record, _entry: Entry | None) -> Record:
    domains = [item.partition(":")[0].lower() for item in settings.get("Domains", ())]
    twice = {domain for domain in domains if domains.count(domain) > 1}
    if twice:
        raise invalid(f"The sharing policy can't have the domain {', '.join(sorted(twice))} more than once.")
    if settings.get("Default") is False:
        raise binding("A sharing policy stops being the default one when another becomes it.")
    return settings


def _stays(entry: Entry) -> None:
    if entry.record["Default"]:
        raise invalid(f"The sharing policy '{entry.record['Name']}' is the default policy and can't be removed.")


def _new(invocation: Invocation) -> list[dict[str, Any]]:
    made = NOUN.new(invocation)
    _only_default(invocation, made[0]["Guid"] if made else "")
    return made


def _set(invocation: Invocation) -> list[dict[str, Any]]:
    chosen = NOUN.entry(invocation).id
    done = NOUN.change(invocation)
    _only_default(invocation, chosen)
    return done


def _only_default(invocation: Invocation, chosen: str) -> None:
    """One policy is the default: where another became it, the one before is none any more."""
    if invocation.what_if or not invocation.values.get("Default"):
        return
    for other in list(invocation.tenant.objects.all(KIND)):
        if other.id != chosen.lower() and other.record["Default"]:
            invocation.tenant.objects.change(other, Default=False)


NOUN = Noun(
    name="SharingPolicy",
    kind=KIND,
    title="sharing policy",
    container="Federation",
    unset={"Domains": [], "Enabled": True, "Default": False},
    settle=_settle,
    kept=_stays,
    run_new=_new,
    run_set=_set,
)
_SETTINGS = (Parameter("Default", flag), Parameter("Enabled", flag))
CMDLETS = NOUN.cmdlets(
    (Parameter("Domains", each(domain_and_actions), required=True), *_SETTINGS),
    (Parameter("Domains", each(domain_and_actions)), *_SETTINGS),
    unverified=("the exception class for a domain that is named twice, and that one named twice is refused",),
)
