"""What Microsoft Graph, or somebody who says so, has told us: checked against our secrets, and put on our own queue.

Nothing is asked of Graph here, and of the tables only which subscriptions are ours.
"""

import asyncio
import contextlib
import hashlib
import hmac
import secrets
from collections.abc import Coroutine, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from shared.bus import Envelope
from shared.log import log
from shared.nouns.changes import Change, Source, Upkeep
from shared.nouns.client_state import client_state, fingerprint
from shared.nouns.errors import Refusal
from shared.nouns.notices import Notice, chunks, read_notices
from shared.nouns.outcomes import NotYet
from shared.tables.store import Changed
from shared.tables.subscriptions import Kept
from shared.topology import NOTIFICATIONS
from shared.verbs.telling import told
from shared.verbs.told_again import put_off
from shared.verbs.upkeep import order
from shared.verbs.world import World

# Graph waits three seconds; what is not on the queue by then is told again. Nothing is ever broken off.
# https://learn.microsoft.com/graph/change-notifications-delivery-webhooks
ANSWER_SECONDS = 2.5
MOST_RETRIES = 500
# Graph tries for four hours, Event Grid for a day; clocks may differ. https://learn.microsoft.com/azure/event-grid/delivery-and-retry
LATEST = timedelta(days=2)
DROPPED = frozenset({"unreadable", "forged", "replayed"})


class Unreadable(Exception):
    """What was posted is no notification. The message says why."""


async def listen(world: World, body: bytes, source: Source) -> None:
    """Every element that proves to come from a subscription of ours is on queue `tenant-changes`, or ordered to be done.

    Whatever else was in the body was dropped and counted. Raises Unreadable, or NotYet where it must be told again.
    """
    now, ears = world.clock(), world.ears
    until = asyncio.get_running_loop().time() + ANSWER_SECONDS
    try:
        found = read_notices(body)
    except Refusal as refusal:
        ears.numbers["unreadable"] += 1
        await _write_down(world, until)
        raise Unreadable(str(refusal)) from refusal
    ids = {notice.subscription for notice in found.notices}
    kept = await _by(
        until, ears.subscriptions(world.tables.subscriptions, now, ids), "the tables have not said what we subscribed to"
    )
    genuine = [notice for notice in found.notices if _genuine(world, notice, kept)]
    new = await _by(until, _new(world, genuine, kept, now), "the tables have not said what was told before")
    forged = len(found.notices) - len(genuine)
    dropped = {"unreadable": found.unreadable, "forged": forged, "replayed": len(genuine) - len(new)}
    ears.numbers.update({name: number for name, number in dropped.items() if number})
    if new:
        happened = [notice.happened for notice in new if notice.happened is not None]
        await _by(until, _pass_on(world, new, kept, source, now), "the queue has not taken a notification")
        ears.remember(notice.digest for notice in new if notice.timed)
        ears.numbers["heard"] += len(new)
        ears.heard(now, (now - max(happened)).total_seconds() if happened else None)
    await _write_down(world, until)


async def listen_later(world: World, body: bytes, error: NotYet, retry: int) -> None:
    """A CloudEvent is read again later. Raises the error where that was tried too often."""
    if retry >= MOST_RETRIES:
        raise error
    at = world.again_at(error.after, retry)
    words = b"%b\nagain %d %b" % (body, retry + 1, at.isoformat().encode())
    name = hashlib.sha256(words).hexdigest()
    await world.bus.send([Envelope(NOTIFICATIONS, name, body, at=at, properties={"retry": str(retry + 1)})])


async def _write_down(world: World, until: float) -> None:
    """What was counted is on record, if that can be done now; if not, a moment later, or with what comes next."""
    with contextlib.suppress(NotYet, Changed):
        numbers = await _by(
            until, world.ears.write(world.tables.subscriptions, world.clock()), "the tables have not taken counts"
        )
        dropped = {name: number for name, number in numbers.items() if name in DROPPED}
        if dropped:
            # Once a second at most, however many strangers knock.
            log.warning("notifications dropped", **dropped)


def _genuine(world: World, notice: Notice, kept: Sequence[Kept]) -> bool:
    """The notice carries the secret of its subscription, and is about our tenant.

    A subscription that is being made has no id yet on record. Every secret is compared, and each in constant time.
    """
    key, good = world.settings.client_state_key, False
    mark = fingerprint(key)
    for one in kept:
        if one.key != mark:
            continue
        same = hmac.compare_digest(client_state(key, one.resource, one.salt).encode(), notice.state.encode())
        good |= same and one.id in {notice.subscription, ""}
    return good and notice.tenant in {"", world.settings.tenant_id.lower()}


async def _new(world: World, genuine: Sequence[Notice], kept: Sequence[Kept], now: datetime) -> list[Notice]:
    """Those that are no copies of what was told before.

    What one body tells twice is read once, after both. Members are left to who reads the group: where Graph told no time, the same words may
    mean another change. A lifecycle event told once more is put off until the timer, which looks after the subscriptions anyway.
    """
    once = {notice.digest: notice for notice in genuine if not is_over(notice, now)}
    events = [digest for digest, notice in once.items() if notice.lifecycle]
    known = dict(zip(events, await asyncio.gather(*map(world.tables.heard.knows, events)), strict=True))
    for digest in filter(known.__getitem__, events):
        for upkeep in _upkeep(once[digest], kept):
            if upkeep.do != "renew":
                await put_off(world, digest, upkeep)
    told = {digest for digest, notice in once.items() if notice.timed and digest in world.ears.passed_on}
    return [notice for digest, notice in once.items() if digest not in told and not known.get(digest)]


def is_over(notice: Notice, now: datetime) -> bool:
    """It was told while its subscription was to end at a time that has passed: Graph has renewed it since, and tries nothing for so long."""
    return notice.expires is not None and notice.expires < now - LATEST


async def _pass_on(world: World, notices: Sequence[Notice], kept: Sequence[Kept], source: Source, now: datetime) -> None:
    changes = [change for notice in notices if not notice.lifecycle for change in _changes(notice, source, now)]
    if changes:
        await world.bus.send(_envelopes(changes))
    events = [notice for notice in notices if notice.lifecycle]
    for upkeep in {wanted: None for notice in events for wanted in _upkeep(notice, kept)}:
        await order(world, upkeep)
    if events:
        # Whoever dies before this is told again, and orders again.
        await world.tables.heard.hear_words({notice.digest: now for notice in events})


def _changes(notice: Notice, source: Source, now: datetime) -> Iterable[Change]:
    for number, (came, went) in enumerate(chunks(notice.came, notice.went)):
        part = f"{notice.digest}-{number}" if number else notice.digest
        yield Change(
            kind=notice.kind,
            id=notice.id,
            what=notice.what,
            seen=now,
            source=source,
            happened=notice.happened,
            came=came,
            went=went,
            # Graph tells no time with members: the same words may be told again and mean another change, which no queue may take for a copy.
            mark=part if notice.timed else f"{part}.{secrets.token_hex(8)}",
        )


def _envelopes(changes: Iterable[Change]) -> list[Envelope]:
    """One message each; what a body tells twice is sent once."""
    return list({envelope.message_id: envelope for envelope in map(told, changes)}.values())


def _upkeep(notice: Notice, kept: Sequence[Kept]) -> Iterable[Upkeep]:
    """What a lifecycle event asks for."""
    match notice.lifecycle:
        case "reauthorizationRequired":
            name = notice.subscription
            yield Upkeep(do="reauthorize", resource="subscriptions", why="asked by microsoft", subscription=name)
        case "subscriptionRemoved":
            yield Upkeep(do="renew", resource="subscriptions", why="removed by microsoft")
        case _:
            for one in kept:
                if one.id in {notice.subscription, ""}:
                    yield Upkeep(do="catch-up", resource=one.resource, why="missed")


async def _by[Found](until: float, doing: Coroutine[Any, Any, Found], late: str) -> Found:
    """What it finds. Raises NotYet, with the words of `late`, where it has not ended by then (the loop's time); it goes on all the
    same, for a sender that is broken off is of no use any more."""
    task = asyncio.create_task(doing)
    done, _ = await asyncio.wait({task}, timeout=max(0.0, until - asyncio.get_running_loop().time()))
    if not done:
        task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        raise NotYet(f"{late} within {ANSWER_SECONDS} s", after=1.0, effect_unknown=True)
    return task.result()
