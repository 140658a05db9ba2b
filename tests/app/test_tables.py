"""The tables on real Table Storage (Azurite), and the tests' tables in memory held to the same behaviour."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from shared.nouns.outcomes import NotYet
from shared.nouns.partner import Partner
from shared.nouns.person import Person
from shared.nouns.step import Intent
from shared.nouns.task import Task, TaskState, move
from shared.settings import Settings
from shared.tables import Tables, connect, create_all
from shared.tables.store import Changed, Delete, Exists, Insert, Merge, Replace, Table
from shared.tables.stored import StoredTable, open_service
from shared.tables.task_rows import JournalEntry
from tests.rig import Border, MemoryTable, settings

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
TENANT = "11111111-1111-1111-1111-111111111111"
NAMES = (f"r{number}" for number in itertools.count())


@pytest.fixture(params=["memory", "azurite"])
async def table(request: pytest.FixtureRequest, azurite: str) -> AsyncIterator[Table]:
    if request.param == "memory":
        yield MemoryTable("tasks", Border())
        return
    async with open_service(_settings(azurite)) as service:
        yield StoredTable(service, "tasks")


@pytest.fixture
async def tables(azurite: str) -> AsyncIterator[Tables]:
    opened = connect(_settings(azurite))
    yield opened
    await opened.close()


def _settings(connection: str) -> Settings:
    return settings(TENANT, Tables=connection)


def row(partition: str, key: str, **values: Any) -> dict[str, Any]:
    return {"PartitionKey": partition, "RowKey": key, **values}


async def keys(table: Table, partition: str, **how: Any) -> list[str]:
    return [str(found["RowKey"]) async for found in table.rows(partition, **how)]


async def test_a_transaction_is_done_whole_or_not_at_all(table: Table) -> None:
    home = next(NAMES)
    await table.write(Insert(row(home, "a", n=1)), Insert(row(home, "b", n=1)))
    with pytest.raises(Exists):
        await table.write(Insert(row(home, "c")), Insert(row(home, "b")))
    assert await keys(table, home) == ["a", "b"]


async def test_replacing_needs_the_row_as_it_was_read(table: Table) -> None:
    home = next(NAMES)
    (tag,) = await table.write(Insert(row(home, "a", n=1, gone="x")))
    (newer,) = await table.write(Replace(row(home, "a", n=2), tag))
    with pytest.raises(Changed):
        await table.write(Replace(row(home, "a", n=3), tag))
    found = await table.get(home, "a")
    assert found is not None
    assert (found["n"], found.get("gone"), found["etag"]) == (2, None, newer)
    with pytest.raises(Changed):
        await table.write(Replace(row(home, "never there"), tag))


async def test_merging_keeps_what_is_not_named(table: Table) -> None:
    home = next(NAMES)
    await table.write(Merge(row(home, "a", x=1)))
    await table.write(Merge(row(home, "a", y=2)))
    found = await table.get(home, "a")
    assert found is not None
    assert (found["x"], found["y"]) == (1, 2)


async def test_deleting_bears_repetition(table: Table) -> None:
    home = next(NAMES)
    await table.write(Insert(row(home, "a")))
    await table.write(Delete(home, "a"))
    await table.write(Delete(home, "a"))
    assert await table.get(home, "a") is None


async def test_rows_come_by_prefix_in_order_and_page_by_page(table: Table) -> None:
    home = next(NAMES)
    for name in ("o|1", "t|b|2", "t|b|1", "t|c|1", "p|001"):
        await table.write(Insert(row(home, name, state="ready", touched="2026-01-01")))
    assert await keys(table, home, prefix="t|b|") == ["t|b|1", "t|b|2"]
    assert await keys(table, home, prefix="t|", behind="t|b|1") == ["t|b|2", "t|c|1"]
    assert await keys(table, home, prefix="t|", most=1) == ["t|b|1"]
    assert await keys(table, home, prefix="x|") == []
    stale = "(state eq 'ready' or state eq 'waiting') and touched lt '2026-01-02'"
    assert len(await keys(table, home, prefix="t|", where=stale)) == 3


async def test_an_apostrophe_in_a_key_is_no_way_out_of_the_query(table: Table) -> None:
    assert await keys(table, "x' or PartitionKey ne 'y", prefix="a'") == []


@pytest.mark.parametrize("key", ["o'neil", "a:b@c", "a b", "100%", "é-ü-日本", "a+b&c=d", "(a,b)", "a|b;~!*", "%27", "a'%3Ab"])
async def test_a_key_is_what_it_is_whatever_an_address_makes_of_its_characters(table: Table, key: str) -> None:
    """Of a row that is inserted alone the key is in the body, of all others in the address, which is signed."""
    home = f"{next(NAMES)}{key}"
    await table.write(Insert(row(home, key, n=1)))
    there = await table.get(home, key)
    assert there is not None
    await table.write(Replace(row(home, key, n=2), there["etag"]))
    await table.write(Merge(row(home, key, n=3)))
    await table.write(Merge(row(home, key, n=4)), Insert(row(home, f"{key}2", n=1)))
    assert await keys(table, home, prefix=key) == [key, f"{key}2"]
    await table.write(Delete(home, key))
    assert await table.get(home, key) is None


async def test_more_than_a_page_of_rows_comes_whole(table: Table) -> None:
    home = next(NAMES)
    for start in range(0, 1_100, 100):
        await table.write(*(Insert(row(home, f"t|{number:05}")) for number in range(start, start + 100)))
    assert len(await keys(table, home, prefix="t|")) == 1_100


def task(**changes: Any) -> Task:
    intent = Intent(at=NOW, attempt=1, change={"guest": True, "sponsors": ("a", "b")}, answered=False)
    return Task(
        request=next(NAMES),
        cohort="p001c0000",
        step="invite-guest",
        subject="ab" * 16,
        position=3,
        wanted={"guest": True, "sponsors": ("a",)},
        details={"sendMail": True, "message": None},
        ids={"user": "u"},
        intents=(intent,),
        request_ids=("r1",),
        claimed_until=NOW + timedelta(seconds=90),
        begun=NOW,
        touched=NOW,
        **changes,
    )


async def test_a_task_comes_back_as_it_was_put_down(tables: Tables) -> None:
    one = task()
    assert await tables.tasks.insert_cohort(one.request, one.cohort, [one], persons=[one.subject], mark_open=True)
    assert not await tables.tasks.insert_cohort(one.request, one.cohort, [one], mark_open=True)
    assert await tables.tasks.get(one.request, one.key) == one
    assert await tables.tasks.cohort(one.request, one.cohort) == [one]
    assert await tables.tasks.cohort_of_person(one.request, one.subject) == one.cohort
    assert await tables.tasks.is_open(one.request)
    await tables.tasks.close_cohort(one.request, one.cohort)
    await tables.tasks.close_cohort(one.request, one.cohort)
    assert not await tables.tasks.is_open(one.request)


async def test_a_row_and_its_journal_entry_are_one_transaction(tables: Tables) -> None:
    one = task()
    await tables.tasks.insert_cohort(one.request, one.cohort, [one], mark_open=False)
    read = await tables.tasks.get(one.request, one.key)
    assert read is not None
    entry = JournalEntry(
        "intent", 1, NOW, "user x", {"guest": None}, {"guest": True}, {"user": "u"}, created=True, request_ids=("r",)
    )
    saved = await tables.tasks.save(move(read, TaskState.DONE, "is there", NOW), entry)
    assert await tables.tasks.journal(one.request, one) == [entry]
    with pytest.raises(Changed):
        await tables.tasks.save(replace(read, reason="late"), replace(entry, kind="outcome"))
    assert len(await tables.tasks.journal(one.request, one)) == 1
    assert (await tables.tasks.get(one.request, one.key)) == saved


async def test_one_request_of_a_partner_runs_at_a_time(tables: Tables) -> None:
    partner = Partner(f"tenant-{next(NAMES)}", "Fabrikam", ("fabrikam.com",))
    won = await asyncio.gather(*(tables.partners.take(partner, f"request-{number}") for number in range(8)))
    assert len(set(won)) == 1
    winner = won[0]
    await tables.partners.release(partner.tenant_id, "somebody else", NOW)
    assert await tables.partners.take(partner, "late") == winner
    await tables.partners.release(partner.tenant_id, winner, NOW)
    assert await tables.partners.take(replace(partner, domains=("fabrikam.de",)), "late") == "late"
    known = await tables.partners.get(partner.tenant_id)
    assert known is not None
    assert known.partner.domains == ("fabrikam.com", "fabrikam.de")


async def test_no_two_senders_get_the_same_slot(tables: Tables) -> None:
    lane = f"lane-{next(NAMES)}"
    blocks = await asyncio.gather(*(tables.pace.reserve(lane, 5, 10, NOW) for _ in range(6)))
    slots = sorted(slot for block in blocks for slot in block)
    assert slots == [NOW + timedelta(milliseconds=100 * number) for number in range(30)]
    await tables.pace.hold(lane, NOW + timedelta(seconds=60), NOW)
    assert await tables.pace.reserve(lane, 1, 10, NOW) == [NOW + timedelta(seconds=60)]
    assert await tables.pace.reserve(lane, 2, 0, NOW) == [NOW, NOW]


async def test_what_is_counted_by_the_minute_goes_at_once_and_no_minute_has_more(tables: Tables) -> None:
    lane, minute = f"lane-{next(NAMES)}", timedelta(seconds=60)
    blocks = await asyncio.gather(*(tables.pace.reserve(lane, 20, 0.5, NOW, window=60) for _ in range(4)))
    slots = sorted(slot for block in blocks for slot in block)
    assert slots[29] - NOW < minute / 4, "the first thirty need no minute"
    assert all(later - earlier >= minute for earlier, later in zip(slots, slots[30:], strict=False))
    assert slots[79] - NOW < 3 * minute
    await tables.pace.hold(lane, NOW + 10 * minute, NOW)
    later = await tables.pace.reserve(lane, 31, 0.5, NOW, window=60)
    assert later[0] == NOW + 10 * minute
    assert later[30] == NOW + 11 * minute


async def test_claims_of_several_requests_stand_side_by_side(tables: Tables) -> None:
    partner = next(NAMES)
    await tables.guests.claim(partner, "one", {"p": date(2027, 6, 30)})
    await tables.guests.claim(partner, "two", {"p": None})
    await tables.guests.claim(partner, "two", {"p": None})
    await tables.guests.note(partner, {"p": ("user-id", "guest", ("s1", "s2"))})
    guest = await tables.guests.get(partner, "p")
    assert guest is not None
    assert {claim.request: claim.until for claim in guest.claims} == {"one": date(2027, 6, 30), "two": None}
    assert (guest.user, guest.sponsors) == ("user-id", ("s1", "s2"))


async def test_a_person_keeps_their_name_and_every_request_that_named_them(tables: Tables) -> None:
    person = Person(next(NAMES), "ana@fabrikam.com", "Ana")
    await tables.people.remember([person], "one", "fabrikam")
    await tables.people.remember([replace(person, name="")], "two", "northwind")
    assert await tables.people.get(person.id) == person
    assert set(await tables.people.requests_of(person.id)) == {("one", "fabrikam"), ("two", "northwind")}


async def test_a_person_may_be_named_by_more_requests_than_a_row_has_properties(tables: Tables) -> None:
    person, partner = Person(next(NAMES), "bo@fabrikam.com"), next(NAMES)
    for number in range(260):
        await tables.people.remember([person], f"request-{number}", partner)
        await tables.guests.claim(partner, f"request-{number}", {person.id: None})
    guest = await tables.guests.get(partner, person.id)
    assert guest is not None
    assert len(guest.claims) == len(await tables.people.requests_of(person.id)) == 260


async def test_a_kept_message_comes_back_whole(tables: Tables) -> None:
    body = bytes(range(256)) * 900
    await tables.people.keep_message("digest", body)
    assert await tables.people.message("digest") == body
    await tables.people.forget_message("digest")
    await tables.people.forget_message("digest")
    assert await tables.people.message("digest") is None


async def test_tables_out_of_reach_mean_not_yet_and_no_sleeping() -> None:
    nobody = (
        "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=bm90IGEga2V5;"
        "TableEndpoint=http://127.0.0.1:9/devstoreaccount1;"
    )
    opened = connect(_settings(nobody))
    with pytest.raises(NotYet, match="table tasks is out of reach") as away:
        await opened.tasks.get("r", "t")
    assert away.value.after > 0
    await opened.close()


async def test_creating_the_tables_again_changes_nothing(azurite: str) -> None:
    await create_all(azurite)
