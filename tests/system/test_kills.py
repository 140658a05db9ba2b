"""Hosts are killed (SIGKILL) at random moments while a partner is brought in: the end is the same."""

import asyncio
import random
import sys

import pytest

from tests.system.local import ENDED, Local

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="session")]

GUESTS, KILLS, SEED = 200, 20, 20261122


async def test_twenty_kills_lose_nothing_and_do_nothing_twice(local: Local) -> None:
    partner = await local.partner("killed")
    request = partner.request(partner.guests(GUESTS, "fabrikam-project", "partner-readers"))
    name = await local.submit(request)
    chance = random.Random(SEED)
    starting: set[asyncio.Task[object]] = set()
    for number in range(KILLS):
        while not local.stack.running_hosts:
            await asyncio.wait(starting, return_when=asyncio.FIRST_COMPLETED)
        # A moment by chance is the point here; nothing is waited for.
        moment = chance.uniform(0.05, 1.0)
        await asyncio.sleep(moment)
        shown = await local.seen(name)
        host = chance.choice(local.stack.running_hosts)
        local.stack.kill_host(host)
        # Shown by pytest with whatever fails.
        sys.stdout.write(f"kill {number} of {host.name} after {moment:.2f} s with {shown and shown['counts']}\n")
        assert shown is None or shown["state"] not in ENDED, f"too early to prove anything: kill {number}"
        starting.add(asyncio.create_task(local.stack.start_host()))
        starting = {task for task in starting if not task.done()}
    await asyncio.gather(*starting)
    shown = await local.ended(name)
    assert sum(task["step"] == "invite-guest" for task in shown["tasks"]) == GUESTS
    await local.assert_brought_in(request, shown)
