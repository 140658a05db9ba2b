"""Orders to ourselves on queue `keep-listening`, carried out one after another for each resource."""

import hashlib
from datetime import datetime, timedelta

from shared.bus import Envelope
from shared.nouns.changes import Upkeep
from shared.topology import LISTENING
from shared.verbs.world import World

TOGETHER = timedelta(seconds=10)


async def order(world: World, upkeep: Upkeep, at: datetime | None = None) -> None:
    """It will be done; without a time within ten seconds, once for all who order the same until then."""
    at = at or _end_of_slot(world.clock())
    words = f"{upkeep.model_dump_json()}\n{at.isoformat()}"
    await world.bus.send(
        [
            Envelope(
                queue=LISTENING,
                message_id=hashlib.sha256(words.encode()).hexdigest(),
                body=upkeep.model_dump_json(exclude_defaults=True),
                session=upkeep.resource,
                at=at,
            )
        ]
    )


def _end_of_slot(now: datetime) -> datetime:
    """Whoever orders before it is served after it, so one copy does for all of them."""
    passed = now.timestamp() % TOGETHER.total_seconds()
    return now - timedelta(seconds=passed) + TOGETHER
