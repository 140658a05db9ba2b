"""Changes are heard over sockets, from the simulated tenant; what is forged, doubled, lost or late costs nothing or is found."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from shared.bus import Envelope
from shared.nouns.changes import Change, Upkeep
from shared.nouns.outcomes import NotYet
from shared.topology import NOTIFICATIONS, TENANT_CHANGES
from shared.verbs import hear as hearing_verb
from shared.verbs import listen as listen_verb
from shared.verbs.canary import release_canaries
from shared.verbs.ears import COUNTED_EVERY, LOOK_EVERY
from shared.verbs.hearing import watch
from shared.verbs.subscribe import LIFE, RENEW_BELOW
from shared.verbs.tend import tend
from shared.verbs.world import World
from shared.views.health import health
from tests.app.listening import renewed
from tests.app.scenes import LI, MIA, READERS, Make, Scene
from tests.rig import Killed

OTHER_KEY = "YW5vdGhlciBrZXkgb2YgMzIgYnl0ZXMsIG5vIHNlY3JldA=="


async def test_users_and_groups_are_subscribed_to_for_weeks_and_their_secrets_are_nowhere(scene: Scene) -> None:
    subscribed = await scene.subscriptions()
    assert sorted(one["resource"].strip("/") for one in subscribed) == ["groups", "users"]
    states = {one["clientState"] for one in subscribed}
    assert len(states) == 2
    assert all(len(state) == 43 for state in states)
    stored = json.dumps([list(table.content.values()) for table in scene.rig.tables.values()], default=str)
    assert not [state for state in states if state in stored]
    assert all(one["lifecycleNotificationUrl"] == f"{scene.ear.address}/api/tenant-changes/lifecycle" for one in subscribed)
    assert scene.ear.statuses == [200] * 4


async def test_nothing_is_made_twice_and_renewal_comes_weeks_before_the_end(scene: Scene) -> None:
    before = await scene.subscriptions()
    scene.rig.now += LIFE - RENEW_BELOW - timedelta(minutes=1)
    await renewed(scene.rig)
    assert await scene.subscriptions() == before
    scene.rig.now += timedelta(minutes=2)
    await renewed(scene.rig)
    after = await scene.subscriptions()
    assert [one["id"] for one in after] == [one["id"] for one in before]
    assert all(one["expirationDateTime"] > two["expirationDateTime"] for one, two in zip(after, before, strict=True))


async def test_one_that_is_gone_is_made_again_with_another_secret_and_what_was_missed_is_found(scene: Scene) -> None:
    before = {one["clientState"] for one in await scene.subscriptions()}
    await scene.sim("POST", "expire-subscription", {"resource": "/users"})
    await scene.act(do="update", target=MIA, set={"department": "Unheard"})
    await renewed(scene.rig)
    after = {one["clientState"] for one in await scene.subscriptions()}
    assert len(after) == 2
    assert len(after & before) == 1
    assert [change.id for change in scene.reacted if change.source == "delta"] == [], "department is nothing that we ask for"
    await scene.act(do="update", target=MIA, set={"accountEnabled": False})
    await scene.flush()
    assert {change.id for change in scene.reacted} == {MIA}


@pytest.mark.parametrize("change", [{"ENTENTE_CLIENT_STATE_KEY": OTHER_KEY}, {"ENTENTE_NOTIFICATION_URL": "http://localhost"}])
async def test_another_key_or_address_replaces_the_subscriptions(scene: Scene, change: dict[str, str]) -> None:
    before = {one["id"] for one in await scene.subscriptions()}
    settings = scene.rig.world.settings
    port = scene.ear.address.rpartition(":")[2]
    given = {name: f"{value}:{port}" if "URL" in name else value for name, value in change.items()}
    scene.rig.world.settings = settings.model_validate({**settings.model_dump(by_alias=True), **given})
    await renewed(scene.rig)
    after = await scene.subscriptions()
    assert len(after) == 2
    assert not before & {one["id"] for one in after}
    await scene.act(do="update", target=MIA, set={"city": "Ulm"})
    await scene.flush()
    assert [change.id for change in scene.reacted if change.source == "webhook"] == [MIA]


async def test_without_an_address_nothing_stays_subscribed_and_health_says_so(scene: Scene) -> None:
    settings = scene.rig.world.settings
    scene.rig.world.settings = settings.model_copy(update={"notification_url": ""})
    await renewed(scene.rig)
    assert await scene.subscriptions() == []
    shown = await health(scene.rig.world)
    assert shown["status"] == "ok"
    assert "ENTENTE_NOTIFICATION_URL" in shown["listening"]["notifications"]


async def test_wherever_the_worker_dies_while_subscribing_there_is_one_of_each_and_it_is_believed(make: Make) -> None:
    calls = 0
    for after in (False, True):
        number = 1
        while True:
            scene = await make()
            scene.rig.border.kill_at, scene.rig.border.kill_after_effect = number, after
            try:
                await tend(scene.rig.world, Upkeep(do="renew", resource="subscriptions", why="by the clock"))
                died = False
            except Killed:
                died = True
            except Exception as error:  # the handshake was not answered: Graph refuses, and says so
                raise AssertionError(number) from error
            scene.rig.border.kill_at = None
            calls = max(calls, scene.rig.border.calls)
            scene.rig.now += timedelta(minutes=15)
            await renewed(scene.rig)
            subscribed = await scene.subscriptions()
            assert sorted(one["resource"] for one in subscribed) == ["/groups", "/users"], (number, after)
            scene.reacted.clear()
            await scene.act(do="update", target=MIA, set={"city": "Ulm"})
            await scene.flush()
            assert [change.id for change in scene.reacted if change.source == "webhook"] == [MIA], (number, after)
            caught_up = await scene.rig.world.tables.deltas.get("users")
            assert caught_up is not None, (number, after)
            assert caught_up.known, (number, after)
            if not died and number > calls:
                break
            number += 1
    assert calls >= 10


async def test_a_change_is_read_again_once_however_often_it_is_told(scene: Scene) -> None:
    await scene.sim("POST", "notifications/faults", {"effect": "duplicate", "copies": 2})
    await scene.act(do="update", target=MIA, set={"city": "Ulm"})
    await scene.flush()
    assert [(change.id, change.what, change.source) for change in scene.reacted] == [(MIA, "updated", "webhook")]
    (_, body), calls = scene.ear.bodies[-1], scene.graph_calls()
    assert calls == 1
    for wait in (1, 400, 20_000):
        scene.rig.now += timedelta(seconds=wait)
        assert (await scene.post(body)).status_code == 202
        await scene.rig.deliver_all()
    assert scene.graph_calls() == calls
    assert (await scene.counts())["replayed"] >= 2


STRANGE: list[tuple[str, dict[str, Any]]] = [
    ("another secret", {"clientState": "A" * 43}),
    ("no secret", {"clientState": None}),
    ("a list for a secret", {"clientState": ["x"]}),
    ("another subscription", {"subscriptionId": "00000000-0000-4000-8000-000000000009"}),
    ("another tenant", {"tenantId": "99999999-0000-4000-8000-000000000009"}),
    ("another organization", {"tenantId": None, "organizationId": "99999999-0000-4000-8000-000000000009"}),
    ("a long secret", {"clientState": "A" * 100_000}),
]


@pytest.mark.parametrize(("words", "wrong"), STRANGE, ids=[words for words, _ in STRANGE])
async def test_what_does_not_prove_itself_is_dropped_and_counted(scene: Scene, words: str, wrong: dict[str, Any]) -> None:
    good = await scene.notification()
    body = {"value": [{**good, **wrong}, {**good, "resourceData": {**good["resourceData"], "id": LI}, "resource": f"Users/{LI}"}]}
    assert (await scene.post(body)).status_code == 202
    await scene.rig.deliver_all()
    assert [change.id for change in scene.reacted] == [LI]
    assert (await scene.counts())["forged"] == 1


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"[]x", b"null", b"7", b'"value"', b'{"value": 7}', b"{}", b"\xff\xfe", b'{"value": "\\ud800"}'),
        *(
            b'{"value":' + b"[" * 100_000,
            *(b"[" * depth + b"]" * depth for depth in (2, 990, 5_000)),
            b"[" * 2_000 + b'{"value":[]}' + b"]" * 2_000,
            b"[]",
            b'{"value": [' + b"1," * 2_000 + b"1]}",
            b" " * 1_000_001,
            b'{"value": [' + b"9" * 5_000 + b"]",
        ),
    ],
    ids=range(19),
)
async def test_what_is_no_notification_is_refused_and_counted(scene: Scene, body: bytes) -> None:
    answer = await scene.post(body)
    assert (answer.status_code, answer.content) == (400, b"")
    assert not scene.rig.bus.waiting
    assert scene.graph_calls() == 0
    assert (await scene.counts())["unreadable"] == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"resourceData": None, "resource": "Users/../../me"},
        {"resourceData": {"id": "ana@fabrikam.com", "@odata.type": "#Microsoft.Graph.User"}},
        {"resourceData": {"id": MIA, "@odata.type": "#Microsoft.Graph.Message"}, "resource": f"messages/{MIA}"},
        {"resource": {"a": 1}, "resourceData": []},
        {"subscriptionId": 5},
        {"lifecycleEvent": "explode"},
        {"lifecycleEvent": {}},
        {"lifecycleEvent": [[[[]]]], "resource": {"a": [{}]}},
    ],
)
async def test_an_element_that_makes_no_sense_is_dropped_and_counted(scene: Scene, wrong: dict[str, Any]) -> None:
    assert (await scene.post({"value": [{**await scene.notification(), **wrong}, 7, None]})).status_code == 202
    assert not scene.rig.bus.waiting
    assert (await scene.counts())["unreadable"] == 3
    assert scene.graph_calls() == 0


async def test_casing_is_graphs_own_business(scene: Scene) -> None:
    given = await scene.notification()
    about = {"ID": MIA.upper(), "@ODATA.TYPE": "#microsoft.graph.user"}
    odd = {"ChangeType": "Updated", "ClientState": given["clientState"], "SubscriptionId": given["subscriptionId"].upper()}
    assert (await scene.post({"Value": [{**odd, "Resource": f"users/{MIA}", "ResourceData": about}]})).status_code == 202
    await scene.rig.deliver_all()
    assert [(change.kind, change.id, change.what) for change in scene.reacted] == [("user", MIA, "updated")]


@pytest.mark.parametrize("path", ["/api/tenant-changes", "/api/tenant-changes/lifecycle"])
@pytest.mark.parametrize(
    "token",
    [
        "plain",
        "<script>alert(1)</script>",
        "a b+c%20&=ü",
        '"quoted"',
        "Validation: Testing client\r\n application",
        "{}",
        "x" * 4_000,
        "%25%0d%0aSet-Cookie: a=b",
        "\0",
    ],
)
async def test_a_handshake_is_answered_with_the_token_and_nothing_else(scene: Scene, path: str, token: str) -> None:
    answer = await scene.post(b"", path, validationToken=token)
    assert (answer.status_code, answer.text) == (200, token)
    assert answer.headers["Content-Type"].partition(";")[0] == "text/plain"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "set-cookie" not in answer.headers


async def test_a_webhook_that_nobody_answers_at_is_told_again(scene: Scene) -> None:
    await scene.act(do="update", target=MIA, set={"city": "Ulm"})
    scene.ear.deaf = True
    found = await scene.flush()
    assert found["counts"]["failed"] == 1
    scene.ear.deaf = False
    await scene.flush()
    assert [change.id for change in scene.reacted] == [MIA]


@pytest.mark.parametrize("hangs", [False, True], ids=["refuses", "hangs"])
@pytest.mark.parametrize("what", ["queue", "tables"])
async def test_a_queue_or_tables_out_of_reach_make_graph_tell_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, what: str, *, hangs: bool
) -> None:
    """The answer is 503, and does not wait for what hangs."""
    monkeypatch.setattr(listen_verb, "ANSWER_SECONDS", 0.2 if hangs else 60.0)
    ended = asyncio.Event()

    async def out_of_reach(*_: Any) -> Any:
        if hangs:
            await ended.wait()
        raise NotYet(f"{what} out of reach", after=1)

    scene.rig.world.ears.looked = None
    ours = scene.rig.world
    whose, name = (ours.bus, "send") if what == "queue" else (ours.tables.subscriptions, "all")
    with monkeypatch.context() as broken:
        broken.setattr(whose, name, out_of_reach)
        scene.ear.statuses.clear()
        await scene.act(do="update", target=MIA, set={"city": "Ulm"})
        await scene.sim("POST", "notifications/flush")
        assert scene.ear.statuses == [503]
        assert scene.rig.world.ears.numbers["heard"] == 0
        ended.set()
    await scene.flush()
    assert (scene.ear.statuses, [change.id for change in scene.reacted]) == ([503, 202], [MIA])


async def test_counts_that_the_tables_do_not_take_keep_nobody_waiting(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listen_verb, "ANSWER_SECONDS", 0.2)
    ended, counted = asyncio.Event(), scene.rig.world.tables.subscriptions.count

    async def slow(*given: Any) -> None:
        await ended.wait()
        await counted(*given)

    monkeypatch.setattr(scene.rig.world.tables.subscriptions, "count", slow)
    assert (await scene.post({"value": [await scene.notification()]})).status_code == 202
    assert (await scene.post(b"x")).status_code == 400
    ended.set()
    scene.rig.now += COUNTED_EVERY
    assert (await scene.post(b"x")).status_code == 400
    found = scene.rig.tables["subscriptions"].content["counts", "counts"]
    assert (found["heard"], found["unreadable"]) == (1, 2)


async def test_each_element_needs_the_secret_of_its_own_subscription(scene: Scene) -> None:
    """Several subscriptions in one body, among them a stranger's; the other one's secret opens nothing."""
    users, groups = sorted(await scene.subscriptions(), key=lambda one: str(one["resource"]), reverse=True)
    good = await scene.notification()
    about = {"@odata.type": "#Microsoft.Graph.Group", "id": READERS, "members@delta": [{"id": LI}]}
    group = {**good, "subscriptionId": groups["id"], "resource": f"Groups/{READERS}", "resourceData": about}
    body = [
        good,
        {**group, "clientState": groups["clientState"]},
        {**good, "clientState": groups["clientState"]},
        {**group, "clientState": users["clientState"]},
        {**group, "clientState": groups["clientState"], "subscriptionId": "00000000-0000-4000-8000-000000000009"},
    ]
    assert (await scene.post({"value": body})).status_code == 202
    await scene.rig.deliver_all()
    assert [(change.kind, change.id) for change in scene.reacted] == [("user", MIA), ("group", READERS)]
    assert (await scene.counts())["forged"] == 3


async def test_a_thousand_forged_elements_cost_one_look_at_the_tables_and_nothing_else(scene: Scene) -> None:
    one = {**await scene.notification(), "clientState": "A" * 43}
    forged = [{**one, "subscriptionId": f"00000000-0000-4000-8000-{number:012}"} for number in range(1_000)]
    scene.rig.now += LOOK_EVERY
    for _ in range(3):
        assert (await scene.post({"value": forged})).status_code == 202
    assert not scene.rig.bus.waiting
    assert scene.rig.border.log == ["subscriptions.rows", "subscriptions.get", "subscriptions.write"]
    assert (await scene.counts())["forged"] == 3_000


async def test_a_subscription_that_was_made_since_somebody_has_just_looked_is_told_again_and_not_dropped(scene: Scene) -> None:
    guess = {**await scene.notification(), "subscriptionId": "00000000-0000-4000-8000-000000000009"}
    scene.rig.now += LOOK_EVERY
    assert (await scene.post({"value": [guess]})).status_code == 202, "looked, and nobody knows it"
    await scene.sim("POST", "expire-subscription", {"resource": "/users"})
    await renewed(scene.rig)
    scene.reacted.clear()
    scene.rig.world.ears.looked = scene.rig.now
    new = await scene.notification()
    assert (await scene.post({"value": [new]})).status_code == 503
    assert (await scene.post({"value": [guess]})).status_code == 202, "what was no subscription of ours then is none"
    scene.rig.now += LOOK_EVERY
    assert (await scene.post({"value": [new]})).status_code == 202
    await scene.rig.deliver_all()
    assert [change.id for change in scene.reacted if change.source == "webhook"] == [MIA]
    assert {name: number for name, number in (await scene.counts()).items() if name in {"forged", "unknown"}} == {
        "forged": 2,
        "unknown": 1,
    }


@pytest.mark.parametrize("after", [False, True])
async def test_a_webhook_that_dies_anywhere_loses_nothing(scene: Scene, *, after: bool) -> None:
    for number in range(1, 8):
        scene.rig.border.calls, scene.rig.border.kill_at, scene.rig.border.kill_after_effect = 0, number, after
        scene.rig.world.ears.looked = None
        scene.reacted.clear()
        await scene.act(do="update", target=MIA, set={"city": f"Ulm {number} {after}"})
        await scene.sim("POST", "notifications/flush")
        scene.rig.border.kill_at = None
        await scene.flush()
        assert {change.id for change in scene.reacted} == {MIA}, number


async def test_reauthorization_is_given_when_it_is_asked_for(scene: Scene) -> None:
    await scene.sim("POST", "lifecycle", {"event": "reauthorizationRequired", "resource": "/users", "pausesAfter": 0})
    await scene.flush()
    assert [what for what in scene.rig.border.log if what.startswith("tenant")] == ["tenant.POST"]
    await scene.act(do="update", target=MIA, set={"city": "Ulm"})
    await scene.flush()
    assert [change.id for change in scene.reacted] == [MIA]


async def test_a_removed_subscription_is_made_again(scene: Scene) -> None:
    before = {one["id"] for one in await scene.subscriptions()}
    await scene.sim("POST", "expire-subscription", {"resource": "/groups", "told": True})
    await scene.flush()
    after = {one["id"] for one in await scene.subscriptions()}
    assert len(after) == 2
    assert len(before & after) == 1


async def test_what_was_missed_is_found(scene: Scene) -> None:
    await scene.sim("POST", "notifications/faults", {"effect": "lose", "match": {"lifecycle": False}})
    await scene.act(do="update", target=MIA, set={"accountEnabled": False})
    await scene.act(do="add-member", target=READERS, who=LI)
    await scene.flush()
    assert scene.reacted == []
    await scene.sim("POST", "lifecycle", {"event": "missed"})
    await scene.flush()
    assert {(change.id, change.source, change.came) for change in scene.reacted} == {
        (MIA, "delta", ()),
        (READERS, "delta", (LI,)),
    }


async def test_a_forged_lifecycle_event_orders_nothing(scene: Scene) -> None:
    one = (await scene.subscriptions())[0]
    events = ("missed", "subscriptionRemoved", "reauthorizationRequired")
    forged = [{"subscriptionId": one["id"], "clientState": "x", "lifecycleEvent": event} for event in events]
    unknown = [{**element, "subscriptionId": "9" * 8, "clientState": one["clientState"]} for element in forged]
    assert (await scene.post({"value": [*forged, *unknown]}, "/api/tenant-changes/lifecycle")).status_code == 202
    assert not scene.rig.bus.waiting
    assert (await scene.counts())["forged"] == 6


async def test_a_cloud_event_from_the_queue_is_checked_like_any_other(scene: Scene) -> None:
    given = await scene.notification()
    event = {"specversion": "1.0", "type": "Microsoft.Graph.UserUpdated", "id": "1", "source": "/tenants/x", "data": given}
    forged = {**event, "id": "2", "data": {**given, "clientState": "x"}}
    asked = {**event, "id": "3", "type": "Microsoft.Graph.SubscriptionReauthorizationRequired"}
    for body in ([event, forged], event, asked):
        scene.rig.bus.enqueue(Envelope(NOTIFICATIONS, f"{len(str(body))}", json.dumps(body)))
    await scene.rig.deliver_all()
    assert [(change.id, change.source) for change in scene.reacted] == [(MIA, "event-grid")]
    assert (await scene.counts())["forged"] == 1


async def test_a_canary_measures_the_delay_and_its_silence_turns_health_red(make: Make) -> None:
    scene = await make(ENTENTE_NOTIFICATION_CANARY_USER=LI, ENTENTE_NOTIFICATION_CANARY_GROUP=READERS)
    await renewed(scene.rig)
    scene.reacted.clear()
    for _ in range(2):
        await release_canaries(scene.rig.world)
        scene.rig.now += timedelta(seconds=90)
        await scene.flush()
        shown = (await health(scene.rig.world))["listening"]
        assert {kind: one["delaySeconds"] for kind, one in shown["canary"].items()} == {"user": 90.0, "group": 90.0}
    assert scene.reacted == [], "nobody reacts to a canary"
    await scene.sim("POST", "notifications/faults", {"effect": "lose"})
    for minutes in (0, 15, 44):
        scene.rig.now += timedelta(minutes=minutes)
        assert (await health(scene.rig.world))["status"] == "ok"
        await release_canaries(scene.rig.world)
    scene.rig.now += timedelta(minutes=5)
    shown = await health(scene.rig.world)
    assert (shown["status"], shown["checks"]["listening"], shown["listening"]["notifications"]) == ("degraded", False, "failing")
    await scene.sim("DELETE", "notifications/faults")
    await release_canaries(scene.rig.world)
    await scene.flush()
    assert (await health(scene.rig.world))["status"] == "ok"


async def test_what_the_catch_up_finds_and_nobody_told_is_silence_too(scene: Scene) -> None:
    await scene.act(do="update", target=MIA, set={"city": "Ulm"})
    await scene.flush()
    await scene.sim("POST", "notifications/faults", {"effect": "lose"})
    for hour in range(4):
        scene.rig.now += timedelta(hours=1)
        await scene.act(do="update", target=MIA, set={"accountEnabled": bool(hour % 2)})
        await tend(scene.rig.world, Upkeep(do="catch-up", resource="users", why="hourly"))
        await tend(scene.rig.world, Upkeep(do="catch-up", resource="groups", why="hourly"))
        await scene.rig.deliver_all()
    shown = await health(scene.rig.world)
    assert shown["status"] == "degraded"
    assert "no notification told of" in shown["listening"]["faults"][0]


async def test_what_health_shows_is_logged_as_metrics(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    await scene.post({"value": [await scene.notification()]})
    scene.rig.now += timedelta(minutes=15)
    with caplog.at_level("INFO", "entente"):
        await watch(scene.rig.world)
    (line,) = [json.loads(one) for one in caplog.messages if '"event": "notifications"' in one]
    shown = (await health(scene.rig.world))["listening"]
    assert (line["sinceLast"], line["delay"], line["heard"]) == (900, shown["delaySeconds"], 1)
    assert {name: line[f"{name}Lag"] for name in ("users", "groups")} == {
        name: one["lagSeconds"] for name, one in shown["delta"].items()
    }


async def test_a_catch_up_that_never_ends_turns_health_red(scene: Scene) -> None:
    scene.rig.now += timedelta(hours=4)
    shown = await health(scene.rig.world)
    assert shown["status"] == "degraded"
    assert shown["listening"]["delta"]["users"]["lagSeconds"] >= 4 * 3_600 - 60


async def test_counting_writes_once_a_second(scene: Scene) -> None:
    for _ in range(20):
        await scene.post(b"x")
    writes = [what for what in scene.rig.border.log if what == "subscriptions.write"]
    assert len(writes) == 1
    assert (await scene.counts())["unreadable"] == 20
    scene.rig.now += COUNTED_EVERY
    await scene.post(b"x")
    assert scene.rig.tables["subscriptions"].content["counts", "counts"]["unreadable"] == 21


async def test_what_could_not_be_done_now_is_done_later_and_what_never_can_is_listed(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    from shared.nouns.outcomes import WontWork

    said: list[Exception] = [NotYet("throttled", after=5), NotYet("throttled", after=5), WontWork("forbidden")]

    async def react(world: World, change: Change) -> None:
        if said:
            raise said.pop(0)

    monkeypatch.setattr(hearing_verb, "react", react)
    await scene.post({"value": [await scene.notification()]})
    await scene.rig.deliver_all()
    assert not said
    (item,) = await scene.rig.world.tables.parked.all()
    assert (item.reason, item.queue) == ("forbidden", TENANT_CHANGES)
