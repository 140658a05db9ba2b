"""The partner's organization relationship is as asked."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from shared.nouns.checked import checked
from shared.nouns.errors import Fault, Refusal
from shared.nouns.json_text import Json
from shared.nouns.outcomes import Applied, WontWork
from shared.nouns.request import domain_name
from shared.nouns.state import State, Value, difference
from shared.nouns.step import Ask, Entry, Finding, Preflight, Step, Subject, Weight, Wish
from shared.steps.exchange_ahead import access, readable
from shared.steps.exchange_values import as_spelled, elements, within
from shared.tenant import Tenant
from shared.tenant.found import Relationship

STEP = "set-organization-relationship"
# Between two tenants of Exchange Online (facts 4.3); a template can say otherwise.
DEFAULTS: dict[str, Value] = {
    "Enabled": True,
    "TargetApplicationUri": "outlook.com",
    "TargetAutodiscoverEpr": "https://autodiscover-s.outlook.com/autodiscover/autodiscover.svc/WSSecurity",
}
_MOST_NAME = 64
WHERE = "Exchange admin center > Organization > Sharing > Organization sharing"
# https://learn.microsoft.com/graph/api/resources/m365capabilitybase (facts 3.7)
RETIRES = "between 2026-10 and 2027-04"
RETIREMENT = (
    "Microsoft switches organization relationships off between 2026-10 and 2027-04: cross-tenant capabilities (step set-capabilities) are "
    "what replaces them, and the better choice unless the partner still needs a relationship"
)


def _https(value: str) -> str:
    if not re.fullmatch(r"https://[A-Za-z0-9.-]+(:\d+)?(/\S*)?", value):
        raise ValueError("must be an https URL")
    return value


ShortName = Annotated[str, Field(min_length=1, max_length=_MOST_NAME)]
Text = Annotated[str, Field(min_length=1, max_length=256)]
Url = Annotated[str, Field(max_length=2_000), AfterValidator(_https)]
DomainName = Annotated[str, AfterValidator(domain_name)]


class RelationshipParameters(BaseModel):
    """The parameters of New- and Set-OrganizationRelationship, by the cmdlets' names; what is left out is not touched.

    https://learn.microsoft.com/powershell/module/exchangepowershell/set-organizationrelationship
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)

    Name: ShortName | None = None
    DomainNames: Annotated[list[DomainName], Field(min_length=1, max_length=238)] | None = None
    Enabled: bool | None = None
    FreeBusyAccessEnabled: bool | None = None
    FreeBusyAccessLevel: Literal["None", "AvailabilityOnly", "LimitedDetails"] | None = None
    FreeBusyAccessScope: Text | None = None
    MailTipsAccessEnabled: bool | None = None
    MailTipsAccessLevel: Literal["None", "Limited", "All"] | None = None
    MailTipsAccessScope: Text | None = None
    PhotosEnabled: bool | None = None
    ArchiveAccessEnabled: bool | None = None
    DeliveryReportEnabled: bool | None = None
    MailboxMoveEnabled: bool | None = None
    MailboxMoveCapability: Literal["Inbound", "Outbound", "RemoteInbound", "RemoteOutbound"] | None = None
    MailboxMovePublishedScopes: Annotated[list[Text], Field(min_length=1, max_length=100)] | None = None
    OAuthApplicationId: Annotated[str, Field(pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")] | None = None
    TargetApplicationUri: Text | None = None
    TargetAutodiscoverEpr: Url | None = None
    TargetSharingEpr: Url | None = None
    TargetOwaURL: Url | None = None
    OrganizationContact: Annotated[str, Field(max_length=320, pattern=r"^[^\s@]+@[^\s@]+$")] | None = None


PARAMETERS = tuple(RelationshipParameters.model_fields)
# Equal whatever the case: what is read is given in the spelling that was asked for.
_ANY_CASE = frozenset(PARAMETERS) - {"DomainNames", "Name", "MailboxMovePublishedScopes"}


def wanted(ask: Ask) -> Wish | None:
    """What the request's block says over the defaults; the partner's domains where it names none.

    The name is wanted only where it is asked for: a relationship that somebody made under another name keeps it.
    """
    asked = checked(RelationshipParameters, dict(ask.settings), ("steps", STEP))
    foreign = [domain for domain in asked.DomainNames or () if not within(domain, ask.partner.domains)]
    if foreign:
        raise Refusal(
            [Fault(f"steps.{STEP}.DomainNames", f"{', '.join(foreign)} is not among the partner's domains: add it there")]
        )
    details: dict[str, Json] = {"parameters": asked.model_dump(exclude_none=True)}
    return Wish(_wanted(asked, ask.partner.domains), details)


async def read(tenant: Tenant, subject: Subject) -> State:
    """Every parameter of the partner's relationship, `relationship` (its identity), and `conflict` where several match."""
    found = _matching(subject, await tenant.exchange.relationships())
    if len(found) != 1:
        names = tuple(sorted(one.name for one in found))
        return dict.fromkeys(PARAMETERS) | {"relationship": None, "conflict": names}
    asked = _asked(subject)
    shown = {key: _spelled(asked.get(key), found[0].values.get(key), key) for key in PARAMETERS}
    return shown | {"relationship": found[0].identity, "conflict": ()}


def explain(subject: Subject, actual: State) -> str | None:
    """Several relationships are the partner's."""
    conflict = actual.get("conflict")
    if not isinstance(conflict, tuple) or not conflict:
        return None
    names = " and ".join(repr(name) for name in conflict)
    return (
        f"The organization relationships {names} both have domains or the name of {subject.partner.name}: merge them, or name one in "
        "the request and the domains that are in it"
    )


async def preflight(tenant: Tenant, ahead: Preflight) -> tuple[Finding, ...]:
    """A missing permission, relationships in each other's way, and that Microsoft retires them."""
    wish = wanted(Ask(ahead.header, ahead.template, ahead.partner, ahead.settings))
    if wish is None:
        return ()
    retired = Finding(Weight.WARNS, "organization relationships", RETIRES, WHERE, RETIREMENT)
    if missing := await access(tenant, ahead):
        return (*missing, retired)
    subject = Subject(id=ahead.partner.tenant_id, partner=ahead.partner, details=wish.details)
    actual, refused = await readable(read(tenant, subject), "organization relationships")
    if actual is None:
        return (*refused, retired)
    if why := explain(subject, actual):
        return (Finding(Weight.REFUSES, "organization relationship", "several match", WHERE, why), retired)
    if actual.get("relationship"):
        said = "There is a relationship with the partner already: what differs is changed, and nothing else"
        return (Finding(Weight.TELLS, "organization relationship", str(actual.get("Name")), WHERE, said), retired)
    return (retired,)


async def apply(tenant: Tenant, subject: Subject, change: Mapping[str, Value]) -> Applied:
    """The relationship has what is to change. Domains that others have put into it stay."""
    found = _matching(subject, await tenant.exchange.relationships())
    if len(found) > 1:
        raise WontWork(str(explain(subject, {"conflict": tuple(sorted(one.name for one in found))})))
    if not found:
        whole = {"Name": subject.partner.name[:_MOST_NAME]} | _asked(subject) | dict(change)
        return Applied(ids={"relationship": await tenant.exchange.new_relationship(whole)}, created=True)
    there, sent = found[0], dict(change)
    if isinstance(domains := sent.get("DomainNames"), tuple):
        sent["DomainNames"] = tuple(sorted({*domains, *there.domains}))
    await tenant.exchange.set_relationship(there.identity, sent)
    return Applied(ids={"relationship": there.identity})


async def undo(tenant: Tenant, subject: Subject, entry: Entry) -> Applied:
    """The relationship that we created is gone, or the values that we changed are those of before."""
    identity = entry.ids.get("relationship") or entry.after.get("relationship")
    there = next((one for one in await tenant.exchange.relationships() if one.identity == identity), None)
    if there is None:
        return Applied(note="The organization relationship is gone already")
    created = entry.created or _was_absent(entry)
    after = {key: value for key, value in entry.after.items() if key in PARAMETERS and value is not None}
    changed = {key: value for key, value in after.items() if created or entry.before.get(key) != value}
    if created and there.values.get("Enabled") is False:
        # One that was disabled since gives nothing to anybody, so taking it away widens nothing.
        changed.pop("Enabled", None)
    back = _back(entry, changed, there)
    now = {key: _spelled(value, there.values.get(key), key) for key, value in changed.items()}
    if not created and not difference(back, now) and elements(back, "DomainNames") == elements(now, "DomainNames"):
        return Applied(ids={"relationship": there.identity}, note="The values are those of before already")
    if difference(changed, now) or (created and elements(changed, "DomainNames") != elements(now, "DomainNames")):
        raise WontWork(_both(there, changed, now))
    if created:
        await tenant.exchange.remove_relationship(there.identity)
        return Applied(note="The organization relationship that we had created was removed")
    await tenant.exchange.set_relationship(there.identity, back)
    return Applied(ids={"relationship": there.identity}, note="The values of before are set again")


def settled(subject: Subject, actual: State) -> str:
    """Whether the relationship is on, and for which domains."""
    state = "enabled" if actual.get("Enabled") else "disabled"
    already = "" if subject.intents else " already"
    return f"the organization relationship is{already} {state} for {', '.join(sorted(elements(actual, 'DomainNames')))}"


def _wanted(asked: RelationshipParameters, domains: tuple[str, ...]) -> dict[str, Value]:
    given = {
        key: tuple(value) if isinstance(value, list) else value for key, value in asked.model_dump(exclude_none=True).items()
    }
    return DEFAULTS | given | {"DomainNames": tuple(sorted(given.get("DomainNames", domains)))}


def _asked(subject: Subject) -> dict[str, Value]:
    return _wanted(RelationshipParameters.model_validate(subject.details.get("parameters", {})), subject.partner.domains)


def _matching(subject: Subject, all_: tuple[Relationship, ...]) -> list[Relationship]:
    """Ours by identity where an earlier apply gave one, else those with a domain or the name that is asked for."""
    if mine := [one for one in all_ if one.identity == subject.ids.get("relationship")]:
        return mine
    asked = _asked(subject)
    name = str(asked.get("Name", subject.partner.name))[:_MOST_NAME].casefold()
    domains = elements(asked, "DomainNames")
    return [one for one in all_ if domains & set(one.domains) or one.name.casefold() == name]


def _was_absent(entry: Entry) -> bool:
    """There was none before: Exchange tells no one's own objects apart, so where the answer to the creation was lost, this tells it."""
    return all(key in entry.after and entry.before.get(key) is None for key in ("DomainNames", "Enabled"))


def _back(entry: Entry, changed: State, there: Relationship) -> dict[str, Value]:
    """The values of before; of the domains, only ours are taken out again."""
    back = {key: entry.before.get(key) for key in changed}
    if "DomainNames" in changed:
        ours = elements(changed, "DomainNames") - elements(entry.before, "DomainNames")
        back["DomainNames"] = tuple(sorted(set(there.domains) - ours))
    return back


def _both(there: Relationship, ours: State, now: State) -> str:
    different = [f"{key} was {ours[key]!r} and is {now[key]!r}" for key in ours if now[key] != ours[key]]
    return (
        f"The organization relationship {there.name!r} was changed by somebody after us ({'; '.join(different)}): set it by hand as it "
        "should be"
    )


def _spelled(asked: Value, actual: Value, key: str) -> Value:
    return as_spelled(asked, actual) if key in _ANY_CASE else actual


SET_ORGANIZATION_RELATIONSHIP = Step(
    name=STEP,
    sentence="The partner's organization relationship is as asked.",
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
    # With the role, the app needs Exchange.ManageAsApp on Office 365 Exchange Online.
    exchange_roles=("Federated Sharing",),
    session=True,
    keeps=("relationship",),
    preflight=preflight,
)
