"""The first valid answer is taken and carried out once, whatever dies; everybody else is told so; all of it is on record."""

import asyncio
import random
from datetime import date, timedelta

import pytest

from shared.tables.asks import Question, Role
from shared.verbs.answering import NotTaken, Said, Voice, answer, carry_out_all
from shared.verbs.ask_mails import tell_sponsors
from shared.verbs.asks import ACCEPTED, DECLINED, LAPSED, MOST_PROPOSED, proposal, propose
from shared.verbs.deputies import name_deputy, remove_deputy
from tests.asks.conftest import MIA, PARTNER, RUN, SAM, TOM, House

UNTIL = date(2027, 2, 22)


def voice(person: str) -> Voice:
    return Voice(person, f"user {person}")


def said(house: House, kind: str, name: str = "ana", *, to: str = "", run: str = RUN) -> Said:
    return Said(PARTNER, house.person(name), run, kind, UNTIL if kind == "keep" else None, to)


async def code_of(house: House, person: str, what: Said) -> str:
    with pytest.raises(NotTaken) as no:
        await answer(house.world, voice(person), what)
    return no.value.code


async def last_day(house: House, name: str = "ana") -> date | None:
    guest = await house.world.tables.guests.get(PARTNER, house.person(name))
    assert guest is not None
    return guest.ends


async def test_a_guest_is_kept_and_nobody_is_asked_any_more(house: House) -> None:
    await house.asks("ana", "bea")
    question = await answer(house.world, voice(MIA), said(house, "keep"))
    assert question.carried_out
    assert await last_day(house) == UNTIL
    left = [(each.person, each.role) for each in await house.world.tables.asks.pointers(SAM)]
    assert left == [(house.person("bea"), Role.SPONSOR)]
    assert any("extend-guest outcome" in note for note in house.notes())


async def test_ending_makes_yesterday_the_last_day(house: House) -> None:
    await house.asks("ana")
    await answer(house.world, voice(SAM), said(house, "end"))
    assert await last_day(house) == house.rig.now.date() - timedelta(days=1)


async def test_the_second_answer_is_told_so_and_on_record(house: House) -> None:
    await house.asks("ana")
    await answer(house.world, voice(MIA), said(house, "keep"))
    assert await code_of(house, SAM, said(house, "end")) == "answered"
    assert await last_day(house) == UNTIL
    assert any("not taken: somebody has answered before; said: end" in note for note in house.notes())
    # The same again, as by a page that is loaded again, is no second answer.
    await answer(house.world, voice(MIA), said(house, "keep"))


@pytest.mark.parametrize("seed", range(4))
async def test_of_two_at_once_one_is_first(house: House, seed: int) -> None:
    await house.asks("ana")
    house.rig.border.dice = random.Random(seed)
    found = await asyncio.gather(
        answer(house.world, voice(MIA), said(house, "keep")),
        answer(house.world, voice(SAM), said(house, "end")),
        return_exceptions=True,
    )
    house.rig.border.dice = None
    lost = [one for one in found if isinstance(one, NotTaken)]
    assert [one.code for one in lost] == ["answered"]
    assert await last_day(house) == (UNTIL if isinstance(found[1], NotTaken) else house.rig.now.date() - timedelta(days=1))


@pytest.mark.parametrize("kind", ["keep", "end", "accept"])
async def test_whatever_dies_the_first_answer_is_carried_out_once(house: House, kind: str) -> None:
    """The worker dies before and after each call; then the clock, or the person who tries again, brings it to its end."""
    await house.asks("ana")
    person, who = house.person("ana"), MIA
    if kind == "accept":
        who = TOM
        await propose(house.world, PARTNER, person, to=TOM, instead_of=MIA, who="user mia", why="leaves")
    for death in house.deaths():
        with death:
            await answer(house.world, voice(who), said(house, kind))
        await carry_out_all(house.world)
        # Where nothing was on record when it died, this is what counts; else it changes nothing.
        await answer(house.world, voice(who), said(house, kind))
        await carry_out_all(house.world)
        guest = await house.world.tables.guests.get(PARTNER, person)
        assert guest is not None
        if kind == "accept":
            assert set(guest.sponsors) == {SAM, TOM}
            assert [each.role for each in await house.world.tables.asks.pointers(TOM)] == [Role.SPONSOR]
        else:
            assert guest.ends == (UNTIL if kind == "keep" else house.rig.now.date() - timedelta(days=1))
        assert await house.world.tables.asks.pointers(MIA) == []


async def test_who_is_no_sponsor_decides_nothing(house: House) -> None:
    await house.asks("ana")
    assert await code_of(house, TOM, said(house, "keep")) == "not-yours"
    assert await code_of(house, TOM, said(house, "accept")) == "not-yours"
    assert await code_of(house, MIA, said(house, "accept")) == "not-yours"
    assert await code_of(house, MIA, said(house, "keep", "bea")) == "unknown"
    assert await last_day(house) is None


async def test_an_answer_to_an_earlier_run_is_refused(house: House) -> None:
    await house.asks("ana")
    await house.asks("ana", run="cleanup-2")
    assert await code_of(house, MIA, said(house, "keep")) == "replaced"
    await answer(house.world, voice(MIA), said(house, "keep", run="cleanup-2"))
    assert await last_day(house) == UNTIL


async def test_asking_bears_repetition_and_an_answered_run_asks_no_more(house: House) -> None:
    await house.asks("ana")
    await house.asks("ana")
    await answer(house.world, voice(MIA), said(house, "keep"))
    await house.asks("ana")
    assert await house.world.tables.asks.pointers(MIA) == []


async def test_a_sponsor_who_went_is_asked_no_more_by_the_next_run(house: House) -> None:
    await house.asks("ana")
    await house.asks("ana", run="cleanup-2", sponsors=(SAM,))
    assert await house.world.tables.asks.pointers(MIA) == []
    assert await code_of(house, MIA, said(house, "keep", run="cleanup-2")) == "not-yours"


async def test_a_guest_is_handed_over_only_when_the_other_accepts(house: House) -> None:
    await house.asks("ana")
    await answer(house.world, voice(MIA), said(house, "hand-over", to="Tom.Co@contoso.com "))
    guest = await house.world.tables.guests.get(PARTNER, house.person("ana"))
    assert guest is not None
    assert guest.sponsors == (MIA, SAM)
    assert (await proposal(house.world, PARTNER, house.person("ana")))[:2] == ("open", TOM)
    await answer(house.world, voice(TOM), said(house, "accept"))
    guest = await house.world.tables.guests.get(PARTNER, house.person("ana"))
    assert guest is not None
    assert set(guest.sponsors) == {SAM, TOM}
    assert (await proposal(house.world, PARTNER, house.person("ana")))[0] == ACCEPTED
    # What was asked about the guest is still to be answered, by the new one too.
    await answer(house.world, voice(TOM), said(house, "keep"))
    assert await last_day(house) == UNTIL


async def test_who_declines_is_asked_no_more_and_it_comes_back(house: House) -> None:
    await house.asks("ana")
    await answer(house.world, voice(MIA), said(house, "hand-over", to="tom.co@contoso.com"))
    await answer(house.world, voice(TOM), said(house, "decline"))
    assert (await proposal(house.world, PARTNER, house.person("ana")))[0] == DECLINED
    assert [each.role for each in await house.world.tables.asks.pointers(MIA)] == [Role.DECLINED]
    assert await house.world.tables.asks.pointers(TOM) == []
    assert await code_of(house, TOM, said(house, "accept")) == "not-yours"
    await answer(house.world, voice(MIA), said(house, "keep"))


async def test_while_somebody_is_proposed_ones_own_answer_counts(house: House) -> None:
    await house.asks("ana")
    await answer(house.world, voice(MIA), said(house, "hand-over", to="tom.co@contoso.com"))
    await answer(house.world, voice(SAM), said(house, "keep"))
    assert await code_of(house, TOM, said(house, "accept")) == "answered"
    assert await house.world.tables.asks.pointers(TOM) == []


async def test_a_proposal_lapses(house: House) -> None:
    await house.asks("ana")
    await answer(house.world, voice(MIA), said(house, "hand-over", to="tom.co@contoso.com"))
    house.rig.now += timedelta(days=15)
    await carry_out_all(house.world)
    assert (await proposal(house.world, PARTNER, house.person("ana")))[0] == LAPSED
    assert await code_of(house, TOM, said(house, "accept")) == "not-yours"


@pytest.mark.parametrize(
    ("to", "code"),
    [
        ("nobody@contoso.com", "nobody"),
        ("", "nobody"),
        ("eva.co@contoso.com", "nobody"),
        ("mia.co@contoso.com", "yourself"),
        ("sam.co@contoso.com", "yourself"),
    ],
)
async def test_whom_guests_cannot_be_handed_to(house: House, to: str, code: str) -> None:
    await house.asks("ana")
    assert await code_of(house, MIA, said(house, "hand-over", to=to)) == code


async def test_nobody_is_loaded_with_guests(house: House) -> None:
    for number in range(MOST_PROPOSED):
        person = f"{number:032x}"
        await house.world.tables.guests.note(PARTNER, {person: ("", "redeemed", (MIA,))})
        assert await propose(house.world, PARTNER, person, to=TOM, instead_of=MIA, who="succession", why="left")
    assert not await propose(house.world, PARTNER, house.person("ana"), to=TOM, instead_of=MIA, who="succession", why="left")
    await house.asks("bea")
    assert await code_of(house, MIA, said(house, "hand-over", "bea", to="tom.co@contoso.com")) == "crowded"
    # Asking once more about one who waits already adds nobody.
    assert await propose(house.world, PARTNER, f"{0:032x}", to=TOM, instead_of=MIA, who="succession", why="left")


async def test_succession_without_a_run_ends_when_somebody_accepts(house: House) -> None:
    person = house.person("ana")
    assert await propose(house.world, PARTNER, person, to=TOM, instead_of=MIA, who="succession", why="left")
    await answer(house.world, voice(TOM), said(house, "accept", run="succession"))
    guest = await house.world.tables.guests.get(PARTNER, person)
    assert guest is not None
    assert set(guest.sponsors) == {TOM, SAM}
    assert await house.world.tables.asks.pointers(TOM) == []
    # And again later, when Tom leaves.
    assert await propose(house.world, PARTNER, person, to=MIA, instead_of=TOM, who="succession", why="left")
    await answer(house.world, voice(MIA), said(house, "decline", run="succession"))
    assert (await proposal(house.world, PARTNER, person))[0] == DECLINED


async def test_a_deputy_answers_up_to_a_day(house: House) -> None:
    await house.asks("ana", "bea")
    until = house.rig.now.date() + timedelta(days=7)
    assert await name_deputy(house.world, voice(MIA), "tom.co@contoso.com", until) == "Tom Co"
    await answer(house.world, voice(TOM), said(house, "keep"))
    assert await last_day(house) == UNTIL
    house.rig.now += timedelta(days=8)
    assert await code_of(house, TOM, said(house, "keep", "bea")) == "not-yours"
    await answer(house.world, voice(MIA), said(house, "end", "bea"))
    await tell_sponsors(house.world)
    assert not [
        spot for spot in house.rig.tables["asks"].content if spot[1].startswith(("deputy", "for|")) or spot[0] == "sponsors"
    ]
    assert any(note.startswith("name-deputy") for note in house.notes())


async def test_a_deputy_is_taken_back_or_replaced(house: House) -> None:
    await house.asks("ana")
    until = house.rig.now.date() + timedelta(days=7)
    await name_deputy(house.world, voice(MIA), "tom.co@contoso.com", until)
    await name_deputy(house.world, voice(MIA), "sam.co@contoso.com", until)
    assert await house.world.tables.asks.stands_in_for(TOM, house.rig.now.date()) == []
    await remove_deputy(house.world, voice(MIA))
    assert await house.world.tables.asks.stands_in_for(SAM, house.rig.now.date()) == []


@pytest.mark.parametrize(
    ("to", "days", "code"),
    [
        ("tom.co@contoso.com", -1, "day"),
        ("tom.co@contoso.com", 400, "day"),
        ("eva.co@contoso.com", 3, "nobody"),
        ("mia.co@contoso.com", 3, "yourself"),
    ],
)
async def test_who_cannot_be_a_deputy(house: House, to: str, days: int, code: str) -> None:
    with pytest.raises(NotTaken) as no:
        await name_deputy(house.world, voice(MIA), to, house.rig.now.date() + timedelta(days=days))
    assert no.value.code == code


async def test_what_cannot_be_done_leaves_the_question_open(house: House) -> None:
    await house.asks("ana")
    del house.rig.tables["guests"].content[PARTNER, house.person("ana")]
    assert await code_of(house, MIA, said(house, "keep")) == "refused"
    question = await house.world.tables.asks.get(PARTNER, house.person("ana"))
    assert question is not None
    assert question.open


async def test_of_answers_at_the_same_moment_no_copy_of_the_winner_is_on_record_as_not_taken(house: House) -> None:
    await house.asks("ana")
    house.rig.border.dice = random.Random(3)
    several = [
        Said(PARTNER, house.person("ana"), RUN, "keep", house.rig.now.date() + timedelta(days=90 + number)) for number in range(4)
    ]
    found = await asyncio.gather(
        *(answer(house.world, Voice(MIA, f"link of {MIA}"), one) for one in several), return_exceptions=True
    )
    house.rig.border.dice = None
    assert len([one for one in found if isinstance(one, Question)]) == 1
    not_taken = [note for note in house.notes() if "not taken" in note]
    assert len(not_taken) == 3
    assert all(note.startswith("refuse-answer ") for note in not_taken)
