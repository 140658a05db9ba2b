"""Sponsors who are away name a colleague who may answer in their place, up to a day; it stands in the record of every guest whom they are asked about."""

from datetime import date

from shared.log import log
from shared.nouns.days import months_after
from shared.verbs.answering import NotTaken, Voice
from shared.verbs.asks import on_the_journal
from shared.verbs.world import World

LONGEST_DEPUTY_MONTHS = 6


async def name_deputy(world: World, who: Voice, address: str, until: date) -> str:
    """The colleague with this address may answer in their place up to this day; their name. Raises NotTaken as `answer` does."""
    today = world.clock().date()
    if not today <= until <= months_after(today, LONGEST_DEPUTY_MONTHS):
        raise NotTaken("day")
    deputy = await world.tenant.colleagues.find(address)
    if deputy is None or not deputy.ours or not deputy.enabled:
        raise NotTaken("nobody")
    if deputy.id == who.id:
        raise NotTaken("yourself")
    await world.tables.asks.set_deputy(who.id, deputy.id, until)
    await _deputy_on_record(world, who, {"deputy": deputy.id, "until": until.isoformat()})
    return deputy.name


async def remove_deputy(world: World, who: Voice) -> None:
    """Nobody answers in their place. Bears repetition."""
    await world.tables.asks.remove_deputy(who.id)
    await _deputy_on_record(world, who, {"deputy": None})


async def _deputy_on_record(world: World, who: Voice, after: dict[str, str | None]) -> None:
    """Every guest whom they are asked about has it in their record who may decide; the log has it in any case."""
    log.info("deputy", who=who.name, **after)
    for pointer in await world.tables.asks.pointers(who.id):
        question = await world.tables.asks.get(pointer.partner, pointer.person)
        if question is not None:
            await on_the_journal(world, question, "name-deputy", who.name, {}, after, "answers in the sponsor's absence")
