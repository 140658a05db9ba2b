"""The request with every option on the running stack: asked for by one person, approved by another, seen to be done, and put back."""

import base64
import json
import shutil
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from azure.servicebus.aio import ServiceBusClient

from devstack.stack import ROOT, Stack
from tests.system.conftest import PACKAGE
from tests.system.local import Local, until

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]

FULL: dict[str, Any] = json.loads((ROOT / "examples" / "joint-project-full.json").read_text(encoding="utf-8"))
NO_PACE = {
    f"ENTENTE_{lane}_PER_SECOND": "0"
    for lane in ("ENTRA_WRITES", "INVITATIONS", "EXCHANGE", "SHAREPOINT", "TEAMS", "FABRIC", "MAIL")
}
APPROVER = "99999999-0000-4000-8000-000000000001"
TRACES = frozenset({"outbox", "deletedItems", "engagementOperations", "time", "teams"})
TOUCHED = frozenset({"WhenChanged", "WhenChangedUTC"})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def calm(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Local]:
    """A stack of its own: no lag, no throttling, no pace, and a template that puts everything back."""
    folder = tmp_path_factory.mktemp("whole")
    templates = folder / "templates"
    shutil.copytree(ROOT / "templates", templates)
    shipped = (templates / "joint-project.toml").read_text(encoding="utf-8")
    back = shipped.replace('"joint-project"', '"put-back"').replace('offboard = "closed"', 'offboard = "restore-before"')
    (templates / "put-back.toml").write_text(back, encoding="utf-8")
    settings = {**NO_PACE, "ENTENTE_TEMPLATES": str(templates), "WEBSITE_AUTH_ENABLED": "true", "ENTENTE_VERIFY_SECONDS": "0.2"}
    async with (
        Stack(hosts=1, settings=settings, lag=0, throttle=False, folder=folder / "stack", package=PACKAGE) as stack,
        aiohttp.ClientSession() as http,
        ServiceBusClient.from_connection_string(stack.addresses.service_bus) as client,
    ):
        yield Local(stack, http, client)


def signed_in(person: str, *roles: str) -> dict[str, str]:
    """The header that App Service puts on the request of a person who is signed in."""
    claims = [{"typ": "oid", "val": person}, *({"typ": "roles", "val": role} for role in roles)]
    principal = {"auth_typ": "aad", "role_typ": "roles", "claims": claims}
    return {"x-ms-client-principal": base64.b64encode(json.dumps(principal).encode()).decode()}


async def approved(local: Local, name: str, *, sensitive: bool = True) -> None:
    """The request waits for somebody else than its requester, and gets it."""
    if not sensitive:
        return
    path = f"partner-requests/{name}/decision"
    await until_seen(local, name, "awaiting-approval")
    status, body = await local.call("POST", path, {"decision": "approve", "reason": "looked at it"})
    assert status == 400, body
    assert "somebody else" in body["error"]
    status, body = await local.call("POST", path, {"decision": "approve"}, headers=signed_in(APPROVER, "Requester"))
    assert status == 403, body
    status, body = await local.call(
        "POST", path, {"decision": "approve", "reason": "looked at it"}, headers=signed_in(APPROVER, "Approver")
    )
    assert status == 200, body


async def until_seen(local: Local, name: str, state: str) -> None:
    async def look() -> bool:
        shown = await local.seen(name)
        return shown is not None and shown["state"] == state

    await until(look, f"request {name} is {state}")


def plain(value: Any) -> Any:
    """The state without what every change touches."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items() if key not in TOUCHED}
    return [plain(inner) for inner in value] if isinstance(value, list) else value


async def picture(local: Local) -> dict[str, Any]:
    found = await local.state()
    for site in found["sharepoint"]["sites"]:
        del site["users"]
    found["sharepoint"]["permissions"] = {item: held for item, held in found["sharepoint"]["permissions"].items() if held}
    kept: dict[str, Any] = plain({name: value for name, value in found.items() if name not in TRACES})
    return kept


async def test_every_option_from_plan_to_end(calm: Local) -> None:
    before = await picture(calm)
    wished = {**FULL, "template": "put-back"}
    await calm.submit({**wished, "id": "look", "mode": "plan"})
    shown = await calm.ended("look")
    assert await picture(calm) == before
    assert {task["plan"]["sight"] for task in shown["tasks"]} == {"create", "change", "nothing"}
    assert shown["outlook"]["permissions"]["missing"] == []

    await calm.submit(wished)
    await approved(calm, wished["id"])
    await calm.ended(wished["id"])
    await check_done(calm)

    await calm.submit({**wished, "id": "look-again", "mode": "plan"})
    shown = await calm.ended("look-again")
    assert {task["plan"]["sight"] for task in shown["tasks"]} == {"nothing"}

    await calm.submit({**wished, "id": "off", "action": "offboard", "guests": []})
    await calm.ended("off")
    assert await picture(calm) == before
    assert await calm.parked() == []


async def check_done(calm: Local) -> None:
    """The tenant has what the example asks for."""
    state = await calm.state()
    guests = [user for user in state["users"] if user["userType"] == "Guest"]
    assert len(guests) == len(FULL["guests"])
    assert {guest["companyName"] for guest in guests} == {"Fabrikam"}
    (apollo,) = [group for group in state["groups"] if group["mailNickname"] == "project-apollo"]
    assert len(apollo["members"]) >= len(guests)
    (team,) = state["teams"]
    assert team["guestSettings"] == {"allowCreateUpdateChannels": False, "allowDeleteChannels": False}
    (partner,) = state["crossTenantPartners"]
    assert partner["inboundTrust"]["isMfaAccepted"] is True
    assert {item["name"] for item in state["m365Capabilities"]} >= {"crossTenantCalendarAvailabilityBasic"}
    (policy,) = state["sharingPolicies"]
    assert "fabrikam.co.uk:CalendarSharingFreeBusyDetail" in policy["Domains"]
    for kind in ("organizationRelationships", "inboundConnectors", "outboundConnectors"):
        (made,) = state[kind]
        assert made["Enabled"] is True
    assert {domain["DomainName"] for domain in state["remoteDomains"]} >= {"fabrikam.com", "fabrikam.co.uk"}
    assert len(state["communities"]) == 1
    assert len(state["sharepoint"]["permissions"]["01PLANS"]) == 1
    (workspace,) = state["fabric"]["workspaces"]
    assert "Viewer" in {role["role"] for role in workspace["roles"]}
    welcomed = [mail["to"] for mail in state["outbox"]]
    assert len({str(to) for to in welcomed}) == len(welcomed)
    assert {guest["mail"] for guest in guests} <= {
        address for to in welcomed for address in (to if isinstance(to, list) else [to])
    }
