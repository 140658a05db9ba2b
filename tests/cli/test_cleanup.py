"""Clean-up and guests on the command line: what a plan shows, who decides, lists in three forms, and what a spreadsheet is not to compute."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Entente, FakeApp

RUN = "20261126T060000"
USER = "4494e187-a074-438c-a76b-153e6eea9955"
READING: dict[str, Any] = {"id": RUN, "state": "reading", "guests": [], "next": ""}
CANDIDATE = {
    "partner": "2" * 8,
    "person": "a" * 32,
    "user": USER,
    "kind": "guest",
    "would": "warn",
    "rule": "ended",
    "why": "2026-11-21 was their last day; warning 1 of 3",
    "evidence": "enabled; accepted; created 2026-01-01",
    "suspicions": ["our last mail to them came back on 2026-11-20"],
}
FOUND: dict[str, Any] = {
    "id": RUN,
    "state": "reported",
    "startedBy": "user alice",
    "reportOnly": True,
    "counts": {"directory": 25, "unknown": 2, "b2bMembers": 3, "keep": 23, "warn": 2},
    "held": [],
    "notes": ["the rule not_signed_in is off"],
    "decidedBy": "",
    "reason": "",
    "guests": [CANDIDATE],
    "next": f"{'2' * 8}|{'a' * 32}",
}
SECOND = {**FOUND, "guests": [{**CANDIDATE, "user": "", "person": "b" * 32, "would": "report"}], "next": ""}
GUEST: dict[str, Any] = {
    "partner": "2" * 8,
    "person": "a" * 32,
    "user": USER,
    "stage": "blocked",
    "origin": "invited",
    "lastDay": "2026-11-21",
    "decided": True,
    "sponsors": ["s1", "s2"],
    "requests": ["fabrikam"],
    "warnings": 3,
    "warnedAt": None,
    "why": "",
    "blockedBy": "expiry",
    "blockedAt": None,
    "deletedAt": None,
    "leftAlone": '=HYPERLINK("https://evil.example")',
    "exempt": None,
}
MEMBER = {
    "partner": "",
    "user": USER,
    "kind": "member",
    "domain": "northwind.com",
    "enabled": None,
    "invited": True,
    "created": None,
    "lastSignIn": None,
}


def test_a_plan_is_watched_until_it_has_ended_and_changes_nothing(
    fake: FakeApp, entente: Entente, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.cleanup.LOOK_SECONDS", 0.0)
    fake.says("POST", "cleanup-runs", (202, {"id": RUN, "state": "reading"}))
    fake.says("GET", f"cleanup-runs/{RUN}", (200, READING), (200, FOUND), (200, SECOND))
    result = entente("cleanup", "plan")
    assert result.exit_code == 0, result.output
    for words in ("which only reports", "25 guests in the directory, 2 of them on no record", "3 B2B members", "2 warned"):
        assert words in result.output
    assert "the rule not_signed_in is off" in result.output
    assert "named only" in result.output
    assert "By rule: ended 2" in result.output
    assert [each.query.get("after") for each in fake.sent("GET", f"cleanup-runs/{RUN}")][-1] == FOUND["next"]


def test_a_plan_that_failed_says_so_by_its_exit_code(fake: FakeApp, entente: Entente) -> None:
    fake.says("POST", "cleanup-runs", (202, {"id": RUN, "state": "reading"}))
    fake.says("GET", f"cleanup-runs/{RUN}", (200, {**SECOND, "state": "failed"}))
    result = entente("cleanup", "plan", "--json")
    assert result.exit_code == 1
    assert len(json.loads(result.stdout)["guests"]) == 1


def test_a_run_is_shown_with_filters(fake: FakeApp, entente: Entente) -> None:
    fake.says("GET", f"cleanup-runs/{RUN}", (200, {**FOUND, "guests": [], "next": "", "held": ["61 guests would be touched"]}))
    result = entente("cleanup", "show", RUN, "--move", "warn", "--kind", "member")
    assert "! 61 guests would be touched" in result.output
    assert "No rule applies to any guest." in result.output
    (asked,) = fake.sent("GET", f"cleanup-runs/{RUN}")
    assert asked.query == {"move": "warn", "kind": "member"}


@pytest.mark.parametrize(("verb", "state"), [("release", "sent"), ("reject", "rejected")])
def test_a_decision_needs_a_reason_and_a_refusal_is_told(fake: FakeApp, entente: Entente, verb: str, state: str) -> None:
    path = f"cleanup-runs/{RUN}/{verb}"
    done = {"id": RUN, "state": state, "decidedBy": "user bob"}
    fake.says("POST", path, (200, done), (400, {"error": "somebody else has to release it"}))
    assert entente("cleanup", verb, RUN).exit_code == 2
    assert f"is {state}, by user bob" in entente("cleanup", verb, RUN, "--reason", "looked at it").output
    assert fake.sent("POST", path)[0].body == {"reason": "looked at it"}
    refused = entente("cleanup", verb, RUN, "--reason", "again")
    assert refused.exit_code == 2
    assert "somebody else has to release it" in refused.output


def test_runs_are_listed(fake: FakeApp, entente: Entente) -> None:
    fake.says("GET", "cleanup-runs", (200, {"runs": []}), (200, {"runs": [{**FOUND, "state": "held", "held": ["too many"]}]}))
    assert "no clean-up run yet" in entente("cleanup", "runs").output
    assert "too many" in entente("cleanup", "runs").output
    assert json.loads(entente("cleanup", "runs", "--json").stdout)["runs"][0]["id"] == RUN


def test_guests_are_listed_by_page_and_filter_in_every_form(fake: FakeApp, entente: Entente, tmp_path: Path) -> None:
    pages = [(200, {"guests": [GUEST], "next": "2|a"}), (200, {"guests": [{**GUEST, "user": ""}], "next": None})]
    fake.says("GET", "guests", *pages, *pages, *pages, *pages)
    listed = entente("guests", "list", "--partner", "fabrikam.com", "--stage", "blocked", "--ends-before", "2027-01-01")
    assert listed.exit_code == 0, listed.output
    assert "2026-11-21 (decided)" in listed.output
    first, second = fake.sent("GET", "guests")
    assert first.query == {"partner": "fabrikam.com", "stage": "blocked", "endsBefore": "2027-01-01", "after": ""}
    assert second.query["after"] == "2|a"
    assert len(json.loads(entente("guests", "list", "--json").stdout)["guests"]) == 2
    rows = list(csv.DictReader(io.StringIO(entente("guests", "list", "--csv").stdout)))
    assert [row["sponsors"] for row in rows] == ["s1 s2"] * 2
    assert [row["leftAlone"][:2] for row in rows] == ["'="] * 2, "no spreadsheet computes it"
    file = tmp_path / "guests.csv"
    assert entente("guests", "export", str(file)).exit_code == 0
    assert list(csv.DictReader(io.StringIO(file.read_text("utf-8")))) == rows


@pytest.mark.parametrize(
    "words",
    [
        ("--csv", "--json"),
        ("--kind", "robot"),
        ("--kind", "member", "--stage", "blocked"),
        ("--kind", "member", "--sponsor", "x"),
    ],
)
def test_a_list_that_cannot_be_is_refused_before_anything_is_asked(
    fake: FakeApp, entente: Entente, words: tuple[str, ...]
) -> None:
    assert entente("guests", "list", *words).exit_code == 2
    assert fake.sent("GET", "guests") == []


def test_b2b_members_are_listed_as_their_own_kind(fake: FakeApp, entente: Entente) -> None:
    page = {"members": [{**MEMBER, "domain": "@northwind.com"}], "next": None, "read": "2026-11-26T06:00:00+00:00"}
    fake.says("GET", "guests", (200, {"members": [], "next": None, "read": None}), (200, page))
    assert "entente cleanup plan" in entente("guests", "list", "--kind", "member").output
    shown = entente("guests", "list", "--kind", "member", "--partner", "northwind.com")
    assert "on no record" in shown.output
    assert "1 B2B members, as the directory was read at 2026-11-26T06:00" in shown.output
    assert fake.sent("GET", "guests")[-1].query == {"kind": "member", "partner": "northwind.com", "after": ""}
    rows = list(csv.DictReader(io.StringIO(entente("guests", "list", "--kind", "member", "--csv").stdout)))
    assert [(row["user"], row["domain"]) for row in rows] == [(USER, "'@northwind.com")]
    assert json.loads(entente("guests", "list", "--kind", "member", "--json").stdout)["members"] == page["members"]


def test_a_guest_is_shown_in_words_and_addresses_go_in_bodies(fake: FakeApp, entente: Entente) -> None:
    exempt = {"until": "2027-05-01", "by": "user alice", "reason": "runs the plant"}
    fake.says("POST", "guests/show", (200, {**GUEST, "exempt": exempt}))
    result = entente("guests", "show", "ana@fabrikam.com")
    for words in ("last day: 2026-11-21", "blocked by: expiry", "sponsors: s1, s2", "exempt: until 2027-05-01, by user alice"):
        assert words in result.output
    (asked,) = fake.sent("POST", "guests/show")
    assert (asked.body, asked.query) == ({"guest": "ana@fabrikam.com"}, {})


def test_what_a_guest_has_in_sharepoint_is_told_with_how_far_was_looked(fake: FakeApp, entente: Entente) -> None:
    item = {"site": "https://x", "url": "https://x/plans.docx", "roles": ["read"], "until": None}
    looked = {"site": "https://x", "libraries": 1, "items": 7, "permissions": 2, "complete": False, "stopped": "too many"}
    sharing = {"items": [item], "scope": [looked], "complete": False, "notLookedAt": "lists, site pages"}
    fake.says("POST", "guests/show", (200, {**GUEST, "sharing": sharing}), (200, {**GUEST, "sharing": {**sharing, "items": []}}))
    told = entente("guests", "show", USER, "--sharing").output
    assert "in SharePoint: https://x/plans.docx (read)" in told
    assert "not complete: too many" in told
    assert "Not looked at, on these sites and all others: lists, site pages" in told
    assert "nothing by name, as far as was looked" in entente("guests", "show", USER, "--site", "https://x").output
    assert [one.body for one in fake.sent("POST", "guests/show")] == [
        {"guest": USER, "sites": []},
        {"guest": USER, "sites": ["https://x"]},
    ]


@pytest.mark.parametrize(
    ("words", "verb", "body"),
    [
        (("guests", "extend", USER, "--until", "2027-06-30"), "extend", {"until": "2027-06-30"}),
        (("guests", "end", USER), "end", {}),
        (("guests", "restore", USER), "restore", {}),
        (("exempt", "add", USER, "--owner", "mia", "--until", "2027-06-30"), "exempt", {"owner": "mia", "until": "2027-06-30"}),
    ],
)
def test_a_decision_on_a_guest_needs_a_reason(
    fake: FakeApp, entente: Entente, words: tuple[str, ...], verb: str, body: dict[str, str]
) -> None:
    fake.says("POST", f"guests/{verb}", (200, GUEST), (400, {"error": "until: must not be past"}))
    assert entente(*words).exit_code == 2
    assert fake.sent("POST", f"guests/{verb}") == []
    assert entente(*words, "--reason", "needed").exit_code == 0
    assert fake.sent("POST", f"guests/{verb}")[0].body == {"guest": USER, "reason": "needed", **body}
    refused = entente(*words, "--reason", "needed")
    assert refused.exit_code == 2
    assert "must not be past" in refused.output


def test_exemptions_are_listed_as_csv_that_computes_nothing_and_those_that_are_over_alone(
    fake: FakeApp, entente: Entente
) -> None:
    one = {"partner": "2", "person": "a", "until": "2026-01-01", "owner": "s1", "by": "user x", "at": "2025-01-01", "over": True}
    one |= {"reason": '=HYPERLINK("https://evil.example")'}
    answers = (200, {"exemptions": [one, {**one, "person": "b", "over": False}]})
    fake.says("GET", "exemptions", answers, answers, answers)
    rows = list(csv.DictReader(io.StringIO(entente("exempt", "list", "--csv").output)))
    assert [(row["person"], row["reason"][:2]) for row in rows] == [("a", "'="), ("b", "'=")]
    rows = list(csv.DictReader(io.StringIO(entente("exempt", "list", "--csv", "--over").output)))
    assert [row["person"] for row in rows] == ["a"]
    assert entente("exempt", "list", "--csv", "--json").exit_code == 2


def test_a_guest_is_shown_with_what_clean_up_goes_by_in_words(fake: FakeApp, entente: Entente) -> None:
    fake.says("GET", "guests", (200, {"guests": [{**GUEST, "leftAlone": "", "why": "not_signed_in:2026-03-01"}], "next": None}))
    assert "not signed in since 2026-03-01" in entente("guests", "list").output


def test_who_released_a_held_run_and_why_is_shown(fake: FakeApp, entente: Entente) -> None:
    decided = {**FOUND, "state": "sent", "decidedBy": "user boss", "reason": "looked at it", "next": ""}
    fake.says("GET", f"cleanup-runs/{RUN}", (200, decided))
    assert "It was held, and released by user boss: looked at it" in entente("cleanup", "show", RUN).output


def test_exemptions_that_are_over_are_marked_and_one_is_removed(fake: FakeApp, entente: Entente) -> None:
    one = {"person": "a" * 32, "until": "2026-01-01", "owner": "mia", "reason": "x", "by": "user bob", "over": True}
    fake.says("GET", "exemptions", (200, {"exemptions": [one]}), (200, {"exemptions": []}))
    assert "2026-01-01 (over)" in entente("exempt", "list").output
    assert "Nobody is exempt." in entente("exempt", "list").output
    fake.says("POST", "guests/unexempt", (200, {"partner": "2", "person": "a", "exempt": None}))
    assert entente("exempt", "remove", USER).exit_code == 0
