"""What two partners want of the same object of ours stays until both have left, and is then as it was before."""

from pathlib import Path
from typing import Any

import pytest

from tests.app.conftest import Stage
from tests.app.whole import FULL, carried_out, differences, picture, rows, templates
from tests.rig import Rig

READERS = "partner-readers"
STEPS: dict[str, Any] = {
    "limit-site": FULL["steps"]["limit-site"],
    "share-site": {"fabrikam": {**FULL["steps"]["share-site"]["fabrikam"], "group": READERS}},
    "share-item": {"plans": {**FULL["steps"]["share-item"]["plans"], "group": READERS}},
    "add-to-workspace": {"reports": {**FULL["steps"]["add-to-workspace"]["reports"], "group": READERS}},
}


def asked(name: str, partner: str, **more: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "id": name,
        "template": "freely",
        "partner": {"name": partner.title(), "domains": [f"{partner}.com"]},
        "sponsors": ["mia@contoso.com"],
        "guests": [],
        "steps": STEPS,
    } | more


def ours(stage: Stage) -> dict[str, Any]:
    """What is neither partner's own: limits and permissions of sites, items and workspaces."""
    found = picture(stage.running)
    return {name: found[name] for name in ("sharepoint", "fabric")}


async def leaves(rig: Rig, partner: str) -> None:
    await carried_out(rig, asked(f"{partner}-off", partner, action="offboard", steps={}))


async def both(stage: Stage, folder: Path) -> tuple[Rig, dict[str, Any]]:
    rig = await stage.fresh(ENTENTE_TEMPLATES=str(templates(folder)))
    before = ours(stage)
    for partner in ("fabrikam", "northwind"):
        await carried_out(rig, asked(f"{partner}-on", partner))
    return rig, before


@pytest.mark.parametrize("first", ["fabrikam", "northwind"])
async def test_what_two_partners_want_goes_with_the_last_of_them(stage: Stage, tmp_path: Path, first: str) -> None:
    rig, before = await both(stage, tmp_path)
    there = ours(stage)
    assert differences(before, there) != []
    await leaves(rig, first)
    assert differences(there, ours(stage)) == []
    await leaves(rig, "northwind" if first == "fabrikam" else "fabrikam")
    assert differences(before, ours(stage)) == []


async def test_the_plan_of_a_leaving_says_what_stays_and_for_which_request(stage: Stage, tmp_path: Path) -> None:
    rig, _ = await both(stage, tmp_path)
    await rig.settle(asked("plan", "fabrikam", action="offboard", steps={}, mode="plan"))
    told = {row["step"]: row["reason"] for row in rows(rig, "plan") if row["step"] in STEPS}
    assert set(told.values()) == {"would stay, because request northwind-on of another partner wants it too"}
    assert set(told) == set(STEPS)


async def test_a_worker_that_dies_while_it_hands_over_does_so_once(stage: Stage, tmp_path: Path) -> None:
    rig, before = await both(stage, tmp_path)
    there = stage.moment(rig, ENTENTE_TEMPLATES=str(tmp_path))
    rig = await stage.back_at(there)
    await leaves(rig, "fabrikam")
    calls = list(zip(rig.border.queues, rig.border.log, strict=True))
    writes = [number for number, (queue, what) in enumerate(calls, start=1) if queue == "share-item" and what == "tasks.write"]
    assert len(writes) >= 3
    for number in writes:
        for after in (False, True):
            rig = await stage.back_at(there)
            rig.border.kill_at, rig.border.kill_after_effect = number, after
            await leaves(rig, "fabrikam")
            (key,) = [row["RowKey"] for row in rows(rig, "northwind-on") if row["step"] == "share-item"]
            heir = await rig.world.tables.tasks.get("northwind-on", key)
            assert heir is not None
            notes = [entry.note for entry in await rig.world.tables.tasks.journal("northwind-on", heir)]
            assert sum(note.startswith("handed over by request fabrikam-off") for note in notes) == 1
            await leaves(rig, "northwind")
            assert differences(before, ours(stage)) == []
