"""From settings to the services beside Microsoft Graph, each with what to do where it forbids something."""

from shared.tenant.rest import Rest, Service
from shared.tenant.settings import TenantSettings
from shared.tenant.teams_settings import ByHand, ConfigApi, TeamsSettings
from shared.tenant.wire import Wire

_SHAREPOINT = (
    "grant the app's managed identity the application permission Sites.FullControl.All on SharePoint (Graph's permission of that name does "
    "not count) and allow the token cache up to 24 h"
)
_TEAMS = "give the app's identity the Entra role Teams Administrator, or set ENTENTE_TEAMS_SETTINGS to manual"
_FABRIC = (
    "let service principals use the Fabric APIs (Fabric admin portal, Tenant settings, Developer settings) through a security group that "
    "has the app's identity, and make the identity Admin of the workspace"
)


def sharepoint_services(wire: Wire, settings: TenantSettings) -> tuple[Rest | None, Rest | None]:
    """Our sites and the SharePoint admin endpoint; None for what the settings do not name."""
    web = Service("SharePoint", settings.sharepoint_url, settings.sharepoint_resource, _SHAREPOINT)
    admin = Service("SharePoint's admin endpoint", settings.sharepoint_admin_url, settings.sharepoint_admin_resource, _SHAREPOINT)
    return Rest(wire, web) if web.url else None, Rest(wire, admin) if admin.url else None


def teams_settings(wire: Wire, settings: TenantSettings) -> TeamsSettings:
    """The way to Teams' external access that the settings choose."""
    if settings.teams_settings == "manual":
        return ByHand()
    api = ConfigApi(Rest(wire, Service("Teams", settings.teams_url, settings.teams_resource, _TEAMS)))
    return api if settings.teams_settings == "write" else ByHand(api)


def fabric_service(wire: Wire, settings: TenantSettings) -> Rest:
    """Fabric's REST API."""
    return Rest(wire, Service("Fabric", settings.fabric_url, settings.fabric_resource, _FABRIC))
