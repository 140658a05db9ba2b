"""`entente rebuild`: a pack in pieces, shown first, put on record by --apply."""

import json
from pathlib import Path
from typing import Any

import pytest

from cli import rebuild
from tests.cli.conftest import Entente, FakeApp

PACK: dict[str, Any] = {
    "records": {
        "version": 1,
        "partners": [{"tenantId": "t"}],
        "requests": [{"row": {"RowKey": "r1"}, "tasks": [{"RowKey": f"t|c|invite-guest|{n}"} for n in range(5)]}],
        "guests": [{"person": str(n)} for n in range(3)],
    },
    "entries": [{"request": "r1", "key": f"j|c|invite-guest|{n}|00001|2026|outcome|0"} for n in range(6)],
}
DONE = {"applied": False, "rebuilt": {"requests": 1, "tasks": 2}, "notes": ["Guest 1 is not in the directory any more"]}


def test_every_task_entry_and_guest_is_sent_once(
    fake: FakeApp, entente: Entente, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuild, "MOST_TASKS", 2)
    monkeypatch.setattr(rebuild, "MOST_GUESTS", 2)
    fake.says(
        "POST", "journal/rebuild", (200, {**DONE, "rebuilt": {}, "notes": []}), *[(200, DONE)] * 3, (200, {**DONE, "rebuilt": {}})
    )
    path = tmp_path / "journal.json"
    path.write_text(json.dumps(PACK), encoding="utf-8")
    found = entente("rebuild", str(path), "--json")
    assert found.exit_code == 0, found.output
    told = json.loads(found.stdout)
    assert told["rebuilt"] == {"requests": 1, "tasks": 6}, "a request in three pieces is one"
    sent = [one.body["pack"] for one in fake.sent("POST", "journal/rebuild")]
    assert {one.body["apply"] for one in fake.sent("POST", "journal/rebuild")} == {False}
    parts = [part["records"] for part in sent]
    assert [len(part["partners"]) for part in parts] == [1, 0, 0, 0, 0, 0, 0]
    assert [task["RowKey"] for part in parts for one in part["requests"] for task in one["tasks"]] == [
        f"t|c|invite-guest|{n}" for n in range(5)
    ]
    assert [entry["key"] for part in sent for entry in part["entries"]] == [entry["key"] for entry in PACK["entries"]]
    assert [guest["person"] for part in parts for guest in part["guests"]] == ["0", "1", "2"]


def test_what_would_be_and_what_was_done_are_told_apart(fake: FakeApp, entente: Entente, tmp_path: Path) -> None:
    path = tmp_path / "journal.json"
    path.write_text(json.dumps({**PACK, "entries": []}), encoding="utf-8")
    fake.says("POST", "journal/rebuild", (200, DONE))
    assert "--apply puts it there" in entente("rebuild", str(path)).stdout
    found = entente("rebuild", str(path), "--apply")
    assert "On record again: " in found.stdout
    assert "- Guest 1 is not in the directory any more" in found.stdout
    assert fake.asked[-1].body["apply"] is True
    fake.says("POST", "journal/rebuild", (200, {"applied": False, "rebuilt": {}, "notes": []}))
    assert "on record already" in entente("rebuild", str(path)).stdout


@pytest.mark.parametrize(
    ("text", "says"), [("{", "is not JSON"), ("[]", "is no audit pack"), ('{"records": {"requests": 1}}', "is damaged")]
)
def test_a_file_that_is_no_pack_is_not_sent(fake: FakeApp, entente: Entente, tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "journal.json"
    path.write_text(text, encoding="utf-8")
    found = entente("rebuild", str(path))
    assert (found.exit_code, fake.asked) == (2, [])
    assert says in found.stderr
    assert entente("rebuild", str(tmp_path / "none.json")).exit_code == 2
