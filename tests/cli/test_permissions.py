"""`entente permissions` against the simulated directory: plan, check, grant, and what goes wrong."""

import asyncio
import json
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.granting import EXCHANGE, GRAPH, Directory, Held, compared
from cli.main import app
from devstack.tenant import tokens
from devstack.tenant.server import RunningTenant, running_tenant
from shared.needs import needed, steps_allowed
from shared.nouns.power import POWERS
from shared.steps import STEPS

ADMINISTRATOR = ("Application.Read.All", "AppRoleAssignment.ReadWrite.All")


class Tenant:
    """The simulated tenant on a loop of its own, as the command is none."""

    def __init__(self) -> None:
        self.loop, self.up, self.down = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
        self.running: RunningTenant
        self.thread = threading.Thread(target=self.loop.run_until_complete, args=(self._serve(),))

    async def _serve(self) -> None:
        async with running_tenant() as self.running:
            self.up.set()
            await self.down.wait()

    @property
    def permissions(self) -> dict[str, list[str]]:
        return self.running.services.tenant.identities[0].permissions

    @property
    def identity(self) -> Any:
        return self.running.services.tenant.identities[0]

    def token(self, *roles: str) -> str:
        state = self.running.services.tenant
        return state.tokens.mint(tokens.GRAPH, application="admin", principal="admin", roles=list(roles), directory_roles=[])[0]


@pytest.fixture
def tenant(monkeypatch: pytest.MonkeyPatch) -> Iterator[Tenant]:
    made = Tenant()
    made.thread.start()
    assert made.up.wait(60)
    monkeypatch.setenv("ENTENTE_GRAPH_URL", made.running.graph)
    monkeypatch.setenv("ENTENTE_GRAPH_TOKEN", made.token(*ADMINISTRATOR))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield made
    made.loop.call_soon_threadsafe(made.down.set)
    made.thread.join()
    made.loop.close()


@pytest.fixture
def templates(tmp_path: Path) -> Path:
    (tmp_path / "small.toml").write_text('name = "small"\nsteps = ["invite-guest", "set-organization-relationship"]\n')
    return tmp_path


def run(*words: object) -> Result:
    return CliRunner().invoke(app, ["permissions", *map(str, words)], env={"COLUMNS": "200"})


def test_plan_asks_nobody_and_follows_templates_and_powers(templates: Path) -> None:
    found = json.loads(run("plan", "--templates", templates, "--json").stdout)
    assert "User.Invite.All" in found["needed"][GRAPH]
    assert "Community.ReadWrite.All" not in found["needed"][GRAPH]
    assert found["needed"][EXCHANGE] == ["Exchange.ManageAsApp"]
    assert "Mail.Send" not in str(found["needed"])
    guests = json.loads(run("plan", "--templates", templates, "--powers", "guests", "--json").stdout)
    assert EXCHANGE not in guests["needed"]
    assert not any(value.startswith("Policy.ReadWrite") for value in guests["needed"][GRAPH])
    said = run("plan", "--templates", templates).stdout
    assert "New-RoleGroup -Name Entente -Roles" in said
    assert "\N{REPLACEMENT CHARACTER}" not in said


def test_what_is_missing_is_granted_once_and_what_is_superfluous_goes_when_told(tenant: Tenant, templates: Path) -> None:
    tenant.permissions[tokens.GRAPH] = ["User.Read.All", "Group.ReadWrite.All", "AuditLog.Read.All"]
    tenant.permissions[tokens.EXCHANGE] = ["full_access_as_app"]
    given = ("--identity", tenant.identity.principal, "--templates", templates)
    before = run("check", *given, "--json")
    found = json.loads(before.stdout)
    assert before.exit_code == 1
    assert {"service": "Microsoft Graph", "permission": "User.Invite.All"} in found["missing"]
    superfluous = {one["permission"] for one in found["superfluous"]}
    assert superfluous == {"Group.ReadWrite.All", "full_access_as_app", "Sites.FullControl.All"}, (
        "what only helps is neither missing nor superfluous"
    )
    granted = run("grant", *given, "--yes")
    assert granted.exit_code == 0, granted.output
    after = run("check", "--identity", tenant.identity.application, "--templates", templates, "--json")
    assert (after.exit_code, json.loads(after.stdout)["missing"]) == (0, [])
    assert {one["permission"] for one in json.loads(after.stdout)["superfluous"]} == superfluous, "nothing is taken away unasked"
    assert json.loads(run("grant", *given, "--yes", "--revoke", "--json").stdout)["granted"] == []
    assert "Group.ReadWrite.All" not in tenant.permissions[tokens.GRAPH]
    assert tenant.permissions[tokens.EXCHANGE] == ["Exchange.ManageAsApp"]
    assert "has what it needs, and nothing else" in run("check", *given).stdout


def test_plan_and_app_count_the_same_steps(tmp_path: Path) -> None:
    """What a template says besides its steps brings steps too, for the command as for the app's health."""
    for number, (text, more, less) in enumerate(
        (
            ('[expiry]\nunshare = "found"\n', "Files.ReadWrite.All", ""),
            ('offboard = "restore-before"\n', "", "Policy.ReadWrite.CrossTenantAccess"),
            ("", "Policy.ReadWrite.CrossTenantAccess", "Files.ReadWrite.All"),
        )
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "one.toml").write_text(f'steps = ["invite-guest"]\n{text}')
        found = json.loads(run("plan", "--templates", folder, "--json").stdout)
        assert found["needed"][GRAPH] == sorted(needed(STEPS, steps_allowed(folder), POWERS))
        assert not more or more in found["needed"][GRAPH]
        assert less not in found["needed"][GRAPH]
        # Closing looks into Exchange Online, whatever was set up there.
        assert (EXCHANGE in found["needed"]) == ("restore-before" not in text)


def test_nothing_is_granted_without_a_yes(tenant: Tenant, templates: Path) -> None:
    before = json.dumps(tenant.permissions)
    tenant.permissions[tokens.GRAPH].remove("User.Invite.All")
    refused = CliRunner().invoke(
        app, ["permissions", "grant", "--identity", tenant.identity.principal, "--templates", str(templates)], input="n\n"
    )
    assert refused.exit_code == 1
    tenant.permissions[tokens.GRAPH].append("User.Invite.All")
    assert sorted(json.loads(before)[tokens.GRAPH]) == sorted(tenant.permissions[tokens.GRAPH])


def test_a_grant_whose_answer_was_lost_is_taken_up_again(tenant: Tenant, templates: Path) -> None:
    tenant.permissions[tokens.GRAPH].remove("User.Invite.All")
    there = Directory(tenant.running.graph, tenant.token(*ADMINISTRATOR))
    service = there.services([GRAPH])[GRAPH]
    there.grant(tenant.identity.principal, service, "User.Invite.All")
    there.grant(tenant.identity.principal, service, "User.Invite.All")
    there.close()
    assert tenant.permissions[tokens.GRAPH].count("User.Invite.All") == 1


def test_what_goes_wrong_is_told(tenant: Tenant, templates: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "is no id" in run("check", "--identity", "entente", "--templates", templates).output
    nobody = "99999999-0000-4000-8000-000000000009"
    assert "no service principal" in run("check", "--identity", nobody, "--templates", templates).output
    assert "knows guests, settings, mail, not gusts" in run("plan", "--powers", "gusts").output
    assert run("plan", "--templates", templates / "none").exit_code == 2
    monkeypatch.setenv("ENTENTE_GRAPH_TOKEN", tenant.token("Application.Read.All"))
    tenant.permissions[tokens.GRAPH].remove("User.Invite.All")
    refused = run("grant", "--identity", tenant.identity.principal, "--templates", templates, "--yes")
    assert refused.exit_code == 2
    assert "AppRoleAssignment.ReadWrite.All" in refused.output
    monkeypatch.setenv("ENTENTE_GRAPH_URL", "http://127.0.0.1:9/v1.0")
    assert run("check", "--identity", nobody, "--templates", templates).exit_code == 3


def test_the_token_is_that_of_az(tenant: Tenant, templates: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    token = tenant.token(*ADMINISTRATOR)
    monkeypatch.delenv("ENTENTE_GRAPH_TOKEN")
    programs = tmp_path / "bin"
    programs.mkdir()
    az = programs / "az"
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    az.write_text(f"#!/bin/sh\necho {token}\n")
    az.chmod(az.stat().st_mode | stat.S_IXUSR)
    assert run("check", "--identity", tenant.identity.principal, "--templates", templates).exit_code == 0
    az.write_text("#!/bin/sh\necho 'Please run az login' >&2\nexit 1\n")
    out = run("check", "--identity", tenant.identity.principal, "--templates", templates)
    assert (out.exit_code, "Please run az login" in out.output) == (3, True)


def test_what_is_held_on_other_services_is_superfluous() -> None:
    held = [Held("a", "r", GRAPH, "User.Read.All"), Held("b", "other", "Windows Azure Service Management", "")]
    found = compared({GRAPH: ["User.Read.All", "User.Invite.All"]}, held)
    assert found.missing == ((GRAPH, "User.Invite.All"),)
    assert [one.assignment for one in found.superfluous] == ["b"]
