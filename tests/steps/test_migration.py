"""From an organization relationship to capabilities: the comparison, and the whole way over sockets."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from shared.migration import compare
from shared.nouns.outcomes import NotYet, WontWork
from shared.nouns.partner import Partner
from shared.nouns.state import Value
from shared.tenant import Tenant
from shared.tenant.capability_texts import Capabilities
from shared.tenant.found import Relationship
from shared.verbs.migrate import apply_migration, partner_named, plan_migration
from shared.verbs.world import World
from tests.steps.conftest import Simulation

FABRIKAM = Partner("22222222-2222-2222-2222-222222222222", "Fabrikam", ("fabrikam.com", "fabrikam.co.uk"))
GROUP = "aaaaaaaa-0000-4000-8000-000000000007"
NONE = Capabilities({}, {})
BASIC, LIMITED = "crossTenantCalendarAvailabilityBasic", "crossTenantCalendarAvailabilityLimitedDetails"


def relationship(*domains: str, **values: Value) -> Relationship:
    whole: dict[str, Value] = {"Enabled": True, "DomainNames": domains, **values}
    return Relationship("id", "Old friends", domains or FABRIKAM.domains, whole)


FREE_BUSY: dict[str, Value] = {"FreeBusyAccessEnabled": True, "FreeBusyAccessLevel": "AvailabilityOnly"}


@pytest.mark.parametrize(
    ("values", "now", "opens", "verdicts"),
    [
        ({}, NONE, {}, []),
        (FREE_BUSY, NONE, {BASIC: "allowed: All"}, []),
        (FREE_BUSY | {"FreeBusyAccessLevel": "LimitedDetails"}, NONE, {LIMITED: "allowed: All"}, []),
        (FREE_BUSY | {"FreeBusyAccessLevel": "None"}, NONE, {}, []),
        (FREE_BUSY | {"FreeBusyAccessScope": GROUP}, NONE, {BASIC: f"allowed: group:{GROUP}"}, []),
        (FREE_BUSY | {"FreeBusyAccessScope": "Staff"}, NONE, {BASIC: f"allowed: group:{GROUP}"}, []),
        (FREE_BUSY, Capabilities({}, {BASIC: "allowed: All"}), {}, []),
        (
            FREE_BUSY | {"FreeBusyAccessScope": GROUP},
            Capabilities({BASIC: "allowed: All"}, {}),
            {},
            [("FreeBusyAccessLevel", "more")],
        ),
        (
            {"MailTipsAccessEnabled": True, "MailTipsAccessLevel": "All", "PhotosEnabled": True},
            NONE,
            {"crossTenantMailTipsAll": "allowed: All"},
            [("PhotosEnabled", "less")],
        ),
    ],
)
def test_each_thing_is_compared(
    values: dict[str, Any], now: Capabilities, opens: dict[str, str], verdicts: list[tuple[str, str]]
) -> None:
    plan = compare(FABRIKAM, [relationship(**values)], now, trusted=True, scopes={"Staff": GROUP})
    assert (plan.opens, plan.problem, plan.trust_missing) == (opens, "", False)
    assert [(line.field, line.verdict.value) for line in plan.lines if line.verdict != "equal"] == verdicts


def test_a_scope_that_is_only_a_name_has_to_be_told() -> None:
    plan = compare(FABRIKAM, [relationship(**FREE_BUSY, FreeBusyAccessScope="Staff")], NONE, trusted=True)
    assert "--scope 'Staff=<object id>'" in plan.problem


def test_domains_beside_the_relationships_get_it_too_and_others_keep_theirs() -> None:
    plan = compare(FABRIKAM, [relationship("fabrikam.com", "litware.com", **FREE_BUSY)], NONE, trusted=False)
    assert [(line.field, line.verdict.value) for line in plan.lines][-1] == ("DomainNames", "more")
    assert (plan.kept_domains, plan.trust_missing, plan.finished) == (("litware.com",), True, False)


def test_several_relationships_are_for_a_person() -> None:
    both = [relationship("fabrikam.com"), relationship("fabrikam.co.uk")]
    assert "merge them" in compare(FABRIKAM, both, NONE, trusted=True).problem
    assert compare(FABRIKAM, [], NONE, trusted=True).finished


class NoPartners:
    async def get(self, tenant_id: str) -> None:
        return None


def world_of(tenant: Tenant) -> World:
    return cast("World", SimpleNamespace(tenant=tenant, tables=SimpleNamespace(partners=NoPartners())))


OLD: dict[str, Value] = {"Name": "Old", "DomainNames": FABRIKAM.domains, "Enabled": True, "PhotosEnabled": True, **FREE_BUSY}


def enabled(simulation: Simulation) -> bool:
    return bool(simulation.state["organizationRelationships"][0]["Enabled"])


async def test_the_relationship_goes_only_when_the_capabilities_are_read_back(tenant: Tenant, simulation: Simulation) -> None:
    world = world_of(tenant)
    await tenant.exchange.new_relationship(OLD)
    assert (await partner_named(world, "Fabrikam.com")).tenant_id == FABRIKAM.tenant_id
    assert (await plan_migration(world, FABRIKAM)).loses
    with pytest.raises(WontWork, match=r"photos.*--accept-loss"):
        await apply_migration(world, FABRIKAM)
    assert simulation.writes("crossTenantAccessPolicy") == []
    simulation.order("PUT", "lag", {"seconds": [600, 600], "staleShare": 1})
    with pytest.raises(NotYet):
        await apply_migration(world, FABRIKAM, accept_loss=True)
    assert enabled(simulation)
    simulation.order("PUT", "lag", 0)
    told = await apply_migration(world, FABRIKAM, accept_loss=True)
    assert not enabled(simulation)
    assert any("disabled" in one for one in told)
    assert [one["name"] for one in simulation.state["m365Capabilities"]] == [BASIC]
    assert await apply_migration(world, FABRIKAM, accept_loss=True) == ("nothing was left to do",)
    assert (await plan_migration(world, FABRIKAM)).finished


async def test_a_relationship_with_others_goes_on_for_them(tenant: Tenant, simulation: Simulation) -> None:
    await tenant.exchange.new_relationship({**OLD, "PhotosEnabled": False, "DomainNames": (*FABRIKAM.domains, "litware.com")})
    await apply_migration(world_of(tenant), FABRIKAM)
    there = simulation.state["organizationRelationships"][0]
    assert (there["DomainNames"], there["Enabled"]) == (["litware.com"], True)


async def test_collaboration_that_somebody_has_closed_is_not_opened(tenant: Tenant, simulation: Simulation) -> None:
    await tenant.exchange.new_relationship({**OLD, "PhotosEnabled": False})
    await tenant.partner_configurations.set_blocks(FABRIKAM.tenant_id, {"m365CollaborationInbound": "users blocked: AllUsers"})
    with pytest.raises(WontWork, match="closed"):
        await apply_migration(world_of(tenant), FABRIKAM)
    assert simulation.state["m365Capabilities"] == []
