"""Told in words that were heard before, and with no time: a copy, or the same happening once more, and nobody can tell which.

Microsoft tells neither time nor number with members who come and go, nor with lifecycle events, so that a copy looks like a put-back
that somebody has undone again. Nobody asks Graph because of it: it waits, once, for the next run of the timer that listens, which reads
what so much of it is about. However many copies come, that is all they cost.
"""

from shared.log import log
from shared.nouns.changes import LOOK, Change, Upkeep, change_from, upkeep_from
from shared.tables.heard import PutOff
from shared.topology import LISTENING, TENANT_CHANGES
from shared.verbs.telling import told
from shared.verbs.upkeep import order
from shared.verbs.world import World

# Of one run, of whatever was told; what is more waits for the next, and the catch-up of every hour finds members too.
MOST_AT_ONCE = 50


async def put_off(world: World, digest: str, what: Change | Upkeep) -> None:
    """It is looked into at the next run of the timer, once for all copies. Bears repetition."""
    queue = TENANT_CHANGES if isinstance(what, Change) else LISTENING
    await world.tables.heard.put_off(PutOff(digest, queue, what.model_dump_json(exclude_defaults=True)))


async def look_into(world: World) -> None:
    """What was put off is on its way, so much of it at most. Bears repetition."""
    waiting, now = await world.tables.heard.all_put_off(MOST_AT_ONCE), world.clock()
    for one in waiting:
        if one.queue == LISTENING:
            await order(world, upkeep_from(one.body.encode()))
    changes = [change_from(one.body.encode()) for one in waiting if one.queue == TENANT_CHANGES]
    # As the first of two later looks: a directory that was behind has had its time.
    mark = f"{LOOK}1 {now.timestamp() // 10:.0f}"
    again = {"source": "timer", "seen": now, "happened": None, "retry": 0, "mark": mark}
    await world.bus.send([told(change.model_copy(update=again)) for change in changes])
    for one in waiting:
        await world.tables.heard.no_longer_put_off(one.digest)
    if waiting:
        log.info("told again, looked into", changes=len(changes), orders=len(waiting) - len(changes))
