"""JSON batches. https://learn.microsoft.com/graph/json-batching"""

from typing import Any

import pytest

from devstack.tenant.coverage import shows
from tests.tenant.calling import LI, MIA, Caller, error_of
from tests.tenant.openapi import judge_request, judge_response


def get(identifier: str, url: str = f"/users/{MIA}", **more: Any) -> dict[str, Any]:
    return {"id": identifier, "method": "GET", "url": url, **more}


@shows("POST /$batch", rung=1)
@shows("POST /$batch", rung=2)
async def test_items_are_answered_one_by_one_in_any_order(caller: Caller) -> None:
    items = [
        get("1", "/users/nobody@contoso.com"),
        get("2", f"users/{MIA}?$select=id"),
        get("3", "/users?$filter=endswith(mail,'contoso.com')&$count=true", headers={"ConsistencyLevel": "eventual"}),
        {
            "id": "4",
            "method": "PATCH",
            "url": f"/users/{LI}",
            "headers": {"content-type": "application/json"},
            "body": {"city": "Oslo"},
        },
        get("5", "/me"),
        get("6", "/v1.0/users"),
        {
            "id": "7",
            "method": "POST",
            "url": "/$batch",
            "headers": {"Content-Type": "application/json"},
            "body": {"requests": [get("1")]},
        },
    ]
    judge_request("POST /$batch", {"requests": items})
    reply = await caller.graph("POST", "/$batch", {"requests": items})
    judge_response("POST /$batch", reply.status_code, reply.json())
    answers = {item["id"]: item for item in reply.json()["responses"]}
    assert [answers[str(n)]["status"] for n in range(1, 8)] == [404, 200, 200, 204, 400, 400, 400]
    assert answers["2"]["body"]["id"] == MIA
    assert answers["2"]["headers"]["Content-Type"].startswith("application/json;odata.metadata=minimal")
    assert answers["1"]["headers"]["Content-Type"] == "application/json"
    assert answers["5"]["body"]["error"]["message"] == "/me request is only valid with delegated authentication flow."
    assert "body" not in answers["4"]
    assert [item["id"] for item in reply.json()["responses"]] != list("1234567")
    await caller.control("PUT", "options", {"batchOrder": "given"})
    reply = await caller.graph("POST", "/$batch", {"requests": items})
    assert [item["id"] for item in reply.json()["responses"]] == list("1234567")


@shows("POST /$batch", rung=2)
async def test_what_depends_on_a_failure_fails(caller: Caller) -> None:
    items = [
        get("c", dependsOn=["b"]),
        get("b", dependsOn=["a"]),
        get("a", "/users/nobody@contoso.com"),
        get("d", dependsOn=["e"]),
        get("e"),
    ]
    reply = await caller.graph("POST", "/$batch", {"requests": items})
    assert {item["id"]: item["status"] for item in reply.json()["responses"]} == {
        "a": 404,
        "b": 424,
        "c": 424,
        "d": 200,
        "e": 200,
    }


@shows("POST /$batch", rung=2)
@pytest.mark.parametrize(
    "requests",
    [
        [],
        [get(str(n)) for n in range(21)],
        [get("1"), get("1")],
        [{"method": "GET", "url": "/users"}],
        [{"id": "1", "method": "FETCH", "url": "/users"}],
        [get("1", "https://graph.microsoft.com/v1.0/users")],
        [{"id": "1", "method": "PATCH", "url": f"/users/{LI}", "body": {"city": "x"}}],
        [get("a"), get("A")],
        [{"id": "1", "method": "POST", "url": f"/users/{LI}/revokeSignInSessions"}],
        [
            {
                "id": "1",
                "method": "POST",
                "url": f"/users/{LI}/revokeSignInSessions",
                "headers": {"Content-Type": "application/json"},
            }
        ],
        [get("1", dependsOn=["2"])],
        [get("1", dependsOn=["2"]), get("2", dependsOn=["1"])],
        None,
    ],
    ids=str,
)
async def test_a_malformed_envelope_is_refused_whole(caller: Caller, requests: Any) -> None:
    assert error_of(await caller.graph("POST", "/$batch", {"requests": requests}))[:2] == (400, "BadRequest")
    (user,) = [user for user in (await caller.state())["users"] if user["id"] == LI]
    assert "city" not in user


@shows("POST /$batch", rung=2)
async def test_a_write_without_a_body_of_its_own_takes_an_empty_one_and_ids_ignore_case(caller: Caller) -> None:
    headers = {"Content-Type": "application/json"}
    items = [
        {"id": "End", "method": "POST", "url": f"/users/{LI}/revokeSignInSessions", "headers": headers, "body": {}},
        get("after", dependsOn=["END"]),
    ]
    reply = await caller.graph("POST", "/$batch", {"requests": items})
    assert {item["id"]: item["status"] for item in reply.json()["responses"]} == {"End": 200, "after": 200}


async def test_items_have_permissions_of_their_own_and_the_batch_needs_a_token(caller: Caller) -> None:
    reply = await caller.graph("POST", "/$batch", {"requests": [get("1"), get("2", "/groups")]}, roles=("User.Read.All",))
    assert {item["id"]: item["status"] for item in reply.json()["responses"]} == {"1": 200, "2": 403}
    assert (await caller.graph("POST", "/$batch", {"requests": [get("1")]}, headers={"Authorization": ""})).status_code == 401
