"""Permissions: declared in code = in infra and docs = used in a whole run; and what is missing is told, and stops nothing half-way."""

import tomllib
from pathlib import Path

from devstack.tenant.server import RunningTenant
from devstack.tenant.tokens import EXCHANGE, GRAPH
from infra.topology import PERMISSIONS, permissions
from shared.needs import BESIDES_STEPS, BY_EXCHANGE, BY_THEMSELVES, UNSHARING, needed, steps_allowed
from shared.nouns.grants import MANAGE_EXCHANGE
from shared.nouns.power import POWERS
from shared.settings import ROOT
from shared.steps import STEPS
from shared.tables.requests import Request
from shared.verbs.cleanup_run import begin
from shared.verbs.permitted import NOT_SAID, tell_grants
from shared.views.health import health
from shared.views.status import request_status
from tests.app.whole import ONE_GUEST as REQUEST
from tests.rig import Rig, rig

TEMPLATES = ROOT / "templates"


def test_the_file_that_the_command_reads_is_current() -> None:
    assert PERMISSIONS.read_text("utf-8") == permissions(), "run `python -m infra.topology`"


def test_every_step_is_brought_by_a_template_or_by_itself() -> None:
    named = {
        name
        for path in TEMPLATES.glob("*.toml")
        for key in ("steps", "optional")
        for name in tomllib.loads(path.read_text("utf-8")).get(key, ())
    }
    assert {step.name for step in STEPS} - named <= BY_THEMSELVES | {UNSHARING}, "a template names it, or shared/needs.py does"
    assert not named & BY_THEMSELVES


def test_to_unshare_is_allowed_by_the_template_that_wants_it(tmp_path: Path) -> None:
    for wanted, allowed in (("no", False), ("found", True), ("all", True)):
        (tmp_path / "one.toml").write_text(f'steps = ["invite-guest"]\n[expiry]\nunshare = "{wanted}"\n')
        assert (UNSHARING in steps_allowed(tmp_path)) is allowed


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


WRITES = {"tenant.PATCH", "tenant.PUT", "tenant.DELETE"}


def take_away(tenant: RunningTenant, *permissions: str, service: str = GRAPH) -> list[str]:
    """New tokens do not carry them any more; what there was before is returned."""
    (identity,) = tenant.services.tenant.identities
    before = list(identity.permissions[service])
    identity.permissions[service] = [one for one in before if one not in permissions]
    return before


async def kept(made: Rig, name: str) -> Request:
    found = await made.world.tables.requests.get(name)
    assert found is not None
    return found


async def test_what_lacks_a_permission_is_only_planned_until_it_is_granted(tenant: RunningTenant) -> None:
    before = take_away(tenant, "GroupMember.ReadWrite.All", "Group.ReadWrite.All")
    made = rig(tenant)
    shown = await health(made.world)
    assert shown["missingPermissions"] == ["Group.ReadWrite.All", "GroupMember.ReadWrite.All"]
    assert shown["mode"] == "report-only in part"
    assert shown["reportOnly"].pop("add-to-group") == ("GroupMember.ReadWrite.All",)
    assert set(shown["reportOnly"].values()) == {("Group.ReadWrite.All",)}
    assert (shown["status"], shown["checks"]["permissions"]) == ("degraded", False)
    await made.settle(REQUEST)
    status = await request_status(made.world, "r1")
    assert status is not None
    assert status["mode"] == "plan"
    assert "add-to-group lacks GroupMember.ReadWrite.All" in status["onlyPlanned"]
    assert not status["refusals"]
    assert status["tasks"][0]["plan"]["sight"], "what would be done is shown"
    assert not WRITES & set(made.border.log)
    assert not tenant.services.tenant.outbox, "nobody was invited, though inviting was allowed"
    # What needs nothing of it is carried out meanwhile.
    await made.settle({**REQUEST, "id": "alone", "guests": [{"email": "bo@fabrikam.com", "name": "Bo"}], "groups": []})
    assert (await kept(made, "alone")).mode == "apply"
    # The grant is in the next token, and nobody has to say so.
    (identity,) = tenant.services.tenant.identities
    identity.permissions[GRAPH] = before
    assert (await health(made.world))["mode"] == "apply"
    await made.settle({**REQUEST, "id": "r2"})
    again = await kept(made, "r2")
    assert (again.mode, again.state.value, again.outlook["planned"]) == ("apply", "done", "")
    await made.close()


async def test_a_wider_permission_is_not_missed_by_the_name_of_the_narrower(tenant: RunningTenant) -> None:
    take_away(tenant, "GroupMember.ReadWrite.All", "GroupMember.Read.All", "User.DeleteRestore.All")
    made = rig(tenant)
    assert (await health(made.world))["missingPermissions"] == []
    await made.settle(REQUEST)
    assert (await kept(made, "r1")).state.value == "done", "the tenant agrees"
    await made.close()


async def test_without_any_permission_everything_is_report_only(tenant: RunningTenant) -> None:
    (identity,) = tenant.services.tenant.identities
    identity.permissions[GRAPH] = []
    made = rig(tenant)
    shown = await health(made.world)
    assert shown["mode"] == "report-only"
    assert "every request" in shown["reportOnly"]
    await made.settle(REQUEST)
    assert not WRITES & set(made.border.log)
    await made.close()


async def test_cmdlets_that_our_token_does_not_allow_make_a_plan_of_the_request(tenant: RunningTenant) -> None:
    take_away(tenant, MANAGE_EXCHANGE, service=EXCHANGE)
    made = rig(tenant)
    assert (await health(made.world))["reportOnly"]["set-organization-relationship"] == (MANAGE_EXCHANGE,)
    await made.settle({**REQUEST, "steps": {"set-organization-relationship": {}}})
    only = await kept(made, "r1")
    assert only.mode == "plan"
    assert f"set-organization-relationship lacks {MANAGE_EXCHANGE}" in str(only.outlook["planned"])
    await made.close()


async def test_a_permission_that_is_as_you_like_holds_nothing_back(tenant: RunningTenant) -> None:
    optional = {one for need in BESIDES_STEPS if need.optional for one in need.permissions}
    take_away(tenant, *(optional - needed(STEPS, steps_allowed(TEMPLATES), POWERS)))
    made = rig(tenant)
    shown = await health(made.world)
    assert (shown["mode"], shown["missingPermissions"]) == ("apply", [])
    await made.settle(REQUEST)
    assert (await kept(made, "r1")).mode == "apply"
    await made.close()


async def test_a_clean_up_run_only_reports_what_it_could_not_do_to_its_end(tenant: RunningTenant) -> None:
    take_away(tenant, "User.DeleteRestore.All", "User.ReadWrite.All")
    made = rig(tenant)
    assert (await health(made.world))["reportOnly"]["clean-up runs"] == ("User.DeleteRestore.All",)
    run = await begin(made.world, "the clock", apply=True)
    assert not run.apply
    assert "delete-guest lacks User.DeleteRestore.All" in run.notes[0]
    await made.close()


async def test_a_request_waits_for_what_the_app_of_another_power_says_of_itself(tenant: RunningTenant) -> None:
    made = rig(tenant, ENTENTE_POWERS="guests")
    asked = {**REQUEST, "steps": {"set-organization-relationship": {}}}
    await made.settle(asked)
    only = await kept(made, "r1")
    assert only.mode == "plan"
    assert f"set-organization-relationship lacks {NOT_SAID}" in str(only.outlook["planned"])
    # The other app, whose identity is another one.
    other = rig(tenant, ENTENTE_POWERS="settings")
    other.world.tables = made.world.tables
    before = take_away(tenant, MANAGE_EXCHANGE, service=EXCHANGE)
    await tell_grants(other.world, "settings")
    assert (await health(made.world))["reportOnly"]["set-organization-relationship"] == (MANAGE_EXCHANGE,)
    (identity,) = tenant.services.tenant.identities
    identity.permissions[EXCHANGE] = before
    await tell_grants(other.world, "settings")
    assert "set-organization-relationship" not in (await health(made.world))["reportOnly"]
    await made.settle({**asked, "id": "r2"})
    assert (await kept(made, "r2")).mode == "apply"
    await made.close()
    await other.close()


async def test_a_new_installation_says_that_it_only_reports(tenant: RunningTenant) -> None:
    made = rig(tenant, ENTENTE_REPORT_ONLY="true", ENTENTE_POWERS="guests")
    shown = await health(made.world)
    assert shown["mode"] == "report-only"
    await made.close()


async def test_a_partner_that_cannot_be_closed_is_not_left_half_way(tenant: RunningTenant, tmp_path: Path) -> None:
    """Closing looks into Exchange Online, also where nothing was set up there; a template whose partners end otherwise needs none of it."""
    steps = 'version = 1\ndescription = "x"\nsteps = ["invite-guest"]\n'
    (tmp_path / "closed.toml").write_text(f'name = "closed"\n{steps}')
    take_away(tenant, MANAGE_EXCHANGE, service=EXCHANGE)
    made = rig(tenant, ENTENTE_TEMPLATES=str(tmp_path))
    held = (await health(made.world))["reportOnly"]
    assert held.keys() == {"close-partner", "prove-closed"}
    wished = {**REQUEST, "template": "closed", "guests": [{"email": "ana@fabrikam.com", "name": "Ana"}]}
    await made.settle(wished)
    assert (await kept(made, "r1")).mode == "apply", "bringing them in needs nothing of it"
    await made.settle({**wished, "id": "off", "action": "offboard", "guests": []})
    off = await kept(made, "off")
    assert (off.mode, off.state.value) == ("plan", "done")
    assert f"close-partner lacks {MANAGE_EXCHANGE}" in str(off.outlook["planned"])
    assert not await made.world.tables.parked.all()
    await made.close()
    (tmp_path / "closed.toml").unlink()
    (tmp_path / "back.toml").write_text(f'name = "back"\noffboard = "restore-before"\n{steps}')
    again = rig(tenant, ENTENTE_TEMPLATES=str(tmp_path))
    assert (await health(again.world))["mode"] == "apply"
    await again.close()
