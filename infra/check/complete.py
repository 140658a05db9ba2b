"""Nothing that the deployment needs is left out: the roles of each identity, no more and no fewer, and what makes it safe and seen."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from infra.check.rendering import Rendered, Resource
from infra.topology import topology
from shared.nouns.power import POWERS
from shared.topology import INTAKE, NOTIFICATIONS, PARKED

ALERTS = Path(__file__).parents[1] / "alerts.json"
SITE = "Microsoft.Web/sites"
QUEUE = "Microsoft.ServiceBus/namespaces/queues"
IDENTITY = "Microsoft.ManagedIdentity/userAssignedIdentities"
PARTNERS = "Microsoft.EventGrid/partnerConfigurations"
DELIVERY = "Microsoft.EventGrid/partnerTopics/eventSubscriptions"
CONTAINER = "Microsoft.Storage/storageAccounts/blobServices/containers"
# https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
ROLES = {
    "Azure Service Bus Data Receiver": "4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0",
    "Azure Service Bus Data Sender": "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39",
    "Azure Service Bus Data Owner": "090c5cfd-751d-490a-894a-3ce6f1109419",
    "Storage Table Data Contributor": "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
    "Storage Blob Data Owner": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "Storage Blob Data Contributor": "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    "Key Vault Secrets User": "4633458b-17de-408a-b874-0445c86b69e6",
    "Monitoring Metrics Publisher": "3913510d-42f4-4e42-8a64-420c390055eb",
}
SENDER = "Azure Service Bus Data Sender"
_NAMES = {identifier: name for name, identifier in ROLES.items()}
# What logs who did what; and of these there is one of each, whatever is asked for.
LOGGED = (
    "Microsoft.ServiceBus/namespaces",
    "Microsoft.Storage/storageAccounts/tableServices",
    "Microsoft.KeyVault/vaults",
    SITE,
)
ONE_EACH = (
    "Microsoft.OperationalInsights/workspaces",
    "Microsoft.Insights/components",
    "Microsoft.Insights/actionGroups",
    "Microsoft.Insights/workbooks",
    "Microsoft.Insights/metricAlerts",
    "Microsoft.KeyVault/vaults",
    "Microsoft.ServiceBus/namespaces",
)

type _Right = tuple[str, str]


def complete(rendered: Rendered) -> list[str]:
    """A sentence for each thing that is missing, and for each right that nobody needs."""
    return [*_rights(rendered), *_kinds(rendered), *_sites(rendered), *_alerts(rendered)]


def _rights(rendered: Rendered) -> Iterator[str]:
    there: dict[str, set[_Right]] = {}
    for one in rendered.of("Microsoft.Authorization/roleAssignments"):
        properties = one.body["properties"]
        role = properties["roleDefinitionId"].rpartition("/")[2]
        there.setdefault(properties["principalId"], set()).add((_NAMES.get(role, role), one.scope))
    for site in rendered.of(SITE):
        wanted, given = _wanted(rendered, site), there.pop(_principal(site), set())
        for role, scope in sorted(wanted - given):
            yield f"{site.name}: its identity needs the role {role} on {_short(scope)}, and nothing gives it"
        for role, scope in sorted(given - wanted):
            yield f"{site.name}: its identity has the role {role} on {_short(scope)}, and needs none there"
    yield from _events(rendered, there)
    for principal, given in sorted(there.items()):
        for role, scope in sorted(given):
            if role != SENDER or not scope.endswith(f"/queues/{INTAKE}"):
                yield f"{principal}: has the role {role} on {_short(scope)}; others may only ask, on {INTAKE}"


def _events(rendered: Rendered, there: dict[str, set[_Right]]) -> Iterator[str]:
    """What Event Grid needs to deliver changes, where it is asked to; its rights are taken out of those that are there.

    Its identity is the one that no app has. It delivers by it, once a person has activated the topic.
    """
    apps = {identity for site in rendered.of(SITE) for identity in site.body["identity"]["userAssignedIdentities"]}
    others = [one for one in rendered.of(IDENTITY) if one.id not in apps]
    asked = rendered.of(PARTNERS)
    for identity in others:
        given = there.pop(f"<{identity.name}.properties.principalId>", set())
        wanted = {(SENDER, queue.id) for queue in rendered.of(QUEUE) if queue.name == NOTIFICATIONS}
        if given != wanted:
            yield f"{identity.name}: no app has it, so it is Event Grid's: it needs the role {SENDER} on {NOTIFICATIONS}, and no other"
        if not asked:
            yield f"{identity.name}: nothing lets Microsoft Graph make a partner topic ({PARTNERS}), and no app has it"
    if asked and not others:
        yield f"{asked[0].name}: Event Grid needs an identity of its own to deliver by"
    known = {one.id for one in others}
    for topic in rendered.of(DELIVERY):
        by = topic.body["properties"]["deliveryWithResourceIdentity"]["identity"]["userAssignedIdentity"]
        if by not in known:
            yield f"{topic.name}: {_short(by)} is missing, or is an app's"


def _wanted(rendered: Rendered, site: Resource) -> set[_Right]:
    """What the app's identity has to be let do, by its powers."""
    settings = _settings(site)
    powers = set(settings.get("ENTENTE_POWERS", ",".join(POWERS)).split(","))
    own = {queue["name"] for queue in topology()["queues"] if queue["power"] in powers}
    owns = any(_role(one) == "Azure Service Bus Data Owner" for one in rendered.of("Microsoft.Authorization/roleAssignments"))
    listening = "Azure Service Bus Data Owner" if owns else "Azure Service Bus Data Receiver"
    rights: set[_Right] = set()
    for queue in rendered.of(QUEUE):
        if queue.name in own:
            rights.add((listening, queue.id))
        if queue.name != PARKED and (queue.name != INTAKE or "guests" in powers):
            rights.add((SENDER, queue.id))
    tables = rendered.of("Microsoft.Storage/storageAccounts/tableServices/tables")
    rights |= {("Storage Table Data Contributor", one.id) for one in tables}
    if "guests" in powers:
        seals = [one for one in rendered.of(CONTAINER) if one.name.startswith("seals")]
        rights |= {("Storage Blob Data Contributor", one.id) for one in seals}
    packages = site.body["properties"]["functionAppConfig"]["deployment"]["storage"]["value"]
    accounts = rendered.of("Microsoft.Storage/storageAccounts")
    rights |= {("Storage Blob Data Owner", one.id) for one in accounts if packages.startswith(f"<{one.name}.")}
    rights |= {("Monitoring Metrics Publisher", one.id) for one in rendered.of("Microsoft.Insights/components")}
    secrets = {value.rpartition("/")[2].rstrip(")") for value in settings.values() if value.startswith("@Microsoft.KeyVault(")}
    rights |= {
        ("Key Vault Secrets User", f"{vault.id}/secrets/{name}")
        for vault in rendered.of("Microsoft.KeyVault/vaults")
        for name in secrets
    }
    return rights


def _kinds(rendered: Rendered) -> Iterator[str]:
    for kind in ONE_EACH:
        if len(rendered.of(kind)) != 1:
            yield f"{kind}: there are {len(rendered.of(kind))} of them, and one is needed"
    logged = {one.scope for one in rendered.of("Microsoft.Insights/diagnosticSettings")}
    policies = {one.id.partition("/immutabilityPolicies/")[0] for one in rendered.of(f"{CONTAINER}/immutabilityPolicies")}
    for one in rendered.resources:
        if one.type in LOGGED and not one.existing and one.id not in logged:
            yield f"{one.name}: nothing logs what is done to it (diagnosticSettings)"
    seals = [one for one in rendered.of(CONTAINER) if one.name.startswith("seals")]
    if not seals:
        yield "there is no container for the heads of seals"
    # With all of them locked none is written again.
    for one in seals if policies else ():
        if one.id not in policies:
            yield f"{one.name}: no policy keeps its blobs from being changed"
    for one in seals:
        service = one.id.partition("/containers/")[0]
        if service not in logged:
            yield f"{one.name}: nothing logs who writes there (diagnosticSettings)"


def _sites(rendered: Rendered) -> Iterator[str]:
    if not rendered.of(SITE):
        yield "there is no function app"
    made = {one.id for one in rendered.resources if not one.existing}
    for site in rendered.of(SITE):
        for needed in (
            "config/authsettingsV2",
            "basicPublishingCredentialsPolicies/ftp",
            "basicPublishingCredentialsPolicies/scm",
        ):
            if f"{site.id}/{needed}" not in made:
                yield f"{site.name}: {needed} is missing"
        for reference in (site.body["properties"]["serverFarmId"], *site.body["identity"]["userAssignedIdentities"]):
            if reference not in made:
                yield f"{site.name}: {_short(reference)} is missing"
        packages = site.body["properties"]["functionAppConfig"]["deployment"]["storage"]["value"]
        account, _, container = packages.removeprefix("<").partition(".properties.primaryEndpoints.blob>")
        if not any(f"/storageAccounts/{account}/" in one.id and one.name == container for one in rendered.of(CONTAINER)):
            yield f"{site.name}: the container {container} of {account}, for its package, is missing"
    closed = {one.id for one in rendered.resources if one.body.get("properties", {}).get("publicNetworkAccess") == "Disabled"}
    reached = {
        link["properties"]["privateLinkServiceId"]
        for one in rendered.of("Microsoft.Network/privateEndpoints")
        for link in one.body["properties"]["privateLinkServiceConnections"]
    }
    for one in sorted(closed - reached):
        yield f"{_short(one)}: is closed to the network, and has no private endpoint"


def _alerts(rendered: Rendered) -> Iterator[str]:
    names = {one.name for one in rendered.of("Microsoft.Insights/scheduledQueryRules")}
    for alert in json.loads(ALERTS.read_text("utf-8")):
        if not any(name.endswith(f"-{alert['name']}") for name in names):
            yield f"the alert {alert['name']} of infra/alerts.json is missing"


def _role(one: Resource) -> str:
    return _NAMES.get(one.body["properties"]["roleDefinitionId"].rpartition("/")[2], "")


def _principal(site: Resource) -> str:
    """How the rendering names the principal of the site's identity, which only the deployment will know."""
    (identity,) = site.body["identity"]["userAssignedIdentities"]
    return f"<{identity.rpartition('/')[2]}.properties.principalId>"


def _settings(site: Resource) -> dict[str, Any]:
    return {one["name"]: str(one["value"]) for one in site.body["properties"]["siteConfig"]["appSettings"]}


def _short(scope: str) -> str:
    return "/".join(scope.rsplit("/", 2)[1:])
