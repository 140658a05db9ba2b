"""Lost answers, throttling, outages, copies and disorder: the end is the same."""

import os
import signal

import pytest

from shared.nouns.parts import split
from tests.system.local import Local, until

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="session")]

ROUGH = [
    {"match": {"method": "POST", "path": "/invitations"}, "effect": "effect-then-lost", "probability": 0.2},
    {
        "match": {"method": "POST", "path": "/invitations"},
        "effect": "effect-then-status",
        "status": 503,
        "probability": 0.2,
        "times": 3,
    },
    {"match": {"method": "PATCH", "path": "/groups/"}, "effect": "effect-then-lost", "times": 3},
    {"match": {"path": "/groups/"}, "effect": "status", "status": 429, "headers": {"Retry-After": "1"}, "times": 3},
    {"match": {"path": "/groups/"}, "effect": "stale", "times": 10},
    {"match": {"cmdlet": "New-OrganizationRelationship"}, "effect": "effect-then-lost", "times": 1},
    {
        "match": {"path": "/(users|invitations|directory)"},
        "effect": "status",
        "status": 429,
        "code": "TooManyRequests",
        "headers": {"Retry-After": "1"},
        "probability": 0.1,
        "times": 15,
    },
    {"match": {"path": "/(users|invitations|directory)"}, "effect": "status", "status": 503, "probability": 0.1, "times": 3},
    {"match": {"path": "/(users|invitations|directory)"}, "effect": "status", "status": 500, "probability": 0.1, "times": 2},
    {"match": {"path": "/users"}, "effect": "stale", "probability": 0.1},
    {"match": {"path": "/(users|invitations|directory)"}, "effect": "lost", "probability": 0.1, "times": 4},
]


async def test_lost_answers_throttling_and_errors_of_the_tenant(local: Local) -> None:
    partner = await local.partner("rough")
    silent = [{**guest, "email": partner.address(f"silent{n}"), "sendMail": False} for n, guest in enumerate(partner.guests(5))]
    request = partner.request([*partner.guests(30, "fabrikam-project", "partner-readers"), *silent])
    await local.sim("POST", "faults", {"rules": ROUGH})
    shown = await local.ended(await local.submit(request))
    hits = {rule["number"]: rule["hits"] for rule in (await local.sim("GET", "faults"))["value"]}
    assert all(hits.values()), f"a fault that never struck proves nothing: {hits}"
    await local.assert_brought_in(request, shown, mails_lost=True)


# The client forgets the streams of connections that were cut, and the collector may find them at any time.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
async def test_tables_and_bus_out_of_reach(local: Local) -> None:
    partner = await local.partner("outage")
    request = partner.request(partner.guests(40, "fabrikam-project"))
    name = await local.submit(request)
    await until(lambda: _some_done(local, name), "the request is under way")
    tables = int(local.stack.addresses.pids["tables"])
    felt = local.logged("is out of reach")
    os.kill(tables, signal.SIGSTOP)
    try:
        await until(lambda: _more(local, "is out of reach", felt), "the app misses its tables")
    finally:
        os.kill(tables, signal.SIGCONT)
    felt = local.logged("did not take a message")
    await local.bus("POST", "faults", {"refuseFor": 600})
    try:
        await until(lambda: _more(local, "did not take a message", felt), "the app misses its bus")
    finally:
        await local.bus("DELETE", "faults")
    for fault in (
        {"dropConnections": True},
        {"failNext": {"count": 5, "operation": "send"}},
        {"loseReply": {"count": 3, "operation": "send"}},
        {"loseReply": {"count": 3, "operation": "settle"}},
        {"failNext": {"count": 5, "operation": "settle", "condition": "com.microsoft:message-lock-lost"}},
        {"failNext": {"count": 5, "operation": "receive"}},
        {"dropConnections": True},
    ):
        await local.bus("POST", "faults", fault)
    shown = await local.ended(name)
    await local.assert_brought_in(request, shown)


async def _some_done(local: Local, name: str) -> bool:
    shown = await local.seen(name)
    return shown is not None and shown["counts"].get("done", 0) > 0


async def _more(local: Local, words: str, than: int) -> bool:
    return local.logged(words) > than


async def test_copies_and_disorder(local: Local) -> None:
    """Parts out of order and twice, ends that come too early, attempts many times, old ones after newer ones."""
    partner = await local.partner("disorder")
    request = partner.request(partner.guests(30, "partner-readers"))
    parts = split(request, 1_400)
    assert len(parts) >= 3
    end = {"request": partner.name}
    await local.send("finish-request", end, session=partner.tenant)
    await local.send("partner-requests", parts[-1], parts[0], parts[0])
    await until(lambda: local.seen(partner.name), "the request is on record")
    await local.send("finish-request", end, session=partner.tenant)
    assert await local.parked(partner.name) == []
    seen = await until(lambda: local.tasks(partner.name), "tasks are planned")
    copies = [{"request": partner.name, "task": task["key"], "attempt": 1} for task in seen if task["step"] == "invite-guest"]
    await local.send("invite-guest", *copies, *copies)
    await local.send("partner-requests", *reversed(parts[1:]), *parts[1:])
    shown = await local.ended(partner.name)
    await local.assert_brought_in(request, shown)
    before = await local.writes(partner)
    invitations = [entry for entry in before if entry["kind"] == "invitation"]
    assert len(invitations) == 30
    for task in shown["tasks"]:
        group = task["subject"] if task["step"] == "add-to-group" else None
        session = partner.tenant if task["step"].startswith("set-") else group
        old = {"request": partner.name, "task": task["key"], "attempt": 1}
        await local.send(task["step"], old, old, session=session)
    await local.send("finish-request", end, end, session=partner.tenant)
    await until(lambda: _idle(local), "all copies are dealt with")
    await local.assert_brought_in(request, await local.ended(partner.name))
    assert await local.writes(partner) == before


async def _idle(local: Local) -> bool:
    counts = await local.queues()
    return not any(number for of_queue in counts.values() for state, number in of_queue.items() if state != "scheduled")


async def test_a_straggler_keeps_nobody_waiting_not_even_after_a_pause(local: Local) -> None:
    partner = await local.partner("slow")
    late = "dddddddd-0000-4000-8000-000000000001"
    await local.sim("POST", "seed", {"users": [{"id": late, "mail": partner.address("late"), "userType": "Guest"}]})
    failing = {"match": {"path": late}, "effect": "status", "status": 503}
    await local.sim("POST", "faults", {"rules": [failing]})
    request = partner.request(
        [*partner.guests(3, "partner-readers"), {"email": partner.address("late"), "groups": ["partner-readers"]}]
    )
    name = await local.submit(request)

    async def members() -> set[str]:
        state = await local.state()
        inside = next(set(group["members"]) for group in state["groups"] if group["mailNickname"] == "partner-readers")
        return {user["mail"] for user in state["users"] if user["id"] in inside and str(user["mail"]).endswith(partner.domain)}

    async def others() -> bool:
        return len(await members()) == 3

    await until(lambda: _some_done(local, name), "the others are invited")
    await local.control("pause", name)
    # By now the only look at whether the batch should wait any longer has come to nothing.
    await until(lambda: _nothing_scheduled(local, "add-to-group"), "the look is over")
    await local.control("resume", name)
    await until(others, "the others are in the group")
    assert partner.address("late") not in await members()
    await local.sim("DELETE", "faults")
    shown = await local.ended(name)
    assert len(await members()) == 4
    assert {task["subject"] for task in shown["tasks"] if task["step"] == "add-to-group"} > {
        "aaaaaaaa-0000-4000-8000-000000000002"
    }


async def _nothing_scheduled(local: Local, queue: str) -> bool:
    return not any((await local.queues())[queue].values())
