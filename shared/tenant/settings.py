"""Where Microsoft 365 is reached, and as whom."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from shared.tenant.odata import guid

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class TenantSettings:
    """`tenant_id` is our own directory id. Times are in seconds.

    `graph_resource` and `exchange_resource` are what tokens are asked for; they name the service and stay what they are
    when a base URL leads somewhere else. National clouds have their own:
    https://learn.microsoft.com/graph/deployments
    """

    tenant_id: str
    graph_url: str = "https://graph.microsoft.com/v1.0"
    exchange_url: str = "https://outlook.office365.com"
    graph_resource: str = "https://graph.microsoft.com"
    exchange_resource: str = "https://outlook.office365.com"
    identity_client_id: str | None = None
    request_timeout: float = 30
    user_agent: str = "NONISV|Entente|Entente/0.1.0"
    priority: str = "Normal"

    def __post_init__(self) -> None:
        guid(self.tenant_id, "tenant_id")
        for name in ("graph_url", "exchange_url"):
            object.__setattr__(self, name, _base_url(name, getattr(self, name)))
        if self.request_timeout <= 0:
            raise ValueError(f"request_timeout is {self.request_timeout}: give a number of seconds above 0")


def _base_url(name: str, url: str) -> str:
    parts = urlsplit(url)
    if not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError(f"{name} must be a base URL such as https://graph.microsoft.com/v1.0, without user, query or fragment")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise ValueError(f"{name} must be https: tokens for the whole tenant are sent there (http is for this machine only)")
    return url.rstrip("/")
