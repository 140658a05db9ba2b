"""What another Exchange organization says about itself, and our own accepted domains. Facts section 4.3."""

from typing import Any

from devstack.tenant.exchange.cmdlet import Cmdlet, Invocation
from devstack.tenant.exchange.errors import CmdletError, object_not_found
from devstack.tenant.exchange.parameters import Parameter, flag, text, texts


def get_federation_information(invocation: Invocation) -> list[dict[str, Any]]:
    """The addresses of the organization that the domain belongs to, and of its domains only the one asked for (since 2025)."""
    domain = invocation.values["DomainName"]
    found = invocation.tenant.tenant_of(domain)
    if found is None or found.get("exchange") is False:
        raise CmdletError(
            "Microsoft.Exchange.Management.FederationProvisioning.GetFederationInformationFailedException",
            "Federation information could not be received from the external organization.",
        )
    return [
        {
            "TargetApplicationUri": "outlook.com",
            "TargetAutodiscoverEpr": "https://autodiscover-s.outlook.com/autodiscover/autodiscover.svc/WSSecurity",
            "DomainNames": [domain],
            "TokenIssuerUris": ["urn:federation:MicrosoftOnline"],
            "Identity": "",
            "IsValid": True,
            "ObjectState": "Unchanged",
        }
    ]


def get_accepted_domain(invocation: Invocation) -> list[dict[str, Any]]:
    """The accepted domain with the identity, or every one."""
    identity = invocation.values.get("Identity")
    tenant = invocation.tenant
    found = [
        {
            "Name": name,
            "DomainName": name,
            "DomainType": "Authoritative",
            "Default": domain["isDefault"],
            "InitialDomain": domain["isInitial"],
            "MatchSubDomains": False,
            "Identity": name,
            "Id": name,
            "Guid": tenant.chance.identifier("accepted-domain", name),
            "IsValid": True,
            "ObjectState": "Unchanged",
        }
        for name, domain in tenant.domains.items()
        if domain["isVerified"] and identity in (None, "", name)
    ]
    if identity and not found:
        raise object_not_found(identity)
    return found


CMDLETS = (
    Cmdlet(
        "Get-FederationInformation",
        get_federation_information,
        (
            Parameter("DomainName", text(), required=True),
            Parameter("BypassAdditionalDomainValidation", flag),
            Parameter("Force", flag),
            Parameter("TrustedHostnames", texts),
        ),
        deviations=("domains come from the tenant look-up table of the seed, not from autodiscover",),
    ),
    Cmdlet("Get-AcceptedDomain", get_accepted_domain, (Parameter("Identity", text()),)),
)
