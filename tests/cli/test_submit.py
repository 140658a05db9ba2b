"""`entente submit`: checked here first, then with the app."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from signal import SIGINT
from typing import Any

import pytest

from shared.nouns.request import PartnerRequest

POST = ("POST", "partner-requests")
GET = ("GET", "partner-requests/fabrikam")
TAKEN = (202, {"id": "fabrikam", "parts": 1, "status": "/api/partner-requests/fabrikam"})
NOT_YET = (404, {"error": "there is no such request; it may not have been accepted yet"})


def test_a_request_goes_to_the_app_with_the_key_and_its_guests_from_both_files(
    fake: Any, entente: Any, write: Any, tmp_path: Path
) -> None:
    fake.says(*POST, TAKEN)
    guests = tmp_path / "more.csv"
    guests.write_text("email,groups,until\nsecond@fabrikam.com,a;b,2031-01-31\n", encoding="utf-8")
    result = entente("submit", write(), "--guests", str(guests), "--id", "other")
    assert result.exit_code == 0, result.output
    (asked,) = fake.sent(*POST)
    assert asked.headers["x-functions-key"] == "the-function-key"
    assert asked.body["id"] == "other"
    assert (asked.body["part"], asked.body["parts"]) == (1, 1)
    assert asked.body["guests"] == [
        {"email": "first@fabrikam.com"},
        {"email": "second@fabrikam.com", "groups": ["a", "b"], "until": "2031-01-31"},
    ]
    assert "entente status fabrikam --watch" in result.stdout


def test_a_bearer_token_is_sent_too(fake: Any, entente: Any, write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENTENTE_KEY", "")
    monkeypatch.setenv("ENTENTE_TOKEN", "ey.token")
    fake.says(*POST, TAKEN)
    assert entente("submit", write()).exit_code == 0
    (asked,) = fake.sent(*POST)
    assert asked.headers["Authorization"] == "Bearer ey.token"
    assert "x-functions-key" not in asked.headers


def test_ten_thousand_guests_go_in_parts_that_each_fit_a_message(fake: Any, entente: Any, write: Any, tmp_path: Path) -> None:
    fake.says(*POST, TAKEN)
    lines = (f"guest{number}@fabrikam.com,Guest Number {number}\n" for number in range(10_000))
    guests = tmp_path / "guests.csv"
    guests.write_text("email,name\n" + "".join(lines), encoding="utf-8")
    result = entente("submit", write(guests=[]), "--guests", str(guests), "--json")
    assert result.exit_code == 0, result.output
    parts = [asked.body for asked in fake.sent(*POST)]
    assert json.loads(result.stdout)["parts"] == len(parts) > 1
    assert [part["part"] for part in parts] == list(range(1, len(parts) + 1))
    assert {part["parts"] for part in parts} == {len(parts)}
    assert max(int(asked.headers["Content-Length"]) for asked in fake.sent(*POST)) <= 240_000
    assert [guest["email"] for part in parts for guest in part["guests"]] == [f"guest{n}@fabrikam.com" for n in range(10_000)]


def test_an_outage_between_two_parts_says_that_it_can_be_repeated(fake: Any, entente: Any, write: Any) -> None:
    fake.says(*POST, TAKEN, (503, {"error": "the bus does not answer; try again shortly"}))
    guests = [{"email": f"guest{number}@fabrikam.com"} for number in range(2_500)]
    result = entente("submit", write(guests=guests))
    assert result.exit_code == 3
    assert "1 of 2 parts of the request were taken: submit it again, nothing is done twice." in result.stderr


def test_everything_wrong_is_said_at_once_and_nothing_is_sent(fake: Any, entente: Any, write: Any) -> None:
    path = write(
        guests=[
            {"email": "first@fabrikam.com"},
            {"email": "nobody"},
            {"email": "b@fabrikam.com", "until": "tomorrow"},
            {"email": "FIRST@fabrikam.com"},
        ],
        partner={"name": "", "domains": ["fabrikam"]},
        colour="blue",
    )
    result = entente("submit", path, "--json")
    assert result.exit_code == 2
    found = [(fault["field"], fault["reason"]) for fault in json.loads(result.stdout)["faults"]]
    wanted = [
        ("partner.name", "String should have at least 1 character"),
        ("partner.domains[0]", "is not a domain name such as fabrikam.com"),
        ("colour", f"there is no such field; there are: {', '.join(sorted(PartnerRequest.model_json_schema()['properties']))}"),
        ("guests[1].email", "is not an e-mail address"),
        ("guests[2].until", "must be a date such as 2027-06-30"),
        ("guests[3].email", "stands in the request already, as guests[0]"),
    ]
    assert [each for each in found if each in wanted] == wanted
    result = entente("submit", path)
    assert f"{len(found)} things to correct; nothing was sent." in result.stderr
    assert "guests[3].email: stands in the request already, as guests[0]" in result.stderr
    assert fake.asked == []


def test_a_guest_twice_in_two_parts_is_found(fake: Any, entente: Any, write: Any) -> None:
    guests = [{"email": f"guest{number}@fabrikam.com"} for number in range(2_500)]
    result = entente("submit", write(guests=[*guests, {"email": "Guest7@fabrikam.com"}]))
    assert result.exit_code == 2
    assert "guests[2500].email: stands in the request already, as guests[7]" in result.stderr
    assert fake.asked == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"version": 1,\n "id": }', "is not JSON: line 2, column 8"),
        ("[1]", "must hold one JSON object"),
        ('{"version": 1, "version": 1}', "the key 'version' stands twice in one object"),
        ('{"version": NaN}', "NaN is not a JSON value"),
        ("", "is not JSON: line 1, column 1"),
        ("[" * 100_000, "cannot be used"),
        ('{"version": 2}', "version: must be 1, the only version there is"),
    ],
)
def test_a_file_that_is_no_request(fake: Any, entente: Any, write: Any, text: str, said: str) -> None:
    result = entente("submit", write(text))
    assert result.exit_code == 2
    assert said in result.stderr
    assert fake.asked == []


def test_files_that_cannot_be_read(entente: Any, write: Any, tmp_path: Path) -> None:
    assert "No such file" in entente("submit", "missing.json").stderr
    result = entente("submit", write(), "--guests", str(tmp_path))
    assert result.exit_code == 2
    assert "Is a directory" in result.stderr
    (tmp_path / "latin.json").write_bytes(b'{\n"id": "\xf6"}')
    assert "is not UTF-8 text: line 2" in entente("submit", "latin.json").stderr


def test_the_request_may_come_from_standard_input(fake: Any, entente: Any, write: Any) -> None:
    fake.says(*POST, TAKEN)
    text = Path(write()).read_text(encoding="utf-8")
    assert entente("submit", "-", stdin=text).exit_code == 0
    assert fake.sent(*POST)[0].body["id"] == "fabrikam"


def test_what_the_app_says_no_to_is_shown_field_by_field(fake: Any, entente: Any, write: Any) -> None:
    faults = [{"field": "template", "reason": "is not a template of this installation; there are: [bold]supplier[/]"}]
    fake.says(*POST, (400, {"error": "template: is not a template", "faults": faults}))
    result = entente("submit", write())
    assert result.exit_code == 2
    assert "template: is not a template of this installation; there are: [bold]supplier[/]" in result.stderr


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (401, "", "does not take this key or sign-in (401)"),
        (403, {"error": "function key has none of the roles Requester"}, "has none of the roles Requester (403)"),
        (404, "<html>", "answers 404"),
        (500, "<html>oops", "answers 500"),
        (503, {"error": "throttled; try again shortly"}, "throttled; try again shortly"),
        (200, "<html>a login page", "answers 200: nothing that this command understands"),
    ],
)
def test_an_app_that_does_not_let_in_or_is_none(fake: Any, entente: Any, write: Any, status: int, body: Any, said: str) -> None:
    fake.says(*POST, (status, body))
    result = entente("submit", write())
    assert result.exit_code == 3
    assert said in result.stderr
    assert "the-function-key" not in result.output


def test_watching_shows_progress_until_it_is_done(fake: Any, entente: Any, write: Any, status_of: Any, task_of: Any) -> None:
    fake.says(*POST, TAKEN)
    done = status_of("done", reason="all 1 tasks are done", tasks=[task_of("done")])
    fake.says(*GET, NOT_YET, NOT_YET, (200, status_of("queued")), (200, status_of()), (200, done))
    result = entente("submit", write(), "--watch")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[:3] == [
        "fabrikam: not accepted yet",
        "fabrikam: queued  invite-guest 0/1",
        "fabrikam: running  invite-guest 0/1",
    ]
    assert "Request fabrikam: done - all 1 tasks are done" in lines
    assert any("first@fabrikam.com" in line and "was invited and has not accepted yet" in line for line in lines)


def test_a_pipe_gets_a_line_for_each_state_and_each_tenth_of_the_work(
    fake: Any, entente: Any, write: Any, status_of: Any, task_of: Any
) -> None:
    def at(done: int, state: str = "running", tasks: int = 50) -> tuple[int, Any]:
        listed = [task_of("done" if number < done else "ready", key=f"t|c|invite-guest|{number}") for number in range(tasks)]
        return 200, status_of(state, tasks=listed)

    fake.says(*POST, TAKEN)
    # Half of the guests come late: what is settled is less of the whole then, and that is no news.
    shown = [at(done, tasks=25) for done in range(11)] + [at(done) for done in range(11, 51)]
    fake.says(*GET, NOT_YET, *shown, (200, status_of("running", paused=True)), at(50, "done"))
    lines = [line for line in entente("submit", write(), "--watch").stdout.splitlines() if line.startswith("fabrikam:")]
    counts = [int(line.rpartition(" ")[2].partition("/")[0]) for line in lines if "invite-guest" in line]
    assert counts[:5] == [0, 3, 5, 8, 10]
    assert counts[5:12] == [25, 30, 35, 40, 45, 50, 0]
    assert "(paused)" in lines[-2]
    assert lines[-1] == "fabrikam: done  invite-guest 50/50"


def test_watching_as_json_leaves_one_document_on_standard_output(
    fake: Any, entente: Any, write: Any, status_of: Any, task_of: Any
) -> None:
    fake.says(*POST, TAKEN)
    fake.says(*GET, NOT_YET, (200, status_of("stopped", tasks=[task_of("stopped", reason="why")])))
    result = entente("submit", write(), "--watch", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["tasks"][0]["reason"] == "why"
    assert "fabrikam: stopped" in result.stderr


@pytest.mark.parametrize("state", ["stopped", "cancelled", "refused"])
def test_a_request_that_does_not_end_well_is_exit_code_1(fake: Any, entente: Any, write: Any, status_of: Any, state: str) -> None:
    fake.says(*POST, TAKEN)
    shown = {"id": "fabrikam", "state": "refused", "refusals": ["template: no"]} if state == "refused" else status_of(state)
    fake.says(*GET, NOT_YET, (200, shown))
    result = entente("submit", write(), "--watch")
    assert result.exit_code == 1, result.output
    assert state in result.stdout


def test_a_known_id_with_other_content_is_refused_although_the_first_request_is_done(
    fake: Any, entente: Any, write: Any, status_of: Any
) -> None:
    fake.says(*POST, TAKEN)
    refused = status_of("done", refusals=["id: fabrikam is taken by a request with other content; the first one stands"])
    fake.says(*GET, (200, status_of("done")), (200, status_of("done")), (200, refused))
    result = entente("submit", write(), "--watch")
    assert result.exit_code == 1
    assert "Refused: id: fabrikam is taken by a request with other content" in result.stdout


def test_a_known_id_with_the_same_content_has_the_first_result(fake: Any, entente: Any, write: Any, status_of: Any) -> None:
    fake.says(*POST, TAKEN)
    fake.says(*GET, (200, status_of("done")))
    assert entente("submit", write(), "--watch").exit_code == 0
    result = entente("submit", write())
    assert result.exit_code == 0
    assert "This id is known already (done): the same content changes nothing, other content is refused." in result.stdout


def test_ctrl_c_leaves_the_request_running_and_says_so(
    fake: Any, entente: Callable[..., Any], write: Any, status_of: Any, tmp_path: Path
) -> None:
    del entente  # for the environment that it sets
    fake.says(*POST, TAKEN)
    fake.says(*GET, NOT_YET, (200, status_of()))
    # Who runs in the background of a shell ignores the signal, and whoever they start does so too.
    heeded = "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler); runpy.run_module('cli.main', run_name='__main__')"
    command = [sys.executable, "-c", heeded, "submit", write(), "--watch"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "fabrikam: running  invite-guest 0/1\n"
        process.send_signal(SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors == "Request fabrikam goes on without you. See it again: entente status fabrikam --watch\n"
    assert {asked.method for asked in fake.asked} == {"GET", "POST"}
    assert len(fake.sent(*POST)) == 1


def test_an_outage_while_watching_is_waited_for(
    fake: Any, entente: Any, write: Any, status_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.says(*POST, TAKEN)
    outage = (503, {"error": "tables are out of reach"})
    fake.says(*GET, NOT_YET, (200, status_of()), outage, outage, (200, status_of("done")))
    assert entente("submit", write(), "--watch").exit_code == 0
    monkeypatch.setattr("cli.watch.PATIENCE_SECONDS", 0.1)
    fake.says(*GET, NOT_YET, (200, status_of()), outage)
    begun = time.monotonic()
    assert entente("submit", write(), "--watch").exit_code == 3
    assert time.monotonic() - begun >= 0.1
