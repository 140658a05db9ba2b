"""Pause, resume, cancel, redrive, requests of one partner one after another, and a host that is told to stop."""

import asyncio
from typing import Any

import pytest

from tests.system.local import LOCK, READERS, Local, until

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="session")]


async def _done(local: Local, name: str, at_least: int) -> dict[str, Any] | None:
    shown = await local.seen(name)
    return shown if shown is not None and shown["counts"].get("done", 0) >= at_least else None


async def test_pause_and_resume(local: Local) -> None:
    at_once, midway = await local.partner("paused"), await local.partner("pausing")
    requests = [partner.request(partner.guests(30, "partner-readers")) for partner in (at_once, midway)]
    for request in requests:
        await local.submit(request)
    await until(lambda: local.seen(at_once.name), "the request is on record")
    await local.control("pause", at_once.name)
    await until(lambda: _done(local, midway.name, 3), "the other is under way")
    shown = await local.control("pause", midway.name)
    assert shown["state"] == "running"
    # Every attempt that was on its way has come, and found the request paused.
    await until(lambda: _still(local, "invite-guest"), "the queue is empty")
    before = [await local.writes(partner) for partner in (at_once, midway)]
    assert 0 < len(before[1]) < 32
    shown_paused = await local.seen(midway.name)
    assert shown_paused is not None
    assert shown_paused["paused"] is True
    for partner in (at_once, midway):
        await local.control("resume", partner.name)
    for request in requests:
        await local.assert_brought_in(request, await local.ended(request["id"]))


async def _still(local: Local, queue: str) -> bool:
    return not any((await local.queues())[queue].values())


async def test_cancel_at_once_and_midway(local: Local) -> None:
    at_once, midway = await local.partner("dropped"), await local.partner("dropping")
    for partner in (at_once, midway):
        await local.submit(partner.request(partner.guests(40, "partner-readers"), template="supplier"))
    await until(lambda: local.seen(at_once.name), "the request is on record")
    await local.control("cancel", at_once.name)
    await until(lambda: _done(local, midway.name, 3), "the other is under way")
    await local.control("cancel", midway.name)
    for partner in (at_once, midway):
        await until(lambda name=partner.name: _ended(local, name), f"{partner.name} ends")  # type: ignore[misc]  # a default binds the name
        tasks = await local.tasks(partner.name)
        assert {task["state"] for task in tasks} <= {"done", "cancelled"}
        assert any(task["state"] == "cancelled" for task in tasks)
        done = [task for task in tasks if task["step"] == "invite-guest" and task["state"] == "done"]
        users = [user for user in (await local.state())["users"] if str(user["mail"]).endswith(partner.domain)]
        assert {user["id"] for user in users} == {task["ids"]["user"] for task in done}
        assert await local.parked(partner.name) == []
    status, answer = await local.call("POST", f"partner-requests/{midway.name}/resume")
    assert (status, "has ended (cancelled)" in answer["error"]) == (400, True)


async def _ended(local: Local, name: str) -> bool:
    shown = await local.seen(name)
    return shown is not None and shown["state"] == "cancelled"


async def test_what_is_parked_is_tried_again_when_its_cause_is_mended(local: Local) -> None:
    partner = await local.partner("mended")
    user = {"id": "dddddddd-0000-4000-8000-000000000002", "mail": partner.address("blocked"), "accountEnabled": False}
    await local.sim("POST", "seed", {"users": [{**user, "userType": "Guest"}]})
    blocked = {"email": partner.address("blocked"), "groups": ["partner-readers"]}
    name = await local.submit(partner.request([*partner.guests(2, "partner-readers"), blocked], template="supplier"))
    await until(lambda: _state(local, name, "stopped"), "the request stops")
    (item,) = await local.parked(name)
    assert f"User {user['id']} was blocked from signing in" in item["reason"]
    assert "attempt" in await local.redrive(item["id"])

    async def again() -> list[dict[str, Any]]:
        return [other for other in await local.parked(name) if other["since"] > item["since"]]

    await until(again, "it is parked again while nothing is mended")
    await local.sim("POST", "act", {"do": "update", "target": user["id"], "set": {"accountEnabled": True}})
    # Setting the lag anew tells every replica.
    await local.sim("PUT", "lag", await local.sim("GET", "lag"))

    async def mended() -> bool:
        # A replica may still show the block for a while; whoever is told so tries once more.
        if await _state(local, name, "stopped") and await local.parked(name):
            await local.redrive(item["id"])
        return await _state(local, name, "done")

    await until(mended, "the request is done")
    assert await local.parked(name) == []
    readers = next(group for group in (await local.state())["groups"] if group["id"] == READERS)
    assert user["id"] in readers["members"]


async def _state(local: Local, name: str, state: str) -> bool:
    shown = await local.seen(name)
    return shown is not None and shown["state"] == state


async def test_requests_of_one_partner_run_one_after_another_and_again_change_nothing(local: Local) -> None:
    partner = await local.partner("twofold")
    first = partner.request(partner.guests(10, "partner-readers"))
    second = first | {"id": "twofold-again"}
    await asyncio.gather(local.submit(first), local.submit(second))
    await until(lambda: _one_waits(local, first["id"], second["id"]), "one runs and the other is queued")
    shown = [await local.ended(request["id"]) for request in (first, second)]
    early, late = sorted(shown, key=lambda each: each["finished"])
    changed = {task["reason"] for task in late["tasks"] if task["step"] == "invite-guest"}
    assert changed == {"was invited before and has not accepted yet"}
    await local.assert_brought_in(first, early)
    # Setting the lag anew tells every replica: who is in a group is not put into it again.
    await local.sim("PUT", "lag", await local.sim("GET", "lag"))
    before = await local.writes(partner)
    again = await local.ended(await local.submit(first | {"id": "twofold-third"}))
    assert await local.writes(partner) == before
    reasons = {task["reason"] for task in again["tasks"] if task["step"] == "invite-guest"}
    assert reasons == {"was invited before and has not accepted yet"}


async def _one_waits(local: Local, *names: str) -> bool:
    shown = [await local.seen(name) for name in names]
    return sorted(each["state"] for each in shown if each is not None) == ["queued", "running"]


async def test_a_host_that_is_told_to_stop_finishes_what_it_has_begun(local: Local) -> None:
    partner = await local.partner("drained")
    request = partner.request(partner.guests(60, "partner-readers"), template="supplier")
    # Locks that run out on a slow machine would count a delivery too, and are not what this is about.
    await local.lock_for("PT1M")
    name = await local.submit(request)
    await until(lambda: _done(local, name, 3), "the request is under way")
    leaving = local.stack.running_hosts
    await asyncio.gather(*(local.stack.stop_host(host) for host in leaving))
    assert [host.process.returncode for host in leaving] == [0, 0]
    left = [message for queue in await local.queues() for message in await local.waiting(queue)]
    assert left, "the hosts were told to stop too late to prove anything"
    assert {(message["state"] == "locked", message["deliveryCount"]) for message in left} == {(False, 0)}
    await local.lock_for(LOCK)
    await local.stack.start_host()
    shown = await local.ended(name)
    await local.assert_brought_in(request, shown)
    invitations = [entry for entry in await local.writes(partner) if entry["kind"] == "invitation"]
    assert len(invitations) == 60
