"""What others do in the tenant, by hand, is answered by rule: over the simulated tenant, whose notices come as messages."""

from datetime import timedelta
from typing import Any

import pytest

from devstack.tenant.audit import AuditedChange
from devstack.tenant.control.act import act, redeem
from devstack.tenant.seed_objects import find
from shared.nouns.changes import Change
from shared.nouns.person import person_id
from shared.verbs.advance import advance
from shared.verbs.telling import told
from tests.app.conftest import Stage
from tests.rig import Rig

FABRIKAM = "22222222-2222-2222-2222-222222222222"
NORTHWIND = "33333333-3333-3333-3333-333333333333"
READERS = "aaaaaaaa-0000-4000-8000-000000000002"
PROJECT = "aaaaaaaa-0000-4000-8000-000000000001"
MIA, NOOR, LI = (f"bbbbbbbb-0000-4000-8000-00000000000{number}" for number in (1, 2, 3))


def request(name: str = "f-1", template: str = "supplier", guests: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "id": name,
        "template": template,
        "partner": {"name": "Fabrikam", "domains": ["fabrikam.com"]},
        "sponsors": ["mia@contoso.com"],
        "groups": ["partner-readers"],
        "guests": [{"email": f"g{number}@fabrikam.com", "name": f"Guest {number}"} for number in range(guests)],
        **more,
    }


async def onboarded(stage: Stage, *, stale: int = 0, **more: Any) -> Rig:
    rig = await stage.fresh(stale_reads=stale)
    await rig.settle(request(**more))
    assert not rig.bus.waiting
    return rig


def by_hand(stage: Stage, do: str, target: str, **more: Any) -> None:
    act(stage.running.services.tenant, {"do": do, "target": target, **more})


def user(stage: Stage, address: str) -> str:
    holders = stage.running.services.tenant.objects.holders("user", "mail", address)
    return holders[0].id


def notice(rig: Rig, identifier: str, *, kind: Any = "user", what: Any = "updated", mark: str = "", **more: Any) -> None:
    """The message that a notification leads to; its `mark` tells it from others."""
    change = Change(kind=kind, id=identifier, what=what, seen=rig.now, source="webhook", mark=mark or f"n{rig.bus.sent}", **more)
    rig.bus.enqueue(told(change))


async def heard(rig: Rig, identifier: str, **more: Any) -> None:
    notice(rig, identifier, **more)
    await rig.deliver_all()


def person(rig: Rig, address: str) -> str:
    return person_id(rig.world.settings.person_key, address)


def row(rig: Rig, address: str, partner: str = FABRIKAM) -> dict[str, Any]:
    return rig.tables["guests"].content.get((partner, person(rig, address)), {})


def changes(rig: Rig) -> list[tuple[str, str]]:
    """What the journal says others did: note and who."""
    found = []
    for (_, key), entry in sorted(rig.tables["tasks"].content.items(), key=lambda item: str(item[1].get("at", ""))):
        if key.startswith("j|") and entry["who"] == "tenant change":
            found.append((entry["note"], entry["kind"]))
    return found


def told_of(rig: Rig) -> list[str]:
    return sorted(key.split(":")[1] for (_, key) in rig.tables["parked"].content if key.startswith("seen:"))


async def test_a_guest_who_accepts_is_on_record_as_such_once(stage: Stage) -> None:
    rig = await onboarded(stage)
    guest = user(stage, "g0@fabrikam.com")
    redeem(stage.running.services.tenant, {"email": "g0@fabrikam.com"})
    for _ in range(3):
        await heard(rig, guest)
    assert row(rig, "g0@fabrikam.com")["stage"] == "redeemed"
    assert row(rig, "g0@fabrikam.com")["redeemed"]
    assert [note for note, _ in changes(rig)] == ["invitation-redeemed"]


async def test_a_record_that_a_late_end_of_the_request_has_set_back_is_mended(stage: Stage) -> None:
    rig = await onboarded(stage)
    guest = user(stage, "g0@fabrikam.com")
    redeem(stage.running.services.tenant, {"email": "g0@fabrikam.com"})
    await heard(rig, guest)
    await rig.world.tables.guests.note(FABRIKAM, {person(rig, "g0@fabrikam.com"): (guest, "invited", (MIA,))})
    await heard(rig, guest)
    assert row(rig, "g0@fabrikam.com")["stage"] == "redeemed"


async def test_who_settles_a_cohort_late_or_once_more_does_not_set_its_guests_back(stage: Stage) -> None:
    """Also where the one before died between the two: then the cohort counts as open still."""
    rig = await onboarded(stage)
    guest = user(stage, "g0@fabrikam.com")
    redeem(stage.running.services.tenant, {"email": "g0@fabrikam.com"})
    await heard(rig, guest)
    cohort = await rig.world.tables.tasks.cohort_of_person("f-1", person(rig, "g0@fabrikam.com"))
    assert cohort is not None
    before = row(rig, "g0@fabrikam.com")
    assert before["stage"] == "redeemed"
    await advance(rig.world, "f-1", cohort)
    assert row(rig, "g0@fabrikam.com") == before
    rig.tables["tasks"].content["f-1", f"o|{cohort}"] = {"PartitionKey": "f-1", "RowKey": f"o|{cohort}", "etag": "x"}
    await advance(rig.world, "f-1", cohort)
    assert not await rig.world.tables.tasks.is_cohort_open("f-1", cohort)
    assert row(rig, "g0@fabrikam.com") == before


async def test_a_plan_says_nothing_of_guests_on_record(stage: Stage) -> None:
    rig = await onboarded(stage)
    redeem(stage.running.services.tenant, {"email": "g0@fabrikam.com"})
    await heard(rig, user(stage, "g0@fabrikam.com"))
    before = dict(rig.tables["guests"].content)
    await rig.settle(request("f-2", mode="plan"))
    assert row(rig, "g0@fabrikam.com")["stage"] == "redeemed"
    assert {key for key in rig.tables["guests"].content if "|" not in key[1]} == {key for key in before if "|" not in key[1]}


async def test_a_guest_who_is_made_a_member_before_anything_else_was_heard_of_them_is_told(stage: Stage) -> None:
    rig = await onboarded(stage)
    guest = user(stage, "g0@fabrikam.com")
    by_hand(stage, "update", guest, set={"userType": "Member"})
    await heard(rig, guest)
    assert told_of(rig) == ["guest-became-member"]
    rig.now += timedelta(hours=1)
    by_hand(stage, "update", guest, set={"userType": "Guest"})
    await heard(rig, guest)
    assert [note for note, _ in changes(rig)] == ["guest-became-member", "member-became-guest"]


async def test_what_nothing_has_changed_in_is_read_and_left(stage: Stage) -> None:
    rig = await onboarded(stage)
    before = dict(rig.tables["guests"].content)
    await heard(rig, user(stage, "g0@fabrikam.com"))
    assert changes(rig) == []
    after = rig.tables["guests"].content
    assert {key: value["stage"] for key, value in after.items() if "stage" in value} == {
        key: value["stage"] for key, value in before.items() if "stage" in value
    }


@pytest.mark.parametrize("stale", [0, 1, 2])
async def test_disabled_deleted_restored_and_enabled_by_others(stage: Stage, stale: int) -> None:
    rig = await onboarded(stage, stale=stale)
    address = "g0@fabrikam.com"
    guest = user(stage, address)
    redeem(stage.running.services.tenant, {"email": address})
    await heard(rig, guest)
    assert row(rig, address)["stage"] == "redeemed"
    by_hand(stage, "update", guest, set={"accountEnabled": False})
    await heard(rig, guest)
    assert (row(rig, address)["stage"], row(rig, address)["blockedBy"]) == ("blocked", "other")
    by_hand(stage, "delete", guest)
    await heard(rig, guest)
    assert row(rig, address)["stage"] == "deleted"
    by_hand(stage, "restore", guest)
    await heard(rig, guest)
    assert row(rig, address)["stage"] == "blocked"
    by_hand(stage, "update", guest, set={"accountEnabled": True})
    await heard(rig, guest)
    assert row(rig, address)["stage"] == "redeemed"
    assert not row(rig, address).get("blockedBy")
    notes = [note for note, kind in changes(rig) if kind == "outcome"]
    if not stale:
        restored = "guest-restored; guest-disabled"
        assert notes == ["invitation-redeemed", "guest-disabled", "guest-deleted", restored, "guest-enabled"]
    by_hand(stage, "delete", guest)
    await heard(rig, guest)
    by_hand(stage, "purge", guest)
    await heard(rig, guest, what="deleted")
    assert row(rig, address)["stage"] == "gone"


async def test_a_guest_nobody_asked_for_is_adopted_with_who_invited_them(stage: Stage) -> None:
    rig = await onboarded(stage)
    by_hand(stage, "invite", "new@fabrikam.com", by="noor@contoso.com", sponsors=[])
    guest = user(stage, "new@fabrikam.com")
    await heard(rig, guest)
    await heard(rig, guest)
    kept = row(rig, "new@fabrikam.com")
    assert (kept["origin"], kept["stage"], kept["sponsors"], kept["user"]) == ("adopted", "invited", NOOR, guest)
    assert len([note for note, _ in changes(rig) if note.startswith("guest-appeared")]) == 1
    # Whoever is adopted is followed like the others.
    redeem(stage.running.services.tenant, {"email": "new@fabrikam.com"})
    await heard(rig, guest)
    assert row(rig, "new@fabrikam.com")["stage"] == "redeemed"


async def test_a_guest_of_no_partner_waits_for_a_person_and_is_never_touched(stage: Stage) -> None:
    rig = await onboarded(stage)
    by_hand(stage, "invite", "who@wingtip.com", by="noor@contoso.com")
    before = rig.border.calls
    await heard(rig, user(stage, "who@wingtip.com"))
    await heard(rig, user(stage, "who@wingtip.com"))
    items = [item for (_, key), item in rig.tables["parked"].content.items() if key.startswith("unknown-guest:")]
    assert len(items) == 1
    assert "belongs to no partner" in items[0]["reason"]
    assert "who@" not in str(rig.tables["parked"].content)
    assert not [what for what in rig.border.log[before:] if what in {"tenant.PATCH", "tenant.DELETE", "tenant.POST"}]


async def test_who_was_synchronized_is_left_alone(stage: Stage) -> None:
    rig = await onboarded(stage)
    tenant = stage.running.services.tenant
    by_hand(stage, "invite", "sync@fabrikam.com", sponsors=[])
    guest = find(tenant, "sync@fabrikam.com")
    tenant.audits.clear()
    tenant.audit("Add user", "UserManagement", guest, "sync", change=AuditedChange())
    tenant.audits[-1]["initiatedBy"]["app"]["displayName"] = "Microsoft.Azure.SyncFabric"
    await heard(rig, guest.id)
    assert row(rig, "sync@fabrikam.com") == {}
    assert not rig.tables["parked"].content


async def test_the_owner_of_a_group_stands_for_whom_nobody_is_known_to_have_invited(stage: Stage) -> None:
    rig = await onboarded(stage)
    by_hand(stage, "invite", "new@fabrikam.com", sponsors=[])
    stage.running.services.tenant.audits.clear()
    guest = user(stage, "new@fabrikam.com")
    by_hand(stage, "add-member", PROJECT, who=guest)
    await heard(rig, guest)
    assert row(rig, "new@fabrikam.com")["sponsors"] == MIA


async def test_a_guest_whose_request_is_under_way_is_not_adopted(stage: Stage) -> None:
    rig = await stage.fresh()
    rig.submit(request())
    tenant = stage.running.services.tenant
    await rig.deliver_until(lambda: bool(tenant.objects.holders("user", "mail", "g0@fabrikam.com")))
    notice(rig, user(stage, "g0@fabrikam.com"))
    await rig.deliver_all()
    assert row(rig, "g0@fabrikam.com").get("origin", "") != "adopted"
    assert [note for note, _ in changes(rig) if note.startswith("guest-appeared")] == []


async def test_an_offboarded_guest_was_not_blocked_by_others(stage: Stage) -> None:
    rig = await onboarded(stage)
    guest = user(stage, "g0@fabrikam.com")
    await rig.settle({**request("f-2"), "action": "offboard", "guests": []})
    await heard(rig, guest)
    assert row(rig, "g0@fabrikam.com")["blockedBy"] != "other"
