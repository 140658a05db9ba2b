"""Whether the app can do its work: what it needs, asked one by one."""

import asyncio
from typing import Any

from shared.needs import needed, steps_allowed
from shared.nouns.grants import covers
from shared.nouns.outcomes import NotYet, WontWork
from shared.verbs.hearing import Hearing, faults, hearing
from shared.verbs.world import World
from shared.views.listening import listening

ANSWER_SECONDS = 5.0
VERSION = "0.1.0"


async def health(world: World) -> dict[str, Any]:
    """`status` is `ok`, or `degraded` with the checks that failed. Says nothing that an outsider may not know."""
    missing = await _missing(world)
    checks = {"tables": await _tables(world), "permissions": missing == []}
    heard = await _heard(world) if checks["tables"] else None
    checks["listening"] = heard is not None and not faults(heard, world.settings)
    shown = {"listening": listening(world, heard)} if heard is not None else {}
    return {
        "status": "ok" if all(checks.values()) else "degraded",
        "version": VERSION,
        "checks": checks,
        **_mode(world, missing),
        "sealExport": "on" if world.blobs is not None else "off: ENTENTE_SEAL_CONTAINER is empty",
        **shown,
    }


def _mode(world: World, missing: list[str] | None) -> dict[str, Any]:
    """What becomes of requests. Those that need a missing permission are refused whole, before their first write."""
    mode = "report-only" if world.settings.report_only else "apply"
    return {"mode": mode, "missingPermissions": missing if missing is not None else "not known: no token could be had"}


async def _missing(world: World) -> list[str] | None:
    """The application permissions that this app's work needs and our token does not carry; None where there is no token to look at."""
    wanted = needed(world.steps, steps_allowed(world.settings.templates), world.settings.powers)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            roles = await world.tenant.roles()
    except (NotYet, WontWork, TimeoutError):
        return None
    return sorted(permission for permission in wanted if not covers(roles, permission))


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
