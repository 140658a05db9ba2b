"""The worker dies before and after every write, replies are lost and messages come twice while guests are warned, blocked, deleted and had back,
and what is shared with them is taken and given back.

Whatever happens: one mail for each warning, nobody is blocked who was not warned as often as the rules say, nobody is deleted before the
grace is over, and in the end everything is as if nothing had happened.
"""

import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from devstack.tenant.seed import plant
from shared.nouns.outcomes import NotYet
from shared.verbs.cleanup_decide import restore
from shared.verbs.cleanup_run import begin
from shared.verbs.sweep import sweep
from tests.app.conftest import Moment, Stage
from tests.app.test_cleanup import RULES, TEMPLATE, guest, request
from tests.rig import Killed, Rig

NAMES = ("ana", "ben")
READS = ("get", "rows", "GET")
SITE, DRIVE, FILES = "https://contoso.sharepoint.com/sites/archive", "b!archive", ("01A", "01B", "01C")
SHARING = f'unshare = "all"\nsites = ["{SITE}"]\n'
FIRST = datetime(2026, 11, 26, 6, 0, tzinfo=UTC)
# The deeds by the days on which the clock comes to them: two warnings, the block, the deletion, and a person's word.
DAYS = {"warn": 0, "warn again": 7, "block": 14, "delete": 44, "restore": 45}


@dataclass(frozen=True)
class Deed:
    """What is done from a moment on, with which calls, and how everything is in the end."""

    name: str
    there: Moment
    end: dict[str, Any]
    calls: tuple[str, ...]


async def picture(stage: Stage, rig: Rig) -> dict[str, Any]:
    """What became of the guests, in our record and in the directory, and the mails that they got."""
    tenant = stage.running.services.tenant
    people = [await guest(rig, name) for name in NAMES]
    return {
        "stages": [(one.stage, one.warnings, one.blocked_by) for one in people],
        "users": [user.enabled if (user := await rig.world.tenant.users.by_id(one.user)) else None for one in people],
        "shared": [await shared(rig, one.user) for one in people],
        "mails": sorted(str(mail["to"]) for mail in tenant.outbox),
        "parked": [item.reason for item in await rig.world.tables.parked.all()],
    }


async def shared(rig: Rig, user: str) -> list[str]:
    found = [
        share.role for item in FILES for share in await rig.world.tenant.drives.shares(DRIVE, item) or () if user in share.users
    ]
    return sorted(found)


async def do(rig: Rig, name: str, seed: int | None = None) -> None:
    """The deed is done, by a worker that may die; whoever asked for it asks again, as the timer and people do."""
    for _ in range(3):
        with contextlib.suppress(Killed, NotYet):
            if name == "restore":
                for person in NAMES:
                    one = await guest(rig, person)
                    if one.stage == "deleted":
                        await restore(rig.world, one.partner, one.person, "user boss", "a mistake")
            else:
                await begin(rig.world, "the clock", apply=True)
            break
    if seed is not None:
        await rig.deliver_interleaved(seed)
    for _ in range(3):
        await rig.deliver_all()
        rig.now += timedelta(seconds=1_000)
        with contextlib.suppress(Killed):
            await sweep(rig.world)
    await rig.deliver_all()


async def lived(stage: Stage, folder: Path) -> list[Deed]:
    """Each deed with the moment before it, in a life that nothing disturbs."""
    (folder / "project.toml").write_text(TEMPLATE + RULES + SHARING)
    changes: dict[str, Any] = {
        "ENTENTE_TEMPLATES": str(folder),
        "ENTENTE_MAILBOX": "mia@contoso.com",
        "ENTENTE_BRAKE_TENANT_PERCENT": "100",
        "ENTENTE_BRAKE_PARTNER_PERCENT": "100",
    }
    rig = await stage.fresh(**changes)
    drives = [{"id": DRIVE, "name": "Documents", "items": [{"id": item, "name": f"{item}.docx"} for item in FILES]}]
    plant(stage.running.services.tenant, {"sharepoint": {"sites": [{"webUrl": SITE, "drives": drives}]}})
    await rig.settle(request(*NAMES, until="2026-11-23"))
    for name in NAMES:
        for item, role in zip(FILES, ("read", "write", "read"), strict=True):
            await rig.world.tenant.drives.share(DRIVE, item, (await guest(rig, name)).user, role)
    found = []
    for name, day in DAYS.items():
        rig.now = FIRST + timedelta(days=day)
        there, before = stage.moment(rig, **changes), rig.border.calls
        await do(rig, name)
        calls = tuple(rig.border.log[before:])
        found.append(Deed(name, there, await picture(stage, rig), calls))
    return found


async def assert_as_ever(stage: Stage, rig: Rig, deed: Deed, where: str) -> None:
    """Everything is as it is undisturbed, and the run of the day after has nothing to add."""
    assert not rig.bus.dead, where
    assert await picture(stage, rig) == deed.end, where
    if deed.name != "restore":
        rig.now = deed.there.now + timedelta(days=1)
        await do(rig, deed.name)
        assert await picture(stage, rig) == deed.end, f"{where}, and the run of the day after"


@pytest.fixture
async def deeds(stage: Stage, tmp_path: Path) -> dict[str, Deed]:
    return {deed.name: deed for deed in await lived(stage, tmp_path)}


async def test_undisturbed_they_are_warned_twice_blocked_deleted_and_back(deeds: dict[str, Deed]) -> None:
    assert [deeds[name].end["stages"] for name in DAYS] == [
        [("warned", 1, "")] * 2,
        [("warned", 2, "")] * 2,
        [("blocked", 2, "expiry")] * 2,
        [("deleted", 2, "expiry")] * 2,
        [("redeemed", 0, "")] * 2,
    ]
    assert [deeds[name].end["users"] for name in DAYS] == [[True] * 2, [True] * 2, [False] * 2, [None] * 2, [True] * 2]
    everything = [["read", "read", "write"]] * 2
    assert [deeds[name].end["shared"] for name in DAYS] == [everything] * 3 + [[[], []], everything]
    assert [len(deeds[name].end["mails"]) for name in DAYS] == [2, 4, 4, 4, 4]


@pytest.mark.parametrize("name", ["warn", "block", "delete", "restore"])
async def test_a_worker_that_dies_anywhere_changes_nothing_about_the_end(stage: Stage, deeds: dict[str, Deed], name: str) -> None:
    deed = deeds[name]
    writes = [number for number, what in enumerate(deed.calls, start=1) if what.rpartition(".")[2] not in READS]
    assert len(writes) > 10
    for number in writes:
        rig = await stage.back_at(deed.there)
        # Before a write is after the last one, but for the message that is under way.
        rig.border.kill_at, rig.border.kill_after_effect = number, True
        await do(rig, name)
        await assert_as_ever(stage, rig, deed, f"killed after call {number} ({deed.calls[number - 1]})")


@pytest.mark.parametrize("effect", ["lost", "effect-then-lost"])
async def test_a_reply_that_is_lost_does_nothing_twice(stage: Stage, deeds: dict[str, Deed], effect: str) -> None:
    tried = 0
    for name, deed in deeds.items():
        for method in ("POST", "PATCH", "DELETE"):
            for number in range(deed.calls.count(f"tenant.{method}")):
                rig = await stage.back_at(deed.there)
                wrong = {"effect": effect, "match": {"path": ".", "method": method}, "after": number, "times": 1}
                (rule,) = stage.running.services.tenant.faults.add(wrong)
                await do(rig, name)
                tried += rule.hits
                stage.running.services.tenant.faults.clear()
                await assert_as_ever(stage, rig, deed, f"{name}, {effect}: {method} {number}")
    assert tried >= 10


async def test_messages_that_come_twice_and_in_any_order_do_nothing_twice(stage: Stage, deeds: dict[str, Deed]) -> None:
    for name, deed in deeds.items():
        for seed in range(3):
            rig = await stage.back_at(deed.there)
            await do(rig, name, seed=seed)
            await assert_as_ever(stage, rig, deed, f"{name}, seed {seed}")
