"""Our people and the partner's may chat and call in Teams.

The list of allowed domains is the tenant's. Where every domain is allowed, adding one would shut out all the others, so nothing is
written. How the list is reached is a setting, because Microsoft documents no way for an app: by default a person changes it.
https://learn.microsoft.com/microsoftteams/trusted-organizations-external-meetings-chat
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
from shared.tenant.federation import WHERE, Federation, by_hand, changed

STEP = "allow-federation"
ALL, LIST = "all", "list"
# The id by which a person has said that a change was made that nobody can read.
CONFIRMED = "confirmed"
DomainName = Annotated[str, AfterValidator(domain_name)]


class AllowFederation(BaseModel):
    """`domains` are those of the partner that are meant, all if left out."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)

    domains: Annotated[list[DomainName], Field(min_length=1, max_length=50)] | None = None


def wanted(ask: Ask) -> Wish | None:
    """Every domain asked for is allowed."""
    domains = asked_domains(STEP, _settings(ask.settings).domains, ask.partner)
    return Wish({"domains": domains}, {"domains": list(domains)})


async def read(tenant: Tenant, subject: Subject) -> State:
    """`domains` are the partner's that are allowed, `mode` is all or list; `reading` says how this is known: `read`, or `confirmed`
    by a person, or `unreadable`. `byHand` says that a person has to change it."""
    teams = tenant.external_access
    found = await teams.federation()
    asked = _asked(subject)
    if found is not None:
        return _state(found, asked) | {"reading": "read", "byHand": not teams.writes}
    confirmed = bool(subject.ids.get(CONFIRMED))
    known: dict[str, Value] = {"domains": asked if confirmed else (), "mode": None, "users": None, "blocked": ()}
    return known | {"reading": "confirmed" if confirmed else "unreadable", "byHand": True}


def explain(subject: Subject, actual: State) -> str | None:
    """External access is off, the partner is blocked, or the list is in a state that nobody can rely on."""
    if actual.get("users") is False:
        return f"External access is switched off in Teams for everybody, which is not one partner's to change: switch it on by hand ({WHERE})"
    blocked = _elements(actual, "blocked")
    if blocked:
        return (
            f"Teams blocks {', '.join(sorted(blocked))}: somebody decided that. Take it out of the block list by hand ({WHERE})"
        )
    if actual.get("mode") == LIST and actual.get("entries") == 0:
        return f"Teams has a list of allowed domains with nothing in it: decide by hand what it should hold ({WHERE})"
    return None


async def apply(tenant: Tenant, subject: Subject, change: Mapping[str, Value]) -> Applied:
    """The list has the domains too; every other entry and setting stays."""
    add = tuple(sorted(_elements(change, "domains")))
    before = await tenant.external_access.change_allowed(add, ())
    return Applied(ids={"list": ALL if before.allowed is None else LIST})


async def undo(tenant: Tenant, subject: Subject, entry: Entry) -> Applied:
    """The domains that we added are gone from the list. Where a person does it, raises WontWork with what to run."""
    ours = tuple(sorted(_elements(entry.after, "domains") - _elements(entry.before, "domains")))
    teams = tenant.external_access
    now = await teams.federation()
    if now is not None and (
        not ours or entry.ids.get("list") == ALL or (now.allowed is not None and not set(ours) & set(now.allowed))
    ):
        return Applied(note="Nothing of ours is in Teams' list of allowed domains")
    if now is not None:
        changed(now, (), ours)
    if teams.writes:
        await teams.change_allowed((), ours)
        return Applied(note=f"{', '.join(ours)} was taken out of Teams' list of allowed domains")
    seen = "" if now is not None else " Whether it is in the list cannot be read here."
    raise WontWork(
        f"Take {', '.join(ours or _asked(subject))} out of Teams' allowed domains by hand.{seen}\n{by_hand(remove=ours or _asked(subject))}"
    )


def settled(subject: Subject, actual: State) -> str:
    """Which domains are allowed, and how that is known."""
    domains = ", ".join(sorted(_elements(actual, "domains")))
    if actual.get("reading") == "confirmed":
        return f"a person confirmed that Teams allows {domains}; it was not read"
    late = "; it can take up to 24 hours until everybody notices"
    if actual.get("mode") == ALL:
        return f"Teams allows every domain that is not blocked, so {domains} as well"
    return (
        f"Teams' list of allowed domains has {domains}{late}"
        if subject.intents
        else f"Teams' list of allowed domains already has {domains}"
    )


def instruct(subject: Subject, change: Mapping[str, Value]) -> str | None:
    """What a person runs, where the app does not write; it is done when it is read, or when a person says so if nothing can be read."""
    if subject.seen.get("byHand") is not True:
        return None
    end = (
        "This is seen by itself once it is done."
        if subject.seen.get("reading") == "read"
        else "It cannot be read here: confirm it when it is done, or when every domain is allowed anyway."
    )
    return f"In Teams PowerShell, as Teams Administrator:\n{by_hand(add=tuple(sorted(_elements(change, 'domains'))))}\n{end}"


async def preflight(tenant: Tenant, ahead: Preflight) -> tuple[Finding, ...]:
    """Whether external access is on, what the lists say, and whether consumers' accounts are let in."""
    domains = asked_domains(STEP, _settings(ahead.settings).domains, ahead.partner)
    now = await tenant.external_access.federation()
    if now is None:
        why = "Teams' external access cannot be read with the app's settings: a person changes it and says so, and it is not verified"
        return (Finding(Weight.WARNS, "AllowedDomains", "not read", WHERE, why),)
    found: list[Finding] = []
    subject = Subject(id="", partner=ahead.partner)
    if (why_not := explain(subject, _state(now, domains))) is not None:
        setting = "AllowFederatedUsers" if not now.users else "BlockedDomains" if now.allowed is None else "AllowedDomains"
        found.append(Finding(Weight.REFUSES, setting, _value(now), WHERE, why_not))
    elif now.allowed is None:
        found.append(Finding(Weight.TELLS, "AllowedDomains", "all", WHERE, "Every domain is allowed: nothing will be written"))
    elif not tenant.external_access.writes and not set(domains) <= set(now.allowed):
        found.append(
            Finding(Weight.TELLS, "AllowedDomains", _value(now), WHERE, "A person adds the domain, and it is verified by reading")
        )
    if now.allowed is not None and (idle := sorted(set(domains) & set(now.blocked))):
        why = f"{', '.join(idle)} is on the block list, which Teams ignores while it has a list of allowed domains"
        found.append(Finding(Weight.WARNS, "BlockedDomains", f"{len(now.blocked)} domains", WHERE, why))
    return (*found, *_consumers(now))


def _consumers(now: Federation) -> list[Finding]:
    if not now.consumers:
        return []
    inbound = now.consumers_inbound is True
    value = "on, and they may begin" if inbound else "on, our people begin"
    why = (
        "Personal Teams accounts are let in whatever the lists say, so somebody of the partner may be met under a private account"
    )
    return [Finding(Weight.TELLS, "AllowTeamsConsumerInbound" if inbound else "AllowTeamsConsumer", value, WHERE, why)]


def _value(now: Federation) -> str:
    if not now.users:
        return "off"
    return f"all but {len(now.blocked)} domains" if now.allowed is None else f"{len(now.allowed)} domains"


def _settings(given: Mapping[str, object]) -> AllowFederation:
    return checked(AllowFederation, dict(given), ("steps", STEP))


def _state(found: Federation, asked: tuple[str, ...]) -> dict[str, Value]:
    return {
        "domains": tuple(domain for domain in asked if found.allows(domain)),
        "mode": ALL if found.allowed is None else LIST,
        "users": found.users,
        "blocked": tuple(sorted({one for domain in asked if (one := found.blocks(domain)) is not None})),
        "entries": len(found.allowed or ()),
    }


def _asked(subject: Subject) -> tuple[str, ...]:
    named = subject.details.get("domains")
    return tuple(str(name) for name in named) if isinstance(named, list) else subject.partner.domains


def _elements(state: Mapping[str, Value], key: str) -> set[str]:
    value = state.get(key)
    return set(value) if isinstance(value, tuple) else set()


ALLOW_FEDERATION = Step(
    name=STEP,
    sentence="Our people and the partner's may chat and call in Teams.",
    subject="partner",
    permissions=(),
    power="settings",
    lanes=("teams",),
    wanted=wanted,
    read=read,
    explain=explain,
    apply=apply,
    undo=undo,
    settled=settled,
    deadline=14 * 24 * 3600,
    session=True,
    shared="teams-federation",
    sensitive=True,
    preflight=preflight,
    instruct=instruct,
)
