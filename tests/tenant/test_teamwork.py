"""Settings of groups, teams, communities, labels: documented rules, one test each. Facts 2.2 to 2.4, 6.2 and 7."""

from typing import Any

import httpx
import pytest
from kiota_abstractions.authentication import AnonymousAuthenticationProvider
from msgraph.generated.models.group_setting import GroupSetting
from msgraph.generated.models.setting_value import SettingValue
from msgraph.generated.models.team import Team
from msgraph.generated.models.team_guest_settings import TeamGuestSettings
from msgraph.graph_request_adapter import GraphRequestAdapter
from msgraph.graph_service_client import GraphServiceClient

from devstack.tenant.coverage import shows
from tests.tenant.calling import MIA, NOOR, PROJECT, READERS, Caller, StandingTime, error_of

USERS = "https://graph.microsoft.com/v1.0/users"
FOR_TENANT = "62375ab9-6b52-47ed-826b-58e47e0e304b"
FOR_ONE_GROUP = "08d542b9-071f-4e16-94b0-74abb372e3d9"
LABEL = "dddddddd-0000-4000-8000-000000000001"
CLOSED = {"templateId": FOR_ONE_GROUP, "values": [{"name": "AllowToAddGuests", "value": "false"}]}
COMMUNITIES = "/employeeExperience/communities"


@shows("POST /groups/{id}/settings", rung=2)
@pytest.mark.parametrize(
    "body",
    [
        {"values": []},
        {"templateId": FOR_TENANT, "values": []},
        {"templateId": FOR_ONE_GROUP},
        {"templateId": FOR_ONE_GROUP, "values": [{"name": "AllowToAddGuests", "value": False}]},
        {"templateId": FOR_ONE_GROUP, "values": [{"name": "AllowToAddGuests", "value": "no"}]},
        {"templateId": FOR_ONE_GROUP, "values": [{"name": "EnableGroupCreation", "value": "true"}]},
    ],
)
async def test_settings_are_texts_that_the_template_knows(caller: Caller, body: dict[str, Any]) -> None:
    assert error_of(await caller.graph("POST", f"/groups/{PROJECT}/settings", body))[0] == 400


@shows("POST /groups/{id}/settings", rung=2)
async def test_only_microsoft_365_groups_have_settings_and_one_object_of_a_template(caller: Caller) -> None:
    assert error_of(await caller.graph("POST", f"/groups/{READERS}/settings", CLOSED))[0] == 400
    assert (await caller.graph("POST", f"/groups/{PROJECT}/settings", CLOSED)).status_code == 201
    assert error_of(await caller.graph("POST", f"/groups/{PROJECT}/settings", CLOSED))[0] == 400
    await caller.control("PUT", "options", {"duplicateSettingStatus": 409})
    assert error_of(await caller.graph("POST", f"/groups/{PROJECT}/settings", CLOSED))[0] == 409


@shows("PATCH /groupSettings/{id}", rung=2)
@pytest.mark.parametrize(("stay", "value"), [(False, "true"), (True, "false")])
async def test_values_that_a_patch_leaves_out_are_reset_unless_told_otherwise(caller: Caller, stay: bool, value: str) -> None:
    await caller.control("PUT", "options", {"omittedSettingsStay": stay})
    await caller.control("POST", "seed", {"groupSettings": {"EnableGroupCreation": "false"}})
    settings = (await caller.graph("GET", "/groupSettings")).json()["value"][0]["id"]
    body = {"values": [{"name": "AllowToAddGuests", "value": "false"}]}
    await caller.graph("PATCH", f"/groupSettings/{settings}", body)
    shown = (await caller.graph("GET", f"/groupSettings/{settings}")).json()["values"]
    found = {pair["name"]: pair["value"] for pair in shown}
    assert (found["AllowToAddGuests"], found["EnableGroupCreation"]) == ("false", value)


@shows("POST /groups/{id}/members/$ref", "PATCH /groups/{id}", rung=2)
@pytest.mark.parametrize(
    "seed",
    [
        {"groupSettings": {"AllowToAddGuests": "false"}},
        {"groupSettings": {"group": PROJECT, "AllowToAddGuests": "false"}},
        {
            "sensitivityLabels": [{"id": LABEL, "displayName": "Secret", "allowsGuests": False}],
            "groups": [
                {
                    "id": PROJECT,
                    "displayName": "P",
                    "mailNickname": "fabrikam-project",
                    "mailEnabled": True,
                    "assignedLabels": [{"labelId": LABEL}],
                }
            ],
        },
    ],
    ids=["tenant", "group", "label"],
)
async def test_a_group_that_keeps_guests_out_refuses_them_and_nobody_else(caller: Caller, seed: dict[str, Any]) -> None:
    guest = await caller.guest("ana@fabrikam.com")
    await caller.control("POST", "seed", seed)
    body: dict[str, Any] = {"@odata.id": f"{USERS}/{guest}"}
    assert error_of(await caller.graph("POST", f"/groups/{PROJECT}/members/$ref", body))[0] == 403
    bound = {"members@odata.bind": [f"{USERS}/{guest}"]}
    assert error_of(await caller.graph("PATCH", f"/groups/{PROJECT}", bound))[0] == 403
    assert (await caller.graph("POST", f"/groups/{READERS}/members/$ref", body)).status_code == 204
    li = {"@odata.id": f"{USERS}/bbbbbbbb-0000-4000-8000-000000000003"}
    assert (await caller.graph("POST", f"/groups/{PROJECT}/members/$ref", li)).status_code == 204
    await caller.control("PUT", "options", {"guestSettingsBindApps": False})
    allowed = await caller.graph("POST", f"/groups/{PROJECT}/members/$ref", body)
    assert allowed.status_code == (403 if "sensitivityLabels" in seed else 204)


@shows("POST /groups/{id}/owners/$ref", rung=2)
async def test_guests_own_groups_where_the_tenant_lets_them(caller: Caller) -> None:
    body = {"@odata.id": f"{USERS}/{await caller.guest('ana@fabrikam.com')}"}
    assert error_of(await caller.graph("POST", f"/groups/{PROJECT}/owners/$ref", body))[0] == 403
    await caller.control("POST", "seed", {"groupSettings": {"AllowGuestsToBeGroupOwner": "true"}})
    assert (await caller.graph("POST", f"/groups/{PROJECT}/owners/$ref", body)).status_code == 204


@shows("PUT /groups/{id}/team", "GET /groups/{id}/team", "GET /teams/{id}", rung=2)
async def test_a_team_needs_a_microsoft_365_group_with_an_owner_that_teams_knows(caller: Caller, time: StandingTime) -> None:
    assert error_of(await caller.graph("PUT", f"/groups/{READERS}/team", {}))[0] == 400
    body = {"displayName": "New", "mailNickname": "new", "mailEnabled": True, "securityEnabled": False, "groupTypes": ["Unified"]}
    group = (await caller.graph("POST", "/groups", body)).json()["id"]
    assert error_of(await caller.graph("PUT", f"/groups/{group}/team", {}))[0] == 400
    await caller.graph("POST", f"/groups/{group}/owners/$ref", {"@odata.id": f"{USERS}/{MIA}"})
    await caller.control("PUT", "options", {"teamsKnowsGroupsAfter": 60})
    assert error_of(await caller.graph("PUT", f"/groups/{group}/team", {}))[0] == 404
    time.forward(61)
    assert error_of(await caller.graph("GET", f"/groups/{group}/team"))[:2] == (404, "NotFound")
    assert (await caller.graph("PUT", f"/groups/{group}/team", {})).status_code == 201
    assert error_of(await caller.graph("PUT", f"/groups/{group}/team", {}))[0] == 409
    assert (await caller.graph("GET", f"/teams/{group}")).json()["guestSettings"]["allowDeleteChannels"] is False
    time.forward(2)
    found = (await caller.graph("GET", f"/groups/{group}")).json()
    assert found["resourceProvisioningOptions"] == ["Team"]
    await caller.graph("DELETE", f"/groups/{group}")
    assert error_of(await caller.graph("GET", f"/teams/{group}"))[0] == 404


@shows("PATCH /teams/{id}", "POST /teams/{id}/archive", rung=2)
async def test_a_team_takes_settings_until_it_is_archived(caller: Caller, time: StandingTime) -> None:
    await caller.control("POST", "seed", {"teams": [{"group": "fabrikam-project"}]})
    for wrong in ({"guestSettings": {"allowAll": True}}, {"guestSettings": {"allowDeleteChannels": "yes"}}, {"isArchived": True}):
        assert error_of(await caller.graph("PATCH", f"/teams/{PROJECT}", wrong))[0] == 400
    good = {"guestSettings": {"allowDeleteChannels": True}}
    time.forward(2)
    assert (await caller.graph("PATCH", f"/teams/{PROJECT}", good)).status_code == 204
    shown = (await caller.graph("GET", f"/teams/{PROJECT}")).json()
    assert shown["guestSettings"] == {"allowCreateUpdateChannels": False, "allowDeleteChannels": True}
    archived = await caller.graph("POST", f"/teams/{PROJECT}/archive", {})
    assert (archived.status_code, archived.headers["Location"][:9]) == (202, "/teams('a")
    assert error_of(await caller.graph("PATCH", f"/teams/{PROJECT}", good))[0] == 403


@shows("GET /teams/{id}/members", "POST /teams/{id}/members", "DELETE /teams/{id}/members/{member}", rung=2)
async def test_members_of_a_team_are_those_of_its_group_with_roles_and_no_guest_is_added_by_an_application(
    caller: Caller, time: StandingTime
) -> None:
    await caller.control("POST", "seed", {"teams": [{"group": "fabrikam-project"}]})
    ana = (await caller.invite("ana@fabrikam.com")).json()["invitedUser"]["id"]
    time.forward(60)
    members, roles = f"/teams/{PROJECT}/members", ("TeamMember.ReadWrite.All",)
    guest = {"@odata.type": "#microsoft.graph.aadUserConversationMember", "roles": [], "user@odata.bind": f"{USERS}('{ana}')"}
    assert error_of(await caller.graph("POST", members, guest, roles=roles))[:2] == (403, "Forbidden")
    assert (await caller.graph("POST", f"/groups/{PROJECT}/members/$ref", {"@odata.id": f"{USERS}/{ana}"})).status_code == 204
    time.forward(60)
    shown = {one["userId"]: one for one in (await caller.graph("GET", members, roles=roles)).json()["value"]}
    assert {user: one["roles"] for user, one in shown.items()} == {MIA: ["owner"], NOOR: [], ana: ["guest"]}
    asked = "?$filter=roles/any(r:r eq 'guest')"
    assert [one["userId"] for one in (await caller.graph("GET", members + asked, roles=roles)).json()["value"]] == [ana]
    assert (await caller.graph("DELETE", f"{members}/{shown[ana]['id']}", roles=roles)).status_code == 204
    time.forward(60)
    assert error_of(await caller.graph("DELETE", f"{members}/{shown[MIA]['id']}", roles=roles))[0] == 400, "the last owner"
    left = (await caller.graph("GET", f"/groups/{PROJECT}/members?$select=id")).json()["value"]
    assert ana not in {one["id"] for one in left}


@shows("GET /teams/{id}", "GET /identity/conditionalAccess/policies", rung=4)
async def test_teams_and_conditional_access_have_limits_of_their_own(caller: Caller, time: StandingTime) -> None:
    await caller.control("POST", "seed", {"teams": [{"group": "fabrikam-project"}]})
    replies = [await caller.graph("GET", f"/teams/{PROJECT}") for _ in range(5)]
    assert [reply.status_code for reply in replies] == [200] * 4 + [429]
    assert replies[4].headers["Retry-After"] in {"1", "2"}
    policies = [await caller.graph("GET", "/identity/conditionalAccess/policies") for _ in range(2)]
    assert [reply.status_code for reply in policies] == [200, 429]
    assert "Retry-After" not in policies[1].headers, "documented: this service does not say how long"
    time.forward(2)
    assert (await caller.graph("GET", "/identity/conditionalAccess/policies")).status_code == 200


@shows("POST /employeeExperience/communities", "GET /employeeExperience/engagementAsyncOperations/{id}", rung=2)
async def test_a_community_is_there_when_its_operation_has_succeeded(caller: Caller, time: StandingTime) -> None:
    body = {"displayName": "Friends", "privacy": "private", "owners@odata.bind": [f"{USERS}/{MIA}"]}
    made = await caller.graph("POST", COMMUNITIES, body)
    assert (made.status_code, made.content) == (202, b"")
    followed = await caller.graph("GET", made.headers["Location"])
    assert (followed.json()["status"], followed.json()["resourceId"]) == ("running", None)
    assert (await caller.graph("GET", COMMUNITIES)).json()["value"] == []
    time.forward(6)
    community = (await caller.graph("GET", made.headers["Location"])).json()["resourceId"]
    shown = (await caller.graph("GET", f"{COMMUNITIES}/{community}")).json()
    owners = (await caller.graph("GET", f"/groups/{shown['groupId']}/owners")).json()["value"]
    assert [owner["id"] for owner in owners] == [MIA]
    assert (await caller.graph("DELETE", f"{COMMUNITIES}/{community}")).status_code == 204
    assert error_of(await caller.graph("GET", f"{COMMUNITIES}/{community}"))[0] == 404
    assert error_of(await caller.graph("GET", f"/groups/{shown['groupId']}"))[0] == 404


@shows("POST /employeeExperience/communities", "PATCH /employeeExperience/communities/{id}", rung=2)
@pytest.mark.parametrize(
    "wrong",
    [
        {"displayName": "x" * 256},
        {"description": "x" * 1025},
        {"privacy": "Private"},
        {"displayName": None},
        {"groupId": PROJECT},
        {"owners@odata.bind": []},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
async def test_a_community_outside_the_documented_bounds_is_refused(caller: Caller, wrong: dict[str, Any]) -> None:
    body = {"displayName": "Friends", "privacy": "private", "owners@odata.bind": [f"{USERS}/{MIA}"]}
    assert error_of(await caller.graph("POST", COMMUNITIES, body | wrong))[0] == 400


@shows("POST /groups", rung=2)
async def test_labels_are_set_by_apps_only_where_the_options_say_so(caller: Caller) -> None:
    body = {"displayName": "New", "mailNickname": "new", "mailEnabled": True, "securityEnabled": False, "groupTypes": ["Unified"]}
    body["assignedLabels"] = [{"labelId": LABEL}]
    assert error_of(await caller.graph("POST", "/groups", body))[0] == 403
    await caller.control("PUT", "options", {"labelsByApplications": True})
    assert "EnableMIPLabels" in error_of(await caller.graph("POST", "/groups", body))[2]
    await caller.control("POST", "seed", {"groupSettings": {"EnableMIPLabels": "true"}})
    assert error_of(await caller.graph("POST", "/groups", body))[0] == 400
    await caller.control("POST", "seed", {"sensitivityLabels": [{"id": LABEL, "displayName": "Secret"}]})
    made = (await caller.graph("POST", "/groups", body)).json()["id"]
    shown = (await caller.graph("GET", f"/groups/{made}?$select=assignedLabels")).json()["assignedLabels"]
    assert shown == [{"labelId": LABEL, "displayName": "Secret"}]


@shows("GET /groups/{id}/settings", "GET /teams/{id}", "GET /employeeExperience/communities", rung=3)
async def test_what_was_just_made_is_not_everywhere_yet(caller: Caller) -> None:
    await caller.control("PUT", "lag", {"staleReads": 1})
    await caller.graph("POST", f"/groups/{PROJECT}/settings", CLOSED)
    assert (await caller.graph("GET", f"/groups/{PROJECT}/settings")).json()["value"] == []
    assert len((await caller.graph("GET", f"/groups/{PROJECT}/settings")).json()["value"]) == 1
    assert (await caller.graph("PUT", f"/groups/{PROJECT}/team", {})).status_code == 201
    seen = [(await caller.graph("GET", f"/teams/{PROJECT}")).status_code for _ in range(3)]
    assert (seen[0], seen[-1]) == (404, 200)
    await caller.control("PUT", "options", {"communitySeconds": 0})
    body = {"displayName": "Friends", "privacy": "private", "owners@odata.bind": [f"{USERS}/{MIA}"]}
    await caller.graph("POST", COMMUNITIES, body)
    counts = [len((await caller.graph("GET", COMMUNITIES)).json()["value"]) for _ in range(2)]
    assert counts == [0, 1]


@shows(
    "PUT /groups/{id}/team",
    "GET /teams/{id}",
    "POST /groups/{id}/settings",
    "GET /groupSettings",
    "GET /employeeExperience/communities",
    "GET /subscribedSkus",
    rung=5,
)
async def test_the_sdk_reads_and_writes_them(caller: Caller) -> None:
    async with httpx.AsyncClient(headers=caller.bearer(), verify=False) as http:
        adapter = GraphRequestAdapter(AnonymousAuthenticationProvider(), http)
        adapter.base_url = caller.tenant.graph
        client = GraphServiceClient(request_adapter=adapter)
        await caller.control("POST", "seed", {"communities": [{"displayName": "Friends", "owners": [MIA]}]})
        team = await client.groups.by_group_id(PROJECT).team.put(
            Team(guest_settings=TeamGuestSettings(allow_delete_channels=True))
        )
        again = await client.teams.by_team_id(PROJECT).get()
        setting = await client.groups.by_group_id(PROJECT).settings.post(
            GroupSetting(template_id=FOR_ONE_GROUP, values=[SettingValue(name="AllowToAddGuests", value="false")])
        )
        everywhere = await client.group_settings.get()
        communities = await client.employee_experience.communities.get()
        skus = await client.subscribed_skus.get()
    assert team is not None
    assert again is not None
    assert again.guest_settings is not None
    assert again.guest_settings.allow_delete_channels is True
    assert setting is not None
    assert everywhere is not None
    assert everywhere.value == []
    assert communities is not None
    assert [community.display_name for community in communities.value or []] == ["Friends"]
    assert skus is not None
    assert [sku.sku_part_number for sku in skus.value or []] == ["SPE_E5"]
