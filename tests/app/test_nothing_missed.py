"""Whatever goes wrong on the way, in the end the record is what the directory is: notifications lost, doubled, late and overtaken,
subscriptions and delta links gone, Graph and the queue out of reach, and the worker killed in the middle of anything."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest

from shared.nouns.changes import Upkeep
from shared.nouns.outcomes import NotYet
from shared.verbs.compare import look_after_partners
from shared.verbs.ears import Ears
from shared.verbs.tend import tend
from shared.views.drift import drifts_view
from tests.app.conftest import Stage
from tests.app.listening import KEY, Ear, ear, renewed
from tests.app.test_react import READERS, by_hand, person, request, row, user
from tests.rig import Killed, Rig

GUESTS = 8
ROUNDS = 12
WRONG: tuple[dict[str, Any], ...] = (
    {"effect": "lose", "probability": 0.3},
    {"effect": "duplicate", "probability": 0.3},
    {"effect": "reorder", "probability": 0.3, "seconds": 30},
    {"effect": "reply-lost", "probability": 0.2},
)
DEEDS = ("redeem", "disable", "enable", "delete", "restore", "out", "in")


@asynccontextmanager
async def listening(stage: Stage) -> AsyncIterator[tuple[Rig, Ear, httpx.AsyncClient]]:
    async def check(reply: httpx.Response) -> None:
        # A subscription that is gone already cannot expire.
        assert reply.is_success or reply.status_code == 404, await reply.aread()

    hooks = {"response": [check]}
    async with ear() as made, httpx.AsyncClient(base_url=f"{stage.running.control}/", event_hooks=hooks) as sim:
        made.rig = await stage.fresh(ENTENTE_NOTIFICATION_URL=made.address, ENTENTE_CLIENT_STATE_KEY=KEY)
        await made.rig.settle(request(guests=GUESTS))
        await renewed(made.rig)
        made.rig.now += timedelta(hours=1)
        yield made.rig, made, sim


def deed(stage: Stage, guest: str, what: str) -> None:
    """What somebody does to the guest by hand, where it can be done."""
    tenant = stage.running.services.tenant
    record = tenant.objects.entry(guest)
    assert record is not None
    gone = bool(record.record.get("deletedDateTime"))
    if what == "restore" and gone:
        by_hand(stage, "restore", guest)
    elif gone:
        return
    elif what in {"disable", "enable"}:
        by_hand(stage, "update", guest, set={"accountEnabled": what == "enable"})
    elif what == "redeem":
        tenant.objects.change(record, externalUserState="Accepted")
    elif what == "delete":
        by_hand(stage, "delete", guest)
    elif what in {"in", "out"} and (guest in tenant.relations.targets("members", READERS)) == (what == "out"):
        by_hand(stage, "add-member" if what == "in" else "remove-member", READERS, who=guest)


async def worse(dice: random.Random, rig: Rig, sim: httpx.AsyncClient) -> None:
    """Something goes wrong from here on."""
    resource = dice.choice(("users", "groups"))
    match dice.randrange(6):
        case 0:
            await sim.post("expire-subscription", json={"resource": f"/{resource}", "told": dice.random() < 0.5})
        case 1:
            await sim.post("expire-delta", json={"resource": resource})
        case 2:
            fault = {"effect": "status", "status": 503, "times": 5, "match": {"path": f"/{resource}"}}
            await sim.post("faults", json=[fault])
        case 3:
            rig.border.kill_at, rig.border.kill_after_effect = rig.border.calls + dice.randrange(1, 60), dice.random() < 0.5
        case 4:
            # Another process, which remembers nothing.
            rig.world.ears = Ears()
        case _:
            await sim.post("lifecycle", json={"event": "missed"})


async def goes_on(rig: Rig, sim: httpx.AsyncClient, *whys: str) -> None:
    """What waits is told, timers run, and everything that follows has happened, as far as nobody is killed."""
    await sim.post("notifications/flush")
    orders = [Upkeep(do="renew", resource="subscriptions", why="by the clock")] if "renew" in whys else []
    orders += [Upkeep(do="catch-up", resource=one, why="hourly") for one in ("users", "groups") if "catch-up" in whys]
    for order in orders:
        try:
            await tend(rig.world, order)
        except (Killed, NotYet):
            continue
    await rig.deliver_all()


@pytest.mark.parametrize("seed", range(3))
async def test_in_the_end_the_record_is_what_the_directory_is(stage: Stage, seed: int) -> None:
    dice = random.Random(seed)
    async with listening(stage) as (rig, _, sim):
        guests = {f"g{number}@fabrikam.com": user(stage, f"g{number}@fabrikam.com") for number in range(GUESTS)}
        await sim.put("notifications/settings", json={"delay": [0, 20]})
        await sim.post("notifications/faults", json=list(WRONG))
        for _ in range(ROUNDS):
            if dice.random() < 0.7:
                await worse(dice, rig, sim)
            for _ in range(dice.randrange(1, 5)):
                deed(stage, dice.choice([*guests.values()]), dice.choice(DEEDS))
            await goes_on(rig, sim, *dice.sample(("renew", "catch-up"), dice.randrange(3)))
            rig.now += timedelta(seconds=dice.choice((1, 60, 600, 4_000)))
        # The weather is fair again, and nobody changes anything more.
        rig.border.kill_at = None
        await sim.delete("faults")
        await sim.delete("notifications/faults")
        for _ in range(3):
            await goes_on(rig, sim, "renew", "catch-up")
            rig.now += timedelta(hours=1)
        await look_after_partners(rig.world)
        await rig.deliver_all()

        tenant = stage.running.services.tenant
        wanted, found = {}, {}
        for address, guest in guests.items():
            entry = tenant.objects.entry(guest)
            assert entry is not None
            accepted = "redeemed" if entry.record["externalUserState"] == "Accepted" else "invited"
            alive = accepted if entry.record["accountEnabled"] else "blocked"
            wanted[address] = "deleted" if entry.record.get("deletedDateTime") else alive
            found[address] = row(rig, address)["stage"]
        assert found == wanted
        out = {
            person(rig, address)
            for address, guest in guests.items()
            if wanted[address] != "deleted" and guest not in tenant.relations.targets("members", READERS)
        }
        drift = [set(one["before"]) for one in await drifts_view(rig.world) if one["step"] == "add-to-group"]
        assert set().union(*drift) == out
        assert not rig.bus.dead
