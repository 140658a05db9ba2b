"""The control plane, the identity endpoint, the process, and the page that tells what is covered."""

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from devstack.tenant import coverage
from devstack.tenant.coverage import shows
from tests.tenant.calling import LI, MIA, PROJECT, Caller, StandingTime

ROOT = Path(__file__).parents[2]


async def test_settings_are_set_by_either_verb(caller: Caller) -> None:
    assert (await caller.control("POST", "options", {"deltaPage": 7}))["deltaPage"] == 7
    assert (await caller.control("PUT", "clock", {"advance": 5}))["ahead"] == 5
    assert (await caller.control("POST", "throttle", {"enabled": False}))["enabled"] is False


async def test_reset_goes_back_to_the_seed_of_the_start(caller: Caller) -> None:
    before = await caller.state()
    await caller.guest("ana@fabrikam.com")
    await caller.control("POST", "faults", {"effect": "lost", "match": {"path": "/nothing"}})
    await caller.control("POST", "clock", {"advance": 3600})
    await caller.control("POST", "reset")
    assert await caller.state() == before
    assert (await caller.control("GET", "faults"))["value"] == []
    assert (await caller.control("GET", "requests/summary"))["requests"] == 0
    # A token from before the reset is still good, as clients keep theirs.
    assert (await caller.graph("GET", f"/users/{MIA}")).status_code == 200


async def test_a_seed_adds_changes_and_refers_by_name(caller: Caller) -> None:
    seed = {
        "users": [
            {"mail": "ana@fabrikam.com", "displayName": "Ana", "externalUserState": "Accepted", "sponsors": ["mia@contoso.com"]},
            {"id": LI, "userPrincipalName": "li@contoso.com", "displayName": "Li W."},
            {"mail": "old@fabrikam.com", "deletedDateTime": "2026-11-20T00:00:00Z"},
        ],
        "groups": [{"displayName": "New", "mailNickname": "new", "members": ["ana@fabrikam.com", "fabrikam-project"]}],
        "tenants": {"adatum.com": {"tenantId": "55555555-5555-5555-5555-555555555555"}},
    }
    await caller.control("POST", "seed", seed)
    state = await caller.state()
    users = {user["mail"]: user for user in state["users"]}
    ana = users["ana@fabrikam.com"]
    assert (ana["userType"], ana["creationType"], ana["externalUserState"], ana["sponsors"]) == (
        "Guest",
        "Invitation",
        "Accepted",
        [MIA],
    )
    assert (users["li@contoso.com"]["displayName"], len(users)) == ("Li W.", 5)
    (new,) = [group for group in state["groups"] if group["mailNickname"] == "new"]
    assert new["members"] == [ana["id"], PROJECT]
    assert [item["mail"] for item in state["deletedItems"]] == ["old@fabrikam.com"]
    found = await caller.graph("GET", "/tenantRelationships/findTenantInformationByDomainName(domainName='adatum.com')")
    assert found.json()["displayName"] == "Adatum"
    await caller.control("POST", "seed", {"replace": True, "domains": [{"id": "x.onmicrosoft.com", "isInitial": True}]})
    assert (await caller.state())["users"] == []


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "seed", {"people": []}, 400),
        ("POST", "seed", {"users": [{"displayName": "x"}]}, 400),
        ("POST", "seed", {"groups": [{"displayName": "x", "mailNickname": "x", "members": ["nobody"]}]}, 400),
        ("POST", "seed", [], 400),
        ("POST", "seed", {"allowedDomains": ["a.b"], "blockedDomains": ["c.d"]}, 400),
        ("PUT", "lag", {"seconds": [3, 1]}, 400),
        ("PUT", "lag", {"minutes": 3}, 400),
        ("PUT", "throttle", {"limits": {"everything": {"units": 1}}}, 400),
        ("PUT", "throttle", {"limits": {"writes": {"units": 0}}}, 400),
        ("PUT", "options", {"unheardOf": 1}, 400),
        ("PUT", "options", {"sponsorsInInvitation": "maybe"}, 400),
        ("POST", "clock", {"forward": 1}, 400),
        ("POST", "clock", {"set": "tomorrow"}, 400),
        ("POST", "redeem", {"email": "nobody@fabrikam.com"}, 404),
        ("POST", "redeem", {}, 400),
        ("POST", "redeem", {"id": MIA}, 404),
        ("POST", "act", {"do": "explode"}, 400),
        ("POST", "act", {"do": "delete", "target": "nobody"}, 404),
        ("GET", "reset", None, 405),
        ("GET", "unheard-of", None, 404),
    ],
    ids=str,
)
async def test_errors_are_sentences(caller: Caller, method: str, path: str, body: Any, status: int) -> None:
    reply = await caller.http.request(method, f"{caller.tenant.control}/{path}", json=body)
    assert reply.status_code == status
    assert len(reply.json()["error"].split()) >= 4


async def test_other_people_act_in_the_tenant(caller: Caller) -> None:
    guest = await caller.guest("ana@fabrikam.com")
    deeds: list[dict[str, Any]] = [
        {"do": "add-member", "target": "fabrikam-project", "who": "ana@fabrikam.com"},
        {"do": "add-sponsor", "target": guest, "who": "mia@contoso.com"},
        {"do": "remove-sponsor", "target": guest, "who": MIA},
        {"do": "add-owner", "target": "partner-readers", "who": "li@contoso.com"},
        {"do": "remove-owner", "target": "partner-readers", "who": "mia@contoso.com"},
        {"do": "update", "target": "ana@fabrikam.com", "set": {"accountEnabled": False}},
        {"do": "delete", "target": "noor@contoso.com"},
        {"do": "restore", "target": "bbbbbbbb-0000-4000-8000-000000000002"},
    ]
    for deed in deeds:
        await caller.control("POST", "act", deed)
    state = await caller.state()
    groups = {group["mailNickname"]: group for group in state["groups"]}
    assert guest in groups["fabrikam-project"]["members"]
    assert groups["partner-readers"]["owners"] == [LI]
    (ana,) = [user for user in state["users"] if user["id"] == guest]
    assert (ana["sponsors"], ana["accountEnabled"]) == ([], False)
    assert "noor@contoso.com" in {user["userPrincipalName"] for user in state["users"]}
    await caller.control("POST", "seed", {"organizationRelationships": [{"Name": "Fabrikam", "DomainNames": ["fabrikam.com"]}]})
    await caller.control("POST", "act", {"do": "set-organization-relationship", "target": "Fabrikam", "set": {"Enabled": False}})
    assert (await caller.state())["organizationRelationships"][0]["Enabled"] is False
    await caller.control("POST", "act", {"do": "remove-organization-relationship", "target": "Fabrikam"})
    assert (await caller.state())["organizationRelationships"] == []


async def test_the_journal_tells_what_was_asked_and_answered(caller: Caller) -> None:
    headers = {"client-request-id": "44444444-0000-4000-8000-000000000004"}
    reply = await caller.graph("PATCH", f"/users/{LI}", {"passwordProfile": {"password": "secret-1"}}, headers=headers)
    await caller.graph("GET", "/users?$top=5")
    await caller.guest("ana@fabrikam.com")
    await caller.graph("POST", "/$batch", {"requests": [{"id": "1", "method": "GET", "url": "/users/nobody@contoso.com"}]})
    await caller.exchange("Get-AcceptedDomain")
    entries = (await caller.control("GET", "requests"))["value"]
    assert [entry["n"] for entry in entries] == [1, 2, 3, 4, 5, 6]
    first = entries[0]
    assert (first["method"], first["path"], first["status"], first["kind"]) == ("PATCH", f"/v1.0/users/{LI}", 204, "write")
    assert (first["requestId"], first["clientRequestId"]) == (reply.headers["request-id"], headers["client-request-id"])
    assert first["request"] == {"passwordProfile": {"password": "(redacted)"}}
    assert entries[2]["answer"]["inviteRedeemUrl"] == "(redacted)"
    assert (entries[4]["batch"], entries[4]["error"], entries[4]["status"]) == (4, "Request_ResourceNotFound", 404)
    assert [entry["n"] for entry in (await caller.control("GET", "requests", since="2", method="get"))["value"]] == [5]
    listed = (await caller.control("GET", "requests", path=r"/users\?"))["value"]
    assert [entry["n"] for entry in listed] == [2]
    summary = await caller.control("GET", "requests/summary")
    assert (summary["reads"], summary["writes"], summary["invitations"], summary["exchange"], summary["batches"]) == (
        2,
        2,
        1,
        1,
        1,
    )
    assert summary["operations"]["POST /invitations"] == 1


async def test_the_clock_is_the_tenants(caller: Caller, time: StandingTime) -> None:
    await caller.control("POST", "clock", {"set": "2027-01-01T00:00:00Z"})
    await caller.guest("ana@fabrikam.com")
    (guest,) = [user for user in (await caller.state())["users"] if user["userType"] == "Guest"]
    assert guest["createdDateTime"] == "2027-01-01T00:00:00Z"
    time.forward(5)
    assert (await caller.control("GET", "clock"))["now"] == "2027-01-01T00:00:05+00:00"


@shows("GET /msi/token", rung=2)
@pytest.mark.parametrize(
    ("query", "secret", "status"),
    [
        ({"api-version": "2019-08-01", "resource": "https://graph.microsoft.com"}, None, 200),
        ({"api-version": "2019-08-01", "resource": "https://storage.azure.com/"}, None, 200),
        ({"api-version": "2019-08-01", "resource": "https://graph.microsoft.com"}, "wrong", 401),
        ({"api-version": "2017-09-01", "resource": "https://graph.microsoft.com"}, None, 400),
        ({"api-version": "2019-08-01"}, None, 400),
        ({"api-version": "2019-08-01", "resource": "https://unknown.example"}, None, 400),
        ({"api-version": "2019-08-01", "resource": "https://graph.microsoft.com", "client_id": MIA}, None, 400),
    ],
)
async def test_the_identity_endpoint_is_app_services(
    caller: Caller, query: dict[str, str], secret: str | None, status: int
) -> None:
    addresses = caller.tenant.to_json()
    headers = {"X-IDENTITY-HEADER": secret or addresses["identityHeader"]}
    reply = await caller.http.get(addresses["identity"], params=query, headers=headers)
    assert reply.status_code == status
    if status == 200:
        assert (reply.json()["resource"], reply.json()["token_type"], type(reply.json()["expires_on"])) == (
            query["resource"],
            "Bearer",
            str,
        )


async def test_tokens_are_checked(caller: Caller, time: StandingTime) -> None:
    async def status(header: str) -> tuple[int, str]:
        reply = await caller.http.get(f"{caller.tenant.graph}/users", headers={"Authorization": header} if header else {})
        return reply.status_code, reply.json().get("error", {}).get("code", "")

    good = caller.bearer()["Authorization"]
    assert (await status(good))[0] == 200
    head, claims, signature = good.split(".")
    forged = ("", "Basic x", "Bearer x", f"{head}.{claims}.{signature[::-1]}", f"{head}.{claims[:-4]}AAAA.{signature}")
    assert {await status(header) for header in forged} == {(401, "InvalidAuthenticationToken")}
    time.forward(25 * 3600)
    assert (await status(good))[0] == 401


@pytest.mark.parametrize(
    ("path", "file"),
    [("/v1.0/deviceManagement", "device_management.py"), ("/v1.0/users/x/calendarView", "users.py")],
)
async def test_what_is_missing_says_so(caller: Caller, path: str, file: str) -> None:
    reply = await caller.graph("GET", f"{caller.tenant.address}{path}")
    assert reply.status_code == 501
    assert f"devstack/tenant/graph/{file}" in reply.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/", "/v2.0/users", "/adminapi/beta/x/Mailbox", "/Skype.Policy/x"])
async def test_other_services_are_501(caller: Caller, path: str) -> None:
    assert (await caller.http.get(f"{caller.tenant.address}{path}")).status_code == 501


@pytest.mark.parametrize("content", [b"{", b"[1]", b""])
async def test_bodies_that_are_no_json_object_are_refused(caller: Caller, content: bytes) -> None:
    headers = {**caller.bearer(), "Content-Type": "application/json"}
    reply = await caller.http.post(f"{caller.tenant.graph}/invitations", content=content, headers=headers)
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "BadRequest")
    text = await caller.http.post(
        f"{caller.tenant.graph}/invitations", content=b"{}", headers={**caller.bearer(), "Content-Type": "text/plain"}
    )
    assert text.status_code == 400


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
async def test_the_process_prints_its_addresses_and_stops_when_told(tmp_path: Path, stop: signal.Signals) -> None:
    seed = tmp_path / "seed.json"
    seed.write_text(
        json.dumps(
            {"domains": [{"id": "x.onmicrosoft.com", "isInitial": True}], "users": [{"userPrincipalName": "a@x.onmicrosoft.com"}]}
        )
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "devstack.tenant", "--seed", str(seed), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    addresses = json.loads(await process.stdout.readline())
    assert set(addresses) == {
        "tenant",
        "graph",
        "exchange",
        "identity",
        "identityHeader",
        "identityPrincipal",
        "control",
        "tenantId",
    }
    async with httpx.AsyncClient() as http:
        state = (await http.get(f"{addresses['control']}/state")).json()
    assert [user["mail"] for user in state["users"]] == ["a@x.onmicrosoft.com"]
    process.send_signal(stop)
    assert (await process.stdout.read(), await process.wait()) == (b"", 0)


async def test_the_process_says_what_is_wrong_with_a_seed(tmp_path: Path) -> None:
    seed = tmp_path / "seed.json"
    seed.write_text("[]")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "devstack.tenant", "--seed", str(seed), cwd=ROOT, stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    assert (process.returncode, b"a seed is an object" in said) == (2, True)


def test_the_page_of_coverage_is_current() -> None:
    counts = coverage.proven()
    assert coverage.PAGE.read_text(encoding="utf-8") == coverage.page(counts), "run python -m devstack.tenant.coverage"
    assert all(counts[operation].get(1) and counts[operation].get(4) for operation in coverage.GRAPH)


def test_a_claim_about_an_unknown_operation_is_refused() -> None:
    with pytest.raises(ValueError, match="GET /unheard-of"):
        shows("GET /unheard-of", rung=1)
