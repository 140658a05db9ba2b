"""What somebody answers about a guest: the first valid answer is taken, carried out once, and on record; every other one is told so."""

import asyncio
from dataclasses import dataclass, replace
from datetime import date, timedelta

from shared.log import log
from shared.nouns.errors import Refusal
from shared.nouns.outcomes import NotYet, WontWork
from shared.tables.asks import Answer, Question, Role
from shared.tables.guests import MOST_SPONSORS
from shared.tables.store import Changed
from shared.verbs import guest_dates
from shared.verbs.asks import (
    ACCEPTED,
    DECLINED,
    LAPSED,
    SUCCESSION,
    Proposal,
    has_room,
    on_the_journal,
    point_all,
    put_proposal,
)
from shared.verbs.refused import Refused, note_refused
from shared.verbs.world import World

KEEP, END, HAND_OVER, ACCEPT, DECLINE = "keep", "end", "hand-over", "accept", "decline"
PROPOSAL_LASTS = timedelta(days=14)


class NotTaken(Exception):
    """An answer that changes nothing. `code` says why: unknown, replaced, not-yours, answered, nobody, crowded, yourself, day, refused; `why`
    has more, where somebody has said more."""

    def __init__(self, code: str, why: str = "") -> None:
        super().__init__(why or code)
        self.code = code
        self.why = why


@dataclass(frozen=True)
class Voice:
    """Who speaks: their object id, and as whom the journal names them."""

    id: str
    name: str


@dataclass(frozen=True)
class Said:
    """One answer: `kind` is keep (until), end, hand-over (to an address), accept or decline; `run` is of the question that it answers."""

    partner: str
    person: str
    run: str
    kind: str
    until: date | None = None
    to: str = ""


async def answer(world: World, who: Voice, said: Said) -> Question:
    """The answer is taken and carried out, or, where the directory has to be asked again, will be. Raises NotTaken for any other, which
    the guest's journal then has.

    Bears repetition: the same answer by the same person again gives the same.
    """
    try:
        return await _answer(world, who, said)
    except NotTaken as no:
        await note_refusal(world, who, said, no.code, no.why)
        raise


async def note_refusal(world: World, who: Voice, said: Said, code: str, why: str = "") -> None:
    """That the answer was not taken is in the log, and in the guest's journal. Bears repetition."""
    words = f"{said.kind} until {said.until}" if said.until else said.kind
    await note_refused(world, Refused(said.partner, said.person, who.name, words, code, why, said.run))


async def _answer(world: World, who: Voice, said: Said) -> Question:
    question = await _theirs(world, who, said)
    match said.kind:
        case "keep" | "end":
            return await _decide(world, who, said, question)
        case "hand-over":
            return await _hand_over(world, who, said, question)
        case "accept" if question.proposal == ACCEPTED and not question.proposed and who.id in question.sponsors:
            return question
        case "accept" | "decline" if question.proposed != who.id:
            raise NotTaken("not-yours")
        case "accept":
            return await _accept(world, who, question)
        case "decline":
            return await _withdrawn(world, question, who.name, DECLINED)
        case _:
            raise NotTaken("unknown")


async def carry_out(world: World, question: Question) -> Question:
    """The guest's row says what was answered, and nobody is asked any more. Bears repetition.

    Raises NotTaken where it cannot be: then the question is open again. Raises NotYet where the directory does not answer now.
    """
    said = question.answer
    if said is None or question.carried_out:
        return question
    try:
        if said.kind == HAND_OVER:
            return await _handed_over(world, question, said)
        if await _answered_by(world, question) != said.by:
            await _written(world, question, said)
    except (Refusal, WontWork) as refusal:
        # Several may carry the same answer out at once: who finds it done has nothing left to do.
        if (by := await _answered_by(world, question)) == said.by:
            return await _closed(world, question)
        if by:
            await _closed(world, question)
            raise NotTaken("answered") from None
        await _reopened(world, question)
        raise NotTaken("refused", str(refusal)) from None
    return await _closed(world, question)


async def _written(world: World, question: Question, said: Answer) -> None:
    if said.kind == KEEP and said.until is not None:
        why = "their sponsor keeps them"
        await guest_dates.extend(world, question.partner, question.person, said.until, said.by, why, run=question.run)
    else:
        why = "their sponsor has ended it"
        await guest_dates.end(world, question.partner, question.person, said.by, why, run=question.run)


async def _answered_by(world: World, question: Question) -> str:
    """Who has answered the run, as the guest's row has it; empty where nobody has."""
    guest = await world.tables.guests.get(question.partner, question.person)
    return guest.answered_by if guest is not None and guest.answered == question.run else ""


async def carry_out_all(world: World) -> int:
    """Answers whose worker died are carried out, and proposals that nobody has answered in time lapse. How many there were."""
    done = 0
    async for sponsor in world.tables.asks.sponsors():
        pointers = await world.tables.asks.pointers(sponsor)
        # All at once: one after another, 10,000 questions take longer than a function runs.
        questions = await asyncio.gather(*(world.tables.asks.get(each.partner, each.person) for each in pointers))
        for pointer, question in zip(pointers, questions, strict=True):
            try:
                if question is None or question.carried_out:
                    await world.tables.asks.drop(sponsor, pointer.partner, pointer.person)
                elif not question.open:
                    await carry_out(world, question)
                    done += 1
                elif _is_late(world, question):
                    await _withdrawn(world, question, "the clock", LAPSED)
                    done += 1
            except (NotYet, NotTaken) as error:
                log.warning("answer not carried out", person=pointer.person, reason=str(error))
    return done


async def may_answer(world: World, question: Question, person: str) -> bool:
    """Whether they are one of the guest's sponsors, or stand in for one today."""
    if person in question.sponsors:
        return True
    today = world.clock().date()
    deputies = [await world.tables.asks.deputy_of(sponsor, today) for sponsor in question.sponsors]
    return any(each is not None and each.deputy == person for each in deputies)


async def _speaks_for(world: World, question: Question, person: str) -> str:
    """The sponsor whose place is meant: their own, or that of the one whom they stand in for."""
    if person in question.sponsors:
        return person
    theirs = await world.tables.asks.stands_in_for(person, world.clock().date())
    return next((sponsor for sponsor in question.sponsors if sponsor in theirs), "")


async def _theirs(world: World, who: Voice, said: Said) -> Question:
    """The open question that they answer. Raises NotTaken for every other."""
    question = await world.tables.asks.get(said.partner, said.person)
    if question is None:
        raise NotTaken("unknown")
    is_proposed = question.proposed == who.id and said.kind in {ACCEPT, DECLINE}
    if not is_proposed and not await may_answer(world, question, who.id):
        raise NotTaken("not-yours")
    if question.run != said.run:
        raise NotTaken("replaced")
    if not question.open and not _the_same(question.answer, who, said):
        # Whoever was first may not have come to its end.
        await _try_to_carry_out(world, question)
        raise NotTaken("answered")
    return question


async def _decide(world: World, who: Voice, said: Said, question: Question) -> Question:
    if question.open:
        given = Answer(said.kind, who.name, world.clock(), until=said.until if said.kind == KEEP else None)
        try:
            question = await world.tables.asks.save(replace(question, answer=given, carried_out=False))
        except Changed:
            return await _answer(world, who, said)
    return await carry_out(world, question)


async def _hand_over(world: World, who: Voice, said: Said, question: Question) -> Question:
    found = await world.tenant.colleagues.find(said.to.strip().lower())
    if found is None or not found.ours or not found.enabled or not found.mail:
        raise NotTaken("nobody")
    if found.id == who.id or found.id in question.sponsors:
        raise NotTaken("yourself")
    if question.proposed == found.id:
        return question
    if not await has_room(world, found.id, said.partner, said.person):
        raise NotTaken("crowded")
    why = "their sponsor proposes somebody else"
    wanted = Proposal(found.id, who.name, why, instead_of=await _speaks_for(world, question, who.id))
    taken = await put_proposal(world, said.partner, said.person, wanted, run=said.run)
    if not taken:
        raise NotTaken("answered")
    return await world.tables.asks.get(said.partner, said.person) or question


async def _accept(world: World, who: Voice, question: Question) -> Question:
    if question.open:
        given = Answer(HAND_OVER, who.name, world.clock(), to=who.id)
        try:
            question = await world.tables.asks.save(replace(question, answer=given, carried_out=False))
        except Changed:
            return await _answer(world, who, Said(question.partner, question.person, question.run, ACCEPT))
    return await carry_out(world, question)


async def _handed_over(world: World, question: Question, said: Answer) -> Question:
    """The new sponsor answers for the guest, and, where something is still asked about the guest, is asked."""
    kept = tuple(sponsor for sponsor in question.sponsors if sponsor not in {question.instead_of, said.to})
    sponsors = (said.to, *kept)[:MOST_SPONSORS]
    await guest_dates.set_sponsors(
        world, question.partner, question.person, sponsors, said.by, "they have agreed to answer for the guest"
    )
    for sponsor in {*question.sponsors, question.proposed} - {""}:
        await world.tables.asks.drop(sponsor, question.partner, question.person)
    after = replace(question, sponsors=sponsors, proposed="", instead_of="", proposal=ACCEPTED)
    if question.run == SUCCESSION:
        return await world.tables.asks.save(replace(after, carried_out=True))
    # Pointers first: where this ends before the row says so, they are put once more.
    await point_all(world, after)
    return await world.tables.asks.save(replace(after, answer=None, carried_out=False))


async def _withdrawn(world: World, question: Question, who: str, state: str) -> Question:
    """Nobody is proposed any more; whoever proposed hears of it, and answers as before."""
    to = question.proposed
    try:
        saved = await world.tables.asks.save(replace(question, proposed="", proposal=state, instead_of=""))
    except Changed:
        raise NotTaken("replaced") from None
    await world.tables.asks.drop(to, question.partner, question.person)
    if question.instead_of in saved.sponsors and question.run != SUCCESSION:
        await world.tables.asks.point(question.instead_of, saved, Role.DECLINED, world.clock())
    note = "does not want to answer for the guest" if state == DECLINED else "has not answered in time"
    await on_the_journal(world, saved, "propose-sponsor", who, {"proposed": to}, {"proposed": None}, note)
    return saved


async def _closed(world: World, question: Question) -> Question:
    for sponsor in {*question.sponsors, question.proposed} - {""}:
        await world.tables.asks.drop(sponsor, question.partner, question.person)
    try:
        return await world.tables.asks.save(replace(question, carried_out=True))
    except Changed:
        return await world.tables.asks.get(question.partner, question.person) or question


async def _reopened(world: World, question: Question) -> None:
    try:
        await world.tables.asks.save(replace(question, answer=None, carried_out=False))
    except Changed:
        log.warning("question changed while its answer was refused", person=question.person)


async def _try_to_carry_out(world: World, question: Question) -> None:
    try:
        await carry_out(world, question)
    except (NotTaken, NotYet) as error:
        log.warning("answer not carried out", person=question.person, reason=str(error))


def _the_same(given: Answer | None, who: Voice, said: Said) -> bool:
    kind = HAND_OVER if said.kind == ACCEPT else said.kind
    return given is not None and (given.kind, given.by, given.until) == (kind, who.name, said.until)


def _is_late(world: World, question: Question) -> bool:
    since = question.proposed_at
    return bool(question.proposed) and since is not None and world.clock() - since > PROPOSAL_LASTS
