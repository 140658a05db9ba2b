"""Guests are listed and found by people, exempt with a reason and an end, and their exemptions outlive an owner who leaves."""

from datetime import timedelta
from pathlib import Path

import pytest

from devstack.tenant.seed import plant
from shared.nouns.errors import Refusal
from shared.verbs.cleanup_decide import keep
from shared.verbs.exempt import exempt, unexempt
from shared.verbs.exemptions_due import exemption_notes
from shared.views.cleanup import run_view
from shared.views.guests import Wanted, find, guests_view
from shared.views.members import members_view
from tests.app.conftest import Stage
from tests.app.test_cleanup import MIA, RULES, TEMPLATE, fresh, guest, request, run_now
from tests.rig import Rig


@pytest.fixture
async def rig(stage: Stage, tmp_path: Path) -> Rig:
    (tmp_path / "project.toml").write_text(TEMPLATE + RULES)
    made = await fresh(stage, tmp_path)
    await made.settle(request("ana", "ben", until="2026-11-23"))
    return made


async def test_guests_are_found_by_whatever_names_them_and_listed_by_page(rig: Rig) -> None:
    ana = await guest(rig, "ana")
    for said in ("Ana@fabrikam.com", ana.person, ana.user.upper()):
        assert (await find(rig.world, said)).person == ana.person
    for said in ("eve@fabrikam.com", "nobody", "no@address@at-all", MIA):
        with pytest.raises(Refusal):
            await find(rig.world, said)
    first = await guests_view(rig.world, Wanted(partner="fabrikam.com"), most=1)
    second = await guests_view(rig.world, Wanted(), behind=str(first["next"]), most=5)
    listed = [*first["guests"], *second["guests"]]
    assert sorted(one["person"] for one in listed) == sorted([ana.person, (await guest(rig, "ben")).person])
    assert second["next"] is None
    assert "@" not in str(listed)
    late = Wanted(ends_before=rig.now.date() + timedelta(days=30), stage="invited")
    assert len((await guests_view(rig.world, late))["guests"]) == 2
    assert not (await guests_view(rig.world, Wanted(stage="blocked")))["guests"]
    with pytest.raises(Refusal):
        await guests_view(rig.world, Wanted(stage="sleeping"))


async def test_an_exemption_has_an_owner_and_an_end_and_holds_until_then(rig: Rig) -> None:
    ana, today = await guest(rig, "ana"), rig.now.date()
    for owner, until, reason in (
        (MIA, today - timedelta(days=1), "x"),
        (MIA, today + timedelta(days=800), "x"),
        ("eve@x.com", today, "x"),
    ):
        with pytest.raises(Refusal):
            await exempt(rig.world, ana, reason=reason, owner=owner, until=until, who="user boss")
    await exempt(
        rig.world, ana, reason="runs the plant", owner="mia@contoso.com", until=today + timedelta(days=20), who="user boss"
    )
    rig.now += timedelta(days=10)
    await run_now(rig)
    assert [(await guest(rig, name)).stage for name in ("ana", "ben")] == ["invited", "warned"]
    rig.now += timedelta(days=12)
    run = await run_now(rig)
    assert any(ana.person in note and "was over" in note for note in run.notes)
    assert (await guest(rig, "ana")).stage == "warned"
    await unexempt(rig.world, ana, reason="", who="user boss")
    with pytest.raises(Refusal):
        await unexempt(rig.world, ana, reason="", who="user boss")


async def test_an_exemption_passes_to_the_manager_that_was_kept_of_an_owner_who_has_left(rig: Rig, stage: Stage) -> None:
    ana, boss = await guest(rig, "ana"), "bbbbbbbb-0000-4000-8000-000000000004"
    await exempt(rig.world, ana, reason="x", owner=MIA, until=rig.now.date() + timedelta(days=20), who="user boss")
    assert await exemption_notes(rig.world) == []
    tenant = stage.running.services.tenant
    entry = tenant.objects.entry(MIA)
    assert entry is not None
    tenant.objects.change(entry, accountEnabled=False)
    (note,) = await exemption_notes(rig.world)
    assert "give it another" in note
    await rig.world.tables.index.keep_manager(MIA, boss, rig.now)
    (note,) = await exemption_notes(rig.world)
    assert "has passed" in note
    passed = await rig.world.tables.exemptions.get(ana.partner, ana.person)
    assert passed is not None
    assert passed.owner == boss
    assert await exemption_notes(rig.world) == []


async def test_whoever_is_kept_after_the_block_comes_back(rig: Rig) -> None:
    for _ in range(4):
        rig.now += timedelta(days=7)
        await run_now(rig)
    ana = await guest(rig, "ana")
    assert ana.stage == "blocked"
    kept, request_name = await keep(rig.world, ana, rig.now.date() + timedelta(days=90), "user boss", "still needed")
    assert request_name.startswith("cleanup.restore.")
    assert kept.decided
    await rig.deliver_all()
    user = await rig.world.tenant.users.by_id(ana.user)
    assert user is not None
    assert user.enabled
    rig.now += timedelta(days=1)
    await run_now(rig)
    assert (await guest(rig, "ana")).stage == "redeemed"


async def test_b2b_members_are_a_kind_of_their_own_and_never_touched(rig: Rig, stage: Stage) -> None:
    tenant, ana = stage.running.services.tenant, await guest(rig, "ana")
    assert (await members_view(rig.world))["read"] is None
    plant(tenant, {"users": [{"mail": "zoe@northwind.com", "userType": "Member", "creationType": "Invitation"}]})
    entry = tenant.objects.entry(ana.user)
    assert entry is not None
    tenant.objects.change(entry, userType="Member")
    rig.now += timedelta(days=10)
    run = await run_now(rig)
    assert [(await guest(rig, name)).stage for name in ("ana", "ben")] == ["invited", "warned"]
    named = await run_view(rig.world, run.id, kind="member")
    assert named is not None
    assert [(one["user"], one["would"]) for one in named["guests"]] == [(ana.user, "keep")]
    assert "B2B member" in named["guests"][0]["why"]
    listed = await members_view(rig.world)
    assert sorted(one["domain"] for one in listed["members"]) == ["fabrikam.com", "northwind.com"]
    assert {one["domain"]: bool(one["partner"]) for one in listed["members"]} == {"fabrikam.com": True, "northwind.com": False}
    assert [one["user"] for one in (await members_view(rig.world, "fabrikam.com"))["members"]] == [ana.user]
    first = await members_view(rig.world, most=1)
    second = await members_view(rig.world, behind=str(first["next"]), most=1)
    assert [*first["members"], *second["members"]] == listed["members"]
    assert second["next"] is None
    with pytest.raises(Refusal):
        await run_view(rig.world, run.id, kind="robot")
