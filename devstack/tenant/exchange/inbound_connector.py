"""Inbound connectors: from where and how mail of a partner must come. Facts section 4.5."""

from typing import Any

from devstack.tenant.directory.objects import Entry, Record
from devstack.tenant.exchange.configuration import Noun
from devstack.tenant.exchange.errors import invalid
from devstack.tenant.exchange.parameters import Change, Parameter, each, flag, ipv4, one_of, smtp_domain, text, texts
from devstack.tenant.tenant import SimulatedTenant

KIND = "inboundConnector"
_UNSET: Record = {
    "Enabled": True,
    "ConnectorType": "Partner",
    "ConnectorSource": "Default",
    "Comment": None,
    "SenderIPAddresses": [],
    "SenderDomains": [],
    "TrustedOrganizations": [],
    "AssociatedAcceptedDomains": [],
    "ClientHostNames": [],
    "RequireTls": True,
    "RestrictDomainsToIPAddresses": False,
    "RestrictDomainsToCertificate": False,
    "CloudServicesMailEnabled": False,
    "TreatMessagesAsInternal": False,
    "TlsSenderCertificateName": None,
    "EFTestMode": False,
    "ScanAndDropRecipients": [],
    "EFSkipLastIP": False,
    "EFSkipIPs": [],
    "EFSkipMailGateway": [],
    "EFUsers": [],
}


def _sender_domain(value: str) -> str:
    """An address space as the service keeps it, `smtp:contoso.com;1`; a plain domain is taken as well."""
    space = value.removeprefix("smtp:").partition(";")[0]
    return f"smtp:{smtp_domain(space)};1"


def _sender_domains(value: Any) -> Any:
    found = each(_sender_domain)(value)
    if not isinstance(found, Change) and not found:
        raise ValueError("SenderDomains can't be empty.")
    return found


def _settle(_tenant: SimulatedTenant, settings: Record, entry: Entry | None) -> Record:
    now = {**_UNSET, **(entry.record if entry else {}), **settings}
    if now["TreatMessagesAsInternal"] and (now["CloudServicesMailEnabled"] or now["ConnectorType"] != "OnPremises"):
        raise invalid("TreatMessagesAsInternal can be used only with OnPremises connectors without CloudServicesMailEnabled.")
    if now["RestrictDomainsToCertificate"] and not now["TlsSenderCertificateName"]:
        raise invalid("RestrictDomainsToCertificate needs a value for TlsSenderCertificateName.")
    if now["RestrictDomainsToIPAddresses"] and not now["SenderIPAddresses"]:
        raise invalid("RestrictDomainsToIPAddresses needs a value for SenderIPAddresses.")
    if not now["SenderDomains"]:
        raise invalid("An inbound connector needs SenderDomains.")
    return settings


NOUN = Noun(
    name="InboundConnector",
    kind=KIND,
    title="inbound connector",
    container="Transport Settings",
    unset=_UNSET,
    settle=_settle,
)
_SETTINGS = (
    Parameter("AssociatedAcceptedDomains", each(smtp_domain)),
    Parameter("CloudServicesMailEnabled", flag),
    Parameter("Comment", text()),
    Parameter("ConnectorSource", one_of("Default", "Migrated", "HybridWizard")),
    Parameter("ConnectorType", one_of("OnPremises", "Partner")),
    Parameter("EFSkipIPs", texts),
    Parameter("EFSkipLastIP", flag),
    Parameter("EFSkipMailGateway", texts),
    Parameter("EFTestMode", flag),
    Parameter("EFUsers", texts),
    Parameter("Enabled", flag),
    Parameter("RequireTls", flag),
    Parameter("RestrictDomainsToCertificate", flag),
    Parameter("RestrictDomainsToIPAddresses", flag),
    Parameter("ScanAndDropRecipients", texts),
    Parameter("SenderIPAddresses", each(ipv4)),
    Parameter("TlsSenderCertificateName", text()),
    Parameter("TreatMessagesAsInternal", flag),
    Parameter("TrustedOrganizations", texts),
)
CMDLETS = NOUN.cmdlets(
    (Parameter("SenderDomains", _sender_domains, required=True), Parameter("ClientHostNames", texts), *_SETTINGS),
    (Parameter("SenderDomains", _sender_domains), *_SETTINGS),
    unverified=(
        "the exception class for parameters that do not go together, and that limits without a certificate or addresses are refused",
        "that a new organization may be refused connectors until support allows them; not simulated",
    ),
)
