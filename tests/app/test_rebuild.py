"""All tables are lost, and audit packs are not: they and the tenant make them again, and taking back knows what was ours."""

import copy
import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from devstack.tenant.control.act import act
from shared.nouns.errors import Refusal
from shared.nouns.partner import Partner
from shared.nouns.person import person_id
from shared.tables.parked import UNKNOWN_GUEST, ParkedItem
from shared.tables.partners import RESTORING
from shared.tables.requests import RequestState
from shared.verbs.exempt import exempt
from shared.verbs.rebuild import rebuild
from shared.views.journal import partner_journal
from tests.app.conftest import Stage
from tests.app.test_whole import FABRIKAM, listed
from tests.app.whole import FULL, carried_out, differences, few, picture, templates
from tests.rig import Rig, rig

WHO = "user operator"
ANA = "ana.trujillo@fabrikam.com"


async def exported(made: Rig) -> dict[str, Any]:
    """The pack, as it comes back from a file."""
    found: dict[str, Any] = json.loads(json.dumps(await partner_journal(made.world, FABRIKAM, rebuilding=True)))
    return found


def held(made: Rig, *names: str) -> dict[str, dict[Any, Any]]:
    """What the tables hold, but for what says only when or as what version something was written."""
    dropped = {"etag", "rested", "touched"}
    return {
        name: {key: {k: v for k, v in row.items() if k not in dropped} for key, row in made.tables[name].content.items()}
        for name in names
    }


@pytest.fixture
async def lost(stage: Stage, tmp_path: Path) -> tuple[Rig, dict[str, Any], Any]:
    """A whole partner was brought in, its pack exported, and all tables are gone; with what the tenant was like before."""
    had = await listed(stage, tmp_path)
    before = picture(stage.running)
    await carried_out(had, few(6, template="put-back"))
    pack = await exported(had)
    stage.running.services.tenant.clock.advance(3_600)
    made = rig(stage.running, ENTENTE_TEMPLATES=str(templates(tmp_path)))
    made.now = had.now
    assert not any(table.content for table in made.tables.values())
    return made, pack, before


async def test_tables_are_rebuilt_and_taking_back_leaves_the_tenant_as_it_was(
    stage: Stage, lost: tuple[Rig, dict[str, Any], Any]
) -> None:
    made, pack, before = lost
    assert "mia@contoso.com" in json.dumps(FULL["steps"]), "a group's owners are named by address"
    told = re.findall(r"[^\"\\\\ ]+@[^\"\\\\ ]+", json.dumps(pack))
    assert set(told) == {"mia@contoso.com", "noor@contoso.com"}, (
        "owners of groups, by which taking back tells them apart, and nobody else is"
    )
    there = picture(stage.running)
    plan = await rebuild(made.world, pack, WHO, apply=False)
    assert not any(table.content for table in made.tables.values()), "a plan writes nothing"
    assert (plan["applied"], plan["notes"]) == (False, [])
    assert plan["rebuilt"].items() >= {"partners": 1, "requests": 1, "guests": 6, "addresses": 6}.items()
    user = pack["records"]["guests"][0]["user"]
    await made.world.tables.parked.add(ParkedItem(f"{UNKNOWN_GUEST}:{user}", UNKNOWN_GUEST, "", user, "x", "x", made.now))
    done = await rebuild(made.world, pack, WHO, apply=True)
    assert done["rebuilt"] == plan["rebuilt"], "it does what was planned"
    assert not await made.world.tables.parked.all(), "nobody in it is unknown"
    once = copy.deepcopy(held(made, *made.tables))
    again = await rebuild(made.world, pack, WHO, apply=True)
    assert (again["rebuilt"], held(made, *made.tables)) == ({}, once), "doing it again changes nothing"
    assert differences(there, picture(stage.running)) == [], "nothing is written in the tenant"

    await carried_out(made, few(6, template="put-back", id="again", mode="plan"))
    await carried_out(made, few(0, template="put-back", id="off", action="offboard"))
    assert differences(before, picture(stage.running)) == []
    await made.close()


async def test_without_the_pack_what_was_ours_would_stay(stage: Stage, lost: tuple[Rig, dict[str, Any], Any]) -> None:
    made, _, before = lost
    await carried_out(made, few(6, template="put-back"))
    await carried_out(made, few(0, template="put-back", id="off", action="offboard"))
    assert differences(before, picture(stage.running)), "what is found in place counts as not made by us"
    await made.close()


async def test_a_pack_that_is_older_than_the_loss_takes_nothing_back_that_has_gone_since(stage: Stage, tmp_path: Path) -> None:
    made = await listed(stage, tmp_path)
    await carried_out(made, few(3, template="put-back"))
    pack = await exported(made)
    await carried_out(made, few(0, template="put-back", id="off", action="offboard"))
    now = held(made, "requests", "tasks")
    done = await rebuild(made.world, pack, WHO, apply=True)
    # Their rows are there: what was undone since stays undone.
    assert done["rebuilt"].keys() <= {"guests", "addresses"}
    assert held(made, "requests", "tasks") == now


async def test_a_running_request_gets_no_task_from_a_pack(stage: Stage, lost: tuple[Rig, dict[str, Any], Any]) -> None:
    """It would be carried out with the others, whoever has agreed to those."""
    made, pack, _ = lost
    request = pack["records"]["requests"][0]
    await rebuild(made.world, pack, WHO, apply=True)
    known = await made.world.tables.requests.get(request["row"]["RowKey"])
    assert known is not None
    await made.world.tables.requests.reopen(replace(known, state=RequestState.RUNNING))
    now = held(made, "tasks")
    request["tasks"].append(
        {**request["tasks"][0], "RowKey": "t|partner|add-to-group|x", "step": "add-to-group", "state": "ready"}
    )
    done = await rebuild(made.world, pack, WHO, apply=True)
    assert held(made, "tasks") == now
    assert done["notes"] == [f"Request {known.id} is under way, and left as it is"]
    await made.close()


async def test_what_is_on_record_stays_and_what_is_not_is_shown_before(
    stage: Stage, lost: tuple[Rig, dict[str, Any], Any]
) -> None:
    made, pack, _ = lost
    await rebuild(made.world, pack, WHO, apply=True)
    one = pack["records"]["guests"][0]
    guest = await made.world.tables.guests.get(FABRIKAM, one["person"])
    assert guest is not None
    kept = await exempt(made.world, guest, reason="on leave", owner=guest.sponsors[0], until=made.now.date(), who=WHO)
    now = held(made, "guests", "exemptions", "partners")
    one["claims"] = dict.fromkeys(one["claims"], "2030-01-01")
    one["exempt"] = {"reason": "x", "owner": "y", "until": "2030-01-01", "by": "z", "at": made.now.isoformat()}
    assert (await rebuild(made.world, pack, WHO, apply=True))["rebuilt"] == {}
    assert held(made, "guests", "exemptions", "partners") == now
    await made.world.tables.exemptions.remove(kept.partner, kept.person)
    one["claims"]["later"] = "2030-01-01"
    pack["records"]["partners"][0]["domains"].append("fabrikam.example")
    shown = await rebuild(made.world, pack, WHO, apply=False)
    assert shown["rebuilt"] == {"partners": 1, "claims": 1, "exemptions": 1}
    await made.close()


async def test_a_rebuild_that_died_leaves_no_turn_taken_once_it_is_done_again(
    stage: Stage, lost: tuple[Rig, dict[str, Any], Any]
) -> None:
    made, pack, _ = lost
    partner = pack["records"]["partners"][0]
    await made.world.tables.partners.take(Partner(FABRIKAM, partner["name"], tuple(partner["domains"])), RESTORING)
    await rebuild(made.world, pack, WHO, apply=True)
    known = await made.world.tables.partners.get(FABRIKAM)
    assert known is not None
    assert known.running == ""
    await made.close()


async def test_the_journal_says_who_has_put_which_pack_on_record(stage: Stage, lost: tuple[Rig, dict[str, Any], Any]) -> None:
    made, pack, _ = lost
    await rebuild(made.world, pack, WHO, apply=False)
    for _ in range(2):
        await rebuild(made.world, pack, WHO, apply=True)
    entries = (await partner_journal(made.world, "rebuilds"))["entries"]
    digest = hashlib.sha256(json.dumps(pack, sort_keys=True).encode()).hexdigest()
    assert [(entry["kind"], entry["who"], entry["after"]) for entry in entries] == [
        (kind, WHO, {"rebuilt": digest}) for kind in ("intent", "outcome")
    ], "a plan, and what finds everything there, are none"
    assert "6 guests" in entries[0]["note"]
    known = await made.world.tables.requests.get(pack["records"]["requests"][0]["row"]["RowKey"])
    assert known is not None
    called = known.header.model_copy(update={"partner": known.header.partner.model_copy(update={"name": "Rebuilds"})})
    await made.world.tables.requests.close(replace(known, header=called))
    assert (await partner_journal(made.world, "rebuilds"))["entries"] == entries, "a partner of that name is not mixed with it"
    await made.close()


async def test_who_is_not_there_any_more_or_is_somebody_else_is_told(stage: Stage, lost: tuple[Rig, dict[str, Any], Any]) -> None:
    made, pack, _ = lost
    emails = [guest["email"] for guest in few(6)["guests"]]
    users = {guest["person"]: guest["user"] for guest in pack["records"]["guests"]}
    second = users[person_id(made.world.settings.person_key, emails[1])]
    act(stage.running.services.tenant, {"do": "delete", "target": emails[0]})
    act(stage.running.services.tenant, {"do": "delete", "target": emails[1]})
    act(stage.running.services.tenant, {"do": "purge", "target": second})
    act(
        stage.running.services.tenant,
        {"do": "update", "target": emails[2], "set": {"mail": "new@fabrikam.com", "otherMails": []}},
    )
    act(stage.running.services.tenant, {"do": "update", "target": emails[3], "set": {"accountEnabled": False}})
    done = await rebuild(made.world, pack, WHO, apply=True)
    key = made.world.settings.person_key
    ids = [person_id(key, email) for email in emails]
    found = {one: await made.world.tables.guests.get(FABRIKAM, one) for one in ids}
    assert [one and one.stage for one in found.values()][:2] == ["deleted", "gone"]
    blocked = found[ids[3]]
    assert blocked is not None
    assert (blocked.stage, blocked.blocked_by) == ("blocked", "other"), "nobody of ours lets them in again"
    assert [await made.world.tables.people.get(one) is not None for one in ids] == [True, False, False, True, True, True]
    assert len(done["notes"]) == 2
    assert ids[1] in done["notes"][0] + done["notes"][1]
    assert not any("@" in note for note in done["notes"])
    await made.close()


async def test_days_and_exemptions_come_back(stage: Stage, tmp_path: Path) -> None:
    had = await listed(stage, tmp_path)
    await carried_out(had, few(2, template="put-back", until="2027-06-30"))
    sponsor = "bbbbbbbb-0000-4000-8000-000000000001"
    person = person_id(had.world.settings.person_key, few(2)["guests"][0]["email"])
    guest = await had.world.tables.guests.get(FABRIKAM, person)
    assert guest is not None
    held_back = await exempt(had.world, guest, reason="on leave", owner=sponsor, until=had.now.date(), who=WHO)
    pack = await exported(had)
    assert "@" not in json.dumps(pack["records"]["guests"]), "people are opaque ids"
    made = rig(stage.running, ENTENTE_TEMPLATES=str(templates(tmp_path)))
    await rebuild(made.world, pack, WHO, apply=True)
    before, after = guest, await made.world.tables.guests.get(FABRIKAM, person)
    assert after is not None
    assert (after.end, after.user, after.sponsors, set(after.claims)) == (
        before.end,
        before.user,
        before.sponsors,
        set(before.claims),
    )
    assert await made.world.tables.exemptions.get(FABRIKAM, person) == held_back
    await made.close()


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda pack: pack.pop("records"), "no audit pack"),
        (lambda pack: pack["records"].update(version=2), "must be 1"),
        (lambda pack: pack["records"]["guests"][0].pop("claims"), "damaged: KeyError 'claims'"),
        (lambda pack: pack["records"]["guests"][0].update(user="../users"), "no object id"),
        (lambda pack: pack["records"]["requests"][0]["row"].update(state="lost"), "damaged"),
        (lambda pack: pack["records"]["requests"][0]["tasks"][0].update(PartitionKey="other"), "is not of request"),
        (lambda pack: pack["entries"][0].update(key="t|partner|x|y"), "no key of a journal entry"),
    ],
)
async def test_what_is_no_pack_is_refused_whole(lost: tuple[Rig, dict[str, Any], Any], damage: Any, says: str) -> None:
    made, pack, _ = lost
    damage(pack)
    with pytest.raises(Refusal, match=says):
        await rebuild(made.world, pack, WHO, apply=True)
    assert not any(table.content for table in made.tables.values())
    await made.close()


async def test_a_pack_of_another_person_key_is_refused(
    stage: Stage, lost: tuple[Rig, dict[str, Any], Any], tmp_path: Path
) -> None:
    made, pack, _ = lost
    await made.close()
    other = rig(
        stage.running,
        ENTENTE_TEMPLATES=str(templates(tmp_path)),
        ENTENTE_PERSON_KEY="b3RoZXIga2V5LCBub3QgdGhlIG9uZSBvZiB0aGUgcGFjaw==",
    )
    with pytest.raises(Refusal, match="another ENTENTE_PERSON_KEY"):
        await rebuild(other.world, pack, WHO, apply=True)
    await other.close()
