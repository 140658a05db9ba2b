"""The guests whose accounts Microsoft's own products disable and delete: access reviews, lifecycle workflows, entitlement management.

* An access review owns whom it reviews only if it disables and deletes those it denies (`disableAndDeleteUserApplyAction`: after 30 days); others
  take memberships away. https://learn.microsoft.com/graph/api/resources/disableanddeleteuserapplyaction
* A lifecycle workflow owns the users in its scope if it is on, runs by schedule, and one of its tasks disables or deletes accounts.
  https://learn.microsoft.com/entra/id-governance/lifecycle-workflow-tasks
* Entitlement management owns the guests that it governs, where its settings say that it blocks or deletes them after their last access package.
  https://learn.microsoft.com/graph/api/resources/accesspackagesubject
"""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from types import MappingProxyType

from kiota_abstractions.method import Method

from shared.nouns.json_text import Json
from shared.nouns.outcomes import WontWork
from shared.tenant import operations
from shared.tenant.fields import entry, instant, objects, text
from shared.tenant.graph import Graph
from shared.tenant.operations import Operation
from shared.tenant.plain import request

# What a review has denied it disables at once and deletes 30 days later.
DENIED_LASTS = timedelta(days=31)
# Hundreds of reviews or workflows would be a tenant's whole; more than these pages of one are not followed.
MOST_PAGES = 100
_DELETES = "disableAndDeleteUserApplyAction"
_OVER = frozenset({"applied", "completed"})
# "Disable User Account" and "Delete User Account". https://learn.microsoft.com/entra/id-governance/lifecycle-workflow-tasks
ENDING_TASKS = MappingProxyType(
    {"1dfdfcc7-52fa-4c2e-bf3a-e3919cc12950": "disables", "8d18588d-9ad3-4c0f-99d0-ec215f0e3dff": "deletes"}
)
_REVIEWS = "/identityGovernance/accessReviews/definitions"
_FLOWS = "/identityGovernance/lifecycleWorkflows/workflows"
_MANAGEMENT = "/identityGovernance/entitlementManagement"


class Governance:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def reviewed(self, now: datetime) -> dict[str, str]:
        """Who is under a review that deletes whom it denies, or was denied by one lately: the review's id by object id.

        Raises WontWork where the tenant has no licence for it or we may not read it, NotYet.
        """
        found: dict[str, str] = {}
        async for review in self._all(operations.LIST_REVIEWS, _REVIEWS):
            actions = objects(entry(review, "settings"), "applyActions")
            if not any(text(action, "@odata.type").endswith(_DELETES) for action in actions):
                continue
            name = text(review, "id")
            async for instance in self._all(operations.LIST_REVIEWS, f"{_REVIEWS}/{{one}}/instances", one=name):
                over = text(instance, "status").lower() in _OVER
                end = instant(instance, "endDateTime")
                if over and end is not None and now - end > DENIED_LASTS:
                    continue
                path = f"{_REVIEWS}/{{one}}/instances/{{two}}/decisions"
                async for decision in self._all(operations.LIST_REVIEWS, path, one=name, two=text(instance, "id")):
                    if not over or text(decision, "decision").lower() == "deny":
                        found[text(entry(decision, "principal"), "id").lower()] = name
        found.pop("", None)
        return found

    async def in_workflows(self) -> dict[str, str]:
        """Who is in the scope of a workflow that disables or deletes accounts: the workflow's id by object id. Raises as `reviewed` does."""
        found: dict[str, str] = {}
        async for workflow in self._all(operations.LIST_WORKFLOWS, _FLOWS):
            if workflow.get("isEnabled") is not True or workflow.get("isSchedulingEnabled") is not True:
                continue
            name = text(workflow, "id")
            whole = await self._graph.ask(
                operations.LIST_WORKFLOWS, request(Method.GET, f"{_FLOWS}/{{one}}", one=name), about=f"workflow {name}"
            )
            tasks = objects(whole.content(), "tasks")
            if not any(
                task.get("isEnabled") is not False and text(task, "taskDefinitionId").lower() in ENDING_TASKS for task in tasks
            ):
                continue
            async for result in self._all(operations.LIST_WORKFLOWS, f"{_FLOWS}/{{one}}/executionScope", one=name):
                found[text(entry(result, "subject"), "id").lower()] = name
        found.pop("", None)
        return found

    async def governed(self) -> dict[str, str]:
        """Whom entitlement management blocks or deletes after their last access package: what it does, by object id. Raises as `reviewed` does."""
        settings = await self._graph.ask(
            operations.LIST_ENTITLED, request(Method.GET, f"{_MANAGEMENT}/settings"), about="its settings"
        )
        action = text(settings.content(), "externalUserLifecycleAction")
        if action.lower() in {"", "none"}:
            return {}
        found = {
            text(subject, "objectId").lower(): action
            async for subject in self._all(operations.LIST_ENTITLED, f"{_MANAGEMENT}/subjects")
            if text(subject, "subjectLifecycle").lower() == "governed"
        }
        found.pop("", None)
        return found

    async def _all(self, operation: Operation, path: str, **names: str) -> AsyncIterator[dict[str, Json]]:
        pages = 0
        async for page in self._graph.pages(operation, request(Method.GET, path, **names), about="all of them"):
            pages += 1
            for one in objects(page.content(), "value"):
                yield one
            if pages >= MOST_PAGES and text(page.body, "@odata.nextLink"):
                raise WontWork(f"There are more than {MOST_PAGES} pages when asked to {operation.name}")
