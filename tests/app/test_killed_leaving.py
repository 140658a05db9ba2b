"""The worker dies before and after calls to the outside while a partner goes, or comes with every option: the end is the same.

A worker that dies takes its memory along, so what is left depends on what it had written: dying before or after a read is dying
before the next write. That is why every write is tried, and no read.
"""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devstack.tenant.seed import plant
from tests.app.conftest import Moment, Stage
from tests.app.whole import FULL, differences, few, picture, templates, unfinished
from tests.rig import Rig

SMALL: dict[str, Any] = {
    "version": 1,
    "id": "small",
    "partner": {"name": "Fabrikam", "domains": ["fabrikam.com"]},
    "sponsors": ["mia@contoso.com"],
    "guests": [{"email": "ana@fabrikam.com", "groups": ["partner-readers"]}],
    "steps": {
        "allow-domain": {},
        "set-partner-configuration": {},
        "set-capabilities": {},
        "set-guest-details": {"companyName": "F"},
    },
}
LIST = {"sharepoint": {"settings": {"sharingDomainRestrictionMode": "allowList", "sharingAllowedDomainList": ["northwind.com"]}}}
READS = ("get", "rows", "GET")


async def begun(stage: Stage, folder: Path) -> tuple[Rig, dict[str, Any]]:
    rig = await stage.fresh(ENTENTE_TEMPLATES=str(folder))
    plant(stage.running.services.tenant, LIST)
    return rig, picture(stage.running)


async def gone(rig: Rig, template: str) -> None:
    await rig.settle({**SMALL, "id": "off", "template": template, "action": "offboard", "guests": [], "steps": {}})


def assert_gone(stage: Stage, rig: Rig, end: dict[str, Any]) -> None:
    assert unfinished(rig, "off") == []
    assert rig.tables["parked"].content == {}
    assert not rig.bus.dead
    assert ("closed", "off") in rig.tables["requests"].content
    assert differences(end, picture(stage.running)) == []


@pytest.mark.parametrize("template", ["freely", "shut"])
async def test_a_worker_that_dies_anywhere_while_a_partner_goes_leaves_the_same_behind(
    stage: Stage, tmp_path: Path, template: str
) -> None:
    rig, before = await begun(stage, templates(tmp_path))
    await rig.settle({**SMALL, "template": template})
    there = stage.moment(rig, ENTENTE_TEMPLATES=str(tmp_path))
    rig = await stage.back_at(there)
    await gone(rig, template)
    end = before if template == "freely" else picture(stage.running)
    assert_gone(stage, rig, end)
    if template == "shut":
        assert [user["accountEnabled"] for user in end["users"]] == [False]
        assert "allowed" not in str(end["crossTenantPartners"])
    writes = [number for number, what in enumerate(rig.border.log, start=1) if what.rpartition(".")[2] not in READS]
    assert len(writes) > 50
    for number in writes:
        # Before a write is after the last one, but for the message that is under way: enough to be tried in one of the two.
        for after in (False, True) if template == "freely" else (True,):
            await _dying(stage, there, template, end, (number, after))


async def _dying(stage: Stage, there: Moment, template: str, end: dict[str, Any], at: tuple[int, bool]) -> None:
    rig = await stage.back_at(there)
    rig.border.kill_at, rig.border.kill_after_effect = at
    await gone(rig, template)
    try:
        assert_gone(stage, rig, end)
    except AssertionError as error:
        number, after = at
        where = f"{'after' if after else 'before'} call {number} ({rig.border.log[number - 1]})"
        raise AssertionError(f"killed {where}: {error}") from error


async def test_a_worker_that_dies_anywhere_while_a_guest_is_renamed_loses_no_name(stage: Stage, tmp_path: Path) -> None:
    rig, _ = await begun(stage, templates(tmp_path))
    plant(stage.running.services.tenant, {"users": [{"mail": "ana@fabrikam.com", "userType": "Guest", "displayName": "Before"}]})
    before = picture(stage.running)
    there = stage.moment(rig, ENTENTE_TEMPLATES=str(tmp_path))
    coming = {
        **SMALL,
        "template": "freely",
        "guests": [{"email": "ana@fabrikam.com", "name": "Ana"}],
        "steps": {"set-guest-details": {"companyName": None, "displayName": "{name} ({partner})"}},
    }
    rig = await stage.back_at(there)
    await rig.settle(coming)
    assert picture(stage.running)["users"][0]["displayName"] == "Ana (Fabrikam)"
    calls = list(zip(rig.border.queues, rig.border.log, strict=True))
    # The relationship comes along by the template; who dies after making it has to know later that it was not there.
    for number, (queue, what) in enumerate(calls, start=1):
        if queue in {"set-guest-details", "set-organization-relationship"} and what.rpartition(".")[2] not in READS:
            rig = await stage.back_at(there)
            rig.border.kill_at, rig.border.kill_after_effect = number, True
            await rig.settle(coming)
            await gone(rig, "freely")
            try:
                assert_gone(stage, rig, before)
            except AssertionError as error:
                raise AssertionError(f"killed after call {number} ({what}): {error}") from error


@pytest.fixture
async def counted(stage: Stage, tmp_path: Path) -> tuple[int, int]:
    """How many calls the example with every option makes when it comes, and when it goes."""
    rig, before = await begun(stage, templates(tmp_path))
    await rig.settle(few(1, template="freely"))
    coming = rig.border.calls
    await gone(rig, "freely")
    assert_gone(stage, rig, before)
    return coming, rig.border.calls - coming


@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(first=st.floats(0, 1, exclude_max=True), second=st.floats(0, 1, exclude_max=True), after=st.booleans())
async def test_a_worker_that_dies_anywhere_among_all_options_leaves_nothing_undone(
    stage: Stage, tmp_path: Path, counted: tuple[int, int], first: float, second: float, after: bool
) -> None:
    """Hundreds of calls are made, so some are drawn: one while everything comes, and one while it goes."""
    coming, going = counted
    rig, before = await begun(stage, tmp_path)
    rig.border.kill_at, rig.border.kill_after_effect = 1 + int(first * coming), after
    await rig.settle(few(1, template="freely"))
    assert unfinished(rig, FULL["id"]) == [], rig.border.log[rig.border.kill_at - 1]
    rig.border.kill_at = rig.border.calls + 1 + int(second * going)
    await gone(rig, "freely")
    assert_gone(stage, rig, before)
