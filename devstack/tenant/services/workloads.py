"""What SharePoint, Teams and Fabric hold in the simulated tenant, and how a seed fills it."""

from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from devstack.tenant.directory.objects import Record

if TYPE_CHECKING:
    from devstack.tenant.tenant import SimulatedTenant

# https://learn.microsoft.com/graph/api/resources/sharepointsettings
SHARING: Record = {
    "allowedDomainGuidsForSyncApp": [],
    "availableManagedPathsForSiteCreation": ["/sites/", "/teams/"],
    "deletedUserPersonalSiteRetentionPeriodInDays": 30,
    "excludedFileExtensionsForSyncApp": [],
    "idleSessionSignOut": {"isEnabled": False, "warnAfterInSeconds": 0, "signOutAfterInSeconds": 0},
    "imageTaggingOption": "enhanced",
    "isCommentingOnSitePagesEnabled": True,
    "isFileActivityNotificationEnabled": True,
    "isLegacyAuthProtocolsEnabled": False,
    "isLoopEnabled": True,
    "isMacSyncAppEnabled": True,
    "isRequireAcceptingUserToMatchInvitedUserEnabled": False,
    "isResharingByExternalUsersEnabled": True,
    "isSharePointMobileNotificationEnabled": True,
    "isSharePointNewsfeedEnabled": False,
    "isSiteCreationEnabled": True,
    "isSiteCreationUIEnabled": True,
    "isSitePagesCreationEnabled": True,
    "isSitesStorageLimitAutomatic": True,
    "isSyncButtonHiddenOnPersonalSite": False,
    "isUnmanagedSyncAppForTenantRestricted": False,
    "personalSiteDefaultStorageLimitInMB": 1_048_576,
    "sharingAllowedDomainList": [],
    "sharingBlockedDomainList": [],
    "sharingCapability": "externalUserAndGuestSharing",
    "sharingDomainRestrictionMode": "none",
    "siteCreationDefaultManagedPath": "/sites/",
    "siteCreationDefaultStorageLimitInMB": 26_214_400,
    "tenantDefaultTimezone": "(UTC) Coordinated Universal Time",
}
FEDERATION: Record = {
    "Identity": "Global",
    "Key": {"ScopeClass": "Global", "SchemaId": {}, "DefaultXml": None},
    "AllowFederatedUsers": True,
    "AllowTeamsConsumer": True,
    "AllowTeamsConsumerInbound": True,
    "AllowedDomains": {},
    "BlockedDomains": [],
    "BlockAllSubdomains": False,
    "AllowedTrialTenantDomains": [],
    "ExternalAccessWithTrialTenants": "Blocked",
    "TreatDiscoveredPartnersAsUnverified": False,
    "SharedSipAddressSpace": False,
}
# Internal names of tenant settings: https://learn.microsoft.com/fabric/admin/tenant-settings-index
FABRIC: dict[str, bool] = {
    "ServicePrincipalAccessPermissionAPIs": True,
    "AllowServicePrincipalsUseReadAdminAPIs": True,
    "AllowGuestUserToAccessSharedContent": True,
    "ExternalSharingV2": True,
    "ElevatedGuestsTenant": False,
    "AllowGuestLookup": True,
    "EmailSubscriptionsToB2BUsers": False,
    "EmailSubscriptionsToExternalUsers": False,
}
VISITORS, MEMBERS = "associatedvisitorgroup", "associatedmembergroup"
# In a seed, the principal of the application's system-assigned identity.
_APPLICATION = "application"


@dataclass(slots=True)
class Workloads:
    """The state beside the directory. Records are replaced when they change, never changed in place."""

    sharing: Record = field(default_factory=lambda: deepcopy(SHARING))
    sites: dict[str, Record] = field(default_factory=dict)
    drives: dict[str, Record] = field(default_factory=dict)
    items: dict[str, Record] = field(default_factory=dict)
    permissions: dict[str, tuple[Record, ...]] = field(default_factory=dict)
    federation: Record = field(default_factory=lambda: deepcopy(FEDERATION))
    workspaces: dict[str, Record] = field(default_factory=dict)
    fabric: dict[str, bool] = field(default_factory=lambda: dict(FABRIC))

    def site_at(self, path: str) -> Record | None:
        """The site at the server-relative path."""
        return next(
            (s for s in self.sites.values() if urlsplit(s["webUrl"]).path.lower().rstrip("/") == path.lower().rstrip("/")), None
        )

    def to_json(self) -> Record:
        """Everything, as the control plane shows it."""
        return {
            "sharepoint": {
                "settings": self.sharing,
                "sites": list(self.sites.values()),
                "drives": list(self.drives.values()),
                "items": list(self.items.values()),
                "permissions": {item: list(found) for item, found in self.permissions.items()},
            },
            "teamsFederation": self.federation,
            "fabric": {"workspaces": list(self.workspaces.values()), "settings": self.fabric},
        }


def plant_sharepoint(tenant: "SimulatedTenant", given: Record) -> None:
    """`{"settings": {...}, "sites": [{"webUrl", "displayName", "groupId", "sharingCapability", "drives": [{"id", "name", "items"}]}]}`."""
    workloads = tenant.workloads
    if unknown := given.get("settings", {}).keys() - SHARING.keys():
        raise ValueError(f"sharepoint.settings has no property {', '.join(sorted(unknown))}")
    workloads.sharing = {**workloads.sharing, **given.get("settings", {})}
    for site in given.get("sites", []):
        _site(tenant, site)


def _site(tenant: "SimulatedTenant", given: Record) -> None:
    url = given["webUrl"]
    host = urlsplit(url).hostname
    collection = given.get("id") or tenant.chance.identifier("site", url)
    record = {
        "id": f"{host},{collection},{tenant.chance.identifier('web', url)}",
        "collection": collection,
        "name": url.rpartition("/")[2],
        "displayName": given.get("displayName", url.rpartition("/")[2]),
        "webUrl": url,
        "createdDateTime": tenant.moment(),
        "lastModifiedDateTime": tenant.moment(),
        "groupId": given.get("groupId", "00000000-0000-0000-0000-000000000000"),
        "sharingCapability": given.get("sharingCapability", 2),
        "users": {},
        "people": {VISITORS: [], MEMBERS: []},
    }
    tenant.workloads.sites[collection] = record
    for drive in given.get("drives", [{"name": "Documents"}]):
        _drive(tenant, record, drive)


def _drive(tenant: "SimulatedTenant", site: Record, given: Record) -> None:
    identifier = given.get("id") or f"b!{tenant.chance.identifier('drive', site['webUrl'], given['name'])}"
    record = {
        "id": identifier,
        "name": given["name"],
        "driveType": "documentLibrary",
        "webUrl": f"{site['webUrl']}/{given['name']}",
    }
    tenant.workloads.drives[identifier] = {**record, "site": site["id"]}
    root = {
        "id": f"{identifier}-root",
        "name": "root",
        "drive": identifier,
        "parent": None,
        "folder": True,
        "webUrl": record["webUrl"],
    }
    tenant.workloads.items[root["id"]] = root
    for item in given.get("items", []):
        parent = item.get("parent", root["id"])
        url = f"{tenant.workloads.items[parent]['webUrl']}/{item['name']}"
        tenant.workloads.items[item["id"]] = {"folder": False, **item, "drive": identifier, "parent": parent, "webUrl": url}


def plant_federation(tenant: "SimulatedTenant", given: Record) -> None:
    """The properties given have these values."""
    if unknown := given.keys() - FEDERATION.keys():
        raise ValueError(f"teamsFederation has no property {', '.join(sorted(unknown))}")
    tenant.workloads.federation = {**tenant.workloads.federation, **given}


def plant_fabric(tenant: "SimulatedTenant", given: Record) -> None:
    """`{"settings": {name: bool}, "workspaces": [{"id", "displayName", "roles": {principal or "application": role}}]}`."""
    if unknown := given.get("settings", {}).keys() - FABRIC.keys():
        raise ValueError(f"fabric.settings has no setting {', '.join(sorted(unknown))}")
    tenant.workloads.fabric |= given.get("settings", {})
    for one in given.get("workspaces", []):
        identifier = (one.get("id") or tenant.chance.identifier("workspace", one["displayName"])).lower()
        own = tenant.chance.identifier("identity", "principal")
        roles: list[Any] = []
        for name, role in one.get("roles", {_APPLICATION: "Admin"}).items():
            principal = own if name == _APPLICATION else name.lower()
            kind = "ServicePrincipal" if name == _APPLICATION else "Group" if tenant.live(principal, "group") else "User"
            roles.append({"id": principal, "principal": {"id": principal, "type": kind}, "role": role})
        tenant.workloads.workspaces[identifier] = {
            "id": identifier,
            "displayName": one["displayName"],
            "description": one.get("description", ""),
            "type": "Workspace",
            "roles": roles,
        }
