"""What is shared outside the process, as `entente report-sharing` and the proof of a leaving tell it: over pages, folders and throttling."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from cli import show_partners
from devstack.tenant.seed import plant
from shared.nouns.outcomes import NotYet
from shared.nouns.partner import Partner
from shared.nouns.step import Subject
from shared.steps.prove_closed import PROVE_CLOSED
from shared.tenant.sharing import Limits
from shared.views.sharing import sharing_view
from tests.app.conftest import Stage
from tests.app.whole import carried_out, rows, templates
from tests.rig import Rig

FABRIKAM = Partner("22222222-2222-2222-2222-222222222222", "Fabrikam", ("fabrikam.com",))
SITE = "https://contoso.sharepoint.com/sites/archive"
DRIVE = "b!archive"
# More than the 200 that a page has.
MANY = 230
OLD = "bbbbbbbb-0000-4000-8000-0000000000aa"
EVA = "bbbbbbbb-0000-4000-8000-0000000000ab"


def files() -> Iterator[dict[str, Any]]:
    yield {"id": "01FOLDER", "name": "Plans", "folder": True}
    for number in range(MANY):
        yield {"id": f"01F{number:03}", "name": f"f{number}.docx"}
    yield {"id": "01INSIDE", "name": "inside.docx", "parent": "01FOLDER"}


@pytest.fixture
async def rig(stage: Stage, tmp_path: Path) -> Rig:
    """A site with many files; two people of the partner whom others have invited and given files to."""
    rig = await stage.fresh(ENTENTE_TEMPLATES=str(templates(tmp_path)))
    people = [
        {"id": OLD, "mail": "old@fabrikam.com", "userType": "Guest"},
        {"id": EVA, "mail": "eva@fabrikam.com", "userType": "Guest"},
    ]
    drives = [{"id": DRIVE, "name": "Documents", "items": list(files())}]
    plant(stage.running.services.tenant, {"users": people, "sharepoint": {"sites": [{"webUrl": SITE, "drives": drives}]}})
    drives_of = rig.world.tenant.drives
    await drives_of.share(DRIVE, "01FOLDER", OLD, "read")
    # The last of the second page, for two people; and one inside of a folder that is shared already.
    await drives_of.share(DRIVE, f"01F{MANY - 1:03}", OLD, "read")
    await drives_of.share(DRIVE, f"01F{MANY - 1:03}", EVA, "write")
    await drives_of.share(DRIVE, "01INSIDE", EVA, "write")
    return rig


SHARED = [("01F229", "read", OLD), ("01F229", "write", EVA), ("01FOLDER", "read", OLD), ("01INSIDE", "write", EVA)]


def slow(stage: Stage, path: str, status: int = 429) -> None:
    fault = {"effect": "status", "status": status, "code": "tooManyRequests", "headers": {"Retry-After": "7"}}
    stage.running.services.tenant.faults.add({**fault, "match": {"method": "GET", "path": path}, "times": 1})


async def test_a_report_tells_every_share_once_and_what_was_looked_at(rig: Rig) -> None:
    await carried_out(rig, request("first"))
    found = await sharing_view(rig.world, "fabrikam.com", [SITE])
    assert sorted((item["item"], *item["roles"], *item["people"]) for item in found["items"]) == SHARED
    (scope,) = found["scope"]
    # The root's permissions are read as well as those of what is shared.
    assert (scope["items"], scope["permissions"], scope["complete"]) == (MANY + 2, 4, True)
    out = io.StringIO()
    show_partners.sharing(Console(file=out, width=300), found)
    show_partners.scope(Console(file=out, width=300), found)
    assert out.getvalue().count(EVA) == 2
    assert f"1 library, {MANY + 2} items, permissions of 4" in out.getvalue()
    assert "@fabrikam.com" not in out.getvalue()


async def test_a_report_that_is_throttled_says_when_to_ask_again(rig: Rig, stage: Stage) -> None:
    await carried_out(rig, request("first"))
    slow(stage, "/items/root/children")
    with pytest.raises(NotYet) as later:
        await sharing_view(rig.world, "fabrikam.com", [SITE])
    assert later.value.after >= 7
    assert len((await sharing_view(rig.world, "fabrikam.com", [SITE]))["items"]) == 4


async def test_a_leaving_ends_with_what_is_shared_although_the_look_is_throttled(rig: Rig, stage: Stage) -> None:
    await carried_out(rig, request("first"))
    slow(stage, "/items/01FOLDER/children")
    slow(stage, f"/items/01F{MANY - 1:03}/permissions", 503)
    await carried_out(rig, request("off", action="offboard", steps={"prove-closed": {"sites": [SITE, f"{SITE}-gone"]}}))
    (said,) = [row["reason"] for row in rows(rig, "off") if "|prove-closed|" in row["RowKey"]]
    assert "cannot get in" in said
    for item, role, _ in SHARED:
        assert f"item {item} of drive {DRIVE}: {role}" in said
    assert f"{SITE} (all {MANY + 2} files and folders)" in said
    assert f"{SITE}-gone (not all, 0 files and folders: There is no such site)" in said
    assert "@" not in said


async def test_a_look_for_a_proof_ends_somewhere_and_says_so(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.steps.prove_closed.LOOK", Limits(items=210))
    monkeypatch.setattr("shared.steps.prove_closed._MOST_NAMED", 1)
    subject = Subject(FABRIKAM.tenant_id, FABRIKAM, details={"domains": ["fabrikam.com"], "sites": [SITE]}, waited=301)
    said = PROVE_CLOSED.settled(subject, await PROVE_CLOSED.read(rig.world.tenant, subject))
    assert f"{SITE} (not all, 210 files and folders: 210 items were looked at, and there are more)" in said
    assert "item 01FOLDER of drive" in said
    assert "01F229" not in said


def request(name: str, **changes: Any) -> dict[str, Any]:
    partner = {"name": "Fabrikam", "domains": ["fabrikam.com"]}
    return {"version": 1, "id": name, "template": "shut", "partner": partner, "sponsors": ["mia@contoso.com"], **changes}
