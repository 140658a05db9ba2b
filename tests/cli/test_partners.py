"""Commands about partners: the record, the migration, the handoff, what is shared."""

from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Entente, FakeApp

ROW = {
    "name": "Fabrikam\x1b[31m",
    "tenantId": "2" * 8,
    "domains": ["fabrikam.com"],
    "template": {"name": "supplier", "version": 2},
    "open": 0,
    "blocked": True,
    "latest": "2026-11-22T09:00:00+00:00",
}
MIGRATION = {
    "partner": "Fabrikam",
    "relationship": "Old",
    "enabled": True,
    "lines": [{"field": "PhotosEnabled", "old": "True", "new": "nothing", "verdict": "less", "why": "No capability does this"}],
    "opens": {"crossTenantMailTipsAll": "allowed: All"},
    "trustMissing": True,
    "keptDomains": [],
    "loses": True,
    "problem": None,
    "finished": False,
    "note": "Capabilities open our side only",
}


def test_partners_are_listed_and_obeyed_by_no_terminal(fake: FakeApp, entente: Entente) -> None:
    fake.says("GET", "partners", (200, {"partners": [ROW]}))
    said = entente("partners", "list").stdout
    assert "supplier 2" in said
    assert "blocked" in said
    assert "\x1b[31m" not in said


def test_a_partner_is_shown_with_what_is_set(fake: FakeApp, entente: Entente) -> None:
    one = {"step": "allow-domain", "name": "", "reason": "is let in", "request": "r1", "since": "2026-11-22T09:00:00+00:00"}
    waiting = {"id": "r2", "state": "awaiting-approval", "action": "change", "reason": "waits"}
    shown = ROW | {"set": [one], "guests": {"guests": 3}, "openRequests": [waiting], "blocked": False, "open": 1}
    fake.says("GET", "partners/fabrikam.com", (200, shown))
    said = entente("partners", "show", "fabrikam.com").stdout
    assert all(word in said for word in ("allow-domain", "is let in", "People: 3 guests", "Open: r2 awaiting-approval"))


@pytest.mark.parametrize(
    ("changes", "code"), [({}, 2), ({"finished": True, "enabled": False}, 0), ({"problem": "Merge them first"}, 1)]
)
def test_a_planned_migration_is_compared(fake: FakeApp, entente: Entente, changes: dict[str, Any], code: int) -> None:
    fake.says("POST", "partners/fabrikam.com/migration", (200, MIGRATION | changes))
    result = entente("migrate-relationship", "fabrikam.com", "--plan", "--scope", "Sales=2222")
    assert result.exit_code == code, result.output
    (asked,) = fake.sent("POST", "partners/fabrikam.com/migration")
    assert asked.body == {"apply": False, "scopes": {"Sales": "2222"}, "acceptLoss": False}
    assert "--accept-loss" in result.stdout


def test_a_migration_is_planned_or_applied(fake: FakeApp, entente: Entente) -> None:
    assert entente("migrate-relationship", "fabrikam.com").exit_code == 2
    done = {"done": ["the relationship was disabled"], "request": "migrate-1", "note": "our side only"}
    fake.says("POST", "partners/fabrikam.com/migration", (200, done))
    result = entente("migrate-relationship", "fabrikam.com", "--apply", "--accept-loss")
    assert result.exit_code == 0
    assert "On record as migrate-1" in result.stdout


def test_a_handoff_is_written_or_printed(fake: FakeApp, entente: Entente, tmp_path: Path) -> None:
    told = {"items": [], "files": {"handoff.md": "# What\x1b[2J to set\n", "handoff.ps1": "param()\n"}}
    fake.says("GET", "partners/fabrikam.com/handoff", (200, told))
    assert entente("handoff", "fabrikam.com").stdout.startswith("# What\N{REPLACEMENT CHARACTER}[2J to set\n")
    assert entente("handoff", "fabrikam.com", "--out", str(tmp_path / "out")).exit_code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["handoff.json", "handoff.md", "handoff.ps1"]


@pytest.mark.parametrize(("seen", "code"), [("yes", 0), ("cannot be seen", 0), ("no", 1)])
def test_what_is_seen_of_it_is_an_exit_code(fake: FakeApp, entente: Entente, seen: str, code: int) -> None:
    told = {"items": [], "files": {}, "seen": [{"what": "the domain", "seen": seen, "how": "as Microsoft tells"}]}
    fake.says("GET", "partners/fabrikam.com/handoff", (200, told))
    result = entente("handoff", "fabrikam.com", "--verify")
    assert result.exit_code == code
    assert seen in result.stdout


def test_what_is_shared_is_told_with_its_scope(fake: FakeApp, entente: Entente) -> None:
    item = {"site": "s", "url": "=cmd()", "how": "anonymous", "roles": ["read"], "people": [], "count": 1, "until": None}
    scope = {"site": "s", "libraries": 1, "items": 9, "permissions": 2, "complete": False, "stopped": "9 items were looked at"}
    told = {"partner": {"name": "F"}, "items": [item | {"drive": "d", "item": "i"}], "scope": [scope], "complete": False}
    fake.says("POST", "partners/fabrikam.com/sharing", (200, told))
    table = entente("report-sharing", "fabrikam.com", "--site", "https://contoso.sharepoint.com").stdout
    assert "anybody with the link" in table
    assert "not complete: 9 items were looked at" in table
    found = entente("report-sharing", "fabrikam.com", "--csv")
    assert "'=cmd()" in found.stdout
    assert "not complete" in found.stderr
