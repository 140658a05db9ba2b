"""Nothing is kept for longer than the settings say: page by page, so much a run; what is open is never touched."""

from datetime import datetime, timedelta

from shared.brake import EARLIER
from shared.log import log
from shared.tables.drift import UNSETTLED
from shared.tables.runs import UNDER_WAY, WAITING
from shared.verbs.cutting import Budget, cut_requests
from shared.verbs.world import World

# A stopped task, and what is to be done by hand, waits for a person however long that takes.
NEVER = frozenset({"task", "by hand"})


async def keep_retention(world: World) -> dict[str, int]:
    """What is older than its setting is gone; how much, by kind. Bears repetition: the next run goes on where this one ended."""
    budget = Budget()
    settings = world.settings
    done = {
        "requests": await cut_requests(world, budget),
        "parked": await _parked(world, _since(world, settings.keep_parked_days)),
        "runs": await _runs(world, _since(world, settings.keep_run_days)),
        "answers": await _answers(world, _since(world, settings.keep_answer_days)),
    }
    log.info("retention kept", **done)
    return done


def _since(world: World, days: int) -> datetime | None:
    """Before when things go; None where they stay for ever."""
    return world.clock() - timedelta(days=days) if days else None


async def _parked(world: World, before: datetime | None) -> int:
    number = 0
    for item in await world.tables.parked.all() if before else ():
        if before is None or item.kind in NEVER or item.since >= before:
            continue
        # The body first: without it the item says what was lost, without the item nothing would lead to the body.
        if item.task:
            await world.tables.people.forget_message(item.task)
        await world.tables.parked.remove(item.id)
        number += 1
    return number


async def _runs(world: World, before: datetime | None) -> int:
    """Clean-up runs that are over, without the latest, which the brake compares with."""
    number = 0
    for run in (await world.tables.runs.latest())[EARLIER:] if before else ():
        if before is None or run.state in UNDER_WAY | WAITING or run.goes_on or run.started >= before:
            continue
        await world.tables.runs.remove(run.id)
        number += 1
    return number


async def _answers(world: World, before: datetime | None) -> int:
    if before is None:
        return 0
    number = await world.tables.heard.forget_before(before)
    for partner in await world.tables.partners.all():
        async for question in world.tables.asks.of_partner(partner):
            if question.carried_out and question.answer is not None and question.answer.at < before:
                await world.tables.asks.remove(partner, question.person)
                number += 1
        async for drifted in world.tables.drift.of_partner(partner):
            if drifted.state not in UNSETTLED and drifted.seen < before:
                await world.tables.drift.remove(partner, drifted.id)
                number += 1
    async for exemption in world.tables.exemptions.all():
        if exemption.until < before.date():
            await world.tables.exemptions.remove(exemption.partner, exemption.person)
            number += 1
    return number
