"""Where Microsoft 365 is reached, and as whom."""

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from shared.tenant.odata import guid

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class TenantSettings:
    """`tenant_id` is our own directory id. Times are in seconds.

    `graph_resource` and `exchange_resource` are what tokens are asked for; they name the service and stay what they are
    when a base URL leads somewhere else. National clouds have their own:
    https://learn.microsoft.com/graph/deployments
    `mailbox` is the address that our own mails come from.

    `sharepoint_url` (`https://contoso.sharepoint.com`) and `sharepoint_admin_url` have no default: what needs them says so where
    they are empty. Their resources are the same addresses unless given. `teams_settings` says what may go through the service
    behind Teams' PowerShell module, which Microsoft does not document: nothing, reading, or writing too.
    """

    tenant_id: str
    graph_url: str = "https://graph.microsoft.com/v1.0"
    exchange_url: str = "https://outlook.office365.com"
    graph_resource: str = "https://graph.microsoft.com"
    exchange_resource: str = "https://outlook.office365.com"
    sharepoint_url: str = ""
    sharepoint_admin_url: str = ""
    sharepoint_resource: str = ""
    sharepoint_admin_resource: str = ""
    teams_url: str = "https://api.interfaces.records.teams.microsoft.com"
    teams_resource: str = "48ac35b8-9aa8-4d74-927d-1f4a14a0b239"
    teams_settings: Literal["manual", "read", "write"] = "manual"
    fabric_url: str = "https://api.fabric.microsoft.com"
    fabric_resource: str = "https://api.fabric.microsoft.com"
    identity_client_id: str | None = None
    app_client_id: str = ""
    labels_without_guests: frozenset[str] = frozenset()
    request_timeout: float = 30
    user_agent: str = "NONISV|Entente|Entente/0.1.0"
    priority: str = "Normal"
    mailbox: str = ""

    def __post_init__(self) -> None:
        guid(self.tenant_id, "tenant_id")
        for name in ("graph_url", "exchange_url", "teams_url", "fabric_url"):
            object.__setattr__(self, name, _base_url(name, getattr(self, name)))
        for service in ("sharepoint", "sharepoint_admin"):
            if url := getattr(self, f"{service}_url"):
                object.__setattr__(self, f"{service}_url", _base_url(f"{service}_url", url))
                named = getattr(self, f"{service}_resource") or getattr(self, f"{service}_url")
                object.__setattr__(self, f"{service}_resource", named.rstrip("/"))
        if self.request_timeout <= 0:
            raise ValueError(f"request_timeout is {self.request_timeout}: give a number of seconds above 0")


def _base_url(name: str, url: str) -> str:
    parts = urlsplit(url)
    if not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError(f"{name} must be a base URL such as https://graph.microsoft.com/v1.0, without user, query or fragment")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise ValueError(f"{name} must be https: tokens for the whole tenant are sent there (http is for this machine only)")
    return url.rstrip("/")
