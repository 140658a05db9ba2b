"""Throttling by the published numbers, and failures on demand. https://learn.microsoft.com/graph/throttling-limits"""

import asyncio
from typing import Any

import httpx
import pytest

from devstack.tenant.coverage import shows
from tests.tenant.calling import LI, MIA, Caller, StandingTime, error_of


@shows("POST /invitations", rung=4)
async def test_the_hundred_and_fifty_first_invitation_within_five_seconds_waits(caller: Caller, time: StandingTime) -> None:
    replies = [await caller.invite(f"g{number}@fabrikam.com") for number in range(151)]
    assert {reply.status_code for reply in replies[:150]} == {201}
    refused = replies[150]
    assert error_of(refused) == (429, "TooManyRequests", "Please retry again later.")
    # "<Scope>/<Limit>/<ApplicationId>/<TenantId|UserId|ResourceId>": https://learn.microsoft.com/graph/throttling-limits
    own = caller.tenant.services.tenant
    assert refused.headers["x-ms-throttle-scope"] == f"Tenant/Write/{own.identities[0].application}/{own.tenant_id}"
    assert refused.headers["x-ms-throttle-information"] == "InvitationLimitExceeded"
    assert float(replies[120].headers["x-ms-throttle-limit-percentage"]) == pytest.approx(0.81, abs=0.01)
    assert "x-ms-throttle-limit-percentage" not in replies[100].headers
    time.forward(int(refused.headers["Retry-After"]))
    assert (await caller.invite("late@fabrikam.com")).status_code == 201
    assert len([user for user in (await caller.state())["users"] if user["userType"] == "Guest"]) == 151


@shows("PATCH /users/{id}", rung=4)
async def test_writes_are_limited_to_three_thousand_in_a_hundred_and_fifty_seconds(caller: Caller, time: StandingTime) -> None:
    limits = (await caller.control("GET", "throttle"))["limits"]
    assert (limits["writes"], limits["invitations"]) == ({"units": 3000, "seconds": 150}, {"units": 150, "seconds": 5})
    await caller.control("PUT", "throttle", {"limits": {"writes": {"units": 30}}})
    statuses = [(await caller.graph("PATCH", f"/users/{LI}", {"city": str(number)})).status_code for number in range(35)]
    assert statuses == [204] * 30 + [429] * 5
    refused = await caller.graph("PATCH", f"/users/{LI}", {"city": "x"})
    assert 148 <= int(refused.headers["Retry-After"]) <= 154
    assert (await caller.graph("GET", f"/users/{LI}")).status_code == 200
    time.forward(int(refused.headers["Retry-After"]))
    assert (await caller.graph("PATCH", f"/users/{LI}", {"city": "x"})).status_code == 204


async def test_refused_requests_count_too_so_that_hammering_does_not_help(caller: Caller, time: StandingTime) -> None:
    await caller.control("PUT", "throttle", {"limits": {"writes": {"units": 5, "seconds": 10}}})
    for _ in range(9):
        await caller.graph("PATCH", f"/users/{LI}", {"city": "x"})
        time.forward(1)
    statuses = []
    for _ in range(4):
        statuses.append((await caller.graph("PATCH", f"/users/{LI}", {"city": "x"})).status_code)
        time.forward(1)
    assert 429 in statuses


@shows("GET /users", "GET /groups/{id}/members", rung=4)
@pytest.mark.parametrize(
    ("path", "units"),
    [
        ("/users", 2),
        ("/users?$select=id", 1),
        ("/users?$top=5", 1),
        ("/users?$expand=sponsors", 3),
        ("/users?$select=id&$top=5", 1),
        (f"/users/{MIA}", 1),
        ("/groups/aaaaaaaa-0000-4000-8000-000000000001/members", 3),
        ("/groups/aaaaaaaa-0000-4000-8000-000000000001/members?$select=id", 2),
        ("/groups", 1),
        (f"/users/{MIA}/memberOf", 2),
        (f"/users/{MIA}/transitiveMemberOf", 2),
        ("/subscribedSkus", 3),
    ],
)
async def test_reads_cost_the_published_units(caller: Caller, path: str, units: int) -> None:
    assert (await caller.graph("GET", path)).headers["x-ms-resource-unit"] == str(units)


@pytest.mark.parametrize(("users", "units"), [(0, 3500), (60, 5000), (600, 8000)])
async def test_the_read_limit_grows_with_the_tenant(caller: Caller, users: int, units: int) -> None:
    await caller.control("POST", "seed", {"users": [{"mail": f"g{number}@fabrikam.com"} for number in range(users)]})
    assert (await caller.control("GET", "throttle"))["limits"]["reads"]["units"] == units


async def test_throttling_can_be_switched_off(caller: Caller) -> None:
    await caller.control("PUT", "throttle", {"enabled": False, "limits": {"invitations": {"units": 1}}})
    assert {(await caller.invite(f"g{number}@fabrikam.com")).status_code for number in range(5)} == {201}


@shows("POST /$batch", rung=4)
async def test_items_of_a_batch_are_throttled_and_spoiled_one_by_one(caller: Caller) -> None:
    await caller.control("PUT", "throttle", {"limits": {"writes": {"units": 3}}})
    await caller.control("POST", "faults", {"effect": "effect-then-lost", "match": {"path": NOOR_PATH}, "times": 1})
    headers = {"Content-Type": "application/json"}
    items: list[dict[str, Any]] = [
        {"id": str(n), "method": "PATCH", "url": f"/users/{LI}", "headers": headers, "body": {"city": str(n)}} for n in range(3)
    ]
    items.insert(1, {"id": "noor", "method": "PATCH", "url": NOOR_PATH, "headers": headers, "body": {"city": "Oslo"}})
    reply = await caller.graph("POST", "/$batch", {"requests": items})
    assert reply.status_code == 200
    answers = {item["id"]: item for item in reply.json()["responses"]}
    assert {name: item["status"] for name, item in answers.items()} == {"0": 204, "noor": 504, "1": 204, "2": 429}
    assert int(answers["2"]["headers"]["Retry-After"]) > 0
    (noor,) = [user for user in (await caller.state())["users"] if user["userPrincipalName"] == "noor@contoso.com"]
    assert noor["city"] == "Oslo"


NOOR_PATH = "/users/bbbbbbbb-0000-4000-8000-000000000002"


async def test_a_rule_skips_strikes_and_stops_as_told(caller: Caller) -> None:
    rules = [
        {
            "effect": "status",
            "status": 500,
            "after": 2,
            "times": 2,
            "match": {"method": "get", "path": r"/users/.*\?\$select=id$"},
        }
    ]
    await caller.control("POST", "faults", rules)
    path = f"/users/{LI}?$select=id"
    assert [(await caller.graph("GET", path)).status_code for _ in range(6)] == [200, 200, 500, 500, 200, 200]
    assert (await caller.graph("GET", f"/users/{LI}")).status_code == 200
    (rule,) = (await caller.control("GET", "faults"))["value"]
    assert (rule["seen"], rule["hits"]) == (6, 2)
    assert (await caller.control("DELETE", "faults")) == {"value": []}


async def test_probability_is_a_share_and_the_same_in_every_run(caller: Caller) -> None:
    async def statuses() -> list[int]:
        await caller.control("POST", "faults", {"effect": "status", "status": 503, "probability": 0.3})
        found = [(await caller.graph("GET", f"/users/{LI}")).status_code for _ in range(60)]
        await caller.control("POST", "reset")
        await caller.control("PUT", "lag", 0)
        return found

    first = await statuses()
    assert 8 <= first.count(503) <= 28
    assert await statuses() == first


async def test_an_effect_may_come_with_a_failing_status(caller: Caller) -> None:
    await caller.control("POST", "faults", {"effect": "effect-then-status", "status": 504, "match": {"path": "/invitations"}})
    assert (await caller.invite("ana@fabrikam.com")).status_code == 504
    assert [user["mail"] for user in (await caller.state())["users"] if user["userType"] == "Guest"] == ["ana@fabrikam.com"]


async def test_a_delay_holds_the_answer_back_and_nobody_elses(caller: Caller) -> None:
    await caller.control("POST", "faults", {"effect": "delay", "seconds": 30, "match": {"path": LI}})
    slow = asyncio.create_task(caller.graph("GET", f"/users/{LI}"))
    while not (await caller.control("GET", "faults"))["value"][0]["hits"]:
        pass  # each look is a request of its own, which lets the slow one arrive
    assert (await caller.graph("GET", f"/users/{MIA}")).status_code == 200
    assert not slow.done()
    slow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await slow


@pytest.mark.parametrize(
    "rule",
    [
        {"effect": "explode"},
        {"effect": "status"},
        {"effect": "lost", "match": {"path": "("}},
        {"effect": "lost", "match": {"unheardOf": 1}},
        {"effect": "lost", "unheardOf": 1},
        {"effect": "lost", "probability": 2},
        "lost",
    ],
    ids=str,
)
async def test_a_rule_that_makes_no_sense_is_refused_with_a_sentence(caller: Caller, rule: Any) -> None:
    reply = await caller.http.post(f"{caller.tenant.control}/faults", json=[{"effect": "lost"}, rule])
    assert reply.status_code == 400
    assert len(reply.json()["error"]) > 20
    assert (await caller.control("GET", "faults"))["value"] == []


@shows("exchange", rung=4)
@pytest.mark.parametrize("effect", ["lost", "effect-then-lost"])
async def test_exchange_can_lose_request_and_reply(caller: Caller, effect: str) -> None:
    await caller.control("POST", "faults", {"effect": effect, "times": 1, "match": {"cmdlet": "New-OrganizationRelationship"}})
    with pytest.raises(httpx.RemoteProtocolError):
        await caller.exchange("New-OrganizationRelationship", Name="Fabrikam", DomainNames=["fabrikam.com"])
    assert len((await caller.state())["organizationRelationships"]) == (effect == "effect-then-lost")


@shows("exchange", rung=4)
async def test_exchange_can_answer_with_plain_text(caller: Caller) -> None:
    await caller.control(
        "POST", "faults", {"effect": "status", "status": 503, "body": "<html>busy</html>", "headers": {"Retry-After": 3}}
    )
    reply = await caller.exchange("Get-OrganizationRelationship")
    assert (reply.status_code, reply.text, reply.headers["Retry-After"]) == (503, "<html>busy</html>", "3")
