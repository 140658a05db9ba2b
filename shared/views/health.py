"""Whether the app can do its work: what it needs, asked one by one."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from shared.needs import BY_THEMSELVES, INTAKE_NEEDS, lacking, needed, steps_allowed
from shared.nouns.outcomes import NotYet, WontWork
from shared.nouns.power import Power
from shared.verbs.hearing import Hearing, faults, hearing
from shared.verbs.permitted import clean_up_steps, lacked, permitted
from shared.verbs.world import World
from shared.views.listening import listening

ANSWER_SECONDS = 5.0
VERSION = "0.1.0"
# The app that answers over HTTP.
GUESTS: tuple[Power, ...] = ("guests",)


async def health(world: World) -> dict[str, Any]:
    """`status` is `ok`, or `degraded` with the checks that failed. Says nothing that an outsider may not know."""
    may = await _may(world)
    checks = {"tables": await _tables(world), "permissions": may["missingPermissions"] == []}
    heard = await _heard(world) if checks["tables"] else None
    checks["listening"] = heard is not None and not faults(heard, world.settings)
    shown = {"listening": listening(world, heard)} if heard is not None else {}
    return {
        "status": "ok" if all(checks.values()) else "degraded",
        "version": VERSION,
        "checks": checks,
        **may,
        "sealExport": "on" if world.blobs is not None else "off: ENTENTE_SEAL_CONTAINER is empty",
        **shown,
    }


def takes_work(shown: Mapping[str, Any]) -> bool:
    """Whether somebody else's instance would do no better for the reason that this one is degraded: without tables nothing can be taken in,
    all else is planned, waits, or is told."""
    return bool(shown["checks"]["tables"])


async def _may(world: World) -> dict[str, Any]:
    """What becomes of requests: `mode` is `apply`, `report-only`, or `report-only in part` for what `reportOnly` names with the
    permissions it lacks. It changes by itself as soon as a token carries what is missing."""
    allowed = steps_allowed(world.settings.templates)
    steps = [step for step in world.steps if step.name in allowed]
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            may = await permitted(world, steps)
    except (NotYet, WontWork, TimeoutError):
        return {"mode": "report-only", "reportOnly": {}, "missingPermissions": "not known: no token could be had"}
    held = lacked(may, steps)
    if lacks := lacking(INTAKE_NEEDS.permissions, may.graph["guests"] or frozenset()):
        held |= {"every request": lacks}
    if lacks := tuple(sorted({one for name in clean_up_steps(world) for one in held.get(name, ())})):
        held |= {"clean-up runs": lacks}
    named = {step.name for step in steps} - BY_THEMSELVES
    whole = world.settings.report_only or "every request" in held or named <= held.keys()
    mode = "report-only" if whole else "report-only in part" if held else "apply"
    missing = {
        *lacking(needed((), (), GUESTS), may.graph["guests"] or frozenset()),
        *(one for lacks in held.values() for one in lacks),
    }
    return {"mode": mode, "reportOnly": held, "missingPermissions": sorted(missing)}


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


def together(each: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The health of an app for several tenants, whose names are nobody's business who has not signed in."""
    well = sum(one["status"] == "ok" for one in each)
    return {"status": "ok" if well == len(each) else "degraded", "version": VERSION, "tenants": {"all": len(each), "ok": well}}
