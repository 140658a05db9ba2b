"""Sponsors are asked about their guests, and other people are proposed as sponsors. Nothing here writes to anybody, or decides."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from shared.nouns.redaction import without_addresses
from shared.tables.asks import Asked, Question, Role
from shared.tables.store import Changed
from shared.tables.task_rows import JournalEntry
from shared.verbs.guest_record import on_record
from shared.verbs.world import World

# The run of a question that is about the sponsor alone: nobody waits for it, and the guest stays as they are.
SUCCESSION = "succession"
# So many guests wait for one person's word at most, before others are asked instead.
MOST_PROPOSED = 25
OPEN, ACCEPTED, DECLINED, LAPSED = "open", "accepted", "declined", "lapsed"


async def ask(world: World, run: str, asked: Iterable[Asked]) -> None:
    """The sponsors of these guests have a question each, to be mailed by the timer; one that is open from an earlier run is asked again.

    Bears repetition. A guest whose question this run has put already, answered or not, is left as they are.
    """
    for about in asked:
        question = await _put(world, run, about)
        if question is not None and question.open:
            await point_all(world, question)


@dataclass(frozen=True)
class Proposal:
    """`to` (an object id) is to answer for a guest, in place of `instead_of`; `who` proposes it, and `why`."""

    to: str
    who: str
    why: str
    instead_of: str = ""


async def propose(world: World, partner: str, person: str, *, to: str, who: str, why: str, instead_of: str = "") -> bool:
    """`to` is asked to answer for the guest; nothing changes before they accept.

    False where so many guests wait for their word that it would be one too many, and where the guest's question is being answered.
    """
    return await put_proposal(world, partner, person, Proposal(to, who, why, instead_of))


async def put_proposal(world: World, partner: str, person: str, wanted: Proposal, run: str = "") -> bool:
    """As `propose`; with a `run`, only where its question about the guest is still open."""
    if not await has_room(world, wanted.to, partner, person):
        return False
    while True:
        question = await world.tables.asks.get(partner, person)
        if question is None or not question.open:
            if run or (question is not None and not question.carried_out):
                return False
            question = await _new_succession(world, partner, person, question)
        before = question.proposed
        said = replace(
            question,
            proposed=wanted.to,
            proposed_by=wanted.who,
            proposed_at=world.clock(),
            instead_of=wanted.instead_of,
            proposal=OPEN,
        )
        try:
            saved = await world.tables.asks.save(said)
        except Changed:
            continue
        break
    if before and before != wanted.to:
        await world.tables.asks.drop(before, partner, person)
    await world.tables.asks.point(wanted.to, saved, Role.PROPOSED, world.clock())
    after: dict[str, str | None] = {"proposed": wanted.to}
    await on_the_journal(world, saved, "propose-sponsor", wanted.who, {"proposed": before or None}, after, wanted.why)
    return True


async def proposal(world: World, partner: str, person: str) -> tuple[str, str, datetime | None]:
    """How it stands with the latest proposal about the guest: state (open, accepted, declined, lapsed, or ""), to whom, since when."""
    question = await world.tables.asks.get(partner, person)
    if question is None:
        return "", "", None
    return question.proposal, question.proposed, question.proposed_at


async def told_at(world: World, partner: str, person: str) -> datetime | None:
    """When a sponsor was last written to about the guest's present question; None where nobody could be."""
    question = await world.tables.asks.get(partner, person)
    return None if question is None else question.told


async def has_room(world: World, to: str, partner: str, person: str) -> bool:
    """Whether one more guest may be proposed to them; one who waits for their word already counts once."""
    waiting = [each for each in await world.tables.asks.pointers(to) if each.role is Role.PROPOSED]
    others = [each for each in waiting if (each.partner, each.person) != (partner, person)]
    return len(others) < MOST_PROPOSED


async def point_all(world: World, question: Question) -> None:
    """The question is among those of each of its sponsors. Bears repetition."""
    for sponsor in question.sponsors:
        await world.tables.asks.point(sponsor, question, Role.SPONSOR, question.asked)


async def on_the_journal(
    world: World, question: Question, what: str, who: str, before: dict[str, str | None], after: dict[str, str | None], note: str
) -> None:
    """What somebody said about the guest stands in the journal of the guest and of the partner."""
    said = JournalEntry("outcome", 1, world.clock(), who, before, after, {}, note=without_addresses(note))
    await on_record(world, question.partner, question.person, what, said)


async def _put(world: World, run: str, about: Asked) -> Question | None:
    """The guest's question as of this run; None where it cannot be asked because an answer is still being carried out."""
    wanted = Question(
        partner=about.partner,
        person=about.person,
        run=run,
        sponsors=tuple(sponsor.lower() for sponsor in about.sponsors),
        ends=about.ends,
        acts=about.acts,
        why=about.why,
        asked=world.clock(),
        failed=about.failed,
        bounced=about.bounced,
    )
    while True:
        there = await world.tables.asks.get(about.partner, about.person)
        if there is None:
            if await world.tables.asks.insert(wanted):
                return wanted
            continue
        if there.run == run:
            return there
        if not there.open and not there.carried_out:
            return None
        new = replace(wanted, etag=there.etag)
        if there.open and there.proposed:
            # Who was proposed before goes on being asked.
            kept = (there.proposed, there.proposed_by, there.proposed_at, there.instead_of, there.proposal)
            new = replace(new, proposed=kept[0], proposed_by=kept[1], proposed_at=kept[2], instead_of=kept[3], proposal=kept[4])
        try:
            saved = await world.tables.asks.save(new)
        except Changed:
            continue
        for sponsor in sorted(set(there.sponsors) - set(saved.sponsors) - {saved.proposed}):
            await world.tables.asks.drop(sponsor, saved.partner, saved.person)
        return saved


async def _new_succession(world: World, partner: str, person: str, before: Question | None) -> Question:
    """A question about the sponsor alone, in place of one that is over."""
    guest = await world.tables.guests.get(partner, person)
    sponsors = guest.sponsors if guest is not None else ()
    wanted = Question(partner, person, SUCCESSION, sponsors, None, None, SUCCESSION, world.clock())
    if before is not None:
        # Its row is taken over by the proposal that follows; who changes it meanwhile is met there.
        return replace(wanted, etag=before.etag)
    await world.tables.asks.insert(wanted)
    found = await world.tables.asks.get(partner, person)
    return found if found is not None else await _new_succession(world, partner, person, None)
