"""What one guest has in SharePoint, on the sites that are looked at."""

from collections.abc import Iterable
from typing import Any

from shared.tables.guests import Guest
from shared.verbs.cleanup_facts import partner_facts
from shared.verbs.world import World
from shared.views.sharing import sharing_view


async def footprint_view(world: World, guest: Guest, sites: Iterable[str]) -> dict[str, Any]:
    """What is shared with the guest by name on these sites; and how far was looked.

    Without sites, it is looked on those that the template or the partner's requests have named, as `unshare` would. What they reach through
    a group, or as anybody with a link, is not theirs alone and not listed. Raises Refusal where there is no site to look at, and NotYet.
    """
    found = await sharing_view(world, guest.partner, tuple(sites) or (await partner_facts(world, guest.partner)).sites)
    theirs = [item for item in found["items"] if guest.user and guest.user in item["people"]]
    shown = [{name: item[name] for name in ("site", "url", "drive", "item", "how", "roles", "until")} for item in theirs]
    return {"items": shown, "scope": found["scope"], "complete": found["complete"], "notLookedAt": found["notLookedAt"]}
