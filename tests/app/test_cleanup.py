"""Clean-up on the simulated tenant: planned, held, warned, blocked, deleted, restored, invited again."""

import contextlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.nouns.errors import Refusal
from shared.nouns.person import person_id
from shared.tables.guests import Guest
from shared.tables.runs import Run, RunState
from shared.verbs.cleanup_decide import reject, release, restore
from shared.verbs.cleanup_run import begin
from shared.verbs.guest_dates import extend
from shared.verbs.seal import seal
from shared.views.cleanup import run_view
from shared.views.journal import partner_journal
from tests.app.conftest import Stage
from tests.rig import Killed, Rig

FABRIKAM = "22222222-0000-4000-8000-000000000001"
MIA = "bbbbbbbb-0000-4000-8000-000000000001"
NOOR = "bbbbbbbb-0000-4000-8000-000000000002"
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
async def rigged(stage: Stage, tmp_path: Path) -> Rig:
    (tmp_path / "project.toml").write_text(TEMPLATE + RULES)
    return await fresh(stage, tmp_path)


async def fresh(stage: Stage, folder: Path, **more: Any) -> Rig:
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
        assert run.state is RunState.SENT, run
        ana = await guest(rig, "ana")
        stages.append((ana.stage, ana.warnings))
    changes = [(day, stage) for day, stage in enumerate(stages) if day == 0 or stages[day - 1] != stage]
    assert changes == [(0, ("invited", 0)), (7, ("warned", 1)), (14, ("warned", 2)), (21, ("blocked", 2)), (51, ("deleted", 2))]
    assert (await guest(rig, "cleo")).stage == "invited"
    ana = await guest(rig, "ana")
    assert await rig.world.tenant.users.by_id(ana.user) is None
    await restore(rig.world, ana.partner, ana.person, "user boss", "they are back")
    await rig.deliver_all()
    user = await rig.world.tenant.users.by_id(ana.user)
    assert user is not None
    assert user.enabled
    assert (await guest(rig, "ana")).stage == "redeemed"


async def test_a_run_over_the_brake_is_held_until_somebody_else_releases_it(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "project.toml").write_text(TEMPLATE + RULES)
    rig = await fresh(stage, tmp_path, ENTENTE_BRAKE_GUESTS="1", ENTENTE_APPROVERS="boss@contoso.com")
    await rig.settle(request("ana", "ben", until="2026-11-23"))
    rig.now = datetime(2026, 11, 26, 6, 0, tzinfo=UTC)
    sent = len(mails(stage))
    run = await run_now(rig)
    assert run.state is RunState.HELD
    assert "ENTENTE_BRAKE_GUESTS" in run.held[0]
    assert mails(stage)[sent:] == ["Clean-up run 20261126T060000 is held"]
    assert (await guest(rig, "ana")).stage == "invited"
    assert (await run_now(rig)).id == run.id, "while one is held no other begins"
    for who in (f"user {CHANGER}", f"user {CHANGER.upper()}", "function key", "the clock"):
        with pytest.raises(Refusal):
            await release(rig.world, run.id, who, "looked at it")
    with pytest.raises(Refusal):
        await release(rig.world, run.id, "user boss", " ")
    await release(rig.world, run.id, "user boss", "looked at it, says boss@contoso.com")
    with pytest.raises(Refusal, match="waits for no decision"):
        await reject(rig.world, run.id, "user other", "too late")
    await rig.deliver_all()
    await seal(rig.world)
    found = await partner_journal(rig.world, "clean-up", verified=True)
    assert found["verification"]["holds"]
    told = [(one["kind"], one["who"], one["after"], one["note"].partition(":")[0]) for one in found["entries"]]
    assert all(one["subject"] == run.id and one["seal"] for one in found["entries"])
    refused = {"refused": "release"}
    assert told[0] == ("outcome", f"user {CHANGER}", refused, "not taken")
    assert [(after, who) for _, who, after, _ in told[:5]] == [
        (refused, who) for who in (f"user {CHANGER}", f"user {CHANGER.upper()}", "function key", "the clock", "user boss")
    ]
    assert told[5:] == [(kind, "user boss", {"state": "sent"}, "looked at it, says <address>") for kind in ("intent", "outcome")]
    assert [(await guest(rig, name)).stage for name in ("ana", "ben")] == ["warned", "warned"]
    after = await rig.world.tables.runs.get(run.id)
    assert after is not None
    assert (after.state, after.decided_by) == (RunState.SENT, "user boss")


async def test_whom_clean_up_blocked_is_let_in_by_a_new_invitation_and_by_nothing_else_of_others(rigged: Rig) -> None:
    rig = rigged
    await rig.settle(request("ana", "ben", until="2026-11-23"))
    for day in range(0, 30, 7):
        rig.now = datetime(2026, 11, 26, 6, 0, tzinfo=UTC) + timedelta(days=day)
        await run_now(rig)
    ana, ben = await guest(rig, "ana"), await guest(rig, "ben")
    assert (ana.stage, ana.blocked_by) == ("blocked", "expiry")
    # Somebody else's block, of which our record knows.
    await rig.world.tables.guests.mark(ben.partner, {ben.person: {"blocked_by": "other"}})
    await rig.settle(request("ana", "ben", name="again", sponsors=[MIA]))
    found = await rig.world.tenant.users.by_id(ana.user, sponsors=True)
    assert found is not None
    assert (found.enabled, found.sponsors) == (True, (MIA,))
    after = await guest(rig, "ana")
    assert (after.stage, after.blocked_by, after.warnings, after.end) == ("invited", "", 0, None)
    shut = await rig.world.tenant.users.by_id(ben.user)
    assert shut is not None
    assert shut.enabled is False
    assert any("was blocked from signing in" in item.reason for item in await rig.world.tables.parked.all())
    with pytest.raises(Refusal, match="not by clean-up"):
        await restore(rig.world, ben.partner, ben.person, "user boss", "please")


async def test_a_request_takes_nobodys_sponsors_away_and_whoever_comes_without_any_has_nobody(rigged: Rig) -> None:
    rig = rigged
    await rig.settle(request("ana", sponsors=[MIA]))
    await rig.settle(request("ben", name="alone"))
    assert ((await guest(rig, "ana")).sponsors, (await guest(rig, "ana")).orphaned_since) == ((MIA,), None)
    assert (await guest(rig, "ben")).orphaned_since == datetime(2026, 11, 22, tzinfo=UTC).date()
    await rig.settle(request("ana", "ben", name="second"))
    assert (await guest(rig, "ana")).sponsors == (MIA,)
    assert (await guest(rig, "ben")).orphaned_since is not None
    await rig.settle(request("ana", "ben", name="third", sponsors=[NOOR]))
    assert (await guest(rig, "ana")).sponsors == (NOOR, MIA)
    assert ((await guest(rig, "ben")).sponsors, (await guest(rig, "ben")).orphaned_since) == ((NOOR,), None)


async def test_whoever_is_kept_between_plan_and_deed_is_not_touched(rigged: Rig) -> None:
    rig = rigged
    await rig.settle(request("ana", "ben", until="2026-11-23"))
    rig.now = datetime(2026, 11, 26, 6, 0, tzinfo=UTC)
    await begin(rig.world, "the clock", apply=True)
    await rig.deliver_until(lambda: any(due.envelope.queue == "warn-guest" for due in rig.bus.waiting))
    ana = await guest(rig, "ana")
    await extend(rig.world, ana.partner, ana.person, rig.now.date() + timedelta(days=90), "user boss", "needed")
    await rig.deliver_all()
    assert (await guest(rig, "ana")).stage == "invited"
    assert (await guest(rig, "ben")).stage == "warned"


async def test_a_run_that_finds_nobody_to_touch_any_more_ends_and_lets_others_have_their_turn(rigged: Rig) -> None:
    rig = rigged
    await rig.settle(request("ana", until="2026-11-23"))
    rig.now = datetime(2026, 11, 26, 6, 0, tzinfo=UTC)
    run = await begin(rig.world, "the clock", apply=True)
    await rig.deliver_until(lambda: any(due.envelope.queue == "warn-guest" for due in rig.bus.waiting))
    ana = await guest(rig, "ana")
    await extend(rig.world, ana.partner, ana.person, rig.now.date() + timedelta(days=90), "user boss", "needed")
    await rig.deliver_all()
    asked = await rig.world.tables.requests.get(f"cleanup.{run.id}.{ana.partner}.a")
    assert asked is not None
    assert not asked.is_open
    await rig.settle(request("ben", name="next"))
    assert (await guest(rig, "ben")).stage == "invited"


async def test_an_administrator_is_left_alone_and_told_of_once(rigged: Rig, stage: Stage) -> None:
    rig = rigged
    await rig.settle(request("ana", until="2026-11-23"))
    ana = await guest(rig, "ana")
    tenant = stage.running.services.tenant
    entry = tenant.objects.entry(ana.user)
    assert entry is not None
    tenant.objects.change(entry, directoryRoles=["Global Reader"])
    for day in range(3):
        rig.now = datetime(2026, 11, 26, 6, 0, tzinfo=UTC) + timedelta(days=day)
        await run_now(rig)
    assert "Global Reader" in (await guest(rig, "ana")).left_alone
    assert len([item for item in await rig.world.tables.parked.all() if item.step == "warn-guest"]) == 1


@pytest.mark.parametrize("change", ["settings", "template"])
async def test_who_only_reports_touches_nobody(stage: Stage, tmp_path: Path, change: str) -> None:
    rules = RULES.replace("report_only = false\n", "") if change == "template" else RULES
    (tmp_path / "project.toml").write_text(TEMPLATE + rules)
    rig = await fresh(stage, tmp_path)
    await rig.settle(request("ana", until="2026-11-23"))
    if change == "settings":
        rig.world.settings = rig.world.settings.model_copy(update={"report_only": True})
    rig.now = datetime(2026, 11, 26, 6, 0, tzinfo=UTC)
    run = await run_now(rig)
    assert run.state is (RunState.REPORTED if change == "settings" else RunState.SENT)
    found = await run_view(rig.world, run.id)
    assert found is not None
    assert [one["would"] for one in found["guests"]] == ["warn" if change == "settings" else "report"]
    assert (await guest(rig, "ana")).stage == "invited"
    assert not mails(stage)


async def test_a_run_killed_ten_times_comes_to_the_same_plan(rigged: Rig) -> None:
    rig = rigged
    await rig.settle(request("ana", "ben", "cleo", until="2026-11-23"))
    await rig.settle(request("dora", name="second"))

    async def plan(kills: list[int]) -> list[Any]:
        run = await begin(rig.world, "user x", apply=False)
        for step in kills:
            rig.border.kill_at, rig.border.kill_after_effect = rig.border.calls + step, step % 2 == 0
            with contextlib.suppress(Killed):
                await rig.deliver_all()
        rig.border.kill_at = None
        await rig.deliver_all()
        ended = await rig.world.tables.runs.get(run.id)
        assert ended is not None
        assert ended.state is RunState.REPORTED
        named = [one async for one in rig.world.tables.runs.candidates(run.id)]
        return [named, dict(ended.counts), ended.notes]

    rig.now = datetime(2026, 11, 26, 6, 0, tzinfo=UTC)
    undisturbed = await plan([])
    assert len(undisturbed[0]) == 3
    for kills in ([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], [4, 4, 4, 5, 6, 7, 9, 12, 3, 2], [2] * 10):
        rig.now += timedelta(seconds=1)
        assert await plan(kills) == undisturbed


def mails(stage: Stage) -> list[str]:
    """The subjects of the mails that went out."""
    return [str(mail["subject"]) for mail in stage.running.services.tenant.outbox]


async def test_a_canary_goes_first_and_an_objection_holds_the_rest(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "project.toml").write_text(TEMPLATE + RULES)
    rig = await fresh(stage, tmp_path, ENTENTE_CANARY="1", ENTENTE_CANARY_HOURS="5", ENTENTE_BRAKE_JUMP="100")
    names = ("ana", "ben", "cleo")
    await rig.settle(request(*names, until="2026-11-23"))
    for day in (0, 7):
        rig.now = datetime(2026, 11, 26, 6, 0, tzinfo=UTC) + timedelta(days=day)
        await run_now(rig)
    rig.now += timedelta(days=7)
    run = await begin(rig.world, "the clock", apply=True)

    def waits() -> bool:
        due = [one.at for one in rig.bus.waiting if one.envelope.queue == "clean-up"]
        return bool(due) and len(due) == len(rig.bus.waiting) and min(due) > rig.now + timedelta(hours=4)

    await rig.deliver_until(waits)
    shut = [name for name in names if (await guest(rig, name)).stage == "blocked"]
    assert len(shut) == 1
    first = await guest(rig, shut[0])
    await extend(rig.world, first.partner, first.person, rig.now.date() + timedelta(days=90), "user boss", "a mistake")
    await rig.deliver_all()
    held = await rig.world.tables.runs.get(run.id)
    assert held is not None
    assert (held.state, len(held.held)) == (RunState.HELD, 1)
    assert [(await guest(rig, name)).stage for name in names].count("blocked") == 1
    await release(rig.world, run.id, "user boss", "only that one was a mistake")
    await rig.deliver_all()
    assert [(await guest(rig, name)).stage for name in names].count("blocked") == 3
