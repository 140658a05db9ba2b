"""`entente plan`, `offboard`, `approve` and `reject`: what is shown before anything changes, and the exit codes."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.conftest import Entente, FakeApp, status_of, task_of

PLAN = "0123456789ab"
NAME = f"fabrikam.plan-{PLAN}"
WHERE = f"partner-requests/{NAME}"


def seen(sight: str, before: dict[str, Any] | None = None, after: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"sight": sight, "before": before or {}, "after": after or {}}


def setting(sight: str, before: dict[str, Any], after: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A task about the partner, as a plan has seen it."""
    step = more.pop("step", "set-partner-configuration")
    key = {"key": f"t|partner|{step}|22222222", "step": step, "subject": "22222222", "position": None}
    return task_of("done", **key, plan=seen(sight, before, after), reason=more.pop("reason", "would be changed"), **more)


def guest(position: int, sight: str = "create", **more: Any) -> dict[str, Any]:
    key = f"t|p001c0000|invite-guest|{position:032x}"
    return task_of("done", key=key, subject=f"{position:032x}", position=position, plan=seen(sight), reason="", **more)


def outlook(*findings: dict[str, str], missing: tuple[str, ...] = ()) -> dict[str, Any]:
    permissions = {"needed": ["Policy.Read.All", "User.Invite.All"], "missing": list(missing)}
    return {"findings": list(findings), "permissions": permissions, "exchangeRoles": []}


@pytest.fixture
def planned(fake: FakeApp, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    monkeypatch.setattr("cli.deciding.secrets.token_hex", lambda _: PLAN)
    fake.says("POST", "partner-requests", (202, {"id": NAME}))

    def says(*tasks: dict[str, Any], **more: Any) -> None:
        state = more.pop("state", "done")
        fake.says("GET", WHERE, (200, status_of(state, id=NAME, mode="plan", action="onboard", tasks=list(tasks), **more)))

    return says


def test_changes_are_shown_before_and_after_and_are_exit_code_2(
    fake: FakeApp, entente: Entente, write: Callable[..., str], planned: Callable[..., None]
) -> None:
    before, after = {"inboundTrust": "nothing", "domains": ["a.com"]}, {"inboundTrust": "MFA", "domains": ["b.com"]}
    planned(
        setting("change", before, after),
        setting("nothing", {}, {}, step="allow-domain", reason="is let in already"),
        setting("by hand", {"label": None}, {"label": "x"}, step="create-group", reason="Set the label"),
        *(guest(position) for position in range(50)),
        outlook=outlook(),
        approval={"needed": ["set-partner-configuration"]},
    )
    result = entente("plan", write())
    assert result.exit_code == 2, result.output
    said = result.stdout
    assert "set-partner-configuration  (needs approval)" in said
    assert "inboundTrust: nothing -> MFA" in said
    assert "domains: + b.com (beside 1 that is there)" in said
    assert "= 2222" not in said
    assert "= Fabrikam: is let in already" in said
    assert "* Fabrikam: Set the label" in said
    assert "+ 50 guests" in said
    assert "first@" not in said
    assert "None of them is missing" in said
    assert "50 to create, 1 to change, 1 to do by hand, 1 as they should be" in said
    (sent,) = fake.sent("POST", "partner-requests")
    assert (sent.query, sent.body["mode"], sent.body["id"]) == ({"plan": "true"}, "plan", NAME)


def test_groups_are_shown_by_the_names_that_people_give_them(
    entente: Entente, write: Callable[..., str], planned: Callable[..., None]
) -> None:
    group = "aaaaaaaa-0000-4000-8000-000000000001"
    made = {"step": "add-to-group", "position": None, "reason": "", "plan": seen("create")}
    planned(
        task_of("done", **made, key="t|c|add-to-group|1", group=group, groupName="readers", members={"p1": "", "p2": ""}),
        task_of("done", **made, key="t|c|add-to-group|2", group="new-apollo", groupName="apollo", members={"p1": ""}),
        outlook=outlook(),
    )
    said = entente("plan", write()).stdout
    assert "2 guests in readers" in said
    assert "in the new group apollo" in said
    assert group not in said
    as_json = json.loads(entente("plan", write(), "--json").stdout)
    assert {(change["group"], change["groupName"]) for change in as_json["changes"]} == {
        (group, "readers"),
        ("new-apollo", "apollo"),
    }


def test_nothing_to_do_is_exit_code_0(entente: Entente, write: Callable[..., str], planned: Callable[..., None]) -> None:
    planned(setting("nothing", {}, {}), guest(0, "nothing"), outlook=outlook())
    assert entente("plan", write()).exit_code == 0


FINDING = {
    "step": "set-capabilities",
    "weight": "refuses",
    "setting": "EWS",
    "value": "off",
    "where": "Exchange",
    "why": "It is off",
}


@pytest.mark.parametrize(
    ("tasks", "more", "said"),
    [
        ([setting("nothing", {}, {})], {"outlook": outlook(FINDING)}, "EWS is off; change it in Exchange"),
        ([setting("refused", {}, {}, reason="Somebody has closed it")], {}, "! Fabrikam: Somebody has closed it"),
        (
            [task_of("stopped", subject="refused-3", position=3, reason="is no address")],
            {"state": "stopped"},
            "guest 3: is no address",
        ),
        ([], {"state": "refused", "refusals": ["template: is not a template"]}, "template: is not a template"),
    ],
)
def test_what_is_refused_is_shown_and_is_exit_code_1(
    entente: Entente,
    write: Callable[..., str],
    planned: Callable[..., None],
    tasks: list[dict[str, Any]],
    more: dict[str, Any],
    said: str,
) -> None:
    planned(*tasks, **more)
    result = entente("plan", write())
    assert result.exit_code == 1, result.output
    assert said in result.stdout


def test_every_guest_is_listed_on_demand_and_json_has_all(
    entente: Entente, write: Callable[..., str], planned: Callable[..., None]
) -> None:
    planned(guest(0), guest(1), outlook=outlook(missing=("User.Invite.All",)))
    listed = entente("plan", write(), "--all")
    assert "+ first@fabrikam.com" in listed.stdout, "whoever has the file may see whom it names"
    assert "+ guest 1" in listed.stdout
    assert "Missing: User.Invite.All" in listed.stdout
    found = json.loads(entente("plan", write(), "--json").stdout)
    assert found["counts"]["create"] == 2
    assert found["exitCode"] == 2
    assert "@" not in json.dumps(found)


@pytest.mark.parametrize("words", [["plan"], ["plan", "nowhere.json"], ["plan", "x", "--bogus"]])
def test_wrong_usage_is_no_change(entente: Entente, words: list[str]) -> None:
    assert entente(*words).exit_code == 1


def test_what_would_be_taken_back_is_marked(entente: Entente, write: Callable[..., str], planned: Callable[..., None]) -> None:
    back = setting(
        "change", {"role": "read", "list": ["a", "b"]}, {"role": None, "list": None}, reverses=[{"request": "r", "task": "t"}]
    )
    planned(back, outlook=outlook())
    said = entente("plan", write()).stdout
    assert "- Fabrikam" in said
    assert "role: read" in said
    assert "1 to remove" in said


def test_decisions_are_posted_with_their_reason(fake: FakeApp, entente: Entente) -> None:
    fake.says("POST", "partner-requests/fabrikam/decision", (200, {"id": "fabrikam", "state": "queued", "reason": "approved"}))
    assert entente("--as", "bob", "approve", "fabrikam").exit_code == 0
    fake.says(
        "POST",
        "partner-requests/fabrikam/decision",
        (200, {"id": "fabrikam", "state": "cancelled", "reason": "rejected by user bob: not them"}),
    )
    rejected = entente("reject", "fabrikam", "--reason", "not them")
    assert rejected.exit_code == 0
    assert "Request fabrikam: cancelled - rejected by user bob: not them" in rejected.stdout
    assert "Waits" not in rejected.stdout
    first, second = fake.sent("POST", "partner-requests/fabrikam/decision")
    assert (first.body, second.body) == ({"decision": "approve"}, {"decision": "reject", "reason": "not them"})
    principal = json.loads(base64.b64decode(first.headers["x-ms-client-principal"]))
    assert principal["claims"][0]["val"] == "bob"
    assert {"Requester", "Approver", "Operator", "Reader"} <= {claim["val"] for claim in principal["claims"]}
    assert "x-ms-client-principal" not in second.headers


def test_who_one_is_is_said_before_the_command_or_behind_it(fake: FakeApp, entente: Entente) -> None:
    fake.says("POST", "partner-requests/fabrikam/decision", (200, {"id": "fabrikam", "state": "queued", "reason": "approved"}))
    for words in (
        ("--as", "bob", "approve", "fabrikam"),
        ("approve", "fabrikam", "--as", "bob"),
        ("approve", "--as=bob", "fabrikam"),
    ):
        assert entente(*words).exit_code == 0
        header = fake.sent("POST", "partner-requests/fabrikam/decision")[-1].headers["x-ms-client-principal"]
        assert json.loads(base64.b64decode(header))["claims"][0]["val"] == "bob"
    assert entente("approve", "fabrikam", "--as").exit_code == 2


def test_who_one_is_is_said_to_this_machine_alone(entente: Entente, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no address" in entente("--as", "bob@contoso.com", "status").output
    monkeypatch.setenv("ENTENTE_URL", "https://app.azurewebsites.net")
    result = entente("--as", "bob", "status")
    assert result.exit_code == 2
    assert "your sign-in says who you are" in result.output


def test_a_waiting_request_says_who_may_decide(fake: FakeApp, entente: Entente) -> None:
    approval = {"needed": ["set-capabilities"], "decideBy": "2026-12-06T09:00:00+00:00", "decidedBy": ""}
    waiting = status_of("awaiting-approval", approval=approval, reason="waits", requestedBy="user alice")
    fake.says("GET", "partner-requests/fabrikam", (200, waiting))
    said = entente("status", "fabrikam").stdout
    assert "anybody with the role Approver but user alice" in said
    assert "because of set-capabilities" in said
    assert "entente approve fabrikam" in said


PARTNER = {"name": "Fabrikam", "domains": ["fabrikam.com"], "template": {"name": "supplier", "version": 2}}


def test_offboarding_is_asked_for_by_what_is_on_record(fake: FakeApp, entente: Entente) -> None:
    fake.says("GET", "partners/fabrikam.com", (200, PARTNER))
    fake.says("POST", "partner-requests", (202, {"id": "bye"}))
    fake.says("GET", "partner-requests/bye", (200, status_of("done", id="bye", tasks=[])))
    result = entente("offboard", "fabrikam.com", "--id", "bye", "--yes")
    assert result.exit_code == 0, result.output
    (sent,) = fake.sent("POST", "partner-requests")
    asked = {key: sent.body[key] for key in ("id", "action", "template", "partner")}
    partner = {"name": "Fabrikam", "domains": ["fabrikam.com"]}
    assert asked == {"id": "bye", "action": "offboard", "template": "supplier", "partner": partner}


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_nobody_is_offboarded_without_a_yes(fake: FakeApp, entente: Entente, more: list[str]) -> None:
    fake.says("GET", "partners/fabrikam.com", (200, PARTNER))
    result = entente("offboard", "fabrikam.com", *more)
    assert result.exit_code == 2
    assert "--yes" in result.output
    assert not fake.sent("POST", "partner-requests")
