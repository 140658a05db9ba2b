"""From a method and a path to an operation. Every family of operations is listed here, once."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import ModuleType
from urllib.parse import unquote

from devstack.tenant.errors import GraphError, bad_request, not_simulated
from devstack.tenant.graph import (
    app_roles,
    audit_logs,
    capabilities,
    communities,
    conditional_access,
    cross_tenant_access,
    deleted_items,
    delta,
    drives,
    governance,
    group_references,
    group_settings,
    groups,
    invitations,
    licences,
    mail,
    managers,
    memberships,
    organization,
    policies,
    service_principals,
    sharepoint_settings,
    sites,
    sponsors,
    subscriptions,
    team_members,
    teams,
    tenant_relationships,
    users,
)
from devstack.tenant.graph.operation import Operation

FAMILIES: tuple[ModuleType, ...] = (
    invitations,
    users,
    delta,
    mail,
    sponsors,
    managers,
    memberships,
    groups,
    group_references,
    group_settings,
    team_members,
    teams,
    communities,
    deleted_items,
    organization,
    licences,
    policies,
    cross_tenant_access,
    capabilities,
    conditional_access,
    tenant_relationships,
    service_principals,
    app_roles,
    audit_logs,
    governance,
    sharepoint_settings,
    sites,
    drives,
    subscriptions,
)
OPERATIONS: tuple[Operation, ...] = tuple(operation for family in FAMILIES for operation in family.OPERATIONS)

_KEY = re.compile(r"(?P<collection>\w+)\('(?P<key>(?:[^']|'')*)'\)")
_FUNCTION = re.compile(r"(?P<start>\w+\(\w+=')(?P<value>(?:[^']|'')*)(?P<end>'\))")
_DELTA = frozenset({"delta", "delta()", "microsoft.graph.delta", "microsoft.graph.delta()"})
_SITE_PATH = 3
_DELTA_SEGMENT, _NAMESPACE = "delta()", "graph."
METHODS = ("GET", "POST", "PATCH", "PUT", "DELETE")


@dataclass(slots=True)
class _Node:
    children: dict[str, "_Node"] = field(default_factory=dict)
    parameter: tuple[str, "_Node"] | None = None
    operations: dict[str, Operation] = field(default_factory=dict)
    absent: set[str] = field(default_factory=set)


def _plant(operations: Iterable[Operation], absent: Iterable[str]) -> _Node:
    root = _Node()
    for operation in operations:
        _node(root, operation.path).operations[operation.method] = operation
    for name in absent:
        method, _, path = name.partition(" ")
        _node(root, path).absent.add(method)
    return root


def _node(root: _Node, path: str) -> _Node:
    node = root
    for segment in path.strip("/").split("/"):
        if segment.startswith("{"):
            if node.parameter is None:
                node.parameter = (segment.strip("{}"), _Node())
            assert node.parameter[0] == segment.strip("{}"), f"{path} gives a parameter another name"
            node = node.parameter[1]
        else:
            node = node.children.setdefault(segment.lower(), _Node())
    return node


_ROOT = _plant(OPERATIONS, (name for family in FAMILIES for name in family.NOT_SIMULATED))


def route(method: str, path: str) -> tuple[Operation, dict[str, str]]:
    """The operation and the values in its path (without `/v1.0`). Raises 405 or 501, the latter naming the file to write."""
    parameters: dict[str, str] = {}
    node: _Node | None = _ROOT
    segments = _segments(path, parameters)
    for segment in segments:
        assert node is not None
        # Casts are known as `graph.user`; an action or function may be qualified in the same way and is known without.
        child = node.children.get(segment.lower()) or node.children.get(segment.lower().removeprefix(_NAMESPACE))
        if (
            child is None
            and node.parameter is not None
            and not segment.startswith(("$", _NAMESPACE))
            and segment != _DELTA_SEGMENT
        ):
            parameters[node.parameter[0]], child = unquote(segment), node.parameter[1]
        node = child
        if node is None:
            break
    if node is None or not (node.operations or node.absent):
        raise _unknown(method, path, segments)
    operation = node.operations.get(method)
    if operation is not None:
        return operation, parameters
    if method in node.absent:
        raise _unknown(method, path, segments)
    raise GraphError(
        405,
        "Request_BadRequest",
        "Specified HTTP method is not allowed for the request target.",
        headers={"Allow": ", ".join(node.operations)},
    )


def is_delta(path: str) -> bool:
    """Whether the path is that of a delta query, in any of its spellings."""
    return unquote(path).rstrip("/").rpartition("/")[2].lower() in _DELTA


def _segments(path: str, parameters: dict[str, str]) -> list[str]:
    """The path's segments: keys in parentheses and casts brought to one form, function arguments taken out."""
    found: list[str] = []
    for raw in _by_path(path.strip("/").split("/")):
        decoded = unquote(raw)
        qualified = decoded.lower().startswith("microsoft.graph.")
        if qualified:
            decoded = decoded[len("microsoft.graph.") :]
        if (key := _KEY.fullmatch(decoded)) is not None:
            found += [key["collection"], key["key"].replace("''", "'").replace("%", "%25")]
        elif (function := _FUNCTION.fullmatch(decoded)) is not None:
            parameters["value"] = function["value"].replace("''", "'")
            found.append(f"{function['start']}{{value}}{function['end']}")
        elif len(found) == 1 and decoded.lower() in _DELTA:
            found.append(_DELTA_SEGMENT)
        elif qualified:
            found.append(_NAMESPACE + decoded)
        else:
            found.append("$" + raw[3:] if raw.startswith("%24") else raw)
    return found


def _by_path(segments: list[str]) -> list[str]:
    """`sites/host:/sites/x` and `sites/host:/sites/x:/drives` with the site's whole name as one segment.

    https://learn.microsoft.com/graph/api/site-getbypath
    """
    if (
        len(segments) < _SITE_PATH
        or segments[0].lower() != "sites"
        or unquote(segments[1]).find(":") != len(unquote(segments[1])) - 1
    ):
        return segments
    end = next((place for place in range(_SITE_PATH - 1, len(segments)) if segments[place].endswith(":")), len(segments) - 1)
    return [segments[0], "%2F".join(segments[1 : end + 1]), *segments[end + 1 :]]


def _unknown(method: str, path: str, segments: list[str]) -> GraphError:
    first = re.sub(r"\W.*", "", segments[0]) if segments else ""
    if first in ("v1", "beta", ""):
        return bad_request(f"Resource not found for the segment '{segments[0] if segments else ''}'.", code="BadRequest")
    if first == "me":
        return bad_request("/me request is only valid with delegated authentication flow.", code="BadRequest")
    file = re.sub(r"(?<!^)(?=[A-Z])", "_", first).lower()
    nearest = max((_shared(o.path, segments), _file(f) == file, _file(f)) for f in FAMILIES for o in f.OPERATIONS)
    return not_simulated(f"{method} {path}", f"devstack/tenant/graph/{nearest[2] if nearest[0] else file}.py")


def _file(family: ModuleType) -> str:
    return family.__name__.rpartition(".")[2]


def _shared(path: str, segments: list[str]) -> int:
    """How many segments the operation's path and these have in common from the start."""
    known = path.strip("/").split("/")
    pairs = zip(known, segments, strict=False)
    return next(
        (n for n, (a, b) in enumerate(pairs) if not a.startswith("{") and a.lower() != b.lower()), min(len(known), len(segments))
    )
