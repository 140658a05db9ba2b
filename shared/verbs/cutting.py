"""An ended request goes from the record when its time is over: its tasks, its journal, and whoever is named by nothing else.

A seal says so before anything is removed, so that a journal that was cut by us is told from one that somebody has cut.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.log import log
from shared.seal import cut_entry, sealed
from shared.tables.requests import Request, RequestState
from shared.tables.store import Changed, Exists
from shared.verbs.guest_record import TEMPLATE as DECISIONS
from shared.verbs.world import World

# A run of the timer ends well within a function's time; the next one goes on.
MOST_ROWS = 5_000
PAGE = 200
# Who of them is no guest of ours any more: nothing is left that a row would be needed for.
AWAY = frozenset({"", "deleted", "gone"})
# Nobody can have a guest back by then. https://learn.microsoft.com/graph/api/directory-deleteditems-restore
RESTORABLE = timedelta(days=30)


@dataclass
class Budget:
    """How many rows may still be removed in this run."""

    rows: int = MOST_ROWS


async def cut_requests(world: World, budget: Budget) -> int:
    """Requests whose time is over are gone, the oldest first; how many. Bears repetition, and goes on where it was stopped."""
    settings, now, number = world.settings, world.clock(), 0
    shortest = min((days for days in (settings.keep_request_days, settings.keep_plan_days) if days), default=0)
    if not shortest:
        return 0
    old = [each async for each in world.tables.requests.ended() if _ended_before(each, now - timedelta(days=shortest))]
    left: dict[str, bool] = {}
    for request in sorted(old, key=lambda each: (each.received, each.id)):
        if budget.rows <= 0:
            break
        if not is_over(request, now, settings.keep_request_days, settings.keep_plan_days):
            continue
        if needs_partner_gone(request):
            if request.partner_tenant not in left:
                left[request.partner_tenant] = await _has_left(world, request.partner_tenant)
            if not left[request.partner_tenant]:
                continue
        number += await _cut(world, request, budget)
    return number


def is_over(request: Request, now: datetime, keep_days: int, keep_plan_days: int) -> bool:
    """The time for which the request is kept is over."""
    days = keep_plan_days if request.mode == "plan" else keep_days
    return days > 0 and not request.is_open and _ended_before(request, now - timedelta(days=days))


def needs_partner_gone(request: Request) -> bool:
    """Taking the partner out goes by what the request's journal says was set up."""
    about_guests = request.header.template == DECISIONS or request.id.startswith("cleanup.")
    return request.mode != "plan" and not about_guests


def _ended_before(request: Request, at: datetime) -> bool:
    return request.finished is not None and request.finished < at


async def _has_left(world: World, partner: str) -> bool:
    """The partner's latest request took them out, nothing of theirs is under way, and no guest of theirs is there."""
    known = await world.tables.partners.get(partner)
    if known is not None and known.running:
        return False
    latest = None
    for name in await world.tables.partners.requests_of(partner):
        request = await world.tables.requests.get(name)
        if request is None or not needs_partner_gone(request):
            continue
        if request.is_open:
            return False
        latest = latest or request
    if latest is None or latest.header.action != "offboard" or latest.state is not RequestState.DONE:
        return False
    async for guest in world.tables.guests.of_partner(partner):
        if guest.stage not in AWAY and guest.blocked_by != "offboard":
            return False
    return True


async def _cut(world: World, request: Request, budget: Budget) -> int:
    """1 where the request is gone, 0 where there was not the time, or its journal has still to be sealed."""
    tables = world.tables
    if not await tables.seals.cut(request.id):
        keys = await tables.journal.keys(request.id)
        if await tables.seals.unsealed(request.id, keys):
            return 0
        if not await _seal_cut(world, request.id, len(keys)):
            return 0
    if not await _remove_rows(world, request, budget):
        return 0
    await tables.seals.forget_marks(request.id)
    await tables.partners.drop_request(request.partner_tenant, request.id)
    await tables.requests.remove(request.id)
    log.info("request removed, its time was over", request=request.id)
    return 1


async def _seal_cut(world: World, request: str, entries: int) -> bool:
    new = sealed(await world.tables.seals.last(), world.clock(), "", [cut_entry(request, entries)])
    try:
        await world.tables.seals.append(new)
    except Exists:
        # Somebody else has sealed at this moment: the next run tries again.
        return False
    await world.tables.seals.note_cut(request, new.number)
    log.info("journal cut", head=f"{new.number}:{new.digest}", request=request, entries=entries)
    return True


async def _remove_rows(world: World, request: Request, budget: Budget) -> bool:
    """All rows of the request's tasks and journal are gone; False where the budget ended before. What is gone stays gone."""
    tasks = world.tables.tasks
    while budget.rows > 0 and (page := await tasks.subjects(request.id, PAGE)):
        for person in sorted(set(page.values())):
            await _let_go(world, request, person)
        await tasks.remove(request.id, page)
        budget.rows -= len(page)
    while budget.rows > 0 and (keys := await tasks.some_keys(request.id, PAGE)):
        await tasks.remove(request.id, keys)
        budget.rows -= len(keys)
    return budget.rows > 0


async def _let_go(world: World, request: Request, person: str) -> None:
    """The request names the person no more; whom nothing else names, and who is no guest, is erased."""
    partner = request.partner_tenant
    await world.tables.guests.unclaim(partner, person, request.id)
    named = await world.tables.people.unlink(person, request.id)
    guest = await world.tables.guests.get(partner, person)
    restorable = guest is not None and guest.deleted_at is not None and world.clock() - guest.deleted_at < RESTORABLE
    if named or restorable or (guest is not None and (guest.stage not in AWAY or guest.claims)):
        return
    async for held in world.tables.subjects.standing(person, partner):
        try:
            await world.tables.subjects.erase(held)
        except Changed:
            # Somebody is at work on them: the row stays until the next time.
            continue
