"""A guest's other address, as requests of every kind ask for it."""

from pathlib import Path
from typing import Any

from devstack.tenant.control.act import act
from devstack.tenant.seed import plant
from tests.app.conftest import Stage
from tests.app.whole import picture, refusals, rows, sights, templates, unfinished
from tests.rig import Rig

OLD, NEW = "dee@fabrikam.com", "dee.new@fabrikam.com"
CHANGE: dict[str, Any] = {"change-guest-address": {"dee": {"from": OLD, "to": NEW, "sendMail": False}}}


def request(name: str, action: str = "change", **more: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "id": name,
        "action": action,
        "template": "freely",
        "partner": {"name": "Fabrikam", "domains": ["fabrikam.com"]},
        "sponsors": ["mia@contoso.com"],
        "guests": [],
        **more,
    }


async def known(stage: Stage, folder: Path) -> Rig:
    rig = await stage.fresh(ENTENTE_TEMPLATES=str(templates(folder)))
    plant(stage.running.services.tenant, {"users": [{"mail": OLD, "userType": "Guest", "externalUserState": "Accepted"}]})
    return rig


async def test_a_change_gives_the_address_and_a_later_one_does_not_take_it_back(stage: Stage, tmp_path: Path) -> None:
    rig = await known(stage, tmp_path)
    await rig.settle(request("address", steps=CHANGE))
    assert unfinished(rig, "address") == []
    assert [user["mail"] for user in picture(stage.running)["users"]] == [NEW]
    # Asked for again before they have accepted, it throws nobody out; nor does what does not name them.
    await rig.settle(request("look", mode="plan", steps=CHANGE))
    assert set(sights(rig, "look")) == {"nothing"}
    # Nor after they have.
    (dee,) = [user for user in stage.running.services.tenant.objects.all("user") if user.record["mail"] == NEW]
    stage.running.services.tenant.objects.change(dee, externalUserState="Accepted")
    await rig.settle(request("again", steps=CHANGE))
    assert unfinished(rig, "again") == []
    assert dee.record["externalUserState"] == "Accepted"
    (row,) = [row for row in rows(rig, "again") if "change-guest-address" in row["RowKey"]]
    assert "already" in row["reason"]
    await rig.settle(request("other", steps={"set-remote-domain": {}}))
    assert unfinished(rig, "other") == []
    assert not any("change-guest-address" in row["RowKey"] for row in rows(rig, "other"))
    assert [user["mail"] for user in picture(stage.running)["users"]] == [NEW]
    await rig.settle(request("off", "offboard"))
    assert unfinished(rig, "off") == []
    assert [user["mail"] for user in picture(stage.running)["users"]] == [OLD]


async def test_what_others_made_of_the_address_since_stays(stage: Stage, tmp_path: Path) -> None:
    rig = await known(stage, tmp_path)
    await rig.settle(request("address", steps=CHANGE))
    act(stage.running.services.tenant, {"do": "update", "target": NEW, "set": {"mail": "else@fabrikam.com", "otherMails": []}})
    await rig.settle(request("off", "offboard"))
    ((_, state, reason),) = unfinished(rig, "off")
    assert (state, "was changed by somebody after us" in reason) == ("stopped", True)
    assert [user["mail"] for user in picture(stage.running)["users"]] == ["else@fabrikam.com"]


async def test_a_guest_whose_address_changes_in_the_same_request_is_refused_by_field(stage: Stage, tmp_path: Path) -> None:
    rig = await known(stage, tmp_path)
    guests = [{"email": OLD}, {"email": NEW.upper()}, {"email": "ana@fabrikam.com"}]
    await rig.settle(request("both", "onboard", steps=CHANGE, guests=guests))
    reasons = refusals(rig)
    assert len(reasons) == 2
    for position, side in ((0, "from"), (1, "to")):
        assert any(f"guests[{position}].email" in said and f"change-guest-address.dee.{side}" in said for said in reasons), (
            reasons
        )
    assert {user["mail"] for user in picture(stage.running)["users"]} == {NEW, "ana@fabrikam.com"}
