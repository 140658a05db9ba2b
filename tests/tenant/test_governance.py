"""The rules of access reviews, lifecycle workflows and entitlement management, as far as they are read.

https://learn.microsoft.com/graph/api/accessreviewset-list-definitions, .../accessreviewinstance-list-decisions,
.../identitygovernance-lifecycleworkflowscontainer-list-workflows, .../identitygovernance-workflow-get and .../entitlementmanagementsettings-get
"""

import pytest

from devstack.tenant.coverage import shows
from tests.tenant.calling import Caller, error_of

DEFINITIONS = "/identityGovernance/accessReviews/definitions"
FLOWS = "/identityGovernance/lifecycleWorkflows/workflows"
MANAGEMENT = "/identityGovernance/entitlementManagement"
READ = {
    DEFINITIONS: "AccessReview.Read.All",
    FLOWS: "LifecycleWorkflows.Read.All",
    f"{MANAGEMENT}/settings": "EntitlementManagement.Read.All",
    f"{MANAGEMENT}/subjects": "EntitlementManagement.Read.All",
}
TASK = {"id": "t1", "isEnabled": True, "taskDefinitionId": "8d18588d-9ad3-4c0f-99d0-ec215f0e3dff"}


@pytest.mark.parametrize("path", READ)
@shows(
    "GET /identityGovernance/accessReviews/definitions",
    "GET /identityGovernance/lifecycleWorkflows/workflows",
    "GET /identityGovernance/entitlementManagement/settings",
    "GET /identityGovernance/entitlementManagement/subjects",
    rung=2,
)
async def test_each_has_its_own_permission_and_needs_the_licence(caller: Caller, path: str) -> None:
    assert (await caller.graph("GET", path, roles=(READ[path],))).status_code == 200
    others = tuple(set(READ.values()) - {READ[path]})
    assert (await caller.graph("GET", path, roles=others)).status_code == 403
    await caller.control("POST", "seed", {"organization": {"governed": False}})
    assert error_of(await caller.graph("GET", path, roles=(READ[path],)))[0] == 403


@shows(
    "GET /identityGovernance/accessReviews/definitions/{id}/instances/{instance}/decisions",
    "GET /identityGovernance/accessReviews/definitions/{id}/instances",
    rung=2,
)
async def test_a_review_has_instances_and_they_have_decisions_a_hundred_to_a_page(caller: Caller) -> None:
    decisions = [{"id": f"d{number}", "decision": "NotReviewed"} for number in range(101)]
    review = {"id": "r1", "settings": {}, "instances": [{"id": "i1", "status": "InProgress", "decisions": decisions}]}
    await caller.control("POST", "seed", {"governance": {"reviews": [review]}})
    (shown,) = (await caller.graph("GET", DEFINITIONS)).json()["value"]
    assert "instances" not in shown
    (shown,) = (await caller.graph("GET", f"{DEFINITIONS}/r1/instances")).json()["value"]
    assert "decisions" not in shown
    first = (await caller.graph("GET", f"{DEFINITIONS}/r1/instances/i1/decisions")).json()
    second = (await caller.http.get(first["@odata.nextLink"], headers=caller.bearer())).json()
    assert (len(first["value"]), len(second["value"])) == (100, 1)
    assert "@odata.nextLink" not in second
    assert (await caller.graph("GET", f"{DEFINITIONS}/r2/instances")).status_code == 404


@shows(
    "GET /identityGovernance/lifecycleWorkflows/workflows/{id}",
    "GET /identityGovernance/lifecycleWorkflows/workflows/{id}/executionScope",
    rung=2,
)
async def test_a_workflow_tells_its_tasks_when_it_is_read_by_itself(caller: Caller) -> None:
    flow = {"id": "w1", "isEnabled": True, "tasks": [TASK], "executionScope": [{"id": "s1", "subject": {"id": "u1"}}]}
    await caller.control("POST", "seed", {"governance": {"workflows": [flow]}})
    (listed,) = (await caller.graph("GET", FLOWS)).json()["value"]
    assert "tasks" not in listed
    assert (await caller.graph("GET", f"{FLOWS}/w1")).json()["tasks"] == [TASK]
    assert (await caller.graph("GET", f"{FLOWS}/w1/executionScope")).json()["value"][0]["subject"] == {"id": "u1"}
