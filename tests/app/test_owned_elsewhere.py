"""Whose accounts Microsoft's own products end is named and left; what cannot be read of them is said."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from devstack.tenant.seed import plant
from shared.nouns.outcomes import WontWork
from shared.tables.runs import Run
from tests.app.conftest import Stage
from tests.app.test_cleanup import RULES, TEMPLATE, fresh, guest, mails, request, run_now
from tests.rig import Rig

NAMES = ("ana", "ben", "cleo", "dora", "eve", "finn")
NOW = datetime(2026, 11, 26, 6, 0, tzinfo=UTC)
REVIEW = "98dcebed-c7f6-46f4-bcf3-4a3fccdb3e2a"
DELETES = {"@odata.type": "#microsoft.graph.disableAndDeleteUserApplyAction"}
REMOVES = {"@odata.type": "#microsoft.graph.removeAccessApplyAction"}
# "Delete User Account" and "Add user to groups": https://learn.microsoft.com/entra/id-governance/lifecycle-workflow-tasks
DELETE_TASK, ADD_TASK = "8d18588d-9ad3-4c0f-99d0-ec215f0e3dff", "22085229-5809-45e8-97fd-270d28d66910"


def decision(user: str, said: str = "NotReviewed") -> dict[str, Any]:
    """As in https://learn.microsoft.com/graph/api/accessreviewinstance-list-decisions."""
    return {
        "id": f"d{user[1:]}",
        "decision": said,
        "applyResult": "New",
        "principal": {"@odata.type": "#microsoft.graph.userIdentity", "id": user, "displayName": "A guest"},
    }


def review(number: int, action: dict[str, str], *instances: dict[str, Any]) -> dict[str, Any]:
    """As in https://learn.microsoft.com/graph/api/accessreviewset-list-definitions."""
    name = REVIEW[:-1] + str(number)
    return {"id": name, "displayName": "Review", "settings": {"applyActions": [action]}, "instances": list(instances)}


def instance(status: str, end: str, *decisions: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": f"7bc18cf4-3d70-4009-bc8e-{status[:8].lower():0<12}",
        "status": status,
        "endDateTime": end,
        "decisions": list(decisions),
    }


def workflow(number: int, task: str, *users: str, scheduled: bool = True) -> dict[str, Any]:
    """As in https://learn.microsoft.com/graph/api/identitygovernance-workflow-get."""
    return {
        "id": f"15f9c6db-ada8-4417-927f-17ac24b54b9{number}",
        "category": "leaver",
        "isEnabled": True,
        "isSchedulingEnabled": scheduled,
        "tasks": [{"isEnabled": True, "taskDefinitionId": task}],
        "executionScope": [{"id": f"s{user[1:]}", "subject": {"id": user}} for user in users],
    }


@pytest.fixture
async def rig(stage: Stage, tmp_path: Path) -> Rig:
    (tmp_path / "project.toml").write_text(TEMPLATE + RULES)
    made = await fresh(stage, tmp_path)
    await made.settle(request(*NAMES, until="2026-11-23"))
    made.now = NOW
    return made


async def moves(rig: Rig, run: Run) -> dict[str, tuple[str, str]]:
    found = {}
    for name in NAMES:
        one = await guest(rig, name)
        candidate = await rig.world.tables.runs.candidate(run.id, one.partner, one.person)
        assert candidate is not None
        found[name] = (candidate.move, candidate.words)
    return found


async def test_whom_a_review_a_workflow_or_entitlement_management_ends_is_left_to_it(rig: Rig, stage: Stage) -> None:
    users = {name: (await guest(rig, name)).user for name in NAMES}
    governance = {
        "reviews": [
            review(1, DELETES, instance("InProgress", "2026-12-20T00:00:00Z", decision(users["ana"]))),
            review(2, REMOVES, instance("InProgress", "2026-12-20T00:00:00Z", decision(users["finn"]))),
            review(
                3,
                DELETES,
                # Denied a few days ago: disabled now, and deleted by the review later. Who was approved is nobody's.
                instance("Applied", "2026-11-20T00:00:00Z", decision(users["ben"], "Deny"), decision(users["finn"], "Approve")),
                instance("Completed", "2026-06-20T00:00:00Z", decision(users["finn"], "Deny")),
            ),
        ],
        "workflows": [
            workflow(1, DELETE_TASK, users["cleo"]),
            workflow(2, ADD_TASK, users["finn"]),
            workflow(3, DELETE_TASK, users["finn"], scheduled=False),
        ],
        "subjects": [
            {"id": "s1", "objectId": users["dora"], "subjectLifecycle": "governed", "subjectType": "user"},
            {"id": "s2", "objectId": users["finn"], "subjectLifecycle": "notGoverned", "subjectType": "user"},
        ],
    }
    plant(stage.running.services.tenant, {"governance": governance})
    run = await run_now(rig)
    found = await moves(rig, run)
    assert {name: move for name, (move, _) in found.items()} == dict.fromkeys(NAMES[:4], "report") | {
        "eve": "warn",
        "finn": "warn",
    }
    assert f"access review {REVIEW[:-1]}1 owns the account" in found["ana"][1]
    assert "deletes them 30 days later" in found["ben"][1]
    assert "lifecycle workflow" in found["cleo"][1]
    assert "blockSignInAndDelete after their last access package" in found["dora"][1]
    assert [(await guest(rig, name)).stage for name in NAMES] == ["invited"] * 4 + ["warned"] * 2
    assert len(mails(stage)) == 2
    assert run.counts["touched"] == 2
    assert not [note for note in run.notes if "cannot be told apart" in note]


async def test_entitlement_management_that_ends_nobody_owns_nobody(rig: Rig, stage: Stage) -> None:
    ana = (await guest(rig, "ana")).user
    subjects = [{"id": "s1", "objectId": ana, "subjectLifecycle": "governed"}]
    plant(
        stage.running.services.tenant, {"governance": {"settings": {"externalUserLifecycleAction": "none"}, "subjects": subjects}}
    )
    assert (await moves(rig, await run_now(rig)))["ana"][0] == "warn"


async def test_page_after_page_is_read(rig: Rig, stage: Stage) -> None:
    eve = (await guest(rig, "eve")).user
    others = [decision(f"eeeeeeee-0000-4000-8000-{number:012}") for number in range(250)]
    plant(
        stage.running.services.tenant,
        {"governance": {"reviews": [review(1, DELETES, instance("InProgress", "2026-12-20T00:00:00Z", *others, decision(eve)))]}},
    )
    assert len(await rig.world.tenant.governance.reviewed(NOW)) == 251
    assert (await moves(rig, await run_now(rig)))["eve"][0] == "report"


@pytest.mark.parametrize("why", ["licence", "permission"])
async def test_what_cannot_be_read_is_said_in_the_run(rig: Rig, stage: Stage, why: str) -> None:
    tenant = stage.running.services.tenant
    if why == "licence":
        plant(tenant, {"organization": {"governed": False}})
    else:
        wrong: dict[str, Any] = {"effect": "status", "status": 403, "code": "Authorization_RequestDenied"}
        tenant.faults.add({**wrong, "match": {"path": "/identityGovernance/"}})
    for read in (rig.world.tenant.governance.in_workflows, rig.world.tenant.governance.governed):
        with pytest.raises(WontWork):
            await read()
    run = await run_now(rig)
    (note,) = [note for note in run.notes if "cannot be told apart" in note]
    for name in ("access reviews", "lifecycle workflows", "entitlement management", "AccessReview.Read.All"):
        assert name in note
    assert {move for move, _ in (await moves(rig, run)).values()} == {"warn"}, "they are treated as any other"


async def test_a_tenant_without_sign_ins_is_asked_for_owners_all_the_same(rig: Rig, stage: Stage) -> None:
    ana = (await guest(rig, "ana")).user
    seed: dict[str, Any] = {"reviews": [review(1, DELETES, instance("InProgress", "2026-12-20T00:00:00Z", decision(ana)))]}
    plant(stage.running.services.tenant, {"organization": {"premium": False}, "governance": seed})
    run = await run_now(rig)
    assert not run.sign_ins
    assert (await moves(rig, run))["ana"][0] == "report"
