"""A group of our directory may have changed: only those count that requests have put guests into."""

from shared.nouns.changes import Change
from shared.verbs.compare_group import compare_group, compare_members, group_gone, group_there
from shared.verbs.look_again import look_again
from shared.verbs.world import World


async def group_changed(world: World, change: Change) -> None:
    """The group has been read again: whether it is there, and whether those guests are in who may have gone. Bears repetition."""
    partners = await world.tables.index.partners_of_group(change.id)
    if not partners:
        return
    if not await world.tenant.sightings.group(change.id):
        # That it is gone is believed at the second look only, or where we were told so.
        believed = change.what == "deleted" or change.is_look
        for partner in partners if believed else ():
            await group_gone(world, partner, change.id)
        await look_again(world, change, doubted=not believed)
        return
    for partner in partners:
        await group_there(world, partner, change.id)
    if change.whole:
        for partner in partners:
            await compare_group(world, partner, change.id)
        return
    places = [await world.tables.index.place(user) for user in (*change.went, *change.came)]
    for partner in partners:
        persons = [place.person for place in places if place is not None and place.partner == partner]
        if persons and await compare_members(world, partner, change.id, persons):
            return
    if change.went:
        await look_again(world, change)
