"""What is looked ahead for: the permissions that taking back needs, and Exchange, which takes very few calls at once."""

from pathlib import Path
from typing import Any

import pytest

from devstack.tenant.seed import plant
from shared.tenant.invoke_command import InvokeCommand
from shared.views.status import request_status
from tests.app.conftest import Stage
from tests.app.whole import carried_out, differences, few, picture, rows, templates

READING = ("Organization.Read.All", "CrossTenantInformation.ReadBasic.All", "Domain.Read.All", "User.Read.All")
ANA = {"email": "ana@fabrikam.com", "name": "Ana", "groups": ["partner-readers"]}


def request(name: str, **changes: Any) -> dict[str, Any]:
    partner = {"name": "Fabrikam", "domains": ["fabrikam.com"]}
    return {"version": 1, "id": name, "template": "freely", "partner": partner, "sponsors": ["mia@contoso.com"], **changes}


async def test_a_leaving_tells_and_checks_what_taking_back_needs(stage: Stage, tmp_path: Path) -> None:
    rig = await stage.fresh(ENTENTE_TEMPLATES=str(templates(tmp_path)))
    await carried_out(rig, request("first", guests=[ANA], steps={"set-remote-domain": {}}))
    off = request("off", action="offboard")
    planned = await carried_out(rig, {**off, "id": "look", "mode": "plan"})
    shown = planned.outlook["permissions"]
    assert {"GroupMember.ReadWrite.All", "User.ReadWrite.All"} <= set(shown["needed"])
    assert shown["missing"] == []
    assert "Remote and Accepted Domains" in planned.outlook["exchangeRoles"]

    plant(stage.running.services.tenant, {"permissions": [*READING, "User.ReadWrite.All", "Exchange.ManageAsApp"]})
    before = picture(stage.running)
    only = await carried_out(rig, off)
    assert only.mode == "plan"
    assert "add-to-group lacks GroupMember.Read.All, GroupMember.ReadWrite.All" in only.outlook["planned"]
    assert differences(before, picture(stage.running)) == []


async def test_exchange_is_asked_one_call_at_a_time(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = await stage.fresh(ENTENTE_TEMPLATES=str(templates(tmp_path)))
    asking: list[str] = []
    most: list[list[str]] = []
    run = InvokeCommand.run

    async def counted(self: InvokeCommand, operation: Any, *args: Any, **more: Any) -> Any:
        asking.append(operation.name)
        most.append(list(asking))
        try:
            return await run(self, operation, *args, **more)
        finally:
            asking.remove(operation.name)

    monkeypatch.setattr(InvokeCommand, "run", counted)
    rig.submit(few(3, template="put-back", id="look", mode="plan"))
    await rig.deliver_until(lambda: len(rows(rig, "look")) > 0)
    assert {len(together) for together in most} == {1}
    # Those who hold addresses are looked for as well as the settings.
    assert len({names[0] for names in most}) > 3


async def test_a_status_names_groups_as_the_template_does_and_where_they_are_left(stage: Stage, tmp_path: Path) -> None:
    rig = await stage.fresh(ENTENTE_TEMPLATES=str(templates(tmp_path)))
    apollo = {"create-group": {"apollo": {"displayName": "Apollo", "owners": ["mia@contoso.com"]}}}
    await carried_out(rig, request("first", guests=[{**ANA, "groups": ["partner-readers", "apollo"]}], steps=apollo))
    await carried_out(rig, request("off", action="offboard"))
    for name in ("first", "off"):
        shown = await request_status(rig.world, name)
        assert shown is not None
        assert {task["groupName"] for task in shown["tasks"] if task["step"] == "add-to-group"} == {"partner-readers", "apollo"}
