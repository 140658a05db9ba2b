"""A change made by ourselves to what is there for nothing else: a notification has to come of it, and its delay is the delay of all."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal

from shared.log import log
from shared.nouns.changes import Change
from shared.nouns.outcomes import NotYet, WontWork
from shared.settings import Settings
from shared.tables.subscriptions import Canary
from shared.verbs.world import World

type Kind = Literal["user", "group"]
# Microsoft's clock and ours; a canary changes every quarter of an hour.
CLOCKS_DIFFER = timedelta(minutes=2)


def canaries(settings: Settings) -> dict[Kind, str]:
    """Object ids of the canaries by kind. The group's is one only together with the user, who comes and goes in it."""
    found: dict[Kind, str] = {}
    if settings.notification_url and settings.canary_user:
        found["user"] = settings.canary_user.lower()
        if settings.canary_group:
            found["group"] = settings.canary_group.lower()
    return found


def is_canary(settings: Settings, change: Change) -> bool:
    """The change is of a canary: nobody reacts to it."""
    return change.id in canaries(settings).values()


def is_silent(canary: Canary, now: datetime, silence: timedelta) -> bool:
    """Nobody has told of the canary's change, for longer than is still a delay."""
    return canary.heard is None and now - canary.sent > silence


async def release_canaries(world: World) -> None:
    """Each canary whose last change was told has changed again; one that still waits is changed once more, and waits since then.

    What cannot be changed is on record, and silent in time.
    """
    for kind, name in canaries(world.settings).items():
        now = world.clock()
        last = await world.tables.subscriptions.canary(kind)
        canary = last if last is not None and last.heard is None else Canary(kind, sent=now, delay=last.delay if last else None)
        await world.tables.subscriptions.save_canary(replace(canary, problem=""))
        try:
            await _change(world, kind, name)
        except (NotYet, WontWork) as error:
            log.warning("canary not changed", canary=kind, reason=error.reason)
            await world.tables.subscriptions.save_canary(replace(canary, problem=error.reason))


async def _change(world: World, kind: Kind, name: str) -> None:
    user = world.settings.canary_user.lower()
    if kind == "user":
        await world.tenant.profiles.change(user, {"jobTitle": f"Entente canary {world.clock():%Y-%m-%dT%H:%M:%SZ}"})
    elif user in (await world.tenant.groups.members_among(name, [user])).members:
        await world.tenant.groups.remove_member(name, user)
    else:
        await world.tenant.groups.add_member(name, user)


async def heard_canary(world: World, change: Change) -> None:
    """It is on record when a canary's change was told, and by what; that is no change before it, told late or once more."""
    kind = next(kind for kind, name in canaries(world.settings).items() if name == change.id)
    canary = await world.tables.subscriptions.canary(kind)
    if canary is None or change.seen < canary.sent or (change.happened or change.seen) < canary.sent - CLOCKS_DIFFER:
        return
    if change.source == "delta":
        await world.tables.subscriptions.save_canary(replace(canary, by_delta=change.seen))
    elif canary.heard is None:
        delay = (change.seen - canary.sent).total_seconds()
        await world.tables.subscriptions.save_canary(replace(canary, heard=change.seen, delay=delay))
        log.info("canary heard", canary=kind, seconds=round(delay, 3), source=change.source)
