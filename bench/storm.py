"""The request with every option while calls fail, answers get lost, replicas are behind and hosts are killed: does it come out the
same, how long does it take, and does leaving put the tenant back as it was?"""

import asyncio
import json
import random
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx

from bench.whole import APPLY, UNPACED, Asked
from devstack.stack.stack import ROOT, Stack

SHARE, KILLS, SEED = 0.01, 5, 11
# Each strikes so large a share of all calls, tokens included; the tenant lags besides, as it does by itself.
FAULTS: tuple[dict[str, Any], ...] = (
    {"effect": "effect-then-lost"},
    {"effect": "lost"},
    {"effect": "effect-then-status", "status": 503},
    {"effect": "status", "status": 503},
    {"effect": "status", "status": 429, "headers": {"Retry-After": "1"}},
    {"effect": "stale"},
)
# Times as short as they can honestly be: the horizon is longer than the tenant lags.
SHORT = {
    "ENTENTE_CLAIM_SECONDS": "10",
    "ENTENTE_HORIZON_SECONDS": "20",
    "ENTENTE_VERIFY_SECONDS": "0.2",
    "ENTENTE_SWEEP_SECONDS": "15",
    "ENTENTE_SWEEP_SCHEDULE": "*/3 * * * * *",
}
# What is left behind by working at all, and is nobody's access.
TRACES = frozenset({"outbox", "deletedItems", "engagementOperations", "time", "teams"})
TOUCHED = frozenset({"WhenChanged", "WhenChangedUTC"})


async def measure() -> AsyncIterator[dict[str, Any]]:
    """Seconds and calls of each, and what differs afterwards from the tenant before: nothing."""
    dice = random.Random(SEED)  # noqa: S311 -- chooses when to kill, guards nothing
    with tempfile.TemporaryDirectory() as folder:
        async with (
            Stack(hosts=2, settings=_settings(Path(folder) / "templates"), folder=Path(folder) / "stack") as stack,
            httpx.AsyncClient(timeout=60) as http,
        ):
            asked = Asked(stack, http)
            before = await _picture(http, asked.control)
            for name, request in (("apply", APPLY), ("offboard", {**APPLY, "action": "offboard", "guests": []})):
                calls, begun = await asked.calls(), time.monotonic()
                await http.post(f"{asked.control}/faults", json=[{**fault, "probability": SHARE} for fault in FAULTS])
                killing = asyncio.create_task(_kill(stack, dice))
                state = await asked.through({**request, "id": name, "template": "put-back"})
                killed = await _stopped(killing)
                struck = sum(rule["hits"] for rule in (await http.get(f"{asked.control}/faults")).json()["value"])
                await http.delete(f"{asked.control}/faults")
                yield {
                    "what": name,
                    "state": state,
                    "seconds": round(time.monotonic() - begun, 1),
                    "kills": killed,
                    "faults": struck,
                    "tenantCalls": await asked.calls() - calls,
                }
            after = await _picture(http, asked.control)
            yield {"what": "left behind", "kinds": sorted(kind for kind in before if before[kind] != after[kind])}


async def _kill(stack: Stack, dice: random.Random) -> int:
    """How many hosts were killed, each replaced at once, when it is done or told to stop."""
    killed = 0
    try:
        while killed < KILLS:
            await asyncio.sleep(dice.uniform(4, 12))
            stack.kill_host(dice.choice(stack.running_hosts))
            killed += 1
            await asyncio.shield(asyncio.ensure_future(stack.start_host()))
    except asyncio.CancelledError:
        pass
    return killed


async def _stopped(killing: asyncio.Task[int]) -> int:
    killing.cancel()
    return await killing


def _settings(templates: Path) -> dict[str, str]:
    """Of the app, whose templates are those that are shipped and one that puts everything back."""
    shutil.copytree(ROOT / "templates", templates)
    shipped = (templates / "joint-project.toml").read_text(encoding="utf-8")
    back = shipped.replace('"joint-project"', '"put-back"').replace('offboard = "closed"', 'offboard = "restore-before"')
    (templates / "put-back.toml").write_text(back, encoding="utf-8")
    return {**UNPACED, **SHORT, "ENTENTE_TEMPLATES": str(templates)}


async def _picture(http: httpx.AsyncClient, control: str) -> dict[str, Any]:
    """What there is in the tenant, without the traces that working leaves."""
    state = (await http.get(f"{control}/state")).json()
    for site in state["sharepoint"]["sites"]:
        del site["users"]
    held = state["sharepoint"]["permissions"]
    state["sharepoint"]["permissions"] = {item: listed for item, listed in held.items() if listed}
    found: dict[str, Any] = json.loads(json.dumps(state), object_hook=_plain)
    return found


def _plain(value: dict[str, Any]) -> dict[str, Any]:
    return {key: inner for key, inner in value.items() if key not in TOUCHED | TRACES}
