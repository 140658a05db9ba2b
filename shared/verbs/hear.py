"""A hint from queue `tenant-changes` becomes a reaction, once."""

from datetime import datetime

from shared.bus import Envelope
from shared.log import log
from shared.nouns.changes import Change
from shared.nouns.outcomes import NotYet
from shared.topology import TENANT_CHANGES
from shared.verbs.react import react
from shared.verbs.world import World

# With the waits growing to a minute, eight hours.
MOST_RETRIES = 500


async def hear(world: World, change: Change) -> None:
    """What the change asks for has been done; where something was out of reach, it is tried again later."""
    try:
        await react(world, change)
    except NotYet as error:
        if change.retry >= MOST_RETRIES:
            raise
        log.warning("reaction postponed", kind=change.kind, object=change.id, reason=error.reason)
        await world.bus.send([told(change.again(), world.again_at(error.after, change.retry))])


def told(change: Change, at: datetime | None = None) -> Envelope:
    """The message that tells the change."""
    return Envelope(
        queue=TENANT_CHANGES,
        message_id=change.message_id(),
        body=change.model_dump_json(exclude_defaults=True),
        at=at,
    )
