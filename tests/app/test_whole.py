"""The request with every option, from plan to end, on memory tables and the simulated tenant."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from devstack.tenant.control.act import act
from devstack.tenant.seed import plant
from shared.nouns.errors import Refusal
from shared.nouns.messages import Attempt
from shared.tables.requests import RequestState
from shared.verbs.approve import approve, expire, reject
from shared.verbs.personal import forget
from shared.views.status import request_status
from shared.views.why import why
from tests.app.conftest import Stage
from tests.app.whole import carried_out, differences, few, picture, refusals, rows, sights, templates, tried_again, unfinished
from tests.rig import Rig

READING = ("Organization.Read.All", "CrossTenantInformation.ReadBasic.All", "Domain.Read.All", "OrgContact.Read.All")
FABRIKAM = "22222222-2222-2222-2222-222222222222"
PROJECT = "aaaaaaaa-0000-4000-8000-000000000001"
READERS = "aaaaaaaa-0000-4000-8000-000000000002"
ELSE = "user somebody-else"
# A tenant whose lists are in force, so that they have to be written and put back.
LISTS = {
    "sharepoint": {"settings": {"sharingDomainRestrictionMode": "allowList", "sharingAllowedDomainList": ["northwind.com"]}},
    "teamsFederation": {"AllowedDomains": {"AllowedDomain": [{"Domain": "northwind.com"}]}},
}


async def listed(stage: Stage, folder: Path, **changes: Any) -> Rig:
    rig = await stage.fresh(ENTENTE_TEMPLATES=str(templates(folder)), **changes)
    plant(stage.running.services.tenant, LISTS)
    return rig


async def test_everything_is_planned_done_seen_to_be_done_and_put_back(stage: Stage, tmp_path: Path) -> None:
    rig = await listed(stage, tmp_path)
    before = picture(stage.running)
    await carried_out(rig, few(6, template="put-back", id="look", mode="plan"))
    assert differences(before, picture(stage.running)) == []
    assert rig.tables["partners"].content.get((FABRIKAM, "partner")) is None, "a plan takes no turn"
    assert set(sights(rig, "look")) == {"create", "change"}
    assert all(not json_written(row) for row in rows(rig, "look")), "a plan journals nothing"

    await carried_out(rig, few(6, template="put-back"))
    assert differences(before, picture(stage.running))
    await carried_out(rig, few(6, template="put-back", id="again", mode="plan"))
    assert set(sights(rig, "again")) == {"nothing"}
    await carried_out(rig, few(6, template="put-back", id="going", mode="plan", action="offboard"))
    assert sights(rig, "going")["remove"] > 6

    # What somebody else changes meanwhile stays.
    act(stage.running.services.tenant, {"do": "update", "target": READERS, "set": {"description": "theirs"}})
    await carried_out(rig, few(0, template="put-back", id="off", action="offboard"))
    after = picture(stage.running)
    (readers,) = [group for group in after["groups"] if group["id"] == READERS]
    assert readers.pop("description") == "theirs"
    assert differences(before, after) == []
    # Going twice is going once.
    await carried_out(rig, few(0, template="put-back", id="off-again", action="offboard"))
    assert rows(rig, "off-again") == []


def json_written(row: dict[str, Any]) -> bool:
    return bool(row["created"]) or row["intents"] != "[]"


def simple(name: str, guests: list[dict[str, Any]] | None = None, **changes: Any) -> dict[str, Any]:
    """A small request of template `freely`, which waits for nobody's approval."""
    base: dict[str, Any] = {
        "version": 1,
        "id": name,
        "template": "freely",
        "partner": {"name": "Fabrikam", "domains": ["fabrikam.com"]},
        "sponsors": ["mia@contoso.com"],
        "guests": guests or [],
    }
    return {**base, **changes}


ANA = {"email": "ana@fabrikam.com", "name": "Ana", "groups": ["partner-readers", "fabrikam-project"]}
BO = {"email": "bo@fabrikam.com", "name": "Bo", "groups": ["partner-readers"]}


# --- approval


async def test_nothing_happens_before_somebody_else_agrees_and_late_parts_wait_too(stage: Stage, tmp_path: Path) -> None:
    rig = await listed(stage, tmp_path)
    before = picture(stage.running)
    asked = simple("asked", [ANA], template="put-back", steps={"allow-domain": {}}, parts=2, part=1)
    await rig.settle(asked)
    for row in rows(rig, "asked"):
        # Whoever may send to a queue cannot make an attempt happen.
        rig.bus.enqueue(rig.world.envelope(Attempt(request="asked", task=row["RowKey"], attempt=1)))
    await rig.deliver_all()
    assert differences(before, picture(stage.running)) == []
    assert {row["state"] for row in rows(rig, "asked")} <= {"ready", "waiting"}
    with pytest.raises(Refusal, match="somebody else has to decide"):
        await approve(rig.world, "asked", "queue partner-requests")
    await rig.settle({**asked, "part": 2, "offset": 1, "guests": [BO]})
    assert differences(before, picture(stage.running)) == []
    await approve(rig.world, "asked", ELSE)
    await rig.deliver_all()
    assert unfinished(rig, "asked") == []
    found = await rig.world.tables.requests.get("asked")
    assert found is not None
    assert (found.state, found.decided_by) == ("done", ELSE)
    with pytest.raises(Refusal, match="waits for no decision"):
        await approve(rig.world, "asked", ELSE)


async def test_a_part_that_comes_after_the_approval_is_carried_out(stage: Stage, tmp_path: Path) -> None:
    rig = await listed(stage, tmp_path)
    asked = simple("asked", [ANA], template="put-back", steps={"allow-domain": {}}, parts=2, part=1)
    await rig.settle(asked)
    await approve(rig.world, "asked", ELSE)
    await rig.deliver_all()
    await rig.settle({**asked, "part": 2, "offset": 1, "guests": [BO]})
    assert unfinished(rig, "asked") == []
    assert len(picture(stage.running)["users"]) == 2


async def test_a_change_that_takes_a_limit_of_ours_back_waits_for_somebody_else_too(stage: Stage, tmp_path: Path) -> None:
    rig = await listed(stage, tmp_path)
    await rig.settle(simple("first", [], template="put-back", steps={"set-remote-domain": {}}))
    await approve(rig.world, "first", ELSE)
    await rig.deliver_all()
    assert unfinished(rig, "first") == []
    await rig.settle(simple("less", [], action="change", template="put-back", steps={}))
    told = await request_status(rig.world, "less")
    assert told is not None
    assert (told["state"], told["approval"]["needed"]) == ("awaiting-approval", ["set-remote-domain"])


@pytest.mark.parametrize("how", ["rejected", "expired"])
async def test_what_nobody_agrees_to_is_never_done(stage: Stage, tmp_path: Path, how: str) -> None:
    rig = await listed(stage, tmp_path)
    before = picture(stage.running)
    await rig.settle(simple("asked", [ANA], template="put-back", steps={"allow-domain": {}}))
    if how == "rejected":
        with pytest.raises(Refusal, match="somebody else"):
            await reject(rig.world, "asked", "queue partner-requests")
        assert (await reject(rig.world, "asked", ELSE, "not now")).shown is RequestState.CANCELLED
        told = await request_status(rig.world, "asked")
        assert told is not None
        assert told["state"] == "cancelled", "also before it is put away"
    else:
        await expire(rig.world)
        found = await rig.world.tables.requests.get("asked")
        assert found is not None
        assert found.state is RequestState.AWAITING_APPROVAL
        rig.now += timedelta(days=15)
        await expire(rig.world)
    await rig.deliver_all()
    found = await rig.world.tables.requests.get("asked")
    assert found is not None
    assert found.state == "cancelled"
    assert {"rejected": "not now", "expired": "nobody had decided"}[how] in found.reason
    assert differences(before, picture(stage.running)) == []
    # The partner is free for the next one.
    await carried_out(rig, simple("next", [BO]))


# --- change and leaving


async def test_a_change_takes_back_what_it_does_not_ask_for_and_nothing_else(stage: Stage, tmp_path: Path) -> None:
    rig = await listed(stage, tmp_path)
    before = picture(stage.running)
    site = {"site": "https://contoso.sharepoint.com/sites/fabrikam", "group": "partner-readers"}
    await carried_out(
        rig,
        simple("first", [ANA, BO], steps={"allow-domain": {}, "set-sharing-policy": {}, "share-site": {"a": site, "b": site}}),
    )
    await carried_out(
        rig, simple("second", action="change", steps={"allow-federation": {}, "share-site": {"a": {**site, "access": "edit"}}})
    )
    now = picture(stage.running)
    assert differences(before["sharepoint"]["settings"], now["sharepoint"]["settings"]) == []
    assert differences(before["sharingPolicies"], now["sharingPolicies"]) == []
    assert "fabrikam.com" in str(now["teamsFederation"]["AllowedDomains"])
    assert len(now["users"]) == 2, "guests leave by name only"
    await carried_out(rig, simple("off", action="offboard"))
    assert differences(before, picture(stage.running)) == []


async def test_who_leaves_leaves_all_groups_and_the_others_stay(stage: Stage, tmp_path: Path) -> None:
    rig = await listed(stage, tmp_path)
    tenant = stage.running.services.tenant
    # Bo is a guest already, whom we did not bring: he stays, without what we gave him.
    plant(tenant, {"users": [{"mail": "bo@fabrikam.com", "userType": "Guest", "displayName": "Bo", "companyName": "before"}]})
    before = picture(stage.running)
    wishes = {"set-guest-details": {"companyName": "Fabrikam"}}
    cy = {"email": "cy@fabrikam.com", "groups": ["partner-readers"]}
    await carried_out(rig, simple("first", [ANA, BO, cy], steps=wishes))
    leaving = [{**BO, "leave": True}, {**ANA, "leave": True}]
    await carried_out(rig, simple("second", leaving, action="change", steps=wishes))
    now = picture(stage.running)
    assert {user["mail"] for user in now["users"]} == {"bo@fabrikam.com", "cy@fabrikam.com"}
    (bo,) = [user for user in now["users"] if user["mail"] == "bo@fabrikam.com"]
    assert differences(before["users"][0], bo) == []
    (readers,) = [group for group in now["groups"] if group["id"] == READERS]
    assert len(readers["members"]) == 1
    await carried_out(rig, simple("off", action="offboard"))
    assert differences(before, picture(stage.running)) == []


async def test_who_goes_is_called_as_before_and_only_the_people_table_ever_knew_the_name(stage: Stage, tmp_path: Path) -> None:
    rig = await listed(stage, tmp_path)
    tenant = stage.running.services.tenant
    plant(tenant, {"users": [{"mail": "bo@fabrikam.com", "userType": "Guest", "displayName": "Bo Zabini-Before"}]})
    before = picture(stage.running)
    named = {"set-guest-details": {"companyName": None, "displayName": "{name} ({partner})"}}
    await carried_out(rig, simple("first", [BO], steps=named))
    # A later request calls him otherwise: the latest is taken back first.
    await carried_out(rig, simple("second", [{**BO, "name": "Bo the Second"}], steps=named))
    assert picture(stage.running)["users"][0]["displayName"] == "Bo the Second (Fabrikam)"
    await carried_out(rig, simple("off", action="offboard"))
    assert differences(before, picture(stage.running)) == []
    for name, table in rig.tables.items():
        for spot, row in table.content.items():
            assert name == "people" or "Zabini" not in str(row), (name, spot)
    kept = [row for row in rig.tables["people"].content.values() if "Zabini" in str(row)]
    assert len(kept) == 1
    assert kept[0]["request"] == "first", "it goes with the request, and with the person"


async def test_the_name_of_before_is_not_put_back_once_the_person_was_erased(stage: Stage, tmp_path: Path) -> None:
    rig = await listed(stage, tmp_path)
    plant(stage.running.services.tenant, {"users": [{"mail": "bo@fabrikam.com", "userType": "Guest", "displayName": "B"}]})
    await carried_out(rig, simple("first", [BO], steps={"set-guest-details": {"displayName": "{name} ({partner})"}}))
    await forget(rig.world, "bo@fabrikam.com", "user privacy", reason="asked for", force=True)
    assert all("Bo" not in str(row) for row in rig.tables["people"].content.values())
    await carried_out(rig, simple("off", action="offboard"))
    (bo,) = picture(stage.running)["users"]
    assert (bo["displayName"], bo["companyName"]) == ("Bo (Fabrikam)", None)


async def test_a_leaving_that_is_asked_for_while_people_still_come_in_takes_them_all_out(stage: Stage, tmp_path: Path) -> None:
    rig = await listed(stage, tmp_path)
    before = picture(stage.running)
    rig.submit(simple("first", [ANA, BO], steps={"allow-domain": {}, "set-sharing-policy": {}}))
    await rig.deliver_until(lambda: len(rows(rig, "first")) > 0)
    rig.submit(simple("off", [ANA], action="offboard", until="2020-01-01"))
    await carried_out(rig, simple("look", mode="plan"))
    assert differences(before, picture(stage.running)) == []
    found = await rig.world.tables.requests.get("off")
    assert found is not None
    assert found.state == "done", unfinished(rig, "off")


async def test_what_others_changed_since_stops_its_undo_and_shows_both(stage: Stage, tmp_path: Path) -> None:
    rig = await listed(stage, tmp_path)
    before = picture(stage.running)
    await carried_out(rig, simple("first", [ANA], steps={"allow-domain": {}, "set-remote-domain": {}}))
    tenant = stage.running.services.tenant
    (name,) = [entry.record["Name"] for entry in tenant.objects.all("organizationRelationship")]
    act(tenant, {"do": "set-organization-relationship", "target": name, "set": {"FreeBusyAccessLevel": "LimitedDetails"}})
    found = await carried_out(rig, simple("off", action="offboard"), "stopped")
    (stopped,) = unfinished(rig, "off")
    assert "set-organization-relationship" in stopped[0]
    assert "LimitedDetails" in stopped[2]
    assert "AvailabilityOnly" in stopped[2]
    assert "1 of" in found.reason
    after = picture(stage.running)
    assert len(after.pop("organizationRelationships")) == 1
    before.pop("organizationRelationships")
    assert differences(before, after) == []
    # Put back as we left it, the rest goes by trying again.
    act(tenant, {"do": "set-organization-relationship", "target": name, "set": {"FreeBusyAccessLevel": "AvailabilityOnly"}})
    await tried_again(rig, "set-organization-relationship")
    assert picture(stage.running)["organizationRelationships"] == []


# --- people and groups


async def test_what_a_person_does_by_hand_is_waited_for_and_read(stage: Stage, tmp_path: Path) -> None:
    rig = await listed(stage, tmp_path)
    rig.submit(simple("hand", steps={"set-inbound-connector": {"MailFlowCheck": "by-hand"}}))
    await rig.deliver_until(lambda: bool(rig.tables.get("parked") and rig.tables["parked"].content))
    (item,) = rig.tables["parked"].content.values()
    assert "enable" in str(item["reason"]).lower()
    (connector,) = stage.running.services.tenant.objects.all("inboundConnector")
    assert connector.record["Enabled"] is False
    act(
        stage.running.services.tenant,
        {"do": "set-inbound-connector", "target": connector.record["Name"], "set": {"Enabled": True}},
    )
    await rig.deliver_all()
    assert unfinished(rig, "hand") == []
    assert rig.tables["parked"].content == {}


NEW = {"create-group": {"apollo": {"displayName": "Apollo", "owners": ["mia@contoso.com"]}}}


async def test_guests_follow_into_a_group_of_the_same_request_and_hear_why_there_is_none(stage: Stage, tmp_path: Path) -> None:
    rig = await listed(stage, tmp_path)
    tenant = stage.running.services.tenant
    plant(
        tenant, {"groups": [{"displayName": "Theirs", "mailNickname": "apollo", "mailEnabled": True, "groupTypes": ["Unified"]}]}
    )
    wished = simple("new", [{**ANA, "groups": ["apollo"]}], steps={**NEW, "tell-owners": {"apollo": {"group": "apollo"}}})
    await carried_out(rig, wished, "stopped")
    stopped = {key.split("|")[2]: reason for key, _, reason in unfinished(rig, "new")}
    assert set(stopped) == {"create-group", "add-to-group", "tell-owners"}
    assert "Group apollo was not made" in stopped["add-to-group"]
    (theirs,) = [entry for entry in tenant.objects.all("group") if entry.record["displayName"] == "Theirs"]
    tenant.objects.change(theirs, mailNickname="elsewhere")
    for step in ("create-group", "add-to-group", "tell-owners"):
        await tried_again(rig, step)
    assert unfinished(rig, "new") == []
    assert "member of apollo" in (await why(rig.world, str(ANA["email"])))["sentence"]
    status = await request_status(rig.world, "new")
    assert status is not None
    assert {task["name"] for task in status["tasks"] if task["step"] in {"create-group", "tell-owners"}} == {"apollo"}
    (made,) = [group for group in picture(stage.running)["groups"] if group["displayName"] == "Apollo"]
    assert len(made["members"]) == 1


async def test_a_group_of_the_same_request_is_waited_for_by_all_that_follows_it(stage: Stage, tmp_path: Path) -> None:
    rig = await listed(stage, tmp_path)
    faults = stage.running.services.tenant.faults
    gone = {"effect": "status", "status": 404, "code": "Request_ResourceNotFound", "message": "does not exist"}
    (rule,) = faults.add({**gone, "match": {"method": "GET", "path": r"/groups/[0-9a-f-]{36}(\?|$)"}, "times": 12})
    steps = {
        **NEW,
        "team-enable-group": {"apollo": {"group": "apollo"}},
        "set-group-guest-settings": {"apollo": {"group": "apollo", "allowToAddGuests": True}},
    }
    await carried_out(rig, simple("new", [{**ANA, "groups": ["apollo"]}], steps=steps))
    assert rule.hits == 12
    assert unfinished(rig, "new") == []
    assert rig.tables["parked"].content == {}


@pytest.mark.parametrize(
    ("first", "said"),
    [("create-group", "The group is gone already"), ("add-to-group", "1 of 1 guests whom we had added were removed")],
)
async def test_a_group_and_its_members_go_in_either_order(stage: Stage, tmp_path: Path, first: str, said: str) -> None:
    rig = await listed(stage, tmp_path)
    before = picture(stage.running)
    await carried_out(rig, simple("new", [{**ANA, "groups": ["apollo"]}], steps=NEW))
    rig.submit(simple("off", action="offboard"))
    await rig.deliver_until(lambda: {first, "create-group", "add-to-group"} <= {due.envelope.queue for due in rig.bus.waiting})
    (ahead,) = [due for due in rig.bus.waiting if due.envelope.queue == first]
    await rig.run(ahead.envelope)
    await rig.deliver_all()
    assert unfinished(rig, "off") == []
    (reason,) = [row["reason"] for row in rows(rig, "off") if "|add-to-group|" in row["RowKey"]]
    assert said in reason
    assert differences(before, picture(stage.running)) == []
    assert rig.tables["parked"].content == {}


async def test_what_was_left_out_for_a_guest_is_done_once_the_guest_is_tried_again(stage: Stage, tmp_path: Path) -> None:
    rig = await listed(stage, tmp_path)
    tenant = stage.running.services.tenant
    twins = [{"mail": f"twin{n}@fabrikam.com", "userType": "Guest", "otherMails": ["ana@fabrikam.com"]} for n in (1, 2)]
    plant(tenant, {"users": twins})
    await carried_out(rig, simple("twins", [ANA], steps={"set-guest-details": {"department": "Apollo"}}), "stopped")
    states = {row["RowKey"].split("|")[2]: row["state"] for row in rows(rig, "twins") if "|partner|" not in row["RowKey"]}
    assert states["invite-guest"] == "stopped"
    assert states["set-guest-details"] == "cancelled"
    act(tenant, {"do": "delete", "target": "twin1@fabrikam.com"})
    await tried_again(rig, "invite-guest")
    assert {row["RowKey"]: row["state"] for row in rows(rig, "twins") if row["state"] != "done"} == {}
    (ana,) = picture(stage.running)["users"]
    assert ana["department"] == "Apollo"


async def test_what_others_wrote_about_a_guest_of_ours_goes_with_the_account_and_is_told(stage: Stage, tmp_path: Path) -> None:
    rig = await listed(stage, tmp_path)
    tenant = stage.running.services.tenant
    plant(tenant, {"users": [{"mail": BO["email"], "userType": "Guest", "externalUserState": "Accepted"}]})
    await carried_out(rig, simple("with", [ANA, BO], steps={"set-guest-details": {"department": "Apollo"}}))
    for guest in (ANA, BO):
        act(tenant, {"do": "update", "target": guest["email"], "set": {"department": "theirs"}})
    await rig.settle(simple("off", [], action="offboard"))
    # Who was there before us stays, and so does what others wrote about them, which somebody has to look at.
    ((key, state, said),) = unfinished(rig, "off")
    assert ("set-guest-details" in key, state) == (True, "stopped")
    assert "theirs" in said
    assert [user["mail"] for user in picture(stage.running)["users"]] == [BO["email"]]
    (told,) = [row["reason"] for row in rows(rig, "off") if "|set-guest-details|" in row["RowKey"] and row["state"] == "done"]
    assert "'theirs'" in told
    assert "it goes with the account" in told


# --- looking ahead


@pytest.mark.parametrize(
    ("seed", "says"),
    [
        ({"authorizationPolicy": {"allowInvitesFrom": "none"}}, ("allowInvitesFrom", "none", "Entra admin center")),
        ({"teamsFederation": {"AllowFederatedUsers": False}}, ("AllowFederatedUsers", "off", "Teams admin center")),
        (
            {
                "sharepoint": {
                    "settings": {"sharingDomainRestrictionMode": "blockList", "sharingBlockedDomainList": ["fabrikam.com"]}
                }
            },
            ("sharingDomainRestrictionMode", "blockList", "SharePoint admin center"),
        ),
    ],
)
async def test_what_the_tenant_refuses_is_said_before_the_first_write(
    stage: Stage, tmp_path: Path, seed: dict[str, Any], says: tuple[str, ...]
) -> None:
    rig = await stage.fresh(ENTENTE_TEMPLATES=str(templates(tmp_path)))
    plant(stage.running.services.tenant, seed)
    before = picture(stage.running)
    wished = simple("ahead", [ANA], steps={"allow-domain": {}, "allow-federation": {}})
    await rig.settle(wished)
    (refusal,) = refusals(rig)
    assert all(word in refusal for word in says), refusal
    assert differences(before, picture(stage.running)) == []
    assert await rig.world.tables.requests.get("ahead") is None
    # A plan shows the same, and is no failure.
    found = await carried_out(rig, {**wished, "id": "ahead-plan", "mode": "plan"})
    assert "refuses" in str(found.outlook)


async def test_without_a_permission_the_request_becomes_a_plan_that_says_so(stage: Stage, tmp_path: Path) -> None:
    rig = await stage.fresh(ENTENTE_TEMPLATES=str(templates(tmp_path)))
    plant(stage.running.services.tenant, {"permissions": [*READING, "User.Read.All", "Policy.Read.All"]})
    before = picture(stage.running)
    found = await carried_out(rig, simple("ahead", [ANA], steps={"allow-domain": {}, "allow-federation": {}}))
    assert found.mode == "plan"
    assert all(word in str(found.outlook) for word in ("invite-guest lacks User.", "without User.", "managed identity"))
    assert differences(before, picture(stage.running)) == []


async def test_a_sister_company_is_handed_over_to_synchronization_above_so_many_guests(stage: Stage, tmp_path: Path) -> None:
    rig = await listed(stage, tmp_path)
    many = [{"email": f"g{number}@fabrikam.com"} for number in range(51)]
    await rig.settle(simple("sister", many, template="same-group"))
    (refusal,) = refusals(rig)
    assert "Cross-tenant synchronization" in refusal
    assert "50, with 51 guests asked for" in refusal
    await carried_out(rig, simple("sister-50", many[:1], template="same-group"))


async def test_a_partner_that_ends_closed_is_shut_out_and_what_it_had_is_taken_back(stage: Stage, tmp_path: Path) -> None:
    rig = await listed(stage, tmp_path)
    before = picture(stage.running)
    wished = few(2, id="first")
    await carried_out(rig, wished)
    await carried_out(rig, {**wished, "id": "off", "action": "offboard"})
    after = picture(stage.running)
    assert len(after["users"]) == 2
    assert not any(user["accountEnabled"] for user in after["users"])
    (partner,) = after["crossTenantPartners"]
    assert "blocked" in str(partner["b2bCollaborationInbound"])
    assert "allowed" not in str(partner["b2bCollaborationInbound"])
    assert differences(before["sharepoint"], after["sharepoint"]) == []
    assert [row["state"] for row in rows(rig, "off") if "prove-closed" in row["RowKey"]] == ["done"]
    # Coming again begins anew: that leaving is settled.
    await carried_out(rig, simple("reopened", steps={"set-partner-configuration": {"reopen": True}}))
    await carried_out(rig, simple("again", [ANA]))
    await carried_out(rig, simple("off-again", action="offboard"))
    (partner,) = picture(stage.running)["crossTenantPartners"]
    assert "allowed" not in str(partner["b2bCollaborationInbound"])


async def test_nobody_comes_while_the_leaving_waits_for_a_decision(stage: Stage, tmp_path: Path) -> None:
    rig = await listed(stage, tmp_path)
    await rig.settle(simple("first", [ANA]))
    shut = (tmp_path / "shut.toml").read_text(encoding="utf-8")
    decided = shut.replace('"shut"', '"decided"').replace("steps = []", 'steps = ["close-partner"]')
    (tmp_path / "decided.toml").write_text(decided, encoding="utf-8")
    await rig.settle(simple("off", action="offboard", template="decided"))
    found = await rig.world.tables.requests.get("off")
    assert found is not None
    assert found.state is RequestState.AWAITING_APPROVAL
    await rig.settle(simple("second", [BO]))
    (refusal,) = refusals(rig)
    assert "request off waits for approval" in refusal
    assert await rig.world.tables.requests.get("second") is None
    await carried_out(rig, simple("look", [BO], mode="plan"))
    await approve(rig.world, "off", ELSE)
    await rig.deliver_all()
    assert unfinished(rig, "off") == []
    assert [user["accountEnabled"] for user in picture(stage.running)["users"]] == [False]


async def test_guests_are_invited_once_the_partner_is_open_again(stage: Stage, tmp_path: Path) -> None:
    rig = await listed(stage, tmp_path)
    await carried_out(rig, simple("first", [ANA], template="shut"))
    await carried_out(rig, simple("off", action="offboard", template="shut"))
    tenant = stage.running.services.tenant
    opening = {"effect": "status", "status": 403, "code": "Authorization_RequestDenied"}
    tenant.faults.add({**opening, "match": {"method": "PATCH", "path": f"/partners/{FABRIKAM}"}, "times": 1})
    asked = {"b2bCollaborationInbound": "allowed", "reopen": True}
    rig.submit(simple("again", [BO], steps={"set-partner-configuration": asked}))
    await rig.deliver_until(lambda: any(row["state"] == "stopped" for row in rows(rig, "again")))
    assert [row["RowKey"].split("|")[2] for row in rows(rig, "again") if row["state"] == "stopped"] == [
        "set-partner-configuration"
    ]
    later = len(rig.border.log) + 100
    await rig.deliver_until(lambda: len(rig.border.log) > later)
    assert all(user["mail"] != BO["email"] for user in picture(stage.running)["users"])
    await tried_again(rig, "set-partner-configuration")
    assert unfinished(rig, "again") == []
    assert any(user["mail"] == BO["email"] for user in picture(stage.running)["users"])
