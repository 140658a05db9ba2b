"""An emergency: the partner is shut out, whatever fails; two people release it; what others did stays."""

import json
from typing import Any

import pytest

from devstack.tenant.seed import plant
from shared.nouns.errors import Refusal
from shared.nouns.outcomes import NotYet
from shared.verbs.asker import KEY_HOLDER
from shared.verbs.block import block
from shared.verbs.control import resume
from shared.verbs.release import release
from shared.views.journal import partner_journal
from shared.views.partners import partner_view
from shared.views.status import request_status
from tests.app.conftest import Stage
from tests.rig import Rig

FABRIKAM = "22222222-2222-2222-2222-222222222222"
ACCESS = f"/policies/crossTenantAccessPolicy/partners/{FABRIKAM}"


def seeded(stage: Stage, guests: int = 3, **more: Any) -> None:
    """Guests of Fabrikam that nobody's process invited, one of them blocked by somebody, and what else the seed says."""
    users: list[Any] = [
        {"mail": f"g{number}@fabrikam.com", "userType": "Guest", "externalUserState": "Accepted"} for number in range(guests)
    ]
    users.append({"mail": "blocked@fabrikam.com", "userType": "Guest", "accountEnabled": False})
    users.append(
        {
            "mail": "member@fabrikam.com",
            "userType": "Member",
            "userPrincipalName": "member_fabrikam.com#EXT#@contoso.onmicrosoft.com",
        }
    )
    seed = {
        "users": users,
        "organizationRelationships": [{"Name": "Fabrikam", "DomainNames": ["fabrikam.com"], "Enabled": True}],
        "inboundConnectors": [
            {"Name": "From Fabrikam", "SenderDomains": ["smtp:fabrikam.com;1"], "CloudServicesMailEnabled": True}
        ],
        "servicePrincipals": [{"displayName": "Fabrikam Sync", "appOwnerOrganizationId": FABRIKAM}],
        **more,
    }
    plant(stage.running.services.tenant, seed)


def people(stage: Stage) -> dict[str, bool]:
    users = [entry.record for entry in stage.running.services.tenant.objects.all("user")]
    return {user["mail"]: user["accountEnabled"] for user in users if str(user.get("mail")).endswith("@fabrikam.com")}


def fault(stage: Stage, effect: str, path: str, times: int = 1) -> None:
    stage.running.services.tenant.faults.add({"effect": effect, "match": {"path": path}, "times": times})


async def no_wait(_: float) -> None:
    return


async def blocked(rig: Rig, who: str = "user one") -> Any:
    return (await block(rig.world, "fabrikam.com", who, "credentials leaked", wait=no_wait)).as_json()


async def test_everything_is_closed_and_only_what_was_ours_comes_back(stage: Stage) -> None:
    rig = await stage.fresh()
    seeded(stage)
    out = await blocked(rig)
    parts = {part["part"]: part for part in out["parts"]}
    assert list(parts) == ["access", "federation", "capabilities", "organizationRelationship", "connectorTrust", "sharingPolicy"]
    assert all(part["done"] for part in parts.values())
    assert [line for line in out["remains"] if "Fabrikam Sync" not in line] == []
    assert people(stage) == dict.fromkeys(people(stage), False)
    assert (out["people"]["switched"], out["people"]["left"]) == (4, 1)
    assert "Fabrikam Sync" in out["apps"][0]
    assert out["recorded"]
    found = await rig.world.tenant.partner_configurations.read(FABRIKAM)
    assert found.open_ways() == ()
    assert all(name in found.own for name in ("b2bCollaborationInbound", "inboundTrust"))
    asked = await release(rig.world, "fabrikam.com", "user one", "all clear")
    assert asked.state == "asked"
    with pytest.raises(Refusal, match="somebody else has to confirm"):
        await release(rig.world, "fabrikam.com", "user one", "all clear")
    done = await release(rig.world, "fabrikam.com", "user two", "all clear")
    assert done.state == "released", done.as_json()
    assert people(stage) == {**dict.fromkeys(people(stage), True), "blocked@fabrikam.com": False}
    assert not (await rig.world.tenant.partner_configurations.read(FABRIKAM)).exists
    assert [one.values["Enabled"] for one in await rig.world.tenant.exchange.relationships() if one.name == "Fabrikam"] == [True]
    with pytest.raises(Refusal, match="is not blocked"):
        await release(rig.world, "fabrikam.com", "user two", "again")


async def test_a_second_run_goes_on_and_the_release_knows_what_the_first_did(stage: Stage) -> None:
    rig = await stage.fresh()
    seeded(stage)
    fault(stage, "lost", "/OrganizationRelationship|InvokeCommand", 50)
    fault(stage, "effect-then-lost", "/\\$batch", 1)
    first = await blocked(rig)
    assert first["remains"]
    stage.running.services.tenant.faults.clear()
    second = await blocked(rig, "user two")
    assert second["request"] == first["request"]
    assert all(part["done"] for part in second["parts"])
    assert people(stage) == dict.fromkeys(people(stage), False)
    await release(rig.world, FABRIKAM, "user one", "all clear")
    done = await release(rig.world, FABRIKAM, "user two", "all clear")
    assert done.state == "released"
    assert people(stage) == {**dict.fromkeys(people(stage), True), "blocked@fabrikam.com": False}


async def test_what_somebody_changed_meanwhile_stays_as_they_left_it(stage: Stage) -> None:
    rig = await stage.fresh()
    seeded(stage)
    await blocked(rig)
    await rig.world.tenant.partner_configurations.set_blocks(
        FABRIKAM, {"b2bCollaborationInbound": "users allowed: AllUsers; applications allowed: Office365"}
    )
    await release(rig.world, "fabrikam.com", "user one", "all clear")
    done = await release(rig.world, "fabrikam.com", "user two", "all clear")
    access = next(part for part in done.parts if part.key == "access")
    assert not access.done
    assert "changed by somebody after us" in access.said


async def test_nothing_begins_while_the_partner_is_blocked(stage: Stage) -> None:
    rig = await stage.fresh()
    request = {
        "version": 1,
        "id": "f-1",
        "template": "supplier",
        "partner": {"name": "Fabrikam", "domains": ["fabrikam.com"]},
        "sponsors": ["mia@contoso.com"],
        "guests": [{"email": f"n{number}@fabrikam.com"} for number in range(3)],
    }
    rig.submit(request)
    await rig.run(rig.bus.waiting.pop(0).envelope)
    before = await request_status(rig.world, "f-1")
    assert before is not None
    assert before["state"] == "running", before
    out = await blocked(rig)
    assert out["paused"] == ["f-1"]
    await rig.deliver_all()
    assert people(stage) == {}
    with pytest.raises(Refusal, match="is blocked"):
        await resume(rig.world, "f-1", "user one")
    rig.submit({**request, "id": "f-2"})
    await rig.deliver_all()
    refused = await request_status(rig.world, "f-2")
    assert refused is not None
    assert refused["state"] == "refused"
    assert "blocked in an emergency" in refused["refusals"][0]
    await release(rig.world, "fabrikam.com", "user one", "all clear")
    done = await release(rig.world, "fabrikam.com", "user two", "all clear")
    assert done.paused == ("f-1",)
    await rig.deliver_all()
    after = await request_status(rig.world, "f-1")
    assert after is not None
    assert len(people(stage)) == 3


async def test_the_journal_and_the_status_have_it(stage: Stage) -> None:
    rig = await stage.fresh()
    seeded(stage)
    out = await blocked(rig)
    shown = await request_status(rig.world, out["request"])
    assert shown is not None
    assert "credentials leaked" in shown["reason"]
    assert shown["state"] == "stopped"
    journal = await partner_journal(rig.world, "fabrikam.com")
    steps = {entry["step"] for entry in journal["entries"]}
    assert steps == {"close-partner", "block-guest", "list-apps", "save-evidence"}
    assert "@fabrikam" not in json.dumps(journal["entries"])
    await rig.deliver_all()


async def test_it_closes_where_nothing_can_be_recorded(stage: Stage) -> None:
    rig = await stage.fresh()
    seeded(stage)

    async def out_of_reach(*_: Any, **__: Any) -> Any:
        raise NotYet("tables are out of reach", after=1)

    for table in rig.tables.values():
        table.get = table.write = out_of_reach  # type: ignore[method-assign]  # the service is away
    out = await blocked(rig)
    assert not out["recorded"]
    assert out["unrecorded"] == "tables are out of reach"
    assert people(stage) == dict.fromkeys(people(stage), False)
    assert (await rig.world.tenant.partner_configurations.read(FABRIKAM)).open_ways() == ()


async def test_nine_hundred_people_are_out_within_a_minute_at_the_published_limits(stage: Stage) -> None:
    rig = await stage.fresh()
    seeded(stage, 900)
    assert stage.running.services.tenant.throttle.on
    start = rig.border.calls
    waits: list[float] = []

    async def noted(seconds: float) -> None:
        waits.append(seconds)

    out = (await block(rig.world, "fabrikam.com", "user one", "now", wait=noted)).as_json()
    assert (out["people"]["switched"], out["people"]["failed"], waits) == (901, {}, [])
    batches = [what for what in rig.border.log[start:] if what == "tenant.POST"]
    assert len(batches) < 120
    assert sum(waits) < 60


@pytest.mark.parametrize(
    ("said", "why"), [("contoso.com", "own tenant"), ("nobody.example", "no Microsoft Entra tenant"), ("x", "nor a tenant id")]
)
async def test_nobody_else_is_blocked_by_mistake(stage: Stage, said: str, why: str) -> None:
    rig = await stage.fresh()
    with pytest.raises(Refusal, match=why):
        await block(rig.world, said, "user one", "why")
    with pytest.raises(Refusal, match="reason"):
        await block(rig.world, "fabrikam.com", "user one", " ")


TROUBLE: list[dict[str, Any]] = [
    {"effect": "status", "status": 429, "code": "tooManyRequests", "headers": {"Retry-After": "3"}},
    {"effect": "effect-then-status", "status": 504, "code": "gatewayTimeout"},
    {"effect": "lost"},
    {"effect": "effect-then-lost"},
]


@pytest.mark.parametrize("wrong", TROUBLE, ids=lambda rule: str(rule["effect"]))
async def test_whoever_is_blocked_at_the_second_try_is_let_in_with_the_others(stage: Stage, wrong: dict[str, Any]) -> None:
    rig = await stage.fresh()
    seeded(stage, 45)
    tenant = stage.running.services.tenant
    # One of each batch, the first of the first one among them, whose round has the name of the batch.
    ids = sorted(entry.id for entry in tenant.objects.all("user") if str(entry.record.get("mail")).endswith("@fabrikam.com"))
    tenant.faults.add([{**wrong, "match": {"method": "PATCH", "path": f"/users/{user}"}, "times": 2} for user in ids[::9]])
    waits: list[float] = []

    async def noted(seconds: float) -> None:
        waits.append(seconds)

    out = (await block(rig.world, "fabrikam.com", "user one", "now", wait=noted)).as_json()
    assert waits
    assert out["people"]["failed"] == {}
    assert people(stage) == dict.fromkeys(people(stage), False)
    await release(rig.world, "fabrikam.com", "user one", "all clear")
    await release(rig.world, "fabrikam.com", "user two", "all clear")
    assert people(stage) == {**dict.fromkeys(people(stage), True), "blocked@fabrikam.com": False}


async def test_an_administrator_is_named_as_one_and_counted_as_nobody_who_is_blocked(stage: Stage) -> None:
    rig = await stage.fresh()
    seeded(stage)
    eve = {"mail": "eve@fabrikam.com", "userType": "Guest", "directoryRoles": ["User Administrator"]}
    plant(stage.running.services.tenant, {"users": [eve]})
    out = await blocked(rig)
    ((_, why),) = out["people"]["failed"].items()
    assert "holds User Administrator in our directory" in why
    assert "permission" not in why
    shown = await partner_view(rig.world, FABRIKAM)
    assert shown["guests"] == {"blocked": out["people"]["switched"]}
    await release(rig.world, "fabrikam.com", "user one", "all clear")
    await release(rig.world, "fabrikam.com", "user two", "all clear")
    assert (await partner_view(rig.world, FABRIKAM))["guests"] == {}


async def test_a_key_that_anybody_may_hold_releases_nobody(stage: Stage) -> None:
    rig = await stage.fresh()
    seeded(stage)
    await blocked(rig, KEY_HOLDER)
    with pytest.raises(Refusal, match="does not say who holds it"):
        await release(rig.world, "fabrikam.com", KEY_HOLDER, "all clear")
    await release(rig.world, "fabrikam.com", "user one", "all clear")
    with pytest.raises(Refusal, match="does not say who holds it"):
        await release(rig.world, "fabrikam.com", KEY_HOLDER, "all clear")
    assert people(stage) == dict.fromkeys(people(stage), False)
