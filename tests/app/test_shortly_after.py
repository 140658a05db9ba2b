"""A request that begins just after another of the same partner: the directory may not show yet whom that one has invited."""

from datetime import timedelta
from typing import Any

import pytest

from devstack.tenant.directory.lag import LagSettings
from shared.nouns.task import TaskState
from tests.app.conftest import Stage
from tests.app.test_killed import request
from tests.rig import Rig

ANA = "ana@fabrikam.com"
WANTED = request([{"email": ANA, "name": "Ana"}], "supplier")
AGAIN = WANTED | {"id": "fabrikam-2"}


def invitation(rig: Rig, name: str) -> dict[str, Any]:
    return next(
        row for (of, key), row in rig.tables["tasks"].content.items() if of == name and "|invite-guest|" in key and key[0] == "t"
    )


async def invited(stage: Stage, **settings: Any) -> Rig:
    """Ana is a guest, and no replica knows her for another minute."""
    rig = await stage.fresh(**settings)
    rig.submit(WANTED)
    await rig.deliver_all()
    tenant = stage.running.services.tenant
    tenant.lag.settings = LagSettings(seconds=(60, 60), query_factor=1, stale_share=1)
    user = next(one for one in tenant.objects.all("user") if one.record.get("mail") == ANA)
    tenant.lag.note(user.id, None)
    # What has no change on record is not looked for among what is behind.
    tenant.objects.change(user)
    return rig


def mails(stage: Stage) -> int:
    return len([mail for mail in stage.running.services.tenant.outbox if mail["to"] == ANA])


async def test_nobody_is_invited_twice_because_a_replica_is_behind(stage: Stage) -> None:
    rig = await invited(stage)
    rig.submit(AGAIN)
    await rig.deliver_all()
    task = invitation(rig, "fabrikam-2")
    assert (task["state"], task["reason"]) == (TaskState.DONE, "was invited before and has not accepted yet")
    assert mails(stage) == 1


async def test_a_plan_does_not_say_that_they_would_be_invited(stage: Stage) -> None:
    rig = await invited(stage)
    rig.submit(AGAIN | {"mode": "plan"})
    await rig.deliver_all()
    assert invitation(rig, "fabrikam-2")["reason"] == "was invited before and has not accepted yet"


@pytest.mark.parametrize("horizon", [10, 300])
async def test_who_was_deleted_for_good_meanwhile_is_invited_anew_once_the_horizon_is_over(stage: Stage, horizon: int) -> None:
    rig = await invited(stage, horizon_seconds=horizon)
    tenant = stage.running.services.tenant
    tenant.lag.settings = LagSettings(seconds=(0, 0))
    user = next(one for one in tenant.objects.all("user") if one.record.get("mail") == ANA)
    tenant.objects.remove(user)
    begun = rig.now
    rig.submit(AGAIN)
    await rig.deliver_all()
    assert invitation(rig, "fabrikam-2")["state"] == TaskState.DONE
    assert mails(stage) == 2
    assert rig.now - begun >= timedelta(seconds=horizon) - timedelta(seconds=5)
