"""What others have changed, for people: before and after, and what has become of it."""

import re
from typing import Any

from shared.tables.drift import GROUP, UNSETTLED, Drifted
from shared.verbs.drifted import MEMBERS, shown
from shared.verbs.world import World
from shared.views.group_names import group_name, group_names

_ID = re.compile(r"[0-9a-f]{20}")
_PERSON = re.compile(r"[0-9a-f]{32}")


async def drifts_view(world: World, partner: str = "", *, settled: bool = False) -> list[dict[str, Any]]:
    """The drift of the partner, or of all, the oldest first; with `settled` also what is over."""
    found: list[Drifted] = []
    for tenant in [partner] if partner else sorted(await world.tables.partners.all()):
        found += [one async for one in world.tables.drift.of_partner(tenant) if settled or one.state in UNSETTLED]
    return [await drift_view(world, one) for one in sorted(found, key=lambda one: (one.since, one.id))]


async def drift_view(world: World, drifted: Drifted) -> dict[str, Any]:
    """One thing that others have changed."""
    known = await world.tables.partners.get(drifted.partner)
    group = drifted.subject.partition(".")[0] if drifted.step in {MEMBERS, GROUP} else ""
    return {
        "id": drifted.id,
        "partner": known.partner.name if known is not None else drifted.partner,
        "tenantId": drifted.partner,
        "step": drifted.step,
        "subject": drifted.subject,
        "group": await _group(world, drifted, group) if group else None,
        "users": await _users(world, drifted),
        "request": drifted.request or None,
        "before": shown(drifted.before),
        "after": shown(drifted.after),
        "state": drifted.state,
        "since": drifted.since.isoformat(),
        "said": drifted.said,
        "by": drifted.by or None,
        "repair": drifted.repair or None,
    }


async def _group(world: World, drifted: Drifted, group: str) -> str:
    """What people call the group."""
    request = await world.tables.requests.get(drifted.request) if drifted.request else None
    templates = [request.header.template] if request is not None else await _templates(world, drifted.partner)
    return group_name(group, group_names(world, templates))


async def _templates(world: World, partner: str) -> list[str]:
    requests = [await world.tables.requests.get(name) for name in await world.tables.partners.requests_of(partner)]
    return list(dict.fromkeys(request.header.template for request in requests if request is not None))


async def _users(world: World, drifted: Drifted) -> dict[str, str]:
    """The guests whom it is about, by opaque id, with the object id by which the directory shows them; none where it is about no guest."""
    persons = list(drifted.before) if drifted.step == MEMBERS else [drifted.subject]
    found = [await world.tables.guests.get(drifted.partner, person) for person in persons if _PERSON.fullmatch(person)]
    return {guest.person: guest.user for guest in found if guest is not None and guest.user}


async def drift_named(world: World, name: str) -> Drifted | None:
    """The drift with this id, whichever partner's it is."""
    if not _ID.fullmatch(name):
        return None
    for tenant in await world.tables.partners.all():
        if (found := await world.tables.drift.get(tenant, name)) is not None:
            return found
    return None
