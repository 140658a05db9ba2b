"""B2B members for people: who came from outside and is `userType` Member here, whom clean-up names and never touches."""

from typing import Any

from shared.nouns.sighting import Sighting, is_of_a_member, unpacked
from shared.verbs.world import World
from shared.views.partners import on_record

MOST = 1_000


async def members_view(world: World, partner: str = "", *, behind: str = "", most: int = MOST) -> dict[str, Any]:
    """A page of B2B members by object id, those of one partner where it is given, as the last clean-up run read the directory.

    `read` says when that was, null where none has been yet. A member whose organization is on no record has no partner.
    """
    run = await world.tables.runs.last_reading()
    if run is None:
        return {"members": [], "next": None, "read": None}
    wanted = (await on_record(world, partner)).partner.tenant_id if partner else ""
    of = await _tenants(world)
    lines = [line async for line in world.tables.runs.pages(run.id) if is_of_a_member(line)]
    members = sorted((unpacked(line) for line in lines), key=lambda one: one.user)
    found = [one for one in members if one.user > behind and wanted in {"", of.get(one.domain, "")}]
    shown = [_shown(one, of.get(one.domain, "")) for one in found[:most]]
    return {"members": shown, "next": found[most - 1].user if len(found) > most else None, "read": run.started.isoformat()}


async def _tenants(world: World) -> dict[str, str]:
    """Whose each domain on record is."""
    rows = [await world.tables.partners.get(name) for name in await world.tables.partners.all()]
    return {domain.lower(): row.partner.tenant_id for row in rows if row is not None for domain in row.partner.domains}


def _shown(one: Sighting, partner: str) -> dict[str, Any]:
    last = max((at for at in (one.interactive, one.background, one.successful) if at is not None), default=None)
    return {
        "partner": partner,
        "user": one.user,
        "kind": "member",
        "domain": one.domain,
        "enabled": one.enabled,
        "invited": one.invited,
        "created": one.created.isoformat() if one.created else None,
        "lastSignIn": last.isoformat() if last else None,
    }
