"""Access reviews, lifecycle workflows and entitlement management, read only; a seed puts them there (section `governance`).

https://learn.microsoft.com/graph/api/resources/accessreviewsv2-overview,
https://learn.microsoft.com/graph/api/resources/identitygovernance-lifecycleworkflows-overview and
https://learn.microsoft.com/graph/api/resources/entitlementmanagement-overview
"""

from typing import Any

from devstack.tenant.directory.objects import Record
from devstack.tenant.errors import GraphError, not_found
from devstack.tenant.graph.operation import Call, Operation, Reply
from devstack.tenant.graph.show import next_link
from devstack.tenant.tenant import SimulatedTenant

PAGE = 100
_PARTS = ("reviews", "workflows", "settings", "subjects")
_SETTINGS: Record = {
    "id": "entitlementmanagementsettings",
    "durationUntilExternalUserDeletedAfterBlocked": "P30D",
    "externalUserLifecycleAction": "blockSignInAndDelete",
}


def plant_governance(tenant: SimulatedTenant, given: Any) -> None:
    """`{"reviews": [{..., "instances": [{..., "decisions": [...]}]}], "workflows": [{..., "executionScope": [...]}], "settings", "subjects"}`."""
    if unknown := given.keys() - set(_PARTS):
        raise ValueError(f"governance has no part {', '.join(sorted(unknown))}; it has {', '.join(_PARTS)}")
    tenant.governance = {**tenant.governance, **given}


def _part(call: Call, name: str) -> list[Record]:
    _licensed(call)
    found: list[Record] = call.tenant.governance.get(name, [])
    return found


def _licensed(call: Call) -> None:
    if not call.tenant.governed:
        raise GraphError(
            403, "AccessDenied", "The tenant needs to have Microsoft Entra ID P2 or Microsoft Entra ID Governance license."
        )


def _page(call: Call, found: list[Record], hidden: tuple[str, ...], context: str) -> Reply:
    given = call.options.given
    token = given.get("skiptoken", "0")
    start = int(token) if token.isdecimal() else 0
    size = call.options.top(PAGE, PAGE)
    body: Record = {"@odata.context": call.context(context)}
    if start + size < len(found):
        body["@odata.nextLink"] = next_link(call, str(start + size))
    shown = [{key: value for key, value in one.items() if key not in hidden} for one in found[start : start + size]]
    return Reply(200, {**body, "value": shown})


def _one(call: Call, found: list[Record], parameter: str) -> Record:
    name = call.parameters[parameter]
    record = next((one for one in found if one["id"].lower() == name.lower()), None)
    if record is None:
        raise not_found(name)
    return record


def list_definitions(call: Call) -> Reply:
    """Every series of access reviews, without their instances."""
    return _page(call, _part(call, "reviews"), ("instances",), "identityGovernance/accessReviews/definitions")


def _instances(call: Call) -> list[Record]:
    found: list[Record] = _one(call, _part(call, "reviews"), "id").get("instances", [])
    return found


def list_instances(call: Call) -> Reply:
    """The series' recurrences, without what is decided in them."""
    return _page(call, _instances(call), ("decisions",), "identityGovernance/accessReviews/definitions('x')/instances")


def list_decisions(call: Call) -> Reply:
    """Who is reviewed, and what of them was decided."""
    found = _one(call, _instances(call), "instance").get("decisions", [])
    return _page(call, found, (), "identityGovernance/accessReviews/definitions('x')/instances('x')/decisions")


def list_workflows(call: Call) -> Reply:
    """Every workflow, without conditions and tasks."""
    hidden = ("executionScope", "tasks", "executionConditions")
    return _page(call, _part(call, "workflows"), hidden, "identityGovernance/lifecycleWorkflows/workflows")


def get_workflow(call: Call) -> Reply:
    """The workflow with its conditions and tasks."""
    found = _one(call, _part(call, "workflows"), "id")
    shown = {key: value for key, value in found.items() if key != "executionScope"}
    return Reply(200, {"@odata.context": call.context("identityGovernance/lifecycleWorkflows/workflows/$entity"), **shown})


def list_scope(call: Call) -> Reply:
    """The users whom the workflow's conditions fit."""
    found = _one(call, _part(call, "workflows"), "id").get("executionScope", [])
    return _page(call, found, (), "identityGovernance/lifecycleWorkflows/workflows('x')/executionScope")


def get_settings(call: Call) -> Reply:
    """What entitlement management does with guests who have lost their last access package."""
    _licensed(call)
    settings = {**_SETTINGS, **call.tenant.governance.get("settings", {})}
    return Reply(200, {"@odata.context": call.context("identityGovernance/entitlementManagement/settings/$entity"), **settings})


def list_subjects(call: Call) -> Reply:
    """The people that entitlement management knows."""
    return _page(call, _part(call, "subjects"), (), "identityGovernance/entitlementManagement/subjects")


_API = "https://learn.microsoft.com/graph/api/"
_REVIEWS = ("AccessReview.Read.All", "AccessReview.ReadWrite.All")
_WORKFLOWS = ("LifecycleWorkflows.Read.All", "LifecycleWorkflows.ReadWrite.All")
_ENTITLEMENT = ("EntitlementManagement.Read.All", "EntitlementManagement.ReadWrite.All")
_UNVERIFIED = ("the error of a tenant without the licence",)
_DEVIATIONS = ("as seeded: nothing starts, ends or is applied",)
_DEFINITIONS = "/identityGovernance/accessReviews/definitions"
_FLOWS = "/identityGovernance/lifecycleWorkflows/workflows"
_MANAGEMENT = "/identityGovernance/entitlementManagement"


def _operation(path: str, run: Any, permissions: tuple[str, ...], page: str, *more: str) -> Operation:
    return Operation(
        "GET",
        path,
        run,
        permissions,
        f"{_API}{page}",
        unverified=(*_UNVERIFIED, *more),
        deviations=_DEVIATIONS,
        options=("select", "top", "skiptoken"),
    )


OPERATIONS = (
    _operation(_DEFINITIONS, list_definitions, _REVIEWS, "accessreviewset-list-definitions"),
    _operation(f"{_DEFINITIONS}/{{id}}/instances", list_instances, _REVIEWS, "accessreviewscheduledefinition-list-instances"),
    _operation(
        f"{_DEFINITIONS}/{{id}}/instances/{{instance}}/decisions", list_decisions, _REVIEWS, "accessreviewinstance-list-decisions"
    ),
    _operation(_FLOWS, list_workflows, _WORKFLOWS, "identitygovernance-lifecycleworkflowscontainer-list-workflows"),
    _operation(f"{_FLOWS}/{{id}}", get_workflow, _WORKFLOWS, "identitygovernance-workflow-get"),
    _operation(
        f"{_FLOWS}/{{id}}/executionScope",
        list_scope,
        _WORKFLOWS,
        "identitygovernance-workflow-list-executionscope",
        "that subject has the user's id without $expand",
    ),
    _operation(f"{_MANAGEMENT}/settings", get_settings, _ENTITLEMENT, "entitlementmanagementsettings-get"),
    _operation(
        f"{_MANAGEMENT}/subjects",
        list_subjects,
        _ENTITLEMENT,
        "resources/accesspackagesubject",
        "that applications may list subjects, and that subjectLifecycle is there without $select",
    ),
)
NOT_SIMULATED = (f"PATCH {_MANAGEMENT}/settings",)
