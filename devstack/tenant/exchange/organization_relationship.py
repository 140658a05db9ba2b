"""Organization relationships: free/busy and mail tips with another Exchange organization. Facts section 4.3."""

from typing import Any

from devstack.tenant.directory.objects import Entry, Record
from devstack.tenant.exchange.cmdlet import SWITCHES, Cmdlet, Invocation
from devstack.tenant.exchange.errors import binding, domain_taken, name_taken, object_not_found
from devstack.tenant.exchange.parameters import Change, Parameter, flag, guid, one_of, smtp, text, texts, uri
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
    "AdminDisplayName": "",
    "IsValid": True,
    "ObjectState": "Unchanged",
}


def get(invocation: Invocation) -> list[dict[str, Any]]:
    """The relationship with the identity, or every one if the identity is absent, null or empty."""
    identity = invocation.values.get("Identity")
    objects = invocation.tenant.objects
    if not identity:
        return [record for _, record in objects.query(KIND, None, lambda _: True)]
    found = objects.query(KIND, None, lambda record: _is(record, identity))
    if not found:
        raise object_not_found(identity)
    return [found[0][1]]


def _is(record: Record, identity: str) -> bool:
    return identity.lower() in (record["Name"].lower(), record["Guid"].lower(), record["DistinguishedName"].lower())


def _named(invocation: Invocation) -> Entry:
    """The relationship that a write is about. A replica that does not have it yet does not find it."""
    identity = invocation.values["Identity"]
    found = invocation.tenant.objects.query(KIND, None, lambda record: _is(record, identity))
    entry = invocation.tenant.objects.entry(found[0][0].id, KIND) if found else None
    if entry is None:
        raise object_not_found(identity)
    return entry


def new(invocation: Invocation) -> list[dict[str, Any]]:
    """The relationship exists, enabled unless told otherwise."""
    tenant, values = invocation.tenant, invocation.values
    if isinstance(values["DomainNames"], Change):
        raise binding("DomainNames of a new organization relationship takes a list of domains.")
    settings = _settings(tenant, values, None)
    if tenant.objects.identifiers(KIND, "Name", values["Name"]):
        raise name_taken(values["Name"])
    return [] if invocation.what_if else [add_relationship(tenant, {"Name": values["Name"], **settings}).record]


def add_relationship(tenant: SimulatedTenant, settings: Record, *, replicated: bool = False) -> Entry:
    """The relationship as Exchange completes it: identity, times."""
    identifier = settings.get("Guid") or tenant.new_id(KIND)
    now = tenant.moment()
    record: Record = {
        **_UNSET,
        **settings,
        "Guid": identifier,
        "WhenCreated": now,
        "WhenCreatedUTC": now,
        "WhenChanged": now,
        "WhenChangedUTC": now,
        "OrganizationId": f"{tenant.initial_domain} - {tenant.initial_domain}",
        **_names(tenant, settings["Name"]),
    }
    return tenant.objects.add(KIND, identifier, record, replicated=replicated)


def _names(tenant: SimulatedTenant, name: str) -> Record:
    path = f"CN={name},CN=Federation,CN=Configuration,CN={tenant.initial_domain},CN=ConfigurationUnits,DC=PROD,DC=OUTLOOK,DC=COM"
    return {"Name": name, "Identity": name, "Id": name, "DistinguishedName": path}


def set_relationship(invocation: Invocation) -> list[dict[str, Any]]:
    """The relationship has the values given; every other one stays. A shorter list of domains replaces the longer one."""
    entry = _named(invocation)
    values = dict(invocation.values)
    if isinstance(values.get("DomainNames"), Change):
        values["DomainNames"] = _changed(entry.record["DomainNames"], values["DomainNames"])
    changes = _settings(invocation.tenant, values, entry)
    name = values.get("Name")
    if name and name.lower() != entry.record["Name"].lower() and invocation.tenant.objects.identifiers(KIND, "Name", name):
        raise name_taken(name)
    if name:
        changes |= _names(invocation.tenant, name)
    if all(entry.record.get(key) == value for key, value in changes.items()):
        invocation.warnings.append(
            f"The command completed successfully but no settings of '{entry.record['Name']}' have been modified."
        )
    elif not invocation.what_if:
        now = invocation.tenant.moment()
        invocation.tenant.objects.change(entry, **changes, WhenChanged=now, WhenChangedUTC=now)
    return []


def _changed(domains: list[str], change: Change) -> list[str]:
    gone = {domain.lower() for domain in change.remove}
    kept = [domain for domain in domains if domain.lower() not in gone]
    return kept + [domain for domain in change.add if domain.lower() not in {d.lower() for d in kept}]


def _settings(tenant: SimulatedTenant, values: dict[str, Any], entry: Entry | None) -> Record:
    """The values to keep, checked against the directory and the other relationships."""
    settings = {name: value for name, value in values.items() if name in _UNSET}
    for name in [name for name, value in settings.items() if value is None]:
        settings[name] = _UNSET[name]
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


def remove(invocation: Invocation) -> list[dict[str, Any]]:
    """The relationship is gone."""
    entry = _named(invocation)
    if not invocation.what_if:
        invocation.tenant.objects.remove(entry)
    return []


_IDENTITY = Parameter("Identity", text(), required=True)
_NAME = text(64)
CMDLETS = (
    Cmdlet("Get-OrganizationRelationship", get, (Parameter("Identity", text()),)),
    Cmdlet(
        "New-OrganizationRelationship",
        new,
        (Parameter("Name", _NAME, required=True), Parameter("DomainNames", texts, required=True), *_SETTINGS, *SWITCHES),
        kind="write",
        deviations=("domains are not compared with the tenant's own accepted domains",),
    ),
    Cmdlet(
        "Set-OrganizationRelationship",
        set_relationship,
        (_IDENTITY, Parameter("Name", _NAME), Parameter("DomainNames", texts), *_SETTINGS, Parameter("Force", flag), *SWITCHES),
        kind="write",
        confirms=True,
        unverified=("that it prompts without Confirm:false",),
    ),
    Cmdlet("Remove-OrganizationRelationship", remove, (_IDENTITY, *SWITCHES), kind="write", confirms=True),
)
