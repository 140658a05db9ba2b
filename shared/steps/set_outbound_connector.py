"""Mail to the partner goes through a connector that insists on TLS."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from shared.nouns.checked import checked
from shared.nouns.errors import Fault, Refusal
from shared.nouns.json_text import Json
from shared.nouns.partner import Partner
from shared.nouns.request import email_address
from shared.nouns.state import Value
from shared.nouns.step import Ask, Subject, Weight, Wish
from shared.steps import connectors
from shared.steps.connector_step import connector_step
from shared.steps.connectors import BY_HAND, NO_CHECK, Direction
from shared.steps.exchange_values import ANY_SUBDOMAIN, domain_pattern
from shared.tenant import Tenant

STEP = "set-outbound-connector"
_CHECK = "Test it there with Validate, towards a recipient at the partner."

ShortName = Annotated[str, Field(min_length=1, max_length=connectors.MOST_NAME)]
Pattern = Annotated[str, AfterValidator(domain_pattern)]
Patterns = Annotated[list[Pattern], Field(min_length=1, max_length=100)]
Host = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[A-Za-z0-9.-]+(/\d{1,2})?$")]
Recipient = Annotated[str, Field(max_length=254), AfterValidator(email_address)]
# Besides Opportunistic the values are unverified (facts 4.5).
Mode = Literal["None", "Opportunistic", "Mandatory"]


class OutboundParameters(BaseModel):
    """The parameters of New- and Set-OutboundConnector, by the cmdlets' names, and `MailFlowCheck`; what is left out is not touched.

    Always a Partner connector; what is for OnPremises ones only is not offered.
    https://learn.microsoft.com/powershell/module/exchangepowershell/set-outboundconnector
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)

    MailFlowCheck: Annotated[
        Literal["validate", "by-hand", "none"],
        Field(
            description="validate: enabled once Validate-OutboundConnector has sent a test mail. by-hand: a person enables it."
        ),
    ] = "validate"
    ValidationRecipients: (
        Annotated[
            list[Recipient],
            Field(min_length=1, max_length=5, description="Who gets the test mail; else postmaster of the first domain."),
        ]
        | None
    ) = None
    Name: ShortName | None = None
    Enabled: bool = True
    RecipientDomains: Patterns | None = None
    UseMXRecord: bool | None = None
    SmartHosts: Annotated[list[Host], Field(min_length=1, max_length=20)] | None = None
    TlsSettings: Literal["EncryptionOnly", "CertificateValidation", "DomainValidation"] = "CertificateValidation"
    TlsDomain: Pattern | None = None
    IsTransportRuleScoped: bool | None = None
    TestMode: bool | None = None
    MtaStsMode: Mode | None = None
    SmtpDaneMode: Mode | None = None

    @model_validator(mode="after")
    def _together(self) -> Self:
        if (self.TlsSettings == "DomainValidation") is not bool(self.TlsDomain):
            raise ValueError("TlsDomain goes with TlsSettings DomainValidation, and only with it")
        if bool(self.SmartHosts) is not (self.UseMXRecord is False):
            raise ValueError("SmartHosts go with UseMXRecord false, and only with it")
        return self


_NOT_STATE = frozenset({"MailFlowCheck", "Name", "ValidationRecipients"})
PARAMETERS = tuple(name for name in OutboundParameters.model_fields if name not in _NOT_STATE)


async def _checked(tenant: Tenant, subject: Subject, identity: str) -> str | None:
    """Why the test mail did not get through, or None where it did."""
    results = await tenant.mail_flow.validate(identity, _recipients(subject))
    failed = sorted({result.task for result in results if not result.good})
    if results and not failed:
        return None
    what = f"{' and '.join(repr(task) for task in failed)} failed" if failed else "the test gave no result"
    return (
        f"Mail to {subject.partner.name} was not seen to flow by the connector, so it is not enabled: {what}. Have the partner check TLS and "
        f"certificate of its mail servers and the recipient of the test (steps.{STEP}.ValidationRecipients), and try again"
    )


def _passed(subject: Subject) -> Mapping[str, Value]:
    """The check does not mark the connector as validated; Set- does. (The time is left out: Exchange has `WhenChanged`.)"""
    return {"IsValidated": True, "ValidationRecipients": _recipients(subject)}


OUTBOUND = Direction(
    step=STEP,
    title="outbound connector",
    objects=lambda tenant: tenant.mail_flow.outbound,
    domains="RecipientDomains",
    parameters=PARAMETERS,
    check=_checked,
    checked=_passed,
)


def wanted(ask: Ask) -> Wish | None:
    """What the block says; the partner's domains where it names none."""
    asked = _asked(ask.settings)
    state = _state(asked, ask.partner)
    domains = state["RecipientDomains"]
    names = domains if isinstance(domains, tuple) else ()
    connectors.refuse_foreign(STEP, "RecipientDomains", names, ask.partner.domains)
    recipients = asked.ValidationRecipients or [f"postmaster@{name}" for name in names if not name.startswith(ANY_SUBDOMAIN)][:1]
    checks = asked.Enabled and asked.MailFlowCheck == "validate"
    if checks and not (recipients and all(_covers(names, recipient.rpartition("@")[2]) for recipient in recipients)):
        said = "name at least one, and only such as are in RecipientDomains: the test mail goes there"
        raise Refusal([Fault(f"steps.{STEP}.ValidationRecipients", said)])
    details: dict[str, Json] = connectors.details(ask, asked.Name, asked.MailFlowCheck, state)
    return Wish(state, details | {"recipients": list(recipients)})


def _of_check(check: str) -> tuple[Weight, str]:
    """Whether a test mail goes out, a person is needed, or nobody checks."""
    if check == NO_CHECK:
        return (
            Weight.WARNS,
            "The connector is enabled without a check of the mail flow: mail to the partner waits or bounces if it does not work",
        )
    if check == BY_HAND:
        return Weight.TELLS, "A person tests the connector and enables it: the request waits for that"
    return Weight.TELLS, "A test mail is sent to the partner before the connector is enabled"


def _asked(settings: Mapping[str, object]) -> OutboundParameters:
    return checked(OutboundParameters, dict(settings), ("steps", STEP))


def _state(asked: OutboundParameters, partner: Partner) -> dict[str, Value]:
    given = asked.model_dump(exclude_none=True, exclude=set(_NOT_STATE))
    given.setdefault("RecipientDomains", list(partner.domains))
    return {key: tuple(sorted(value)) if isinstance(value, list) else value for key, value in given.items()}


def _recipients(subject: Subject) -> tuple[str, ...]:
    given = subject.details.get("recipients")
    return tuple(str(item) for item in given) if isinstance(given, list) else ()


def _covers(patterns: tuple[str, ...], domain: str) -> bool:
    return any(domain == one or (one.startswith(ANY_SUBDOMAIN) and domain.endswith(one[1:])) for one in patterns)


SET_OUTBOUND_CONNECTOR = connector_step(
    OUTBOUND,
    "Mail to the partner goes through a connector that insists on TLS.",
    wanted,
    _of_check,
    by_hand=_CHECK,
)
