"""What a hostile sender, a crash at a bad moment or a long life could do to the core, and does not."""

import asyncio
import contextlib
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.bus import Envelope
from shared.nouns.errors import Refusal
from shared.nouns.messages import Attempt
from shared.nouns.outcomes import NotYet
from shared.nouns.request import domain_name, email_address, read_request
from shared.nouns.task import TaskState
from shared.tables.parked import ParkedItem
from shared.tables.requests import RequestState
from shared.tables.store import Insert, Merge
from shared.tables.together import Together
from shared.verbs.accept import accept
from shared.verbs.asker import asker, sign
from shared.verbs.control import cancel, pause
from shared.verbs.finish import begin_next, finish
from shared.verbs.park import park_dead_letter
from shared.verbs.parts_due import parts_due
from shared.verbs.sweep import sweep
from shared.views.status import request_status
from tests.app.conftest import Stage
from tests.app.test_killed import assert_converged, request
from tests.app.whole import templates
from tests.rig import Border, MemoryTable, Rig

FABRIKAM = "fabrikam-1"


def named(name: str, guests: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return request(guests, "supplier") | {"id": name} | more


async def state_of(rig: Rig, name: str) -> RequestState:
    found = await rig.world.tables.requests.get(name)
    assert found is not None
    return found.state


@pytest.mark.parametrize("address", ["ana\n@fabrikam.com", "ana@fabrikam\n.com", "ana@x.fabrikam\n.com"])
def test_no_address_has_a_line_break(address: str) -> None:
    with pytest.raises(ValueError, match="is not"):
        email_address(address)


@pytest.mark.parametrize(
    "name",
    [
        "refused-202612",
        "rebuilds-202612",
        "cleanup-decisions-202612",
        "cleanup.20261201.x",
        "guests-aaaaaaaa-0000-4000-8000-000000000001-202612",
        "block-AAAAAAAA-0000-4000-8000-000000000001-20261201T000000",
    ],
)
def test_no_request_has_the_name_of_a_record_of_our_own(name: str) -> None:
    """It would be ended by the next entry there, and told under the name that the record has."""
    with pytest.raises(Refusal, match=r"id: .*the app's own"):
        read_request(named(name, []))


@pytest.mark.parametrize("name", ["refused-1", "guests-2026", "cleanup-1", "block-fabrikam"])
def test_other_names_are_free(name: str) -> None:
    assert read_request(named(name, [])).header.id == name


def test_no_domain_or_link_has_a_line_break() -> None:
    with pytest.raises(ValueError, match="is not a domain"):
        domain_name("fabrikam\n.com")
    raw = named("r", [], invitation={"redirectUrl": "https://myapps.microsoft.com/\n"})
    with pytest.raises(Refusal, match=r"invitation\.redirectUrl"):
        read_request(raw)


async def test_a_sponsor_with_a_line_break_is_refused_by_field(stage: Stage) -> None:
    rig = await stage.fresh()
    rig.submit(named("r", [], sponsors=["bbbbbbbb-0000-4000-8000-000000000001\n"]))
    await rig.deliver_all()
    [item] = await rig.world.tables.parked.all()
    assert item.kind == "refused"
    assert item.reason.startswith("sponsors[0]")


async def test_a_forged_signature_is_no_signature_whatever_it_is_made_of(stage: Stage) -> None:
    rig = await stage.fresh()
    assert asker(rig.world, "user someone", "ä" * 64, b"{}") == "queue partner-requests"
    assert asker(rig.world, "user ä", sign(rig.world, "user ä", b"{}"), b"{}") == "user ä"


async def test_an_attempt_that_nobody_has_come_near_is_parked_and_the_task_goes_on(stage: Stage) -> None:
    rig = await stage.fresh()
    wanted = request([{"email": "ana@fabrikam.com"}], "supplier")
    rig.submit(wanted)
    await rig.run(rig.bus.waiting.pop(0).envelope)
    [invite] = [
        row["RowKey"] for (_, key), row in rig.tables["tasks"].content.items() if "|invite-guest|" in key and key[0] == "t"
    ]
    forged = Attempt(request=FABRIKAM, task=invite, attempt=10_000)
    await rig.run(Envelope(queue="invite-guest", message_id="forged", body=forged.model_dump_json()))
    [item] = await rig.world.tables.parked.all()
    assert item.kind == "message"
    await rig.world.tables.parked.remove(item.id)
    await rig.deliver_all()
    assert_converged(stage.running, rig, wanted)


async def test_a_cancelled_request_ends_although_a_part_never_came_and_says_so_when_it_comes(stage: Stage) -> None:
    rig = await stage.fresh()
    rig.submit(named("split", [{"email": "ana@fabrikam.com"}], part=1, parts=2))
    await rig.deliver_all()
    rig.submit(named("next", [{"email": "bo@fabrikam.com"}]))
    await rig.deliver_all()
    assert await state_of(rig, "next") is RequestState.QUEUED
    await cancel(rig.world, "split", "a person")
    await rig.deliver_all()
    assert await state_of(rig, "split") is RequestState.CANCELLED
    assert await state_of(rig, "next") is RequestState.DONE
    rig.submit(named("split", [{"email": "cy@fabrikam.com"}], part=2, parts=2, offset=1))
    await rig.deliver_all()
    [refused] = await rig.world.tables.parked.refusals("split")
    assert "ended" in refused.reason


async def test_a_part_that_does_not_come_is_told_of_and_holds_no_leaving_up(stage: Stage, tmp_path: Any) -> None:
    rig = await stage.fresh(ENTENTE_TEMPLATES=str(templates(tmp_path)))
    first = named("split", [{"email": "ana@fabrikam.com"}], template="freely", part=1, parts=3)
    rig.submit(first)
    await rig.deliver_all()
    await parts_due(rig.world)
    assert await rig.world.tables.parked.waiting() == [], "it may still come"
    rig.now += timedelta(hours=2)
    for _ in range(2):
        await parts_due(rig.world)
    (item,) = await rig.world.tables.parked.waiting()
    assert "waits for parts 2 and 3 of 3" in item.reason
    told = await request_status(rig.world, "split")
    assert told is not None
    assert (told["state"], "send the whole request again" in told["reason"]) == ("running", True)
    rig.submit(named("off", [], template="freely", action="offboard"))
    await rig.deliver_all()
    told = await request_status(rig.world, "off")
    assert told is not None
    assert (told["state"], told["behind"]) == ("queued", "split")
    await parts_due(rig.world)
    await rig.deliver_all()
    assert await state_of(rig, "split") is RequestState.CANCELLED
    assert await state_of(rig, "off") is RequestState.DONE
    assert await rig.world.tables.parked.waiting() == []
    rig.submit({**first, "part": 2, "offset": 1})
    await rig.deliver_all()
    assert "ended" in (await rig.world.tables.parked.refusals("split"))[0].reason


async def test_a_queued_request_ends_although_a_cohort_of_it_was_settled_before_it_began(stage: Stage) -> None:
    rig = await stage.fresh()
    rig.submit(named("first", [{"email": "ana@fabrikam.com"}], part=1, parts=2))
    await rig.deliver_all()
    again = [{"email": "bo@fabrikam.com"}]
    rig.submit(named("second", again, part=1, parts=2))
    rig.submit(named("second", again, part=2, parts=2, offset=1))
    await rig.deliver_all()
    rig.submit(named("first", [{"email": "cy@fabrikam.com"}], part=2, parts=2, offset=1))
    await rig.deliver_all()
    assert await state_of(rig, "second") is RequestState.STOPPED


async def test_the_sweep_closes_a_cohort_whose_last_word_was_lost(stage: Stage) -> None:
    rig = await stage.fresh()
    rig.submit(named("r", [{"email": "ana@fabrikam.com"}]))
    while not any(row.get("state") == "done" for row in rig.tables["tasks"].content.values()):
        await rig.run(rig.bus.waiting.pop(0).envelope)
    tasks = rig.tables["tasks"].content
    # As after a crash, or a message that was dead-lettered, between the last row and what follows from it.
    open_mark = next({"PartitionKey": "r", "RowKey": key} for (_, key) in tasks if key.startswith("t|"))
    await rig.world.tables.tasks._table.write(Merge({"PartitionKey": "r", "RowKey": f"o|{open_mark['RowKey'].split('|')[1]}"}))
    for due in list(rig.bus.waiting):
        rig.bus.waiting.remove(due)
    rig.now += timedelta(seconds=2_000)
    await sweep(rig.world)
    await rig.deliver_all()
    assert await state_of(rig, "r") is RequestState.DONE


async def test_a_turn_that_an_ended_request_holds_is_given_on(stage: Stage) -> None:
    rig = await stage.fresh()
    rig.submit(named("first", [{"email": "ana@fabrikam.com"}]))
    await rig.deliver_all()
    first = await rig.world.tables.requests.get("first")
    assert first is not None
    known = await rig.world.tables.partners.get(first.partner_tenant)
    assert known is not None
    # A copy of its message that was accepted while it was ending takes the turn after it was given back.
    await rig.world.tables.partners.take(known.partner, "first")
    rig.submit(named("second", [{"email": "bo@fabrikam.com"}]))
    await rig.deliver_all()
    assert await state_of(rig, "second") is RequestState.DONE


async def test_a_wrong_template_leaves_no_request_behind_that_never_ends(stage: Stage, tmp_path: Any) -> None:
    text = 'name = "odd"\nversion = 1\ndescription = "x"\nsteps = ["invite-guest"]\nredirect_hosts = ["a.example"]\n'
    (tmp_path / "odd.toml").write_text(text)
    rig = await stage.fresh(ENTENTE_TEMPLATES=tmp_path)
    rig.submit(request([{"email": "ana@fabrikam.com"}], "odd"))
    await rig.deliver_all()
    assert await rig.world.tables.requests.get(FABRIKAM) is None
    assert len(await rig.world.tables.parked.refusals(FABRIKAM)) == 1


async def test_a_request_of_one_day_is_not_late_because_its_second_part_came_after_midnight(stage: Stage) -> None:
    rig = await stage.fresh()
    day = rig.now.date().isoformat()
    rig.submit(named("r", [{"email": "ana@fabrikam.com"}], part=1, parts=2, until=day))
    await rig.deliver_all()
    rig.now += timedelta(days=1)
    rig.submit(named("r", [{"email": "bo@fabrikam.com"}], part=2, parts=2, offset=1, until=day))
    await rig.deliver_all()
    assert await state_of(rig, "r") is RequestState.DONE


class Away:
    """The table service is out of reach while this is open."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig

    def __enter__(self) -> None:
        self._cross = self._rig.border.cross

        async def cross(what: str, effect: Any) -> Any:
            if what.split(".", maxsplit=1)[0] in self._rig.tables:
                raise NotYet("tables are out of reach", after=5, effect_unknown=True)
            return await self._cross(what, effect)

        self._rig.border.cross = cross  # type: ignore[method-assign]  # the border of this test

    def __exit__(self, *_: object) -> None:
        self._rig.border.cross = self._cross  # type: ignore[method-assign]


async def test_what_cannot_be_written_down_now_is_written_down_later(stage: Stage) -> None:
    rig = await stage.fresh()
    rig.submit(named("r", []))
    await rig.deliver_all()
    with Away(rig):
        await accept(rig.world, b"not JSON", "queue partner-requests")
        await finish(rig.world, "r")
        await park_dead_letter(rig.world, b"strange", "invite-guest", "MaxDeliveryCountExceeded")
    assert sorted(due.envelope.queue for due in rig.bus.waiting) == ["finish-request", "parked", "partner-requests"]
    [dead] = [due.envelope for due in rig.bus.waiting if due.envelope.queue == "parked"]
    assert dead.properties["source"] == "invite-guest"
    assert dead.properties["reason"] == "MaxDeliveryCountExceeded"


async def test_a_task_that_was_begun_before_a_pause_is_not_lost_by_a_cancellation(stage: Stage) -> None:
    rig = await stage.fresh(stale_reads=2)
    rig.submit(named("r", [{"email": "ana@fabrikam.com"}]))
    while not any(json.loads(row.get("intents", "[]")) for row in rig.tables["tasks"].content.values()):
        await rig.run(rig.bus.waiting.pop(0).envelope)
    await pause(rig.world, "r", "a person")
    rig.world._seen.clear()
    await rig.deliver_all()
    await cancel(rig.world, "r", "a person")
    await rig.deliver_all()
    assert await state_of(rig, "r") is RequestState.CANCELLED
    states = {row["state"] for (_, key), row in rig.tables["tasks"].content.items() if "|invite-guest|" in key and key[0] == "t"}
    assert states == {TaskState.DONE}


async def test_a_plan_that_is_refused_is_told_and_waits_for_nobody(stage: Stage) -> None:
    rig = await stage.fresh()
    for name, mode in (("looked", "plan"), ("meant", "apply")):
        await rig.settle(named(name, [], mode=mode, template="unheard-of"))
        told = await request_status(rig.world, name)
        assert told is not None
        assert told["state"] == "refused"
        assert "template" in told["refusals"][0]
    assert [item.request for item in await rig.world.tables.parked.waiting()] == ["meant"]
    assert {item.request for item in await rig.world.tables.parked.all()} == {"looked", "meant"}, "both have their time and go"


async def test_refusals_hide_no_stopped_task(stage: Stage) -> None:
    rig = await stage.fresh()
    item = ParkedItem("", "refused", "r", "", "", "why", rig.now)
    for number in range(30):
        await rig.world.tables.parked.add(replace(item, id=f"refused:r:{number}"))
    await rig.world.tables.parked.add(replace(item, id="task:r:1", kind="task", since=rig.now + timedelta(hours=1)))
    assert "task:r:1" in {found.id for found in await rig.world.tables.parked.all(most=10)}


async def test_a_request_that_was_accepted_after_all_is_no_longer_listed_as_refused(stage: Stage, tmp_path: Any) -> None:
    rig = await stage.fresh(ENTENTE_TEMPLATES=tmp_path)
    wanted = named("r", [{"email": "ana@fabrikam.com"}])
    rig.submit(wanted)
    await rig.deliver_all()
    assert len(await rig.world.tables.parked.all()) == 1
    real = (await stage.fresh()).world.settings.templates / "supplier.toml"
    rig = stage.made[0]
    await rig.world.tables.parked.add(item := ParkedItem("refused:r:x", "refused", "r", "x", "", "why", rig.now))
    await rig.world.tables.parked.remove(item.id)
    templates = tmp_path / "installed"
    templates.mkdir()
    rig = await stage.fresh(ENTENTE_TEMPLATES=templates)
    rig.submit(wanted)
    await rig.deliver_all()
    assert len(await rig.world.tables.parked.all()) == 1
    (templates / "supplier.toml").write_text(real.read_text())
    rig.submit(wanted)
    await rig.deliver_all()
    assert await state_of(rig, "r") is RequestState.DONE
    assert await rig.world.tables.parked.all() == []


async def test_one_who_stops_waiting_takes_nobody_elses_write_along() -> None:
    border = Border()
    together = Together(MemoryTable("tasks", border))
    first = asyncio.create_task(together.write(Insert({"PartitionKey": "r", "RowKey": "1"})))
    others = [asyncio.create_task(together.write(Insert({"PartitionKey": "r", "RowKey": str(n)}))) for n in (2, 3)]
    await asyncio.sleep(0)
    others[0].cancel()
    await first
    assert len(await others[1]) == 1
    with contextlib.suppress(asyncio.CancelledError):
        await others[0]


class Choosy(MemoryTable):
    async def write(self, *writes: Any) -> list[str]:
        if any("huge" in write.row for write in writes):
            raise ValueError("the property value is larger than allowed")
        return await super().write(*writes)


async def test_a_row_that_the_service_never_takes_fails_alone() -> None:
    together = Together(Choosy("tasks", Border()))
    rows: list[dict[str, Any]] = [{"PartitionKey": "r", "RowKey": str(n)} for n in range(3)]
    rows[1]["huge"] = True
    answers = await asyncio.gather(*(together.write(Insert(row)) for row in rows), return_exceptions=True)
    assert [isinstance(answer, ValueError) for answer in answers] == [False, True, False]


async def test_a_turn_that_ended_with_its_request_stays_free(stage: Stage) -> None:
    rig = await stage.fresh()
    rig.submit(named("first", [{"email": "ana@fabrikam.com"}]))
    await rig.deliver_all()
    first = await rig.world.tables.requests.get("first")
    assert first is not None
    await begin_next(rig.world, first.partner_tenant)
    known = await rig.world.tables.partners.get(first.partner_tenant)
    assert known is not None
    assert known.running == ""


async def test_a_request_in_any_alphabet_fits_into_its_rows(stage: Stage) -> None:
    rig = await stage.fresh()
    scopes = ["\u4e00" * 256 for _ in range(80)]
    rig.submit(request([]) | {"steps": {"set-organization-relationship": {"MailboxMovePublishedScopes": scopes}}})
    await rig.run(rig.bus.waiting.pop(0).envelope)
    rows = [row for (_, key), row in rig.tables["tasks"].content.items() if key.startswith("t|")]
    assert len(rows) == 1
    # https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model: 64 KB in UTF-16
    assert max(len(value) for value in rows[0].values() if isinstance(value, str)) <= 32_000


async def test_a_request_that_is_taken_up_while_it_ends_is_open(stage: Stage) -> None:
    rig = await stage.fresh()
    rig.submit(named("r", [{"email": "ana@fabrikam.com"}]))
    while (due := rig.bus.waiting.pop(0)).envelope.queue != "finish-request":
        await rig.run(due.envelope)
    cross, tasks = rig.border.cross, rig.tables["tasks"]
    cohort = next(key.split("|")[1] for (_, key) in tasks.content if key.startswith("t|"))

    async def taken_up_before(what: str, effect: Any) -> Any:
        if what == "requests.write" and ("closed", "r") not in rig.tables["requests"].content:
            tasks._write([Insert({"PartitionKey": "r", "RowKey": f"o|{cohort}"})])
        return await cross(what, effect)

    rig.border.cross = taken_up_before  # type: ignore[method-assign]  # the border of this test
    await rig.run(due.envelope)
    assert await state_of(rig, "r") is RequestState.RUNNING
