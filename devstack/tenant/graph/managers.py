"""Who somebody's manager is. https://learn.microsoft.com/graph/api/user-list-manager."""

from devstack.tenant.errors import GraphError
from devstack.tenant.graph.operation import PLAIN, Call, Operation, Reply
from devstack.tenant.graph.permissions import USER_READ
from devstack.tenant.graph.show import related, tagged

RELATION = "manager"


def get_manager(call: Call) -> Reply:
    """The user's manager; 404 where there is none, or one who was deleted."""
    entry, _ = call.user()
    found = related(call, call.tenant.relations.read_targets(RELATION, entry.id))
    if not found:
        raise GraphError(
            404,
            "Request_ResourceNotFound",
            "Resource 'manager' does not exist or one of its queried reference-property objects are not present.",
        )
    answer = tagged(*found[-1], call.options.select)
    return Reply(200, {"@odata.context": call.context("directoryObjects/$entity"), **answer})


OPERATIONS = (
    Operation(
        "GET",
        "/users/{id}/manager",
        get_manager,
        USER_READ,
        "https://learn.microsoft.com/graph/api/user-list-manager",
        unverified=("the text for somebody without a manager",),
        deviations=("managers come from the seed and the control plane",),
        options=PLAIN,
    ),
)
NOT_SIMULATED = ("GET /users/{id}/manager/$ref", "PUT /users/{id}/manager/$ref", "DELETE /users/{id}/manager/$ref")
