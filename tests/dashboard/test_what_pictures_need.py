"""What the status functions tell for pictures: steps in their order, guests counted, tasks of one state, plans beside requests."""

import json
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import azure.functions as func
import pytest

from functions import guests, people
from shared.nouns.task import TaskState
from shared.verbs.world import World
from shared.views.guest_counts import guest_counts
from shared.views.guests import Wanted as WantedGuests
from shared.views.guests import guests_view
from shared.views.partners import partner_view, partners_view
from shared.views.progress import states_of, steps_view
from shared.views.status import Wanted, request_status
from tests.app.whole import few
from tests.dashboard.conftest import FABRIKAM, Site, much, signed_in

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def every_guest(world: World) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await guests_view(world, WantedGuests()))["guests"]
    return found


async def test_a_request_is_told_step_by_step_in_order(site: Site) -> None:
    world = site.rig.world
    shown = await request_status(world, "fabrikam-full", Wanted(most=0, steps=True))
    assert shown is not None
    steps = shown["steps"]
    assert sum(sum(step["states"].values()) for step in steps) == sum(shown["counts"].values()) == 27
    assert [step for step in steps if not step["takesBack"]] == steps
    places = {step["step"]: at for at, step in enumerate(steps)}
    for at, step in enumerate(steps):
        assert all(before < at for before in step["after"]), "what is waited for stands before"
        declared = set(world.after[step["step"]])
        assert {steps[before]["step"] for before in step["after"]} <= declared
    assert [steps[at]["step"] for at in steps[places["welcome-guest"]]["after"]] == ["invite-guest", "add-to-group"]
    assert shown["tasks"] == []
    assert "steps" not in (await request_status(world, "fabrikam-full") or {})


async def test_what_comes_instead_waits_for_what_is_taken_back() -> None:
    class Made:
        name, subject = "", ""

        def __init__(self, name: str, subject: str) -> None:
            self.name, self.subject = name, subject

    class Few:
        steps = (Made("a", "partner"), Made("b", "named"), Made("c", "person"))
        after = {"a": (), "b": ("a",), "c": ("a", "unknown")}  # noqa: RUF012 -- a stand-in

    progress = Counter(
        {
            ("b", False, TaskState.WAITING): 2,
            ("a", True, TaskState.DONE): 1,
            ("c", False, TaskState.READY): 4,
            ("z", False, TaskState.DONE): 1,
        }
    )
    world: Any = Few()
    found = steps_view(world, progress)
    assert [(one["step"], one["takesBack"], one["after"]) for one in found] == [
        ("a", True, []),
        ("b", False, [0]),
        ("c", False, []),
        ("z", False, []),
    ], "a guest's step waits for no partner's, and a step that is known no more stands last"
    assert states_of(progress) == {"waiting": 2, "done": 2, "ready": 4}


async def test_taking_back_goes_the_other_way_round_and_comes_first(site: Site) -> None:
    await site.rig.settle(few(0, id="bye", action="offboard", groups=[], steps={}, sponsors=[], until=None, template="put-back"))
    shown = await request_status(site.rig.world, "bye", Wanted(steps=True))
    assert shown is not None
    back = {step["step"]: {shown["steps"][at]["step"] for at in step["after"]} for step in shown["steps"] if step["takesBack"]}
    assert {"set-guest-details", "add-to-group"} <= back["invite-guest"]
    assert back["add-to-group"] == set()


async def test_tasks_of_one_state_come_by_the_page(site: Site) -> None:
    tables = site.rig.world.tables.tasks
    tasks = [one async for one in tables.all("fabrikam-full")]
    for one in tasks[:3]:
        await tables.save(replace(one, state=TaskState.STOPPED, reason="no"))
    found: list[str] = []
    behind = ""
    while True:
        page = await request_status(site.rig.world, "fabrikam-full", Wanted(most=2, behind=behind, state=TaskState.STOPPED))
        assert page is not None
        found += [task["key"] for task in page["tasks"]]
        if "next" not in page:
            break
        behind = page["next"]
    assert found == [one.key for one in tasks[:3]]


async def test_guests_are_counted_as_they_are_listed(site: Site) -> None:
    await much(site.rig, partners=3, guests=40)
    world = site.rig.world
    counted = await guest_counts(world)
    today = date.fromisoformat(counted["today"])
    listed = await every_guest(world)
    assert set(counted["partners"]) == {one["partner"] for one in listed}
    for tenant, counts in counted["partners"].items():
        theirs = [one for one in listed if one["partner"] == tenant]
        here = [one["lastDay"] for one in theirs if one["stage"] not in {"deleted", "gone"}]
        horizon = (today + timedelta(days=60)).isoformat()
        assert counts["stages"] == dict(sorted(Counter(one["stage"] for one in theirs).items()))
        assert counts["days"] == dict(sorted(Counter(day for day in here if day and today.isoformat() <= day < horizon).items()))
        assert counts["over"] == sum(bool(day and day < today.isoformat()) for day in here)
        assert counts["later"] == sum(bool(day and day >= horizon) for day in here)
        assert counts["never"] == here.count(None)
    assert (await guest_counts(world, "fabrikam.com"))["partners"] == {FABRIKAM: counted["partners"][FABRIKAM]}


async def test_a_partner_tells_its_requests_and_its_plans(site: Site) -> None:
    shown = await partner_view(site.rig.world, FABRIKAM)
    assert [(one["id"], one["mode"], one["state"]) for one in shown["history"]] == [
        ("look-ahead", "plan", "done"),
        ("fabrikam-full", "apply", "done"),
    ]
    (row,) = await partners_view(site.rig.world)
    assert row["latestRequest"] == shown["history"][1]
    assert row["latestRequest"]["counts"] == {"done": 27}


@pytest.mark.parametrize(
    ("function", "params", "wrong"),
    [
        (people.show_partner_request, {"state": "asleep"}, "state: must be one of waiting, ready"),
        (people.show_partner_request, {"top": "²"}, "top: must be a number from 0 to 1000"),
        (guests.list_guests, {"top": "0"}, "top: must be a number from 1 to 1000"),
        (guests.list_guests, {"counts": "true", "partner": "nobody.example"}, "no partner"),
    ],
)
async def test_wrong_wishes_are_answered_with_a_sentence(site: Site, function: Any, params: dict[str, str], wrong: str) -> None:
    request = func.HttpRequest(
        method="GET",
        url="https://app/",
        headers=signed_in("Reader"),
        params=params,
        route_params={"id": "fabrikam-full"},
        body=b"",
    )
    found = await function(request)
    assert (found.status_code, wrong in json.loads(found.get_body())["error"]) == (400, True)


async def test_a_page_of_guests_is_as_long_as_it_is_asked_to_be(site: Site) -> None:
    await much(site.rig, partners=2, guests=5)
    found: list[str] = []
    behind = ""
    for _ in range(100):
        params = {"top": "5", **({"after": behind} if behind else {})}
        request = func.HttpRequest(method="GET", url="https://app/", headers=signed_in("Reader"), params=params, body=b"")
        function: Any = guests.list_guests
        page = json.loads((await function(request)).get_body())
        assert len(page["guests"]) <= 5
        found += [one["person"] for one in page["guests"]]
        behind = page["next"]
        if not behind:
            break
    assert found == [one["person"] for one in await every_guest(site.rig.world)]
