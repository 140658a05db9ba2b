"""Delivery by Event Hubs is a setting: with it there is one function more, and what Graph writes into a hub is checked like the rest."""

import json
from typing import Any

import azure.functions as func
import pytest

from devstack.host.functions import TRIGGERS
from functions import hub_events
from shared import root
from shared.nouns.errors import SettingsMissing
from shared.nouns.outcomes import NotYet
from shared.powers import read_hub
from shared.settings import read_settings
from tests.app.listening import KEY, renewed
from tests.app.scenes import MIA, Make, Scene

URL = "EventHub:https://ns.servicebus.windows.net/eventhubname/entente-changes?tenantId=contoso.com"


def registered(hub: str) -> Any:
    app = func.FunctionApp()
    app.register_functions(hub_events.of(hub))
    (found,) = app.get_functions()
    return found


async def taken(scene: Scene, body: Any) -> None:
    """The function has been called as the worker calls it, and everything that follows has happened."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    root._built[""] = scene.rig.world
    try:
        await registered("hub").get_user_function()(func.EventHubEvent(body=content))
    finally:
        root._built.clear()
    await scene.rig.deliver_all()


@pytest.mark.parametrize("url", ["", "https://app.azurewebsites.net", "EventGrid:?partnertopic=t"])
def test_without_the_setting_there_is_no_hub(url: str) -> None:
    assert read_hub({"ENTENTE_NOTIFICATION_URL": url}) == ""


def test_tenants_of_one_app_share_a_hub() -> None:
    assert read_hub({"ENTENTE_NOTIFICATION_URL__contoso": URL, "ENTENTE_NOTIFICATION_URL__tailspin": URL}) == "entente-changes"
    with pytest.raises(SettingsMissing, match="several event hubs"):
        read_hub(
            {"ENTENTE_NOTIFICATION_URL__contoso": URL, "ENTENTE_NOTIFICATION_URL__x": URL.replace("entente-changes", "other")}
        )


def test_with_it_the_hub_is_listened_to_by_the_apps_identity() -> None:
    hub = read_hub({"ENTENTE_NOTIFICATION_URL": URL})
    found = registered(hub)
    trigger = json.loads(str(found)) if str(found).startswith("{") else found.get_dict_repr()
    (binding,) = trigger["bindings"]
    assert (found.get_function_name(), binding["type"], binding["eventHubName"]) == (
        "take-hub-event",
        "eventHubTrigger",
        "entente-changes",
    )
    assert (binding["connection"], str(binding["cardinality"]).lower(), str(binding["dataType"]).lower()) == (
        "NotificationHub",
        "one",
        "binary",
    )
    # The local host has no hubs, and refuses to start half an app.
    assert binding["type"] not in TRIGGERS


@pytest.mark.parametrize(
    "url", ["EventHub:https://vault.vault.azure.net/secrets/x?tenantId=y", URL.partition("?")[0], f"{URL}&x=y"]
)
def test_another_form_of_address_is_refused_with_the_right_one(url: str) -> None:
    given = {
        "ENTENTE_TENANT_ID": "11111111-1111-1111-1111-111111111111",
        "ENTENTE_PERSON_KEY": KEY,
        "ServiceBus": "x",
        "Tables": "x",
    }
    with pytest.raises(SettingsMissing, match="eventhubname/HUB"):
        read_settings({**given, "ENTENTE_NOTIFICATION_URL": url, "ENTENTE_CLIENT_STATE_KEY": KEY})


async def test_what_graph_writes_into_a_hub_is_checked_like_the_rest(make: Make) -> None:
    scene = await make()
    await renewed(scene.rig)
    scene.reacted.clear()
    good = await scene.notification()
    # By this element Graph looks whether it may write. https://learn.microsoft.com/graph/change-notifications-delivery-event-hubs
    await taken(scene, {"value": [{"subscriptionId": "NA", "resource": "NA", "clientState": "NA", "changeType": "validation"}]})
    await taken(scene, {"value": [good, {**good, "clientState": "x"}]})
    assert [(change.id, change.source) for change in scene.reacted] == [(MIA, "event-hub")]
    assert (await scene.counts())["forged"] == 1
    await taken(scene, b"rubbish")
    (item,) = await scene.rig.world.tables.parked.all()
    assert item.queue == "graph-notifications"


async def test_what_cannot_be_taken_now_is_taken_later_by_the_queue(
    make: Make,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = await make()
    await renewed(scene.rig)
    scene.reacted.clear()
    tables, whole = scene.rig.world.tables.subscriptions, scene.rig.world.tables.subscriptions.all
    said: list[Exception] = [NotYet("out of reach", after=5)]

    async def once() -> Any:
        if said:
            raise said.pop()
        return await whole()

    scene.rig.world.ears.looked = None
    monkeypatch.setattr(tables, "all", once)
    await taken(scene, {"value": [await scene.notification()]})
    assert [change.id for change in scene.reacted] == [MIA]
