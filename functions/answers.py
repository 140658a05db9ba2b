"""From the fields of the sponsors' form to answers, and back to what became of them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from shared.nouns.days import months_after
from shared.nouns.messages import REQUEST_ID
from shared.nouns.outcomes import NotYet
from shared.nouns.person import PERSON_ID
from shared.nouns.request import GUID
from shared.pages import Page, Words
from shared.pages.my_guests import (
    ALL,
    ANSWER,
    DEPUTY,
    DO,
    MONTHS,
    REMOVE_DEPUTY,
    SET_DEPUTY,
    SURE,
    TO,
    UNTIL,
    Place,
    Told,
    sure,
    told,
)
from shared.verbs.answering import END, KEEP, NotTaken, Said, Voice, answer, may_answer, note_refusal
from shared.verbs.deputies import name_deputy, remove_deputy
from shared.verbs.world import World
from shared.views.my_guests import MOST_CARDS

type Fields = Sequence[tuple[str, str]]
type About = tuple[str, str, str]

_KINDS = {"end", "hand-over", "accept", "decline"}
_KEEPS = {f"keep-{months}": months for months in MONTHS}


@dataclass(frozen=True)
class _Chosen:
    partner: str
    person: str
    run: str
    choice: str


async def answers(ours: World, words: Words, place: Place, who: Voice, fields: Fields, about: About | None = None) -> Page:
    """Each answer is taken or not by itself; ending access is asked about once more first. `about` is the one guest that a link is for."""
    said = dict(fields)
    if not place.link and said.get(DO) in {SET_DEPUTY, REMOVE_DEPUTY}:
        return told(words, place, [await _deputy(ours, who, said)])
    chosen = _chosen(fields, about)
    ending = [one for one in chosen if one.choice == END]
    if ending and said.get(SURE) != "yes":
        names = [await _name(ours, who, one) for one in ending]
        return sure(words, place, names, [(name, value) for name, value in fields if name != SURE])
    return told(words, place, [await _one(ours, who, one, said.get(TO, "")) for one in chosen])


async def too_late(ours: World, who: Voice, fields: Fields, about: About) -> None:
    """What was answered by a link whose time is over is on record, and changes nothing."""
    for one in _chosen(fields, about):
        await note_refusal(ours, who, Said(one.partner, one.person, one.run, one.choice), "expired")


async def _one(ours: World, who: Voice, one: _Chosen, to: str) -> Told:
    name = await _name(ours, who, one)
    until = months_after(ours.clock().date(), _KEEPS[one.choice]) if one.choice in _KEEPS else None
    kind = KEEP if until else one.choice
    try:
        await answer(ours, who, Said(one.partner, one.person, one.run, kind, until, to))
    except NotTaken as no:
        return Told(name, f"no_{no.code}", {"why": no.why}, good=False)
    except NotYet:
        # The answer itself may stand on record already; the timer brings it to its end.
        question = await ours.tables.asks.get(one.partner, one.person)
        stands = question is not None and question.answer is not None and question.answer.by == who.name
        return Told(name, "said_soon" if stands else "no_busy", {}, good=stands)
    return Told(name, f"said_{kind}", {"day": until} if until else {})


async def _deputy(ours: World, who: Voice, said: Mapping[str, str]) -> Told:
    if said[DO] == REMOVE_DEPUTY:
        await remove_deputy(ours, who)
        return Told("", "said_no_deputy", {})
    try:
        until = date.fromisoformat(said.get(UNTIL, ""))
        name = await name_deputy(ours, who, said.get(DEPUTY, "").strip().lower()[:254], until)
    except ValueError:
        return Told("", "no_day", {}, good=False)
    except NotTaken as no:
        return Told("", f"no_{no.code}", {"why": no.why}, good=False)
    return Told("", "said_deputy", {"name": name, "day": until})


def _chosen(fields: Fields, about: About | None) -> list[_Chosen]:
    """The guests whom something was chosen for, each once; those left open get what was chosen for all. With `about` that one alone."""
    for_all = dict(fields).get(ALL, "")
    found: dict[tuple[str, str], _Chosen] = {}
    for name, value in fields:
        kind, *rest = name.split("|")
        if kind != ANSWER or len(rest) != 3:
            continue
        partner, person, run = rest
        choice = value or (for_all if for_all in _KEEPS else "")
        known = GUID.match(partner) and PERSON_ID.fullmatch(person) and re.fullmatch(REQUEST_ID, run)
        if known and (choice in _KEEPS or choice in _KINDS):
            found[partner, person] = _Chosen(partner, person, run, choice)
    theirs = [one for one in found.values() if about is None or (one.partner, one.person, one.run) == about]
    return theirs[:MOST_CARDS]


async def _name(ours: World, who: Voice, one: _Chosen) -> str:
    """What the guest is called, for who may answer about them; anybody else sees the opaque id that they sent."""
    question = await ours.tables.asks.get(one.partner, one.person)
    if question is None or not (question.proposed == who.id or await may_answer(ours, question, who.id)):
        return one.person
    known = await ours.tables.people.get(one.person)
    return one.person if known is None else known.name or known.address
