"""Each threshold of the brake in a whole run: it is held for that reason, nobody is touched, and once it is released it goes on."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.tables.runs import RunState
from shared.verbs.cleanup_decide import reject, release, restore
from shared.verbs.cleanup_run import begin
from shared.verbs.guest_dates import extend
from tests.app.conftest import Stage
from tests.app.test_cleanup import RULES, TEMPLATE, fresh, guest, mails, request, run_now
from tests.rig import Rig

FIRST = datetime(2026, 11, 26, 6, 0, tzinfo=UTC)
NAMES = ("ana", "ben", "cleo", "dora")
WIDE: dict[str, Any] = {
    "ENTENTE_BRAKE_GUESTS": "1000",
    "ENTENTE_BRAKE_FEW": "0",
    "ENTENTE_BRAKE_JUMP": "1000",
    "ENTENTE_BRAKE_MISSING_PERCENT": "100",
}

type Event = Callable[[Rig, Stage], Awaitable[None]]


async def nothing(rig: Rig, stage: Stage) -> None:
    """What is there is enough."""


async def signed_in(rig: Rig, stage: Stage, *names: str) -> None:
    at = f"{rig.now:%Y-%m-%dT%H:%M:%SZ}"
    for name in names:
        activity = {"lastSignInDateTime": at, "lastNonInteractiveSignInDateTime": at}
        await change(rig, stage, name, signInActivity=activity, externalUserState="Accepted")


async def without_data(rig: Rig, stage: Stage) -> None:
    await signed_in(rig, stage, "ana", "ben", "cleo")
    await change(rig, stage, "dora", externalUserState="Accepted")


async def a_new_value(rig: Rig, stage: Stage) -> None:
    await change(rig, stage, "dora", creationType="Teleported")


async def a_new_property(rig: Rig, stage: Stage) -> None:
    await change(rig, stage, "dora", signInActivity={"lastThoughtOfDateTime": "2026-01-01T00:00:00Z"})


async def quiet_days(rig: Rig, stage: Stage) -> None:
    for day in (1, 2, 3):
        rig.now = datetime(2026, 11, 22, 6, 0, tzinfo=UTC) + timedelta(hours=6 * day)
        assert (await run_now(rig)).state is RunState.SENT
    rig.now = FIRST


async def change(rig: Rig, stage: Stage, name: str, **values: Any) -> None:
    tenant = stage.running.services.tenant
    entry = tenant.objects.entry((await guest(rig, name)).user)
    assert entry is not None
    tenant.objects.change(entry, **values)


@pytest.mark.parametrize(
    ("settings", "event", "said"),
    [
        ({"ENTENTE_BRAKE_GUESTS": "1"}, nothing, "2 guests would be touched, more than 1"),
        ({"ENTENTE_BRAKE_TENANT_PERCENT": "49"}, nothing, "2 of 4 guests of the tenant would be touched, more than 49 percent"),
        ({"ENTENTE_BRAKE_PARTNER_PERCENT": "49"}, nothing, "2 of 4 guests of partner"),
        ({"ENTENTE_BRAKE_JUMP": "1.5"}, quiet_days, "more than 1.5 times the 0.0 of earlier runs"),
        ({"ENTENTE_BRAKE_MISSING_PERCENT": "20"}, without_data, "sign-in data is missing for 1 of 4 guests"),
        ({}, a_new_value, "never seen before in the directory: creationType Teleported"),
        ({}, a_new_property, "never seen before in the directory: signInActivity.lastThoughtOfDateTime"),
    ],
)
async def test_each_threshold_holds_a_run_until_somebody_releases_it(
    stage: Stage, tmp_path: Path, settings: dict[str, str], event: Event, said: str
) -> None:
    (tmp_path / "project.toml").write_text(TEMPLATE + RULES)
    rig = await fresh(stage, tmp_path, **{**WIDE, **settings})
    await rig.settle(request("ana", "ben", until="2026-11-24"))
    await rig.settle(request("cleo", "dora", name="second"))
    rig.now = FIRST
    await event(rig, stage)
    run = await run_now(rig)
    assert run.state is RunState.HELD
    assert len(run.held) == 1
    assert said in run.held[0]
    assert not mails(stage)
    assert {(await guest(rig, name)).stage for name in NAMES} <= {"invited", "redeemed"}
    await release(rig.world, run.id, "user boss", "looked at it")
    await rig.deliver_all()
    assert [(await guest(rig, name)).stage for name in ("ana", "ben")] == ["warned"] * 2
    if "never seen" in said:
        rig.now += timedelta(days=7)
        assert (await run_now(rig)).state is RunState.SENT, "what was let pass once holds no later run"


@pytest.mark.parametrize("who", ["restored", "extended"])
async def test_whatever_is_said_against_the_canary_holds_the_rest(stage: Stage, tmp_path: Path, who: str) -> None:
    (tmp_path / "project.toml").write_text(TEMPLATE + RULES)
    rig = await fresh(stage, tmp_path, **{**WIDE, "ENTENTE_CANARY": "1", "ENTENTE_CANARY_HOURS": "5"})
    await rig.settle(request(*NAMES, until="2026-11-23"))
    for day in (0, 7):
        rig.now = FIRST + timedelta(days=day)
        await run_now(rig)
    rig.now = FIRST + timedelta(days=14)
    run = await begin(rig.world, "the clock", apply=True)

    def waits() -> bool:
        due = [one.at for one in rig.bus.waiting if one.envelope.queue == "clean-up"]
        return bool(due) and len(due) == len(rig.bus.waiting) and min(due) > rig.now + timedelta(hours=4)

    await rig.deliver_until(waits)
    (first,) = [name for name in NAMES if (await guest(rig, name)).stage == "blocked"]
    one = await guest(rig, first)
    if who == "restored":
        await restore(rig.world, one.partner, one.person, "user boss", "a mistake")
    else:
        await extend(rig.world, one.partner, one.person, rig.now.date() + timedelta(days=90), "user boss", "needed")
    await rig.deliver_all()
    held = await rig.world.tables.runs.get(run.id)
    assert held is not None
    assert held.state is RunState.HELD
    assert ("let in again" if who == "restored" else "extended") in held.held[0]
    assert [(await guest(rig, name)).stage for name in NAMES if name != first] == ["warned"] * 3
    await reject(rig.world, run.id, "user boss", "all of it was a mistake")
    await rig.deliver_all()
    assert [(await guest(rig, name)).stage for name in NAMES if name != first] == ["warned"] * 3
