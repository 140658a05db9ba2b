"""Outbound connectors: by which way and how mail goes to a partner, and the test of one. Facts section 4.5."""

from typing import Any

from devstack.tenant.directory.objects import Entry, Record
from devstack.tenant.exchange.cmdlet import SWITCHES, Cmdlet, Invocation
from devstack.tenant.exchange.configuration import IDENTITY, Noun
from devstack.tenant.exchange.errors import invalid
from devstack.tenant.exchange.parameters import Parameter, each, flag, guid, one_of, smtp_domain, text, texts
from devstack.tenant.tenant import SimulatedTenant

KIND = "outboundConnector"
_ONLY_ON_PREMISES = ("AllAcceptedDomains", "RouteAllMessagesViaOnPremises", "SenderRewritingEnabled")
_UNSET: Record = {
    "Enabled": True,
    "UseMXRecord": True,
    "Comment": None,
    "ConnectorType": "Partner",
    "ConnectorSource": "Default",
    "RecipientDomains": [],
    "SmartHosts": [],
    "TlsDomain": None,
    "TlsSettings": None,
    "IsTransportRuleScoped": False,
    "RouteAllMessagesViaOnPremises": False,
    "CloudServicesMailEnabled": False,
    "AllAcceptedDomains": False,
    "SenderRewritingEnabled": False,
    "TestMode": False,
    "LinkForModifiedConnector": "00000000-0000-0000-0000-000000000000",
    "MtaStsMode": "Opportunistic",
    "SmtpDaneMode": "Opportunistic",
    "ValidationRecipients": [],
    "IsValidated": False,
    "LastValidationTimestamp": None,
}


def _settle(_tenant: SimulatedTenant, settings: Record, entry: Entry | None) -> Record:
    now = {**_UNSET, **(entry.record if entry else {}), **settings}
    if now["UseMXRecord"] is bool(now["SmartHosts"]):
        raise invalid("Give SmartHosts with UseMXRecord:$false, and none with UseMXRecord:$true.")
    if (now["TlsSettings"] == "DomainValidation") is not bool(now["TlsDomain"]):
        raise invalid("TlsDomain goes with TlsSettings DomainValidation, and only with it.")
    wrong = [name for name in _ONLY_ON_PREMISES if now[name] and now["ConnectorType"] != "OnPremises"]
    if wrong:
        raise invalid(f"{wrong[0]} requires OnPremises for the ConnectorType value.")
    return settings


def validate(invocation: Invocation) -> list[dict[str, Any]]:
    """The result of each test: every smart host is reached, and a message goes to every recipient.

    A domain whose tenant in the seed has `mail` false, and one that nobody has, take no mail. The connector itself stays as it is.
    """
    record, tenant = NOUN.entry(invocation).record, invocation.tenant
    recipients = invocation.values["Recipients"]
    foreign = [address for address in recipients if not _covers(record["RecipientDomains"], address.rpartition("@")[2])]
    if foreign:
        raise invalid("The recipients need to be in the domain that's configured on the connector.")
    results = [_result(f"Check connectivity with '{host}'", good=not host.endswith(".invalid")) for host in record["SmartHosts"]]
    for address in recipients:
        good = _takes_mail(tenant, address) and all(result["IsTaskSuccessful"] for result in results)
        results.append(_result("Send test email", good=good))
        if good and not invocation.what_if:
            tenant.outbox.append({"to": address, "kind": "connector-test", "when": tenant.moment()})
    return results


def _result(task: str, *, good: bool) -> Record:
    return {"TaskName": task, "IsTaskSuccessful": good}


def _covers(domains: list[str], domain: str) -> bool:
    return any(
        item == "*" or item == domain.lower() or (item[:2] == "*." and domain.lower().endswith(item[1:])) for item in domains
    )


def _takes_mail(tenant: SimulatedTenant, address: str) -> bool:
    found = tenant.tenant_of(address.rpartition("@")[2])
    return found is not None and found.get("mail") is not False


NOUN = Noun(
    name="OutboundConnector",
    kind=KIND,
    title="outbound connector",
    container="Transport Settings",
    unset=_UNSET,
    settle=_settle,
)


def _one_domain(value: Any) -> Any:
    return smtp_domain(text()(value))


_MODES = one_of("None", "Opportunistic", "Mandatory")
_SETTINGS = (
    Parameter("AllAcceptedDomains", flag),
    Parameter("CloudServicesMailEnabled", flag),
    Parameter("Comment", text()),
    Parameter("ConnectorSource", one_of("Default", "Migrated", "HybridWizard")),
    Parameter("ConnectorType", one_of("OnPremises", "Partner")),
    Parameter("Enabled", flag),
    Parameter("IsTransportRuleScoped", flag),
    Parameter("MtaStsMode", _MODES),
    Parameter("RecipientDomains", each(smtp_domain)),
    Parameter("RouteAllMessagesViaOnPremises", flag),
    Parameter("SenderRewritingEnabled", flag),
    Parameter("SmartHosts", texts),
    Parameter("SmtpDaneMode", _MODES),
    Parameter("TestMode", flag),
    Parameter("TlsDomain", _one_domain),
    Parameter("TlsSettings", one_of("EncryptionOnly", "CertificateValidation", "DomainValidation")),
    Parameter("UseMXRecord", flag),
)
_VALIDATED = (
    Parameter("IsValidated", flag),
    Parameter("LastValidationTimestamp", text()),
    Parameter("ValidationRecipients", texts),
)
CMDLETS = (
    *NOUN.cmdlets(
        (Parameter("LinkForModifiedConnector", guid), *_SETTINGS),
        (*_VALIDATED, *_SETTINGS),
        unverified=(
            "the exception class for parameters that do not go together, and that TlsDomain is refused without DomainValidation",
            "the values of MtaStsMode and SmtpDaneMode besides Opportunistic",
        ),
    ),
    Cmdlet(
        "Validate-OutboundConnector",
        validate,
        (IDENTITY, Parameter("Recipients", texts, required=True), *SWITCHES),
        kind="write",
        unverified=("the shape of its results, that it tests a disabled connector as well, and how long it takes",),
        deviations=("mail reaches the domains in the seed's tenants, unless one says `mail` false; nothing is sent",),
    ),
)
