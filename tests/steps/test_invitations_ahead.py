"""What an invitation, and the partner's settings, will meet: every reading of the preflight, over sockets."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from shared.nouns.outcomes import NotYet
from shared.nouns.partner import Partner
from shared.nouns.request import Header
from shared.nouns.step import Finding, Preflight
from shared.nouns.template import Template
from shared.steps.add_to_group import ADD_TO_GROUP
from shared.steps.invite_guest import INVITE_GUEST
from shared.steps.set_capabilities import SET_CAPABILITIES
from shared.steps.set_partner_configuration import SET_PARTNER_CONFIGURATION
from shared.tenant import Tenant
from tests.steps.conftest import Simulation, settings_of

TENANT = "22222222-2222-2222-2222-222222222222"
FABRIKAM = Partner(TENANT, "Fabrikam", ("fabrikam.com",))
STEPS = ("invite-guest", "set-partner-configuration", "set-capabilities")
READ = ("Policy.Read.All", "Policy.Read.B2BManagementPolicy", "Agreement.Read.All")
ROLES = frozenset({*INVITE_GUEST.permissions, *SET_PARTNER_CONFIGURATION.permissions, *SET_CAPABILITIES.permissions, *READ})
SHUT = {
    "usersAndGroups": {"accessType": "blocked", "targets": [{"target": "AllUsers", "targetType": "user"}]},
    "applications": {"accessType": "blocked", "targets": [{"target": "AllApplications", "targetType": "application"}]},
}


def ahead(roles: frozenset[str] = ROLES, guests: int = 2, settings: dict[str, Any] | None = None, **steps: Any) -> Preflight:
    named = {name.replace("_", "-"): block for name, block in steps.items()}
    raw = {"version": 1, "id": "r", "template": "t", "partner": {"name": "Fabrikam", "domains": ["fabrikam.com"]}, "steps": named}
    template = Template(name="t", version=1, description="x", steps=STEPS)
    return Preflight(FABRIKAM, Header.model_validate(raw), template, settings or {}, guests, ("fabrikam.com",), roles)


async def found(
    preflight: Callable[[Tenant, Preflight], Awaitable[tuple[Finding, ...]]] | None, tenant: Tenant, look: Preflight
) -> dict[str, str]:
    assert preflight is not None
    return {one.setting: one.weight.value for one in await preflight(tenant, look)}


async def test_an_open_tenant_only_tells_what_guests_see(tenant: Tenant) -> None:
    assert await found(INVITE_GUEST.preflight, tenant, ahead()) == {"guestUserRoleId": "tells"}


SEEDS: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"authorizationPolicy": {"allowInvitesFrom": "none"}}, {"allowInvitesFrom": "refuses"}),
    ({"authorizationPolicy": {"allowInvitesFrom": "adminsAndGuestInviters"}}, {"allowInvitesFrom": "warns"}),
    ({"blockedDomains": ["fabrikam.com"]}, {"collaboration restrictions": "refuses"}),
    ({"blockedDomains": ["other.com"]}, {}),
    ({"allowedDomains": ["other.com"]}, {"collaboration restrictions": "refuses"}),
    ({"allowedDomains": ["fabrikam.com"]}, {}),
    ({"crossTenantDefault": {"b2bCollaborationInbound": SHUT}}, {"b2bCollaborationInbound": "refuses"}),
    ({"crossTenantPartners": [{"tenantId": TENANT, "b2bCollaborationInbound": SHUT}]}, {"b2bCollaborationInbound": "refuses"}),
]


@pytest.mark.parametrize(("seed", "expected"), SEEDS, ids=lambda value: str(value)[:60])
async def test_what_will_refuse_guests_is_said_before(
    tenant: Tenant, simulation: Simulation, seed: dict[str, Any], expected: dict[str, str]
) -> None:
    simulation.order("POST", "seed", seed)
    assert await found(INVITE_GUEST.preflight, tenant, ahead()) == {"guestUserRoleId": "tells"} | expected


async def test_a_request_that_opens_the_partner_is_not_in_its_own_way(tenant: Tenant, simulation: Simulation) -> None:
    simulation.order("POST", "seed", {"crossTenantDefault": {"b2bCollaborationInbound": SHUT}})
    look = ahead(set_partner_configuration={"b2bCollaborationInbound": "allowed"})
    assert "b2bCollaborationInbound" not in await found(INVITE_GUEST.preflight, tenant, look)


async def test_addresses_that_mail_contacts_hold_are_said_before_or_that_nobody_may_look(
    tenant: Tenant, simulation: Simulation
) -> None:
    contacts = [{"mail": "ana@fabrikam.com"}, {"mail": "x@other.com"}]
    simulation.order("POST", "seed", {"contacts": contacts})
    assert INVITE_GUEST.preflight is not None
    (clash,) = [one for one in await INVITE_GUEST.preflight(tenant, ahead()) if one.setting == "MailContact"]
    assert (clash.weight, clash.value) == ("warns", "1")
    assert "Exchange admin center" in clash.where
    assert "@" not in clash.why
    simulation.order("POST", "seed", {"permissions": {"https://outlook.office365.com": []}})
    await tenant.close()
    blind = Tenant(settings_of(simulation))
    try:
        assert await found(INVITE_GUEST.preflight, blind, ahead()) == {
            "guestUserRoleId": "tells",
            "Exchange.ManageAsApp": "tells",
        }
        said = await found(INVITE_GUEST.preflight, blind, ahead(ROLES | {"Exchange.ManageAsApp"}))
        assert said == {"guestUserRoleId": "tells", "Exchange role of the app": "tells"}
    finally:
        await blind.close()


EXTERNAL = {"guestOrExternalUserTypes": "internalGuest,b2bCollaborationGuest", "externalTenants": {"membershipKind": "all"}}


def policy(users: dict[str, Any], *controls: str, state: str = "enabled", terms: tuple[str, ...] = ()) -> dict[str, Any]:
    grants = {"operator": "AND", "builtInControls": list(controls), "termsOfUse": list(terms)}
    return {"displayName": "P", "state": state, "conditions": {"users": users}, "grantControls": grants}


def only(tenant: str) -> dict[str, Any]:
    tenants = {"@odata.type": "#microsoft.graph.conditionalAccessEnumeratedExternalTenants", "membershipKind": "enumerated"}
    return {**EXTERNAL, "externalTenants": {**tenants, "members": [tenant]}}


POLICIES: list[tuple[dict[str, Any], str | None]] = [
    (policy({"includeUsers": ["GuestsOrExternalUsers"]}, "mfa"), "tells"),
    (policy({"includeUsers": ["All"]}, "compliantDevice"), "warns"),
    (policy({"includeUsers": ["All"]}, "block"), "warns"),
    (policy({"includeUsers": ["All"]}, "block", state="disabled"), None),
    (policy({"includeUsers": ["All"]}, "block", state="enabledForReportingButNotEnforced"), "tells"),
    (policy({"includeUsers": ["All"], "excludeUsers": ["GuestsOrExternalUsers"]}, "block"), None),
    (policy({"includeUsers": ["All"], "excludeGuestsOrExternalUsers": EXTERNAL}, "block"), None),
    (policy({"includeUsers": ["All"], "excludeGuestsOrExternalUsers": only(TENANT)}, "block"), None),
    (policy({"includeGuestsOrExternalUsers": EXTERNAL}, "block"), "warns"),
    (policy({"includeGuestsOrExternalUsers": only(TENANT)}, "block"), "warns"),
    (policy({"includeGuestsOrExternalUsers": only("99999999-2222-2222-2222-222222222222")}, "block"), None),
    (policy({"includeUsers": ["bbbbbbbb-0000-4000-8000-000000000001"]}, "block"), None),
]


@pytest.mark.parametrize(("planted", "weight"), POLICIES)
async def test_conditional_access_that_guests_will_meet_is_shown(
    tenant: Tenant, simulation: Simulation, planted: dict[str, Any], weight: str | None
) -> None:
    simulation.order("POST", "seed", {"conditionalAccess": [planted]})
    assert (await found(INVITE_GUEST.preflight, tenant, ahead())).get("Conditional Access policy P") == weight


async def test_conditional_access_is_read_once_a_second_and_asked_for_again_soon(tenant: Tenant, simulation: Simulation) -> None:
    # A long second, however slow the machine is.
    simulation.order("PUT", "throttle", {"enabled": True, "limits": {"conditionalAccess": {"seconds": 600}}})
    await tenant.policies.conditional_access()
    with pytest.raises(NotYet) as refused:
        await tenant.policies.conditional_access()
    assert refused.value.after < 5, "no Retry-After is given, and the half minute that others want would be much too long"
    assert not refused.value.moves_lane


async def test_a_device_that_is_trusted_hinders_nobody(tenant: Tenant, simulation: Simulation) -> None:
    simulation.order("POST", "seed", {"conditionalAccess": [policy({"includeUsers": ["All"]}, "compliantDevice")]})
    look = ahead(set_partner_configuration={"inboundTrust": {"isCompliantDeviceAccepted": True}})
    assert "Conditional Access policy P" not in await found(INVITE_GUEST.preflight, tenant, look)


@pytest.mark.parametrize(("readable", "value"), [(True, "Terms for guests"), (False, "eeeeeeee-0000-4000-8000-000000000001")])
async def test_terms_of_use_are_told_by_name_where_an_app_may_read_it(
    tenant: Tenant, simulation: Simulation, readable: bool, value: str
) -> None:
    simulation.order("PUT", "options", {"agreementsForApplications": readable})
    terms = "eeeeeeee-0000-4000-8000-000000000001"
    planted = policy({"includeUsers": ["All"]}, terms=(terms,))
    simulation.order(
        "POST", "seed", {"conditionalAccess": [planted], "agreements": [{"id": terms, "displayName": "Terms for guests"}]}
    )
    assert INVITE_GUEST.preflight is not None
    findings = await INVITE_GUEST.preflight(tenant, ahead())
    assert [one.value for one in findings if one.setting == "terms of use"] == [value]


async def test_what_the_token_lacks_refuses_and_what_it_may_not_read_is_told(tenant: Tenant) -> None:
    said = await found(INVITE_GUEST.preflight, tenant, ahead(frozenset({"User.Invite.All", "User.ReadWrite.All"})))
    assert said == {"Policy.Read.B2BManagementPolicy": "tells", "Policy.Read.All": "tells"}
    said = await found(INVITE_GUEST.preflight, tenant, ahead(frozenset({"User.Read.All"}), guests=0))
    assert said == {"User.Invite.All": "refuses", "User.DeleteRestore.All": "refuses", "User.ReadWrite.All": "refuses"}
    for step in (SET_PARTNER_CONFIGURATION, SET_CAPABILITIES):
        said = await found(step.preflight, tenant, ahead(frozenset()))
        assert said == dict.fromkeys(step.permissions, "refuses")


async def test_a_closed_partner_and_its_synchronization_are_seen_before(tenant: Tenant, simulation: Simulation) -> None:
    there = {"tenantId": TENANT, "b2bCollaborationInbound": SHUT, "isServiceProvider": True}
    sync = {"identitySynchronization": {"tenantId": TENANT, "displayName": "F", "userSyncInbound": {"isSyncAllowed": True}}}
    simulation.order("POST", "seed", {"crossTenantPartners": [there | sync]})
    opening = {"b2bCollaborationInbound": "allowed"}
    others = {"partner configuration": "tells", "identitySynchronization": "warns"}
    step = SET_PARTNER_CONFIGURATION
    assert await found(step.preflight, tenant, ahead(settings=opening)) == others | {"b2bCollaborationInbound": "refuses"}
    again = ahead(settings=opening | {"reopen": True})
    assert await found(step.preflight, tenant, again) == others | {"b2bCollaborationInbound": "warns"}


async def test_capabilities_look_for_trust_and_for_a_relationship_that_would_win(tenant: Tenant) -> None:
    await tenant.exchange.new_relationship({"Name": "Old", "DomainNames": ("fabrikam.com",), "Enabled": True})
    settings = {"crossTenantMailTipsAll": True}
    said = await found(SET_CAPABILITIES.preflight, tenant, ahead(settings=settings))
    assert said == {"m365CollaborationInbound": "refuses", "organization relationship": "warns"}
    look = ahead(settings=settings, set_partner_configuration={"m365CollaborationInbound": "allowed"})
    assert await found(SET_CAPABILITIES.preflight, tenant, look) == {"organization relationship": "warns"}


async def test_a_policy_that_is_nearly_full_is_told_before(tenant: Tenant, simulation: Simulation) -> None:
    targets = [{"target": f"aaaaaaaa-0000-4000-8000-{n:012}", "targetType": "user"} for n in range(110)]
    many = {"usersAndGroups": {"accessType": "allowed", "targets": targets}, "applications": SHUT["applications"]}
    some = [{"tenantId": f"33333333-0000-4000-8000-{n:012}", "b2bCollaborationOutbound": many} for n in range(3)]
    step = SET_PARTNER_CONFIGURATION
    assert await found(step.preflight, tenant, ahead()) == {}
    simulation.order("POST", "seed", {"crossTenantPartners": some})
    assert step.preflight is not None
    (full,) = await step.preflight(tenant, ahead())
    assert (full.weight, full.setting) == ("warns", "size of the cross-tenant access policy")
    assert "of 25,000 characters" in full.value
    assert "Entra admin center" in full.where
    simulation.order("POST", "seed", {"allowedDomains": ["other.com"]})
    assert INVITE_GUEST.preflight is not None
    (listed,) = [one for one in await INVITE_GUEST.preflight(tenant, ahead()) if one.weight == "refuses"]
    assert listed.value.endswith("of 25,000 characters used")


@pytest.mark.parametrize(("given", "weight"), [(("synced",), "refuses"), ((), "warns")])
async def test_groups_whose_members_nobody_can_change_here_are_told_before(
    tenant: Tenant, given: tuple[str, ...], weight: str
) -> None:
    groups = {"readers": "aaaaaaaa-0000-4000-8000-000000000002", "synced": "aaaaaaaa-0000-4000-8000-000000000004"}
    look = ahead()
    look = replace(look, template=look.template.model_copy(update={"groups": groups}))
    look = replace(look, header=look.header.model_copy(update={"groups": given}))
    assert ADD_TO_GROUP.preflight is not None
    (only,) = await ADD_TO_GROUP.preflight(tenant, look)
    assert (only.weight, only.setting, only.value) == (weight, "group synced", "synced")
    assert "it comes from on-premises" in only.why
    assert "Entra admin center" in only.where
    assert await ADD_TO_GROUP.preflight(tenant, replace(look, guests=0)) == ()
