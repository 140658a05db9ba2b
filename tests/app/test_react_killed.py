"""Whoever reacts dies before and after every call to the outside, hears copies and in any order: the end is the same."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from devstack.tenant.control.act import redeem
from shared.nouns.outcomes import NotYet
from shared.verbs.compare import compare_partner
from shared.verbs.sweep import sweep
from shared.verbs.world import World
from tests.app.conftest import Stage
from tests.app.test_drift import change, relationship, set_up
from tests.app.test_react import FABRIKAM, NOOR, by_hand, changes, heard, notice, onboarded, person, row, user
from tests.rig import Killed, Rig

type Scene = Callable[[Stage, Rig, str], None]
GUESTS = 40


def redeems(stage: Stage, rig: Rig, address: str) -> None:
    redeem(stage.running.services.tenant, {"email": address})
    notice(rig, user(stage, address))


def is_deleted(stage: Stage, rig: Rig, address: str) -> None:
    guest = user(stage, address)
    by_hand(stage, "delete", guest)
    notice(rig, guest)


def appears(stage: Stage, rig: Rig, address: str) -> None:
    by_hand(stage, "invite", f"new-{address}", by="noor@contoso.com", sponsors=[])
    notice(rig, user(stage, f"new-{address}"))


def end(rig: Rig, address: str) -> Any:
    """How the guest stands, and how often and as what the journal has it."""
    kept, who = row(rig, address), person(rig, address)
    entries = [
        (entry["note"], entry["kind"])
        for (_, key), entry in rig.tables["tasks"].content.items()
        if key.startswith("j|") and entry["who"] == "tenant change" and who in key
    ]
    return {key: kept.get(key) for key in ("stage", "origin", "sponsors", "blockedBy")}, sorted(entries), rig.bus.dead


@pytest.mark.parametrize(("scene", "prefix"), [(redeems, ""), (is_deleted, ""), (appears, "new-")])
async def test_a_reaction_that_dies_anywhere_is_made_once(stage: Stage, scene: Scene, prefix: str) -> None:
    """Each death is another guest's."""
    rig = await onboarded(stage, guests=GUESTS)
    begun = rig.border.calls
    scene(stage, rig, "g0@fabrikam.com")
    await rig.deliver_all()
    wanted, calls = end(rig, f"{prefix}g0@fabrikam.com"), rig.border.calls - begun
    assert wanted[1], "the journal says nothing"
    # Every call once, before or after its effect; what is looked at again at the end only reads.
    for number in range(1, min(calls, GUESTS - 1) + 1):
        rig.now += timedelta(days=1)
        rig.border.kill_at, rig.border.kill_after_effect = rig.border.calls + number, number % 2 == 1
        scene(stage, rig, f"g{number}@fabrikam.com")
        await rig.deliver_all()
        found = end(rig, f"{prefix}g{number}@fabrikam.com")
        assert found == wanted, f"killed at call {number} of {calls}: {rig.border.log[rig.border.kill_at - 1]}"


@pytest.mark.parametrize("seed", range(4))
async def test_copies_in_any_order_change_nothing(stage: Stage, seed: int) -> None:
    rig = await onboarded(stage, guests=4)
    guests = [user(stage, f"g{number}@fabrikam.com") for number in range(4)]
    by_hand(stage, "invite", "new@fabrikam.com", by="noor@contoso.com", sponsors=[])
    new = user(stage, "new@fabrikam.com")
    redeem(stage.running.services.tenant, {"email": "g0@fabrikam.com"})
    by_hand(stage, "update", guests[1], set={"accountEnabled": False})
    by_hand(stage, "delete", guests[2])
    for _ in range(3):
        for one in (*guests, new):
            notice(rig, one)
    await rig.deliver_interleaved(seed)
    stages = [row(rig, f"g{number}@fabrikam.com")["stage"] for number in range(4)]
    assert stages[:3] == ["redeemed", "blocked", "deleted"]
    assert row(rig, "new@fabrikam.com")["sponsors"] == NOOR
    notes = sorted(note.split(":")[0] for note, kind in changes(rig) if kind == "outcome")
    assert notes == ["guest-appeared", "guest-deleted", "guest-disabled", "invitation-redeemed"]


@pytest.mark.parametrize("reaction", ["put-back", "accept"])
async def test_settling_drift_bears_a_worker_that_dies_anywhere(stage: Stage, tmp_path: Path, reaction: str) -> None:
    async def compare(world: World) -> None:
        await compare_partner(world, FABRIKAM)

    async def scene(place: Path, kill: tuple[int, bool] | None) -> tuple[Any, int]:
        rig = await set_up(stage, place, f'reaction = "{reaction}"')
        change(stage, FreeBusyAccessLevel="LimitedDetails")
        begun = rig.border.calls
        if kill:
            rig.border.kill_at, rig.border.kill_after_effect = begun + kill[0], kill[1]
        for run in (compare, sweep, compare, sweep, compare):
            rig.now += timedelta(seconds=1_000)
            try:
                await run(rig.world)
            except (Killed, NotYet):
                rig.world._seen.clear()
            await rig.deliver_all()
        states = [(one["step"], one["state"]) for one in rig.tables["drift"].content.values()]
        return (
            states,
            relationship(stage)["FreeBusyAccessLevel"],
            [note for note, kind in changes(rig) if kind == "drift"],
            rig.bus.dead,
        ), rig.border.calls - begun

    wanted, calls = await scene(tmp_path / "0", None)
    assert wanted[0] == [("set-organization-relationship", {"put-back": "put-back", "accept": "accepted"}[reaction])]
    for number in range(1, calls + 1, 4):
        found, _ = await scene(tmp_path / f"{number}", (number, number % 8 == 1))
        assert found == wanted, f"killed at call {number} of {calls}"


async def test_a_notice_of_somebody_nobody_knows_costs_one_read(stage: Stage) -> None:
    rig = await onboarded(stage)
    begun = len(rig.border.log)
    await heard(rig, user(stage, "li@contoso.com"))
    assert [what for what in rig.border.log[begun:] if what.startswith("tenant.")] == ["tenant.GET"]
