"""What a write may set: kinds of groups, addresses, relations. https://learn.microsoft.com/graph/api/resources/group#properties"""

from typing import Any

import pytest

from devstack.tenant.coverage import shows
from tests.tenant.calling import MIA, NOOR, PROJECT, READERS, Caller, error_of
from tests.tenant.replays import USERS

UNIFIED = {"displayName": "G", "mailNickname": "g", "mailEnabled": True, "securityEnabled": False, "groupTypes": ["Unified"]}


@shows("POST /groups", rung=2)
@pytest.mark.parametrize(
    "change",
    [
        {"visibility": "Hidden"},
        {"groupTypes": ["Unified", "Static"]},
        {"visibility": "HiddenMembership", "groupTypes": [], "mailEnabled": False, "securityEnabled": True},
        {"fans@odata.bind": [f"{USERS}/{MIA}"]},
    ],
    ids=str,
)
async def test_a_group_of_no_kind_that_there_is_is_not_made(caller: Caller, change: dict[str, Any]) -> None:
    assert error_of(await caller.graph("POST", "/groups", {**UNIFIED, **change}))[:2] == (400, "Request_BadRequest")


@shows("PATCH /groups/{id}", rung=2)
@pytest.mark.parametrize(
    "change",
    [
        {"visibility": "HiddenMembership"},
        {"visibility": "Secret"},
        {"groupTypes": []},
        {"mailEnabled": False},
        {"groupTypes": ["X"]},
    ],
    ids=str,
)
async def test_a_group_stays_of_its_kind(caller: Caller, change: dict[str, Any]) -> None:
    before = await caller.state()
    assert error_of(await caller.graph("PATCH", f"/groups/{PROJECT}", change))[:2] == (400, "Request_BadRequest")
    assert await caller.state() == before
    assert (await caller.graph("PATCH", f"/groups/{PROJECT}", {"visibility": "Public", "mailEnabled": True})).status_code == 204


@shows("PATCH /groups/{id}", rung=2)
async def test_a_hidden_membership_is_hidden_for_good(caller: Caller) -> None:
    made = (await caller.graph("POST", "/groups", {**UNIFIED, "visibility": "HiddenMembership"})).json()["id"]
    assert (await caller.graph("PATCH", f"/groups/{made}", {"visibility": "Public"})).status_code == 400


@shows("PATCH /users/{id}", rung=2)
@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"mail": "no address"}, 400),
        ({"otherMails": ["a@b.example", "c"]}, 400),
        ({"manager@odata.bind": f"{USERS}/{NOOR}"}, 501),
        ({"friends@odata.bind": [f"{USERS}/{NOOR}"]}, 400),
    ],
    ids=str,
)
async def test_what_cannot_be_set_is_never_passed_over_in_silence(caller: Caller, change: dict[str, Any], status: int) -> None:
    before = await caller.state()
    assert (await caller.graph("PATCH", f"/users/{MIA}", {"city": "Ulm", **change})).status_code == status
    assert await caller.state() == before


@shows("PATCH /groups/{id}", rung=2)
async def test_owners_are_not_bound_by_an_update(caller: Caller) -> None:
    body = {"owners@odata.bind": [f"{USERS}/{NOOR}"]}
    assert (await caller.graph("PATCH", f"/groups/{READERS}", body)).status_code == 400


@shows("PATCH /policies/crossTenantAccessPolicy/partners/{id}/identitySynchronization", rung=2)
async def test_a_synchronization_is_changed_in_part(caller: Caller) -> None:
    partner = "22222222-2222-2222-2222-222222222222"
    path = f"/policies/crossTenantAccessPolicy/partners/{partner}/identitySynchronization"
    await caller.control("POST", "seed", {"crossTenantPartners": [{"tenantId": partner}]})
    assert (await caller.graph("PATCH", path, {"displayName": "F"})).status_code == 404
    await caller.graph("PUT", path, {"displayName": "Fabrikam", "userSyncInbound": {"isSyncAllowed": True}})
    assert (await caller.graph("PATCH", path, {"displayName": "F"})).status_code == 204
    found = (await caller.graph("GET", path)).json()
    assert (found["displayName"], found["userSyncInbound"]) == ("F", {"isSyncAllowed": True})
