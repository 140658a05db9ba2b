"""The rules of cross-tenant access, capabilities and what stands beside them. Facts sections 3.1, 3.4 and 3.7."""

from typing import Any

import pytest
from kiota_abstractions.authentication.anonymous_authentication_provider import AnonymousAuthenticationProvider
from msgraph.generated.models.cross_tenant_access_policy_configuration_partner import CrossTenantAccessPolicyConfigurationPartner
from msgraph.generated.models.cross_tenant_access_policy_inbound_trust import CrossTenantAccessPolicyInboundTrust
from msgraph.graph_request_adapter import GraphRequestAdapter
from msgraph.graph_service_client import GraphServiceClient

from devstack.tenant.coverage import shows
from tests.tenant.calling import Caller, StandingTime, error_of
from tests.tenant.replays import ALL_USERS, DEFAULT, INBOUND, OFFICE, PARTNERS

FABRIKAM = "22222222-2222-2222-2222-222222222222"
ONE = f"{PARTNERS}/{FABRIKAM}"
SHUT = {
    "usersAndGroups": {"accessType": "blocked", "targets": [{"target": "AllUsers", "targetType": "user"}]},
    "applications": {"accessType": "blocked", "targets": [{"target": "AllApplications", "targetType": "application"}]},
}
BASIC = {"@odata.type": "#microsoft.graph.crossTenantCalendarAvailabilityBasic", "inboundAccess": INBOUND}


async def create(caller: Caller, **blocks: Any) -> None:
    reply = await caller.graph("POST", PARTNERS, {"tenantId": FABRIKAM, **blocks})
    assert reply.status_code == 201, reply.text


@shows("POST /policies/crossTenantAccessPolicy/partners", "GET /policies/crossTenantAccessPolicy/partners/{id}", rung=2)
async def test_a_new_partner_inherits_what_it_does_not_say(caller: Caller) -> None:
    assert (await caller.graph("GET", ONE)).status_code == 404
    await create(caller, b2bCollaborationInbound={"usersAndGroups": ALL_USERS, "applications": OFFICE})
    there = (await caller.graph("GET", ONE)).json()
    assert there["b2bCollaborationInbound"]["applications"] == OFFICE
    assert (there["inboundTrust"], there["b2bDirectConnectInbound"]) == (None, None)
    listed = (await caller.graph("GET", PARTNERS)).json()["value"]
    assert [one["tenantId"] for one in listed] == [FABRIKAM]


@shows("PATCH /policies/crossTenantAccessPolicy/partners/{id}", rung=2)
async def test_a_block_is_replaced_as_a_whole_and_null_inherits_again(caller: Caller) -> None:
    await create(caller, inboundTrust={"isMfaAccepted": True, "isCompliantDeviceAccepted": True})
    assert (await caller.graph("PATCH", ONE, {"inboundTrust": {"isMfaAccepted": False}})).status_code == 204
    assert (await caller.graph("GET", ONE)).json()["inboundTrust"] == {"isMfaAccepted": False}
    assert (await caller.graph("PATCH", ONE, {"inboundTrust": None})).status_code == 204
    assert (await caller.graph("GET", ONE)).json()["inboundTrust"] is None


WRONG: list[dict[str, Any]] = [
    {"b2BCollaborationInbound": SHUT},
    {"b2bCollaborationInbound": {"usersAndGroups": {"accessType": "open", "targets": []}}},
    {"b2bCollaborationInbound": {"usersAndGroups": {"accessType": "allowed", "targets": []}}},
    {"b2bCollaborationInbound": {"users": ALL_USERS}},
    {"b2bCollaborationInbound": {"usersAndGroups": SHUT["usersAndGroups"], "applications": OFFICE}},
    {"b2bCollaborationInbound": {"usersAndGroups": OFFICE}},
    {"inboundTrust": {"isMfaAccepted": "yes"}},
    {"inboundTrust": {"mfa": True}},
    {"isInMultiTenantOrganization": True},
    {"m365CollaborationInbound": {"usersAndGroups": ALL_USERS}},
    {"surprise": 1},
]


@shows("POST /policies/crossTenantAccessPolicy/partners", "PATCH /policies/crossTenantAccessPolicy/partners/{id}", rung=2)
@pytest.mark.parametrize("body", WRONG, ids=str)
async def test_what_does_not_fit_is_refused_and_changes_nothing(caller: Caller, body: dict[str, Any]) -> None:
    assert (await caller.graph("POST", PARTNERS, {"tenantId": FABRIKAM, **body})).status_code == 400
    await create(caller)
    before = await caller.state()
    assert (await caller.graph("PATCH", ONE, body)).status_code == 400
    assert await caller.state() == before


@shows("POST /policies/crossTenantAccessPolicy/partners", rung=2)
@pytest.mark.parametrize(
    "tenant", ["nobody", "11111111-1111-1111-1111-111111111111", "12345678-1234-1234-1234-123456789012", None]
)
async def test_a_partner_is_another_tenant_that_there_is(caller: Caller, tenant: str | None) -> None:
    assert (await caller.graph("POST", PARTNERS, {"tenantId": tenant})).status_code == 400


@shows("POST /policies/crossTenantAccessPolicy/partners", rung=2)
@pytest.mark.parametrize("status", [400, 409])
async def test_there_is_one_configuration_for_a_tenant(caller: Caller, status: int) -> None:
    await caller.control("PUT", "options", {"duplicatePartnerStatus": status})
    await create(caller)
    again = await caller.graph("POST", PARTNERS, {"tenantId": FABRIKAM})
    assert error_of(again)[0] == status
    assert "already exists" in error_of(again)[2]


@shows("POST /policies/crossTenantAccessPolicy/partners", "PATCH /policies/crossTenantAccessPolicy/partners/{id}", rung=2)
async def test_all_partners_together_have_a_size(caller: Caller) -> None:
    await create(caller)
    ids = [{"target": f"aaaaaaaa-0000-4000-8000-{number:012}", "targetType": "user"} for number in range(400)]
    block = {"usersAndGroups": {"accessType": "allowed", "targets": ids}, "applications": OFFICE}
    assert "maximum size" in error_of(await caller.graph("PATCH", ONE, {"b2bCollaborationInbound": block}))[2]


@shows("DELETE /policies/crossTenantAccessPolicy/partners/{id}", rung=2)
@shows("PUT /policies/crossTenantAccessPolicy/partners/{id}/identitySynchronization", rung=2)
@shows("GET /policies/crossTenantAccessPolicy/partners/{id}/identitySynchronization", rung=2)
@shows("DELETE /policies/crossTenantAccessPolicy/partners/{id}/identitySynchronization", rung=2)
async def test_synchronization_goes_before_its_partner(caller: Caller) -> None:
    await create(caller)
    sync = f"{ONE}/identitySynchronization"
    assert (await caller.graph("GET", sync)).status_code == 404
    await caller.graph("PUT", sync, {"displayName": "F", "userSyncInbound": {"isSyncAllowed": True}})
    assert (await caller.graph("GET", sync)).json()["userSyncInbound"] == {"isSyncAllowed": True}
    assert (await caller.graph("DELETE", ONE)).status_code == 400
    assert (await caller.graph("DELETE", sync)).status_code == 204
    assert [(await caller.graph("DELETE", ONE)).status_code for _ in range(2)] == [204, 404]


@shows("PATCH /policies/crossTenantAccessPolicy/default", "GET /policies/crossTenantAccessPolicy/default", rung=2)
@shows("POST /policies/crossTenantAccessPolicy/default/resetToSystemDefault", rung=2)
async def test_the_default_says_whether_it_is_microsofts(caller: Caller) -> None:
    assert (await caller.graph("GET", DEFAULT)).json()["isServiceDefault"] is True
    assert (await caller.graph("PATCH", DEFAULT, {"automaticUserConsentSettings": {"inboundAllowed": True}})).status_code == 400
    assert (await caller.graph("PATCH", DEFAULT, {"b2bCollaborationInbound": None})).status_code == 400
    assert (await caller.graph("PATCH", DEFAULT, {"b2bCollaborationInbound": SHUT})).status_code == 204
    changed = (await caller.graph("GET", DEFAULT)).json()
    assert (changed["isServiceDefault"], changed["b2bCollaborationInbound"]) == (False, SHUT)
    assert (await caller.graph("POST", f"{DEFAULT}/resetToSystemDefault")).status_code == 204
    assert (await caller.graph("GET", DEFAULT)).json()["isServiceDefault"] is True


@shows("POST /invitations", rung=2)
async def test_invitations_keep_to_what_holds_for_the_guests_tenant(caller: Caller) -> None:
    await create(caller, b2bCollaborationInbound=SHUT)
    assert "cross-tenant access" in error_of(await caller.invite("ana@fabrikam.com"))[2]
    assert (await caller.invite("nell@northwind.com")).status_code == 201
    await caller.graph("PATCH", DEFAULT, {"b2bCollaborationInbound": SHUT})
    assert "cross-tenant access" in error_of(await caller.invite("tom@wingtip.com"))[2]
    await caller.graph("PATCH", ONE, {"b2bCollaborationInbound": {"usersAndGroups": ALL_USERS, "applications": OFFICE}})
    assert (await caller.invite("ana@fabrikam.com")).status_code == 201


@shows("POST /policies/crossTenantAccessPolicy/partners/{id}/m365Capabilities", rung=2)
@shows("GET /policies/crossTenantAccessPolicy/partners/{id}/m365Capabilities", rung=2)
@shows("PATCH /policies/crossTenantAccessPolicy/partners/{id}/m365Capabilities/{name}", rung=2)
@shows("DELETE /policies/crossTenantAccessPolicy/partners/{id}/m365Capabilities/{name}", rung=2)
async def test_a_capability_needs_a_partner_with_collaboration_and_is_named_by_its_type(caller: Caller) -> None:
    place = f"{ONE}/m365Capabilities"
    assert (await caller.graph("POST", place, BASIC)).status_code == 404
    await create(caller)
    assert (await caller.graph("POST", place, BASIC)).status_code == 400
    await caller.graph("PATCH", ONE, {"m365CollaborationInbound": {"users": ALL_USERS}})
    made = await caller.graph("POST", place, BASIC)
    assert (made.status_code, made.json()["name"]) == (201, "crossTenantCalendarAvailabilityBasic")
    assert (await caller.graph("POST", place, BASIC)).status_code == 400
    one = f"{place}/crossTenantCalendarAvailabilityBasic"
    assert (await caller.graph("PATCH", one, {"inboundAccess": {"isAllowed": False}})).status_code == 204
    assert (await caller.graph("GET", one)).json()["inboundAccess"]["isAllowed"] is False
    assert (
        await caller.graph("PATCH", one, {**BASIC, "@odata.type": "#microsoft.graph.crossTenantMailTipsAll"})
    ).status_code == 400
    assert [(await caller.graph("DELETE", one)).status_code for _ in range(2)] == [204, 404]
    assert (await caller.graph("GET", place)).json()["value"] == []


@shows("POST /policies/crossTenantAccessPolicy/partners/{id}/m365Capabilities", rung=2)
@shows("POST /policies/crossTenantAccessPolicy/default/m365Capabilities", rung=2)
@pytest.mark.parametrize(
    ("kind", "partner", "default"),
    [
        ("crossTenantMigration", 201, 400),
        ("crossTenantLabelSync", 201, 400),
        ("anonymousCalendarSharingFreeBusySimple", 400, 201),
        ("calendar", 400, 400),
    ],
)
async def test_some_capabilities_are_for_partners_and_some_for_the_default(
    caller: Caller, kind: str, partner: int, default: int
) -> None:
    await create(caller, m365CollaborationInbound={"users": ALL_USERS})
    body = {**BASIC, "@odata.type": f"#microsoft.graph.{kind}"}
    assert (await caller.graph("POST", f"{ONE}/m365Capabilities", body)).status_code == partner
    assert (await caller.graph("POST", f"{DEFAULT}/m365Capabilities", body)).status_code == default


@shows("GET /policies/crossTenantAccessPolicy/partners/{id}", rung=3)
@shows("GET /policies/crossTenantAccessPolicy/partners/{id}/m365Capabilities", rung=3)
async def test_partners_and_capabilities_are_behind_on_some_replicas(lagging: Caller, time: StandingTime) -> None:
    await lagging.control("PUT", "lag", {"seconds": 60, "staleShare": 1})
    await create(lagging, m365CollaborationInbound={"users": ALL_USERS})
    assert (await lagging.graph("GET", ONE)).status_code == 404
    time.forward(200)
    assert (await lagging.graph("GET", ONE)).status_code == 200
    await lagging.graph("POST", f"{ONE}/m365Capabilities", BASIC)
    assert (await lagging.graph("GET", f"{ONE}/m365Capabilities")).json()["value"] == []
    time.forward(200)
    assert len((await lagging.graph("GET", f"{ONE}/m365Capabilities")).json()["value"]) == 1


@shows("GET /policies/b2bManagementPolicies", rung=2)
async def test_the_list_of_domains_is_in_beta_alone_and_is_json_in_json(caller: Caller) -> None:
    beta = f"{caller.tenant.address}/beta/policies/b2bManagementPolicies"
    assert (await caller.graph("GET", beta)).json()["value"] == []
    await caller.control("POST", "seed", {"allowedDomains": ["fabrikam.com"]})
    found = (await caller.graph("GET", beta)).json()["value"][0]
    assert '"AllowedDomains":["fabrikam.com"]' in found["definition"][0]
    assert (await caller.graph("GET", "/policies/b2bManagementPolicies")).status_code == 400


@shows("GET /identityGovernance/termsOfUse/agreements", rung=2)
async def test_terms_of_use_are_for_people_as_documented(caller: Caller) -> None:
    assert (await caller.graph("GET", "/identityGovernance/termsOfUse/agreements")).status_code == 403


@shows("GET /auditLogs/signIns", rung=2)
async def test_sign_ins_need_a_premium_tenant(caller: Caller) -> None:
    assert (await caller.graph("GET", "/auditLogs/signIns")).status_code == 200
    await caller.control("POST", "seed", {"organization": {"premium": False}})
    assert error_of(await caller.graph("GET", "/auditLogs/signIns"))[:2] == (
        403,
        "Authentication_RequestFromNonPremiumTenantOrB2CTenant",
    )


@shows("POST /policies/crossTenantAccessPolicy/partners", "GET /policies/crossTenantAccessPolicy/partners/{id}", rung=5)
@shows("GET /policies/crossTenantAccessPolicy/partners/{id}/m365Capabilities", rung=5)
async def test_the_official_client_reads_and_writes_partners(caller: Caller) -> None:
    caller.http.headers.update(caller.bearer())
    adapter = GraphRequestAdapter(AnonymousAuthenticationProvider(), caller.http)
    adapter.base_url = caller.tenant.graph
    partners = GraphServiceClient(request_adapter=adapter).policies.cross_tenant_access_policy.partners
    trust = CrossTenantAccessPolicyInboundTrust(is_mfa_accepted=True)
    made = await partners.post(CrossTenantAccessPolicyConfigurationPartner(tenant_id=FABRIKAM, inbound_trust=trust))
    assert made is not None
    assert made.tenant_id == FABRIKAM
    one = partners.by_cross_tenant_access_policy_configuration_partner_tenant_id(FABRIKAM)
    found = await one.get()
    assert found is not None
    assert found.inbound_trust is not None
    assert found.inbound_trust.is_mfa_accepted is True
    capabilities = await one.m365_capabilities.get()
    assert capabilities is not None
    assert capabilities.value == []
