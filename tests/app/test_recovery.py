"""All tables are lost, and the tenant is not: the same requests bring back what we know, and change nothing over there."""

from typing import Any

from devstack.tenant.control.state import state
from devstack.tenant.server import RunningTenant
from shared.nouns.changes import Upkeep
from shared.nouns.person import person_id
from shared.verbs.tend import tend
from tests.app.whole import differences, picture
from tests.rig import Rig, rig

FABRIKAM = "22222222-2222-2222-2222-222222222222"
REQUEST: dict[str, Any] = {
    "version": 1,
    "id": "r1",
    "template": "joint-project",
    "partner": {"name": "Fabrikam", "domains": ["fabrikam.com"]},
    "sponsors": ["mia@contoso.com"],
    "steps": {"set-organization-relationship": {}},
    "guests": [
        {"email": f"{name}@fabrikam.com", "name": name.title(), "groups": ["fabrikam-project"], "until": "2027-06-30"}
        for name in ("ana", "bo", "cleo")
    ],
}


async def known(made: Rig) -> dict[str, tuple[str, str]]:
    """The guests on record, by person: their object id and last day."""
    key = made.world.settings.person_key
    found = {}
    for guest in REQUEST["guests"]:
        person = person_id(key, guest["email"])
        there = await made.world.tables.guests.get(FABRIKAM, person)
        if there is not None:
            found[person] = (there.user, str(there.end))
    return found


async def test_the_same_request_brings_back_what_was_on_record_and_writes_nothing(tenant: RunningTenant) -> None:
    first = rig(tenant)
    await first.settle(REQUEST)
    # Whatever is lost is lost later: everything is replicated by then.
    tenant.services.tenant.clock.advance(3_600)
    before, mails, had = picture(tenant), len(tenant.services.tenant.outbox), await known(first)
    assert len(had) == 3
    again = rig(tenant)
    assert await known(again) == {}
    await again.settle(REQUEST)
    request = await again.world.tables.requests.get("r1")
    assert request is not None
    assert request.state.value == "done", request.reason
    assert await known(again) == had, "the same people, accounts and days"
    assert len(tenant.services.tenant.outbox) == mails, "nobody gets a second mail"
    assert differences(before, picture(tenant)) == []
    await first.close()
    await again.close()


async def test_guests_whom_no_request_names_any_more_are_adopted_by_the_catch_up(tenant: RunningTenant) -> None:
    first = rig(tenant)
    await first.settle(REQUEST)
    # Whatever is lost is lost later: everything is replicated by then.
    tenant.services.tenant.clock.advance(3_600)
    # The request is found again without its guests: the partner's template and settings alone.
    again = rig(tenant)
    await again.settle({**REQUEST, "guests": []})
    assert await known(again) == {}
    await tend(again.world, Upkeep(do="catch-up", resource="users", why="hourly"))
    await again.deliver_all()
    there = {user["id"] for user in state(tenant.services.tenant)["users"] if str(user.get("mail")).endswith("@fabrikam.com")}
    assert {user for user, _ in (await known(again)).values()} == there
    await first.close()
    await again.close()
