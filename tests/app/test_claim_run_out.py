"""A worker that is held up between its claim and its deed for longer than the claim lasts does nothing: another may be at it by then."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.nouns.task import Task, TaskState
from tests.app.conftest import Stage
from tests.app.test_killed import request
from tests.app.whole import templates
from tests.rig import Rig

ANA = "ana@fabrikam.com"
WANTED = request([{"email": ANA, "name": "Ana"}], "supplier")


def slow_claims(rig: Rig, monkeypatch: pytest.MonkeyPatch, queue: str) -> list[str]:
    """The first claim of this step takes longer than claims last; the tenant's writes that were made until the next."""
    tasks, made = rig.world.tables.tasks, list[str]()
    save = tasks.save

    async def slow(task: Task, *entries: Any, **more: Any) -> Task:
        saved = await save(task, *entries, **more)
        if not made and saved.step == queue and saved.claimed_until is not None:
            made.append(saved.key)
            rig.now += timedelta(seconds=rig.world.settings.claim_seconds)
        return saved

    monkeypatch.setattr(tasks, "save", slow)
    return made


async def test_nobody_is_invited_under_a_claim_that_has_run_out(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = await stage.fresh()
    held_up = slow_claims(rig, monkeypatch, "invite-guest")
    rig.submit(WANTED)
    await rig.deliver_until(lambda: bool(held_up))
    assert stage.running.services.tenant.outbox == []
    await rig.deliver_all()
    (row,) = [row for (_, key), row in rig.tables["tasks"].content.items() if key.startswith("t|") and "|invite-guest|" in key]
    assert (row["state"], row["attempt"]) == (TaskState.DONE, 2)
    assert [mail["to"] for mail in stage.running.services.tenant.outbox] == [ANA]


async def test_nothing_is_taken_back_under_a_claim_that_has_run_out(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = await stage.fresh(ENTENTE_TEMPLATES=str(templates(tmp_path)))
    wanted = WANTED | {"template": "freely"}
    rig.submit(wanted)
    await rig.deliver_all()
    held_up = slow_claims(rig, monkeypatch, "invite-guest")
    rig.submit({**wanted, "id": "fabrikam-2", "action": "offboard", "guests": []})
    await rig.deliver_until(lambda: bool(held_up))
    (user,) = [one for one in stage.running.services.tenant.objects.all("user") if one.record.get("mail") == ANA]
    assert not user.record.get("deletedDateTime")
    await rig.deliver_all()
    assert ("closed", "fabrikam-2") in rig.tables["requests"].content
    assert user.record.get("deletedDateTime")
