"""A plan looks at a whole cohort at once: how many messages that takes, and that nothing gets lost with a worker or a read."""

from typing import Any

from shared.topology import INTAKE
from shared.verbs.control import cancel
from tests.app.conftest import Stage
from tests.app.whole import few, rows, sights
from tests.rig import Rig


def plan(guests: int) -> dict[str, Any]:
    return few(guests, id="look", mode="plan", template="joint-project")


def outcome(rig: Rig) -> list[tuple[str, Any, Any]]:
    """What the plan has found, and that it has ended with nothing waiting for a person."""
    assert ("closed", "look") in rig.tables["requests"].content
    assert not rig.tables["parked"].content
    assert not rig.bus.dead
    return sorted((str(row["RowKey"]), row["state"], row.get("seen")) for row in rows(rig, "look"))


async def test_a_plan_takes_a_message_for_each_cohort_and_app(stage: Stage) -> None:
    rig = await stage.fresh()
    await rig.settle(plan(45))
    tasks = rows(rig, "look")
    powers = {(row["RowKey"].split("|")[1], rig.world.step(row["step"]).power) for row in tasks}
    # Intake and end besides; what has to wait for another app's tasks is sent once they are there.
    assert rig.bus.sent <= 2 + 2 * len(powers) < len(tasks) / 4
    assert sights(rig, "look")["create"] > 45


async def test_a_worker_that_dies_anywhere_leaves_the_same_plan(stage: Stage) -> None:
    whole = plan(2)
    # A new group that guests are added to, and a step of another app that follows on theirs.
    wanted = {**whole, "steps": {name: whole["steps"][name] for name in ("create-group", "welcome-guest")}}
    rig = await stage.fresh()
    await rig.settle(wanted)
    found = outcome(rig)
    # Dying before a call is dying after the one before it; how an intake dies is tested elsewhere.
    for number in [number for number, queue in enumerate(rig.border.queues, start=1) if queue != INTAKE]:
        rig = await stage.fresh()
        rig.border.kill_at, rig.border.kill_after_effect = number, True
        await rig.settle(wanted)
        assert outcome(rig) == found, f"killed after call {number}"


async def test_what_cannot_be_read_now_is_looked_at_again_and_the_rest_is_not(stage: Stage) -> None:
    rig = await stage.fresh()
    rule = {"match": {"method": "GET", "path": "deletedItems"}, "effect": "status", "status": 503, "times": 9}
    stage.running.services.tenant.faults.add(rule)
    await rig.settle(plan(6))
    outcome(rig)
    attempts = {row["RowKey"]: row["attempt"] for row in rows(rig, "look")}
    again = {key for key, attempt in attempts.items() if attempt > 1}
    assert again
    assert all("|invite-guest|" in key for key in again)


async def test_a_cancelled_plan_ends_without_a_look(stage: Stage) -> None:
    rig = await stage.fresh()
    rig.submit(plan(3))
    await rig.deliver_until(lambda: ("open", "look") in rig.tables["requests"].content and len(rig.bus.waiting) > 1)
    await cancel(rig.world, "look", "user mia")
    await rig.deliver_all()
    assert ("closed", "look") in rig.tables["requests"].content
    assert {row["state"] for row in rows(rig, "look")} == {"cancelled"}
