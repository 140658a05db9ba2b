"""What was not taken is on record with its reason: once for each occasion, and never so often that it fills the journal."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import azure.functions as func
import pytest

from functions import sponsor_pages, sponsors
from shared.asking import Link, form_mark, signed
from shared.nouns.errors import Refusal
from shared.pages.my_guests import ANSWER
from shared.verbs.answering import NotTaken, Said, Voice, answer
from shared.verbs.guest_dates import extend
from shared.verbs.refused import MOST_A_MONTH
from tests.asks.conftest import MIA, PARTNER, RUN, SAM, TOM, Build, House

KEY = "bm90IGEgc2VjcmV0LCBqdXN0IHRlc3QgYnl0ZXMuLi4="


def refusals(house: House) -> list[str]:
    return [note for note in house.notes() if note.startswith("refuse-answer")]


@pytest.fixture
async def linked(build: Build, monkeypatch: pytest.MonkeyPatch) -> House:
    house = await build(ENTENTE_SPONSOR_LINKS="true", ENTENTE_LINK_KEY=KEY)

    async def world(req: func.HttpRequest) -> Any:
        return house.world

    monkeypatch.setattr(sponsor_pages, "of_call", world)
    await house.asks("ana")
    return house


def token(house: House, days: float) -> str:
    link = Link(MIA, RUN, PARTNER, house.person("ana"), house.rig.now + timedelta(days=days))
    return signed(house.world.settings.link_key, link)


async def send(house: House, by: str, choice: str = "keep-3") -> int:
    """What answering with the link answers."""
    mark = form_mark(house.world.settings.person_key, MIA, by, house.rig.now)
    fields = {"link": by, "form": mark, f"{ANSWER}|{PARTNER}|{house.person('ana')}|{RUN}": choice}
    asked = func.HttpRequest(method="POST", url="/api/guest-link", headers={}, params={}, body=urlencode(fields).encode())
    route: Any = sponsors.answer_guest_link
    return int((await route._function.get_user_function()(asked)).status_code)


async def look(house: House, by: str) -> int:
    asked = func.HttpRequest(method="GET", url="/api/guest-link", headers={}, params={"link": by}, body=b"")
    route: Any = sponsors.show_guest_link
    return int((await route._function.get_user_function()(asked)).status_code)


async def test_an_answer_by_an_old_link_is_refused_and_on_record_once(linked: House) -> None:
    old = token(linked, -1)
    assert await look(linked, old) == 410
    assert linked.notes() == [], "to look writes nothing"
    assert [await send(linked, old) for _ in range(3)] == [410, 410, 410]
    assert refusals(linked) == ["refuse-answer outcome not taken: the link is too old; said: keep-3"]
    question = await linked.world.tables.asks.get(PARTNER, linked.person("ana"))
    assert question is not None
    assert question.open


async def test_a_used_link_is_refused_and_on_record(linked: House) -> None:
    good = token(linked, 1)
    assert await send(linked, good) == 200
    linked.rig.now += timedelta(hours=1)
    # The same answer again is no other answer.
    assert await send(linked, good) == 200
    assert refusals(linked) == []
    assert await send(linked, good, "keep-12") == 200
    assert [note.partition(";")[0] for note in refusals(linked)] == [
        "refuse-answer outcome not taken: somebody has answered before"
    ]


async def test_a_link_that_nobody_has_signed_writes_nothing(linked: House) -> None:
    assert await send(linked, token(linked, 1)[:-2] + "aa") == 404
    assert linked.notes() == []


async def test_nobody_fills_the_journal(house: House) -> None:
    await house.asks("ana")
    person = house.person("ana")
    for number in range(MOST_A_MONTH + 15):
        with pytest.raises(NotTaken):
            await answer(house.world, Voice(TOM, f"user {TOM}"), Said(PARTNER, person, f"run{number}", "end"))
    assert len(refusals(house)) == MOST_A_MONTH
    # What is taken is on record all the same.
    await answer(house.world, Voice(MIA, f"user {MIA}"), Said(PARTNER, person, RUN, "end"))
    assert any(note.startswith("end-guest outcome") for note in house.notes())
    house.rig.now += timedelta(days=31)
    with pytest.raises(NotTaken):
        await answer(house.world, Voice(SAM, f"user {SAM}"), Said(PARTNER, person, RUN, "accept"))
    assert len(refusals(house)) == MOST_A_MONTH + 1


async def test_whom_nobody_knows_is_in_no_journal(house: House) -> None:
    with pytest.raises(NotTaken, match="unknown"):
        await answer(house.world, Voice(MIA, f"user {MIA}"), Said(PARTNER, "f" * 32, RUN, "end"))
    assert house.notes() == []


async def test_a_day_that_is_past_is_refused_and_on_record(house: House) -> None:
    yesterday = house.rig.now.date() - timedelta(days=1)
    for _ in range(2):
        with pytest.raises(Refusal, match="is past"):
            await extend(house.world, PARTNER, house.person("ana"), yesterday, "user boss", "needed")
    assert len(refusals(house)) == 1
    assert f"said: extend until {yesterday}" in refusals(house)[0]
