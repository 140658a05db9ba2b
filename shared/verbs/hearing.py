"""Whether changes are still heard: proved by what came, not by that nothing has failed."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.log import log
from shared.settings import Settings
from shared.tables.deltas import Round
from shared.tables.subscriptions import RESOURCES, Canary, Kept
from shared.verbs.canary import canaries, is_silent
from shared.verbs.subscribe import lasts
from shared.verbs.world import World

# The catch-up runs every hour; of three in a row one must have come to its end.
MOST_LAG = timedelta(hours=3)
EVERY = timedelta(hours=1)
# Subscribing takes a handshake, which may have to wait for an app that is not awake.
BEGINNING = timedelta(minutes=30)


@dataclass(frozen=True)
class Hearing:
    """All that is known about it, at one moment. `last` is when a notification was heard, `delay` how late that was (seconds)."""

    now: datetime
    kept: Sequence[Kept]
    canaries: Sequence[Canary]
    rounds: Sequence[Round]
    numbers: Mapping[str, int]
    last: datetime | None
    delay: float | None


async def hearing(world: World) -> Hearing:
    """What is on record. Raises NotYet where the tables do not answer."""
    table = world.tables.subscriptions
    kept, counted, sung, rounds = await asyncio.gather(
        table.all(),
        table.counts(),
        asyncio.gather(*(table.canary(kind) for kind in canaries(world.settings))),
        asyncio.gather(*(world.tables.deltas.get(resource) for resource in RESOURCES)),
    )
    numbers, last, delay = counted
    return Hearing(
        now=world.clock(),
        kept=kept,
        canaries=[one for one in sung if one is not None],
        rounds=[one for one in rounds if one is not None],
        numbers=numbers,
        last=last,
        delay=delay,
    )


def faults(found: Hearing, settings: Settings) -> list[str]:
    """What is wrong, in sentences; none where changes are heard, or where nothing has begun yet."""
    return [*_unsubscribed(found, settings), *silences(found, settings), *_lags(found)]


def silences(found: Hearing, settings: Settings) -> list[str]:
    """By what we know that notifications do not come although they should."""
    if not settings.notification_url:
        return []
    patience = timedelta(seconds=settings.silence_seconds)
    said = [
        f"the change of the canary {one.kind} at {one.sent:%Y-%m-%d %H:%M} UTC has not been told"
        for one in found.canaries
        if is_silent(one, found.now, patience)
    ]
    for one in found.rounds:
        begun = next((kept.since for kept in found.kept if kept.resource == one.resource and kept.id), None)
        heard = max(filter(None, (found.last, begun)), default=None)
        # What a round finds was changed within the hour before it.
        if one.found is not None and heard is not None and one.found - heard > patience + EVERY:
            said.append(
                f"the catch-up has found changes of {one.resource} that no notification told of since {heard:%Y-%m-%d %H:%M} UTC"
            )
    return said


def _unsubscribed(found: Hearing, settings: Settings) -> Iterator[str]:
    for one in found.kept if settings.notification_url else ():
        if not lasts(one, found.now) and found.now - (one.expires or one.since) > BEGINNING * (not one.id):
            why = f": {one.problem}" if one.problem else ""
            yield f"changes of {one.resource} are not subscribed to{why}"


def _lags(found: Hearing) -> Iterator[str]:
    for one in found.rounds:
        if lag(one, found.now) > MOST_LAG:
            yield f"the catch-up of {one.resource} has not come to its end since {one.known or one.begun:%Y-%m-%d %H:%M} UTC"


def lag(one: Round, now: datetime) -> timedelta:
    """For how long changes may have waited for the delta query to tell of them."""
    return now - (one.known or one.begun)


async def watch(world: World) -> None:
    """Silence is in the log, where alerts look; and so is what health shows: the last event, its delay, the lag of the delta queries."""
    found = await hearing(world)
    for said in silences(found, world.settings):
        log.error("notifications silent", reason=said, last=str(found.last or "never"))
    lags = {f"{one.resource}Lag": round(lag(one, found.now).total_seconds()) for one in found.rounds}
    since = None if found.last is None else round((found.now - found.last).total_seconds())
    log.info("notifications", sinceLast=since, delay=found.delay, **lags, **found.numbers)
