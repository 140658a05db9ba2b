"""A read may be older than the notification that asked for it: where nothing differs, it is looked again a little later."""

from datetime import timedelta

from shared.bus import Envelope
from shared.nouns.changes import LOOK, Change
from shared.topology import TENANT_CHANGES
from shared.verbs.world import World

SOON_SECONDS = 30.0


async def look_again(world: World, change: Change, *, doubted: bool = False) -> None:
    """The object is looked at again, twice at most, and several notices of it at once lead to one such look.

    What a delta query said needs none: the next one says what this one did not. But where it is `doubted` that the object is gone,
    none may say anything of it any more.
    """
    looks = {"": 0, f"{LOOK}1": 1}.get(change.mark.partition(" ")[0] if change.is_look else "")
    if looks is None or (change.source == "delta" and not doubted):
        return
    after = SOON_SECONDS if looks == 0 else max(world.settings.horizon_seconds - SOON_SECONDS, SOON_SECONDS)
    await look_at(world, change, after, f"{LOOK}{looks + 1}")


async def look_at(world: World, change: Change, after: float, mark: str = LOOK) -> None:
    """The object is looked at once more, in so many seconds; copies of that within the same ten seconds are one."""
    at = world.clock() + timedelta(seconds=after)
    again = change.model_copy(update={"mark": f"{mark} {at.timestamp() // 10:.0f}", "retry": 0, "happened": None})
    await world.bus.send(
        [
            Envelope(
                queue=TENANT_CHANGES,
                message_id=again.message_id(),
                body=again.model_dump_json(exclude_defaults=True),
                at=at,
            )
        ]
    )
