"""What a process remembers between reactions saves questions, and changes no answer that matters."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from shared.bus import OUT_OF_REACH_SECONDS, Bus, Envelope
from shared.nouns.changes import Change, Source
from shared.nouns.outcomes import NotYet
from shared.nouns.partner import Partner
from shared.settings import Settings
from shared.tables.guest_index import PARTITION, SPONSORS_SEEN
from shared.tenant.calls import low_priority, recording
from shared.verbs.listed import KEPT, PARTNERS_SEEN
from shared.verbs.telling import told
from tests.app.conftest import Stage
from tests.app.test_react import FABRIKAM, LI, MIA, NORTHWIND, by_hand, heard, notice, onboarded, row, user
from tests.rig import Killed, Rig, settings

STRANGER = "who@northwind.com"


def asked(rig: Rig, since: int, what: str) -> int:
    return rig.border.log[since:].count(what)


async def listed(stage: Stage) -> tuple[Rig, str]:
    rig = await stage.fresh()
    by_hand(stage, "invite", STRANGER, by="mia@contoso.com", sponsors=[])
    guest = user(stage, STRANGER)
    await heard(rig, guest)
    assert ("parked", f"unknown-guest:{guest}") in rig.tables["parked"].content
    # From here on it knows which partners there are.
    await heard(rig, guest)
    return rig, guest


async def test_a_listed_guest_is_read_and_nothing_else(stage: Stage) -> None:
    rig, guest = await listed(stage)
    await heard(rig, guest)
    rig.now += timedelta(seconds=1)
    before = len(rig.border.log)
    await heard(rig, guest)
    assert asked(rig, before, "tenant.GET") == 1
    assert asked(rig, before, "parked.get") == asked(rig, before, "people.rows") == 0


async def test_a_listed_guest_is_adopted_as_soon_as_their_partner_is_seen_to_be_on_record(stage: Stage) -> None:
    rig, guest = await listed(stage)
    partners = rig.world.tables.partners
    await partners.note_request(NORTHWIND, "n-1", rig.now)
    rig.now += PARTNERS_SEEN
    # Between the two writes that put a partner on record.
    await heard(rig, guest)
    await partners.take(Partner(NORTHWIND, "Northwind", ("northwind.com",)), "n-1")
    await heard(rig, guest)
    assert row(rig, STRANGER, NORTHWIND)["origin"] == "adopted"


async def test_after_a_while_or_under_another_address_a_listed_guest_is_looked_into_again(stage: Stage) -> None:
    rig, guest = await listed(stage)
    await heard(rig, guest)
    for change in ("time", "address"):
        if change == "time":
            rig.now += KEPT
        else:
            by_hand(stage, "update", guest, set={"mail": "other@northwind.com", "otherMails": []})
        before = len(rig.border.log)
        await heard(rig, guest)
        assert asked(rig, before, "parked.get") == 1, change


async def test_what_a_person_or_a_delta_query_asks_for_is_always_looked_into(stage: Stage) -> None:
    rig, guest = await listed(stage)
    sources: tuple[Source, ...] = ("timer", "delta")
    for source in sources:
        before = len(rig.border.log)
        rig.bus.enqueue(told(Change(kind="user", id=guest, seen=rig.now, source=source, mark=source)))
        await rig.deliver_all()
        assert asked(rig, before, "parked.get") == 1


async def test_who_stands_for_guests_is_asked_once_a_minute_and_known_at_once_to_who_noted_it(stage: Stage) -> None:
    rig = await stage.fresh()
    index = rig.world.tables.index
    assert not await index.is_sponsor(LI, rig.now)
    before = len(rig.border.log)
    assert not await index.is_sponsor(LI, rig.now + SPONSORS_SEEN - timedelta(seconds=1))
    assert asked(rig, before, "guests.rows") == 0
    await index.note(FABRIKAM, {}, sponsors=[LI.upper()])
    assert await index.is_sponsor(LI, rig.now)
    # By another process.
    rig.tables["guests"].content[PARTITION, f"s|{MIA}|{FABRIKAM}"] = {"RowKey": f"s|{MIA}|{FABRIKAM}", "etag": "1"}
    assert not await index.is_sponsor(MIA, rig.now)
    assert await index.is_sponsor(MIA, rig.now + SPONSORS_SEEN)
    assert await index.is_sponsor(LI, rig.now + SPONSORS_SEEN)


async def test_a_sponsor_noted_while_sponsors_are_read_is_one(stage: Stage) -> None:
    rig = await stage.fresh()
    index = rig.world.tables.index
    reading = asyncio.create_task(index.is_sponsor(LI, rig.now))
    await asyncio.gather(reading, index.note(FABRIKAM, {}, sponsors=[MIA]))
    assert await index.is_sponsor(MIA, rig.now)


@pytest.mark.parametrize("deed", ["disable", "delete"])
async def test_a_sponsor_whom_another_process_has_just_noted_is_not_missed_when_they_go(stage: Stage, deed: str) -> None:
    rig = await onboarded(stage)
    index = rig.world.tables.index
    assert not await index.is_sponsor(LI, rig.now)
    rig.tables["guests"].content[PARTITION, f"s|{LI}|{FABRIKAM}"] = {"RowKey": f"s|{LI}|{FABRIKAM}", "etag": "1"}
    assert not await index.is_sponsor(LI, rig.now)
    if deed == "delete":
        by_hand(stage, "delete", LI)
    else:
        by_hand(stage, "update", LI, set={"accountEnabled": False})
    notice(rig, LI)
    await rig.run(rig.bus.waiting.pop().envelope)
    assert await index.leaver(LI)


async def test_reads_that_meet_share_a_batch_and_each_has_its_own_answer(stage: Stage) -> None:
    rig = await onboarded(stage, guests=6)
    ids = [user(stage, f"g{number}@fabrikam.com") for number in range(6)]
    by_hand(stage, "delete", ids[4])
    nobody = "bbbbbbbb-0000-4000-8000-0000000000ff"
    before = len(rig.border.log)
    sightings = rig.world.tenant.sightings
    found = await asyncio.gather(*(sightings.user(one) for one in [*ids, nobody]))
    assert [one.id if one else None for one in found] == [*ids, None]
    assert [one.deleted for one in found if one] == [False] * 4 + [True, False]
    assert asked(rig, before, "tenant.POST") >= 1
    alone = [await sightings.user(one) for one in [*ids, nobody]]
    assert alone == found


async def test_who_records_calls_or_can_wait_shares_no_batch(stage: Stage) -> None:
    rig = await onboarded(stage, guests=4)
    ids = [user(stage, f"g{number}@fabrikam.com") for number in range(4)]
    for apart in (recording, low_priority):
        before = len(rig.border.log)
        with apart():
            await asyncio.gather(*(rig.world.tenant.sightings.user(one) for one in ids))
        assert asked(rig, before, "tenant.POST") == 0
        assert asked(rig, before, "tenant.GET") == 4


async def test_where_a_batch_is_lost_everybody_hears_it_and_the_next_one_is_read(stage: Stage) -> None:
    rig = await onboarded(stage, guests=6)
    ids = [user(stage, f"g{number}@fabrikam.com") for number in range(6)]
    sightings = rig.world.tenant.sightings
    # Two go out alone, the third call is the batch of the others.
    rig.border.kill_at = rig.border.calls + 3
    found = await asyncio.gather(*(sightings.user(one) for one in ids), return_exceptions=True)
    assert [type(one) for one in found[2:]] == [Killed] * 4
    assert [one.id for one in await asyncio.gather(*(sightings.user(one) for one in ids)) if one] == ids


class _Sending(Bus):
    """A bus whose link takes as long as the test likes."""

    def __init__(self, known: Settings) -> None:
        super().__init__(known)
        self.sent: list[list[str]] = []
        self.free = asyncio.Event()
        self.broken: Exception | None = None

    async def _send_to(self, queue: str, messages: Sequence[Any]) -> None:
        await self.free.wait()
        if self.broken is not None:
            raise self.broken
        self.sent.append([str(message.message_id) for message in messages])


def bus() -> _Sending:
    return _Sending(settings("11111111-1111-1111-1111-111111111111"))


async def sending(sender: _Sending, *names: str) -> list[asyncio.Task[None]]:
    tasks = [asyncio.create_task(sender.send([Envelope("q", name, "{}")])) for name in names]
    # All of them have come as far as the link.
    for _ in range(10):
        await asyncio.sleep(0)
    return tasks


async def test_messages_that_wait_for_a_link_go_together() -> None:
    sender = bus()
    tasks = await sending(sender, "a", "b", "c")
    sender.free.set()
    await asyncio.gather(*tasks)
    assert sorted(name for group in sender.sent for name in group) == ["a", "b", "c"]
    assert len(sender.sent) == 2


async def test_who_waits_for_a_link_hears_that_it_broke() -> None:
    sender = bus()
    tasks = await sending(sender, "a", "b", "c")
    sender.broken = NotYet("broken", after=OUT_OF_REACH_SECONDS)
    sender.free.set()
    assert [type(one) for one in await asyncio.gather(*tasks, return_exceptions=True)] == [NotYet] * 3


async def test_one_who_is_broken_off_leaves_nobody_behind() -> None:
    sender = bus()
    tasks = await sending(sender, "a", "b", "c", "d")
    tasks[0].cancel()
    for _ in range(10):
        await asyncio.sleep(0)
    tasks[1].cancel()
    for _ in range(10):
        await asyncio.sleep(0)
    sender.free.set()
    await asyncio.gather(*tasks[2:])
    assert {"c", "d"} <= {name for group in sender.sent for name in group}


async def test_a_message_too_large_fails_alone() -> None:
    from azure.servicebus.exceptions import MessageSizeExceededError

    class Small(_Sending):
        async def _send_to(self, queue: str, messages: Sequence[Any]) -> None:
            await self.free.wait()
            if any(message.message_id == "large" for message in messages):
                raise MessageSizeExceededError
            await super()._send_to(queue, messages)

    sender = Small(settings("11111111-1111-1111-1111-111111111111"))
    tasks = await sending(sender, "a", "large", "c")
    sender.free.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(one) for one in found] == [type(None), MessageSizeExceededError, type(None)]
    assert sender.sent == [["a"], ["c"]]
