"""What somebody is asked about guests: as a sponsor, in a colleague's place, or as the sponsor whom somebody proposes."""

from shared.pages.my_guests import Card
from shared.tables.asks import Question, Role
from shared.verbs.answering import may_answer
from shared.verbs.ask_mails import guest_name
from shared.verbs.world import World

# More would be no page any more; the others come when these are answered.
MOST_CARDS = 200


async def my_cards(world: World, person: str) -> list[Card]:
    """A card for each open question that is theirs to answer, their own first."""
    today = world.clock().date()
    cards: dict[str, Card] = {}
    for sponsor in (person, *await world.tables.asks.stands_in_for(person, today)):
        for pointer in await world.tables.asks.pointers(sponsor):
            if len(cards) >= MOST_CARDS:
                break
            # Whether somebody takes guests over is for themself to say.
            if sponsor != person and pointer.role is Role.PROPOSED:
                continue
            question = await world.tables.asks.get(pointer.partner, pointer.person)
            if question is None or not question.open:
                continue
            role = "stead" if sponsor != person else pointer.role.value
            card = await _card(world, question, role)
            cards.setdefault(card.field, card)
    return list(cards.values())


async def link_card(world: World, person: str, partner: str, guest: str, run: str) -> Card | None:
    """The card of the one question that a link is good for, if it is open and still theirs."""
    question = await world.tables.asks.get(partner, guest)
    if question is None or question.run != run or not question.open:
        return None
    if question.proposed == person:
        return await _card(world, question, "proposed")
    return await _card(world, question, "sponsor") if await may_answer(world, question, person) else None


async def _card(world: World, question: Question, role: str) -> Card:
    known = await world.tables.people.get(question.person)
    _, partner = await guest_name(world, question)
    return Card(
        partner=question.partner,
        person=question.person,
        run=question.run,
        name=(known.name or known.address) if known is not None else question.person,
        address=known.address if known is not None else "",
        partner_name=partner,
        ends=question.ends,
        acts=question.acts,
        role=role,
        failed=question.failed,
        bounced=question.bounced,
        waiting=bool(question.proposed) and role != "proposed",
    )
