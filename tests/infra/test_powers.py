"""Least privilege: what each app does by its power, and what each identity may do, read from the rendered role assignments."""

import runpy
from collections import defaultdict
from typing import Any

import pytest

from infra.check.agreement import QUEUE, ROLE, app_settings
from infra.check.rendering import Rendered
from infra.topology import topology
from shared.nouns.errors import SettingsMissing
from shared.nouns.power import POWERS, Power
from shared.settings import ROOT, read_settings
from shared.steps import STEPS
from shared.topology import INTAKE, NOTIFICATIONS, PARKED
from tests.infra.deployments import SMALL, WHOLE, deployed

TABLES = "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3"
RECEIVER, SENDER, OWNER, BLOB_WRITER = (
    "4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0",
    "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39",
    "090c5cfd-751d-490a-894a-3ce6f1109419",
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
)
CONTAINER = "Microsoft.Storage/storageAccounts/blobServices/containers"
# https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
KNOWN = {
    RECEIVER: "Azure Service Bus Data Receiver",
    SENDER: "Azure Service Bus Data Sender",
    OWNER: "Azure Service Bus Data Owner",
    TABLES: "Storage Table Data Contributor",
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
    BLOB_WRITER: "Storage Blob Data Contributor",
    "4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
    "3913510d-42f4-4e42-8a64-420c390055eb": "Monitoring Metrics Publisher",
}
# What each of them may be given on: never a namespace, a vault or the tables' account as a whole.
SCOPES = {
    "Azure Service Bus Data Receiver": QUEUE,
    "Azure Service Bus Data Sender": QUEUE,
    "Azure Service Bus Data Owner": QUEUE,
    "Storage Table Data Contributor": "Microsoft.Storage/storageAccounts/tableServices/tables",
    "Storage Blob Data Owner": "Microsoft.Storage/storageAccounts",
    "Storage Blob Data Contributor": CONTAINER,
    "Key Vault Secrets User": "Microsoft.KeyVault/vaults/secrets",
    "Monitoring Metrics Publisher": "Microsoft.Insights/components",
}


def granted(rendered: Rendered) -> dict[str, dict[str, set[str]]]:
    """Principal -> role -> scopes."""
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for one in rendered.of(ROLE):
        properties = one.body["properties"]
        found[properties["principalId"]][properties["roleDefinitionId"].rpartition("/")[2]].add(one.scope)
    return found


def queues(scopes: set[str]) -> set[str]:
    return {scope.rpartition("/")[2] for scope in scopes}


@pytest.mark.parametrize("parameters", [SMALL, WHOLE], ids=["small", "whole"])
def test_every_role_is_on_the_smallest_thing(parameters: dict[str, object]) -> None:
    rendered = deployed(parameters)
    kinds = {one.id: one.type for one in rendered.resources}
    for one in rendered.of(ROLE):
        properties = one.body["properties"]
        role = KNOWN[properties["roleDefinitionId"].rpartition("/")[2]]
        assert kinds[one.scope] == SCOPES[role], f"{role} on {one.scope}"
        assert properties["principalType"] == "ServicePrincipal"


def test_one_app_listens_on_all_and_owns_none() -> None:
    (rights,) = granted(deployed(SMALL)).values()
    every = {queue["name"] for queue in topology()["queues"]}
    assert queues(rights[RECEIVER]) == every
    assert queues(rights[SENDER]) == every - {PARKED}, "only Service Bus itself puts dead letters there"
    assert OWNER not in rights


def test_split_apps_listen_on_their_own_queues_only() -> None:
    rendered = deployed({**WHOLE, "exactScaling": False})
    rights = granted(rendered)
    for power in ("guests", "settings", "mail"):
        (site,) = [one for one in rendered.of("Microsoft.Web/sites") if one.name.endswith(power)]
        principal = next(name for name in rights if f"-{power}." in name)
        own = {queue["name"] for queue in topology()["queues"] if queue["power"] == power}
        assert queues(rights[principal][RECEIVER]) == own
        assert (INTAKE in queues(rights[principal][SENDER])) == (power == "guests")
        assert app_settings(site)["ENTENTE_POWERS"] == power
        blobs = rights[principal]["b7e6dc6d-f1e8-4753-8033-0f276bb0955b"]
        assert len(blobs) == 1, "each app has a storage account of its own, whose package no other can write"


@pytest.mark.parametrize("parameters", [SMALL, WHOLE], ids=["small", "whole"])
def test_heads_of_seals_are_put_by_the_app_that_seals_where_nothing_can_be_changed(parameters: dict[str, object]) -> None:
    rendered = deployed(parameters)
    writers = {principal: rights[BLOB_WRITER] for principal, rights in granted(rendered).items() if BLOB_WRITER in rights}
    (seals,) = [one for one in rendered.of(CONTAINER) if one.name == "seals" and not one.existing]
    assert list(writers.values()) == [{seals.id}], "one app, one container"
    (policy,) = rendered.of(f"{CONTAINER}/immutabilityPolicies")
    assert policy.id.startswith(f"{seals.id}/")
    assert policy.body["properties"] == {"immutabilityPeriodSinceCreationInDays": 1095, "allowProtectedAppendWrites": False}
    told = {one.name: app_settings(one).get("ENTENTE_SEAL_CONTAINER") for one in rendered.of("Microsoft.Web/sites")}
    (place,) = [place for place in told.values() if place]
    account = seals.id.partition("/blobServices/")[0].rpartition("/")[2]
    assert place == f"https://{account}.blob.core.windows.net/seals"
    (sealing,) = [name for name, place in told.items() if place]
    assert parameters is SMALL or sealing.endswith("guests")


def test_a_locked_policy_is_left_as_it_is() -> None:
    assert not deployed({**SMALL, "sealsLocked": True}).of(f"{CONTAINER}/immutabilityPolicies")


def test_other_systems_may_only_ask() -> None:
    rights = granted(deployed(WHOLE))[WHOLE["requesters"][0]]
    assert rights.keys() == {SENDER}
    assert queues(rights[SENDER]) == {INTAKE}


def test_exact_scaling_is_the_only_way_to_own_a_queue() -> None:
    apps = [rights for rights in granted(deployed(WHOLE)).values() if TABLES in rights]
    assert len(apps) == 3
    assert all(OWNER in rights for rights in apps)


def test_event_grid_may_send_to_one_queue_and_do_nothing_else() -> None:
    rendered = deployed(WHOLE)
    senders = [
        rights for rights in granted(rendered).values() if rights.get(SENDER) and queues(rights[SENDER]) == {NOTIFICATIONS}
    ]
    assert [rights.keys() for rights in senders] == [{SENDER}]
    (delivery,) = rendered.of("Microsoft.EventGrid/partnerTopics/eventSubscriptions")
    assert delivery.body["properties"]["eventDeliverySchema"] == "CloudEventSchemaV1_0"
    destination = delivery.body["properties"]["deliveryWithResourceIdentity"]["destination"]
    assert destination["properties"]["resourceId"].endswith(f"/queues/{NOTIFICATIONS}")
    assert not deployed(SMALL).of("Microsoft.EventGrid/partnerConfigurations"), "nobody is let in unasked"
    assert not deployed({**WHOLE, "partnerTopicActive": False}).of("Microsoft.EventGrid/partnerTopics/eventSubscriptions")


def test_nothing_is_opened_by_a_shared_key_or_a_password() -> None:
    for parameters in (SMALL, WHOLE):
        rendered = deployed(parameters)
        for account in rendered.of("Microsoft.Storage/storageAccounts"):
            properties = account.body["properties"]
            assert not properties["allowSharedKeyAccess"]
            assert not properties["allowBlobPublicAccess"]
            assert (properties["publicNetworkAccess"] == "Disabled") == (parameters is WHOLE)
        (bus,) = rendered.of("Microsoft.ServiceBus/namespaces")
        assert bus.body["properties"]["disableLocalAuth"]
        assert (bus.body["sku"]["name"] == "Premium") == (parameters is WHOLE), "private endpoints are a feature of Premium"
        for site in rendered.of("Microsoft.Web/sites"):
            assert site.body["properties"]["httpsOnly"]
            doors = [one for one in rendered.of("Microsoft.Web/sites/basicPublishingCredentialsPolicies") if site.id in one.id]
            assert {door.name for door in doors if door.body["properties"]["allow"] is False} == {"ftp", "scm"}


def test_private_parts_have_an_endpoint_each() -> None:
    rendered = deployed(WHOLE)
    reached = {
        link["properties"]["privateLinkServiceId"]
        for one in rendered.of("Microsoft.Network/privateEndpoints")
        for link in one.body["properties"]["privateLinkServiceConnections"]
    }
    closed = [
        one.id
        for one in rendered.resources
        if not one.existing and one.body.get("properties", {}).get("publicNetworkAccess") == "Disabled"
    ]
    assert reached == set(closed)
    subnets = [site.body["properties"]["virtualNetworkSubnetId"] for site in rendered.of("Microsoft.Web/sites")]
    assert len(set(subnets)) == len(subnets), "an app of this plan has its subnet to itself"


def functions(monkeypatch: pytest.MonkeyPatch, powers: str) -> dict[str, dict[str, Any]]:
    """The functions of an app with these powers: name -> trigger."""
    monkeypatch.setenv("ENTENTE_POWERS", powers)
    app = runpy.run_path(str(ROOT / "function_app.py"))["app"]
    return {one.get_function_name(): one.get_trigger().get_dict_repr() for one in app.get_functions()}


def test_every_function_is_in_one_app_that_is_let_listen_on_its_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    every, split = functions(monkeypatch, ""), {power: functions(monkeypatch, power) for power in POWERS}
    listed = sorted(name for app in split.values() for name in app)
    assert listed == sorted(every), "a function whose module names no known POWER runs nowhere, or one runs twice"
    allowed = {queue["name"]: queue["power"] for queue in topology()["queues"]}
    for power, app in split.items():
        for name, trigger in app.items():
            if queue := trigger.get("queueName"):
                assert allowed[queue] == power, f"{name} is of {power}, whose identity may not receive from {queue}"
            assert "route" not in trigger or power == "guests", f"{name}: people can sign in to the app of guests alone"
    queues_heard = {trigger["queueName"] for trigger in every.values() if "queueName" in trigger}
    assert queues_heard == allowed.keys(), "somebody listens on every queue"


def test_strong_powers_are_apart() -> None:
    for step in STEPS:
        tenant_wide = step.exchange_roles or any(
            name.startswith(("Policy.ReadWrite", "SharePointTenantSettings.ReadWrite")) for name in step.permissions
        )
        assert not tenant_wide or step.power == "settings", f"{step.name} changes settings of the tenant"
        assert ("Mail.Send" in step.permissions) == (step.power == "mail"), f"{step.name}: mail is a power of its own"


def test_a_power_that_is_not_known_is_told_with_those_that_are(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsMissing, match="ENTENTE_POWERS names gusts; there are: guests, settings, mail"):
        functions(monkeypatch, "gusts, mail")
    with pytest.raises(SettingsMissing, match="ENTENTE_POWERS"):
        read_settings({"ENTENTE_POWERS": "gusts"})


@pytest.mark.parametrize(("said", "meant"), [("", POWERS), ("mail", ("mail",)), (" mail , guests", ("mail", "guests"))])
def test_powers_are_read_as_they_are_listed(said: str, meant: tuple[Power, ...]) -> None:
    settings = read_settings({**NEEDED, "ENTENTE_POWERS": said})
    assert settings.powers == meant


NEEDED = {
    "ENTENTE_TENANT_ID": "00000000-0000-0000-0000-000000000002",
    "ENTENTE_PERSON_KEY": "A" * 43 + "=",
    "ServiceBus__fullyQualifiedNamespace": "bus.servicebus.windows.net",
    "Tables__endpoint": "https://data.table.core.windows.net",
}
