"""The other commands, and how the app is found."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from typer.testing import CliRunner

from cli.connection import connection
from cli.errors import BadInput, OutOfReach
from cli.main import app

ROOT = Path(__file__).parents[2]
HOSTILE = "[red]red[/] \x1b[2J\u202e \x07"
GET = ("GET", "partner-requests/fabrikam")


def test_status_lists_the_newest_requests(fake: Any, entente: Any, status_of: Any) -> None:
    fake.says("GET", "partner-requests", (200, {"requests": [status_of("running", paused=True, reason="paused by user 1")]}))
    result = entente("status")
    assert result.exit_code == 0
    assert "fabrikam" in result.stdout
    assert "running (paused)" in result.stdout
    assert json.loads(entente("status", "--json").stdout)["requests"][0]["id"] == "fabrikam"
    fake.says("GET", "partner-requests", (200, {"requests": []}))
    assert "There are no requests yet" in entente("status").stdout


@pytest.mark.parametrize(("state", "code"), [("running", 0), ("done", 0), ("stopped", 1), ("cancelled", 1)])
def test_status_of_one_request_is_its_exit_code(fake: Any, entente: Any, status_of: Any, state: str, code: int) -> None:
    fake.says(*GET, (200, status_of(state)))
    result = entente("status", "fabrikam")
    assert result.exit_code == code
    assert f"Request fabrikam: {state}" in result.stdout


def test_status_as_json_has_the_tasks_of_all_pages(fake: Any, entente: Any, status_of: Any, task_of: Any) -> None:
    pages = [status_of(tasks=[task_of(key=f"t|{n}")], **({"next": f"t|{n}"} if n < 3 else {})) for n in (1, 2, 3)]
    fake.says(*GET, (200, status_of()), *((200, page) for page in pages))
    found = json.loads(entente("status", "fabrikam", "--json").stdout)
    assert [task["key"] for task in found["tasks"]] == ["t|1", "t|2", "t|3"]
    assert "next" not in found
    assert [asked.query["after"] for asked in fake.sent(*GET)][1:] == ["", "t|1", "t|2"]


def test_a_large_request_shows_what_is_not_done(fake: Any, entente: Any, status_of: Any, task_of: Any) -> None:
    done = [task_of("done", key=f"t|{n}", subject=f"person-{n}") for n in range(200)]
    stopped = task_of("stopped", key="t|x", subject="person-x", reason="guests[7].email: is in our own domain")
    fake.says(*GET, (200, status_of("stopped", tasks=[*done, stopped])))
    out = entente("status", "fabrikam").stdout
    assert "guests[7].email: is in our own domain" in out
    assert "person-1" not in out
    assert ["invite-guest", "200", "1"] in [line.split() for line in out.splitlines()]


def test_watching_a_large_request_asks_for_counts_only(fake: Any, entente: Any, status_of: Any, task_of: Any) -> None:
    page = status_of(tasks=[task_of()], next="t|1", counts={"done": 400, "ready": 800})
    counts = status_of(tasks=[], counts={"done": 1_000, "ready": 200})
    fake.says(*GET, (200, status_of()), (200, page), (200, counts), (200, status_of("done", tasks=[])))
    out = entente("status", "fabrikam", "--watch").stdout
    assert "fabrikam: running  tasks 400/1200\nfabrikam: running  tasks 1000/1200\n" in out
    assert [asked.query["top"] for asked in fake.sent(*GET)] == ["0", "1000", "0", "0", "1000"]


def test_an_unknown_request(fake: Any, entente: Any) -> None:
    for words in (["status", "nothing"], ["status", "nothing", "--watch"]):
        result = entente(*words)
        assert result.exit_code == 2
        assert "There is no request nothing" in result.stderr
    assert fake.asked[0].path == "partner-requests/nothing"


def test_an_id_stays_one_segment_of_the_path(fake: Any, entente: Any) -> None:
    assert entente("status", "../health?x=1#y").exit_code == 2
    (asked,) = fake.asked
    assert asked.path == "partner-requests/../health?x=1#y"
    assert "x" not in asked.query


def test_watch_without_a_request_is_a_usage_error(entente: Any) -> None:
    result = entente("status", "--watch")
    assert result.exit_code == 2
    assert "which request" in result.stderr


def test_why_tells_the_story_and_keeps_the_address_out_of_the_url(fake: Any, entente: Any) -> None:
    fake.says("POST", "why", (200, {"person": "0123", "known": True, "sentence": "ann@fabrikam.com is a guest."}))
    result = entente("why", "ann@fabrikam.com")
    assert (result.exit_code, result.stdout) == (0, "ann@fabrikam.com is a guest.\n")
    (asked,) = fake.asked
    assert asked.body == {"address": "ann@fabrikam.com"}
    assert "ann" not in asked.path + str(asked.query)
    assert json.loads(entente("why", "ann@fabrikam.com", "--json").stdout)["known"] is True


@pytest.mark.parametrize("verb", ["cancel", "pause", "resume"])
def test_a_request_is_controlled(fake: Any, entente: Any, verb: str) -> None:
    fake.says(
        "POST", f"partner-requests/fabrikam/{verb}", (200, {"id": "fabrikam", "state": "running", "reason": f"{verb} by me"})
    )
    result = entente(verb, "fabrikam")
    assert (result.exit_code, result.stdout) == (0, f"Request fabrikam: running - {verb} by me\n")
    fake.says("POST", f"partner-requests/fabrikam/{verb}", (400, {"error": "request fabrikam has ended (done)", "faults": []}))
    result = entente(verb, "fabrikam", "--json")
    assert result.exit_code == 2
    assert json.loads(result.stdout) == {"error": "request fabrikam has ended (done)", "faults": []}


def parked(name: str, kind: str = "task") -> dict[str, Any]:
    return {
        "id": name,
        "kind": kind,
        "request": "fabrikam",
        "step": "invite-guest",
        "task": "t|1",
        "reason": f"why {name}",
        "since": "2026-11-22T11:13:07+00:00",
        "queue": "",
    }


def test_parked_things_are_listed(fake: Any, entente: Any) -> None:
    fake.says("GET", "parked", (200, {"parked": [parked("task:1"), parked("task:2")]}))
    out = entente("parked", "list").stdout
    assert "task:1  fabrikam invite-guest, since 2026-11-22" in out
    assert "why task:2" in out
    fake.says("GET", "parked", (200, {"parked": []}))
    assert entente("parked", "list").stdout == "Nothing is parked.\n"
    assert json.loads(entente("parked", "list", "--json").stdout) == {"parked": []}


def test_one_parked_thing_is_tried_again(fake: Any, entente: Any) -> None:
    fake.says("POST", "parked/redrive", (200, {"id": "task:1", "what": "attempt 2 is on queue invite-guest"}))
    result = entente("parked", "redrive", "task:1")
    assert (result.exit_code, result.stdout) == (0, "task:1: attempt 2 is on queue invite-guest\n")
    assert fake.asked[0].body == {"id": "task:1"}
    fake.says("POST", "parked/redrive", (404, {"error": "nothing is parked under this id"}))
    result = entente("parked", "redrive", "task:9")
    assert result.exit_code == 2
    assert "nothing is parked under this id" in result.stderr


def test_all_parked_things_are_tried_again_but_refusals(fake: Any, entente: Any) -> None:
    fake.says("GET", "parked", (200, {"parked": [parked("task:1"), parked("refused:1", "refused"), parked("task:2")]}))
    no = (400, {"error": "its task is no longer on record", "faults": []})
    fake.says("POST", "parked/redrive", (200, {"id": "task:1", "what": "attempt 2 is on queue invite-guest"}), no)
    result = entente("parked", "redrive", "--all")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "task:1: attempt 2 is on queue invite-guest",
        "task:2: its task is no longer on record",
    ]
    assert [asked.body["id"] for asked in fake.sent("POST", "parked/redrive")] == ["task:1", "task:2"]


@pytest.mark.parametrize("words", [[], ["task:1", "--all"]])
def test_redrive_wants_one_or_all(fake: Any, entente: Any, words: list[str]) -> None:
    assert entente("parked", "redrive", *words).exit_code == 2
    assert fake.asked == []


def test_the_schema_fits_the_example() -> None:
    result = CliRunner().invoke(app, ["request", "schema"])
    schema = json.loads(result.stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    example = json.loads((ROOT / "examples" / "fabrikam.json").read_text(encoding="utf-8"))
    jsonschema.validate(example, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(example | {"colour": "blue"}, schema)


def test_what_comes_from_outside_is_shown_and_not_obeyed(fake: Any, entente: Any, status_of: Any, task_of: Any) -> None:
    partner = {"name": HOSTILE, "tenantId": "2" * 8, "domains": []}
    shown = status_of("stopped", reason=HOSTILE, partner=partner, refusals=[HOSTILE], tasks=[task_of("stopped", reason=HOSTILE)])
    fake.says(*GET, (200, shown))
    fake.says("GET", "partner-requests", (200, {"requests": [shown]}))
    fake.says("POST", "why", (200, {"sentence": HOSTILE}))
    fake.says("GET", "parked", (200, {"parked": [parked("task:1") | {"reason": HOSTILE}]}))
    for words in (["status", "fabrikam"], ["status"], ["why", "a@b.com"], ["parked", "list"]):
        out = entente(*words).stdout
        assert "[red]red[/]" in out
        assert not set(out) & set("\x1b\x07\u202e"), words


def test_help_tells_the_exit_codes() -> None:
    result = CliRunner().invoke(app, ["--help"])
    assert result.exit_code == 0
    assert "3 the app is not reachable" in " ".join(result.stdout.split())
    assert CliRunner().invoke(app, ["submit"]).exit_code == 2


def test_the_local_stack_of_the_folder_is_found(fake: Any, tmp_path: Path) -> None:
    (tmp_path / ".stack").mkdir()
    record = tmp_path / ".stack" / "stack.json"
    record.write_text(json.dumps({"functions": [fake.url], "functionKeys": {"default": "local-key"}}), encoding="utf-8")
    fake.says("GET", "parked", (200, {"parked": []}))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ENTENTE_")}
    # A proxy that does not exist would fail every call that went through it.
    environment |= {"HTTP_PROXY": "http://127.0.0.1:1", "ALL_PROXY": "http://127.0.0.1:1"}
    command = [sys.executable, "-m", "cli.main", "parked", "list"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "Nothing is parked.\n", "")
    assert fake.asked[0].headers["x-functions-key"] == "local-key"
    record.unlink()
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 3
    assert "make up" in done.stderr


@pytest.mark.parametrize(
    "content", ["", "[]", '{"functions": []}', '{"functions": ["https://example.com"], "functionKeys": {"default": "k"}}']
)
def test_a_record_that_cannot_be_used(tmp_path: Path, content: str) -> None:
    (tmp_path / ".stack").mkdir()
    (tmp_path / ".stack" / "stack.json").write_text(content, encoding="utf-8")
    with pytest.raises(OutOfReach, match=r"stack\.json"):
        connection({}, tmp_path)


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"ENTENTE_URL": "http://app.example.com", "ENTENTE_KEY": "k"}, "must be https"),
        ({"ENTENTE_URL": "http://localhost.example.com", "ENTENTE_KEY": "k"}, "must be https"),
        ({"ENTENTE_URL": "app.example.com", "ENTENTE_KEY": "k"}, "must be the app's base URL"),
        ({"ENTENTE_URL": "https://app.example.com?code=k"}, "must be the app's base URL"),
        ({"ENTENTE_URL": "https://app.example.com"}, "neither ENTENTE_KEY"),
    ],
)
def test_unsafe_and_unfinished_settings(tmp_path: Path, environment: dict[str, str], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        connection(environment, tmp_path)


@pytest.mark.parametrize("url", ["https://app.example.com", "https://app.example.com/", "https://app.example.com/api/"])
def test_the_base_url_may_be_written_as_people_do(tmp_path: Path, url: str) -> None:
    found = connection({"ENTENTE_URL": url, "ENTENTE_KEY": "k"}, tmp_path)
    assert (found.url, found.local) == ("https://app.example.com", False)
    assert "k'" not in repr(found)


def test_an_app_that_does_not_answer(entente: Any, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int) -> None:
    monkeypatch.setenv("ENTENTE_URL", f"http://127.0.0.1:{unused_tcp_port}")
    result = entente("status", "--json")
    assert result.exit_code == 3
    assert "does not answer" in json.loads(result.stdout)["error"]
