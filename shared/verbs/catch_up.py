"""What no notification has told is found: delta queries, page by page, going on where they stopped.

A link is kept only after all that its page tells is on the queue, so nothing is skipped by who dies; it may be told twice.
"""

import hashlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from shared.log import log
from shared.nouns.changes import Change, Upkeep
from shared.nouns.notices import chunks
from shared.tables.deltas import Round
from shared.tables.store import Changed as Overtaken
from shared.tables.store import Exists
from shared.tables.subscriptions import Resource
from shared.tenant.noticed import Changed, Page
from shared.verbs.telling import told
from shared.verbs.upkeep import order
from shared.verbs.world import World

# Of one run; then a message of its own goes on, so that no run outlasts its lock.
MOST_PAGES = 20
MOST_AT_ONCE = 500
# A round that nobody has touched for so long has lost its message.
QUIET = timedelta(minutes=10)


async def catch_up(world: World, upkeep: Upkeep) -> None:
    """Pages of the delta query of `upkeep.resource` are on queue `tenant-changes`, and the rest of them is ordered.

    A round that is under way is not begun twice: one that is asked for meanwhile follows it. Raises NotYet or WontWork where Graph
    does not answer.
    """
    if upkeep.resource == "subscriptions":
        return
    now = world.clock()
    stored = await world.tables.deltas.get(upkeep.resource)
    one = stored or Round(upkeep.resource, begun=now, touched=now)
    if upkeep.page:
        if not one.under_way or one.pages != upkeep.page:
            return
    elif stored and one.under_way and now - one.touched < QUIET:
        # What changed since the round began is in the next one. The hourly one is not in such a hurry.
        if upkeep.why != "hourly":
            await world.tables.deltas.save(replace(one, again=True))
        return
    elif not one.under_way:
        one = replace(one, under_way=True, begun=now, pages=0, told=0)
    try:
        await _walk(world, upkeep.resource, one)
    except (Overtaken, Exists):
        # Somebody else walks the same round.
        return


async def _walk(world: World, resource: Resource, one: Round) -> None:
    for _ in range(MOST_PAGES):
        page = await world.tenant.delta.page(resource, one.link)
        if page is None:
            one = await _anew(world, one)
            continue
        envelopes = [told(change) for change in changes(resource, page, one, world)]
        await world.bus.send(envelopes)
        one = await _after(world, one, page, len(envelopes))
        if page.last:
            return
    await order(world, Upkeep(do="catch-up", resource=resource, why="the rest", page=one.pages), world.clock())


async def _anew(world: World, one: Round) -> Round:
    """The link is no longer good: everything there is will be told."""
    log.warning("delta begins anew", resource=one.resource, pages=one.pages)
    return await _saved(world, replace(one, link="", full=True, begun=world.clock(), pages=0, told=0))


async def _after(world: World, one: Round, page: Page, number: int) -> Round:
    """The page is behind us; where it was the last one, so is the round, and what has to follow it is ordered first."""
    found = world.clock() if number and not one.full else one.found
    after = replace(one, link=page.link, pages=one.pages + 1, told=one.told + number, found=found)
    if not page.last:
        return await _saved(world, after)
    if one.full:
        # What is gone for good is in no list of all there is, and nor is who has left a group.
        await order(world, Upkeep(do="recall", resource=one.resource, why="after a full round"))
    if one.again:
        await order(world, Upkeep(do="catch-up", resource=one.resource, why="asked for meanwhile"))
    log.info("caught up", resource=one.resource, full=one.full, pages=after.pages, told=after.told)
    return await _saved(world, replace(after, under_way=False, full=False, again=False, known=one.begun))


async def recall(world: World, resource: str) -> None:
    """Every guest and sponsor that we know, or every group that requests have put guests into, is read again, as after an absence.
    Bears repetition."""
    now = world.clock()
    batch: list[Change] = []

    async def flush() -> None:
        await world.bus.send([told(change) for change in batch])
        batch.clear()

    async for change in _recalled(world, resource, now):
        batch.append(change)
        if len(batch) >= MOST_AT_ONCE:
            await flush()
    await flush()


async def _recalled(world: World, resource: str, now: datetime) -> AsyncIterator[Change]:
    index, mark = world.tables.index, f"recalled {now.isoformat()}"
    if resource == "groups":
        for group in await index.groups():
            yield Change(kind="group", id=group, seen=now, source="delta", mark=mark, whole=True)
        return
    for sponsor in await index.sponsors():
        yield Change(kind="user", id=sponsor, seen=now, source="delta", mark=mark)
    async for user in index.users():
        yield Change(kind="user", id=user, seen=now, source="delta", mark=mark)


async def _saved(world: World, one: Round) -> Round:
    one = replace(one, touched=world.clock())
    return replace(one, etag=await world.tables.deltas.save(one))


def changes(resource: Resource, page: Page, one: Round, world: World) -> Iterator[Change]:
    """What the page tells. Of everybody there is (a full round), only those who may concern us: guests, the disabled, the removed. Of all
    groups none: those that concern us are recalled when the round is over."""
    if one.full and resource == "groups":
        return
    mark = hashlib.sha256(f"{one.link}\n{one.begun.isoformat()}\n{one.pages}".encode()).hexdigest()[:32]
    for item in page.changed:
        if one.full and not _concerns(item):
            continue
        for number, (came, went) in enumerate(chunks(item.came, item.went)):
            yield Change(
                kind="user" if resource == "users" else "group",
                id=item.id,
                what="deleted" if item.removed == "deleted" else "unknown" if item.removed else "updated",
                seen=world.clock(),
                source="delta",
                came=came,
                went=went,
                mark=f"{mark}.{number}",
            )


def _concerns(item: Changed) -> bool:
    return item.guest or bool(item.removed) or item.enabled is False
