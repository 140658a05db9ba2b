"""The app settings of the local stack, and the environment in which its parts run."""

import base64
import secrets
from collections.abc import Mapping
from urllib.parse import parse_qsl

from devstack.stack.addresses import Addresses

# What could lead a local part to a real service. The stack's own values, or none, take their place.
_OUTWARD = ("servicebus", "tables", "azure", "website_", "functions_", "identity_", "msi_")
# Which tenant is changed is never the environment's to say, for one tenant or by the name of one; then come the command's, not the app's, and
# what the tokens' address is trusted by.
_NOT_OURS = frozenset(
    {
        *("ENTENTE_TENANT_ID", "ENTENTE_GRAPH_URL", "ENTENTE_EXCHANGE_URL", "ENTENTE_IDENTITY_CLIENT_ID"),
        *("ENTENTE_SHAREPOINT_URL", "ENTENTE_SHAREPOINT_ADMIN_URL", "ENTENTE_TEAMS_URL", "ENTENTE_FABRIC_URL"),
        *("ENTENTE_SHAREPOINT_RESOURCE", "ENTENTE_SHAREPOINT_ADMIN_RESOURCE"),
        *("ENTENTE_TENANTS", "ENTENTE_APP_CLIENT_ID"),
        *("ENTENTE_URL", "ENTENTE_KEY", "ENTENTE_TOKEN", "ENTENTE_AS", "ENTENTE_TENANT"),
        *("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
    }
)
_LOOPBACK = "127.0.0.1,localhost"


def part_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without what names a real service, and with loopback reached directly, whatever proxy there is."""
    kept = {
        name: value
        for name, value in environment.items()
        if value and name.partition("__")[0] not in _NOT_OURS and not name.lower().startswith(_OUTWARD)
    }
    proxied = ",".join(filter(None, (kept.get("NO_PROXY") or kept.get("no_proxy", ""), _LOOPBACK)))
    return kept | {"NO_PROXY": proxied, "no_proxy": proxied, "PYTHONUNBUFFERED": "1"}


def app_settings(where: Addresses, graph: str, told: str = "") -> dict[str, str]:
    """The app's settings on this stack; `told` is where it is told of changes, if it is. Keys are new each time, as the tables are."""
    return {
        "AzureWebJobsStorage": "UseDevelopmentStorage=true",
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "ServiceBus": where.service_bus,
        "Tables": where.tables,
        "IDENTITY_ENDPOINT": where.identity,
        "IDENTITY_HEADER": where.identity_header,
        "ENTENTE_TENANT_ID": where.tenant_id,
        "ENTENTE_PERSON_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        "ENTENTE_GRAPH_URL": graph,
        "ENTENTE_EXCHANGE_URL": where.tenant,
        # The simulated tenant answers for all of them; tokens are asked for by the services' real names.
        "ENTENTE_SHAREPOINT_URL": where.tenant,
        "ENTENTE_SHAREPOINT_ADMIN_URL": where.tenant,
        "ENTENTE_SHAREPOINT_RESOURCE": "https://contoso.sharepoint.com",
        "ENTENTE_SHAREPOINT_ADMIN_RESOURCE": "https://contoso-admin.sharepoint.com",
        "ENTENTE_TEAMS_URL": where.tenant,
        "ENTENTE_TEAMS_SETTINGS": "write",
        "ENTENTE_FABRIC_URL": where.tenant,
        "ENTENTE_MAILBOX": "mia@contoso.com",
        "ENTENTE_REPORT_ONLY": "false",
        # Who asks and who approves must be two people: on this machine the command says who it is (`entente --as NAME`).
        "WEBSITE_AUTH_ENABLED": "true",
        "ENTENTE_KEY_ROLES": "Requester,Approver,Operator,Reader",
        "ENTENTE_NOTIFICATION_URL": told,
        "ENTENTE_CLIENT_STATE_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        "ENTENTE_COMPARE_SCHEDULE": "0 * * * * *",
        "ENTENTE_LISTEN_SCHEDULE": "20 */15 * * * *",
        "ENTENTE_CATCH_UP_SCHEDULE": "40 10 * * * *",
        "ENTENTE_CLEAN_UP_SCHEDULE": "0 30 5 * * *",
        # Nobody waits for the limits of a simulated tenant.
        "ENTENTE_CLEAN_UP_PAGE_SECONDS": "0",
        "ENTENTE_ASK_SCHEDULE": "50 * * * * *",
        "ENTENTE_RETENTION_SCHEDULE": "10 40 3 * * *",
        "ENTENTE_SEAL_SCHEDULE": "15 * * * * *",
        "ENTENTE_SWEEP_SCHEDULE": "*/30 * * * * *",
    }


def partner_topic(told: str) -> str | None:
    """The partner topic of Event Grid that the app is told of changes by, if it is."""
    scheme, _, rest = told.partition(":?")
    return dict(parse_qsl(rest)).get("partnertopic") if scheme == "EventGrid" else None


def host_environment(environment: Mapping[str, str], settings: Mapping[str, str], wished: Mapping[str, str]) -> dict[str, str]:
    """What a host runs in: `wished` wins over the environment's ENTENTE_*, which win over the stack's own settings."""
    return {**settings, **part_environment(environment), **wished}
