"""For every step, the worker dies before and after every call to the outside, with stale reads: the end is the same.

In the end: one user object and at most one mail per guest, every membership there, one organization relationship, nothing
parked, nothing lost.
"""

from typing import Any

import pytest

from devstack.tenant.server import RunningTenant
from shared.nouns.task import TaskState
from tests.app.conftest import Stage
from tests.rig import Rig

PROJECT = "aaaaaaaa-0000-4000-8000-000000000001"
READERS = "aaaaaaaa-0000-4000-8000-000000000002"
MIA = "bbbbbbbb-0000-4000-8000-000000000001"


def request(guests: list[dict[str, Any]], template: str = "joint-project") -> dict[str, Any]:
    return {
        "version": 1,
        "id": "fabrikam-1",
        "template": template,
        "partner": {"name": "Fabrikam", "domains": ["fabrikam.com"]},
        "sponsors": ["mia@contoso.com"],
        "guests": guests,
    }


SCENARIOS = {
    "invite-guest": request([{"email": "ana@fabrikam.com", "name": "Ana"}], "supplier"),
    "add-to-group": request(
        [{"email": "ana@fabrikam.com", "groups": ["partner-readers"]}, {"email": "bo@fabrikam.com"}], "supplier"
    ),
    "set-organization-relationship": request([]),
}


def assert_converged(running: RunningTenant, rig: Rig, wanted: dict[str, Any]) -> None:
    tenant = running.services.tenant
    tasks = [row for (_, key), row in rig.tables["tasks"].content.items() if key.startswith("t|")]
    assert [(row["RowKey"], row["state"], row["reason"]) for row in tasks if row["state"] != TaskState.DONE] == []
    assert rig.tables["parked"].content == {}
    assert not rig.bus.dead
    assert ("closed", "fabrikam-1") in rig.tables["requests"].content
    assert ("open", "fabrikam-1") not in rig.tables["requests"].content
    for guest in wanted["guests"]:
        holders = [entry for entry in tenant.objects.all("user") if entry.record.get("mail") == guest["email"]]
        assert len(holders) == 1, f"{len(holders)} users for one guest"
        mails = [mail for mail in tenant.outbox if mail["to"] == guest["email"]]
        assert len(mails) == 1, f"{len(mails)} mails for one guest"
        assert set(tenant.relations.targets("sponsors", holders[0].id)) == {MIA}
        groups = {PROJECT: "fabrikam-project", READERS: "partner-readers"}
        for group, name in groups.items():
            assert (holders[0].id in tenant.relations.targets("members", group)) == (name in guest.get("groups", []))
    relationships = list(tenant.objects.all("organizationRelationship"))
    assert len(relationships) == (1 if wanted["template"] == "joint-project" else 0)


async def calls_of(stage: Stage, wanted: dict[str, Any], stale: int, queue: str | None) -> list[int]:
    """The numbers of the calls to the outside: those of one queue's function, or all."""
    rig = await stage.fresh(stale_reads=stale)
    await rig.settle(wanted)
    assert_converged(stage.running, rig, wanted)
    return [number for number, where in enumerate(rig.border.queues, start=1) if queue in {None, where}]


async def kill_everywhere(stage: Stage, wanted: dict[str, Any], stale: int, queue: str | None) -> None:
    numbers = await calls_of(stage, wanted, stale, queue)
    # One and two stale reads share the calls between them; none and three are tried at every one.
    for number in numbers if stale in {0, 3} else numbers[stale - 1 :: 2]:
        for after in (False, True):
            rig = await stage.fresh(stale_reads=stale)
            rig.border.kill_at, rig.border.kill_after_effect = number, after
            await rig.settle(wanted)
            try:
                assert_converged(stage.running, rig, wanted)
            except AssertionError as error:
                where = f"{'after' if after else 'before'} call {number} ({rig.border.log[number - 1]}) with {stale} stale reads"
                raise AssertionError(f"killed {where}: {error}") from error


@pytest.mark.parametrize("step", list(SCENARIOS))
async def test_a_worker_that_dies_anywhere_leaves_nothing_undone_and_nothing_done_twice(stage: Stage, step: str) -> None:
    await kill_everywhere(stage, SCENARIOS[step], 0, None)


@pytest.mark.parametrize("stale", [1, 2, 3])
@pytest.mark.parametrize("step", list(SCENARIOS))
async def test_a_step_that_dies_among_stale_reads_does_nothing_twice(stage: Stage, step: str, stale: int) -> None:
    await kill_everywhere(stage, SCENARIOS[step], stale, step)
