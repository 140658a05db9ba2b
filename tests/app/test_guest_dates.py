"""What people decide about guests: valid or refused, on record, and the first answer to a run wins."""

import asyncio
from datetime import date, timedelta

import pytest

from shared.nouns.errors import Refusal
from shared.verbs.guest_dates import end, extend, set_sponsors
from shared.views.journal import person_journal
from tests.app.conftest import Stage
from tests.rig import Rig

PARTNER, ANA = "11111111-0000-4000-8000-000000000001", "a" * 32


@pytest.fixture
async def memory(stage: Stage) -> Rig:
    return await stage.fresh()


async def guest(world: Rig) -> None:
    await world.world.tables.guests.claim(PARTNER, "first", {ANA: world.now.date()})
    await world.world.tables.guests.mark(PARTNER, {ANA: {"stage": "warned", "warnings": 2, "warned_for": "ends:x"}})


async def test_an_extension_stands_over_the_claims_there_were_and_clears_the_warnings(memory: Rig) -> None:
    await guest(memory)
    until = memory.now.date() + timedelta(days=200)
    kept = await extend(memory.world, PARTNER, ANA, until, "user x", "still works with us")
    assert (kept.end, kept.warnings, kept.stage) == (until, 0, "invited")
    assert await memory.world.tables.guests.get(PARTNER, ANA) == kept
    await memory.world.tables.guests.claim(PARTNER, "later", {ANA: until + timedelta(days=1)})
    again = await memory.world.tables.guests.get(PARTNER, ANA)
    assert again is not None
    assert again.end == until + timedelta(days=1)
    await end(memory.world, PARTNER, ANA, "user x", "has left")
    gone = await memory.world.tables.guests.get(PARTNER, ANA)
    assert gone is not None
    assert gone.end == memory.now.date() - timedelta(days=1)


async def test_every_decision_is_in_the_journal_of_the_person(memory: Rig) -> None:
    await guest(memory)
    await end(memory.world, PARTNER, ANA, "user x", "write to ana@fabrikam.com")
    told = await person_journal(memory.world, ANA, verified=True)
    assert [(entry["step"], entry["kind"], entry["who"]) for entry in told["entries"]] == [
        ("end-guest", "intent", "user x"),
        ("end-guest", "outcome", "user x"),
    ]
    assert "@" not in str(told)


@pytest.mark.parametrize(
    ("until", "why", "field"),
    [
        (date(2026, 11, 21), "because", "until"),
        (date(2066, 1, 1), "because", "until"),
        (date(2027, 2, 28), "  ", "reason"),
    ],
)
async def test_bad_decisions_are_refused_and_change_nothing(memory: Rig, until: date, why: str, field: str) -> None:
    await guest(memory)
    before = await memory.world.tables.guests.get(PARTNER, ANA)
    with pytest.raises(Refusal) as refused:
        await extend(memory.world, PARTNER, ANA, until, "user x", why)
    assert [fault.field for fault in refused.value.faults] == [field]
    assert await memory.world.tables.guests.get(PARTNER, ANA) == before


async def test_an_unknown_guest_is_refused(memory: Rig) -> None:
    with pytest.raises(Refusal, match="entente guests list"):
        await extend(memory.world, PARTNER, "b" * 32, date(2027, 2, 28), "user x", "because")


@pytest.mark.parametrize("sponsors", [(), ("mia",), tuple(f"{n:08}-0000-4000-8000-000000000001" for n in range(6))])
async def test_sponsors_are_one_to_five_object_ids(memory: Rig, sponsors: tuple[str, ...]) -> None:
    await guest(memory)
    with pytest.raises(Refusal):
        await set_sponsors(memory.world, PARTNER, ANA, sponsors, "user x", "because")


async def test_of_two_answers_at_once_the_first_wins_and_both_are_on_record(memory: Rig) -> None:
    await guest(memory)
    until = memory.now.date() + timedelta(days=30)

    async def keep() -> bool:
        try:
            await extend(memory.world, PARTNER, ANA, until, "user x", "keep", run="run-1")
        except Refusal:
            return False
        return True

    async def leave() -> bool:
        try:
            await end(memory.world, PARTNER, ANA, "user y", "go", run="run-1")
        except Refusal:
            return False
        return True

    won = await asyncio.gather(keep(), leave())
    assert sorted(won) == [False, True]
    kept = await memory.world.tables.guests.get(PARTNER, ANA)
    assert kept is not None
    assert (kept.answered, kept.answered_by) == ("run-1", "user x" if won[0] else "user y")
    told = await person_journal(memory.world, ANA)
    assert any("not taken" in entry["note"] for entry in told["entries"])


async def test_who_comes_to_stand_for_a_guest_is_found_when_they_leave(memory: Rig) -> None:
    await guest(memory)
    sponsor = "bbbbbbbb-0000-4000-8000-000000000001"
    await set_sponsors(memory.world, PARTNER, ANA, (sponsor,), "user x", "took them over")
    assert await memory.world.tables.index.is_sponsor(sponsor, memory.now)
    assert await memory.world.tables.index.partners_of_sponsor(sponsor) == (PARTNER,)
