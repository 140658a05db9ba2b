"""What people decide about clean-up runs, and what of it was refused, in a sealed journal (`entente journal clean-up`).

A run's own row is kept for less long, and whoever may write the tables can change it unseen.
"""

from dataclasses import replace

from shared.nouns.errors import Refusal
from shared.nouns.redaction import without_addresses
from shared.nouns.task import Task, TaskState
from shared.tables.store import Changed
from shared.tables.task_rows import JournalEntry
from shared.verbs.own_record import CLEAN_UP, has_request
from shared.verbs.world import World

WHAT, COHORT = "decide-clean-up", "decisions"


async def note_decision(world: World, run: str, who: str, after: str, why: str, *, done: bool) -> None:
    """Who is about to decide that about the run, or has `done` so, and why, is in the journal."""
    await _put(world, run, who, {"state": "held"}, {"state": after}, why, "outcome" if done else "intent")


async def note_refused_decision(world: World, run: str, who: str, verb: str, refusal: Refusal) -> None:
    """That somebody's decision was not taken is in the journal: perhaps they have changed the rules of the run themselves."""
    await _put(world, run, who, {}, {"refused": verb}, f"not taken: {refusal}")


async def _put(
    world: World, run: str, who: str, before: dict[str, str], after: dict[str, str], note: str, kind: str = "outcome"
) -> None:
    now = world.clock()
    request = await has_request(world, CLEAN_UP, who, now)
    new = Task(request, COHORT, WHAT, run, state=TaskState.DONE, touched=now, settled_at=now)
    await world.tables.tasks.insert_cohort(request, COHORT, [new], mark_open=False)
    entry = JournalEntry(kind, 1, now, who, dict(before), dict(after), {}, note=without_addresses(note)[:1_000])
    while True:
        there = await world.tables.tasks.get(request, new.key) or new
        attempt = there.attempt + 1
        try:
            await world.tables.tasks.save(
                replace(there, attempt=attempt, reason=entry.note, touched=now), replace(entry, attempt=attempt)
            )
        except Changed:
            continue
        return
