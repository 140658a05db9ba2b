"""A notification that is told again asks Graph nothing and is counted; the same happening once more is seen all the same."""

import contextlib
import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.nouns.changes import Change
from shared.tables.heard import Mark
from shared.verbs import told_again
from shared.verbs.hear import Newness, newness_of
from shared.verbs.told_again import look_into
from tests.app.conftest import Stage
from tests.app.listening import renewed
from tests.app.scenes import LI, MIA, READERS, Make, Scene
from tests.app.test_react import FABRIKAM, person, request, user
from tests.rig import START, Killed

HOUR = timedelta(hours=1)
HORIZON = timedelta(minutes=5)


@pytest.fixture
async def groups(scene: Scene) -> Scene:
    """A scene in which the group is one that a request has put guests into."""
    await scene.rig.world.tables.index.note(FABRIKAM, {}, groups=[READERS])
    return scene


async def members(scene: Scene, *deeds: str) -> list[bytes]:
    """Somebody came and went, one after the other; what told of it."""
    first = len(scene.ear.bodies)
    for do in deeds:
        await scene.act(do=do, target=READERS, who=LI)
        await scene.flush()
    return [body for _, body in scene.ear.bodies[first:]]


async def replayed(scene: Scene, *bodies: bytes, path: str = "/api/tenant-changes", times: int = 1) -> tuple[int, int]:
    """How many Graph calls, and how many reactions, came of so many copies of the bodies; each of them was counted."""
    calls, reacted = scene.graph_calls(), len(scene.reacted)
    counted = (await scene.counts()).get("replayed", 0)
    for body in bodies * times:
        assert (await scene.post(body, path)).status_code == 202
        await scene.rig.deliver_all()
    number = sum(len(json.loads(body)["value"]) for body in bodies) * times
    assert (await scene.counts()).get("replayed", 0) - counted == number
    return scene.graph_calls() - calls, len(scene.reacted) - reacted


async def test_members_who_come_go_and_come_again_are_three_changes_and_no_copy_costs_anything(groups: Scene) -> None:
    told = await members(groups, "add-member", "remove-member")
    assert [(change.came, change.went) for change in groups.reacted] == [((LI,), ()), ((), (LI,))]
    groups.rig.now += HOUR
    assert await replayed(groups, *told, times=20) == (0, 0)
    # The words are those of the first: it happens again, and the timer looks.
    again = await members(groups, "add-member")
    assert (groups.reacted[2:], len(again)) == ([], 1)
    groups.rig.now += timedelta(minutes=15)
    await look_into(groups.rig.world)
    await groups.rig.deliver_all()
    assert {(change.source, change.came, change.went) for change in groups.reacted[2:]} == {
        ("timer", (LI,), ()),
        ("timer", (), (LI,)),
    }


async def test_copies_that_come_together_are_read_once(groups: Scene) -> None:
    """In one body, and in many that are reacted to at the same time."""
    (subscribed,) = [one for one in await groups.subscriptions() if "groups" in one["resource"]]
    about = {"@odata.type": "#Microsoft.Graph.Group", "id": READERS, "members@delta": [{"id": LI}]}
    element = {**await groups.notification(), "subscriptionId": subscribed["id"], "clientState": subscribed["clientState"]}
    element |= {"resource": f"Groups/{READERS}", "resourceData": about}
    for _ in range(20):
        assert (await groups.post({"value": [element, await groups.notification()] * 50})).status_code == 202
    await groups.rig.deliver_interleaved(3, at_once=20)
    assert sorted(change.kind for change in groups.reacted) == ["group", "user"]
    counts = await groups.counts()
    assert counts["replayed"] + counts["heard"] >= 20 * 100
    assert groups.rig.tables["heard"].content


async def test_a_thousand_copies_lead_to_one_look_of_each_telling_at_the_timer(groups: Scene) -> None:
    told = await members(groups, "add-member", "remove-member", "add-member")
    groups.rig.now += HOUR
    assert await replayed(groups, *told[:2], times=500) == (0, 0)
    before = len(groups.reacted)
    for _ in range(3):
        groups.rig.now += timedelta(minutes=15)
        await look_into(groups.rig.world)
        await groups.rig.deliver_all()
    assert len(groups.reacted) - before == 2, "once, and nothing at the timer's next run"


async def test_the_last_words_told_at_once_again_are_a_copy_and_wait_for_nobody(groups: Scene) -> None:
    told = await members(groups, "add-member")
    assert await replayed(groups, *told, times=5) == (0, 0)
    groups.rig.now += timedelta(minutes=15)
    before = len(groups.reacted)
    await look_into(groups.rig.world)
    await groups.rig.deliver_all()
    assert len(groups.reacted) == before


async def test_a_run_of_the_timer_looks_into_so_many_and_the_next_into_the_rest(
    groups: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(told_again, "MOST_AT_ONCE", 1)
    told = await members(groups, "add-member", "remove-member")
    groups.rig.now += HOUR
    assert await replayed(groups, *told, times=2) == (0, 0)
    for number in (1, 2, 2):
        await look_into(groups.rig.world)
        await groups.rig.deliver_all()
        assert len([change for change in groups.reacted if change.source == "timer"]) == number


async def test_a_group_that_is_none_of_ours_is_not_remembered(scene: Scene) -> None:
    told = await members(scene, "add-member", "remove-member")
    for body in told:
        await scene.post(body)
        await scene.rig.deliver_all()
    assert {change.kind for change in scene.reacted} == {"group"}
    assert not scene.rig.tables["heard"].content


async def test_more_members_than_a_message_holds_are_all_reacted_to_and_none_twice(groups: Scene) -> None:
    (subscribed,) = [one for one in await groups.subscriptions() if "groups" in one["resource"]]
    went = [f"{number:08}-0000-4000-8000-000000000000" for number in range(450)]
    removed = [{"id": one, "@removed": "deleted"} for one in went]
    about = {"@odata.type": "#Microsoft.Graph.Group", "id": READERS, "members@delta": removed}
    element = {**await groups.notification(), "subscriptionId": subscribed["id"], "clientState": subscribed["clientState"]}
    body = json.dumps({"value": [{**element, "resource": f"Groups/{READERS}", "resourceData": about}]}).encode()
    await groups.post(body)
    await groups.rig.deliver_all()
    assert sorted(one for change in groups.reacted for one in change.went) == went
    groups.rig.now += HOUR
    calls = groups.graph_calls()
    await groups.post(body)
    await groups.rig.deliver_all()
    assert (len(groups.reacted), groups.graph_calls()) == (3, calls)


@pytest.mark.parametrize("event", ["missed", "reauthorizationRequired"])
async def test_a_lifecycle_event_told_a_thousand_times_is_answered_once_and_once_more_by_the_timer(
    scene: Scene, event: str
) -> None:
    await scene.sim("POST", "lifecycle", {"event": event, "resource": "/users"})
    await scene.flush()
    answered = scene.graph_calls()
    assert answered > 0
    (path, body) = scene.ear.bodies[-1]
    scene.rig.now += HOUR
    assert await replayed(scene, body, path=path, times=1_000) == (0, 0)
    scene.rig.now += timedelta(minutes=15)
    for _ in range(2):
        await look_into(scene.rig.world)
        await scene.rig.deliver_all()
    assert scene.graph_calls() == 2 * answered


async def test_a_removed_subscription_told_a_thousand_times_leaves_it_to_the_timer_that_looks_after_them(scene: Scene) -> None:
    (users,) = [one for one in await scene.subscriptions() if "users" in one["resource"]]
    event = {"lifecycleEvent": "subscriptionRemoved", "subscriptionId": users["id"], "clientState": users["clientState"]}
    (path, body) = "/api/tenant-changes/lifecycle", json.dumps({"value": [event]}).encode()
    await scene.post(body, path)
    await scene.rig.deliver_all()
    assert scene.graph_calls() == 1, "it is there"
    scene.rig.now += HOUR
    assert await replayed(scene, body, path=path, times=1_000) == (0, 0)
    await look_into(scene.rig.world)
    await scene.rig.deliver_all()
    assert scene.graph_calls() == 1
    await scene.sim("POST", "expire-subscription", {"resource": "/users"})
    await renewed(scene.rig)
    made = scene.graph_calls()
    scene.rig.now += HOUR
    await scene.post(body, path)
    await scene.rig.deliver_all()
    assert ((await scene.counts())["forged"], scene.graph_calls()) == (1, made), "that one's secret is no longer one"


async def test_a_lifecycle_event_of_another_week_is_another_one(scene: Scene) -> None:
    await scene.sim("POST", "lifecycle", {"event": "missed", "resource": "/users"})
    await scene.flush()
    before = scene.graph_calls()
    scene.rig.now += timedelta(days=8)
    await renewed(scene.rig)
    renewal = scene.graph_calls()
    assert renewal > before
    await scene.sim("POST", "lifecycle", {"event": "missed", "resource": "/users"})
    await scene.flush()
    assert scene.graph_calls() > renewal


async def test_what_was_told_while_the_subscription_was_to_end_long_ago_is_a_copy(scene: Scene) -> None:
    """Nothing is remembered of it any more, and nothing need be."""
    old = f"{scene.rig.now - timedelta(days=3):%Y-%m-%dT%H:%M:%SZ}"
    body = json.dumps({"value": [await scene.notification(subscriptionExpirationDateTime=old)]}).encode()
    assert await replayed(scene, body) == (0, 0)
    just = f"{scene.rig.now - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    await scene.post({"value": [await scene.notification(subscriptionExpirationDateTime=just)]})
    await scene.rig.deliver_all()
    assert [change.id for change in scene.reacted] == [MIA]


async def test_without_times_a_copy_costs_nothing_and_a_second_change_is_seen_at_the_timer(scene: Scene) -> None:
    await scene.sim("PUT", "notifications/settings", {"times": False})
    await scene.act(do="update", target=MIA, set={"city": "Ulm"})
    await scene.flush()
    assert [change.id for change in scene.reacted] == [MIA]
    (_, body) = scene.ear.bodies[-1]
    assert b"eventTime" not in body
    scene.rig.now += HOUR
    assert await replayed(scene, body, times=30) == (0, 0)
    await scene.act(do="update", target=MIA, set={"city": "Bonn"})
    await scene.flush()
    scene.rig.now += timedelta(minutes=15)
    await look_into(scene.rig.world)
    await scene.rig.deliver_all()
    assert [(change.id, change.source) for change in scene.reacted[1:]] == [(MIA, "timer")]


async def test_whoever_counts_copies_has_them_on_record_at_once(groups: Scene) -> None:
    """The process that reacts is not the one that health asks."""
    told = await members(groups, "add-member")
    groups.rig.now += HOUR
    for _ in range(7):
        await groups.post(told[0])
        await groups.rig.deliver_all()
    assert groups.rig.tables["subscriptions"].content["counts", "counts"]["replayed"] == 7


@pytest.mark.parametrize("after", [False, True])
async def test_wherever_the_worker_dies_what_was_put_off_is_looked_into(groups: Scene, *, after: bool) -> None:
    told = await members(groups, "add-member", "remove-member")
    for number in range(1, 8):
        groups.rig.now += HOUR
        await replayed(groups, told[0])
        groups.reacted.clear()
        groups.rig.border.calls, groups.rig.border.kill_at, groups.rig.border.kill_after_effect = 0, number, after
        for _ in range(2):
            with contextlib.suppress(Killed):
                await look_into(groups.rig.world)
        groups.rig.border.kill_at = None
        await groups.rig.deliver_all()
        assert {change.came for change in groups.reacted} == {(LI,)}, number
        assert not [key for key in groups.rig.tables["heard"].content if key[0] == "put-off"], number


async def test_a_member_who_is_put_back_and_taken_out_again_is_seen_by_the_next_run(stage: Stage, make: Make) -> None:
    """With the reactions themselves: the second time is told in the words of the first."""
    from shared.verbs import hear as hearing_verb
    from shared.verbs.react import react

    scene = await make()
    # The reactions are those of the app again, not the fixture's.
    hearing_verb.react = react  # type: ignore[attr-defined] # the module's own name, put back by the fixture's monkeypatch
    await renewed(scene.rig)
    await scene.rig.settle(request())
    guest = user(stage, "g0@fabrikam.com")
    await scene.flush()

    async def drift() -> list[tuple[str, Any]]:
        found = [one async for one in scene.rig.world.tables.drift.of_partner(FABRIKAM)]
        return [(one.state, dict(one.after)) for one in found if one.step == "add-to-group"]

    async def timer() -> None:
        scene.rig.now += timedelta(minutes=15)
        await look_into(scene.rig.world)
        await scene.rig.deliver_all()

    gone = {person(scene.rig, "g0@fabrikam.com"): None}
    for number in range(2):
        scene.rig.now += HOUR
        await scene.act(do="remove-member", target=READERS, who=guest)
        await scene.flush()
        if number:
            assert await drift() == [("over", gone)], "the words were heard before"
            await timer()
        assert await drift() == [("open", gone)]
        await scene.act(do="add-member", target=READERS, who=guest)
        await scene.flush()
        await timer()
        assert await drift() == [("over", gone)]


def change(mark: str, seen: datetime = START + 2 * HOUR, happened: datetime | None = None) -> Change:
    return Change(kind="group", id=READERS, seen=seen, source="webhook", mark=mark, happened=happened)


@pytest.mark.parametrize(
    ("told", "newness"),
    [
        (change("a"), Newness.COPY),
        (change("c"), Newness.NEW),
        (change("c", happened=START), Newness.COPY),
        (change("c", happened=START + HOUR - timedelta(minutes=4)), Newness.NEW),
        (change("a.1"), Newness.UNCLEAR),
        (change("b.1"), Newness.UNCLEAR),
        (change("b.1", seen=START + HOUR + timedelta(minutes=4)), Newness.COPY),
        (change("a.1", seen=START + HOUR + timedelta(minutes=4)), Newness.UNCLEAR),
        (change("c.1"), Newness.NEW),
    ],
)
def test_what_is_known_of_a_telling(told: Change, newness: Newness) -> None:
    """The object was read an hour after the start, because of b; a was told before."""
    assert newness_of(told, Mark(START + HOUR, "b", frozenset({"a", "b"})), HORIZON) is newness
