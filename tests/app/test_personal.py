"""One person's data: all of it is told, nothing of it stays when they are forgotten, and the seals hold."""

import base64
import json
from datetime import date, timedelta
from typing import Any

import pytest

from shared.nouns.errors import Refusal
from shared.nouns.holdings import HOLDS
from shared.nouns.person import person_id
from shared.tables.asks import Asked
from shared.tables.drift import Drifted
from shared.tables.exemptions import Exemption
from shared.tables.heard import PutOff, Telling
from shared.tables.parked import ParkedItem
from shared.tables.runs import Candidate, Run, RunState
from shared.tables.store import TABLES
from shared.verbs.asks import ask, propose
from shared.verbs.park import park_message
from shared.verbs.personal import export_subject, forget
from shared.verbs.seal import seal
from shared.views.journal import person_journal
from tests.app.conftest import Stage
from tests.rig import Killed, Rig

ANA, BEA = "ana@fabrikam.com", "bea@fabrikam.com"
WORDS = "Dear Ana Silva, see you at the kick-off"
MIA = "bbbbbbbb-0000-4000-8000-000000000001"
REQUEST: dict[str, Any] = {
    "version": 1,
    "id": "fabrikam-1",
    "template": "joint-project",
    "partner": {"name": "Fabrikam", "domains": ["fabrikam.com"]},
    "groups": ["fabrikam-project"],
    "sponsors": [MIA],
    "until": "2027-12-31",
    "invitation": {"redirectUrl": "https://myapps.microsoft.com", "sendMail": True},
    "guests": [{"email": ANA, "name": "Ana Silva", "message": WORDS}, {"email": BEA, "name": "Bea Costa", "message": "Hi Bea"}],
}


async def lived_in(stage: Stage) -> Rig:
    """Everything that can be on record about Ana, and as much about Bea."""
    rig = await stage.fresh()
    await rig.settle(REQUEST)
    tables, now = rig.world.tables, rig.now
    request = await tables.requests.get("fabrikam-1")
    assert request is not None
    partner = request.partner_tenant
    run = Run(id="run-1", state=RunState.SENT, started=now, who="clock", apply=True, finished=now)
    await tables.runs.begin(run)
    for address in (ANA, BEA):
        person = person_id(rig.world.settings.person_key, address)
        guest = await tables.guests.get(partner, person)
        assert guest is not None
        await tables.index.note(partner, {guest.user: person})
        await tables.heard.save([Telling(guest.user, now, "0" * 32)])
        await tables.heard.put_off(PutOff(f"left {address[:3]}", "tenant-changes", json.dumps({"went": [guest.user]})))
        await ask(rig.world, "run-1", [Asked(partner, person, (MIA,), date(2027, 1, 1), date(2027, 1, 1), "ended")])
        await propose(rig.world, partner, person, to=MIA, who="x", why="y")
        await tables.exemptions.put(Exemption(partner, person, f"because of {address[:3]}", MIA, date(2027, 1, 1), "user x", now))
        await tables.runs.name(
            "run-1", [Candidate(partner, person, guest.user, "warn", "ended", "c", "w", "last signed in 2026-01-01")]
        )
        await tables.runs.note_page("run-1", 1 if address == ANA else 2, [json.dumps({"id": guest.user, "at": "2026-01-01"})])
        key = f"t|c00|invite-guest|{person}"
        await tables.parked.add(ParkedItem(f"task:r:{address[:3]}", "task", "r", key, "invite-guest", "why", now))
        drifted: dict[str, Any] = {
            "step": "invite-guest",
            "subject": person,
            "request": "fabrikam-1",
            "task": key,
            "before": {},
            "after": {},
        }
        await tables.drift.save(Drifted(partner=partner, id=address[:3], state="over", since=now, seen=now, **drifted))
        await park_message(rig.world, "invite-guest", json.dumps({"x": address.upper()}).encode(), "nobody can use it")
    await seal(rig.world)
    return rig


def everything(rig: Rig) -> str:
    """All that the tables say, with what is packed in them."""
    told = []
    for name, table in rig.tables.items():
        for row in table.content.values():
            text = json.dumps({key: str(value) for key, value in row.items()}, ensure_ascii=False)
            if name == "people" and row["PartitionKey"] == "message":
                text += base64.b64decode("".join(str(row[key]) for key in sorted(row) if key.startswith("body"))).decode()
            told.append(text)
    return "\n".join(told).lower()


def test_every_table_says_what_it_holds_about_people() -> None:
    assert set(HOLDS) == set(TABLES)


async def test_the_journal_never_names_anybody(stage: Stage) -> None:
    rig = await lived_in(stage)
    entries = [row for (_, key), row in rig.tables["tasks"].content.items() if key.startswith("j|")]
    assert entries
    for row in entries:
        assert not any(word in json.dumps(row, default=str).lower() for word in ("ana@", "silva", "bea@", "costa", "kick-off"))


async def test_everything_about_a_person_is_told_and_nothing_about_others(stage: Stage) -> None:
    rig = await lived_in(stage)
    found = await export_subject(rig.world, "Ana@Fabrikam.com ", "user op")
    assert (found["address"], found["name"], found["known"]) == (ANA, "Ana Silva", True)
    held = {row["table"] for row in found["rows"]}
    assert held == {name for name, what in HOLDS.items() if "guests by opaque" in what or name in {"people", "heard"}} - {"seals"}
    assert [each["state"] for each in found["account"]] == ["there"]
    told = json.dumps(found).lower()
    assert "kick-off" in told
    assert "2026-01-01" in told
    others = person_id(rig.world.settings.person_key, BEA)
    assert others not in json.dumps([row["content"] for row in found["rows"] if not row["key"].startswith(("t|", "j|"))])
    for word in ("bea@", "costa", "hi bea"):
        assert word not in told
    # Everything that the tables say of them by id is told.
    person = found["person"]
    rows = {(row["table"], row["partition"], row["key"]) for row in found["rows"]}
    missing = [
        (name, *spot)
        for name, table in rig.tables.items()
        for spot, row in table.content.items()
        if person in json.dumps({key: str(value) for key, value in row.items()}) and (name, *spot) not in rows and name != "seals"
    ]
    assert [spot for spot in missing if "export-subject" not in spot[2]] == []
    assert any(key.startswith("j|") and "|export-subject|" in key for _, key in rig.tables["tasks"].content), (
        "it was read: on record"
    )


async def test_who_is_forgotten_is_nowhere_and_the_seals_hold(stage: Stage) -> None:
    rig = await lived_in(stage)
    before = everything(rig)
    assert all(word in before for word in (ANA, "ana silva", "kick-off", BEA))
    with pytest.raises(Refusal, match="still in the directory"):
        await forget(rig.world, ANA, "user op", reason="asked for it")
    assert everything(rig) == before
    found = await forget(rig.world, ANA, "user op", reason="asked for it", force=True)
    assert found["erased"].keys() >= {"people", "guests", "asks", "exemptions", "runs", "tasks", "heard"}
    after = everything(rig)
    assert len(rig.tables["heard"].content) == 2, "those of the other"
    for word in (ANA, "silva", "kick-off", "because of ana"):
        assert word not in after, word
    assert all(word in after for word in (BEA, "bea costa", "hi bea", "because of bea"))
    rig.now += timedelta(days=2)
    await seal(rig.world)
    told = await person_journal(rig.world, found["person"], verified=True)
    assert told["verification"]["holds"]
    assert {entry["step"] for entry in told["entries"]} >= {"invite-guest", "forget-person"}
    # Once more changes nothing more, and raises nothing.
    again = await forget(rig.world, ANA, "user op", reason="asked again")
    assert again["erased"] == {}


async def test_who_is_forgotten_with_a_death_at_any_call_is_nowhere_in_the_end(stage: Stage) -> None:
    rig = await lived_in(stage)
    tables = {name: dict(table.content) for name, table in rig.tables.items()}
    reached = True
    at = 1
    while reached:
        for name, table in rig.tables.items():
            table.content = dict(tables.get(name, {}))
        rig.border.calls, rig.border.kill_at, rig.border.kill_after_effect = 0, at, bool(at % 2)
        try:
            await forget(rig.world, ANA, "user op", reason="asked for it", force=True)
            reached = False
        except Killed:
            pass
        rig.border.kill_at = None
        await forget(rig.world, ANA, "user op", reason="asked for it", force=True)
        after = everything(rig)
        assert not any(word in after for word in (ANA, "silva", "kick-off", "because of ana"))
        at += 3


async def test_what_is_under_way_is_not_pulled_away(stage: Stage) -> None:
    rig = await stage.fresh()
    rig.submit(REQUEST)
    await rig.deliver_until(lambda: any(key.startswith("t|") for _, key in rig.tables["tasks"].content))
    with pytest.raises(Refusal, match="still under way"):
        await forget(rig.world, ANA, "user op", reason="asked for it", force=True)


@pytest.mark.parametrize(("said", "reason"), [("nobody", "why"), ("", "why"), (ANA, " ")])
async def test_bad_input_is_refused(stage: Stage, said: str, reason: str) -> None:
    rig = await stage.fresh()
    with pytest.raises(Refusal):
        await forget(rig.world, said, "user op", reason=reason)


async def test_nobody_on_record_has_nothing(stage: Stage) -> None:
    rig = await stage.fresh()
    found = await export_subject(rig.world, "nobody@fabrikam.com", "user op")
    assert (found["known"], found["rows"]) == (False, [])
