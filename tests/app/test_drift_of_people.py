"""What others change of guests and groups stands among the drift until it is over, whoever told of it, and whether anybody did."""

from pathlib import Path
from typing import Any

import pytest

from shared.nouns.changes import Upkeep
from shared.verbs.compare import look_after_partners
from shared.verbs.drifted import accept_drift
from shared.verbs.tend import tend
from shared.views.drift import drifts_view
from tests.app.conftest import Stage
from tests.app.test_drift import HOUR, compared, drifted, set_up
from tests.app.test_drift import change as change_relationship
from tests.app.test_react import MIA, NOOR, READERS, by_hand, changes, heard, onboarded, person, request, row, told_of, user
from tests.rig import Rig

APOLLO = {"create-group": {"apollo": {"displayName": "Apollo", "owners": ["mia@contoso.com"]}}}


def states(found: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(one["step"], one["state"]) for one in found]


async def settled(rig: Rig) -> list[tuple[str, str]]:
    return states(await drifts_view(rig.world, settled=True))


async def full_round(stage: Stage, rig: Rig) -> None:
    """Delta links were given out, and are gone: everything there is was told, and everything on record read again."""
    for expire in (False, True):
        if expire:
            stage.running.services.tenant.changes.gone = dict.fromkeys(
                ("user", "group"), stage.running.services.tenant.changes.issued
            )
        for resource in ("users", "groups"):
            await tend(rig.world, Upkeep.model_validate({"do": "catch-up", "resource": resource, "why": "missed"}))
        await rig.deliver_all()


def group_of(stage: Stage, name: str) -> str:
    return next(one.id for one in stage.running.services.tenant.objects.all("group") if one.record.get("displayName") == name)


async def test_a_guest_who_is_restored_is_no_drift_any_more(stage: Stage) -> None:
    rig = await onboarded(stage)
    rig.world.settings = rig.world.settings.model_copy(update={"horizon_seconds": 86_400.0})
    guest = user(stage, "g0@fabrikam.com")
    by_hand(stage, "delete", guest)
    await heard(rig, guest)
    assert await settled(rig) == [("invite-guest", "open")], "seen however lately the guest was invited"
    rig.world.settings = rig.world.settings.model_copy(update={"horizon_seconds": 300.0})
    rig.now += HOUR
    by_hand(stage, "restore", guest)
    await heard(rig, guest)
    assert await settled(rig) == [("invite-guest", "over")]


@pytest.mark.parametrize("told", [True, False])
async def test_a_sponsor_whom_somebody_names_is_on_record_and_ends_what_was_told(stage: Stage, *, told: bool) -> None:
    rig = await onboarded(stage)
    guest = user(stage, "g0@fabrikam.com")
    await heard(rig, guest)
    rig.now += HOUR
    by_hand(stage, "remove-sponsor", guest, who=MIA)
    await heard(rig, guest)
    assert row(rig, "g0@fabrikam.com").get("sponsors", "") == ""
    assert "no-sponsor" in told_of(rig)
    waiting = next(item for (_, key), item in rig.tables["parked"].content.items() if "no-sponsor" in key)
    assert guest in waiting["reason"], "a person has to know which guest"
    rig.now += HOUR
    by_hand(stage, "add-sponsor", guest, who=NOOR)
    if told:
        await heard(rig, guest)
    else:
        await full_round(stage, rig)
        rig.now += HOUR
        await heard(rig, guest)
    kept = row(rig, "g0@fabrikam.com")
    assert (kept["sponsors"], kept.get("orphanedSince", "")) == (NOOR, "")
    assert "no-sponsor" not in told_of(rig)
    # Whoever is named is followed as a sponsor from then on.
    by_hand(stage, "update", NOOR, set={"accountEnabled": False})
    await heard(rig, NOOR)
    assert await rig.world.tables.index.leaver(NOOR)


async def test_another_sponsor_in_place_of_the_first_is_one_change_and_no_orphan(stage: Stage) -> None:
    rig = await onboarded(stage)
    guest = user(stage, "g0@fabrikam.com")
    await heard(rig, guest)
    rig.now += HOUR
    by_hand(stage, "add-sponsor", guest, who=NOOR)
    by_hand(stage, "remove-sponsor", guest, who=MIA)
    await heard(rig, guest)
    kept = row(rig, "g0@fabrikam.com")
    assert (kept["sponsors"], kept.get("orphanedSince", "")) == (NOOR, "")
    assert [note for note, kind in changes(rig) if kind == "outcome"] == ["sponsors-changed; sponsor-named"]
    assert "no-sponsor" not in told_of(rig)
    found = await drifts_view(rig.world)
    assert [(one["step"], one["before"], one["after"]) for one in found] == [
        ("invite-guest", {"sponsors": [MIA]}, {"sponsors": [NOOR]})
    ]
    assert found[0]["users"] == {person(rig, "g0@fabrikam.com"): guest}


async def test_what_nobody_told_of_is_found_over_by_the_clock(stage: Stage, tmp_path: Path) -> None:
    rig = await set_up(stage, tmp_path)
    guest = user(stage, "g0@fabrikam.com")
    by_hand(stage, "remove-member", READERS, who=guest)
    await heard(rig, READERS, kind="group", went=(guest,))
    assert await settled(rig) == [("add-to-group", "open")]
    by_hand(stage, "add-member", READERS, who=guest)
    rig.now += HOUR
    assert states(await compared(rig)) == [("add-to-group", "over")]


async def test_drift_of_what_nobody_asks_for_any_more_is_over(stage: Stage, tmp_path: Path) -> None:
    rig = await set_up(stage, tmp_path)
    guest = user(stage, "g0@fabrikam.com")
    by_hand(stage, "remove-member", READERS, who=guest)
    await heard(rig, READERS, kind="group", went=(guest,))
    await rig.settle({**request("f-2", "joint-project"), "action": "offboard", "guests": []})
    rig.now += HOUR
    found = await compared(rig)
    assert states(found) == [("add-to-group", "over")]
    assert found[0]["said"] == "nothing asks for it any more"


async def test_of_two_who_were_taken_out_one_after_another_both_stand_there(stage: Stage) -> None:
    rig = await onboarded(stage, guests=3)
    rig.now += HOUR
    one, two = user(stage, "g0@fabrikam.com"), user(stage, "g1@fabrikam.com")
    for guest in (one, two):
        by_hand(stage, "remove-member", READERS, who=guest)
        await heard(rig, READERS, kind="group", went=(guest,))
    (found,) = await drifts_view(rig.world)
    assert set(found["before"]) == {person(rig, "g0@fabrikam.com"), person(rig, "g1@fabrikam.com")}
    assert (found["group"], set(found["users"].values())) == ("partner-readers", {one, two})
    rig.now += HOUR
    by_hand(stage, "add-member", READERS, who=one)
    await heard(rig, READERS, kind="group", came=(one,))
    (found,) = await drifts_view(rig.world)
    assert set(found["before"]) == {person(rig, "g1@fabrikam.com")}


async def test_a_guest_who_was_deleted_is_not_missed_in_the_group_as_well(stage: Stage) -> None:
    rig = await onboarded(stage, guests=2)
    rig.now += HOUR
    gone, out = user(stage, "g0@fabrikam.com"), user(stage, "g1@fabrikam.com")
    by_hand(stage, "delete", gone)
    await heard(rig, gone)
    stage.running.services.tenant.relations.remove("members", READERS, gone)
    by_hand(stage, "remove-member", READERS, who=out)
    await heard(rig, READERS, kind="group", went=(gone, out))
    found = {one["step"]: set(one["before"]) for one in await drifts_view(rig.world)}
    assert found["add-to-group"] == {person(rig, "g1@fabrikam.com")}
    assert "invite-guest" in found


async def made_a_group(stage: Stage, tmp_path: Path) -> tuple[Rig, str, str]:
    """A guest in a group that the request has made."""
    rig = await set_up(stage, tmp_path)
    wanted = request("f-2", "joint-project", steps=APOLLO)
    await rig.settle({**wanted, "groups": ["apollo"], "guests": [{"email": "g9@fabrikam.com", "name": "Guest 9"}]})
    rig.now += HOUR
    assert not rig.tables["parked"].content
    return rig, group_of(stage, "Apollo"), user(stage, "g9@fabrikam.com")


async def test_a_guest_taken_out_of_a_group_that_the_request_has_made_is_drift(stage: Stage, tmp_path: Path) -> None:
    rig, group, guest = await made_a_group(stage, tmp_path)
    by_hand(stage, "remove-member", group, who=guest)
    await heard(rig, group, kind="group", went=(guest,))
    found = await drifts_view(rig.world)
    assert [(one["step"], set(one["users"].values())) for one in found] == [("add-to-group", {guest})]


async def test_a_group_that_was_deleted_stands_among_the_drift_until_it_is_there_or_accepted(
    stage: Stage, tmp_path: Path
) -> None:
    rig = await set_up(stage, tmp_path)
    for end in ("over", "accepted"):
        rig.now += HOUR
        by_hand(stage, "delete", READERS)
        for _ in range(2):
            await heard(rig, READERS, kind="group")
        (found,) = await drifts_view(rig.world)
        assert (found["step"], found["group"], found["after"], found["state"]) == (
            "group",
            "partner-readers",
            {"group": None},
            "open",
        )
        assert told_of(rig) == ["group-deleted"]
        if end == "accepted":
            await accept_drift(rig.world, await drifted(rig, found["id"]), "user one")
            await heard(rig, READERS, kind="group")
        else:
            by_hand(stage, "restore", READERS)
            await heard(rig, READERS, kind="group")
        assert await settled(rig) == [("group", end)]
        assert told_of(rig) == []
    notes = [note for note, kind in changes(rig) if kind == "outcome"]
    assert notes == ["group-deleted", "group-restored", "group-deleted"]


async def test_a_group_that_goes_with_its_partner_was_not_deleted_by_others(stage: Stage, tmp_path: Path) -> None:
    rig, group, _ = await made_a_group(stage, tmp_path)
    await rig.settle({**request("f-3", "joint-project"), "action": "offboard", "guests": []})
    by_hand(stage, "delete", READERS)
    for gone in (group, READERS):
        await heard(rig, gone, kind="group")
    assert "group-deleted" not in told_of(rig)
    assert "group" not in {one["step"] for one in await drifts_view(rig.world)}


async def test_what_happened_while_nobody_listened_for_longer_than_links_last_is_found(stage: Stage, tmp_path: Path) -> None:
    """No notification, and no delta query, tells of any of this: who is gone is in no list."""
    rig, group, guest = await made_a_group(stage, tmp_path)
    purged, out = user(stage, "g0@fabrikam.com"), guest
    by_hand(stage, "delete", purged)
    by_hand(stage, "purge", purged)
    by_hand(stage, "remove-member", group, who=out)
    by_hand(stage, "delete", READERS)
    by_hand(stage, "update", NOOR, set={"accountEnabled": False})
    await full_round(stage, rig)
    assert row(rig, "g0@fabrikam.com")["stage"] == "gone"
    assert {"add-to-group", "group"} <= {one["step"] for one in await drifts_view(rig.world)}
    assert "group-deleted" in told_of(rig)


async def test_nothing_is_put_back_by_itself_for_a_partner_whose_domain_has_moved(stage: Stage, tmp_path: Path) -> None:
    rig = await set_up(stage, tmp_path, 'reaction = "put-back"')
    tenant = stage.running.services.tenant
    home = tenant.partner_tenants["fabrikam.com"]
    tenant.partner_tenants["fabrikam.com"] = {**home, "tenantId": "44444444-4444-4444-4444-444444444444"}
    await look_after_partners(rig.world)
    change_relationship(stage, FreeBusyAccessLevel="LimitedDetails")
    assert ("set-organization-relationship", "waits") in states(await compared(rig))
    assert "has moved" in next(one["said"] for one in await drifts_view(rig.world) if one["state"] == "waits")


async def test_a_domain_that_becomes_ours_stops_the_partner_too(stage: Stage, tmp_path: Path) -> None:
    rig = await set_up(stage, tmp_path)
    rig.submit(request("f-2", guests=2))
    await rig.run(rig.bus.waiting.pop(0).envelope)
    tenant = stage.running.services.tenant
    tenant.domains["fabrikam.com"] = {**next(iter(tenant.domains.values())), "isDefault": False, "isInitial": False}
    await look_after_partners(rig.world)
    (found,) = await drifts_view(rig.world)
    assert (found["step"], found["subject"], found["after"]) == ("domain", "fabrikam.com", {"tenant": tenant.tenant_id})
    assert "our own tenant" in found["said"]
    assert "domain-moved" in told_of(rig)
    paused = await rig.world.tables.requests.get("f-2")
    assert paused is not None
    assert paused.paused
