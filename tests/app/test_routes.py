"""What people call over HTTP: every route is there, asks for a role, and answers wrong input with a sentence."""

import base64
import json
from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any

import azure.functions as func
import pytest

from devstack.tenant.seed import plant
from functions import emergency, journal, partners, people, principal
from tests.app.conftest import Stage
from tests.rig import Rig

FABRIKAM = "22222222-2222-2222-2222-222222222222"
MODULES = (emergency, journal, partners, people)
type Called = Callable[[func.HttpRequest], Awaitable[func.HttpResponse]]


def routes(*modules: ModuleType) -> dict[str, tuple[str, str, Called]]:
    """Method, route and function of each function of the modules."""
    app = func.FunctionApp()
    for module in modules:
        app.register_functions(module.bp)
    found = {}
    for one in app.get_functions():
        trigger: Any = one.get_trigger()
        method = trigger.methods[0]
        found[str(one.get_function_name())] = (str(getattr(method, "value", method)), trigger.route, one.get_user_function())
    return found


ROUTES = routes(*MODULES)
IN_THE_OPEN = {"show-health"}
EVERY_ROLE = "Reader,Requester,Approver,Operator"


@pytest.fixture
async def rig(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Rig:
    made = await stage.fresh(ENTENTE_KEY_ROLES=EVERY_ROLE, WEBSITE_AUTH_ENABLED="true")

    async def of_call(req: func.HttpRequest) -> Any:
        return made.world

    monkeypatch.setattr(principal, "of_call", of_call)
    return made


def signed_in(*roles: str) -> dict[str, str]:
    claims = [{"typ": "oid", "val": "one"}, *({"typ": "roles", "val": role} for role in roles)]
    return {"x-ms-client-principal": base64.b64encode(json.dumps({"claims": claims}).encode()).decode()}


async def call(
    name: str, body: Any = None, named: dict[str, str] | None = None, *, headers: dict[str, str] | None = None
) -> tuple[int, Any]:
    """Status and JSON of the function's answer; what the route names is taken from `named`, the rest are parameters."""
    first, route, function = ROUTES[name]
    named = named or {}
    parts = {part[1:-1] for part in route.split("/") if part.startswith("{")}
    request = func.HttpRequest(
        method=first,
        url=f"https://app/api/{route}",
        headers=headers or {},
        params={key: value for key, value in named.items() if key not in parts},
        route_params={part: named.get(part, FABRIKAM) for part in parts},
        body=body if isinstance(body, bytes) else json.dumps(body or {}).encode(),
    )
    answer = await function(request)
    return answer.status_code, json.loads(answer.get_body())


def test_the_routes_are_those_that_the_command_and_the_docs_name() -> None:
    assert {name: f"{method} {route}" for name, (method, route, _) in ROUTES.items()} == {
        "block-partner": "POST partners/{partner}/block",
        "release-partner": "POST partners/{partner}/release",
        "show-journal": "GET journal",
        "rebuild-tables": "POST journal/rebuild",
        "list-partners": "GET partners",
        "show-partner": "GET partners/{partner}",
        "show-handoff": "GET partners/{partner}/handoff",
        "migrate-relationship": "POST partners/{partner}/migration",
        "report-sharing": "POST partners/{partner}/sharing",
        "list-partner-requests": "GET partner-requests",
        "show-partner-request": "GET partner-requests/{id}",
        "control-partner-request": "POST partner-requests/{id}/{verb}",
        "decide-partner-request": "POST partner-requests/{id}/decision",
        "list-parked": "GET parked",
        "redrive-parked": "POST parked/redrive",
        "why-person": "POST why",
        "show-health": "GET health",
    }


@pytest.mark.parametrize("name", sorted(set(ROUTES) - IN_THE_OPEN))
async def test_nobody_gets_in_without_a_role(rig: Rig, name: str) -> None:
    status, said = await call(name, {"reason": "x"}, headers=signed_in("Guest"))
    assert status == 403
    assert "has none of the roles" in said["error"]
    status, _ = await call(name, headers={"x-ms-client-principal": "not base64"})
    assert status == 403
    assert rig.border.calls == 0


@pytest.mark.parametrize(
    ("name", "role"), [("block-partner", "Reader"), ("release-partner", "Approver"), ("migrate-relationship", "Requester")]
)
async def test_what_changes_something_takes_an_operator(rig: Rig, name: str, role: str) -> None:
    status, said = await call(name, {"reason": "x"}, headers=signed_in(role))
    assert (status, "Operator" in said["error"]) == (403, True)
    assert rig.border.calls == 0


WRONG: list[tuple[str, Any, dict[str, str], int, str]] = [
    ("block-partner", b"{", {}, 400, "JSON object"),
    ("block-partner", {}, {}, 400, "reason: is needed"),
    ("block-partner", {"reason": 7}, {}, 400, "reason: is needed"),
    ("block-partner", {"reason": "x" * 1001}, {}, 400, "up to 1000 characters"),
    ("block-partner", {"reason": "x"}, {"partner": "nobody.example"}, 400, "no Microsoft Entra tenant"),
    ("block-partner", {"reason": "x"}, {"partner": "contoso.com"}, 400, "own tenant"),
    ("release-partner", {"reason": " "}, {}, 400, "reason: is needed"),
    ("release-partner", {"reason": "x"}, {}, 400, "sign in"),
    ("show-journal", {}, {}, 400, "give a partner"),
    ("show-journal", {}, {"partner": "a", "person": "b"}, 400, "one of them"),
    ("show-journal", {}, {"person": "ana@fabrikam.com"}, 400, "into the body of a POST"),
    ("show-journal", {}, {"partner": "Fabrikam", "verify": "yes"}, 400, "true or false"),
    ("show-journal", {}, {"partner": "Fabrikam", "head": "x"}, 400, "head"),
    ("show-journal", {}, {"partner": "Nowhere"}, 400, "no partner"),
    ("show-partner", {}, {"partner": "Nobody"}, 400, "no partner"),
    ("show-partner", {}, {"partner": "a@b"}, 400, "must be a tenant id"),
    ("show-handoff", {}, {"verify": "maybe"}, 400, "true or false"),
    ("show-handoff", {}, {"partner": "Nobody"}, 400, "no partner"),
    ("migrate-relationship", {"aply": True}, {}, 400, "there are: acceptLoss, apply, scopes"),
    ("migrate-relationship", {"apply": "yes"}, {"partner": "fabrikam.com"}, 400, "apply: must be true or false"),
    ("migrate-relationship", {"scopes": {"Sales": "x"}}, {}, 400, "object ids"),
    ("report-sharing", {"sites": "x"}, {}, 400, "list of URLs"),
    ("report-sharing", b"[]", {}, 400, "JSON object"),
    ("show-partner-request", {}, {"id": "none"}, 404, "no such request"),
    ("show-partner-request", {}, {"id": "none", "top": "-1"}, 400, "number from 0"),
    ("control-partner-request", {}, {"id": "none", "verb": "explode"}, 404, "cancel, pause, resume"),
    ("control-partner-request", {}, {"id": "none", "verb": "pause"}, 400, "no request none"),
    ("decide-partner-request", {"decision": "maybe"}, {"id": "none"}, 400, "approve, reject"),
    ("decide-partner-request", {"decision": "approve"}, {"id": "none"}, 400, "no request none"),
    ("redrive-parked", {}, {}, 400, "id: is needed"),
    ("redrive-parked", {"id": "task:none"}, {}, 404, "nothing is parked"),
    ("why-person", {"address": "x"}, {}, 400, "address"),
]


@pytest.mark.parametrize(("name", "body", "named", "status", "words"), WRONG)
async def test_wrong_input_is_answered_with_a_sentence(
    rig: Rig, name: str, body: Any, named: dict[str, str], status: int, words: str
) -> None:
    found, said = await call(name, body, named)
    assert (found, words in said["error"]) == (status, True), said


async def test_a_block_and_its_release_by_two_who_have_signed_in(rig: Rig, stage: Stage) -> None:
    plant(stage.running.services.tenant, {"users": [{"mail": "ana@fabrikam.com", "userType": "Guest"}]})
    status, out = await call(
        "block-partner", {"reason": "leak"}, headers=signed_in("Operator"), named={"partner": "fabrikam.com"}
    )
    assert (status, out["state"], out["remains"]) == (200, "blocked", [])
    status, said = await call("release-partner", {"reason": "clear"})
    assert (status, "does not say who holds it" in said["error"]) == (400, True)
    status, out = await call("release-partner", {"reason": "clear"}, headers=signed_in("Operator"))
    assert (status, out["state"]) == (200, "asked")
    status, said = await call("release-partner", {"reason": "clear"}, headers=signed_in("Operator"))
    assert (status, "somebody else has to confirm" in said["error"]) == (400, True)
    status, found = await call("show-partner", headers=signed_in("Reader"))
    assert (status, found["blocked"], found["guests"]) == (200, True, {"blocked": 1})
    status, found = await call("list-partners", headers=signed_in("Reader"))
    assert [one["name"] for one in found["partners"]] == ["Fabrikam"]
    status, found = await call("show-journal", headers=signed_in("Reader"), named={"partner": "fabrikam.com", "export": "true"})
    assert (status, sorted(found["files"])) == (200, ["journal.csv", "journal.html"])
