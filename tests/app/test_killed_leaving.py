"""The worker dies before and after calls to the outside while a partner goes, or comes with every option: the end is the same."""

from pathlib import Path
from typing import Any

from devstack.tenant.seed import plant
from tests.app.conftest import Stage
from tests.app.whole import FULL, differences, few, picture, templates, unfinished
from tests.rig import Rig

SMALL: dict[str, Any] = {
    "version": 1,
    "id": "small",
    "template": "freely",
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
# The whole request makes hundreds of calls; the killings are spread over them.
KILLINGS = 8
# Of the small one's leaving every fifth call is tried, before and after by turns.
EVERY = 5


async def begun(stage: Stage, folder: Path) -> tuple[Rig, dict[str, Any]]:
    rig = await stage.fresh(ENTENTE_TEMPLATES=str(folder))
    plant(stage.running.services.tenant, LIST)
    return rig, picture(stage.running)


async def gone(rig: Rig, name: str) -> None:
    await rig.settle({**SMALL, "id": name, "action": "offboard", "guests": [], "steps": {}})


def assert_gone(stage: Stage, rig: Rig, before: dict[str, Any]) -> None:
    assert unfinished(rig, "off") == []
    assert rig.tables["parked"].content == {}
    assert not rig.bus.dead
    assert ("closed", "off") in rig.tables["requests"].content
    assert differences(before, picture(stage.running)) == []


async def test_a_worker_that_dies_anywhere_while_a_partner_goes_leaves_nothing_behind(stage: Stage, tmp_path: Path) -> None:
    folder = templates(tmp_path)
    rig, before = await begun(stage, folder)
    await rig.settle(SMALL)
    first = rig.border.calls
    await gone(rig, "off")
    assert_gone(stage, rig, before)
    for number in range(first + 1, rig.border.calls + 1, EVERY):
        after = number % 2 == 0
        rig, before = await begun(stage, folder)
        await rig.settle(SMALL)
        rig.border.kill_at, rig.border.kill_after_effect = number, after
        await gone(rig, "off")
        try:
            assert_gone(stage, rig, before)
        except AssertionError as error:
            where = f"{'after' if after else 'before'} call {number} ({rig.border.log[number - 1]})"
            raise AssertionError(f"killed {where}: {error}") from error


async def test_a_worker_that_dies_anywhere_among_all_options_leaves_nothing_undone(stage: Stage, tmp_path: Path) -> None:
    folder = templates(tmp_path)
    wished = few(1, template="freely")
    rig, before = await begun(stage, folder)
    await rig.settle(wished)
    await gone(rig, "off")
    assert_gone(stage, rig, before)
    calls = rig.border.calls
    for place in range(KILLINGS):
        number, after = 1 + place * calls // KILLINGS, place % 2 == 1
        rig, before = await begun(stage, folder)
        rig.border.kill_at, rig.border.kill_after_effect = number, after
        await rig.settle(wished)
        assert unfinished(rig, FULL["id"]) == [], f"killed at call {number} ({rig.border.log[number - 1]})"
        await gone(rig, "off")
        assert_gone(stage, rig, before)
