"""The directory's audit log, as far as changes made here fill it. https://learn.microsoft.com/graph/api/resources/directoryaudit"""

import base64

from devstack.tenant.directory.objects import Record
from devstack.tenant.errors import bad_request, not_found
from devstack.tenant.graph.operation import Call, Operation, Reply
from devstack.tenant.graph.show import next_link
from devstack.tenant.odata.filter import Filterable, parse_filter

_OPERATORS = {
    "activityDateTime": frozenset({"eq", "ge", "le"}),
    "activityDisplayName": frozenset({"eq", "startswith"}),
    "correlationId": frozenset({"eq"}),
    "loggedByService": frozenset({"eq"}),
    "category": frozenset({"eq"}),
}
_FILTERABLE = Filterable("DirectoryAudit", _OPERATORS, {name.lower(): name for name in _OPERATORS})


def list_audits(call: Call) -> Reply:
    """What was changed, the latest first."""
    text = call.options.given.get("filter")
    matches = parse_filter(text, _FILTERABLE).matches if text is not None else lambda _: True
    found: list[Record] = [audit for audit in reversed(call.tenant.audits) if matches(audit)]
    size = call.options.top(1000, 1000)
    start = _start(call.options.given.get("skiptoken"))
    body: Record = {"@odata.context": call.context("auditLogs/directoryAudits")}
    if start + size < len(found):
        body["@odata.nextLink"] = next_link(call, base64.urlsafe_b64encode(str(start + size).encode()).decode())
    return Reply(200, {**body, "value": found[start : start + size]})


def _start(token: str | None) -> int:
    if token is None:
        return 0
    try:
        return int(base64.urlsafe_b64decode(token))
    except ValueError as error:
        raise bad_request("The specified page token is invalid.", "BadRequest") from error


def get_audit(call: Call) -> Reply:
    """One entry by its id."""
    found = next((audit for audit in call.tenant.audits if audit["id"] == call.parameters["id"]), None)
    if found is None:
        raise not_found(call.parameters["id"])
    return Reply(200, {"@odata.context": call.context("auditLogs/directoryAudits/$entity"), **found})


_API = "https://learn.microsoft.com/graph/api/directoryaudit-"
_PERMISSIONS = ("AuditLog.Read.All", "Directory.Read.All")
_DEVIATIONS = (
    "entries are there at once; Microsoft's come minutes later",
    "only changes through Graph and the control plane, the last 2,000",
)
OPERATIONS = (
    Operation(
        "GET", "/auditLogs/directoryAudits", list_audits, _PERMISSIONS, f"{_API}list", kind="report", deviations=_DEVIATIONS
    ),
    Operation(
        "GET", "/auditLogs/directoryAudits/{id}", get_audit, _PERMISSIONS, f"{_API}get", kind="report", deviations=_DEVIATIONS
    ),
)
NOT_SIMULATED = ("GET /auditLogs/signIns",)
