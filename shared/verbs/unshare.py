"""What is shared with a guest in SharePoint is taken away, or given again, because a person or a clean-up run asks for it."""

import hashlib
from collections.abc import Iterable

from shared.nouns.errors import Fault, Refusal
from shared.nouns.json_text import Json
from shared.nouns.task import Task
from shared.tables.guests import Guest
from shared.verbs.cleanup_facts import CLEAN_UP, partner_facts
from shared.verbs.cleanup_request import put_tasks, task_of
from shared.verbs.guest_dates import reason_of
from shared.verbs.partner_sites import sites_named
from shared.verbs.unshared import reversal
from shared.verbs.world import World

MOST_SITES = 20


async def unshare(world: World, guest: Guest, sites: Iterable[str], who: str, why: str) -> tuple[str, tuple[str, ...]]:
    """What is shared with the guest by name is on the way to be taken away: the id of the request that does it, and the sites that are
    looked at, without sites those that the template and the partner's requests name. Bears repetition while it is under way.

    Raises Refusal for no account, no reason, and no site.
    """
    reason = reason_of(why)
    if not guest.user:
        raise Refusal([Fault("guest", "has no account that is known here, so there is nobody to look for")])
    looked_at = tuple(dict.fromkeys(site.rstrip("/") for site in sites))
    # As clean-up would, where the template wants that.
    looked_at = looked_at or (await partner_facts(world, guest.partner)).sites or await sites_named(world, guest.partner)
    if not looked_at:
        raise Refusal([Fault("sites", "no request of the partner has named a site: say which to look at")])
    if len(looked_at) > MOST_SITES:
        raise Refusal([Fault("sites", f"are {len(looked_at)}; {MOST_SITES} at most are looked at for one guest")])
    details: dict[str, Json] = {"unshare": "found", "sites": list(looked_at), "words": reason}
    return await _put(world, guest, "unshare", task_of(world, "unshare", guest, details), who, reason), looked_at


async def reshare(world: World, guest: Guest, who: str, why: str) -> str:
    """What was taken from the guest is on the way back, each where nobody has given them anything since. Raises Refusal where nothing was."""
    reason = reason_of(why)
    task = await reversal(world, guest)
    if task is None:
        raise Refusal([Fault("guest", "nothing that was shared with this guest was taken away by Entente")])
    return await _put(world, guest, "reshare", task, who, reason)


async def _put(world: World, guest: Guest, verb: str, task: Task, who: str, reason: str) -> str:
    now = world.clock()
    # Asked for once more while it is under way it is the same request; once it has ended, another.
    ended = 0
    for earlier, _ in await world.tables.people.requests_of(guest.person):
        if earlier.startswith((f"{CLEAN_UP}unshare.", f"{CLEAN_UP}reshare.")):
            known = await world.tables.requests.get(earlier)
            ended += known is not None and not known.is_open
    said = "\n".join((guest.partner, guest.person, verb, str(ended)))
    name = f"{CLEAN_UP}{verb}.{now:%Y%m%d}.{hashlib.sha256(said.encode()).hexdigest()[:12]}"
    await put_tasks(world, name, await partner_facts(world, guest.partner), [task], who, reason)
    return name
