"""A group of our directory may have changed: only those count that requests have put guests into."""

from shared.nouns.changes import Change
from shared.verbs.compare import compare_members
from shared.verbs.look_again import look_again
from shared.verbs.seen_by_others import partner_name, settle, tell
from shared.verbs.world import World


async def group_changed(world: World, change: Change) -> None:
    """The group has been read again: whether it is there, and whether those guests are in who may have gone. Bears repetition."""
    partners = await world.tables.index.partners_of_group(change.id)
    if not partners:
        return
    if not await world.tenant.sightings.group(change.id):
        # That it is gone is believed at the second look only, or where we were told so.
        if change.what == "deleted" or change.mark.startswith("look"):
            for partner in partners:
                name = await partner_name(world, partner)
                reason = f"Group {change.id}, which guests of {name} were put into, was deleted: restore it, or leave it out"
                await tell(world, partner, "group-deleted", reason, subject=change.id)
        await look_again(world, change)
        return
    for partner in partners:
        await settle(world, partner, "group-deleted", change.id)
    places = [await world.tables.index.place(user) for user in (*change.went, *change.came)]
    for partner in partners:
        persons = [place.person for place in places if place is not None and place.partner == partner]
        if persons and await compare_members(world, partner, change.id, persons):
            return
    if change.went:
        await look_again(world, change)
