"""Whether the app can do its work: what it needs, asked one by one."""

import asyncio
from typing import Any

from shared.nouns.outcomes import NotYet
from shared.verbs.world import World

ANSWER_SECONDS = 5.0
VERSION = "0.1.0"


async def health(world: World) -> dict[str, Any]:
    """`status` is `ok`, or `degraded` with the checks that failed. Says nothing that an outsider may not know."""
    checks = {"tables": await _tables(world)}
    return {"status": "ok" if all(checks.values()) else "degraded", "version": VERSION, "checks": checks}


async def _tables(world: World) -> bool:
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await world.tables.requests.get("health-check")
    except (NotYet, TimeoutError):
        return False
    return True
