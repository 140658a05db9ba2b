"""Nothing with somebody's address is left anywhere but in table `people`: not in a log, a row, or a message.

This looks at what all tests before it have left (the file's name puts it last), and at a run of its own.
"""

import json
from typing import Any

import pytest

from shared.tables.store import TABLES
from tests.system.local import Local, until

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="session")]


async def test_addresses_are_in_table_people_alone(local: Local) -> None:
    partner = await local.partner("private")
    busy = {"match": {"path": "/users[?]"}, "effect": "status", "status": 429, "headers": {"Retry-After": "2"}}
    await local.sim("POST", "faults", {"rules": [busy]})
    request = partner.request([*partner.guests(5, "partner-readers"), {"email": partner.address("bad one")}])
    await local.send("partner-requests", request | {"sponsors": []})
    # Every attempt is put off, so that its message lies in the queue to be looked at.
    messages = await until(lambda: _messages(local, 5), "attempts are put off")
    assert partner.domain not in json.dumps(messages)
    await local.sim("DELETE", "faults")
    await until(lambda: _ended(local, partner.name), "the request ends")
    domains = [made.domain for made in local.made]
    for table in TABLES:
        rows = [json.dumps(row, default=str) for row in await local.rows(table)]
        found = [row for row in rows if any(f"@{domain}" in row.lower() for domain in domains)]
        assert bool(found) == (table == "people"), f"{table}: {found[:3]}"
    for name, text in local.logs().items():
        found = [line for line in text.lower().splitlines() if any(f"@{domain}" in line for domain in domains)]
        assert not found, f"{name}: {found[:3]}"
        assert "inviteredeemurl" not in text.lower(), name
        assert "bearer ey" not in text.lower(), name


async def _messages(local: Local, at_least: int) -> list[dict[str, Any]]:
    found = [message for queue in ("invite-guest", "add-to-group") for message in await local.waiting(queue)]
    return found if len(found) >= at_least else []


async def _ended(local: Local, name: str) -> bool:
    shown = await local.seen(name)
    return shown is not None and shown["state"] == "stopped"
