"""Organization relationships: free/busy and mail tips with another Exchange organization. Facts section 4.3."""

from devstack.tenant.directory.objects import Entry, Record
from devstack.tenant.exchange.configuration import Noun
from devstack.tenant.exchange.errors import binding, domain_taken, object_not_found
from devstack.tenant.exchange.parameters import Parameter, each, flag, guid, one_of, plain_domain, smtp, text, texts, uri
from devstack.tenant.tenant import SimulatedTenant

KIND = "organizationRelationship"
_MOST_DOMAINS = 238

_SETTINGS = (
    Parameter("Enabled", flag),
    Parameter("FreeBusyAccessEnabled", flag),
    Parameter("FreeBusyAccessLevel", one_of("None", "AvailabilityOnly", "LimitedDetails")),
    Parameter("FreeBusyAccessScope", text()),
    Parameter("MailTipsAccessEnabled", flag),
    Parameter("MailTipsAccessLevel", one_of("None", "Limited", "All")),
    Parameter("MailTipsAccessScope", text()),
    Parameter("PhotosEnabled", flag),
    Parameter("ArchiveAccessEnabled", flag),
    Parameter("DeliveryReportEnabled", flag),
    Parameter("MailboxMoveEnabled", flag),
    Parameter("MailboxMoveCapability", one_of("None", "Inbound", "Outbound", "RemoteInbound", "RemoteOutbound")),
    Parameter("MailboxMovePublishedScopes", texts),
    Parameter("OAuthApplicationId", guid),
    Parameter("TargetApplicationUri", uri),
    Parameter("TargetAutodiscoverEpr", uri),
    Parameter("TargetSharingEpr", uri),
    Parameter("TargetOwaURL", uri),
    Parameter("OrganizationContact", smtp),
)
_UNSET: Record = {
    "DomainNames": [],
    "FreeBusyAccessEnabled": False,
    "FreeBusyAccessLevel": "None",
    "FreeBusyAccessScope": None,
    "MailboxMoveEnabled": False,
    "MailboxMoveCapability": "None",
    "MailboxMovePublishedScopes": [],
    "OAuthApplicationId": None,
    "DeliveryReportEnabled": False,
    "MailTipsAccessEnabled": False,
    "MailTipsAccessLevel": "None",
    "MailTipsAccessScope": None,
    "PhotosEnabled": False,
    "TargetApplicationUri": None,
    "TargetSharingEpr": None,
    "TargetOwaURL": None,
    "TargetAutodiscoverEpr": None,
    "OrganizationContact": None,
    "Enabled": True,
    "ArchiveAccessEnabled": False,
}


def _settle(tenant: SimulatedTenant, settings: Record, entry: Entry | None) -> Record:
    """The values to keep, checked against the directory and the other relationships."""
    domains = settings.get("DomainNames", [])
    if len(domains) > _MOST_DOMAINS:
        raise binding(f"DomainNames takes at most {_MOST_DOMAINS} domains in one request, not {len(domains)}.")
    if "DomainNames" in settings and not domains:
        raise binding("Cannot bind argument to parameter 'DomainNames' because it is an empty collection.")
    for domain in domains:
        for other in tenant.objects.holders(KIND, "DomainNames", domain):
            if entry is None or other.id != entry.id:
                raise domain_taken(domain, other.record["Name"])
    for name in ("FreeBusyAccessScope", "MailTipsAccessScope"):
        if settings.get(name):
            _refuse_scope(tenant, settings[name])
    return settings


def _refuse_scope(tenant: SimulatedTenant, scope: str) -> None:
    """The scope is a mail-enabled security group of this tenant."""
    for name in ("id", "displayName", "mailNickname", "mail"):
        for entry in tenant.objects.holders("group", name, scope):
            if (
                entry.record.get("mailEnabled")
                and entry.record.get("securityEnabled")
                and not entry.record.get("deletedDateTime")
            ):
                return
    raise object_not_found(scope)


def add_relationship(tenant: SimulatedTenant, settings: Record, *, replicated: bool = False) -> Entry:
    """The relationship as Exchange completes it."""
    return NOUN.add(tenant, settings, replicated=replicated)


NOUN = Noun(
    name="OrganizationRelationship",
    kind=KIND,
    title="organization relationship",
    container="Federation",
    unset=_UNSET,
    settle=_settle,
)
CMDLETS = NOUN.cmdlets(
    (Parameter("DomainNames", each(plain_domain), required=True), *_SETTINGS),
    (Parameter("DomainNames", each(plain_domain)), *_SETTINGS, Parameter("Force", flag)),
    deviations=("domains are not compared with the tenant's own accepted domains",),
)
