"""A whole stack that is told by the tenant: what others change there by hand is answered, by the webhook and by Event Grid."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from azure.servicebus.aio import ServiceBusClient

from devstack.stack import Stack
from tests.system.conftest import SETTINGS
from tests.system.local import MIA, READERS, Local, until

NOOR = "bbbbbbbb-0000-4000-8000-000000000002"

TOPIC = "entente-changes"
EVENT_GRID = (
    f"EventGrid:?azuresubscriptionid=00000000-0000-4000-8000-000000000001&resourcegroup=g&partnertopic={TOPIC}&location=west"
)
TOLD = re.compile(r'"source": "(webhook|event-grid)".*"event": "change handled"')


@pytest.fixture
async def told(tmp_path: Path) -> AsyncIterator[Local]:
    """A stack of one host, which the tenant tells of changes; times are short, and reads are not behind."""
    settings = {**SETTINGS, "ENTENTE_HORIZON_SECONDS": "1", "ENTENTE_COMPARE_SCHEDULE": "*/3 * * * * *"}
    async with (
        Stack(notifications=True, lag=0, settings=settings, folder=tmp_path / "stack") as stack,
        aiohttp.ClientSession() as http,
        ServiceBusClient.from_connection_string(stack.addresses.service_bus) as client,
    ):
        yield Local(stack, http, client)


async def act(told: Local, **what: Any) -> None:
    await told.sim("POST", "act", what)


async def subscribed(told: Local, url: str) -> None:
    async def both() -> bool:
        found = [one["notificationUrl"] for one in (await told.state())["subscriptions"]]
        return len(found) == 2 and all(one.startswith(url) for one in found)

    await until(both, f"subscriptions to {url}")


async def stages(told: Local) -> dict[str, str]:
    """Stages by object id, of guests on record."""
    _, found = await told.call("GET", "guests")
    return {one["user"]: one["stage"] for one in found["guests"]}


async def drift(told: Local) -> set[tuple[str, str]]:
    _, found = await told.call("GET", "drift?all=true")
    return {(one["step"], one["state"]) for one in found["drift"]}


async def waiting(told: Local) -> set[str]:
    return {one["step"] for one in await told.parked()}


async def becomes(told: Local, look: Any, wanted: Any) -> None:
    """What `look` finds holds all that is wanted."""

    async def so() -> bool:
        found = await look(told)
        return bool(wanted.items() <= found.items() if isinstance(wanted, dict) else wanted <= found)

    await until(so, f"{look.__name__}: {wanted}, not {await look(told)}")


async def test_what_others_change_is_answered_by_rule_by_webhook_and_by_event_grid(told: Local, tmp_path: Path) -> None:
    await subscribed(told, "http://127.0.0.1")
    partner = await told.partner("tailspin")
    request = partner.request(partner.guests(5, "partner-readers"), sponsors=["mia@contoso.com"], invitation={"sendMail": False})
    await told.submit(request)
    await told.ended(request["id"])
    guests = [next(u["id"] for u in (await told.state())["users"] if u.get("mail") == partner.address(n)) for n in range(5)]

    await told.sim("POST", "redeem", {"id": guests[0]})
    await act(told, do="update", target=guests[1], set={"accountEnabled": False})
    await act(told, do="delete", target=guests[2])
    await act(told, do="update", target=guests[3], set={"userType": "Member"})
    await act(told, do="remove-member", target=READERS, who=guests[4])
    await act(told, do="invite", target=f"outside@{partner.domain}", by="noor@contoso.com", sponsors=[])
    await act(told, do="invite", target="who@nobody.example", by="noor@contoso.com")
    outside, stranger = [
        next(u["id"] for u in (await told.state())["users"] if u.get("mail") == mail)
        for mail in (f"outside@{partner.domain}", "who@nobody.example")
    ]
    relation = next(
        one["Name"] for one in (await told.state())["organizationRelationships"] if partner.domain in one["DomainNames"]
    )
    await act(told, do="set-organization-relationship", target=relation, set={"FreeBusyAccessEnabled": False})
    await asyncio.gather(
        becomes(told, stages, {guests[0]: "redeemed", guests[1]: "blocked", guests[2]: "deleted", outside: "invited"}),
        becomes(told, drift, {("invite-guest", "open"), ("add-to-group", "open"), ("set-organization-relationship", "open")}),
        becomes(told, waiting, {"guest-became-member", "guest-deleted", "guest-appeared", "setting-changed"}),
    )
    assert stranger not in await stages(told), "whoever belongs to no partner is listed, and nothing else"
    sponsors = {one["user"]: one["sponsors"] for one in (await told.call("GET", "guests"))[1]["guests"]}
    assert (sponsors[outside], sponsors[guests[0]]) == ([NOOR], [MIA])

    # From now on by Event Grid: only a setting is another.
    stack = told.stack
    await stack.stop_host(told.host)
    stack._environment["ENTENTE_NOTIFICATION_URL"] = EVENT_GRID
    await stack.lead_on(TOPIC)
    await stack.start_host()
    await stack.subscribe()
    await subscribed(told, "EventGrid:?")
    await act(told, do="restore", target=guests[2])
    await act(told, do="update", target=guests[1], set={"accountEnabled": True})
    await act(told, do="add-member", target=READERS, who=guests[4])
    await becomes(told, stages, {guests[1]: "invited", guests[2]: "invited"})
    await becomes(told, drift, {("add-to-group", "over"), ("invite-guest", "over")})
    await becomes(told, waiting, {"guest-restored"})
    await told.sim("POST", "lifecycle", {"event": "reauthorizationRequired", "pausesAfter": 0})

    async def authorized() -> bool:
        return all(one["pauses"] is None and one["reauthorized"] for one in (await told.state())["subscriptions"])

    await until(authorized, "both subscriptions are authorized anew")
    sources = {found[1] for text in told.logs().values() for found in TOLD.finditer(text)}
    assert sources == {"webhook", "event-grid"}
    _, shown = await told.call("GET", "health")
    assert (shown["status"], shown["listening"]["notifications"]) == ("ok", "ok")
    assert all(counts["deadLetter"] == 0 for counts in (await told.queues()).values())
