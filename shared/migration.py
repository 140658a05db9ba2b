"""From an organization relationship of Exchange to Microsoft 365 capabilities: what the partner will see more or less of. Pure.

The mapping is Microsoft's (facts 3.7); what a relationship gave and no capability does is said, not guessed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from shared.nouns.partner import Partner
from shared.tenant.capability_texts import ALL, NOT_ALLOWED, Capabilities, opens_more, scope_text
from shared.tenant.found import Relationship
from shared.tenant.odata import guid

_LEVELS: dict[str, dict[str, str]] = {
    "FreeBusyAccess": {
        "AvailabilityOnly": "crossTenantCalendarAvailabilityBasic",
        "LimitedDetails": "crossTenantCalendarAvailabilityLimitedDetails",
    },
    "MailTipsAccess": {"Limited": "crossTenantMailTipsLimited", "All": "crossTenantMailTipsAll"},
}
# What has no capability in its place.
_LOST = {
    "PhotosEnabled": "photos are shown to the partner",
    "ArchiveAccessEnabled": "archives are reached from the partner's side",
    "DeliveryReportEnabled": "delivery reports are exchanged",
    "MailboxMoveEnabled": "mailboxes are moved between the tenants",
}
BOTH_SIDES = (
    "Capabilities open our side only: what our people see of the partner's ends with the relationship, unless the partner opens its own "
    "(entente handoff says what)"
)


class Verdict(StrEnum):
    """How the new compares with the old."""

    EQUAL = "equal"
    MORE = "more"
    LESS = "less"


@dataclass(frozen=True)
class Line:
    """One thing that the relationship gave, and what there will be instead. `field` is Exchange's parameter, `why` a sentence."""

    field: str
    old: str
    new: str
    verdict: Verdict
    why: str


@dataclass(frozen=True)
class MigrationPlan:
    """`opens` are the capabilities to be set, as texts; `problem` is why it cannot be done as things are, or "".

    `kept_domains` are those of others in the same relationship: it then loses the partner's domains and goes on for the rest.
    """

    relationship: Relationship | None
    lines: tuple[Line, ...] = ()
    opens: Mapping[str, str] | None = None
    kept_domains: tuple[str, ...] = ()
    trust_missing: bool = False
    problem: str = ""

    @property
    def loses(self) -> bool:
        """Something that the partner has now goes."""
        return any(line.verdict is Verdict.LESS for line in self.lines)

    @property
    def retired(self) -> bool:
        """The relationship decides nothing for the partner any more."""
        return self.relationship is None or self.relationship.values.get("Enabled") is not True

    @property
    def finished(self) -> bool:
        """Nothing is left to do."""
        return self.retired and not self.opens and not self.problem


def relationships_of(partner: Partner, all_: Iterable[Relationship]) -> tuple[Relationship, ...]:
    """The relationships that have a domain of the partner's."""
    return tuple(one for one in all_ if set(partner.domains) & set(one.domains))


def compare(
    partner: Partner, all_: Iterable[Relationship], now: Capabilities, *, trusted: bool, scopes: Mapping[str, str] | None = None
) -> MigrationPlan:
    """What takes the relationship's place. `scopes` gives the object id of each group that the relationship names as a scope,
    for Exchange names groups and capabilities take ids."""
    found = relationships_of(partner, all_)
    if len(found) != 1:
        names = " and ".join(repr(one.name) for one in found)
        problem = f"The relationships {names} all have domains of {partner.name}: merge them first" if found else ""
        return MigrationPlan(None, problem=problem)
    old = found[0]
    if old.values.get("Enabled") is not True:
        return MigrationPlan(old)
    lines: list[Line] = []
    opens: dict[str, str] = {}
    problems: list[str] = []
    for what in _LEVELS:
        try:
            line, due = _access(what, old, now, scopes or {})
        except ValueError as error:
            problems.append(str(error))
            continue
        lines.append(line)
        opens |= due
    lines += [_lost(field, old) for field in _LOST if old.values.get(field) is True]
    if opens and (beyond := _beyond(partner, old)):
        lines.append(beyond)
    kept = tuple(domain for domain in old.domains if domain not in partner.domains)
    return MigrationPlan(old, tuple(lines), opens, kept, bool(opens) and not trusted, "; ".join(problems))


def _access(what: str, old: Relationship, now: Capabilities, scopes: Mapping[str, str]) -> tuple[Line, dict[str, str]]:
    level = str(old.values.get(f"{what}Level") or "None")
    capability = _LEVELS[what].get(level)
    if old.values.get(f"{what}Enabled") is not True or capability is None:
        return Line(f"{what}Level", "nothing", "nothing", Verdict.EQUAL, "The relationship opens nothing of this kind"), {}
    named = old.values.get(f"{what}Scope")
    wanted = scope_text((ALL if not named else _group(f"{what}Scope", str(named), scopes),))
    there = now.effective(capability)
    said = f"{level}, for {named or 'everybody'}"
    if there == wanted:
        return Line(f"{what}Level", said, f"{capability} {there}", Verdict.EQUAL, "It is there already"), {}
    if opens_more(there, wanted) and not opens_more(wanted, there):
        why = "The capability that is there opens more than the relationship and is left as it is"
        return Line(f"{what}Level", said, f"{capability} {there}", Verdict.MORE, why), {}
    if there != NOT_ALLOWED and opens_more(there, wanted):
        raise ValueError(
            f"{capability} is {there!r} and the relationship asks for {wanted!r}, and neither includes the other: set it by hand first"
        )
    return Line(f"{what}Level", said, f"{capability} {wanted}", Verdict.EQUAL, "The capability of the same level"), {
        capability: wanted
    }


def _group(field: str, named: str, scopes: Mapping[str, str]) -> str:
    try:
        return f"group:{guid(scopes.get(named, named), field)}"
    except ValueError:
        raise ValueError(
            f"{field} names the group {named!r}, and a capability takes object ids: say which one it is (--scope '{named}=<object id>')"
        ) from None


def _lost(field: str, old: Relationship) -> Line:
    return Line(field, str(old.values[field]), "nothing", Verdict.LESS, f"No capability does this: {_LOST[field]} no longer")


def _beyond(partner: Partner, old: Relationship) -> Line | None:
    missing = [domain for domain in partner.domains if domain not in old.domains]
    domains = ", ".join(old.domains)
    if not missing:
        return None
    return Line(
        "DomainNames",
        domains,
        f"the whole tenant {partner.tenant_id}",
        Verdict.MORE,
        f"Capabilities are for a tenant, not for domains: {', '.join(missing)} and any other domain of the partner gets them too",
    )
