"""What is shared with a guest by name goes before they do, where somebody asked for that, and comes back with them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from devstack.tenant.seed import plant
from shared.nouns.errors import Refusal
from shared.nouns.task import Task, TaskState
from shared.tables.guests import Guest
from shared.tables.runs import Candidate
from shared.verbs.cleanup_decide import restore
from shared.verbs.cleanup_run import begin
from shared.verbs.guest_dates import extend
from shared.verbs.unshare import reshare, unshare
from shared.views.footprint import footprint_view
from tests.app.conftest import Stage
from tests.app.test_cleanup import MIA, RULES, TEMPLATE, fresh, guest, request, run_now
from tests.rig import Rig

SITE = "https://contoso.sharepoint.com/sites/archive"
DRIVE = "b!archive"
LINK = "5fab944a-47ec-48d0-a9b5-5178a926d00f"
FILES = ("01PLAN", "01DEEP", "01LINK", "01TEAM", "01OPEN", "01MIA")
START = datetime(2026, 11, 25, 6, 0, tzinfo=UTC)


async def rigged(stage: Stage, folder: Path, unshare: str = "found", sites: str = f'["{SITE}"]') -> Rig:
    """Ana and Ben, whose time is over; Ana has a folder, a file in it, a link of her own, and part in one for two."""
    rules = f'{RULES}unshare = "{unshare}"\nsites = {sites}\n'
    (folder / "project.toml").write_text(TEMPLATE + rules)
    rig = await fresh(stage, folder, ENTENTE_BRAKE_JUMP="1000", ENTENTE_CANARY="0")
    items = [{"id": "01FOLDER", "name": "Plans", "folder": True}, {"id": "01DEEP", "name": "deep.docx", "parent": "01FOLDER"}]
    items += [{"id": name, "name": f"{name}.docx"} for name in FILES if name != "01DEEP"]
    drives = [{"id": DRIVE, "name": "Documents", "items": items}]
    plant(stage.running.services.tenant, {"sharepoint": {"sites": [{"webUrl": SITE, "drives": drives}]}})
    await rig.settle(request("ana", "ben", until="2026-11-30"))
    ana, ben = await guest(rig, "ana"), await guest(rig, "ben")
    share = rig.world.tenant.drives.share
    await share(DRIVE, "01FOLDER", ana.user, "read")
    await share(DRIVE, "01PLAN", ana.user, "write", "2027-12-31T00:00:00Z")
    await share(DRIVE, "01PLAN", ben.user, "read")
    await share(DRIVE, "01MIA", MIA, "read")
    link(stage, "01LINK", "users", ana.user)
    link(stage, "01TEAM", "users", ana.user, ben.user)
    link(stage, "01OPEN", "anonymous")
    return rig


def link(stage: Stage, item: str, scope: str, *people: str) -> None:
    """The item has a link, as examples/permission-grant-01.json shows one."""
    permissions = stage.running.services.tenant.workloads.permissions
    told = {
        "id": f"{LINK[:-2]}{len(people):02}",
        "roles": ["read"],
        "link": {"scope": scope, "type": "view", "webUrl": "https://contoso.sharepoint.com/:w:/s/archive/E1"},
        "grantedToIdentitiesV2": [{"user": {"id": person}} for person in people],
    }
    permissions[item] = (*permissions.get(item, ()), told)


async def days(rig: Rig, *numbers: int) -> None:
    for day in numbers:
        rig.now = START + timedelta(days=day)
        await run_now(rig)


# Warned on the 7th and 14th, blocked on the 21st; the 51st is the first day after the grace.
UNTIL_BLOCKED = (0, 7, 14, 21)


async def has(rig: Rig, user: str) -> list[tuple[str, str, str]]:
    """What the user has by name: item, role, end."""
    found: list[tuple[str, str, str]] = []
    for item in ("01FOLDER", *FILES):
        shares = await rig.world.tenant.drives.shares(DRIVE, item) or ()
        found += [(item, share.role, share.until) for share in shares if user in share.users and not share.inherited]
    return found


async def tasks(rig: Rig, step: str = "unshare-with-guest") -> list[Task]:
    found = []
    for partner in await rig.world.tables.partners.all():
        for name in await rig.world.tables.partners.requests_of(partner):
            found += [task async for task in rig.world.tables.tasks.all(name) if task.step == step]
    return sorted(found, key=lambda task: (task.subject, str(task.settled_at)))


async def task_of(rig: Rig, one: Guest, step: str = "unshare-with-guest") -> Task:
    (found,) = [task for task in await tasks(rig, step) if task.subject == one.person and not task.reverses]
    return found


async def candidate(rig: Rig, one: Guest) -> Candidate:
    run = (await rig.world.tables.runs.latest())[0]
    found = await rig.world.tables.runs.candidate(run.id, one.partner, one.person)
    assert found is not None
    return found


async def test_what_is_shared_goes_before_the_guest_and_comes_back_with_them(stage: Stage, tmp_path: Path) -> None:
    rig = await rigged(stage, tmp_path)
    ana, ben = await guest(rig, "ana"), await guest(rig, "ben")
    before = await has(rig, ana.user)
    await days(rig, *UNTIL_BLOCKED)
    assert await has(rig, ana.user) == before, "nothing is taken from whom is only blocked"
    await days(rig, 51)
    assert (await guest(rig, "ana")).stage == "deleted"
    assert await has(rig, ana.user) == [("01TEAM", "read", "")]
    task = await task_of(rig, ana)
    assert task.state is TaskState.DONE
    assert "/sites/archive: 7 files and folders in 1 document libraries, no lists and pages" in task.reason
    assert f"item 01TEAM of drive {DRIVE}: a link for 2 people" in task.reason
    assert f"item 01OPEN of drive {DRIVE}: a link for anybody" in task.reason
    deleted = await task_of(rig, ana, "delete-guest")
    assert task.settled_at is not None
    assert deleted.begun is not None
    assert task.settled_at <= deleted.begun, "first the one, then the other"
    (entry,) = await rig.world.tables.tasks.journal(task.request, task)
    assert len(entry.before["shared"]) == 3  # type: ignore[arg-type]  # a tuple, by this step's own state
    assert "@" not in str(rig.tables["tasks"].content), "SharePoint's own ids of permissions have addresses in them"
    # Of others nothing was taken but what Ben had by name: he has gone as well.
    assert await has(rig, MIA) == [("01MIA", "read", "")]
    assert await has(rig, ben.user) == [("01TEAM", "read", "")]

    await restore(rig.world, ana.partner, ana.person, "user boss", "they are back")
    await rig.deliver_all()
    assert (await guest(rig, "ana")).stage == "redeemed"
    plan, folder, alone = ("01PLAN", "write", "2027-12-31T00:00:00Z"), ("01FOLDER", "read", ""), ("01LINK", "read", "")
    assert sorted(await has(rig, ana.user)) == sorted([plan, folder, alone, ("01TEAM", "read", "")])
    assert (await task_of(rig, ana)).state is TaskState.UNDONE
    assert await has(rig, ben.user) == [("01TEAM", "read", "")]


async def test_what_would_be_taken_is_shown_where_it_would_be_looked_for(stage: Stage, tmp_path: Path) -> None:
    rig = await rigged(stage, tmp_path)
    shown = await footprint_view(rig.world, await guest(rig, "ana"), [])
    assert {item["item"] for item in shown["items"]} >= {"01FOLDER", "01PLAN", "01LINK"}
    assert {item["site"] for item in shown["items"]} == {SITE}


async def test_what_somebody_has_given_since_stays_as_it_is(stage: Stage, tmp_path: Path) -> None:
    rig = await rigged(stage, tmp_path)
    ana = await guest(rig, "ana")
    request_id, sites = await unshare(rig.world, ana, [SITE], "user boss", "leaves the project")
    assert sites == (SITE,)
    await rig.deliver_all()
    assert await has(rig, ana.user) == [("01TEAM", "read", "")]
    assert (await guest(rig, "ana")).stage == "invited", "nothing else becomes of them"
    await rig.world.tenant.drives.share(DRIVE, "01PLAN", ana.user, "read")
    del stage.running.services.tenant.workloads.items["01LINK"]
    await reshare(rig.world, ana, "user boss", "is needed after all")
    await rig.deliver_all()
    assert sorted(await has(rig, ana.user)) == [("01FOLDER", "read", ""), ("01PLAN", "read", ""), ("01TEAM", "read", "")]
    (back,) = [task for task in await tasks(rig) if task.reverses]
    assert "1 given again" in back.reason
    assert "1 stand as they are, because there is a permission by now" in back.reason
    assert "1 are of items that are gone" in back.reason
    with pytest.raises(Refusal, match="nothing that was shared"):
        await reshare(rig.world, ana, "user boss", "once more")
    # Once more on the same day is another request, and twice at once is one.
    again = [(await unshare(rig.world, ana, [SITE], "user boss", "leaves after all"))[0] for _ in range(2)]
    assert again[0] == again[1] != request_id
    await rig.deliver_all()
    assert await has(rig, ana.user) == [("01TEAM", "read", "")]
    assert request_id.startswith("cleanup.unshare.")


async def test_nobody_is_unshared_with_unless_it_was_asked_for(stage: Stage, tmp_path: Path) -> None:
    rig = await rigged(stage, tmp_path, "no")
    ana = await guest(rig, "ana")
    before = await has(rig, ana.user)
    await days(rig, *UNTIL_BLOCKED, 51)
    assert (await guest(rig, "ana")).stage == "deleted"
    assert await has(rig, ana.user) == before
    assert not await tasks(rig)
    assert "what is shared with them in SharePoint is left" in (await candidate(rig, ana)).words


@pytest.mark.parametrize(("mode", "stage_after"), [("found", "deleted"), ("all", "blocked")])
async def test_how_far_was_looked_is_said_and_may_hold_the_deletion(
    stage: Stage, tmp_path: Path, mode: str, stage_after: str
) -> None:
    rig = await rigged(stage, tmp_path, mode, f'["{SITE}", "{SITE}-gone"]')
    ana = await guest(rig, "ana")
    await days(rig, *UNTIL_BLOCKED, 51)
    assert await has(rig, ana.user) == [("01TEAM", "read", "")], "what was found is taken away either way"
    task = await task_of(rig, ana)
    assert (
        "/sites/archive-gone: 0 files and folders in 0 document libraries, no lists and pages, not all: There is no such site"
        in task.reason
    )
    assert (await guest(rig, "ana")).stage == stage_after
    if mode == "all":
        assert task.state is TaskState.STOPPED
        assert (await task_of(rig, ana, "delete-guest")).state is TaskState.CANCELLED
        assert "Not everything could be looked at" in (await guest(rig, "ana")).left_alone
        # And not the next day either: it waits for a person.
        await days(rig, 52)
        assert (await guest(rig, "ana")).stage == "blocked"


@pytest.mark.parametrize(("mode", "move"), [("found", "delete"), ("all", "report")])
async def test_without_a_site_to_look_at_it_says_so(stage: Stage, tmp_path: Path, mode: str, move: str) -> None:
    rig = await rigged(stage, tmp_path, mode, "[]")
    ana = await guest(rig, "ana")
    await days(rig, *UNTIL_BLOCKED, 51)
    found = await candidate(rig, ana)
    assert found.move == move
    assert "nothing is looked for in SharePoint" in found.words
    assert not await tasks(rig)
    assert (await guest(rig, "ana")).stage == ("deleted" if move == "delete" else "blocked")


async def test_whoever_is_kept_meanwhile_keeps_what_they_have(stage: Stage, tmp_path: Path) -> None:
    rig = await rigged(stage, tmp_path)
    ana = await guest(rig, "ana")
    before = await has(rig, ana.user)
    await days(rig, *UNTIL_BLOCKED)
    rig.now = START + timedelta(days=51)
    await begin(rig.world, "the clock", apply=True)
    await rig.deliver_until(lambda: any(due.envelope.queue == "unshare-with-guest" for due in rig.bus.waiting))
    await extend(rig.world, ana.partner, ana.person, rig.now.date() + timedelta(days=90), "user boss", "needed")
    await rig.deliver_all()
    assert await has(rig, ana.user) == before
    assert (await task_of(rig, ana)).state is TaskState.CANCELLED
    assert (await task_of(rig, ana, "delete-guest")).state is TaskState.CANCELLED


async def test_who_asks_says_why_and_where(stage: Stage, tmp_path: Path) -> None:
    rig = await rigged(stage, tmp_path, sites="[]")
    ana = await guest(rig, "ana")
    wrong: list[tuple[list[str], str, str]] = [
        ([], "x", "no request"),
        ([SITE], " ", "reason"),
        ([f"{SITE}{n}" for n in range(21)], "x", "20"),
    ]
    for sites, why, said in wrong:
        with pytest.raises(Refusal, match=said):
            await unshare(rig.world, ana, sites, "user boss", why)


async def test_a_permission_that_is_missing_stops_it_with_its_name(stage: Stage, tmp_path: Path) -> None:
    rig = await rigged(stage, tmp_path)
    fault: dict[str, Any] = {"effect": "status", "status": 403, "code": "accessDenied", "message": "Access denied"}
    stage.running.services.tenant.faults.add({**fault, "match": {"method": "DELETE", "path": "/permissions/"}})
    ana = await guest(rig, "ana")
    before = await has(rig, ana.user)
    await days(rig, *UNTIL_BLOCKED, 51)
    task = await task_of(rig, ana)
    assert task.state is TaskState.STOPPED
    assert "Files.ReadWrite.All" in task.reason
    assert (await guest(rig, "ana")).stage == "blocked"
    assert await has(rig, ana.user) == before
