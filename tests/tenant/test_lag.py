"""Replication delay: new objects are missing for a while, queries lag longer, references to new objects fail. Facts 0.4."""

from typing import Any

import pytest

from devstack.tenant.coverage import shows
from tests.tenant.calling import LI, PROJECT, Caller, StandingTime

LINK = "https://graph.microsoft.com/v1.0/directoryObjects"


@shows("GET /users/{id}", "POST /invitations", rung=3)
async def test_the_next_reads_of_a_new_guest_are_stale_and_then_never_again(lagging: Caller) -> None:
    await lagging.control("PUT", "lag", {"staleReads": 2})
    guest = await lagging.guest("ana@fabrikam.com")
    assert [(await lagging.graph("GET", f"/users/{guest}")).status_code for _ in range(4)] == [404, 404, 200, 200]


@shows("GET /users", "GET /directory/deletedItems/graph.user", "DELETE /users/{id}", rung=3)
async def test_a_filter_misses_the_new_guest_and_still_shows_the_deleted_one(lagging: Caller) -> None:
    await lagging.control("PUT", "lag", {"staleReads": 1})
    guest = await lagging.guest("ana@fabrikam.com")

    async def found(path: str) -> list[str]:
        return [item["id"] for item in (await lagging.graph("GET", f"{path}?$filter=mail eq 'ana@fabrikam.com'")).json()["value"]]

    assert (await found("/users"), await found("/users")) == ([], [guest])
    await lagging.graph("DELETE", f"/users/{guest}")
    assert (await found("/users"), await found("/users")) == ([guest], [])
    await lagging.graph("POST", f"/directory/deletedItems/{guest}/restore")
    assert (await found("/directory/deletedItems/graph.user"), await found("/directory/deletedItems/graph.user")) == ([guest], [])
    # Looking for somebody else is no read of this guest.
    await lagging.graph("PATCH", f"/users/{guest}", {"mail": "ana.new@fabrikam.com"})
    await lagging.graph("GET", "/users?$filter=mail eq 'mia@contoso.com'")
    assert await found("/users") == [guest]
    assert await found("/users") == []


@shows("PATCH /users/{id}", rung=3)
async def test_a_change_is_shown_late(lagging: Caller) -> None:
    await lagging.control("PUT", "lag", {"staleReads": 1})
    await lagging.graph("PATCH", f"/users/{LI}", {"companyName": "New"})
    path = f"/users/{LI}?$select=companyName"
    assert [(await lagging.graph("GET", path)).json()["companyName"] for _ in range(2)] == [None, "New"]


@shows("PATCH /groups/{id}", "POST /groups/{id}/members/$ref", "POST /users/{id}/sponsors/$ref", rung=3)
@pytest.mark.parametrize("how", ["bind", "member", "sponsor", "patch"])
async def test_writes_that_need_a_new_object_answer_404_first(lagging: Caller, how: str) -> None:
    await lagging.control("PUT", "lag", {"staleReads": 1})
    guest = await lagging.guest("ana@fabrikam.com")
    requests: dict[str, tuple[str, str, Any]] = {
        "bind": ("PATCH", f"/groups/{PROJECT}", {"members@odata.bind": [f"{LINK}/{guest}"]}),
        "member": ("POST", f"/groups/{PROJECT}/members/$ref", {"@odata.id": f"{LINK}/{guest}"}),
        "sponsor": ("POST", f"/users/{guest}/sponsors/$ref", {"@odata.id": f"{LINK}/{LI}"}),
        "patch": ("PATCH", f"/users/{guest}", {"companyName": "Fabrikam"}),
    }
    before = await lagging.state()
    first = await lagging.graph(*requests[how])
    assert (first.status_code, first.json()["error"]["code"]) == (404, "Request_ResourceNotFound")
    assert await lagging.state() == before
    assert (await lagging.graph(*requests[how])).status_code == 204


@shows("POST /users/{id}/checkMemberGroups", "GET /groups/{id}/members", "GET /users/{id}/memberOf", rung=3)
async def test_membership_is_seen_late_by_every_question_about_it(lagging: Caller) -> None:
    await lagging.control("PUT", "lag", {"staleReads": 1})

    async def check() -> Any:
        return (await lagging.graph("POST", f"/users/{LI}/checkMemberGroups", {"groupIds": [PROJECT]})).json()["value"]

    async def listed() -> bool:
        return LI in (await lagging.graph("GET", f"/groups/{PROJECT}/members?$select=id")).text

    async def inside() -> bool:
        return PROJECT in (await lagging.graph("GET", f"/users/{LI}/memberOf?$select=id")).text

    add = ("POST", f"/groups/{PROJECT}/members/$ref", {"@odata.id": f"{LINK}/{LI}"})
    remove = ("DELETE", f"/groups/{PROJECT}/members/{LI}/$ref")
    await lagging.graph(*add)
    assert (await check(), await check()) == ([], [PROJECT])
    await lagging.graph(*remove)
    assert (await listed(), await listed()) == (True, False)
    await lagging.graph(*add)
    assert (await inside(), await inside()) == (False, True)


async def test_each_member_has_reads_of_its_own(lagging: Caller) -> None:
    """Asking about one new member must not use up the delay of another."""
    guests = [await lagging.guest(f"g{number}@fabrikam.com") for number in range(2)]
    await lagging.control("PUT", "lag", {"staleReads": 1})
    await lagging.graph("PATCH", f"/groups/{PROJECT}", {"members@odata.bind": [f"{LINK}/{guest}" for guest in guests]})
    for guest in guests:
        answers = [
            (await lagging.graph("POST", f"/users/{guest}/checkMemberGroups", {"groupIds": [PROJECT]})).json()["value"]
            for _ in range(2)
        ]
        assert answers == [[], [PROJECT]]


@shows("GET /users/{id}", "GET /users", rung=3)
async def test_by_seconds_every_replica_has_it_after_the_delay_and_queries_wait_longer(
    lagging: Caller, time: StandingTime
) -> None:
    await lagging.control("PUT", "lag", {"seconds": [10, 10], "queryFactor": 3, "staleShare": 1})
    guest = await lagging.guest("ana@fabrikam.com")

    async def seen() -> tuple[bool, bool]:
        by_id = (await lagging.graph("GET", f"/users/{guest}")).status_code == 200
        by_filter = bool((await lagging.graph("GET", "/users?$filter=mail eq 'ana@fabrikam.com'")).json()["value"])
        return by_id, by_filter

    assert await seen() == (False, False)
    time.forward(11)
    assert await seen() == (True, False)
    time.forward(20)
    assert await seen() == (True, True)


async def test_which_replica_answers_is_a_matter_of_the_seed_alone(lagging: Caller) -> None:
    await lagging.control("PUT", "lag", {"seconds": [100, 200]})
    guest = await lagging.guest("ana@fabrikam.com")
    statuses = [(await lagging.graph("GET", f"/users/{guest}")).status_code for _ in range(12)]
    assert set(statuses) == {200, 404}
    await lagging.control("POST", "reset")
    await lagging.control("PUT", "lag", {"seconds": [100, 200]})
    assert await lagging.guest("ana@fabrikam.com") == guest
    assert [(await lagging.graph("GET", f"/users/{guest}")).status_code for _ in range(12)] == statuses


async def test_delay_is_on_by_default_and_off_with_zero(lagging: Caller) -> None:
    assert (await lagging.control("GET", "lag"))["seconds"] == [0.2, 3.0]
    for off in (0, {"seconds": 0}, {"staleReads": 0}):
        await lagging.control("PUT", "lag", off)
        guest = await lagging.guest("ana@fabrikam.com")
        assert {(await lagging.graph("GET", f"/users/{guest}")).status_code for _ in range(20)} == {200}
        await lagging.control("POST", "reset")


async def test_a_fault_can_show_the_past(lagging: Caller) -> None:
    await lagging.control("PUT", "lag", {"seconds": [600, 600], "staleShare": 0})
    guest = await lagging.guest("ana@fabrikam.com")
    await lagging.control("POST", "faults", {"effect": "stale", "times": 1, "match": {"path": guest}})
    assert [(await lagging.graph("GET", f"/users/{guest}")).status_code for _ in range(2)] == [404, 200]
    assert [entry["stale"] for entry in (await lagging.control("GET", "requests", path=guest))["value"]] == [True, False]


@shows("Get-OrganizationRelationship", "New-OrganizationRelationship", "Set-OrganizationRelationship", rung=3)
async def test_exchange_finds_a_new_relationship_late(lagging: Caller) -> None:
    await lagging.control("PUT", "lag", {"staleReads": 1})
    await lagging.exchange("New-OrganizationRelationship", Name="Fabrikam", DomainNames=["fabrikam.com"])
    assert (await lagging.exchange("Get-OrganizationRelationship")).json()["value"] == []
    assert (await lagging.exchange("Get-OrganizationRelationship", Identity="Fabrikam")).json()["value"][0]["Name"] == "Fabrikam"
