"""Between the plan of a clean-up run and its deed something happens for which the guest is to be left: they are, and the journal says why."""

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from devstack.tenant.seed import plant
from shared.verbs.cleanup_run import begin
from shared.verbs.exempt import exempt
from shared.verbs.guest_dates import extend, set_sponsors
from shared.verbs.owners import KEPT
from tests.app.conftest import Stage
from tests.app.test_cleanup import CHANGER, MIA, RULES, TEMPLATE, fresh, guest, request, run_now
from tests.app.test_owned_elsewhere import DELETE_TASK, DELETES, decision, instance, review, workflow
from tests.rig import Killed, Rig

FIRST = datetime(2026, 11, 26, 6, 0, tzinfo=UTC)
SITE, DRIVE, FILE = "https://contoso.sharepoint.com/sites/archive", "b!archive", "01A"
SHARING = f'unshare = "found"\nsites = ["{SITE}"]\n'
# The queue of each deed, the day on which the clock comes to it, and the guest's stage before.
DEEDS = {"warn-guest": (0, "invited"), "expire-guest": (14, "warned"), "unshare-with-guest": (44, "blocked")}


class House:
    """A guest, and the run whose message is about to do something to them."""

    def __init__(self, rig: Rig, stage: Stage, folder: Path) -> None:
        self.rig, self.tenant, self.folder = rig, stage.running.services.tenant, folder

    async def until(self, deed: str) -> None:
        """The message of the deed is about to be taken."""
        day, _ = DEEDS[deed]
        for earlier in sorted({0, 7, 14} - set(range(day, 100))):
            self.rig.now = FIRST + timedelta(days=earlier)
            await run_now(self.rig)
        self.rig.now = FIRST + timedelta(days=day)
        await begin(self.rig.world, "the clock", apply=True)
        await self.rig.deliver_until(lambda: any(due.envelope.queue == deed for due in self.rig.bus.waiting))

    async def change(self, **values: Any) -> None:
        entry = self.tenant.objects.entry((await guest(self.rig, "ana")).user)
        assert entry is not None
        self.tenant.objects.change(entry, **values)

    async def notes(self) -> list[str]:
        """What the journals have of a guest who was left alone."""
        rows = self.rig.tables["tasks"].content.items()
        return [str(row["note"]) for (_, key), row in rows if key.startswith("j|") and "left alone: " in str(row["note"])]


@pytest.fixture
async def house(stage: Stage, tmp_path: Path) -> House:
    (tmp_path / "project.toml").write_text(TEMPLATE + RULES + SHARING)
    rig = await fresh(stage, tmp_path)
    drives = [{"id": DRIVE, "name": "Documents", "items": [{"id": FILE, "name": "a.docx"}]}]
    plant(stage.running.services.tenant, {"sharepoint": {"sites": [{"webUrl": SITE, "drives": drives}]}})
    await rig.settle(request("ana", until="2026-11-23"))
    await rig.world.tenant.drives.share(DRIVE, FILE, (await guest(rig, "ana")).user, "read")
    return House(rig, stage, tmp_path)


async def reviewed(house: House) -> None:
    user = (await guest(house.rig, "ana")).user
    plant(
        house.tenant,
        {"governance": {"reviews": [review(1, DELETES, instance("InProgress", "2027-12-20T00:00:00Z", decision(user)))]}},
    )


async def in_a_workflow(house: House) -> None:
    plant(house.tenant, {"governance": {"workflows": [workflow(1, DELETE_TASK, (await guest(house.rig, "ana")).user)]}})


async def governed(house: House) -> None:
    subject = {
        "id": "s1",
        "objectId": (await guest(house.rig, "ana")).user,
        "subjectLifecycle": "governed",
        "subjectType": "user",
    }
    plant(house.tenant, {"governance": {"subjects": [subject]}})


async def an_administrator(house: House) -> None:
    await house.change(directoryRoles=["Global Reader"])


async def a_member(house: House) -> None:
    await house.change(userType="Member")


async def synchronized(house: House) -> None:
    await house.change(creationType=None)
    found = await guest(house.rig, "ana")
    inbound = {"userSyncInbound": {"isSyncAllowed": True}}
    plant(house.tenant, {"crossTenantPartners": [{"tenantId": found.partner, "identitySynchronization": inbound}]})


async def break_glass(house: House) -> None:
    user = (await guest(house.rig, "ana")).user
    house.rig.world.settings = house.rig.world.settings.model_copy(update={"protected": (user,)})


async def exempted(house: House) -> None:
    until = house.rig.now.date() + timedelta(days=30)
    await exempt(house.rig.world, await guest(house.rig, "ana"), reason="an audit", owner=MIA, until=until, who="user boss")


async def extended(house: House) -> None:
    found = await guest(house.rig, "ana")
    await extend(house.rig.world, found.partner, found.person, house.rig.now.date() + timedelta(days=90), "user boss", "needed")


async def only_reporting(house: House) -> None:
    house.rig.world.settings = house.rig.world.settings.model_copy(update={"report_only": True})


async def a_template_that_reports(house: House) -> None:
    (house.folder / "project.toml").write_text(TEMPLATE + RULES.replace("report_only = false", "report_only = true") + SHARING)


async def a_template_without_the_rule(house: House) -> None:
    (house.folder / "project.toml").write_text(TEMPLATE + RULES.replace("ended = 0\n", "") + SHARING)


EVENTS: dict[Callable[[House], Awaitable[None]], str] = {
    reviewed: "access review",
    in_a_workflow: "lifecycle workflow",
    governed: "entitlement management owns the account",
    an_administrator: "directory role Global Reader",
    a_member: "no userType Guest",
    synchronized: "cross-tenant synchronization owns the account",
    break_glass: "ENTENTE_PROTECTED",
    exempted: "is exempt until",
    extended: "",
    only_reporting: "ENTENTE_REPORT_ONLY is on",
    a_template_that_reports: "only reports",
    a_template_without_the_rule: "no rule applies",
}


@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.__name__)
async def test_what_happens_between_plan_and_deed_keeps_the_guest(
    house: House, deed: str, event: Callable[[House], Awaitable[None]]
) -> None:
    await house.until(deed)
    mails = len(house.tenant.outbox)
    enabled = DEEDS[deed][1] != "blocked"
    await event(house)
    await house.rig.deliver_all()
    after = await guest(house.rig, "ana")
    user = await house.rig.world.tenant.users.by_id(after.user)
    assert user is not None, "deleted"
    assert user.enabled is enabled
    # Whoever is extended while they are warned is not warned any more.
    assert after.stage == DEEDS[deed][1] or (event is extended and after.stage == "invited")
    shares = await house.rig.world.tenant.drives.shares(DRIVE, FILE)
    assert [share for share in shares or () if after.user in share.users], "what is shared with them is left"
    assert [mail for mail in house.tenant.outbox[mails:] if mail["to"] == "ana@fabrikam.com"] == []
    assert any(EVENTS[event] in note for note in await house.notes())


async def signed_in(house: House) -> None:
    at = f"{house.rig.now:%Y-%m-%dT%H:%M:%SZ}"
    await house.change(signInActivity={"lastSignInDateTime": at, "lastNonInteractiveSignInDateTime": at})


async def sign_ins_unknown(house: House) -> None:
    await house.change(signInActivity={"lastSignInDateTime": "2026-01-01T00:00:00Z"})


async def without_a_licence(house: House) -> None:
    plant(house.tenant, {"organization": {"premium": False}})


async def redeemed(house: House) -> None:
    await house.change(externalUserState="Accepted")


async def off_the_deny_list(house: House) -> None:
    house.tenant.blocked_domains = []


async def deny_list_unread(house: House) -> None:
    house.tenant.faults.add(
        {
            "effect": "status",
            "status": 403,
            "code": "Authorization_RequestDenied",
            "match": {"path": "/policies/b2bManagementPolicies"},
        }
    )


async def a_sponsor(house: House) -> None:
    found = await guest(house.rig, "ana")
    await set_sponsors(house.rig.world, found.partner, found.person, (MIA,), "user boss", "she answers for them")


@pytest.mark.parametrize(
    ("rule", "event"),
    [
        ("not_signed_in", signed_in),
        ("not_signed_in", sign_ins_unknown),
        ("not_signed_in", without_a_licence),
        ("not_redeemed", redeemed),
        ("denied", off_the_deny_list),
        ("denied", deny_list_unread),
        ("no_sponsor", a_sponsor),
    ],
)
async def test_what_takes_the_reason_away_between_plan_and_block_keeps_the_guest(
    stage: Stage, tmp_path: Path, rule: str, event: Callable[[House], Awaitable[None]]
) -> None:
    days = {
        "not_signed_in": "not_signed_in = 180",
        "not_redeemed": "not_redeemed = 60",
        "denied": "denied = 0",
        "no_sponsor": "no_sponsor = 0",
    }
    rules = f'[expiry]\nchanged_by = "{CHANGER}"\nreport_only = false\nwarnings = 2\n{days[rule]}\n'
    (tmp_path / "project.toml").write_text(TEMPLATE + rules)
    rig = await fresh(stage, tmp_path)
    house = House(rig, stage, tmp_path)
    # Somebody else still comes: the data is not stale.
    await rig.settle(request("ana", "ben"))
    old = "2026-03-01T00:00:00Z"
    await house.change(createdDateTime=old)
    if rule != "not_redeemed":
        await house.change(externalUserState="Accepted")
    await house.change(signInActivity=dict.fromkeys(("lastSignInDateTime", "lastNonInteractiveSignInDateTime"), old))
    ana, ben = await guest(rig, "ana"), await guest(rig, "ben")
    await rig.world.tables.guests.mark(ana.partner, {ana.person: {"invited": None, "redeemed": None}})
    if rule == "no_sponsor":
        await rig.world.tables.guests.mark(ana.partner, {ana.person: {"orphaned_since": date(2026, 11, 1)}})
    entry = house.tenant.objects.entry(ben.user)
    assert entry is not None
    for day in (1, 3, 10, 17):
        rig.now = FIRST + timedelta(days=day)
        now = f"{rig.now:%Y-%m-%dT%H:%M:%SZ}"
        signed = {"lastSignInDateTime": now, "lastNonInteractiveSignInDateTime": now}
        house.tenant.objects.change(entry, signInActivity=signed, externalUserState="Accepted")
        if rule == "denied":
            house.tenant.blocked_domains = ["fabrikam.com"]
        if day < 17:
            await run_now(rig)
    await begin(rig.world, "the clock", apply=True)
    await rig.deliver_until(lambda: any(due.envelope.queue == "expire-guest" for due in rig.bus.waiting))
    await event(house)
    await rig.deliver_all()
    user = await rig.world.tenant.users.by_id(ana.user)
    assert user is not None
    assert user.enabled
    assert (await guest(rig, "ana")).stage == "warned"
    assert any("not any more: " in note for note in await house.notes())


async def test_whom_nothing_keeps_is_blocked(house: House) -> None:
    await house.until("expire-guest")
    await house.rig.deliver_all()
    assert (await guest(house.rig, "ana")).stage == "blocked"
    assert await house.notes() == []


async def test_owners_are_read_once_for_many_deeds_and_again_after_minutes(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await house.rig.settle(request("ben", "cleo", "dora", name="second", until="2026-11-23"))
    await house.until("expire-guest")
    asked: list[str] = []
    real = house.rig.world.tenant.governance.in_workflows

    async def counted() -> dict[str, str]:
        asked.append("workflows")
        return await real()

    monkeypatch.setattr(house.rig.world.tenant.governance, "in_workflows", counted)
    await house.rig.deliver_all()
    assert [(await guest(house.rig, name)).stage for name in ("ana", "ben", "cleo", "dora")] == ["blocked"] * 4
    assert asked == ["workflows"]
    house.rig.now += KEPT
    assert not house.rig.world.owners.known(house.rig.now)


async def test_what_was_begun_and_did_not_come_about_is_not_begun_again_without_asking(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker dies right before the call that blocks; until the next one takes over, somebody extends the guest."""
    await house.until("expire-guest")
    rig = house.rig

    async def dies(user: str, *, on: bool) -> None:
        raise Killed("before the call")

    message = next(due.envelope for due in rig.bus.waiting if due.envelope.queue == "expire-guest")
    with monkeypatch.context() as here:
        here.setattr(rig.world.tenant.accounts, "switch", dies)
        with pytest.raises(Killed):
            await rig.run(message)
    await extended(house)
    await rig.deliver_all()
    ana = await guest(rig, "ana")
    user = await rig.world.tenant.users.by_id(ana.user)
    assert user is not None
    assert user.enabled
    assert ana.stage == "invited"
    assert any("not any more: " in note for note in await house.notes())
