"""What somebody said about a guest and was not taken stands in the guest's journal: once for each occasion, and not without end.

Whoever holds a link or a sign-in can ask again and again. What goes over the bound stands in the log alone.
"""

import hashlib
from dataclasses import dataclass

from shared.log import log
from shared.nouns.redaction import without_addresses
from shared.tables.task_rows import JournalEntry
from shared.verbs.guest_record import Once, on_record
from shared.verbs.nameless import UNKNOWN, note_nameless
from shared.verbs.world import World

WHAT = "refuse-answer"
# Of one guest in one month: more than honest people come to, and too few to fill a journal with.
MOST_A_MONTH = 20
_WORDS = {
    "unknown": "nobody is asked about this guest",
    "replaced": "the question has been asked anew since",
    "not-yours": "they are no sponsor of the guest, nor proposed as one",
    "answered": "somebody has answered before",
    "nobody": "the colleague they named cannot answer for a guest",
    "crowded": "too many guests wait for that colleague's word",
    "yourself": "the colleague they named is asked already",
    "expired": "the link is too old",
}


@dataclass(frozen=True)
class Refused:
    """`who` said `said` about the guest, and it was not taken: `code` names the reason in a word, `why` in a sentence where there is one of
    its own. `run` is the clean-up run that had asked, if one had."""

    partner: str
    person: str
    who: str
    said: str
    code: str
    why: str = ""
    run: str = ""


async def note_refused(world: World, refused: Refused) -> None:
    """The refusal is in the log, and in the journal of the guest, or of nobody where they are not on record. Bears repetition: of a guest the same
    is not said twice."""
    log.warning("answer not taken", person=refused.person, who=refused.who, code=refused.code, run=refused.run)
    if await world.tables.guests.get(refused.partner, refused.person) is None:
        await note_nameless(
            world, UNKNOWN, refused.who, f"not taken: the guest is on record for no partner; said: {refused.said}"
        )
        return
    occasion = hashlib.sha256("\n".join((refused.run, refused.who, refused.said, refused.code)).encode()).hexdigest()[:16]
    why = refused.why or _WORDS.get(refused.code, refused.code)
    note = without_addresses(f"not taken: {why}; said: {refused.said}")
    said = JournalEntry("outcome", 1, world.clock(), refused.who, {}, {"refused": refused.code}, {}, note=note)
    await on_record(world, refused.partner, refused.person, WHAT, said, once=Once(occasion, MOST_A_MONTH))
