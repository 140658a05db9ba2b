"""Sponsors who leave: grace first, then the manager they had, then owners; nobody gets too many, and nobody is asked for nothing."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.tables.guest_index import Leaver
from shared.verbs.cleanup_run import begin
from shared.verbs.compare import look_after_partners
from tests.app.conftest import Stage
from tests.app.test_cleanup import TEMPLATE, fresh
from tests.app.test_cleanup import request as expiring
from tests.app.test_react import FABRIKAM, LI, MIA, NOOR, by_hand, heard, notice, request, told_of, user
from tests.rig import Rig


async def with_guests(stage: Stage, guests: int = 3, sponsor: str = "noor@contoso.com", **more: Any) -> Rig:
    rig = await stage.fresh()
    await rig.settle({**request(guests=guests, **more), "sponsors": [sponsor]})
    await look_after_partners(rig.world)
    return rig


def proposed(rig: Rig) -> list[str]:
    """To whom guests were proposed, each once."""
    return sorted(
        str(one["proposed"]) for (home, _), one in rig.tables["asks"].content.items() if home == FABRIKAM and one.get("proposed")
    )


async def leaver(rig: Rig, sponsor: str) -> Leaver | None:
    return await rig.world.tables.index.leaver(sponsor)


async def test_somebody_away_for_less_than_the_grace_period_keeps_their_guests(stage: Stage) -> None:
    rig = await with_guests(stage)
    by_hand(stage, "update", "noor@contoso.com", set={"accountEnabled": False})
    await heard(rig, NOOR)
    assert await leaver(rig, NOOR)
    rig.now += timedelta(days=13)
    await look_after_partners(rig.world)
    assert proposed(rig) == []
    by_hand(stage, "update", "noor@contoso.com", set={"accountEnabled": True})
    await heard(rig, NOOR)
    assert await leaver(rig, NOOR) is None


@pytest.mark.parametrize("deed", ["delete", "disable"])
async def test_then_the_manager_that_they_had_is_asked_though_the_directory_has_forgotten(stage: Stage, deed: str) -> None:
    rig = await with_guests(stage)
    by_hand(stage, "remove-manager", NOOR, who=MIA)
    if deed == "delete":
        by_hand(stage, "delete", NOOR)
    else:
        by_hand(stage, "update", NOOR, set={"accountEnabled": False})
    await heard(rig, NOOR)
    rig.now += timedelta(days=15)
    for _ in range(2):
        await look_after_partners(rig.world)
    assert proposed(rig) == [MIA] * 3
    assert [
        row["sponsors"] for (home, key), row in rig.tables["guests"].content.items() if home == FABRIKAM and "|" not in key
    ] == [NOOR] * 3


async def test_owners_of_the_groups_are_asked_where_no_manager_is_known(stage: Stage) -> None:
    rig = await with_guests(stage, sponsor="li@contoso.com")
    by_hand(stage, "delete", LI)
    await heard(rig, LI)
    rig.now += timedelta(days=15)
    await look_after_partners(rig.world)
    assert proposed(rig) == [MIA] * 3


async def test_nobody_gets_them_all_and_the_rest_waits_for_a_person(stage: Stage) -> None:
    rig = await with_guests(stage, guests=40)
    by_hand(stage, "delete", NOOR)
    await heard(rig, NOOR)
    rig.now += timedelta(days=15)
    for _ in range(2):
        await look_after_partners(rig.world)
    assert proposed(rig) == [MIA] * 25
    assert "no-successor" in told_of(rig)
    waiting = next(item for (_, key), item in rig.tables["parked"].content.items() if "no-successor" in key)
    assert "for 15 guests" in waiting["reason"]


async def test_a_guest_with_another_sponsor_is_not_orphaned(stage: Stage) -> None:
    rig = await stage.fresh()
    await rig.settle({**request(), "sponsors": ["noor@contoso.com", "mia@contoso.com"]})
    await look_after_partners(rig.world)
    by_hand(stage, "delete", NOOR)
    await heard(rig, NOOR)
    rig.now += timedelta(days=15)
    await look_after_partners(rig.world)
    assert proposed(rig) == []
    assert not [key for _, key in rig.tables["parked"].content if "no-successor" in key]


async def test_a_sponsor_whom_somebody_takes_away_is_on_record_and_told_where_it_was_the_last(stage: Stage) -> None:
    rig = await with_guests(stage, guests=1)
    guest = user(stage, "g0@fabrikam.com")
    await heard(rig, guest)
    by_hand(stage, "remove-sponsor", guest, who=NOOR)
    notice(rig, guest)
    await rig.deliver_all()
    kept = next(row for (home, key), row in rig.tables["guests"].content.items() if home == FABRIKAM and "|" not in key)
    assert not kept.get("sponsors")
    assert kept["orphanedSince"]
    assert "no-sponsor" in told_of(rig)


async def test_whoever_has_nobody_after_the_grace_is_named_by_the_rule_for_that(stage: Stage, tmp_path: Path) -> None:
    rules = f'[expiry]\nchanged_by = "{MIA}"\nreport_only = false\nno_sponsor = 0\nwarnings = 2\n'
    (tmp_path / "project.toml").write_text(TEMPLATE + rules)
    rig = await fresh(stage, tmp_path)
    await rig.settle(expiring("ana", "ben", sponsors=["li@contoso.com"]))
    by_hand(stage, "delete", LI)
    await heard(rig, LI)
    rig.now += timedelta(days=16)
    await look_after_partners(rig.world)
    run = await begin(rig.world, "user x", apply=False)
    await rig.deliver_all()
    named = [one async for one in rig.world.tables.runs.candidates(run.id)]
    assert [(one.move, one.rule) for one in named] == [("warn", "no_sponsor")] * 2
    # Back again: they answer as before.
    await rig.world.tables.index.forget_leaver(LI)
    rig.now += timedelta(days=1)
    run = await begin(rig.world, "user x", apply=False)
    await rig.deliver_all()
    assert [one async for one in rig.world.tables.runs.candidates(run.id)] == []
