"""The sealed journal: nothing is missed, nothing can be changed unseen, erasing a person breaks nothing."""

import asyncio
import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest

from shared.nouns.errors import Refusal
from shared.nouns.person import person_id
from shared.seal import Head, head_from
from shared.verbs.seal import seal
from shared.views.journal import partner_journal, person_journal
from shared.views.journal_pack import COLUMNS, as_csv, as_html
from tests.app.conftest import Stage
from tests.rig import Rig

REQUEST: dict[str, Any] = {
    "version": 1,
    "id": "fabrikam-1",
    "template": "supplier",
    "partner": {"name": "Fabrikam", "domains": ["fabrikam.com"]},
    "guests": [{"email": "ana@fabrikam.com"}, {"email": "bea@fabrikam.com"}],
}


async def done(stage: Stage) -> Rig:
    rig = await stage.fresh()
    await rig.settle(REQUEST)
    return rig


def entries(rig: Rig) -> list[tuple[str, str]]:
    return [spot for spot in rig.tables["tasks"].content if spot[1].startswith("j|")]


def head(rig: Rig) -> Head:
    last = max(
        row for (partition, _), row in rig.tables["seals"].content.items() if partition == "chain" for row in [row["RowKey"]]
    )
    return Head(int(last), rig.tables["seals"].content["chain", last]["digest"])


async def verdict(rig: Rig, kept: Head | None = None) -> Any:
    return (await partner_journal(rig.world, "fabrikam.com", verified=True, head=kept))["verification"]


async def test_everything_is_sealed_once_and_holds(stage: Stage) -> None:
    rig = await done(stage)
    assert entries(rig)
    assert await seal(rig.world) > 0
    assert await seal(rig.world) == 0
    found = await verdict(rig)
    assert (found["holds"], found["entries"], found["notSealedYet"]) == (True, len(entries(rig)), 0)
    rig.now += timedelta(days=1)
    assert await seal(rig.world) == 1
    assert (await verdict(rig, head(rig)))["holds"]


@pytest.mark.parametrize("deed", ["changed", "removed", "added", "seal changed", "seal removed", "cut short", "made anew"])
async def test_what_was_tampered_with_is_found(stage: Stage, deed: str) -> None:
    rig = await done(stage)
    await seal(rig.world)
    rig.now += timedelta(days=1)
    await seal(rig.world)
    kept, tasks, seals = head(rig), rig.tables["tasks"].content, rig.tables["seals"].content
    spot = entries(rig)[0]
    rig.now += timedelta(days=2)
    match deed:
        case "changed":
            tasks[spot] = tasks[spot] | {"who": "somebody else"}
        case "removed":
            del tasks[spot]
        case "added":
            tasks[spot[0], f"{spot[1]}0"] = tasks[spot] | {"RowKey": f"{spot[1]}0"}
        case "seal changed":
            first = ("chain", f"{1:012}")
            seals[first] = seals[first] | {"entries": json.dumps(json.loads(seals[first]["entries"])[1:])}
        case "seal removed":
            del seals["chain", f"{1:012}"]
        case "cut short":
            del seals["chain", f"{kept.number:012}"]
        case "made anew":
            tasks[spot] = tasks[spot] | {"who": "somebody else"}
            seals.clear()
            await seal(rig.world)
            rig.now += timedelta(days=1)
            await seal(rig.world)
    found = await verdict(rig, kept)
    assert not found["holds"]
    kinds = {flaw["kind"] for flaw in found["flaws"]}
    assert kinds & ({deed} if deed in {"changed", "removed", "added"} else {"chain"})


async def test_an_entry_that_is_written_late_is_sealed_late(stage: Stage) -> None:
    rig = await done(stage)
    await seal(rig.world)
    spot = entries(rig)[0]
    late = f"{spot[1]}9"
    rig.tables["tasks"].content[spot[0], late] = rig.tables["tasks"].content[spot] | {"RowKey": late}
    rig.now += timedelta(days=30)
    assert await seal(rig.world) == 1
    found = await verdict(rig)
    assert (found["holds"], [key.endswith(late) for key in found["sealedLate"]]) == (True, [True])


async def test_many_that_seal_at_once_make_one_chain(stage: Stage) -> None:
    rig = await done(stage)
    await asyncio.gather(*(seal(rig.world) for _ in range(6)))
    await seal(rig.world)
    found = await verdict(rig)
    assert (found["holds"], found["notSealedYet"]) == (True, 0)


async def test_a_seal_whose_index_was_lost_is_made_again_and_holds(stage: Stage) -> None:
    rig = await done(stage)
    await seal(rig.world)
    for spot in [spot for spot in rig.tables["seals"].content if spot[0].startswith("r|") or spot[0] == "head"]:
        del rig.tables["seals"].content[spot]
    assert await seal(rig.world) > 0
    assert (await verdict(rig))["holds"]


async def test_an_erased_person_leaves_the_seals_whole(stage: Stage) -> None:
    rig = await done(stage)
    await seal(rig.world)
    person = person_id(rig.world.settings.person_key, "ana@fabrikam.com")
    before = await person_journal(rig.world, "ana@fabrikam.com")
    assert "ana@fabrikam.com" not in json.dumps(before)
    for spot in [spot for spot in rig.tables["people"].content if spot[1].startswith(person)]:
        del rig.tables["people"].content[spot]
    after = await person_journal(rig.world, person, verified=True)
    assert after["verification"]["holds"]
    assert after["entries"] == before["entries"]
    assert after["entries"]
    others = {entry["subject"] for entry in after["entries"] if entry["step"] == "invite-guest"}
    assert others == {person}


async def test_the_pack_is_safe_to_open(stage: Stage) -> None:
    rig = await done(stage)
    await seal(rig.world)
    found = await partner_journal(rig.world, "FABRIKAM", verified=True)
    found["entries"][0] |= {"note": '=HYPERLINK("https://x")', "who": "<script>alert(1)</script>"}
    rows = list(csv.DictReader(io.StringIO(as_csv(found).removeprefix("\N{BYTE ORDER MARK}"))))
    assert (tuple(rows[0]), len(rows)) == (COLUMNS, len(found["entries"]))
    assert rows[0]["note"].startswith("'=")
    page = as_html(found)
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert (
        '<span class="key">guest:</span> <span class="was">absent</span> \N{RIGHTWARDS ARROW} <span class="is">yes</span>' in page
    )
    assert "All seals hold" in page
    assert [entry["at"] for entry in found["entries"]] == sorted(entry["at"] for entry in found["entries"])


async def test_what_is_not_known_is_said(stage: Stage) -> None:
    rig = await done(stage)
    with pytest.raises(Refusal, match="no partner"):
        await partner_journal(rig.world, "litware.com")
    with pytest.raises(Refusal, match="person"):
        await person_journal(rig.world, "not an address")
    with pytest.raises(ValueError, match="number and hash"):
        head_from("17")
