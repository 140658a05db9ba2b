"""A partner's leaving is planned while an earlier request still has parts to come: whoever they bring in goes with the others."""

from pathlib import Path
from typing import Any

import pytest

from devstack.tenant.seed import plant
from shared.tables.requests import RequestState
from shared.verbs.approve import approve
from tests.app.conftest import Stage
from tests.app.whole import differences, picture, refusals, rows, templates, unfinished
from tests.rig import Rig

ANA, BO = ({"email": f"{name}@fabrikam.com", "groups": ["partner-readers"]} for name in ("ana", "bo"))
# The last of them was a guest before, and is called otherwise now.
CY = {"email": "cy@fabrikam.com", "groups": ["partner-readers", "fabrikam-project"]}
COMING: dict[str, Any] = {
    "version": 1,
    "id": "coming",
    "template": "freely",
    "partner": {"name": "Fabrikam", "domains": ["fabrikam.com"]},
    "sponsors": ["mia@contoso.com"],
    "steps": {"set-guest-details": {"companyName": "Fabrikam"}},
    "parts": 3,
}
READS = {"GET", "get", "rows"}


def part(number: int, *guests: dict[str, Any]) -> dict[str, Any]:
    return {**COMING, "part": number, "offset": number - 1, "guests": list(guests)}


def leaving(template: str) -> dict[str, Any]:
    return {**COMING, "id": "off", "template": template, "action": "offboard", "guests": [], "steps": {}, "parts": 1}


async def begun(stage: Stage, folder: Path) -> Rig:
    rig = await stage.fresh(ENTENTE_TEMPLATES=str(folder))
    plant(stage.running.services.tenant, {"users": [{"mail": CY["email"], "userType": "Guest", "companyName": "before"}]})
    return rig


async def waiting(rig: Rig, template: str) -> None:
    """The first part has been carried out, the leaving waits for the others."""
    await rig.settle(part(1, ANA))
    await rig.settle(leaving(template))
    found = await rig.world.tables.requests.get("off")
    assert found is not None
    assert found.state is RequestState.QUEUED


async def test_whoever_comes_in_by_a_later_part_goes_too(stage: Stage, tmp_path: Path) -> None:
    rig = await begun(stage, templates(tmp_path))
    before = picture(stage.running)
    await waiting(rig, "freely")
    planned = len(rows(rig, "off"))
    await rig.settle(part(2, BO))
    assert {user["mail"] for user in picture(stage.running)["users"]} >= {ANA["email"], BO["email"]}
    await rig.settle(part(3, CY))
    assert refusals(rig) == []
    assert unfinished(rig, "off") == []
    assert len(rows(rig, "off")) > planned
    assert differences(before, picture(stage.running)) == []


async def test_they_are_shut_out_with_the_others_and_so_is_who_came_meanwhile(stage: Stage, tmp_path: Path) -> None:
    rig = await begun(stage, templates(tmp_path))
    await waiting(rig, "shut")
    plant(stage.running.services.tenant, {"users": [{"mail": "stranger@fabrikam.com", "userType": "Guest"}]})
    await rig.settle(part(2, BO))
    await rig.settle(part(3, CY))
    assert unfinished(rig, "off") == []
    assert {user["mail"]: user["accountEnabled"] for user in picture(stage.running)["users"]} == {
        ANA["email"]: False,
        BO["email"]: False,
        CY["email"]: False,
        "stranger@fabrikam.com": False,
    }
    (proof,) = [row["reason"] for row in rows(rig, "off") if "prove-closed" in row["RowKey"]]
    assert "all 4 accounts" in proof
    blocked = [row["subject"] for row in rows(rig, "off") if "|block-guest|" in row["RowKey"]]
    assert len(blocked) == len(set(blocked)) == 4


async def test_a_part_that_comes_while_the_leaving_waits_for_a_decision_is_in_it(stage: Stage, tmp_path: Path) -> None:
    shut = (templates(tmp_path) / "shut.toml").read_text(encoding="utf-8")
    decided = shut.replace('"shut"', '"decided"').replace("steps = []", 'steps = ["close-partner"]')
    (tmp_path / "decided.toml").write_text(decided, encoding="utf-8")
    rig = await begun(stage, tmp_path)
    await rig.settle(part(1, ANA))
    await rig.settle(leaving("decided"))
    for late in (part(2, BO), part(3, CY)):
        await rig.settle(late)
    assert {user["accountEnabled"] for user in picture(stage.running)["users"]} == {True}
    await approve(rig.world, "off", "user somebody-else")
    await rig.deliver_all()
    assert unfinished(rig, "off") == []
    assert {user["accountEnabled"] for user in picture(stage.running)["users"]} == {False}


async def test_what_is_asked_for_after_the_leaving_is_not_in_it(stage: Stage, tmp_path: Path) -> None:
    rig = await begun(stage, templates(tmp_path))
    await waiting(rig, "freely")
    await rig.settle({**COMING, "id": "after", "guests": [{"email": "dee@fabrikam.com"}], "parts": 1})
    for late in (part(2, BO), part(3, CY)):
        await rig.settle(late)
    assert unfinished(rig, "off") == unfinished(rig, "after") == []
    assert {user["mail"] for user in picture(stage.running)["users"]} == {CY["email"], "dee@fabrikam.com"}


@pytest.mark.parametrize("after", [False, True])
async def test_a_worker_that_dies_while_they_are_added_leaves_nobody(stage: Stage, tmp_path: Path, after: bool) -> None:
    rig = await begun(stage, templates(tmp_path))
    before = picture(stage.running)
    await waiting(rig, "freely")
    await rig.settle(part(2, BO))
    there = stage.moment(rig, ENTENTE_TEMPLATES=str(tmp_path))
    rig = await stage.back_at(there)
    await rig.settle(part(3, CY))
    # The end of the earlier request begins the leaving.
    begins = [
        number
        for number, (queue, what) in enumerate(zip(rig.border.queues, rig.border.log, strict=True), start=1)
        if queue == "finish-request" and what.rpartition(".")[2] not in READS
    ]
    assert begins
    for number in begins:
        rig = await stage.back_at(there)
        rig.border.kill_at, rig.border.kill_after_effect = number, after
        await rig.settle(part(3, CY))
        where = f"{'after' if after else 'before'} call {number} ({rig.border.log[number - 1]})"
        assert unfinished(rig, "off") == [], where
        assert differences(before, picture(stage.running)) == [], where
