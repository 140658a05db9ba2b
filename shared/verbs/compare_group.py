"""A group that requests have put guests into, read again: whether they are all in, and whether it is there at all."""

from collections.abc import AsyncIterator
from dataclasses import replace

from shared.nouns.outcomes import NotYet, WontWork
from shared.nouns.task import TaskState
from shared.tables.drift import ACCEPTED, GROUP, OPEN, OVER, UNSETTLED, Drifted, drift_id
from shared.tables.store import Changed
from shared.verbs.compare import Standing, at_rest, compared_with, is_settled, tasks_of
from shared.verbs.drifted import AGAIN_SECONDS, MEMBERS
from shared.verbs.seen_by_others import journal, partner_name, settle, tell
from shared.verbs.subjects import group_of
from shared.verbs.world import World

GONE, THERE = "group-deleted", {"group": "there"}


async def compare_members(world: World, partner: str, group: str, persons: list[str]) -> int:
    """Whether these guests, and those whom they came with, are still in the group that requests have put them into. How many of such
    batches differ."""
    seen: set[tuple[str, str]] = set()
    found = 0
    await at_rest(world, partner)
    for person in persons:
        async for request, task in tasks_of(world, partner, person):
            if task.step != MEMBERS or person not in task.members or (request.id, task.key) in seen:
                continue
            seen.add((request.id, task.key))
            if is_settled(world, task) and await _named(world, Standing(request, task)) == group:
                found += await compared_with(world, Standing(request, task))
    return found


async def compare_group(world: World, partner: str, group: str) -> int:
    """Whether all guests whom requests have put into the group are still in it: for when nobody knows who has gone. How many batches differ."""
    await at_rest(world, partner)
    return sum([await compared_with(world, one) async for one in _batches(world, partner, group) if is_settled(world, one.task)])


async def group_gone(world: World, partner: str, group: str) -> None:
    """The group stands among the drift until it is there again, or a person accepts that it is not; told once. Bears repetition.

    Nothing of that where no request wants anybody in it any more. Raises NotYet while one of the partner is under way.
    """
    await at_rest(world, partner)
    name = drift_id(partner, GROUP, group)
    known = await world.tables.drift.get(partner, name)
    if known is not None and known.state in {*UNSETTLED, ACCEPTED}:
        return
    if not [one async for one in _batches(world, partner, group, most=1)]:
        return
    now, after = world.clock(), {"group": None}
    why = f"Group {group}, which guests of {await partner_name(world, partner)} were put into, was deleted: restore it, or leave it out"
    await journal(world, partner, group, seen=known.etag if known else "new", before=THERE, after=after, note=GONE, person=False)
    await tell(world, partner, GONE, why, subject=group)
    etag = known.etag if known else ""
    gone = Drifted(partner, name, GROUP, group, "", "", THERE, after, OPEN, now, now, said="the group was deleted", etag=etag)
    await _save(world, gone)


async def group_there(world: World, partner: str, group: str) -> None:
    """What was said of the group's deletion is over. Bears repetition."""
    await settle(world, partner, GONE, group)
    known = await world.tables.drift.get(partner, drift_id(partner, GROUP, group))
    if known is not None and known.state in {*UNSETTLED, ACCEPTED}:
        after = {"group": None}
        await journal(world, partner, group, seen=known.etag, before=after, after=THERE, note="group-restored", person=False)
        await _save(world, replace(known, state=OVER, seen=world.clock(), said="the group is there again"))


async def _batches(world: World, partner: str, group: str, most: int | None = None) -> AsyncIterator[Standing]:
    """The finished tasks, `most` of them, by which guests of the partner are in the group."""
    number = 0
    for name in await world.tables.partners.requests_of(partner):
        request = await world.tables.requests.get(name)
        if request is None or request.mode != "apply":
            continue
        async for key in world.tables.tasks.keys_of(name, MEMBERS):
            task = await world.tables.tasks.get(name, key)
            if task is None or task.state is not TaskState.DONE or await _named(world, Standing(request, task)) != group:
                continue
            yield Standing(request, task)
            number += 1
            if number == most:
                return


async def _named(world: World, standing: Standing) -> str | None:
    """The object id of the batch's group, in lower case."""
    try:
        found, _ = await group_of(world, standing.request, standing.task, back=True)
    except WontWork:
        return None
    return found.lower() if found else None


async def _save(world: World, drifted: Drifted) -> None:
    try:
        await world.tables.drift.save(drifted)
    except Changed as error:
        raise NotYet(f"drift {drifted.id} is being settled by somebody else", after=AGAIN_SECONDS) from error
