"""Viva Engage communities, and the operations that make them. Facts section 7.

https://learn.microsoft.com/graph/api/resources/community and https://learn.microsoft.com/graph/api/resources/engagementasyncoperation
"""

import base64
import json
import re
from datetime import timedelta
from typing import Any

from devstack.tenant.clock import graph_time
from devstack.tenant.directory.objects import Entry, Record
from devstack.tenant.errors import GraphError, bad_request
from devstack.tenant.graph.groups import new_group
from devstack.tenant.graph.operation import NO_CONTENT, PLAIN, Call, Operation, Reply
from devstack.tenant.tenant import SimulatedTenant

KIND, OPERATION = "community", "engagementOperation"
_MOST = {"displayName": 255, "description": 1024}
_MOST_OWNERS = 100
_VISIBILITY = {"private": "Private", "public": "Public"}


def list_communities(call: Call) -> Reply:
    """Every community of the network."""
    advance(call.tenant)
    found = call.tenant.objects.query(KIND, None, lambda _: True)
    value = [_shown(record) for _, record in found]
    return Reply(200, {"@odata.context": call.context("employeeExperience/communities"), "value": value})


def get_community(call: Call) -> Reply:
    """The community by its id."""
    advance(call.tenant)
    found = call.tenant.objects.read(_community(call).id)
    if found is None:
        raise _missing()
    return Reply(200, {"@odata.context": call.context("employeeExperience/communities/$entity"), **_shown(found[1])})


def create_community(call: Call) -> Reply:
    """The community will be there when the operation that `Location` names has succeeded."""
    body = call.json()
    if not call.tenant.behaviour.engage_native_mode:
        raise bad_request("The network is not in native mode.", "BadRequest")
    values = _checked(body)
    for name in ("displayName", "privacy"):
        if not values.get(name):
            raise bad_request(f"A value is required for property '{name}' of resource 'community'.", "BadRequest")
    links = body.get("owners@odata.bind") or []
    if not isinstance(links, list) or not 1 <= len(links) <= _MOST_OWNERS:
        raise bad_request(f"A community made by an application needs 1 to {_MOST_OWNERS} owners.", "BadRequest")
    owners = [call.reference(link, kinds=("user",)).id for link in links]
    tenant, identifier = call.tenant, call.tenant.new_id("engagement operation")
    due = tenant.clock.now() + timedelta(seconds=tenant.behaviour.community_seconds)
    record: Record = {
        "id": identifier,
        "createdDateTime": tenant.moment(),
        "lastActionDateTime": tenant.moment(),
        "status": "running",
        "statusDetail": None,
        "operationType": "createCommunity",
        "resourceId": None,
    }
    tenant.objects.add(
        OPERATION, identifier, record | {"due": graph_time(due), "values": values, "owners": owners}, replicated=True
    )
    where = f"{call.base}/{call.version}/employeeExperience/engagementAsyncOperations/{identifier}"
    return Reply(202, None, {"Location": where})


def update_community(call: Call) -> Reply:
    """The community has the values in the body; every other one stays."""
    advance(call.tenant)
    entry = _community(call)
    values = _checked(call.json())
    if "displayName" in values and not values["displayName"]:
        raise bad_request("Invalid value specified for property 'displayName' of resource 'community'.", "BadRequest")
    call.tenant.objects.change(entry, **values)
    return Reply(NO_CONTENT)


def delete_community(call: Call) -> Reply:
    """The community is gone, and its group is among the deleted items."""
    advance(call.tenant)
    entry = _community(call)
    group = call.tenant.live(entry.record["groupId"], "group")
    if group is not None:
        call.tenant.soft_delete(group)
    call.tenant.objects.remove(entry)
    return Reply(NO_CONTENT)


def list_operations(call: Call) -> Reply:
    """The operations that make communities, or made them."""
    advance(call.tenant)
    value = [_operation(entry.record) for entry in call.tenant.objects.all(OPERATION)]
    return Reply(200, {"@odata.context": call.context("employeeExperience/engagementAsyncOperations"), "value": value})


def get_operation(call: Call) -> Reply:
    """How far the creation is."""
    advance(call.tenant)
    entry = call.tenant.objects.entry(call.parameters["id"], OPERATION)
    if entry is None:
        raise _missing()
    context = call.context("employeeExperience/engagementAsyncOperations/$entity")
    return Reply(200, {"@odata.context": context, **_operation(entry.record)})


def advance(tenant: SimulatedTenant) -> None:
    """Every community whose time has come is there, with its group."""
    for entry in list(tenant.objects.all(OPERATION)):
        if entry.record["status"] == "running" and entry.record["due"] <= tenant.moment():
            community = add_community(tenant, entry.record["values"], entry.record["owners"])
            tenant.objects.change(
                entry, status="succeeded", resourceId=community.record["id"], lastActionDateTime=tenant.moment()
            )


def add_community(tenant: SimulatedTenant, values: Record, owners: list[str], *, replicated: bool = False) -> Entry:
    """The community and its Microsoft 365 group are there, the owners in both."""
    number = tenant.next("community")
    nickname = re.sub(r"[^a-z0-9]", "", values["displayName"].lower())[:50] or "community"
    taken = bool(tenant.objects.identifiers("group", "mailNickname", nickname))
    group = new_group(
        tenant,
        {
            "displayName": values["displayName"],
            "description": values.get("description"),
            "mailNickname": f"{nickname}{number}" if taken else nickname,
            "mailEnabled": True,
            "securityEnabled": False,
            "groupTypes": ["Unified"],
            "visibility": _VISIBILITY[values.get("privacy", "private")],
            "creationOptions": ["YammerProvisioning"],
        },
        replicated=replicated,
    )
    for owner in owners:
        for relation in ("owners", "members"):
            tenant.relations.add(relation, group.id, owner, replicated=replicated)
    # Ids of communities are JSON in base64, as in Microsoft's examples.
    text = json.dumps({"_type": "Group", "id": str(100_000_000 + number)}, separators=(",", ":"))
    identifier = str(values.get("id") or base64.urlsafe_b64encode(text.encode()).decode().rstrip("="))
    record = {"description": None, "privacy": "private", **values, "id": identifier, "groupId": group.id}
    return tenant.objects.add(KIND, identifier, record, replicated=replicated)


def _community(call: Call) -> Entry:
    entry = call.tenant.objects.entry(call.parameters["id"], KIND)
    if entry is None:
        raise _missing()
    return entry


def _missing() -> GraphError:
    return GraphError(404, "NotFound", "Resource not found.")


def _checked(body: dict[str, Any]) -> Record:
    values = {name: value for name, value in body.items() if "@odata" not in name}
    for name, value in values.items():
        if name not in (*_MOST, "privacy") or not isinstance(value, str) or len(value) > _MOST.get(name, 20):
            raise bad_request(f"Invalid value specified for property '{name}' of resource 'community'.", "BadRequest")
    if values.get("privacy", "private") not in _VISIBILITY:
        raise bad_request("Invalid value specified for property 'privacy' of resource 'community'.", "BadRequest")
    return values


def _shown(record: Record) -> Record:
    return {name: record[name] for name in ("id", "displayName", "description", "privacy", "groupId")}


def _operation(record: Record) -> Record:
    return {name: value for name, value in record.items() if name not in ("due", "values", "owners")}


_READ = ("Community.Read.All", "Community.ReadWrite.All")
_WRITE = ("Community.ReadWrite.All",)
_API = "https://learn.microsoft.com/graph/api/"
OPERATIONS = (
    Operation(
        "GET",
        "/employeeExperience/communities",
        list_communities,
        _READ,
        f"{_API}employeeexperience-list-communities",
        deviations=("all on one page",),
        options=PLAIN,
    ),
    Operation(
        "POST",
        "/employeeExperience/communities",
        create_community,
        _WRITE,
        f"{_API}employeeexperience-post-communities",
        kind="write",
        unverified=("a network that is not in native mode refuses with 400 (`engageNativeMode`)",),
        deviations=("the operation is done after `communitySeconds`, and never fails",),
    ),
    Operation("GET", "/employeeExperience/communities/{id}", get_community, _READ, f"{_API}community-get", options=PLAIN),
    Operation("PATCH", "/employeeExperience/communities/{id}", update_community, _WRITE, f"{_API}community-update", kind="write"),
    Operation(
        "DELETE", "/employeeExperience/communities/{id}", delete_community, _WRITE, f"{_API}community-delete", kind="write"
    ),
    Operation(
        "GET",
        "/employeeExperience/engagementAsyncOperations",
        list_operations,
        _READ,
        f"{_API}engagementasyncoperation-get",
        options=PLAIN,
    ),
    Operation(
        "GET",
        "/employeeExperience/engagementAsyncOperations/{id}",
        get_operation,
        _READ,
        f"{_API}engagementasyncoperation-get",
        options=PLAIN,
    ),
)
NOT_SIMULATED: tuple[str, ...] = ()
