"""What is shared with a partner outside the process, on the sites that are looked at."""

import re
from collections.abc import Iterable
from typing import Any

from shared.nouns.errors import Fault, Refusal
from shared.steps.prove_closed import outsiders
from shared.tenant.sharing import SharingReport, Sought, sharing_with
from shared.verbs.partner_sites import sites_named
from shared.verbs.world import World
from shared.views.partners import on_record

MOST_SITES = 50
NOT_LOOKED_AT = "lists, site pages, and who is in a site's own groups"
_SITE = re.compile(r"https://[a-z0-9-]+\.sharepoint\.(com|us|de|cn)(/[^\s?#]*)?", re.IGNORECASE)


async def sharing_view(world: World, said: str, sites: Iterable[str]) -> dict[str, Any]:
    """Everything that lets the partner's people, or anybody, at an item on these sites; without sites, on those that the partner's
    requests have named. Object ids only. Raises Refusal where there is no site to look at."""
    found = await on_record(world, said)
    looked_at = list(dict.fromkeys(sites)) or list(await sites_named(world, found.partner.tenant_id))
    refuse_others(looked_at)
    if not looked_at:
        raise Refusal([Fault("sites", f"no request of {found.partner.name} has named a site: say which to look at")])
    if len(looked_at) > MOST_SITES:
        raise Refusal([Fault("sites", f"are {len(looked_at)}; {MOST_SITES} at most are looked at in one report")])
    people, groups = await _theirs(world, [request.id for request in found.requests])
    # Who was invited by others is nobody's task, and SharePoint may tell no more of them than their object id.
    people |= {one.id.lower() for one in await outsiders(world.tenant, found.partner.domains)}
    report = await sharing_with(world.tenant, Sought(found.partner.domains, people, groups), looked_at)
    return {
        "partner": {"name": found.partner.name, "tenantId": found.partner.tenant_id, "domains": list(found.partner.domains)},
        "made": world.clock().isoformat(),
        **_shown(report),
    }


def refuse_others(sites: list[str]) -> list[str]:
    """The URLs as they are. Raises Refusal for what is no SharePoint site's."""
    if wrong := [site for site in sites if not _SITE.fullmatch(site)]:
        raise Refusal([Fault("sites", f"{site} is not the URL of a SharePoint site") for site in wrong])
    return sites


async def _theirs(world: World, requests: Iterable[str]) -> tuple[frozenset[str], frozenset[str]]:
    """The directory ids of the partner's guests, and of the groups that requests have put them into."""
    people: set[str] = set()
    groups: set[str] = set()
    for name in requests:
        async for task in world.tables.tasks.all(name):
            if user := task.ids.get("user"):
                people.add(user.lower())
            if task.members and task.group and "-" in task.group:
                groups.add(task.ids.get("group") or task.group)
    return frozenset(people), frozenset(groups)


def _shown(report: SharingReport) -> dict[str, Any]:
    return {
        "items": [
            {
                "site": item.site,
                "url": item.url,
                "drive": item.drive,
                "item": item.item,
                "how": item.how,
                "roles": list(item.roles),
                "people": list(item.people),
                "count": item.count,
                "until": item.until or None,
            }
            for item in report.items
        ],
        "scope": [
            {
                "site": one.site,
                "libraries": one.drives,
                "items": one.items,
                "permissions": one.permissions,
                "complete": one.complete,
                "stopped": one.stopped or None,
            }
            for one in report.scope
        ],
        "complete": report.complete,
        "notLookedAt": NOT_LOOKED_AT,
    }
