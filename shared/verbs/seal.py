"""The journal is sealed: every entry is in the chain of seals, however late it was written."""

from collections.abc import Iterator
from datetime import timedelta

from shared.log import log
from shared.seal import digest_of, sealed
from shared.tables.seals import MOST_CHARACTERS
from shared.tables.store import Exists
from shared.verbs.nameless import close_hours
from shared.verbs.world import World

# What ended longer ago gets entries only by being taken up again; the first run of a day looks at everything.
RECENT = timedelta(days=2)
# A run ends well within a function's time; the next one goes on.
MOST_SEALS_PER_RUN = 200


async def seal(world: World) -> int:
    """Entries that are in no seal are in one. How many seals were added.

    Which entries are sealed is kept per request, not told by time, so none is missed that was written late. Of several that
    seal at once, one adds each seal and the others look again.
    """
    await close_hours(world)
    now = world.clock()
    last = await world.tables.seals.last()
    first_today = last is None or last.at.date() < now.date()
    added = 0
    async for request in world.tables.journal.requests(ended_since=None if first_today else now - RECENT):
        added += await _seal_request(world, request, MOST_SEALS_PER_RUN - added)
        if added >= MOST_SEALS_PER_RUN:
            return added
    if first_today and not added:
        # A sign of life, and a head of today to be kept elsewhere.
        added += await _add(world, "", [])
    return added


async def _seal_request(world: World, request: str, most: int) -> int:
    if not await world.tables.seals.unsealed(request, await world.tables.journal.keys(request)):
        return 0
    rows = await world.tables.journal.rows(request)
    # Asked again: who sealed meanwhile has left less.
    wanted = await world.tables.seals.unsealed(request, rows)
    added = 0
    for batch in _batches([(key, digest_of(rows[key])) for key in wanted]):
        if added >= most or not await _add(world, request, batch):
            break
        added += 1
    return added


async def _add(world: World, request: str, entries: list[tuple[str, str]]) -> bool:
    """The seal is added; False where somebody else was quicker, who may have sealed the same."""
    new = sealed(await world.tables.seals.last(), world.clock(), request, entries)
    try:
        await world.tables.seals.append(new)
    except Exists:
        return False
    # The log is kept apart from the tables: it is where a head can be compared with.
    log.info("journal sealed", head=f"{new.number}:{new.digest}", request=request, entries=len(new.entries))
    return True


def _batches(entries: list[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    batch: list[tuple[str, str]] = []
    size = 0
    for entry in entries:
        length = len(entry[0]) + len(entry[1]) + 12
        if batch and size + length > MOST_CHARACTERS:
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += length
    if batch:
        yield batch
