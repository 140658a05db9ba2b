"""A partner leaves: closed, its people blocked, strangers too, and that it cannot get in is read from the tenant."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from devstack.tenant.seed import plant
from shared.nouns.outcomes import WontWork
from shared.nouns.partner import Partner
from shared.nouns.person import Person
from shared.nouns.step import Entry, Subject
from shared.steps.block_guest import BLOCK_GUEST
from shared.steps.close_partner import CLOSE_PARTNER
from shared.steps.closings import PARTS
from shared.steps.prove_closed import PROVE_CLOSED
from shared.verbs.approve import approve
from shared.views.status import request_status
from tests.app.conftest import Stage
from tests.app.whole import FULL, few, rows, templates, unfinished
from tests.rig import Rig

FABRIKAM = "22222222-2222-2222-2222-222222222222"
PARTNER = Partner(FABRIKAM, "Fabrikam", ("fabrikam.com",))
ADMIN = "bbbbbbbb-0000-4000-8000-000000000004"


def request(name: str, **more: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "id": name,
        "template": "supplier",
        "partner": {"name": "Fabrikam", "domains": ["fabrikam.com"]},
        "sponsors": ["mia@contoso.com"],
        **more,
    }


def users(stage: Stage) -> dict[str, Any]:
    return {str(entry.record.get("mail")): entry.record for entry in stage.running.services.tenant.objects.all("user")}


def strangers(stage: Stage) -> None:
    """Somebody synchronized, somebody invited by hand, somebody who only looks like theirs."""
    synchronized = {
        "mail": "eva@fabrikam.com",
        "userType": "Member",
        "userPrincipalName": "eva_fabrikam.com#EXT#@contoso.onmicrosoft.com",
    }
    other = {"mail": "bo@notfabrikam.com", "userType": "Guest"}
    plant(stage.running.services.tenant, {"users": [synchronized, {"mail": "old@fabrikam.com", "userType": "Guest"}, other]})


async def settled(rig: Rig, made: dict[str, Any]) -> dict[str, Any]:
    await rig.settle(made)
    shown = await request_status(rig.world, made["id"])
    assert shown is not None
    return shown


async def test_a_partner_leaves_closed_with_a_proof(stage: Stage) -> None:
    rig = await stage.fresh()
    strangers(stage)
    await settled(rig, request("f-1", guests=[{"email": "ana@fabrikam.com"}]))
    await approved(rig, "f-1")
    leaving = await settled(rig, request("f-2", action="offboard"))
    leaving = await approved(rig, "f-2") or leaving
    tasks = {(task["step"], task["state"]): task["reason"] for task in leaving["tasks"]}
    assert leaving["state"] == "done", leaving
    assert ("close-partner", "done") in tasks
    assert "cannot get in" in tasks["prove-closed", "done"]
    there = users(stage)
    assert {mail: there[mail]["accountEnabled"] for mail in ("ana@fabrikam.com", "eva@fabrikam.com", "old@fabrikam.com")} == {
        "ana@fabrikam.com": False,
        "eva@fabrikam.com": False,
        "old@fabrikam.com": False,
    }
    assert there["bo@notfabrikam.com"]["accountEnabled"]
    assert (await rig.world.tenant.partner_configurations.read(FABRIKAM)).open_ways() == ()


async def approved(rig: Rig, name: str) -> dict[str, Any] | None:
    shown = await request_status(rig.world, name)
    if shown is None or shown["state"] != "awaiting-approval":
        return None
    await approve(rig.world, name, "user approver")
    await rig.deliver_all()
    return await request_status(rig.world, name)


async def test_who_is_invited_again_after_the_partner_left_is_told_apart_from_whom_somebody_has_blocked(stage: Stage) -> None:
    rig = await stage.fresh()
    ana = [{"email": "ana@fabrikam.com"}]
    await settled(rig, request("f-1", template="joint-project", guests=ana))
    await approved(rig, "f-1")
    await settled(rig, request("f-2", template="joint-project", action="offboard"))
    await approved(rig, "f-2")
    await settled(
        rig, request("f-3", template="joint-project", guests=ana, steps={"set-partner-configuration": {"reopen": True}})
    )
    await approved(rig, "f-3")
    reasons = [item.reason for item in await rig.world.tables.parked.all()]
    assert [reason for reason in reasons if "was blocked when the partner left" in reason], reasons
    assert not users(stage)["ana@fabrikam.com"]["accountEnabled"]


async def test_who_opens_something_again_is_named_by_the_proof(stage: Stage) -> None:
    rig = await stage.fresh()
    plant(stage.running.services.tenant, {"users": [{"mail": "old@fabrikam.com", "userType": "Guest"}]})
    subject = Subject(FABRIKAM, PARTNER, details={"domains": ["fabrikam.com"], "sites": []}, waited=301)
    actual = await PROVE_CLOSED.read(rig.world.tenant, subject)
    assert actual["closed"] is False
    said = PROVE_CLOSED.explain(subject, actual) or ""
    assert "b2bCollaborationInbound" in said
    assert users(stage)["old@fabrikam.com"]["id"] in said
    assert "@" not in said
    await CLOSE_PARTNER.apply(rig.world.tenant, subject, {part.key: "closed" for part in PARTS})
    await rig.world.tenant.accounts.switch(users(stage)["old@fabrikam.com"]["id"], on=False)
    actual = await PROVE_CLOSED.read(rig.world.tenant, subject)
    assert PROVE_CLOSED.explain(subject, actual) is None
    assert actual["closed"] is True
    assert "cannot get in" in PROVE_CLOSED.settled(subject, actual)


async def test_closing_is_taken_back_only_where_it_is_still_ours(stage: Stage) -> None:
    rig = await stage.fresh()
    relationship = {"Name": "Shared", "DomainNames": ["fabrikam.com", "northwind.com"], "Enabled": True}
    policy = {
        "Name": "Staff",
        "Domains": ["fabrikam.com:CalendarSharingFreeBusyDetail", "*:CalendarSharingFreeBusySimple"],
        "Default": False,
        "Enabled": True,
    }
    plant(stage.running.services.tenant, {"organizationRelationships": [relationship], "sharingPolicies": [policy]})
    tenant, subject = rig.world.tenant, Subject(FABRIKAM, PARTNER, details={"domains": ["fabrikam.com"]})
    before = {part.key: (await CLOSE_PARTNER.read(tenant, subject))[part.key] for part in PARTS}
    change = {part.key: "closed" for part in PARTS if before[part.key] != "closed"}
    assert {"access", "federation", "organizationRelationship", "sharingPolicy"} <= change.keys()
    await CLOSE_PARTNER.apply(tenant, subject, change)
    await CLOSE_PARTNER.apply(tenant, subject, change)
    now = await CLOSE_PARTNER.read(tenant, subject)
    assert {now[part.key] for part in PARTS} == {"closed"}
    assert [one.domains for one in await tenant.exchange.relationships() if one.name == "Shared"] == [("northwind.com",)]
    entry = Entry({key: before[key] for key in change}, change, {}, created=False)
    await CLOSE_PARTNER.undo(tenant, subject, entry)
    await CLOSE_PARTNER.undo(tenant, subject, entry)
    assert {key: (await CLOSE_PARTNER.read(tenant, subject))[key] for key in before} == before


async def test_teams_is_not_closed_by_emptying_its_list(stage: Stage) -> None:
    rig = await stage.fresh()
    only = {"AllowedDomains": {"AllowedDomain": [{"Domain": "fabrikam.com"}]}}
    plant(stage.running.services.tenant, {"teamsFederation": only})
    subject = Subject(FABRIKAM, PARTNER)
    applied = await CLOSE_PARTNER.apply(rig.world.tenant, subject, {part.key: "closed" for part in PARTS})
    assert set(applied.refused) == {"federation"}
    assert "empty list may mean every domain" in applied.refused["federation"]


def of(stage: Stage, mail: str) -> Subject:
    person = Person("p-1", mail)
    return Subject("p-1", PARTNER, person=person, details={"why": "offboard"})


async def test_a_guest_is_blocked_and_unblocked_by_whoever_blocked_them(stage: Stage) -> None:
    rig = await stage.fresh()
    tenant = rig.world.tenant
    blocked = {"mail": "ben@fabrikam.com", "userType": "Guest", "accountEnabled": False}
    plant(stage.running.services.tenant, {"users": [{"mail": "ana@fabrikam.com", "userType": "Guest"}, blocked]})
    ana, ben = of(stage, "ana@fabrikam.com"), of(stage, "ben@fabrikam.com")
    seen = await BLOCK_GUEST.read(tenant, ana)
    assert BLOCK_GUEST.explain(ana, seen) is None
    applied = await BLOCK_GUEST.apply(tenant, replace(ana, seen=seen), {"enabled": False})
    assert applied.ids["blockedBy"] == "this request"
    assert users(stage)["ana@fabrikam.com"]["accountEnabled"] is False
    entry = Entry({"enabled": True}, {"enabled": False}, applied.ids, created=False)
    for _ in range(2):
        await BLOCK_GUEST.undo(tenant, ana, entry)
    assert users(stage)["ana@fabrikam.com"]["accountEnabled"] is True
    other = await BLOCK_GUEST.read(tenant, ben)
    assert other["blockedBy"] == "somebody before"
    assert "blocked already" in BLOCK_GUEST.settled(ben, other)
    await BLOCK_GUEST.undo(
        tenant, ben, Entry({"enabled": False}, {"enabled": False}, {"user": str(other["user"])}, created=False)
    )
    assert users(stage)["ben@fabrikam.com"]["accountEnabled"] is False


async def test_our_own_people_and_administrators_are_refused(stage: Stage) -> None:
    rig = await stage.fresh()
    tenant = rig.world.tenant
    eve = {"mail": "eve@fabrikam.com", "userType": "Guest", "directoryRoles": ["User Administrator"]}
    plant(stage.running.services.tenant, {"users": [eve]})
    mia, eve_ = of(stage, "mia@contoso.com"), of(stage, "eve@fabrikam.com")
    assert "our own people" in str(BLOCK_GUEST.explain(mia, await BLOCK_GUEST.read(tenant, mia)))
    seen = await BLOCK_GUEST.read(tenant, eve_)
    assert "User Administrator" in str(BLOCK_GUEST.explain(eve_, seen))
    with pytest.raises(WontWork, match="forbade"):
        await tenant.accounts.switch(str(seen["user"]), on=False)
    nobody = of(stage, "nobody@fabrikam.com")
    none = await BLOCK_GUEST.read(tenant, nobody)
    assert none["enabled"] is False
    assert "nobody to block" in BLOCK_GUEST.settled(nobody, none)


async def test_the_proof_looks_at_the_sites_that_requests_were_about(stage: Stage, tmp_path: Path) -> None:
    rig = await stage.fresh(ENTENTE_TEMPLATES=str(templates(tmp_path)))
    steps = {"limit-site": FULL["steps"]["limit-site"]}
    await rig.settle(few(1, id="on", template="shut", groups=[], steps=steps))
    await rig.settle(few(0, id="off", template="shut", action="offboard", groups=[], steps={}))
    assert unfinished(rig, "off") == []
    (said,) = [row["reason"] for row in rows(rig, "off") if "|prove-closed|" in row["RowKey"]]
    assert "looked for shared files: https://contoso.sharepoint.com/sites/fabrikam (all " in said
