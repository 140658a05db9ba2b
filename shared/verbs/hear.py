"""A hint from queue `tenant-changes` becomes a reaction, once; what is told again, or was told by our own canary, asks Graph nothing."""

import contextlib
from datetime import timedelta
from enum import Enum

from shared.log import log
from shared.nouns.changes import TOLD, Change
from shared.nouns.outcomes import NotYet, WontWork
from shared.tables.heard import Mark, Telling
from shared.tables.store import Changed
from shared.topology import TENANT_CHANGES
from shared.verbs.canary import heard_canary, is_canary
from shared.verbs.park import park_message
from shared.verbs.react import react
from shared.verbs.telling import told
from shared.verbs.told_again import put_off
from shared.verbs.world import World

# With the waits growing to a minute, eight hours.
MOST_RETRIES = 500
# The queue knows the messages of the last 300 s by their ids (shared/topology.py); clocks may differ.
FRESH = timedelta(seconds=240)


async def hear(world: World, change: Change) -> None:
    """What the change asks for has been done; where something was out of reach, it is tried again later, and parked where that is no use."""
    try:
        if is_canary(world.settings, change):
            await heard_canary(world, change)
        else:
            await _hear(world, change)
    except NotYet as error:
        if change.retry >= MOST_RETRIES:
            raise
        log.warning("reaction postponed", kind=change.kind, object=change.id, reason=error.reason)
        await world.bus.send([told(change.again(), world.again_at(error.after, change.retry))])
    except WontWork as error:
        await park_message(world, TENANT_CHANGES, change.model_dump_json(exclude_defaults=True).encode(), error.reason)


async def _hear(world: World, change: Change) -> None:
    kept = await _is_kept(world, change)
    with world.ears.reading(digest(change) if kept else change.message_id()) as first:
        if first:
            await _read(world, change, kept=kept)
        else:
            # What is read now is read after both were told.
            await _count_replay(world)


async def _read(world: World, change: Change, *, kept: bool) -> None:
    now = world.clock()
    mark = await _known(world, change) if kept and not is_fresh(change) else None
    newness = Newness.NEW if mark is None else newness_of(change, mark, timedelta(seconds=world.settings.horizon_seconds))
    if newness is not Newness.NEW:
        if newness is Newness.UNCLEAR:
            await put_off(world, digest(change), change)
        await _count_replay(world)
        log.info(
            "change told again", kind=change.kind, object=change.id, source=change.source, unclear=newness is Newness.UNCLEAR
        )
        return
    await react(world, change)
    if kept:
        await world.ears.mark(world.tables.heard, Telling(change.id, now, digest(change), timed=is_timed(change)))
    taken, late = world.clock() - change.seen, change.seen - (change.happened or change.seen)
    log.info(
        "change handled",
        kind=change.kind,
        object=change.id,
        source=change.source,
        seconds=round(taken.total_seconds(), 3),
        delay=round(late.total_seconds(), 3),
    )


async def _is_kept(world: World, change: Change) -> bool:
    """Whether such tellings are remembered: what Graph told, and not a later look of ours because of it; nothing of groups that are none
    of ours, for which Graph is not asked."""
    if change.source not in TOLD or change.is_look:
        return False
    return change.kind != "group" or is_timed(change) or bool(await world.tables.index.partners_of_group(change.id))


async def _known(world: World, change: Change) -> Mark | None:
    return await world.ears.known(world.tables.heard, change.id, "" if is_timed(change) else digest(change))


async def _count_replay(world: World) -> None:
    """It is counted where health looks, whichever process has noticed."""
    world.ears.numbers["replayed"] += 1
    with contextlib.suppress(NotYet, Changed):
        await world.ears.write_all(world.tables.subscriptions, world.clock())


class Newness(Enum):
    """Whether a telling says what was not heard before. UNCLEAR has the words of an earlier one and no time."""

    NEW = "new"
    COPY = "copy"
    UNCLEAR = "unclear"


def newness_of(change: Change, mark: Mark, horizon: timedelta) -> Newness:
    """What is known of the telling, by what is remembered of its object.

    With a time it is a copy if it is among those remembered, or older than what was read a consistency horizon later, whatever was told
    between. Without one, words that came last and just now are a copy; other words that were heard before may be one.
    """
    if is_timed(change):
        before = change.happened is not None and change.happened < mark.read - horizon
        return Newness.COPY if before or digest(change) in mark.digests else Newness.NEW
    if digest(change) not in mark.digests:
        return Newness.NEW
    just = mark.last == digest(change) and change.seen - mark.read < horizon
    return Newness.COPY if just else Newness.UNCLEAR


def is_fresh(change: Change) -> bool:
    """It has happened so lately that the queue itself would have dropped a second telling."""
    return is_timed(change) and change.happened is not None and change.seen - change.happened < FRESH


def is_timed(change: Change) -> bool:
    """Graph has told when it was, or its number: the same words are the same thing."""
    return "." not in change.mark


def digest(change: Change) -> str:
    """What is the same for each telling of the same thing."""
    return change.mark.partition(".")[0]
