"""Guests counted, for pictures: how many are at which stage, and when those who are here have their last days."""

import asyncio
from collections import Counter
from datetime import date, timedelta
from typing import Any

from shared.verbs.world import World
from shared.views.partners import on_record

AT_ONCE = 8
NEXT_DAYS = 60
# Whoever has left has no last day ahead of them.
LEFT = frozenset({"deleted", "gone"})


async def guest_counts(world: World, partner: str = "") -> dict[str, Any]:
    """By partner (all, or one by tenant id, domain or name), with the `today` that it is counted from.

    `stages` counts everybody. Of those who are here, `days` has the last days of the next 60, `over` how many have had theirs, `later` and
    `never` the others. Reads every guest's row, and of that only what is counted.
    """
    today = world.clock().date()
    tenants = [(await on_record(world, partner)).partner.tenant_id] if partner else sorted(await world.tables.partners.all())
    room = asyncio.Semaphore(AT_ONCE)

    async def counted(tenant: str) -> dict[str, Any]:
        async with room:
            return _counted([one async for one in world.tables.guests.lasting(tenant)], today)

    found = dict(zip(tenants, await asyncio.gather(*(counted(tenant) for tenant in tenants)), strict=True))
    return {"today": today.isoformat(), "partners": {tenant: counts for tenant, counts in found.items() if counts["stages"]}}


def _counted(guests: list[tuple[str, date | None]], today: date) -> dict[str, Any]:
    horizon = today + timedelta(days=NEXT_DAYS)
    stages = Counter(stage or "named" for stage, _ in guests)
    here = [end for stage, end in guests if stage not in LEFT]
    days = Counter(end.isoformat() for end in here if end is not None and today <= end < horizon)
    return {
        "stages": dict(sorted(stages.items())),
        "over": sum(end is not None and end < today for end in here),
        "days": dict(sorted(days.items())),
        "later": sum(end is not None and end >= horizon for end in here),
        "never": sum(end is None for end in here),
    }
