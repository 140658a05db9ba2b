"""Clean-up on the simulated tenant: planned, held, warned, blocked, deleted, restored, invited again."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.nouns.person import person_id
from shared.tables.guests import Guest
from shared.tables.runs import Run, RunState
from shared.verbs.cleanup_decide import release, restore
from shared.verbs.cleanup_run import begin
from shared.verbs.guest_dates import extend
from tests.app.conftest import Stage
from tests.rig import Rig

FABRIKAM = "22222222-0000-4000-8000-000000000001"
MIA = "bbbbbbbb-0000-4000-8000-000000000001"
CHANGER = "99999999-0000-4000-8000-000000000001"
RULES = f"""
[expiry]
changed_by = "{CHANGER}"
report_only = false
ended = 0
not_redeemed = 60
not_signed_in = 180
offboarded = 0
warnings = 2
every = 7
grace = 30
"""
TEMPLATE = """
name = "project"
version = 1
description = "For these tests."
steps = ["invite-guest"]
redirect_hosts = ["myapps.microsoft.com"]
"""


def request(*names: str, until: str | None = None, name: str = "first", **more: Any) -> dict[str, Any]:
    header = {"version": 1, "id": name, "template": "project", "partner": {"name": "Fabrikam", "domains": ["fabrikam.com"]}}
    guests = [{"email": f"{one}@fabrikam.com"} | ({"until": until} if until else {}) for one in names]
    return header | {"invitation": {"sendMail": False}, "guests": guests} | more


@pytest.fixture
async def rigged(stage: Stage, tmp_path: Path) -> AsyncIterator[Rig]:
    (tmp_path / "project.toml").write_text(TEMPLATE + RULES)
    yield await fresh(stage, tmp_path)


async def fresh(stage: Stage, folder: Path, **more: Any) -> Rig:
    if not list(folder.glob("*.toml")):
        (folder / "project.toml").write_text(TEMPLATE + RULES)
    settings = {"ENTENTE_TEMPLATES": str(folder), "ENTENTE_MAILBOX": "mia@contoso.com", "ENTENTE_BRAKE_TENANT_PERCENT": "100"}
    return await stage.fresh(**{**settings, "ENTENTE_BRAKE_PARTNER_PERCENT": "100", **more})


async def run_now(rig: Rig) -> Run:
    """A run of the timer, and all that follows from it."""
    run = await begin(rig.world, "the clock", apply=True)
    await rig.deliver_all()
    after = await rig.world.tables.runs.get(run.id)
    assert after is not None
    return after


async def guest(rig: Rig, name: str) -> Guest:
    person = person_id(rig.world.settings.person_key, f"{name}@fabrikam.com")
    partner = (await rig.world.tables.partners.all())[0]
    found = await rig.world.tables.guests.get(partner, person)
    assert found is not None
    return found


async def test_a_guest_whose_time_is_over_is_warned_blocked_deleted_and_restored(rigged: Rig) -> None:
    rig = rigged
    await rig.settle(request("ana", "ben", until="2026-11-30"))
    await rig.settle(request("cleo", name="second"))
    stages = []
    for day in range(55):
        rig.now = datetime(2026, 11, 25, 6, 0, tzinfo=UTC) + timedelta(days=day)
        run = await run_now(rig)
        assert run.state in {RunState.SENT}, run
        ana = await guest(rig, "ana")
        stages.append((ana.stage, ana.warnings))
    changes = [(day, stage) for day, stage in enumerate(stages) if day == 0 or stages[day - 1] != stage]
    assert changes == [(0, ("guest", 0)), (7, ("warned", 1)), (14, ("warned", 2)), (21, ("blocked", 2)), (51, ("deleted", 2))]
    assert (await guest(rig, "cleo")).stage == "guest"
    ana = await guest(rig, "ana")
    assert await rig.world.tenant.users.by_id(ana.user) is None
    await restore(rig.world, ana.partner, ana.person, "user boss", "they are back")
    await rig.deliver_all()
    user = await rig.world.tenant.users.by_id(ana.user)
    assert user is not None
    assert user.enabled
    assert (await guest(rig, "ana")).stage == "redeemed"
