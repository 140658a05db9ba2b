"""What others change of what finished tasks have made true: recorded, and reported, put back or accepted as the template says."""

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.nouns.errors import Refusal
from shared.settings import ROOT
from shared.tables.drift import Drifted
from shared.verbs.approve import approve
from shared.verbs.compare import compare_partner, compare_settings, look_after_partners
from shared.verbs.drifted import accept_drift, put_back_drift
from shared.views.drift import drift_named, drifts_view
from shared.views.status import request_status
from tests.app.conftest import Stage
from tests.app.test_react import FABRIKAM, READERS, by_hand, changes, heard, request, told_of, user
from tests.rig import CountedTransport, Rig

RELATIONSHIP = "set-organization-relationship"
HOUR = timedelta(hours=1)


def templates(tmp_path: Path, drift: str) -> dict[str, Any]:
    """Our templates, that of joint projects with these words about drift."""
    folder = tmp_path / "templates"
    shutil.copytree(ROOT / "templates", folder)
    file = folder / "joint-project.toml"
    file.write_text(file.read_text(encoding="utf-8") + f"\n[drift]\n{drift}\n", encoding="utf-8")
    return {"ENTENTE_TEMPLATES": str(folder)}


async def set_up(stage: Stage, tmp_path: Path, drift: str = 'reaction = "report"', **more: Any) -> Rig:
    """A partner with an organization relationship, long enough ago."""
    rig = await stage.fresh(**templates(tmp_path, drift))
    wanted = request(
        template="joint-project", guests=1, steps={RELATIONSHIP: {"FreeBusyAccessLevel": "AvailabilityOnly"}}, **more
    )
    await rig.settle(wanted)
    assert not rig.tables["parked"].content
    return rig


def relationship(stage: Stage) -> dict[str, Any]:
    found = list(stage.running.services.tenant.objects.all("organizationRelationship"))
    return found[0].record


def change(stage: Stage, **values: Any) -> None:
    by_hand(stage, "set-organization-relationship", relationship(stage)["Name"], set=values)


async def compared(rig: Rig) -> list[dict[str, Any]]:
    """All drift after both timers have run, and whatever they have set going."""
    for power in ("settings", "guests"):
        await compare_settings(rig.world, power)
        await rig.deliver_all()
    return await drifts_view(rig.world, settled=True)


async def drifted(rig: Rig, name: str) -> Drifted:
    found = await drift_named(rig.world, name)
    assert found is not None
    return found


async def test_nothing_differs_and_nothing_is_said(stage: Stage, tmp_path: Path) -> None:
    rig = await set_up(stage, tmp_path)
    assert await compared(rig) == []
    assert changes(rig) == []


async def test_a_change_by_others_is_reported_with_before_and_after_once(stage: Stage, tmp_path: Path) -> None:
    rig = await set_up(stage, tmp_path)
    change(stage, FreeBusyAccessLevel="LimitedDetails")
    for _ in range(2):
        await compared(rig)
    found = await compared(rig)
    assert len(found) == 1
    assert (found[0]["before"], found[0]["after"]) == (
        {"FreeBusyAccessLevel": "AvailabilityOnly"},
        {"FreeBusyAccessLevel": "LimitedDetails"},
    )
    assert found[0]["state"] == "open"
    assert [kind for _, kind in changes(rig)] == ["drift"]
    assert told_of(rig) == ["setting-changed"]
    assert relationship(stage)["FreeBusyAccessLevel"] == "LimitedDetails"
    change(stage, FreeBusyAccessLevel="AvailabilityOnly")
    assert [one["state"] for one in await compared(rig)] == ["over"]


async def test_what_narrows_is_put_back_by_itself_and_what_widens_waits(stage: Stage, tmp_path: Path) -> None:
    rig = await set_up(stage, tmp_path, 'reaction = "put-back"')
    change(stage, FreeBusyAccessLevel="LimitedDetails")
    assert [one["state"] for one in await compared(rig)] == ["putting-back"]
    assert relationship(stage)["FreeBusyAccessLevel"] == "AvailabilityOnly"
    assert [one["state"] for one in await compared(rig)] == ["put-back"]
    rig.now += 48 * HOUR
    change(stage, FreeBusyAccessEnabled=False)
    assert [one["state"] for one in await compared(rig)] == ["waits"]
    assert relationship(stage)["FreeBusyAccessEnabled"] is False
    name = (await compared(rig))[0]["id"]
    await put_back_drift(rig.world, await drifted(rig, name), "user one")
    await rig.deliver_all()
    assert relationship(stage)["FreeBusyAccessEnabled"] is True
    assert [one["state"] for one in await compared(rig)] == ["put-back"]
    with pytest.raises(Refusal, match="settled already"):
        await put_back_drift(rig.world, await drifted(rig, name), "user one")


@pytest.mark.parametrize(("first", "then"), [("LimitedDetails", "AvailabilityOnly"), ("AvailabilityOnly", "LimitedDetails")])
async def test_what_a_later_request_has_just_made_otherwise_is_no_change_by_others(
    stage: Stage, tmp_path: Path, first: str, then: str
) -> None:
    rig = await stage.fresh(**templates(tmp_path, 'reaction = "put-back"'))
    await rig.settle(request(template="joint-project", guests=1, steps={RELATIONSHIP: {"FreeBusyAccessLevel": first}}))
    # At once, well within the horizon.
    again = {"FreeBusyAccessLevel": then}
    rig.submit(request(template="joint-project", guests=1, steps={RELATIONSHIP: again}) | {"id": "r2"})
    await rig.deliver_all()
    assert relationship(stage)["FreeBusyAccessLevel"] == then
    assert await compared(rig) == []
    assert told_of(rig) == []
    rig.now += HOUR
    assert await compared(rig) == []
    assert relationship(stage)["FreeBusyAccessLevel"] == then


async def test_two_machines_do_not_fight(stage: Stage, tmp_path: Path) -> None:
    rig = await set_up(stage, tmp_path, 'reaction = "put-back"')
    for _ in range(2):
        change(stage, FreeBusyAccessLevel="LimitedDetails")
        await compared(rig)
        await compared(rig)
        rig.now += HOUR
    assert [one["state"] for one in await compared(rig)] == ["waits"]
    assert relationship(stage)["FreeBusyAccessLevel"] == "LimitedDetails"


async def test_what_differed_of_a_partner_who_has_left_is_no_longer_listed(stage: Stage, tmp_path: Path) -> None:
    rig = await set_up(stage, tmp_path)
    change(stage, FreeBusyAccessLevel="LimitedDetails")
    assert [one["state"] for one in await compared(rig)] == ["open"]
    change(stage, FreeBusyAccessLevel="AvailabilityOnly")
    await rig.settle({**request("f-2", "joint-project"), "action": "offboard", "guests": [], "steps": {}})
    found = await compared(rig)
    assert [(one["state"], one["said"]) for one in found] == [("over", "nothing asks for it any more")]


async def test_what_a_later_request_has_opened_again_is_not_closed_by_itself(stage: Stage, tmp_path: Path) -> None:
    rig = await set_up(stage, tmp_path, 'reaction = "put-back"')
    await rig.settle({**request("f-2", "joint-project"), "action": "offboard", "guests": [], "steps": {}})
    assert await compared(rig) == []
    opened = {"set-partner-configuration": {"reopen": True}, RELATIONSHIP: {}}
    await rig.settle(request("f-3", "joint-project", steps=opened) | {"guests": [{"email": "new@fabrikam.com"}]})
    await approve(rig.world, "f-3", "user approver")
    await rig.deliver_all()
    there = await request_status(rig.world, "f-3")
    assert there is not None
    assert there["state"] == "done", there
    for _ in range(2):
        assert await compared(rig) == []
        rig.now += HOUR
    # What it did not ask for stays closed.
    (policy,) = stage.running.services.tenant.objects.all("sharingPolicy")
    more = [*policy.record["Domains"], "fabrikam.com:CalendarSharingFreeBusySimple"]
    by_hand(stage, "set-sharing-policy", policy.record["Name"], set={"Domains": more})
    found = await compared(rig)
    assert [(one["step"], list(one["before"])) for one in found] == [("close-partner", ["sharingPolicy"])]


async def test_what_is_accepted_is_the_new_wish_and_goes_when_the_partner_leaves(stage: Stage, tmp_path: Path) -> None:
    rig = await set_up(stage, tmp_path, 'steps = { set-organization-relationship = "accept" }')
    change(stage, FreeBusyAccessLevel="LimitedDetails")
    assert [one["state"] for one in await compared(rig)] == ["accepted"]
    rig.now += HOUR
    assert [one["state"] for one in await compared(rig)] == ["accepted"]
    away = {**request("f-2", "joint-project"), "action": "offboard", "guests": []}
    away["steps"] = {}
    await rig.settle(away)
    left = [item["reason"] for (_, key), item in rig.tables["parked"].content.items() if key.startswith("task:")]
    assert left == []
    assert list(stage.running.services.tenant.objects.all("organizationRelationship")) == []


async def test_a_thing_that_is_gone_and_accepted_is_not_taken_back_again(stage: Stage, tmp_path: Path) -> None:
    rig = await set_up(stage, tmp_path, 'reaction = "put-back"')
    by_hand(stage, "remove-organization-relationship", relationship(stage)["Name"])
    found = await compared(rig)
    assert [one["state"] for one in found] == ["waits"]
    await accept_drift(rig.world, await drifted(rig, found[0]["id"]), "user one")
    rig.now += HOUR
    assert [one["state"] for one in await compared(rig)] == ["accepted"]
    tasks = [one for (_, key), one in rig.tables["tasks"].content.items() if key.startswith("t|") and one["step"] == RELATIONSHIP]
    assert [one["state"] for one in tasks] == ["undone"]


async def test_who_only_reports_puts_nothing_back(stage: Stage, tmp_path: Path) -> None:
    rig = await set_up(stage, tmp_path, 'reaction = "put-back"')
    rig.world.settings = rig.world.settings.model_copy(update={"report_only": True})
    change(stage, FreeBusyAccessLevel="LimitedDetails")
    assert [one["state"] for one in await compared(rig)] == ["open"]
    assert relationship(stage)["FreeBusyAccessLevel"] == "LimitedDetails"


async def test_a_guest_taken_out_of_a_group_is_drift_and_comes_back_by_a_person_only(stage: Stage, tmp_path: Path) -> None:
    rig = await set_up(stage, tmp_path, 'reaction = "put-back"')
    guest = user(stage, "g0@fabrikam.com")
    by_hand(stage, "remove-member", READERS, who=guest)
    await heard(rig, READERS, kind="group", went=(guest,))
    found = await drifts_view(rig.world)
    assert [(one["step"], one["state"]) for one in found] == [("add-to-group", "waits")]
    await put_back_drift(rig.world, await drifted(rig, found[0]["id"]), "user one")
    await rig.deliver_all()
    assert guest in stage.running.services.tenant.relations.targets("members", READERS)
    rig.now += HOUR
    await heard(rig, READERS, kind="group", came=(guest,))
    assert [one["state"] for one in await drifts_view(rig.world, settled=True)] == ["put-back"]


async def test_a_guest_out_of_a_group_who_is_accepted_so_is_no_part_of_the_batch_any_more(stage: Stage, tmp_path: Path) -> None:
    rig = await set_up(stage, tmp_path, 'reaction = "accept"')
    guest = user(stage, "g0@fabrikam.com")
    by_hand(stage, "remove-member", READERS, who=guest)
    await heard(rig, READERS, kind="group", went=(guest,))
    assert [one["state"] for one in await drifts_view(rig.world, settled=True)] == ["accepted"]
    batch = [
        one for (_, key), one in rig.tables["tasks"].content.items() if key.startswith("t|") and one["step"] == "add-to-group"
    ]
    assert [one["state"] for one in batch] == ["undone"]


async def test_a_group_that_others_delete_is_told_and_one_that_nobody_uses_is_not_even_read(stage: Stage, tmp_path: Path) -> None:
    rig = await set_up(stage, tmp_path)
    by_hand(stage, "create-group", "strangers")
    strangers = stage.running.services.tenant.objects.holders("group", "mailNickname", "strangers")[0].id
    calls = rig.border.calls
    await heard(rig, strangers, kind="group")
    assert [what for what in rig.border.log[calls:] if what.startswith("tenant.")] == []
    by_hand(stage, "delete", READERS)
    await heard(rig, READERS, kind="group")
    assert told_of(rig) == ["group-deleted"]
    by_hand(stage, "restore", READERS)
    await heard(rig, READERS, kind="group")
    assert told_of(rig) == []


async def test_a_domain_that_moves_stops_everything_of_the_partner(stage: Stage, tmp_path: Path) -> None:
    rig = await set_up(stage, tmp_path)
    tenant = stage.running.services.tenant
    await look_after_partners(rig.world)
    assert await drifts_view(rig.world) == []
    tenant.partner_tenants["fabrikam.com"] = {
        **tenant.partner_tenants["fabrikam.com"],
        "tenantId": "44444444-4444-4444-4444-444444444444",
    }
    for _ in range(2):
        await look_after_partners(rig.world)
    found = await drifts_view(rig.world)
    assert [(one["step"], one["subject"], one["after"]["tenant"]) for one in found] == [
        ("domain", "fabrikam.com", "44444444-4444-4444-4444-444444444444")
    ]
    assert "domain-moved" in told_of(rig)
    with pytest.raises(Refusal, match="no task"):
        await accept_drift(rig.world, await drifted(rig, found[0]["id"]), "user one")
    tenant.partner_tenants["fabrikam.com"] = {**tenant.partner_tenants["fabrikam.com"], "tenantId": FABRIKAM}
    await look_after_partners(rig.world)
    assert await drifts_view(rig.world) == []


async def test_a_partner_whose_request_runs_is_compared_when_it_has_ended(stage: Stage, tmp_path: Path) -> None:
    rig = await set_up(stage, tmp_path)
    change(stage, FreeBusyAccessLevel="LimitedDetails")
    rig.submit(request("f-2", guests=2))
    await rig.run(rig.bus.waiting.pop(0).envelope)
    await compare_settings(rig.world, "settings")
    assert await drifts_view(rig.world) == []
    await rig.deliver_all()
    assert await compare_partner(rig.world, FABRIKAM) == 1


async def test_every_call_says_that_it_can_wait(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = await set_up(stage, tmp_path)
    said: list[str | None] = []
    forward = CountedTransport.handle_async_request

    async def noted(self: CountedTransport, asked: httpx.Request) -> httpx.Response:
        if "/v1.0/" in str(asked.url):
            said.append(asked.headers.get("x-ms-throttle-priority"))
        return await forward(self, asked)

    monkeypatch.setattr(CountedTransport, "handle_async_request", noted)
    await look_after_partners(rig.world)
    assert said
    assert set(said) == {"Low"}
    said.clear()
    await rig.world.tenant.organizations.ours()
    assert said == ["Normal"]
