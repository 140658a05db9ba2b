"""The partner's cross-tenant access and capabilities against the simulated tenant, over sockets, by the SDK's builders."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.nouns.errors import Refusal
from shared.nouns.outcomes import NotYet, WontWork
from shared.nouns.partner import Partner
from shared.nouns.request import Header
from shared.nouns.state import difference
from shared.nouns.step import Ask, Entry, Intent, Step, Subject, Wish
from shared.nouns.template import Template
from shared.steps.set_capabilities import SET_CAPABILITIES
from shared.steps.set_partner_configuration import SET_PARTNER_CONFIGURATION
from shared.tenant import Tenant
from shared.tenant.blocks import CLOSED, INHERITED, NO_PARTNER
from tests.steps.conftest import Simulation, settings_of

TENANT = "22222222-2222-2222-2222-222222222222"
FABRIKAM = Partner(TENANT, "Fabrikam", ("fabrikam.com", "fabrikam.co.uk"))
GROUP = "aaaaaaaa-0000-4000-8000-000000000007"
PARTNERS = "crossTenantAccessPolicy/partners"
TEMPLATE = Template(
    name="joint-project", version=1, description="x", steps=("set-partner-configuration", "set-capabilities"), groups={}
)
EVERYBODY = "users allowed: AllUsers; applications allowed: AllApplications"
NOBODY = "users blocked: AllUsers; applications blocked: AllApplications"
OFFICE = {
    "usersAndGroups": {"accessType": "allowed", "targets": [{"target": "AllUsers", "targetType": "user"}]},
    "applications": {"accessType": "allowed", "targets": [{"target": "Office365"}]},
}
MFA = {"inboundTrust": {"isMfaAccepted": True}}
BASIC = "crossTenantCalendarAvailabilityBasic"


def asked(step: Step[Tenant], settings: dict[str, Any], steps: dict[str, Any] | None = None) -> Wish:
    header = {"version": 1, "id": "r", "template": "joint-project", "partner": {"name": "Fabrikam", "domains": ["fabrikam.com"]}}
    ask = Ask(Header.model_validate(header | {"steps": steps or {step.name: settings}}), TEMPLATE, FABRIKAM, settings)
    wish = step.wanted(ask)
    assert wish is not None
    return wish


def subject_of(wish: Wish) -> Subject:
    return Subject("t-fabrikam", FABRIKAM, details=wish.details)


async def done(tenant: Tenant, step: Step[Tenant], wish: Wish) -> tuple[Subject, Entry]:
    """As the runner does it: the keys that differ are applied and journalled."""
    subject = subject_of(wish)
    before = await step.read(tenant, subject)
    assert step.explain(subject, before) is None
    change = difference(wish.state, before)
    applied = await step.apply(tenant, replace(subject, seen=before), change)
    assert difference(wish.state, await step.read(tenant, subject)) == {}
    return subject, Entry({key: before.get(key) for key in change}, change, applied.ids, applied.created)


def own(simulation: Simulation) -> Any:
    found = [one for one in simulation.state["crossTenantPartners"] if one["tenantId"] == TENANT]
    return found[0] if found else None


def by_hand(simulation: Simulation, **blocks: Any) -> None:
    simulation.order("POST", "seed", {"crossTenantPartners": [{"tenantId": TENANT, **blocks}]})


CONFIGURATION = SET_PARTNER_CONFIGURATION


async def test_a_configuration_comes_with_whole_blocks_and_goes_again(tenant: Tenant, simulation: Simulation) -> None:
    wish = asked(
        CONFIGURATION, {"b2bCollaborationInbound": OFFICE, "automaticUserConsentSettings": {"inboundAllowed": True}, **MFA}
    )
    subject, entry = await done(tenant, CONFIGURATION, wish)
    assert entry.created
    assert entry.before["b2bCollaborationInbound"] == EVERYBODY + NO_PARTNER
    there = own(simulation)
    assert there["inboundTrust"] == {
        "isMfaAccepted": True,
        "isCompliantDeviceAccepted": False,
        "isHybridAzureADJoinedDeviceAccepted": False,
    }
    assert there["b2bCollaborationInbound"]["applications"]["targets"] == [{"target": "Office365", "targetType": "application"}]
    assert there["b2bDirectConnectInbound"] is None
    assert simulation.writes(PARTNERS) == ["POST"]
    assert "MFA" in CONFIGURATION.settled(subject, await CONFIGURATION.read(tenant, subject))
    await CONFIGURATION.undo(tenant, subject, entry)
    await CONFIGURATION.undo(tenant, subject, entry)
    assert own(simulation) is None
    assert simulation.writes(PARTNERS) == ["POST", "DELETE"]


async def test_what_the_default_gives_already_is_not_written(tenant: Tenant, simulation: Simulation) -> None:
    wish = asked(CONFIGURATION, {"b2bCollaborationInbound": "allowed", "b2bDirectConnectInbound": "blocked"})
    assert difference(wish.state, await CONFIGURATION.read(tenant, subject_of(wish))) == {}
    assert simulation.writes(PARTNERS) == []


async def test_a_configuration_of_others_keeps_what_is_theirs(tenant: Tenant, simulation: Simulation) -> None:
    by_hand(simulation, inboundTrust={"isCompliantDeviceAccepted": True}, b2bCollaborationOutbound=OFFICE_AS_GRAPH)
    subject, entry = await done(tenant, CONFIGURATION, asked(CONFIGURATION, {"b2bDirectConnectInbound": OFFICE, **MFA}))
    assert not entry.created
    assert entry.before == {"b2bDirectConnectInbound": NOBODY + INHERITED, "inboundTrust": "compliant devices"}
    await CONFIGURATION.undo(tenant, subject, entry)
    there = own(simulation)
    assert there["inboundTrust"]["isCompliantDeviceAccepted"] is True
    assert there["inboundTrust"]["isMfaAccepted"] is False
    assert (there["b2bDirectConnectInbound"], there["b2bCollaborationOutbound"]) == (None, OFFICE_AS_GRAPH)


OFFICE_AS_GRAPH = {
    "usersAndGroups": OFFICE["usersAndGroups"],
    "applications": {"accessType": "allowed", "targets": [{"target": "Office365", "targetType": "application"}]},
}
SHUT = {
    "usersAndGroups": {"accessType": "blocked", "targets": [{"target": "AllUsers", "targetType": "user"}]},
    "applications": {"accessType": "blocked", "targets": [{"target": "AllApplications", "targetType": "application"}]},
}


async def test_undo_stops_where_somebody_has_narrowed_it_since(tenant: Tenant, simulation: Simulation) -> None:
    subject, entry = await done(tenant, CONFIGURATION, asked(CONFIGURATION, {"b2bCollaborationInbound": OFFICE}))
    by_hand(simulation, b2bCollaborationInbound=SHUT)
    with pytest.raises(WontWork, match=r"Office365.*blocked: AllUsers"):
        await CONFIGURATION.undo(tenant, subject, entry)
    assert own(simulation)["b2bCollaborationInbound"] == SHUT


async def test_undo_deletes_nothing_that_somebody_has_put_beside_ours(tenant: Tenant, simulation: Simulation) -> None:
    subject, entry = await done(tenant, CONFIGURATION, asked(CONFIGURATION, MFA))
    by_hand(simulation, b2bCollaborationInbound=SHUT)
    await CONFIGURATION.undo(tenant, subject, entry)
    assert (own(simulation)["inboundTrust"], own(simulation)["b2bCollaborationInbound"]) == (None, SHUT)


async def test_what_hung_on_the_configuration_a_moment_ago_does_not_keep_it(tenant: Tenant, simulation: Simulation) -> None:
    """Replicas that are behind show capabilities that were just taken away (facts 0.4): only what stays is somebody's."""
    settings = {**MFA, "m365CollaborationInbound": "allowed"}
    subject, entry = await done(tenant, CONFIGURATION, asked(CONFIGURATION, settings))
    theirs, opened = await done(tenant, SET_CAPABILITIES, asked(SET_CAPABILITIES, {BASIC: True}))
    simulation.order("PUT", "lag", {"seconds": [600, 600], "staleShare": 1})
    await SET_CAPABILITIES.undo(tenant, theirs, opened)
    with pytest.raises(NotYet, match="still seem to hang"):
        await CONFIGURATION.undo(tenant, subject, entry)
    assert own(simulation) is not None
    simulation.order("PUT", "lag", 0)
    assert "removed" in (await CONFIGURATION.undo(tenant, subject, entry)).note
    assert own(simulation) is None


async def test_undo_into_a_default_that_was_opened_meanwhile_keeps_what_was_before(
    tenant: Tenant, simulation: Simulation
) -> None:
    subject, entry = await done(tenant, CONFIGURATION, asked(CONFIGURATION, {"b2bDirectConnectInbound": OFFICE}))
    simulation.order("POST", "seed", {"crossTenantDefault": {"b2bDirectConnectInbound": OPEN}})
    await CONFIGURATION.undo(tenant, subject, entry)
    assert own(simulation)["b2bDirectConnectInbound"] == SHUT


OPEN = {
    "usersAndGroups": {"accessType": "allowed", "targets": [{"target": "AllUsers", "targetType": "user"}]},
    "applications": {"accessType": "allowed", "targets": [{"target": "AllApplications", "targetType": "application"}]},
}


async def test_what_somebody_has_closed_is_opened_only_on_purpose(tenant: Tenant, simulation: Simulation) -> None:
    by_hand(simulation, b2bCollaborationInbound=SHUT)
    wish = asked(CONFIGURATION, {"b2bCollaborationInbound": OFFICE})
    state = await CONFIGURATION.read(tenant, subject_of(wish))
    assert "reopen: true" in str(CONFIGURATION.explain(subject_of(wish), state))
    await done(tenant, CONFIGURATION, asked(CONFIGURATION, {"b2bCollaborationInbound": OFFICE, "reopen": True}))
    assert own(simulation)["b2bCollaborationInbound"] == OFFICE_AS_GRAPH


@pytest.mark.parametrize("status", [400, 409])
async def test_one_that_was_not_seen_is_changed(tenant: Tenant, simulation: Simulation, status: int) -> None:
    simulation.order("PUT", "options", {"duplicatePartnerStatus": status})
    by_hand(simulation, b2bCollaborationInbound=OFFICE_AS_GRAPH)
    wish = asked(CONFIGURATION, MFA)
    unseen = replace(subject_of(wish), seen={"partner": None})
    assert not (await CONFIGURATION.apply(tenant, unseen, dict(wish.state))).created
    assert simulation.writes(PARTNERS) == ["POST", "PATCH"]
    assert own(simulation)["b2bCollaborationInbound"] == OFFICE_AS_GRAPH


async def test_a_created_one_whose_answer_was_lost_is_known_as_ours(tenant: Tenant, simulation: Simulation) -> None:
    wish = asked(CONFIGURATION, MFA)
    subject = subject_of(wish)
    before = await CONFIGURATION.read(tenant, subject)
    simulation.fault("effect-then-lost", PARTNERS, method="POST")
    with pytest.raises(NotYet) as lost:
        await CONFIGURATION.apply(tenant, replace(subject, seen=before), dict(wish.state))
    assert lost.value.effect_unknown
    intent = Intent(datetime.now(UTC), 1, dict(wish.state), answered=False, before={"inboundTrust": before["inboundTrust"]})
    seen = await CONFIGURATION.read(tenant, replace(subject, intents=(intent,)))
    assert (difference(wish.state, seen), seen["ours"]) == ({}, True)


async def test_a_tenant_that_there_is_not_is_a_refusal(tenant: Tenant) -> None:
    with pytest.raises(WontWork, match="not a valid partner tenant"):
        await tenant.partner_configurations.set_blocks("12345678-1234-4234-8234-123456789012", {"inboundTrust": "MFA"})


async def test_closing_is_one_write_and_can_be_taken_back(tenant: Tenant, simulation: Simulation) -> None:
    by_hand(simulation, m365CollaborationInbound={"users": OFFICE["usersAndGroups"]}, inboundTrust={"isMfaAccepted": True})
    simulation.order("DELETE", "faults")
    closed = await tenant.partner_configurations.close(TENANT)
    assert simulation.writes(PARTNERS) == ["PATCH"]
    assert (await tenant.partner_configurations.read(TENANT)).open_ways() == ()
    assert own(simulation)["m365CollaborationInbound"]["users"]["accessType"] == "blocked"
    assert set(closed.after) == {*CLOSED, "m365CollaborationInbound"}
    again = await tenant.partner_configurations.close(TENANT)
    assert again.after.items() >= CLOSED.items()
    await tenant.partner_configurations.restore(TENANT, closed.before, closed.after, created=closed.created)
    there = own(simulation)
    assert there["inboundTrust"]["isMfaAccepted"] is True
    assert (there["b2bCollaborationInbound"], there["m365CollaborationInbound"]["users"]) == (None, OFFICE["usersAndGroups"])


async def test_closing_does_not_wait_for_a_read(tenant: Tenant, simulation: Simulation) -> None:
    simulation.order(
        "POST", "faults", {"effect": "status", "status": 403, "match": {"method": "GET", "path": "/policies/"}, "times": 9}
    )
    closed = await tenant.partner_configurations.close(TENANT)
    assert (closed.created, closed.before) == (True, {})
    simulation.order("DELETE", "faults")
    assert (await tenant.partner_configurations.read(TENANT)).open_ways() == ()


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"b2BCollaborationInbound": "allowed"}, "b2BCollaborationInbound"),
    ({"b2bCollaborationInbound": "open"}, "b2bCollaborationInbound"),
    ({"b2bCollaborationInbound": {"usersAndGroups": OFFICE["usersAndGroups"]}}, r"b2bCollaborationInbound.*applications"),
    ({"b2bCollaborationInbound": {**OFFICE, "usersAndGroups": SHUT["usersAndGroups"]}}, "block both"),
    ({"inboundTrust": {"isMfaAccepted": "yes"}}, "inboundTrust.isMfaAccepted"),
    ({"inboundTrust": {"mfa": True}}, "inboundTrust.mfa"),
    ({"automaticUserConsentSettings": {"inbound": True}}, "automaticUserConsentSettings.inbound"),
]


@pytest.mark.parametrize(("block", "words"), WRONG, ids=str)
def test_a_wrong_block_is_refused_by_field(block: dict[str, Any], words: str) -> None:
    with pytest.raises(Refusal, match=rf"steps\.set-partner-configuration.*{words}"):
        asked(CONFIGURATION, block)


TRUSTED = {"m365CollaborationInbound": {"users": OFFICE["usersAndGroups"]}}


async def test_capabilities_are_opened_and_closed_one_by_one(tenant: Tenant, simulation: Simulation) -> None:
    by_hand(simulation, **TRUSTED)
    settings = {BASIC: True, "crossTenantMailTipsLimited": {"included": [f"group:{GROUP}"]}, "crossTenantOpenProfileCard": False}
    subject, entry = await done(tenant, SET_CAPABILITIES, asked(SET_CAPABILITIES, settings))
    there = {one["name"]: one["inboundAccess"] for one in simulation.state["m365Capabilities"]}
    assert set(there) == {BASIC, "crossTenantMailTipsLimited"}
    assert there["crossTenantMailTipsLimited"]["resourceScopes"]["included"] == [{"resourceId": GROUP, "resourceType": "group"}]
    await SET_CAPABILITIES.undo(tenant, subject, entry)
    await SET_CAPABILITIES.undo(tenant, subject, entry)
    assert simulation.state["m365Capabilities"] == []


async def test_a_capability_that_somebody_has_narrowed_stays_narrow(tenant: Tenant, simulation: Simulation) -> None:
    by_hand(simulation, **TRUSTED)
    subject, entry = await done(tenant, SET_CAPABILITIES, asked(SET_CAPABILITIES, {BASIC: True}))
    await tenant.capabilities.set(TENANT, BASIC, f"allowed: group:{GROUP}")
    with pytest.raises(WontWork, match=r"'allowed: All' and is 'allowed: group"):
        await SET_CAPABILITIES.undo(tenant, subject, entry)


async def test_capabilities_without_collaboration_are_explained_unless_the_request_brings_it(tenant: Tenant) -> None:
    wish = asked(SET_CAPABILITIES, {BASIC: True})
    assert "m365CollaborationInbound" in str(
        SET_CAPABILITIES.explain(subject_of(wish), await SET_CAPABILITIES.read(tenant, subject_of(wish)))
    )
    both = {"set-partner-configuration": {"m365CollaborationInbound": "allowed"}, "set-capabilities": {BASIC: True}}
    wish = asked(SET_CAPABILITIES, {BASIC: True}, both)
    subject = subject_of(wish)
    state = await SET_CAPABILITIES.read(tenant, subject)
    assert SET_CAPABILITIES.explain(subject, state) is None
    with pytest.raises(NotYet, match="not allowed yet"):
        await SET_CAPABILITIES.apply(tenant, replace(subject, seen=state), dict(wish.state))


@pytest.mark.parametrize("step", [SET_PARTNER_CONFIGURATION, SET_CAPABILITIES], ids=lambda step: step.name)
async def test_it_needs_the_permissions_that_it_names_and_no_other(
    step: Step[Tenant], tenant: Tenant, simulation: Simulation
) -> None:
    await tenant.close()
    simulation.order("POST", "seed", {"permissions": {"https://graph.microsoft.com": list(step.permissions)}})
    by_hand(simulation, **TRUSTED)
    fresh = Tenant(settings_of(simulation))
    try:
        subject, entry = await done(fresh, step, asked(step, MFA if step is CONFIGURATION else {BASIC: True}))
        await step.undo(fresh, subject, entry)
        assert await fresh.roles() == set(step.permissions)
    finally:
        await fresh.close()
