"""From a seed (JSON) to a tenant. What a seed may say, section by section, is in SECTIONS."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import fields
from typing import Any

from devstack.tenant.directory.lag import LagSettings
from devstack.tenant.directory.objects import Record
from devstack.tenant.exchange import inbound_connector, outbound_connector, remote_domain, sharing_policy
from devstack.tenant.exchange.recipient import plant_mailboxes
from devstack.tenant.graph.policies import DEFAULT_AUTHORIZATION_POLICY
from devstack.tenant.seed_access import PLANTERS as ACCESS_PLANTERS
from devstack.tenant.seed_access import SECTIONS as ACCESS_SECTIONS
from devstack.tenant.seed_notifications import PLANTERS as NOTIFICATION_PLANTERS
from devstack.tenant.seed_notifications import SECTIONS as NOTIFICATION_SECTIONS
from devstack.tenant.seed_objects import plant_contacts, plant_groups, plant_relationships, plant_users
from devstack.tenant.seed_teamwork import PLANTERS as TEAMWORK_PLANTERS
from devstack.tenant.seed_teamwork import SECTIONS as TEAMWORK_SECTIONS
from devstack.tenant.services.workloads import plant_fabric, plant_federation, plant_sharepoint
from devstack.tenant.tenant import Behaviour, Identity, SimulatedTenant

SECTIONS: dict[str, str] = {
    "organization": "tenantId (only at the start), displayName and other properties of /organization, premium and governed (licences; default true)",
    "domains": "list of {id, isDefault, isInitial}: the verified domains; one of them isInitial",
    "permissions": "resource -> application permissions of the system-assigned identity, or a list for Graph",
    "directoryRoles": "Entra roles of the system-assigned identity by display name",
    "identities": "list of {clientId, permissions, directoryRoles}: user-assigned identities",
    "registrations": "list of {appId, permissions, directoryRoles}: app registrations that are known here",
    "users": "list of users: properties of Graph, sponsors (ids, user names, addresses), directoryRoles; one with a foreign `mail` is a guest",
    "groups": "list of groups: properties of Graph, members and owners (ids, user names or addresses)",
    "contacts": "list of mail contacts: properties of Graph",
    "organizationRelationships": "list of Exchange organization relationships: Name, DomainNames and settings",
    "sharingPolicies": "list of Exchange sharing policies: Name, Domains ('domain:action, action'), Default, Enabled",
    "inboundConnectors": "list of Exchange inbound connectors: Name, SenderDomains ('smtp:domain;1') and settings",
    "outboundConnectors": "list of Exchange outbound connectors: Name, RecipientDomains and settings",
    "remoteDomains": "list of Exchange remote domains: Name, DomainName and settings",
    "mailboxes": "list of {Mailbox (an address), SharingPolicy (a name)}: mailboxes that have another policy than the default",
    "tenants": "domain -> {tenantId, displayName, defaultDomainName, federationBrandName, exchange, mail}: what a look-up finds",
    "authorizationPolicy": "properties of /policies/authorizationPolicy",
    "allowedDomains": "the only domains whose people may be invited (or blockedDomains, not both)",
    "blockedDomains": "domains whose people may not be invited",
    "blockedTenants": "tenant ids that cross-tenant access settings block",
    **ACCESS_SECTIONS,
    **TEAMWORK_SECTIONS,
    "sharepoint": "{settings, sites: [{webUrl, displayName, groupId, sharingCapability, drives: [{id, name, items: [{id, name, folder, parent}]}]}]}",
    "teamsFederation": "properties of Teams' TenantFederationSettings",
    "fabric": '{settings: {name: bool}, workspaces: [{id, displayName, roles: {object id or "application": role}}]}',
    **NOTIFICATION_SECTIONS,
    "lag": "as in PUT /_sim/lag",
    "throttle": "as in PUT /_sim/throttle",
    "options": "as in PUT /_sim/options",
}


def plant(tenant: SimulatedTenant, seed: Any) -> None:
    """The tenant has what the seed says besides what it had; objects with an id that is there are changed.

    Raises ValueError or TypeError with a sentence for a section or reference that does not fit; the tenant may then be half planted.
    """
    if not isinstance(seed, dict):
        raise TypeError(f"a seed is an object with sections such as users and groups, not {type(seed).__name__}")
    unknown = seed.keys() - SECTIONS.keys()
    if unknown:
        raise ValueError(f"a seed has no section {', '.join(sorted(unknown))}; it has {', '.join(SECTIONS)}")
    with tenant.changes.quietly():
        for section, planter in _PLANTERS:
            if section in seed:
                planter(tenant, seed[section])
        _exchange_defaults(tenant)
    if tenant.allowed_domains and tenant.blocked_domains:
        raise ValueError("a tenant has allowedDomains or blockedDomains, not both: the platform keeps one of the two lists")
    if "permissions" in seed or "directoryRoles" in seed:
        _own_identity(tenant, seed)


def _exchange_defaults(tenant: SimulatedTenant) -> None:
    """Every organization has a default sharing policy and a remote domain for all domains."""
    if not any(policy.record["Default"] for policy in tenant.objects.all(sharing_policy.KIND)):
        sharing_policy.NOUN.plant(tenant, [sharing_policy.DEFAULT])
    remote_domain.NOUN.plant(tenant, [] if tenant.objects.count(remote_domain.KIND) else [remote_domain.DEFAULT])


_EMPTY_IN_ORGANIZATION = (
    *("deletedDateTime", "city", "country", "countryLetterCode", "isMultipleDataLocationsForServicesEnabled"),
    *("onPremisesLastSyncDateTime", "onPremisesSyncEnabled", "postalCode", "preferredLanguage", "state", "street"),
)
_LISTS_IN_ORGANIZATION = (
    *("assignedPlans", "businessPhones", "marketingNotificationEmails", "provisionedPlans"),
    *("securityComplianceNotificationMails", "securityComplianceNotificationPhones", "technicalNotificationMails"),
)


def _organization(tenant: SimulatedTenant, given: Record) -> None:
    tenant.premium = bool(given.get("premium", tenant.premium))
    tenant.governed = bool(given.get("governed", tenant.governed))
    kept = {name: value for name, value in given.items() if name not in ("tenantId", "premium", "governed")}
    empty = dict.fromkeys(_EMPTY_IN_ORGANIZATION)
    lists: Record = {name: [] for name in _LISTS_IN_ORGANIZATION}
    defaults: Record = {**empty, **lists, "createdDateTime": "2020-01-01T00:00:00Z", "tenantType": "AAD"}
    defaults |= {"directorySizeQuota": {"used": 0, "total": 50_000}, "privacyProfile": {"contactEmail": "", "statementUrl": ""}}
    tenant.organization = {**defaults, **tenant.organization, **kept}


def _domains(tenant: SimulatedTenant, given: list[Record]) -> None:
    for item in given:
        name = item["id"].lower()
        tenant.domains[name] = {
            "id": name,
            "authenticationType": "Managed",
            "availabilityStatus": None,
            "isAdminManaged": True,
            "isDefault": False,
            "isInitial": False,
            "isRoot": True,
            "isVerified": True,
            "supportedServices": ["Email", "OfficeCommunicationsOnline"],
            **item,
        }
    if not any(domain["isInitial"] for domain in tenant.domains.values()):
        raise ValueError("one domain of the tenant must be isInitial: user names of guests end in it")


def _permissions(given: Any) -> dict[str, list[str]]:
    return {"https://graph.microsoft.com": given} if isinstance(given, list) else dict(given or {})


def _own_identity(tenant: SimulatedTenant, seed: Record) -> None:
    """The system-assigned identity; new permissions are in new tokens only, as at Microsoft."""
    before = next((identity for identity in tenant.identities if identity.client_id is None), None)
    permissions = (before.permissions if before else {}) | _permissions(seed.get("permissions"))
    roles = seed.get("directoryRoles", before.directory_roles if before else [])
    principal = tenant.chance.identifier("identity", "principal")
    own = Identity(None, tenant.chance.identifier("identity", "application"), principal, permissions, list(roles))
    tenant.identities = [own, *(identity for identity in tenant.identities if identity.client_id is not None)]


def _identities(tenant: SimulatedTenant, given: list[Record]) -> None:
    for item in given:
        client = item["clientId"].lower()
        principal = item.get("principalId", tenant.chance.identifier("identity", client)).lower()
        identity = Identity(
            client, client, principal, _permissions(item.get("permissions")), list(item.get("directoryRoles", []))
        )
        tenant.identities = [*(other for other in tenant.identities if other.client_id != client), identity]


def _registrations(tenant: SimulatedTenant, given: list[Record]) -> None:
    for item in given:
        app = item["appId"].lower()
        permissions, roles = deepcopy(_permissions(item.get("permissions"))), list(item.get("directoryRoles", []))
        known = Identity(app, app, tenant.chance.identifier("registration", app), permissions, roles, registered=True)
        tenant.identities = [*(other for other in tenant.identities if other.client_id != app), known]


def _tenants(tenant: SimulatedTenant, given: dict[str, Record]) -> None:
    for domain, found in given.items():
        if not found.get("tenantId"):
            raise ValueError(f"the tenant that '{domain}' belongs to needs a tenantId; got {found!r}")
        defaults = {
            "displayName": domain.partition(".")[0].capitalize(),
            "defaultDomainName": domain,
            "federationBrandName": None,
        }
        tenant.partner_tenants[domain.lower()] = {**defaults, **found}


def _authorization_policy(tenant: SimulatedTenant, given: Record) -> None:
    unknown = given.keys() - DEFAULT_AUTHORIZATION_POLICY.keys()
    if unknown:
        raise ValueError(f"authorizationPolicy has no property {', '.join(sorted(unknown))}")
    tenant.authorization_policy = {**tenant.authorization_policy, **given}


def _domain_list(name: str) -> Callable[[SimulatedTenant, list[str]], None]:
    def planter(tenant: SimulatedTenant, given: list[str]) -> None:
        setattr(tenant, name, [item.lower() for item in given])

    return planter


def options_to_json(behaviour: Behaviour) -> Record:
    """The options by their names in JSON."""
    return {_camel(field.name): getattr(behaviour, field.name) for field in fields(Behaviour)}


def set_options(tenant: SimulatedTenant, given: Any) -> None:
    """The behaviours named have these values; raises ValueError with a sentence."""
    names = {_camel(field.name): field.name for field in fields(Behaviour)}
    if not isinstance(given, dict) or given.keys() - names.keys():
        raise ValueError(f"options are an object with some of {', '.join(names)}; got {given!r}")
    if given.get("sponsorsInInvitation", "all") not in ("all", "none", "some"):
        raise ValueError(f"sponsorsInInvitation is all, none or some, not {given['sponsorsInInvitation']!r}")
    for name, value in given.items():
        chosen = tuple(value) if isinstance(value, list) else value
        before = getattr(tenant.behaviour, names[name])
        if type(chosen) is not type(before) or chosen == ():
            raise ValueError(f"option {name} takes a value such as {before!r}, not {value!r}")
        setattr(tenant.behaviour, names[name], chosen)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _lag(tenant: SimulatedTenant, given: Any) -> None:
    tenant.lag.settings = LagSettings.from_json(given)


# In this order: later sections refer to earlier ones.
_PLANTERS: tuple[tuple[str, Callable[[SimulatedTenant, Any], None]], ...] = (
    ("organization", _organization),
    ("domains", _domains),
    ("identities", _identities),
    ("registrations", _registrations),
    ("users", plant_users),
    ("groups", plant_groups),
    ("contacts", plant_contacts),
    ("organizationRelationships", plant_relationships),
    ("sharingPolicies", sharing_policy.NOUN.plant),
    ("inboundConnectors", inbound_connector.NOUN.plant),
    ("outboundConnectors", outbound_connector.NOUN.plant),
    ("remoteDomains", remote_domain.NOUN.plant),
    ("mailboxes", plant_mailboxes),
    ("tenants", _tenants),
    ("authorizationPolicy", _authorization_policy),
    ("allowedDomains", _domain_list("allowed_domains")),
    ("blockedDomains", _domain_list("blocked_domains")),
    ("blockedTenants", _domain_list("blocked_tenants")),
    *ACCESS_PLANTERS,
    *TEAMWORK_PLANTERS,
    ("sharepoint", plant_sharepoint),
    ("teamsFederation", plant_federation),
    ("fabric", plant_fabric),
    *NOTIFICATION_PLANTERS,
    ("lag", _lag),
    ("throttle", lambda tenant, given: tenant.throttle.configure(given)),
    ("options", set_options),
)
