"""What nobody told is found, whoever dies, however often links are lost; a full round tells those who may concern us, page by page."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from shared.nouns.changes import Change, Upkeep
from shared.topology import TENANT_CHANGES
from shared.verbs import hear as hearing_verb
from shared.verbs.catch_up import MOST_PAGES, QUIET
from shared.verbs.tend import tend
from shared.verbs.world import World
from tests.app.conftest import Stage
from tests.rig import Killed, Rig

LI = "bbbbbbbb-0000-4000-8000-000000000003"
READERS = "aaaaaaaa-0000-4000-8000-000000000002"
GUESTS = 30


class Tenant:
    """A rig, and what was reacted to. `found` is what has come since it was asked for last."""

    def __init__(self, rig: Rig, http: httpx.AsyncClient, control: str, told: list[Change]) -> None:
        self.rig = rig
        self.told = told
        self._http = http
        self._control = control

    async def sim(self, method: str, path: str, body: Any = None) -> Any:
        reply = await self._http.request(method, f"{self._control}/{path}", json=body)
        assert reply.is_success, reply.text
        return reply.json() if reply.content else None

    async def catch_up(self, why: str = "hourly") -> set[str]:
        """Both rounds have come to their end; the objects that were told of."""
        self.told.clear()
        for resource in ("users", "groups"):
            await tend(self.rig.world, Upkeep.model_validate({"do": "catch-up", "resource": resource, "why": why}))
        await self.rig.deliver_all()
        return {change.id for change in self.told}


@pytest.fixture
async def make(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callable[[], Awaitable[Tenant]]]:
    async with httpx.AsyncClient() as http:

        async def made() -> Tenant:
            told: list[Change] = []

            async def react(world: World, change: Change) -> None:
                told.append(change)

            monkeypatch.setattr(hearing_verb, "react", react)
            tenant = Tenant(await stage.fresh(), http, stage.running.control, told)
            guests = [{"mail": f"guest{number}@fabrikam.com", "userType": "Guest"} for number in range(GUESTS)]
            staff = [{"userPrincipalName": f"staff{number}@contoso.com"} for number in range(GUESTS)]
            await tenant.sim("POST", "seed", {"users": guests + staff})
            await tenant.sim("PUT", "options", {"deltaPage": 7})
            return tenant

        yield made


@pytest.fixture
async def tenant(make: Callable[[], Awaitable[Tenant]]) -> Tenant:
    return await make()


async def guests_of(tenant: Tenant) -> list[str]:
    users = (await tenant.sim("GET", "state"))["users"]
    return [user["id"] for user in users if user["userType"] == "Guest"]


async def test_the_first_round_tells_guests_the_disabled_and_groups_on_record_and_nobody_else(tenant: Tenant) -> None:
    await tenant.rig.world.tables.index.note("partner", {}, groups=[READERS])
    await tenant.sim("POST", "act", {"do": "update", "target": LI, "set": {"accountEnabled": False}})
    found = await tenant.catch_up()
    assert found == {*await guests_of(tenant), LI, READERS}
    assert all(change.came == () and change.source == "delta" for change in tenant.told)
    assert [change.id for change in tenant.told if change.whole] == [READERS]
    assert await tenant.catch_up() == set()


async def test_later_rounds_tell_what_changed_and_nothing_else(tenant: Tenant) -> None:
    await tenant.catch_up()
    one, two, *_ = await guests_of(tenant)
    await tenant.sim("POST", "act", {"do": "delete", "target": one})
    await tenant.sim("POST", "act", {"do": "add-member", "target": READERS, "who": two})
    assert await tenant.catch_up() == {one, READERS}
    assert {(change.id, change.what, change.came) for change in tenant.told} == {
        (one, "unknown", ()),
        (READERS, "updated", (two,)),
    }
    await tenant.sim("POST", "act", {"do": "purge", "target": one})
    await tenant.sim("POST", "act", {"do": "remove-member", "target": READERS, "who": two})
    assert await tenant.catch_up() == {one, READERS}
    assert {(change.id, change.what, change.went) for change in tenant.told} == {
        (one, "deleted", ()),
        (READERS, "updated", (two,)),
    }


@pytest.mark.parametrize("status", [410, 400, 404])
async def test_a_link_that_is_gone_begins_anew_and_everybody_we_know_is_read_again(tenant: Tenant, status: int) -> None:
    await tenant.catch_up()
    guests = await guests_of(tenant)
    gone = guests[0]
    await tenant.rig.world.tables.index.note("partner", {guest: f"person{number}" for number, guest in enumerate(guests)})
    await tenant.sim("POST", "act", {"do": "delete", "target": gone})
    await tenant.sim("POST", "act", {"do": "purge", "target": gone})
    await tenant.sim("PUT", "options", {"expiredDeltaStatus": status})
    await tenant.sim("POST", "expire-delta", {})
    assert await tenant.catch_up() >= set(guests), "who was purged meanwhile is in no list"
    assert await tenant.catch_up() == set()


async def test_a_long_round_goes_on_in_messages_of_its_own_and_asks_for_low_priority(tenant: Tenant) -> None:
    await tenant.sim("PUT", "options", {"deltaPage": 1})
    assert await tenant.catch_up() >= set(await guests_of(tenant))
    one = await tenant.rig.world.tables.deltas.get("users")
    assert one is not None
    assert one.pages > MOST_PAGES
    assert tenant.rig.border.queues.count("keep-listening") > 1
    asked = (await tenant.sim("GET", "requests?path=/users/delta"))["value"]
    assert {request["headers"]["x-ms-throttle-priority"] for request in asked if "headers" in request} <= {"Low"}
    assert all("select" in request["path"] for request in asked[:1])


async def test_what_is_asked_for_during_a_round_follows_it_and_a_lost_round_goes_on(tenant: Tenant) -> None:
    await tenant.sim("PUT", "options", {"deltaPage": 1})
    order = Upkeep(do="catch-up", resource="users", why="missed")
    await tend(tenant.rig.world, order)
    half = await tenant.rig.world.tables.deltas.get("users")
    assert half is not None
    assert half.under_way
    await tend(tenant.rig.world, order)
    await tenant.sim("POST", "act", {"do": "update", "target": LI, "set": {"accountEnabled": False}})
    await tenant.rig.deliver_all()
    assert LI in {change.id for change in tenant.told}
    # The message that was to go on is lost.
    await tenant.sim("POST", "expire-delta", {})
    await tend(tenant.rig.world, order)
    tenant.rig.bus.waiting = [due for due in tenant.rig.bus.waiting if due.envelope.queue == TENANT_CHANGES]
    tenant.rig.now += QUIET
    assert await tenant.catch_up() >= set(await guests_of(tenant))


@pytest.mark.parametrize("after", [False, True])
async def test_wherever_the_worker_dies_nothing_is_missed(make: Callable[[], Awaitable[Tenant]], *, after: bool) -> None:
    number, died = 1, True
    while died:
        tenant = await make()
        await tenant.catch_up()
        guests = await guests_of(tenant)
        for guest in guests[:15]:
            await tenant.sim("POST", "act", {"do": "update", "target": guest, "set": {"accountEnabled": False}})
        border = tenant.rig.border
        border.calls, border.kill_at, border.kill_after_effect = 0, number, after
        try:
            await tend(tenant.rig.world, Upkeep(do="catch-up", resource="users", why="hourly"))
            died = False
        except Killed:
            pass
        border.kill_at = None
        seen = {change.id for change in tenant.told}
        tenant.rig.now += timedelta(hours=1)
        seen |= await tenant.catch_up()
        assert seen >= set(guests[:15]), number
        number += 3
    assert number > 6
