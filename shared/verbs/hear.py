"""A hint from queue `tenant-changes` becomes a reaction, once; what is told again, or was told by our own canary, asks Graph nothing."""

from datetime import timedelta

from shared.log import log
from shared.nouns.changes import TOLD, Change
from shared.nouns.outcomes import NotYet, WontWork
from shared.tables.heard import Mark, Telling
from shared.topology import TENANT_CHANGES
from shared.verbs.canary import heard_canary, is_canary
from shared.verbs.park import park_message
from shared.verbs.react import react
from shared.verbs.telling import told
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
    now, notified = world.clock(), change.source in TOLD
    mark = await world.ears.known(world.tables.heard, change.id) if notified and not is_fresh(change) else None
    if mark is not None and is_replay(change, mark, timedelta(seconds=world.settings.horizon_seconds)):
        world.ears.numbers["replayed"] += 1
        log.info("change told again", kind=change.kind, object=change.id, source=change.source)
        return
    await react(world, change)
    if notified:
        await world.ears.mark(world.tables.heard, Telling(change.id, now, digest(change)))
    taken, late = world.clock() - change.seen, change.seen - (change.happened or change.seen)
    log.info(
        "change handled",
        kind=change.kind,
        object=change.id,
        source=change.source,
        seconds=round(taken.total_seconds(), 3),
        delay=round(late.total_seconds(), 3),
    )


def is_fresh(change: Change) -> bool:
    """It has happened so lately that the queue itself would have dropped a second telling."""
    return "." not in change.mark and change.happened is not None and change.seen - change.happened < FRESH


def is_replay(change: Change, mark: Mark, horizon: timedelta) -> bool:
    """The object has been read since the change, because of this very telling or a later one.

    Where Graph told no time, as with members, only the last telling is known to be a copy: the same may have happened again. A reading
    sees what happened a consistency horizon before, whatever was told between.
    """
    if "." not in change.mark:
        return digest(change) in mark.digests or (change.happened is not None and change.happened < mark.read - horizon)
    return mark.last == digest(change)


def digest(change: Change) -> str:
    """What is the same for each telling of the same thing."""
    return change.mark.partition(".")[0]
