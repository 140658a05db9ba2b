"""One person's data on the command line: asked for in a body, written for one reader, erased only with a reason."""

import json
from pathlib import Path
from typing import Any

from tests.cli.conftest import Entente, FakeApp

FOUND: dict[str, Any] = {
    "person": "a" * 32,
    "address": "ana@fabrikam.com",
    "rows": [{"table": "people"}],
    "account": [],
    "elsewhere": ["the directory"],
}
DONE = {
    "person": "a" * 32,
    "erased": {"people": 2},
    "kept": {"journal entries": 3},
    "account": [],
    "elsewhere": ["the directory"],
}


def test_an_export_is_written_for_one_reader_and_over_nothing(fake: FakeApp, entente: Entente, tmp_path: Path) -> None:
    fake.says("POST", "guests/export-subject", (200, FOUND))
    file = tmp_path / "ana.json"
    result = entente("guests", "export-subject", "ana@fabrikam.com", "--to", str(file))
    assert result.exit_code == 0
    assert json.loads(file.read_text("utf-8")) == FOUND
    assert file.stat().st_mode & 0o077 == 0
    (asked,) = fake.sent("POST", "guests/export-subject")
    assert (asked.body, asked.query) == ({"person": "ana@fabrikam.com"}, {})
    assert entente("guests", "export-subject", "ana@fabrikam.com", "--to", str(file)).exit_code == 2


def test_who_is_to_be_forgotten_needs_a_reason(fake: FakeApp, entente: Entente) -> None:
    fake.says("POST", "guests/forget", (200, DONE))
    assert entente("guests", "forget", "ana@fabrikam.com").exit_code == 2
    result = entente("guests", "forget", "ana@fabrikam.com", "--reason", "case 4711", "--yes")
    assert result.exit_code == 0
    assert "erased in people: 2" in result.output
    assert "kept, under an opaque id: 3 journal entries" in result.output
    (asked,) = fake.sent("POST", "guests/forget")
    assert asked.body == {"person": "ana@fabrikam.com", "reason": "case 4711", "force": False}


def test_a_refusal_is_told(fake: FakeApp, entente: Entente) -> None:
    fault = {"field": "person", "reason": "is still in the directory"}
    fake.says("POST", "guests/forget", (400, {"error": "person: is still in the directory", "faults": [fault]}))
    result = entente("guests", "forget", "a" * 32, "--reason", "case 4711", "--json")
    assert result.exit_code == 2
    assert json.loads(result.stdout)["faults"] == [fault]
