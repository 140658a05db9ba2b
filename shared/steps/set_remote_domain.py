"""What may be sent to the partner's domains, and in which form, is as asked.

Each domain is a remote domain of its own; the one named Default, for all domains, is never touched.
https://learn.microsoft.com/exchange/mail-flow-best-practices/remote-domains/remote-domains
"""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from shared.nouns.checked import checked
from shared.nouns.errors import Fault, Refusal
from shared.nouns.outcomes import Applied, NotYet, WontWork
from shared.nouns.state import State, Value
from shared.nouns.step import Ask, Entry, Finding, Preflight, Step, Subject, Weight, Wish
from shared.steps.exchange_ahead import access, readable
from shared.steps.exchange_values import after_writing, as_spelled, domain_pattern, way_back, within
from shared.tenant import Tenant
from shared.tenant.configured import Configured

STEP = "set-remote-domain"
WHERE = "Exchange admin center > Mail flow > Remote domains"
THERE = "there"
VISIBLE_WAIT = 15.0
# Two calls for each domain, a second or two each, within the 90 s that an attempt holds its task.
MOST_DOMAINS = 10

Pattern = Annotated[str, AfterValidator(domain_pattern)]
Charset = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9_-]+$")]


class RemoteDomainParameters(BaseModel):
    """The parameters of Set-RemoteDomain, by the cmdlet's names; what is left out is not touched. `DomainNames` are those of the
    partner's domains that it is about (else all). What counts only in Exchange Server is not offered.

    https://learn.microsoft.com/powershell/module/exchangepowershell/set-remotedomain
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)

    DomainNames: Annotated[list[Pattern], Field(min_length=1, max_length=MOST_DOMAINS)] | None = None
    AllowedOOFType: Literal["External", "ExternalLegacy", "InternalLegacy", "None"] | None = None
    AutoReplyEnabled: bool | None = None
    AutoForwardEnabled: bool | None = None
    DeliveryReportEnabled: bool | None = None
    NDREnabled: bool | None = None
    MeetingForwardNotificationEnabled: bool | None = None
    TNEFEnabled: bool | None = None
    IsInternal: bool | None = None
    TrustedMailInboundEnabled: bool | None = None
    TrustedMailOutboundEnabled: bool | None = None
    TargetDeliveryDomain: bool | None = None
    DisplaySenderName: bool | None = None
    UseSimpleDisplayName: bool | None = None
    ContentType: Literal["MimeHtmlText", "MimeText", "MimeHtml"] | None = None
    CharacterSet: Charset | None = None
    NonMimeCharacterSet: Charset | None = None
    # Exchange keeps an `Unlimited`, and shows it as text.
    LineWrapSize: Annotated[str, Field(pattern=r"^(Unlimited|\d|[1-9]\d|1[0-2]\d|13[0-2])$")] | None = None
    RequiredCharsetCoverage: Annotated[int, Field(ge=0, le=100)] | None = None
    ByteEncoderTypeFor7BitCharsets: (
        Literal[
            "Use7Bit",
            "UseQP",
            "UseBase64",
            "UseQPHtmlDetectTextPlain",
            "UseBase64HtmlDetectTextPlain",
            "UseQPHtml7BitTextPlain",
            "UseBase64Html7BitTextPlain",
            "Undefined",
        ]
        | None
    ) = None
    PreferredInternetCodePageForShiftJis: Literal["50220", "50221", "50222", "Undefined"] | None = None

    @model_validator(mode="after")
    def _together(self) -> Self:
        if self.AllowedOOFType == "InternalLegacy" and self.IsInternal is False:
            raise ValueError(
                "AllowedOOFType InternalLegacy makes the domain internal: leave IsInternal out, or choose another type"
            )
        if self.IsInternal is False and self.AllowedOOFType not in (None, "ExternalLegacy"):
            raise ValueError("IsInternal false makes AllowedOOFType ExternalLegacy: ask for one of them")
        return self


PARAMETERS = tuple(name for name in RemoteDomainParameters.model_fields if name != "DomainNames")


def wanted(ask: Ask) -> Wish | None:
    """For each domain that there is a remote domain, and its parameters as `domain parameter`."""
    asked = checked(RemoteDomainParameters, dict(ask.settings), ("steps", STEP))
    domains = sorted(set(asked.DomainNames or ask.partner.domains))
    foreign = [domain for domain in domains if not within(domain, ask.partner.domains)]
    if foreign or len(domains) > MOST_DOMAINS:
        said = (
            f"{', '.join(foreign)} is not among the partner's domains: add it there"
            if foreign
            else f"the partner has {len(domains)} domains: name up to {MOST_DOMAINS} (*.fabrikam.com has all subdomains of one)"
        )
        raise Refusal([Fault(f"steps.{STEP}.DomainNames", said)])
    parameters = asked.model_dump(exclude_none=True, exclude={"DomainNames"})
    state: dict[str, Value] = {}
    for domain in domains:
        state |= {domain: THERE} | {f"{domain} {key}": value for key, value in parameters.items()}
    return Wish(state, {"domains": list(domains), "parameters": dict(parameters)})


async def read(tenant: Tenant, subject: Subject) -> State:
    """For each domain whether it is there, and all its parameters; `conflict` where another remote domain has the name of ours."""
    found = _by_domain(await tenant.mail_flow.remote_domains.all())
    taken = {one.name.casefold() for one in found.values()}
    state: dict[str, Value] = {}
    conflict: list[str] = []
    for domain in _domains(subject):
        there = found.get(domain)
        if there is None and _name(domain).casefold() in taken:
            conflict.append(_name(domain))
        state |= _shown(subject, domain, there)
    return state | {"conflict": tuple(conflict)}


def explain(_subject: Subject, actual: State) -> str | None:
    """A remote domain for something else has the name that ours would have."""
    conflict = actual.get("conflict")
    if not isinstance(conflict, tuple) or not conflict:
        return None
    return f"The remote domain {conflict[0]!r} is not for the domain in its name: rename it in {WHERE}, and try again"


async def apply(tenant: Tenant, subject: Subject, change: Mapping[str, Value]) -> Applied:
    """Each domain has what is to change: made where it is missing (which sets nothing yet), then set."""
    objects = tenant.mail_flow.remote_domains
    found = _by_domain(await objects.all())
    left, ids = dict.fromkeys(change), {}
    for domain in _domains(subject):
        there, parameters = found.get(domain), _of(change, domain)
        with after_writing(wrote=left.keys() != change.keys(), left=left):
            if there is None and domain in change:
                there = await objects.new({"Name": _name(domain), "DomainName": domain})
                parameters = _asked(subject)
                del left[domain]
            if there is None:
                raise NotYet(f"The remote domain for {domain} is not visible now", after=VISIBLE_WAIT)
        ids[domain] = there.identity
        if parameters:
            with after_writing(wrote=left.keys() != change.keys(), left=left):
                await objects.set(there.identity, parameters)
            for key in parameters:
                left.pop(f"{domain} {key}", None)
    return Applied(ids=ids)


async def undo(tenant: Tenant, subject: Subject, entry: Entry) -> Applied:
    """The remote domains that we made are gone, and in those that were there before the values are those of before. One that others
    changed is told when the others are done."""
    objects = tenant.mail_flow.remote_domains
    found = _by_domain(await objects.all())
    remove: list[Configured] = []
    put: list[tuple[Configured, dict[str, Value]]] = []
    problems: list[str] = []
    restored: list[str] = []
    for domain in _domains(subject):
        there = found.get(domain)
        if there is None:
            continue
        back = way_back(entry, _shown(subject, domain, there), [f"{domain} {key}" for key in PARAMETERS])
        if back.changed:
            problems.append(
                f"The remote domain {there.name!r} was changed by somebody after us ({'; '.join(back.changed)}): set it by hand as it "
                "should be"
            )
            continue
        restored += [key for key in entry.after if key == domain or key.startswith(f"{domain} ")]
        # Only one that was missing before, and that has the name which we give, is ours to take away.
        if entry.after.get(domain) == THERE and entry.before.get(domain) is None and there.name == _name(domain):
            remove.append(there)
        elif back.to_set:
            put.append((there, _of(back.to_set, domain)))
    for there, values in put:
        await objects.set(there.identity, values)
    for there in remove:
        await objects.remove(there.identity)
    if problems:
        raise WontWork("; ".join(problems), restored if remove or put else ())
    return Applied(
        note=f"{len(remove)} remote domains that we had made were removed; in {len(put)} the values of before are set again"
    )


def settled(subject: Subject, _actual: State) -> str:
    """Which domains have a remote domain as asked."""
    already = "" if subject.intents else " already"
    return f"remote domains are{already} as asked for {', '.join(_domains(subject))}"


async def preflight(tenant: Tenant, ahead: Preflight) -> tuple[Finding, ...]:
    """Missing permissions, names in the way, domains that are there already, and trust that opens filters or rules."""
    wish = wanted(Ask(ahead.header, ahead.template, ahead.partner, ahead.settings))
    if wish is None:
        return ()
    if missing := await access(tenant, ahead):
        return missing
    subject = Subject(id=ahead.partner.tenant_id, partner=ahead.partner, details=wish.details)
    actual, refused = await readable(read(tenant, subject), "remote domains")
    if actual is None:
        return refused
    findings = []
    if why := explain(subject, actual):
        findings.append(Finding(Weight.REFUSES, "remote domain", "name taken", WHERE, why))
    if there := [domain for domain in _domains(subject) if actual.get(domain)]:
        said = f"There are remote domains for {', '.join(there)} already: what differs is changed, and nothing else"
        findings.append(Finding(Weight.TELLS, "remote domain", ", ".join(there), WHERE, said))
    for key in ("IsInternal", "TrustedMailInboundEnabled", "TrustedMailOutboundEnabled"):
        if _asked(subject).get(key) is True:
            said = f"{key} lets mail of {ahead.partner.name} pass rules or filters that mail from outside has to pass"
            findings.append(Finding(Weight.WARNS, key, "true", "the request or its template", said))
    return tuple(findings)


def _name(domain: str) -> str:
    return f"Entente {domain}"[:64]


def _by_domain(all_: tuple[Configured, ...]) -> dict[str, Configured]:
    return {str(one.values.get("DomainName")): one for one in all_ if one.values.get("DomainName") != "*"}


def _shown(subject: Subject, domain: str, there: Configured | None) -> dict[str, Value]:
    if there is None:
        return dict.fromkeys((domain, *(f"{domain} {key}" for key in PARAMETERS)))
    asked = _asked(subject)
    return {domain: THERE} | {f"{domain} {key}": as_spelled(asked.get(key), there.values.get(key)) for key in PARAMETERS}


def _asked(subject: Subject) -> dict[str, Value]:
    given = subject.details.get("parameters")
    return {key: value for key, value in given.items() if isinstance(value, str | bool | int)} if isinstance(given, dict) else {}


def _domains(subject: Subject) -> tuple[str, ...]:
    given = subject.details.get("domains")
    return tuple(str(domain) for domain in given) if isinstance(given, list) else ()


def _of(values: Mapping[str, Value], domain: str) -> dict[str, Value]:
    """The parameters of one domain."""
    return {key.removeprefix(f"{domain} "): value for key, value in values.items() if key.startswith(f"{domain} ")}


SET_REMOTE_DOMAIN = Step(
    name=STEP,
    sentence="What may be sent to the partner's domains, and in which form, is as asked.",
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
    exchange_roles=("Remote and Accepted Domains",),
    session=True,
    sensitive=True,
    preflight=preflight,
)
