"""Delta queries over sockets: whoever follows the links ends with what is there."""

import json
import tracemalloc
from typing import Any

import pytest

from devstack.tenant.coverage import shows
from tests.tenant.calling import LI, MIA, NOOR, PROJECT, READERS, Caller, StandingTime, error_of
from tests.tenant.openapi import judge_response

USERS, GROUPS = "/users/delta?$select=displayName,accountEnabled", "/groups/delta"


async def follow(caller: Caller, path: str, **more: Any) -> tuple[list[dict[str, Any]], str, int]:
    """Everything on the way to the delta link, the link, and how many pages that were."""
    found: list[dict[str, Any]] = []
    for pages in range(1, 10_000):
        reply = await caller.graph("GET", path, **more)
        assert reply.status_code == 200, reply.text
        body = reply.json()
        judge_response(f"GET /{'users' if '/users/' in path else 'groups'}/delta()", 200, body)
        found += body["value"]
        if "@odata.deltaLink" in body:
            return found, body["@odata.deltaLink"], pages
        path = body["@odata.nextLink"]
    raise AssertionError("the round does not end")


async def act(caller: Caller, do: str, target: str, **more: Any) -> None:
    await caller.control("POST", "act", {"do": do, "target": target, **more})


@shows("GET /users/delta()", rung=2)
async def test_a_round_shows_everybody_and_the_next_one_what_changed(caller: Caller) -> None:
    await caller.control("PUT", "options", {"deltaPage": 3})
    everybody, link, pages = await follow(caller, USERS)
    state = await caller.state()
    assert {user["id"] for user in everybody} == {user["id"] for user in state["users"]}
    assert pages == -(-len(everybody) // 3)
    nothing, link, pages = await follow(caller, link)
    assert (nothing, pages) == ([], 1)
    ana, bo, cy = [await caller.guest(f"{name}@fabrikam.com") for name in ("ana", "bo", "cy")]
    await act(caller, "update", MIA, set={"accountEnabled": False})
    # Not selected, so nobody asked.
    await act(caller, "update", NOOR, set={"city": "Ulm"})
    await act(caller, "delete", bo)
    await act(caller, "delete", cy)
    await act(caller, "purge", cy)
    found, link, _ = await follow(caller, link)
    assert found == [
        {"displayName": "ana", "accountEnabled": True, "id": ana},
        {"displayName": "Mia", "accountEnabled": False, "id": MIA} | {"displayName": found[1]["displayName"]},
        {"id": bo, "@removed": {"reason": "changed"}},
        {"id": cy, "@removed": {"reason": "deleted"}},
    ]
    await act(caller, "restore", bo)
    found, _, _ = await follow(caller, link)
    assert found == [{"displayName": "bo", "accountEnabled": True, "id": bo}]


@shows("GET /users/delta()", rung=2)
async def test_only_what_changed_where_that_is_preferred(caller: Caller) -> None:
    _, link, _ = await follow(caller, "/users/delta?$select=displayName,jobTitle,city")
    await act(caller, "update", MIA, set={"jobTitle": "Buyer", "city": "Ulm"})
    _, other, _ = await follow(caller, link)
    await act(caller, "update", MIA, set={"city": None})
    reply = await caller.graph("GET", other, headers={"Prefer": "return=minimal"})
    assert reply.json()["value"] == [{"city": None, "id": MIA}]
    assert reply.headers["Preference-Applied"] == "return=minimal"
    (whole,) = (await caller.graph("GET", other)).json()["value"]
    assert whole == {"displayName": whole["displayName"], "jobTitle": "Buyer", "city": None, "id": MIA}


@shows("GET /users/delta()", "GET /groups/delta()", rung=2)
async def test_from_now_on(caller: Caller) -> None:
    found, link, _ = await follow(caller, f"{USERS}&$deltaToken=latest")
    assert found == []
    ana = await caller.guest("ana@fabrikam.com")
    found, _, _ = await follow(caller, link)
    assert [user["id"] for user in found] == [ana]


@shows("GET /groups/delta()", rung=2)
async def test_members_come_and_go_with_their_group(caller: Caller) -> None:
    groups, link, _ = await follow(caller, GROUPS)
    state = {group["id"]: group["members"] for group in (await caller.state())["groups"]}
    assert {group["id"]: [m["id"] for m in group.get("members@delta", [])] for group in groups} == {
        identifier: sorted(members) for identifier, members in state.items()
    }
    ana = await caller.guest("ana@fabrikam.com")
    await act(caller, "add-member", READERS, who=LI)
    await act(caller, "add-member", READERS, who=ana)
    _, link_between, _ = await follow(caller, link)
    # A deleted person stays a member until purged (facts 1.8).
    await act(caller, "delete", ana)
    assert (await follow(caller, link_between))[0] == []
    await act(caller, "purge", ana)
    await act(caller, "remove-member", READERS, who=LI)
    ((group,), _, _) = await follow(caller, link_between)
    gone = [{"@odata.type": "#microsoft.graph.user", "id": who, "@removed": {"reason": "deleted"}} for who in sorted((ana, LI))]
    assert (group["id"], group["members@delta"]) == (READERS, gone)
    # Somebody who came and went since is shown as gone: harmless, and what a replay looks like.
    ((group,), _, _) = await follow(caller, link)
    assert group["members@delta"] == gone
    assert "members@delta" not in (await follow(caller, "/groups/delta?$select=displayName"))[0][0]
    ids, _, _ = await follow(caller, f"/groups/delta?$select=members&$filter=id eq '{PROJECT}' or id eq '{READERS}'")
    assert {group["id"] for group in ids} == {PROJECT, READERS}
    assert all(group.keys() <= {"id", "members@delta"} for group in ids)


@shows("GET /groups/delta()", rung=2)
async def test_a_large_group_goes_on_over_pages_whatever_happens_meanwhile(caller: Caller) -> None:
    people = [f"p{number}@fabrikam.com" for number in range(9)]
    seed = {
        "users": [{"mail": mail} for mail in people],
        "groups": [{"displayName": "Big", "mailNickname": "big", "members": people}],
    }
    await caller.control("POST", "seed", seed)
    await caller.control("PUT", "options", {"deltaMembers": 4, "deltaPage": 2})
    big = next(group for group in (await caller.state())["groups"] if group["mailNickname"] == "big")
    pages, path, link, members = 0, "/groups/delta?$select=members", "", []
    while path:
        body = (await caller.graph("GET", path)).json()
        pages += 1
        members += [m["id"] for group in body["value"] if group["id"] == big["id"] for m in group.get("members@delta", [])]
        if len(members) == 2:
            await act(caller, "remove-member", big["id"], who=members[0])
        path, link = body.get("@odata.nextLink"), body.get("@odata.deltaLink", "")
    assert sorted(members) == sorted(big["members"])
    assert pages >= 3
    ((changed,), _, _) = await follow(caller, link)
    assert changed["members@delta"] == [
        {"@odata.type": "#microsoft.graph.user", "id": members[0], "@removed": {"reason": "deleted"}}
    ]


@shows("GET /users/delta()", "GET /groups/delta()", rung=2)
@pytest.mark.parametrize("resource", ["users", "groups"])
async def test_links_that_are_gone_lead_to_the_beginning(caller: Caller, resource: str) -> None:
    _, link, _ = await follow(caller, f"/{resource}/delta?$select=displayName")
    await caller.control("POST", "clock", {"advance": 7 * 86_400 - 1})
    assert (await caller.graph("GET", link)).status_code == 200
    await caller.control("POST", "clock", {"advance": 2})
    gone = await caller.graph("GET", link)
    assert error_of(gone)[:2] == (410, "resyncRequired")
    _, link, _ = await follow(caller, gone.headers["Location"])
    await caller.control("POST", "expire-delta", {"resource": resource})
    assert (await caller.graph("GET", link)).status_code == 410
    assert (await caller.graph("GET", f"/{resource}/delta?$deltatoken=OLD")).status_code == 410
    other = "groups" if resource == "users" else "users"
    _, link, _ = await follow(caller, f"/{other}/delta")
    assert (await caller.graph("GET", link.replace(f"/{other}/", f"/{resource}/"))).status_code == 410
    await caller.control("PUT", "options", {"expiredDeltaStatus": 400})
    assert error_of(await caller.graph("GET", f"/{resource}/delta?$deltatoken=OLD"))[:2] == (400, "syncStateNotFound")
    _, link, _ = await follow(caller, f"/{resource}/delta")
    await caller.control("POST", "reset")
    assert (await caller.graph("GET", link)).status_code == 410


@shows("GET /users/delta()", "GET /groups/delta()", rung=2)
@pytest.mark.parametrize(
    ("query", "status"),
    [
        *((f"${name}", 400) for name in ("top=5", "orderby=displayName", "expand=members", "search=x", "count=true")),
        ("$filter=displayName eq 'x'", 400),
        ("$filter=id eq 'x'", 400),
        ("$select=nothing", 400),
        ("$select=signInActivity", 501),
        ("$select=manager", 501),
        ("$skiptoken=x&$select=displayName", 400),
        ("$deltatoken=x&$deltatoken=y", 400),
        ("$skip=1", 400),
    ],
)
async def test_what_a_delta_query_does_not_take(caller: Caller, query: str, status: int) -> None:
    assert (await caller.graph("GET", f"/users/delta?{query}")).status_code == status


async def test_other_queries_do_not_take_a_delta_token(caller: Caller) -> None:
    assert (await caller.graph("GET", "/users?$deltatoken=latest")).status_code == 400


@shows("GET /users/delta()", "GET /groups/delta()", rung=3)
async def test_changes_come_when_they_have_arrived_and_none_is_lost(lagging: Caller, time: StandingTime) -> None:
    await lagging.control("PUT", "lag", {"seconds": [5, 5], "queryFactor": 2})
    _, link, _ = await follow(lagging, USERS)
    ana = await lagging.guest("ana@fabrikam.com")
    time.forward(9)
    bo = await lagging.guest("bo@fabrikam.com")
    none, link, _ = await follow(lagging, link)
    assert none == []
    assert ana not in {user["id"] for user in (await follow(lagging, USERS))[0]}
    time.forward(2)
    found, link, _ = await follow(lagging, link)
    assert [user["id"] for user in found] == [ana]
    await lagging.control("PUT", "options", {"deltaSeconds": 60})
    time.forward(20)
    assert (await follow(lagging, link))[0] == []
    time.forward(60)
    assert [user["id"] for user in (await follow(lagging, link))[0]] == [bo]


async def test_replays_and_removed_ones_in_the_first_round_by_option(caller: Caller) -> None:
    ana = await caller.guest("ana@fabrikam.com")
    await caller.graph("DELETE", f"/users/{ana}")
    assert ana not in {user["id"] for user in (await follow(caller, USERS))[0]}
    await caller.control("PUT", "options", {"removedInFirstDelta": True, "deltaReplays": 1})
    found, link, _ = await follow(caller, USERS)
    assert {"id": ana, "@removed": {"reason": "changed"}} in found
    assert (await follow(caller, link))[0] == [{"id": ana, "@removed": {"reason": "changed"}}]


async def test_many_users_cost_no_memory_per_round(caller: Caller) -> None:
    tenant = caller.tenant.services.tenant
    with tenant.changes.quietly():
        for number in range(5_000):
            identifier = tenant.new_id("user")
            tenant.objects.add("user", identifier, {"id": identifier, "displayName": f"u{number}"}, replicated=True)
    caller.tenant.services.tenant.throttle.configure({"enabled": False})
    await caller.control("PUT", "options", {"deltaPage": 500})
    await follow(caller, USERS)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    path, count, peak = USERS, 0, 0
    while path:
        body = json.loads((await caller.graph("GET", path)).content)
        count += len(body["value"])
        path = body.get("@odata.nextLink")
    after, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count > 5_000
    assert peak - before < 4_000_000
    assert after - before < 1_000_000
