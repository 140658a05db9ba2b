"""A domain that belongs to somebody else by now lets nobody new in under its old owner's name, and keeps nobody from leaving."""

from typing import Any

import pytest

from shared.verbs.compare import look_after_partners
from tests.app.conftest import Stage
from tests.app.test_react import FABRIKAM, onboarded, request, row
from tests.rig import Rig

OTHERS = "44444444-4444-4444-4444-444444444444"


def moved(stage: Stage, tenant: str = OTHERS) -> None:
    homes = stage.running.services.tenant.partner_tenants
    homes["fabrikam.com"] = {**homes["fabrikam.com"], "tenantId": tenant}


async def refused(rig: Rig, sent: dict[str, Any]) -> str:
    """Why it was, at once and before anybody was invited."""
    writes = [what for what in rig.border.log if what in {"tenant.POST", "tenant.PATCH"}]
    await rig.settle(sent)
    assert [what for what in rig.border.log if what in {"tenant.POST", "tenant.PATCH"}] == writes
    assert await rig.world.tables.requests.get(sent["id"]) is None
    return next(str(item["reason"]) for (_, key), item in rig.tables["parked"].content.items() if f":{sent['id']}:" in f"{key}:")


@pytest.mark.parametrize("more", [{}, {"mode": "plan"}, {"action": "change"}])
async def test_a_new_request_for_a_domain_that_has_moved_is_refused_at_once(stage: Stage, more: dict[str, Any]) -> None:
    rig = await onboarded(stage)
    moved(stage)
    why = await refused(rig, request("f-2", **more))
    assert f"fabrikam.com belongs to tenant {OTHERS} now, and is on record as a domain of Fabrikam" in why


async def test_a_new_request_for_what_else_the_partner_has_is_refused_once_the_move_is_known(stage: Stage) -> None:
    rig = await stage.fresh()
    homes = stage.running.services.tenant.partner_tenants
    homes["fabrikam.co.uk"] = {**homes["fabrikam.com"]}
    await rig.settle(request(partner={"name": "Fabrikam", "domains": ["fabrikam.com", "fabrikam.co.uk"]}))
    moved(stage)
    await look_after_partners(rig.world)
    rest = request("f-2", partner={"name": "Fabrikam", "domains": ["fabrikam.co.uk"]})
    why = await refused(rig, {**rest, "guests": [{"email": "x@fabrikam.co.uk"}]})
    assert "a domain of Fabrikam belongs to somebody else now" in why


@pytest.mark.parametrize("to", [OTHERS, "", "ours"])
async def test_the_old_owner_can_leave_and_then_the_new_one_may_come(stage: Stage, to: str) -> None:
    rig = await onboarded(stage)
    tenant = stage.running.services.tenant
    match to:
        case "":
            del tenant.partner_tenants["fabrikam.com"]
        case "ours":
            tenant.domains["fabrikam.com"] = {**next(iter(tenant.domains.values())), "isDefault": False, "isInitial": False}
        case _:
            moved(stage)
    rig.submit({**request("f-2"), "action": "offboard", "guests": []})
    await rig.run(rig.bus.waiting.pop(0).envelope)
    await look_after_partners(rig.world)
    leaving = await rig.world.tables.requests.get("f-2")
    assert leaving is not None
    assert (leaving.partner_tenant, leaving.paused) == (FABRIKAM, False)
    await rig.deliver_all()
    leaving = await rig.world.tables.requests.get("f-2")
    assert leaving is not None
    assert leaving.state == "done", leaving.reason
    assert row(rig, "g0@fabrikam.com")["stage"] == "blocked"
    if to == OTHERS:
        await rig.settle(request("f-3", guests=2))
        came = await rig.world.tables.requests.get("f-3")
        assert came is not None
        assert came.partner_tenant == OTHERS
