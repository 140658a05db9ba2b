"""What holds for every operation of Graph: its shape, its permissions, its failures."""

from dataclasses import replace

import httpx
import pytest

from devstack.tenant.coverage import shows
from devstack.tenant.graph.router import FAMILIES, METHODS, OPERATIONS
from tests.tenant.calling import Caller, StandingTime, error_of
from tests.tenant.openapi import NOT_IN_THE_SUBSET, described, description, judge_request, judge_response
from tests.tenant.replays import IDS, REPLAYS, Replay, make_world

every = pytest.mark.parametrize("replay", REPLAYS, ids=IDS)


def test_every_operation_is_replayed() -> None:
    assert {replay.operation for replay in REPLAYS} == {operation.name for operation in OPERATIONS}


@shows("graph", rung=1)
@every
async def test_bodies_are_as_microsoft_describes_them(caller: Caller, replay: Replay) -> None:
    description()
    world = await make_world(caller)
    reply = await replay.send(caller, world)
    assert reply.status_code == replay.status, reply.text
    if replay.body is not None:
        judge_request(replay.operation, replay.body)
    if not replay.operation.endswith("$count"):
        judge_response(replay.operation, reply.status_code, reply.json() if reply.content else None)


@every
async def test_a_token_without_the_permission_is_refused_and_not_told_which_is_missing(caller: Caller, replay: Replay) -> None:
    world = await make_world(caller)
    before = await caller.state()
    reply = await replay.send(caller, world, roles=("Calendars.Read",))
    assert error_of(reply) == (403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
    judge_response(replay.operation, reply.status_code, reply.json())
    assert (await caller.state()) == before


def test_permissions_are_those_of_microsofts_tables() -> None:
    # The reference pages of single resources give these besides the generic rows, or instead of a row that is missing or mixed up.
    from_pages = {
        "PATCH /groups/{id}": {"GroupMember.ReadWrite.All"},
        "GET /users/{id}/memberOf": {"GroupMember.Read.All", "Group.Read.All"},
        "POST /directory/deletedItems/{id}/restore": {"Group.ReadWrite.All"},
        "GET /organization/{id}": {
            "Organization.Read.All",
            "Organization.ReadWrite.All",
            "Directory.Read.All",
            "Directory.ReadWrite.All",
        },
    }
    without_table, beyond = set(), {}
    for operation in OPERATIONS:
        if operation.name in NOT_IN_THE_SUBSET:
            continue
        found = described(operation.name)
        assert found is not None, f"{operation.name} is not in the description"
        table = found.get("x-app-permissions")
        if table is None:
            without_table.add(operation.name)
            continue
        known = {*table["least"], *table["other"], *from_pages.get(operation.name, ())}
        beyond[operation.name] = set(operation.permissions) - known
    assert {name: extra for name, extra in beyond.items() if extra} == {}
    assert without_table == {
        "GET /users/$count",
        "GET /groups/{id}/members/graph.user",
        "POST /groups/{id}/members/$ref",
        "GET /directory/deletedItems/graph.user",
        "GET /directory/deletedItems/graph.group",
        "GET /directory/deletedItems/{id}",
        "DELETE /directory/deletedItems/{id}",
        "GET /identityGovernance/termsOfUse/agreements",
        # What is needed depends on what is subscribed to.
        "GET /subscriptions",
        "POST /subscriptions",
        "GET /subscriptions/{id}",
        "PATCH /subscriptions/{id}",
        "DELETE /subscriptions/{id}",
        "POST /subscriptions/{id}/reauthorize",
        *(
            f"{method} /policies/crossTenantAccessPolicy/{owner}/m365Capabilities/{{name}}"
            for owner, methods in (("partners/{id}", ("GET", "PATCH", "DELETE")), ("default", ("GET", "PATCH")))
            for method in methods
        ),
    }


@shows("graph", rung=4)
@every
async def test_an_injected_failure_answers_in_graphs_envelope_and_changes_nothing(caller: Caller, replay: Replay) -> None:
    world = await make_world(caller)
    rule = {"effect": "status", "status": 503, "code": "serviceNotAvailable", "headers": {"Retry-After": 7}, "times": 1}
    await caller.control("POST", "faults", [rule])
    before = await caller.state()
    reply = await replay.send(caller, world)
    assert (reply.status_code, reply.json()["error"]["code"], reply.headers["Retry-After"]) == (503, "serviceNotAvailable", "7")
    judge_response(replay.operation, 503, reply.json())
    assert await caller.state() == before


@every
async def test_a_lost_reply_leaves_the_effect_behind_and_a_lost_request_does_not(
    caller: Caller, time: StandingTime, replay: Replay
) -> None:
    world = await make_world(caller)
    time.forward(1)
    await caller.control("POST", "faults", [{"effect": "lost", "times": 1}, {"effect": "effect-then-lost", "times": 1}])
    before = await caller.state()
    with pytest.raises(httpx.RemoteProtocolError):
        await replay.send(caller, world)
    assert await caller.state() == before
    # Conditional Access takes a call a second.
    time.forward(2)
    before = await caller.state()
    with pytest.raises(httpx.RemoteProtocolError):
        await replay.send(caller, world)
    changes = replay.method != "GET" and "checkMemberGroups" not in replay.operation
    assert (await caller.state() != before) is changes
    assert (await caller.control("GET", "requests/summary"))["lost"] == 2


@pytest.mark.parametrize("path", sorted({operation.path for operation in OPERATIONS}))
async def test_other_methods_are_501_where_microsoft_documents_them_and_405_elsewhere(caller: Caller, path: str) -> None:
    present = {operation.method for operation in OPERATIONS if operation.path == path}
    absent = {name for family in FAMILIES for name in family.NOT_SIMULATED}
    url = (
        path.replace("{id}", "bbbbbbbb-0000-4000-8000-000000000001")
        .replace("{reference}", "x")
        .replace("{value}", "fabrikam.com")
    )
    for method in set(METHODS) - present:
        found = described(f"{method} {path}")
        documented = found is not None and found.get("x-app-permissions") is not None
        assert documented == (f"{method} {path}" in absent), (
            f"{method} {path}: documented by Microsoft, so list it in NOT_SIMULATED"
        )
        reply = await caller.graph(method, url)
        assert reply.status_code == (501 if documented else 405)
        if documented:
            assert reply.json()["error"]["innerError"]["file"].startswith("devstack/tenant/graph/")


@every
async def test_beta_answers_the_same_paths(caller: Caller, replay: Replay) -> None:
    world = await make_world(caller)
    beta = replace(replay, path=f"{caller.tenant.address}/beta{replay.path}", beta=False)
    reply = await beta.send(caller, world)
    assert reply.status_code == replay.status, reply.text
    if reply.content and not replay.operation.endswith("$count"):
        assert reply.json()["@odata.context"].startswith("https://graph.microsoft.com/beta/$metadata#")
