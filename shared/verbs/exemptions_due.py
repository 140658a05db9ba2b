"""Exemptions that need somebody: those that are over, and those whose owner has left. A copy of the owner's manager takes over."""

from itertools import batched

from shared.nouns.outcomes import NotYet, WontWork
from shared.tables.exemptions import Exemption
from shared.tables.task_rows import JournalEntry
from shared.verbs.guest_record import on_record
from shared.verbs.world import World

WHO = "succession"
# https://learn.microsoft.com/graph/json-batching
MOST_PER_BATCH = 20


async def exemption_notes(world: World) -> list[str]:
    """A sentence for each exemption that is over or whose owner can answer for nothing any more; owners who have left are succeeded
    where a manager of theirs was kept."""
    today = world.clock().date()
    found = [one async for one in world.tables.exemptions.all()]
    notes = [f"the exemption of guest {one.person} was over on {one.until}" for one in found if one.until < today]
    living = [one for one in found if one.until >= today]
    gone = await _gone(world, {one.owner for one in living})
    return notes + [await _succeeded(world, one, gone) for one in living if one.owner in gone]


async def _gone(world: World, owners: set[str]) -> set[str]:
    """Those who are disabled or not there. Where that cannot be read nobody counts as gone."""
    gone: set[str] = set()
    for some in batched(sorted(owners), MOST_PER_BATCH, strict=False):
        try:
            gone |= {owner for owner, enabled in (await world.tenant.accounts.states(some)).items() if enabled is not True}
        except (NotYet, WontWork):
            continue
    return gone


async def _succeeded(world: World, one: Exemption, gone: set[str]) -> str:
    manager = await world.tables.index.manager(one.owner)
    if not manager or manager in gone or manager in await _gone(world, {manager}):
        return f"the owner {one.owner} of the exemption of guest {one.person} has left: give it another (entente exempt add)"
    before, after, now = {"owner": one.owner}, {"owner": manager}, world.clock()
    note = "the owner has left, and their manager answers for the exemption now"
    entry = JournalEntry("intent", 1, now, WHO, before, after, {}, note=note)
    await on_record(world, one.partner, one.person, "exempt-guest", entry)
    taken = Exemption(one.partner, one.person, one.reason, manager, one.until, one.by, one.at)
    await world.tables.exemptions.put(taken)
    outcome = JournalEntry("outcome", 1, now, WHO, before, after, {}, note=note)
    await on_record(world, one.partner, one.person, "exempt-guest", outcome)
    return f"the exemption of guest {one.person} has passed from {one.owner}, who has left, to their manager {manager}"
