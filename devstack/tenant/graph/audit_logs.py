"""The directory's audit log, as far as changes made here fill it, and the sign-ins that a seed put there.

https://learn.microsoft.com/graph/api/resources/directoryaudit and /signin
"""

import base64

from devstack.tenant.directory.objects import Record
from devstack.tenant.errors import GraphError, bad_request, not_found
from devstack.tenant.graph.operation import PAGED, PLAIN, Call, Operation, Reply
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
_SIGN_IN_OPERATORS = {
    "createdDateTime": frozenset({"eq", "ge", "le"}),
    "userId": frozenset({"eq"}),
    "userPrincipalName": frozenset({"eq", "startswith"}),
    "appDisplayName": frozenset({"eq", "startswith"}),
    "appId": frozenset({"eq"}),
    "ipAddress": frozenset({"eq", "startswith"}),
    "correlationId": frozenset({"eq"}),
    "conditionalAccessStatus": frozenset({"eq"}),
}
_SIGN_INS = Filterable("SignIn", _SIGN_IN_OPERATORS, {name.lower(): name for name in _SIGN_IN_OPERATORS})


def list_audits(call: Call) -> Reply:
    """What was changed, the latest first."""
    return _page(call, call.tenant.audits, _FILTERABLE, "auditLogs/directoryAudits")


def list_sign_ins(call: Call) -> Reply:
    """Who signed in, the latest first. It needs a tenant with Entra ID P1."""
    if not call.tenant.premium:
        raise GraphError(
            403,
            "Authentication_RequestFromNonPremiumTenantOrB2CTenant",
            "Neither tenant is B2C or tenant doesn't have premium license",
        )
    return _page(call, call.tenant.sign_ins, _SIGN_INS, "auditLogs/signIns")


def _page(call: Call, records: list[Record], filterable: Filterable, context: str) -> Reply:
    text = call.options.given.get("filter")
    matches = parse_filter(text, filterable).matches if text is not None else lambda _: True
    found = [record for record in reversed(records) if matches(record)]
    size = call.options.top(1000, 1000)
    start = _start(call.options.given.get("skiptoken"))
    body: Record = {"@odata.context": call.context(context)}
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
_OPTIONS = (*PAGED, "filter")
OPERATIONS = (
    Operation(
        *("GET", "/auditLogs/directoryAudits", list_audits, _PERMISSIONS, f"{_API}list", "report"),
        deviations=_DEVIATIONS,
        options=_OPTIONS,
    ),
    Operation(
        *("GET", "/auditLogs/directoryAudits/{id}", get_audit, _PERMISSIONS, f"{_API}get", "report"),
        deviations=_DEVIATIONS,
        options=PLAIN,
    ),
    Operation(
        "GET",
        "/auditLogs/signIns",
        list_sign_ins,
        ("AuditLog.Read.All",),
        "https://learn.microsoft.com/graph/api/signin-list",
        kind="report",
        deviations=("only sign-ins of the seed, in its order",),
        options=_OPTIONS,
    ),
)
NOT_SIMULATED: tuple[str, ...] = ()
