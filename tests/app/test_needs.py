"""Permissions: declared in code = in infra and docs = used in a whole run; and what is missing is told, and stops nothing half-way."""

import tomllib
from collections.abc import AsyncIterator

import pytest

from devstack.tenant.server import RunningTenant, running_tenant
from devstack.tenant.tokens import GRAPH
from infra.topology import PERMISSIONS, permissions
from shared.needs import BESIDES_STEPS, BY_EXCHANGE, BY_THEMSELVES, needed, steps_allowed
from shared.nouns.power import POWERS
from shared.settings import ROOT
from shared.steps import STEPS
from shared.views.health import health
from tests.rig import rig

TEMPLATES = ROOT / "templates"


@pytest.fixture
async def tenant() -> AsyncIterator[RunningTenant]:
    async with running_tenant() as running:
        yield running


def test_the_file_that_the_command_reads_is_current() -> None:
    assert PERMISSIONS.read_text("utf-8") == permissions(), "run `python -m infra.topology`"


def test_every_step_is_brought_by_a_template_or_by_itself() -> None:
    named = {
        name
        for path in TEMPLATES.glob("*.toml")
        for key in ("steps", "optional")
        for name in tomllib.loads(path.read_text("utf-8")).get(key, ())
    }
    assert {step.name for step in STEPS} - named <= BY_THEMSELVES, "a template names it, or shared/needs.py does"
    assert not named & BY_THEMSELVES


def test_what_is_needed_follows_from_templates_and_powers(tmp_path: object) -> None:
    whole = needed(STEPS, steps_allowed(TEMPLATES), POWERS)
    parts = [needed(STEPS, steps_allowed(TEMPLATES), (power,)) for power in POWERS]
    assert whole == frozenset().union(*parts)
    assert not whole & BY_EXCHANGE
    guests, settings, mail = parts
    assert "User.Invite.All" in guests
    assert "Policy.ReadWrite.CrossTenantAccess" in settings - guests - mail
    without = needed(STEPS, {"invite-guest"}, POWERS)
    assert "Policy.ReadWrite.CrossTenantAccess" not in without
    assert {"CrossTenantInformation.ReadBasic.All", "User.Invite.All"} <= without


def test_the_readme_tells_every_need() -> None:
    page = (ROOT / "README.md").read_text("utf-8")
    assert {one for need in BESIDES_STEPS for one in need.permissions if f"`{one}`" not in page} == set()


REQUEST = {
    "version": 1,
    "id": "r1",
    "template": "joint-project",
    "partner": {"name": "Fabrikam", "domains": ["fabrikam.com"]},
    "sponsors": ["mia@contoso.com"],
    "guests": [{"email": "ana@fabrikam.com", "name": "Ana", "groups": ["fabrikam-project"]}],
}


async def test_an_app_with_what_is_needed_and_no_more_carries_a_request_out(tenant: RunningTenant) -> None:
    (identity,) = tenant.services.tenant.identities
    allowed = steps_allowed(TEMPLATES)
    identity.permissions[GRAPH] = sorted(needed(STEPS, allowed, POWERS) | BY_EXCHANGE)
    made = rig(tenant)
    shown = await health(made.world)
    assert (shown["mode"], shown["missingPermissions"], shown["checks"]["permissions"]) == ("apply", [], True)
    await made.settle(REQUEST)
    request = await made.world.tables.requests.get("r1")
    assert request is not None
    assert request.state.value == "done", request.reason
    await made.close()


async def test_a_missing_permission_is_named_and_nothing_is_written(tenant: RunningTenant) -> None:
    (identity,) = tenant.services.tenant.identities
    identity.permissions[GRAPH] = [one for one in identity.permissions[GRAPH] if not one.startswith("GroupMember.ReadWrite")]
    made = rig(tenant)
    shown = await health(made.world)
    assert shown["missingPermissions"] == ["GroupMember.ReadWrite.All"]
    assert (shown["status"], shown["checks"]["permissions"]) == ("degraded", False)
    await made.settle(REQUEST)
    assert not [call for call in made.border.log if call in {"tenant.PATCH", "tenant.PUT", "tenant.DELETE"}]
    assert not tenant.services.tenant.outbox, "nobody was invited, though inviting was allowed"
    await made.close()


async def test_a_new_installation_says_that_it_only_reports(tenant: RunningTenant) -> None:
    made = rig(tenant, ENTENTE_REPORT_ONLY="true", ENTENTE_POWERS="guests")
    shown = await health(made.world)
    assert shown["mode"] == "report-only"
    await made.close()
