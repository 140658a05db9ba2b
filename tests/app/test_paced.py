"""At the pace that a deployment has by default: each write has one slot, whoever looks how often, and the whole request its time."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from devstack.tenant.directory.lag import LagSettings
from shared.tables.pace import Pace
from shared.verbs.control import pause, resume
from shared.verbs.sweep import sweep
from tests.app.conftest import Stage
from tests.app.whole import FULL, rows, templates, unfinished
from tests.rig import START, Rig

SWEEP = timedelta(seconds=30)
MINUTE = timedelta(seconds=60)
PROMISED = timedelta(seconds=90)


async def swept_until_done(rig: Rig) -> datetime:
    """When the last message was delivered, with a sweep every 30 seconds, as the local stack has it."""
    last, swept = rig.now, rig.now
    while rig.bus.waiting:
        while rig.bus.waiting and rig.bus.waiting[0].at <= swept + SWEEP:
            await rig.deliver_some(1)
            last = rig.now
        swept = rig.now = max(rig.now, swept + SWEEP)
        await sweep(rig.world)
    return last


async def test_the_whole_request_keeps_the_pace_and_its_time(stage: Stage, tmp_path: Path, monkeypatch: Any) -> None:
    rig = await stage.fresh(ENTENTE_TEMPLATES=str(templates(tmp_path)))
    given: dict[str, int] = {}
    reserve = Pace.reserve

    async def counted(pace: Pace, lane: str, slots: int, *arguments: Any, **options: Any) -> list[datetime]:
        given[lane] = given.get(lane, 0) + slots
        return await reserve(pace, lane, slots, *arguments, **options)

    monkeypatch.setattr(Pace, "reserve", counted)
    rig.submit({**FULL, "template": "freely"})
    done = await swept_until_done(rig)
    assert unfinished(rig, "fabrikam-full") == []
    wanted: dict[str, int] = {}
    for row in rows(rig, "fabrikam-full"):
        for lane in rig.world.step(row["step"]).lanes:
            wanted[lane] = wanted.get(lane, 0) + 1
    # Who has a slot within a second may be given another one by somebody who looks meanwhile.
    assert all(given[lane] <= 2 * count for lane, count in wanted.items()), (given, wanted)
    assert given["mail"] == wanted["mail"]
    sent = {mail["internetMessageId"]: mail["when"] for mail in stage.running.services.tenant.outbox if mail["kind"] == "mail"}
    mails = sorted(datetime.fromisoformat(when) for when in sent.values())
    assert len(mails) == wanted["mail"]
    assert all(later - earlier >= MINUTE for earlier, later in zip(mails, mails[30:], strict=False))
    assert done - START < PROMISED


async def test_the_whole_request_keeps_its_time_though_replicas_are_behind(stage: Stage, tmp_path: Path) -> None:
    """What the tenant refused because a replica did not have the new object yet is written again as soon as it has, and not when
    the consistency horizon is over."""
    rig = await stage.fresh(ENTENTE_TEMPLATES=str(templates(tmp_path)))
    stage.running.services.tenant.lag.settings = LagSettings()
    rig.submit({**FULL, "template": "freely"})
    done = await swept_until_done(rig)
    assert unfinished(rig, "fabrikam-full") == []
    assert done - START < PROMISED


async def test_who_pauses_and_resumes_takes_no_second_slot_for_what_has_one(stage: Stage, tmp_path: Path) -> None:
    rig = await stage.fresh(ENTENTE_TEMPLATES=str(templates(tmp_path)))
    rig.submit({**FULL, "template": "freely"})
    while not any(row["step"] == "welcome-guest" and row["state"] == "ready" for row in rows(rig, "fabrikam-full")):
        await rig.deliver_some(1)
    for _ in range(5):
        await rig.deliver_some(10)
        await pause(rig.world, "fabrikam-full", "user one")
        await resume(rig.world, "fabrikam-full", "user one")
    done = await swept_until_done(rig)
    assert unfinished(rig, "fabrikam-full") == []
    # What was due just then may have come, and gone, during the pause: it is sent again, in one more minute of mails.
    assert done - START < PROMISED + MINUTE
