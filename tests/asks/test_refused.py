"""What was not taken is on record with its reason: once for each occasion, and never so often that it fills the journal."""

import asyncio
import base64
import json
import random
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import azure.functions as func
import pytest

from functions import guests, principal, sponsor_pages, sponsors
from shared.asking import Link, form_mark, signed
from shared.nouns.errors import Refusal
from shared.nouns.outcomes import NotYet
from shared.pages.my_guests import ANSWER
from shared.verbs.answering import NotTaken, Said, Voice, answer
from shared.verbs.guest_dates import extend
from shared.verbs.nameless import FIRST
from shared.verbs.refused import MOST_A_MONTH
from shared.verbs.seal import seal
from shared.views.journal import partner_journal, person_journal
from shared.views.journal_pack import as_csv, as_html
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


async def test_a_link_that_nobody_has_signed_is_in_the_journal_of_nobody_without_itself(linked: House) -> None:
    good = token(linked, 1)
    body, _, mac = good.partition(".")
    other = signed(linked.world.settings.link_key, Link(TOM, "another-run", PARTNER, linked.person("ben"), linked.rig.now))
    stranger = signed(b"x" * 32, Link(TOM, RUN, PARTNER, linked.person("ana"), linked.rig.now))
    script = base64.urlsafe_b64encode(b"1\n<script>\n=1+1\nana@fabrikam.com\nx\n1").decode().rstrip("=")
    assert (await partner_journal(linked.world, "nobody"))["entries"] == []
    assert await look(linked, f"{body}.{'A' * len(mac)}") == 404
    assert await send(linked, f"{other.partition('.')[0]}.{mac}") == 404
    for made_up in (stranger, f"{script}.{mac}", "=HYPERLINK(1)", "ana@fabrikam.com"):
        assert await look(linked, made_up) == 404
    assert await look(linked, "") == 404
    said = "refuse-nameless outcome"
    claim = f"it claims, which proves nothing, to be the question of run {RUN} about guest {linked.person('ana')}"
    assert linked.notes() == [
        f"{said} opened: a link that we have not signed; {claim}, by sponsor {MIA}",
        f"{said} answered: a link that we have not signed, about nothing that we have asked",
        f"{said} opened: a link that we have not signed; {claim}, by somebody who is not asked",
        *[f"{said} opened: a link that we have not signed, which has not even the form of one"] * 3,
    ]
    question = await linked.world.tables.asks.get(PARTNER, linked.person("ana"))
    assert question is not None
    assert question.open
    await seal(linked.world)
    found = await partner_journal(linked.world, "nobody", verified=True)
    assert found["verification"]["holds"]
    assert [entry["seal"] for entry in found["entries"]] == [1] * 6
    whole = json.dumps([found, as_csv(found), as_html(found)])
    for word in ("script", "fabrikam.com", "HYPERLINK", body, mac):
        assert word not in whole
    about = await person_journal(linked.world, linked.person("ana"))
    assert about["entries"] == [], "what nobody has signed is in nobody's story"


async def test_a_flood_of_made_up_links_costs_the_tables_little_and_is_counted(linked: House) -> None:
    made_up = token(linked, 1)[:-2] + "aa"
    for _ in range(FIRST):
        await look(linked, made_up)
    calls = linked.rig.border.calls
    for _ in range(200):
        assert await look(linked, made_up) == 404
    assert linked.rig.border.calls == calls
    linked.rig.now += timedelta(minutes=1)
    await look(linked, made_up)
    assert len(linked.notes()) == FIRST
    await seal(linked.world)
    assert len(linked.notes()) == FIRST, "the hour is not over"
    linked.rig.now += timedelta(hours=1)
    for _ in range(2):
        await seal(linked.world)
    assert linked.notes()[FIRST:] == [
        "refuse-nameless outcome at least 201 more in the hour from 2026-11-22 09:00 UTC; the log has them all"
    ]
    await look(linked, made_up)
    assert len(linked.notes()) == FIRST + 2
    await seal(linked.world)
    linked.rig.now += timedelta(days=40)
    await look(linked, made_up)
    assert (await partner_journal(linked.world, "nobody", verified=True))["verification"]["holds"]


async def test_many_at_once_are_all_in_the_journal_or_counted(linked: House) -> None:
    made_up = token(linked, 1)[:-2] + "aa"
    linked.rig.border.dice = random.Random(7)
    assert set(await asyncio.gather(*(look(linked, made_up) for _ in range(60)))) == {404}
    linked.rig.border.dice = None
    linked.rig.now += timedelta(hours=1)
    await seal(linked.world)
    assert 1 <= len(linked.notes()) <= FIRST + 1


async def test_a_link_is_refused_also_where_the_tables_do_not_answer(linked: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def none(*_: object, **__: object) -> None:
        raise NotYet("tables are out of reach", after=5)

    for part, name in ((linked.world.tables.requests, "close"), (linked.world.tables.asks, "get")):
        monkeypatch.setattr(part, name, none)
    assert await look(linked, token(linked, 1)[:-2] + "aa") == 404


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


async def test_whom_nobody_knows_is_in_the_journal_of_nobody(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotTaken, match="unknown"):
        await answer(house.world, Voice(MIA, f"user {MIA}"), Said(PARTNER, "f" * 32, RUN, "end"))
    note = "refuse-nameless outcome not taken: the guest is on record for no partner; said: "
    assert house.notes() == [f"{note}end"]

    async def world(req: func.HttpRequest) -> Any:
        return house.world

    monkeypatch.setattr(principal, "of_call", world)
    house.world.settings = house.world.settings.model_copy(update={"key_roles": ("Operator",)})
    for said in ("nobody@fabrikam.com", "99999999-0000-4000-8000-000000000009"):
        body = json.dumps({"guest": said, "until": "2027-01-01", "reason": "needed"}).encode()
        asked = func.HttpRequest(
            method="POST", url="/api/guests/extend", headers={}, params={}, route_params={"verb": "extend"}, body=body
        )
        route: Any = guests.decide_guest
        refused = await route._function.get_user_function()(asked)
        assert refused.status_code == 400
    assert house.notes() == [f"{note}end", f"{note}extend", f"{note}extend"]


async def test_a_day_that_is_past_is_refused_and_on_record(house: House) -> None:
    yesterday = house.rig.now.date() - timedelta(days=1)
    for _ in range(2):
        with pytest.raises(Refusal, match="is past"):
            await extend(house.world, PARTNER, house.person("ana"), yesterday, "user boss", "needed")
    assert len(refusals(house)) == 1
    assert f"said: extend until {yesterday}" in refusals(house)[0]
