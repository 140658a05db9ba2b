"""One mail a sponsor with all their guests, in their language, at most one a day, and one only whatever is lost."""

import re
from datetime import timedelta

import pytest

from shared.asking import read_link
from shared.verbs.answering import Said, Voice, answer
from shared.verbs.ask_mails import tell_sponsors
from shared.verbs.asks import propose, told_at
from shared.verbs.deputies import name_deputy
from tests.asks.conftest import EVA, MIA, PARTNER, RUN, SAM, TOM, Build, House

KEY = "bm90IGEgc2VjcmV0LCBqdXN0IHRlc3QgYnl0ZXMuLi4="


async def test_one_mail_with_all_guests_in_their_language(house: House) -> None:
    await house.asks("ana", "bea", "cem", sponsors=(MIA,))
    assert await tell_sponsors(house.world) == 0, "a run may still be putting questions"
    house.rig.now += timedelta(minutes=11)
    assert await tell_sponsors(house.world) == 1
    (mail,) = await house.mails()
    assert mail["to"] == "mia.co@contoso.com"
    assert mail["subject"] == "Ihre Gäste: Wer soll bleiben? (3)"
    for name in ("Ana Lima (ana@fabrikam.com) - Fabrikam, 31. Dezember 2026", "Bea Lima", "Cem Lima"):
        assert name in mail["text"]
    assert "https://app.example/.auth/login/aad?post_login_redirect_uri=%2Fapi%2Fmy-guests" in mail["text"]
    assert "6. Dezember 2026" in mail["text"]
    assert await told_at(house.world, PARTNER, house.person("ana")) == house.rig.now


async def test_nobody_is_written_to_twice_about_the_same(house: House) -> None:
    await house.asks("ana")
    house.rig.now += timedelta(minutes=11)
    assert await tell_sponsors(house.world) == 2
    house.rig.now += timedelta(days=3)
    assert await tell_sponsors(house.world) == 0
    await house.asks("ana", run="cleanup-2")
    house.rig.now += timedelta(minutes=11)
    assert await tell_sponsors(house.world) == 2


async def test_at_most_one_mail_a_day(house: House) -> None:
    await house.asks("ana", sponsors=(MIA,))
    house.rig.now += timedelta(minutes=11)
    await tell_sponsors(house.world)
    await house.asks("bea", sponsors=(MIA,))
    house.rig.now += timedelta(hours=2)
    assert await tell_sponsors(house.world) == 0
    house.rig.now += timedelta(hours=19)
    assert await tell_sponsors(house.world) == 1
    assert "(2)" in (await house.mails())[-1]["subject"], "the earlier one is still open, and stands there too"


async def test_who_has_answered_is_not_written_to(house: House) -> None:
    await house.asks("ana")
    await answer(house.world, Voice(MIA, "user mia"), Said(PARTNER, house.person("ana"), RUN, "end"))
    house.rig.now += timedelta(minutes=11)
    assert await tell_sponsors(house.world) == 0


async def test_whatever_dies_there_is_one_mail(house: House) -> None:
    for number, death in enumerate(house.deaths(), start=1):
        # Each time another run, whose mail none of those is that were sent before.
        await house.asks("ana", sponsors=(MIA,), run=f"cleanup-{number}")
        house.rig.now += timedelta(minutes=11)
        with death:
            await tell_sponsors(house.world)
        house.rig.now += timedelta(minutes=15)
        await tell_sponsors(house.world)
        assert len(await house.mails()) == number
        assert await told_at(house.world, PARTNER, house.person("ana")) is not None


async def test_who_has_left_is_not_counted_as_told(house: House) -> None:
    await house.asks("ana", sponsors=(EVA,))
    house.rig.now += timedelta(minutes=11)
    assert await tell_sponsors(house.world) == 0
    assert await told_at(house.world, PARTNER, house.person("ana")) is None


async def test_a_deputy_reads_it_too(house: House) -> None:
    await name_deputy(house.world, Voice(MIA, "user mia"), "sam.co@contoso.com", house.rig.now.date() + timedelta(days=5))
    await house.asks("ana", sponsors=(MIA,))
    house.rig.now += timedelta(minutes=11)
    assert await tell_sponsors(house.world) == 2
    mails = {mail["to"]: mail["text"] for mail in await house.mails()}
    assert "omdat je Mia Co vervangt" in mails["sam.co@contoso.com"]
    assert "vertreten" not in mails["mia.co@contoso.com"]


async def test_who_is_proposed_hears_of_it_and_so_does_who_proposed(house: House) -> None:
    person = house.person("ana")
    await house.asks("ana", sponsors=(MIA,))
    await propose(house.world, PARTNER, person, to=TOM, instead_of=MIA, who="user mia", why="moves on")
    house.rig.now += timedelta(minutes=11)
    assert await tell_sponsors(house.world) == 2
    mails = {mail["to"]: mail for mail in await house.mails()}
    assert mails["tom.co@contoso.com"]["subject"] == "Will you answer for these guests? (1)"
    await answer(house.world, Voice(TOM, "user tom"), Said(PARTNER, person, RUN, "decline"))
    house.rig.now += timedelta(days=1)
    assert await tell_sponsors(house.world) == 1
    assert (await house.mails())[-1]["to"] == "mia.co@contoso.com"


@pytest.mark.parametrize("changes", [{"ENTENTE_APP_URL": ""}, {"ENTENTE_MAILBOX": ""}])
async def test_without_a_page_or_mailbox_nothing_is_sent(build: Build, changes: dict[str, str]) -> None:
    house = await build(**changes)
    await house.asks("ana")
    house.rig.now += timedelta(minutes=11)
    assert await tell_sponsors(house.world) == 0


async def test_with_links_each_guest_has_one_that_is_for_them_alone(build: Build) -> None:
    house = await build(ENTENTE_SPONSOR_LINKS="true", ENTENTE_LINK_KEY=KEY)
    await house.asks("ana", "bea", sponsors=(SAM,))
    asked = house.rig.now
    house.rig.now += timedelta(minutes=11)
    await tell_sponsors(house.world)
    (mail,) = await house.mails()
    links = [read_link(house.world.settings.link_key, token) for token in re.findall(r"guest-link\?link=(\S+)", mail["text"])]
    assert {link.person for link in links} == {house.person("ana"), house.person("bea")}
    assert {(link.sponsor, link.run, link.partner) for link in links} == {(SAM, RUN, PARTNER)}
    assert {link.expires for link in links} == {asked + timedelta(days=14)}
