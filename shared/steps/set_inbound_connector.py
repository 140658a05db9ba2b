"""Mail from the partner comes through a connector that asks for TLS, a certificate or addresses."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from shared.nouns.checked import checked
from shared.nouns.partner import Partner
from shared.nouns.state import Value
from shared.nouns.step import Ask, Subject, Weight, Wish
from shared.steps import connectors
from shared.steps.connector_step import connector_step
from shared.steps.connectors import BY_HAND, Direction
from shared.steps.exchange_values import domain_pattern
from shared.tenant import Tenant

STEP = "set-inbound-connector"
_ADDRESS = re.compile(r"^((25[0-5]|2[0-4]\d|1?\d?\d)(\.(?!$)|(?=$|/))){4}(/(2[4-9]|3[0-2]))?\Z")
_CHECK = (
    "Ask the partner to send a message to one of yours, and see in its headers that it came over TLS, with the certificate and from the "
    "addresses that the connector asks for: once enabled, it rejects what does not."
)


def _address(value: str) -> str:
    if not _ADDRESS.match(value):
        raise ValueError("must be an IPv4 address, or a range of them with a mask from /24 to /32")
    return value


ShortName = Annotated[str, Field(min_length=1, max_length=connectors.MOST_NAME)]
Pattern = Annotated[str, AfterValidator(domain_pattern)]
Addresses = Annotated[list[Annotated[str, AfterValidator(_address)]], Field(min_length=1, max_length=100)]
Patterns = Annotated[list[Pattern], Field(min_length=1, max_length=100)]


class InboundParameters(BaseModel):
    """The parameters of New- and Set-InboundConnector, by the cmdlets' names, and `MailFlowCheck`; what is left out is not touched.

    Always a Partner connector: OnPremises ones give mail special rights (relay, internal mail), so theirs are not offered, nor are
    those that Microsoft keeps for itself, nor `EFUsers` (people's addresses).
    https://learn.microsoft.com/powershell/module/exchangepowershell/set-inboundconnector
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)

    MailFlowCheck: Annotated[
        Literal["by-hand", "none"],
        Field(description="by-hand: a person checks and enables it, for no API can. none: enabled as soon as it was read back."),
    ] = "by-hand"
    Name: ShortName | None = None
    Enabled: bool = True
    SenderDomains: Patterns | None = None
    RequireTls: bool = True
    RestrictDomainsToCertificate: bool | None = None
    TlsSenderCertificateName: Pattern | None = None
    RestrictDomainsToIPAddresses: bool | None = None
    SenderIPAddresses: Addresses | None = None
    TrustedOrganizations: Patterns | None = None
    AssociatedAcceptedDomains: Patterns | None = None
    EFSkipLastIP: bool | None = None
    EFSkipIPs: Addresses | None = None

    @model_validator(mode="after")
    def _together(self) -> Self:
        if self.RestrictDomainsToCertificate and not self.TlsSenderCertificateName:
            raise ValueError(
                "RestrictDomainsToCertificate needs TlsSenderCertificateName: all mail of the partner would be rejected"
            )
        if self.TlsSenderCertificateName and not self.RequireTls:
            raise ValueError("TlsSenderCertificateName counts only with RequireTls")
        if self.RestrictDomainsToIPAddresses and not self.SenderIPAddresses:
            raise ValueError("RestrictDomainsToIPAddresses needs SenderIPAddresses: all mail of the partner would be rejected")
        if self.EFSkipLastIP and self.EFSkipIPs:
            raise ValueError("EFSkipIPs counts only without EFSkipLastIP")
        return self


PARAMETERS = tuple(name for name in InboundParameters.model_fields if name not in ("MailFlowCheck", "Name"))


async def _no_check(_tenant: Tenant, _subject: Subject, _identity: str) -> str | None:
    """No API shows mail that a disabled connector would get: a person checks, or nobody."""
    return None


INBOUND = Direction(
    step=STEP,
    title="inbound connector",
    objects=lambda tenant: tenant.mail_flow.inbound,
    domains="SenderDomains",
    parameters=PARAMETERS,
    check=_no_check,
    checked=lambda _subject: {},
)


def wanted(ask: Ask) -> Wish | None:
    """What the block says; the partner's domains where it names none."""
    asked = _asked(ask.settings)
    state = _state(asked, ask.partner)
    for parameter in ("SenderDomains", "TrustedOrganizations"):
        value = state.get(parameter)
        connectors.refuse_foreign(STEP, parameter, value if isinstance(value, tuple) else (), ask.partner.domains)
    return Wish(state, connectors.details(ask, asked.Name, asked.MailFlowCheck, state))


def _of_check(check: str) -> tuple[Weight, str]:
    """Whether a person is needed, or nobody checks."""
    if check == BY_HAND:
        return Weight.TELLS, (
            "A person checks that the partner's mail meets the connector's conditions, and enables it: the request waits for that"
        )
    return (
        Weight.WARNS,
        "The connector is enabled without a check of the mail flow: mail that does not meet its conditions is rejected at once",
    )


def _asked(settings: Mapping[str, object]) -> InboundParameters:
    return checked(InboundParameters, dict(settings), ("steps", STEP))


def _state(asked: InboundParameters, partner: Partner) -> dict[str, Value]:
    given = asked.model_dump(exclude_none=True, exclude={"MailFlowCheck", "Name"})
    given.setdefault("SenderDomains", list(partner.domains))
    return {key: tuple(sorted(value)) if isinstance(value, list) else value for key, value in given.items()}


SET_INBOUND_CONNECTOR = connector_step(
    INBOUND,
    "Mail from the partner comes through a connector that asks for TLS, a certificate or addresses.",
    wanted,
    _of_check,
    by_hand=_CHECK,
)
