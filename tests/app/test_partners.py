"""What people see of partners, on the rig: the record, the handoff, a migration on record, what is shared."""

from pathlib import Path

import pytest

from shared.nouns.errors import Refusal
from shared.seal import digest_of
from shared.tables.task_rows import JournalEntry
from shared.verbs.approve import approve
from shared.verbs.guest_record import on_record
from shared.verbs.migrate import partner_named
from shared.verbs.migration_record import migrate
from shared.views.footprint import footprint_view
from shared.views.handoff import handoff_view
from shared.views.journal import partner_journal
from shared.views.partners import partner_view, partners_view
from shared.views.sharing import sharing_view
from tests.app.conftest import Stage
from tests.app.whole import few, templates
from tests.rig import Rig

FABRIKAM = "22222222-2222-2222-2222-222222222222"
LIMITED = "crossTenantCalendarAvailabilityLimitedDetails"


@pytest.fixture
async def onboarded(stage: Stage, tmp_path: Path) -> Rig:
    """The example with every option has been carried out for two guests, and another was only planned."""
    rig = await stage.fresh(templates=templates(tmp_path))
    await rig.settle(few(2))
    await approve(rig.world, "fabrikam-full", "user bob")
    await rig.deliver_all()
    await rig.settle(few(2, id="look", mode="plan"))
    return rig


async def test_the_record_of_a_partner(onboarded: Rig) -> None:
    (row,) = await partners_view(onboarded.world)
    assert (row["name"], row["tenantId"], row["template"]["name"], row["blocked"]) == (
        "Fabrikam",
        FABRIKAM,
        "joint-project",
        False,
    )
    shown, *others = [await partner_view(onboarded.world, said) for said in (FABRIKAM, "FABRIKAM.co.uk", "fabrikam")]
    assert others == [shown, shown]
    assert shown["guests"] == {"guests": 2}
    assert shown["requests"] == ["fabrikam-full"], "a plan is no request of the partner's"
    steps = {each["step"]: each["reason"] for each in shown["set"]}
    assert "enabled for" in steps["set-organization-relationship"]
    assert "@" not in str(shown)
    with pytest.raises(Refusal, match="no partner that a request was about"):
        await partner_view(onboarded.world, "nobody.com")


async def test_what_is_decided_about_one_guest_is_no_template_of_the_partners(onboarded: Rig) -> None:
    said = JournalEntry("outcome", 1, onboarded.now, "user mia", {"until": None}, {"until": "2027-01-31"}, {})
    await on_record(onboarded.world, FABRIKAM, "a" * 32, "extend", said)
    shown = await partner_view(onboarded.world, FABRIKAM)
    assert len(shown["requests"]) == 2
    assert shown["template"]["name"] == "joint-project", "what the partner is offboarded by, and handed over"


async def test_a_partner_only_planned_is_no_partner(stage: Stage, tmp_path: Path) -> None:
    rig = await stage.fresh(templates=templates(tmp_path))
    await rig.settle(few(1, id="look", mode="plan"))
    assert await partners_view(rig.world) == []


async def test_a_handoff_says_what_is_seen_and_what_is_not(onboarded: Rig) -> None:
    found = await handoff_view(onboarded.world, "fabrikam.com", verify=True)
    assert {item["key"] for item in found["items"]} >= {
        "cross-tenant-access",
        "capabilities",
        "organization-relationship",
        "teams",
    }
    assert found["us"]["domains"] == ["contoso.com"]
    seen = {line["what"]: line["seen"] for line in found["seen"]}
    assert seen["fabrikam.com is in tenant " + FABRIKAM] == "yes"
    assert seen["our side: set-organization-relationship"] == "yes"
    assert seen["Allow our domains in Teams"] == "cannot be seen"


async def test_a_handoff_can_go_ahead_of_the_first_request(stage: Stage, tmp_path: Path) -> None:
    rig = await stage.fresh(templates=templates(tmp_path))
    with pytest.raises(Refusal):
        await handoff_view(rig.world, "fabrikam.com")
    found = await handoff_view(rig.world, "fabrikam.com", "joint-project")
    assert "cross-tenant-access" in {item["key"] for item in found["items"]}


async def test_a_migration_is_on_record_and_goes_with_the_partner(onboarded: Rig) -> None:
    world = onboarded.world
    partner = await partner_named(world, "fabrikam.com")
    name, done = await migrate(world, partner, {}, "user olga", accept_loss=False)
    assert f"{LIMITED} was set: allowed: All" in done
    entries = [entry for entry in (await partner_journal(world, FABRIKAM))["entries"] if entry["request"] == name]
    told = {(entry["step"], entry["kind"]): entry for entry in entries}
    assert told["set-capabilities", "outcome"]["after"] == {LIMITED: "allowed: All"}
    assert told["migrate-relationship", "intent"]["who"] == "user olga"
    assert all(digest_of(row) for row in (await world.tables.journal.rows(name)).values())
    assert await migrate(world, partner, {}, "user olga", accept_loss=False) == ("", ("nothing was left to do",))

    shown = await partner_view(world, FABRIKAM)
    assert shown["template"]["name"] == "joint-project"
    assert "set-organization-relationship" not in {each["step"] for each in shown["set"]}
    handed = await handoff_view(world, FABRIKAM)
    (capabilities,) = [item for item in handed["items"] if item["key"] == "capabilities"]
    assert len(capabilities["settings"]) == 4, "what both have opened"

    await onboarded.settle(few(0, id="bye", action="offboard", groups=[], steps={}, sponsors=[], until=None, template="put-back"))
    request = await world.tables.requests.get("bye")
    if request is not None and request.needs_approval:
        await approve(world, "bye", "user bob")
        await onboarded.deliver_all()
    capability = await world.tenant.capabilities.read(FABRIKAM)
    assert LIMITED not in capability.own
    assert await world.tenant.exchange.relationships() == ()


async def test_what_is_shared_is_looked_for_where_requests_were(onboarded: Rig) -> None:
    found = await sharing_view(onboarded.world, "fabrikam.com", [])
    assert [one["site"] for one in found["scope"]] == ["https://contoso.sharepoint.com/sites/fabrikam"]
    assert [item["item"] for item in found["items"]] == ["01PLANS"]
    assert "@" not in str(found["items"])
    for wrong in ("http://contoso.sharepoint.com", "https://evil.example/sites/x", "contoso"):
        with pytest.raises(Refusal, match="not the URL of a SharePoint site"):
            await sharing_view(onboarded.world, "fabrikam.com", [wrong])


async def test_what_a_guest_has_in_sharepoint_is_theirs_alone(onboarded: Rig) -> None:
    world = onboarded.world
    (plans,) = (await sharing_view(world, "fabrikam.com", []))["items"]
    first, *others = [one async for one in world.tables.guests.of_partner(FABRIKAM)]
    await world.tenant.drives.share(plans["drive"], plans["item"], first.user, "read")
    theirs = await footprint_view(world, first, [])
    assert [(item["item"], item["roles"]) for item in theirs["items"]] == [("01PLANS", ["read"])]
    assert [one["site"] for one in theirs["scope"]] == ["https://contoso.sharepoint.com/sites/fabrikam"]
    assert others
    for other in others:
        assert (await footprint_view(world, other, []))["items"] == [], "what a group has is not theirs"
    with pytest.raises(Refusal, match="not the URL of a SharePoint site"):
        await footprint_view(world, first, ["https://evil.example"])
