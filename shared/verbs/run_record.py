"""What people decide about clean-up runs, and what of it was refused, in a sealed journal (`entente journal clean-up`).

A run's own row is kept for less long, and whoever may write the tables can change it unseen.
"""

from shared.nouns.errors import Refusal
from shared.tables.task_rows import JournalEntry
from shared.verbs.own_record import CLEAN_UP, put_entry
from shared.verbs.world import World

WHAT = "decide-clean-up"


async def note_decision(world: World, run: str, who: str, after: str, why: str, *, done: bool) -> None:
    """Who is about to decide that about the run, or has `done` so, and why, is in the journal."""
    await _put(world, run, who, {"state": "held"}, {"state": after}, why, "outcome" if done else "intent")


async def note_refused_decision(world: World, run: str, who: str, verb: str, refusal: Refusal) -> None:
    """That somebody's decision was not taken is in the journal: perhaps they have changed the rules of the run themselves."""
    await _put(world, run, who, {}, {"refused": verb}, f"not taken: {refusal}")


async def _put(
    world: World, run: str, who: str, before: dict[str, str], after: dict[str, str], note: str, kind: str = "outcome"
) -> None:
    said = JournalEntry(kind, 1, world.clock(), who, dict(before), dict(after), {}, note=note)
    await put_entry(world, CLEAN_UP, WHAT, run, said)
