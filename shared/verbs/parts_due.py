"""Parts of a split request that do not come: somebody hears of it, and a partner's leaving does not wait behind them for ever."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from shared.log import log
from shared.nouns.counted import listed
from shared.tables.parked import SEEN, ParkedItem
from shared.tables.requests import Request, RequestState
from shared.tables.store import Changed
from shared.verbs.control import cancel
from shared.verbs.world import World

_WAITS = "waits for "


async def parts_due(world: World) -> None:
    """Of every running request that has nothing left to do but wait for a part, for longer than ENTENTE_PARTS_SECONDS, it is said which
    part, and what to do. Where the partner's leaving waits behind it, it is cancelled: closing must not hang on what may never come."""
    patience = timedelta(seconds=world.settings.parts_seconds)
    everybody = [request async for request in world.tables.requests.all_open()]
    for request in everybody:
        running = request.state is RequestState.RUNNING and not request.cancelled and not request.paused
        if not running or request.header.parts < 2 or world.clock() - request.received < patience:
            continue
        if await world.tables.tasks.is_open(request.id):
            continue
        if missing := await world.tables.tasks.missing_parts(request.id):
            await _waits(world, request, missing, _leaving(everybody, request))
        elif request.reason.startswith(_WAITS):
            await _say(world, request, "")
            await world.tables.parked.remove(_item(request))


def _leaving(everybody: Sequence[Request], request: Request) -> Request | None:
    """The partner's leaving that waits until this request has ended."""
    behind = [
        other
        for other in everybody
        if other.partner_tenant == request.partner_tenant and other.state is RequestState.QUEUED and not other.cancelled
    ]
    return next((other for other in behind if other.header.action == "offboard" and other.mode == "apply"), None)


async def _waits(world: World, request: Request, missing: Sequence[int], leaving: Request | None) -> None:
    which = f"part{'s' if len(missing) > 1 else ''} {listed([str(part) for part in missing])} of {request.header.parts}"
    since = f"{request.received:%Y-%m-%d %H:%M} UTC"
    if leaving is not None:
        why = f"{which} had not come since {since}, and request {leaving.id} takes the partner out"
        log.warning("cancelled for a leaving", request=request.id, leaving=leaving.id, missing=len(missing))
        await cancel(world, request.id, "the clock", reason=f"cancelled by the clock: {why}")
        await world.tables.parked.remove(_item(request))
        return
    said = (
        f"{_WAITS}{which}, not come since {since}: send the whole request again (what came before changes nothing), or cancel it; "
        "until then the partner's next request waits"
    )
    if request.reason == said:
        return
    await world.tables.parked.add(
        ParkedItem(_item(request), SEEN, request.id, "", "accept-partner-request", f"request {request.id} {said}", world.clock())
    )
    await _say(world, request, said)


async def _say(world: World, request: Request, reason: str) -> None:
    try:
        await world.tables.requests.save(replace(request, reason=reason))
    except Changed:
        # Something has happened to it: the next look tells.
        return


def _item(request: Request) -> str:
    return f"{SEEN}:parts:{request.id}"
