"""What others have changed, for people: before and after, and what has become of it."""

import re
from typing import Any

from shared.tables.drift import UNSETTLED, Drifted
from shared.verbs.drifted import shown
from shared.verbs.world import World

_ID = re.compile(r"[0-9a-f]{20}")


async def drifts_view(world: World, partner: str = "", *, settled: bool = False) -> list[dict[str, Any]]:
    """The drift of the partner, or of all, the oldest first; with `settled` also what is over."""
    found: list[Drifted] = []
    for tenant in [partner] if partner else sorted(await world.tables.partners.all()):
        found += [one async for one in world.tables.drift.of_partner(tenant) if settled or one.state in UNSETTLED]
    return [await drift_view(world, one) for one in sorted(found, key=lambda one: (one.since, one.id))]


async def drift_view(world: World, drifted: Drifted) -> dict[str, Any]:
    """One thing that others have changed."""
    known = await world.tables.partners.get(drifted.partner)
    return {
        "id": drifted.id,
        "partner": known.partner.name if known is not None else drifted.partner,
        "tenantId": drifted.partner,
        "step": drifted.step,
        "subject": drifted.subject,
        "request": drifted.request or None,
        "before": shown(drifted.before),
        "after": shown(drifted.after),
        "state": drifted.state,
        "since": drifted.since.isoformat(),
        "said": drifted.said,
        "by": drifted.by or None,
        "repair": drifted.repair or None,
    }


async def drift_named(world: World, name: str) -> Drifted | None:
    """The drift with this id, whichever partner's it is."""
    if not _ID.fullmatch(name):
        return None
    for tenant in await world.tables.partners.all():
        if (found := await world.tables.drift.get(tenant, name)) is not None:
            return found
    return None
