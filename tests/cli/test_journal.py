"""`entente journal`: asks by POST, writes the audit pack, and tells by its exit code whether the seals hold."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Entente, FakeApp

ENTRY = {
    "at": "2026-11-22T12:00:00+00:00",
    "request": "r1",
    "step": "invite-guest",
    "subject": "0123456789abcdef0123456789abcdef",
    "kind": "outcome",
    "who": "user 1",
    "before": {"guest": None},
    "after": {"guest": True},
    "note": "",
}
FLAW = {"kind": "changed", "where": "r1 j|x", "why": "is not what seal 1 has sealed"}


def told(*, holds: bool = True) -> dict[str, Any]:
    verdict = {"holds": holds, "head": "1:ab", "seals": 1, "entries": 1, "flaws": [] if holds else [FLAW]}
    files = {"journal.csv": "at\r\n", "journal.html": "<!doctype html>"}
    return {"about": {}, "requests": [], "entries": [ENTRY], "verification": verdict, "files": files}


@pytest.mark.parametrize(
    ("subject", "kind"), [("fabrikam.com", "partner"), ("ana@fabrikam.com", "person"), ("0123456789abcdef" * 2, "person")]
)
def test_a_partner_or_a_person_is_asked_about_by_post(fake: FakeApp, entente: Entente, subject: str, kind: str) -> None:
    fake.says("POST", "journal", (200, told()))
    result = entente("journal", subject, "--verify")
    assert result.exit_code == 0, result.output
    (asked,) = fake.sent("POST", "journal")
    assert (asked.query, asked.body[kind], asked.body["verify"]) == ({}, subject, True)
    assert "All seals hold" in result.output


def test_the_audit_pack_is_written(fake: FakeApp, entente: Entente, tmp_path: Path) -> None:
    fake.says("POST", "journal", (200, told()))
    assert entente("journal", "fabrikam.com", "--export", str(tmp_path / "pack")).exit_code == 0
    assert sorted(path.name for path in (tmp_path / "pack").iterdir()) == ["journal.csv", "journal.html", "journal.json"]
    assert "files" not in json.loads((tmp_path / "pack/journal.json").read_text(encoding="utf-8"))
    assert (tmp_path / "pack/journal.csv").read_bytes() == b"at\r\n"


def test_seals_that_do_not_hold_are_an_exit_code(fake: FakeApp, entente: Entente) -> None:
    fake.says("POST", "journal", (200, told(holds=False)))
    result = entente("journal", "fabrikam.com", "--verify")
    assert result.exit_code == 1
    assert "is not what seal 1 has sealed" in result.output


def test_it_is_said_whether_heads_were_compared_with_exported_ones(fake: FakeApp, entente: Entente) -> None:
    answer = told()
    answer["verification"]["exported"] = {"container": None, "compared": 0}
    fake.says("POST", "journal", (200, answer))
    assert "Heads are not exported" in entente("journal", "fabrikam.com", "--verify").output
    answer["verification"]["exported"] = {"container": "https://x/seals", "compared": 7, "notExported": 2}
    fake.says("POST", "journal", (200, answer))
    said = " ".join(entente("journal", "fabrikam.com", "--verify").output.split())
    assert "Compared with 7 exported heads in https://x/seals, 2 not exported yet." in said
