"""Whether the app can do its work: what it needs, asked one by one."""

import asyncio
from typing import Any

from shared.nouns.outcomes import NotYet
from shared.verbs.hearing import Hearing, faults, hearing
from shared.verbs.world import World
from shared.views.listening import listening

ANSWER_SECONDS = 5.0
VERSION = "0.1.0"


async def health(world: World) -> dict[str, Any]:
    """`status` is `ok`, or `degraded` with the checks that failed. Says nothing that an outsider may not know."""
    checks = {"tables": await _tables(world)}
    heard = await _heard(world) if checks["tables"] else None
    checks["listening"] = heard is not None and not faults(heard, world.settings)
    shown = {"listening": listening(world, heard)} if heard is not None else {}
    return {"status": "ok" if all(checks.values()) else "degraded", "version": VERSION, "checks": checks, **shown}


async def _heard(world: World) -> Hearing | None:
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await hearing(world)
    except (NotYet, TimeoutError):
        return None


async def _tables(world: World) -> bool:
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await world.tables.requests.get("health-check")
    except (NotYet, TimeoutError):
        return False
    return True
