"""What is older than its setting goes, what is open never does, and a journal that we cut is told from one that somebody has cut."""

import json
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.nouns.person import person_id
from shared.nouns.request import Header
from shared.seal import cut_entry, cuts_in, flaws_of_requests, sealed
from shared.tables.exemptions import Exemption
from shared.tables.parked import ParkedItem
from shared.tables.requests import Request, RequestState
from shared.tables.runs import Candidate, Run, RunState
from shared.verbs import cutting
from shared.verbs.cutting import is_over
from shared.verbs.retention import keep_retention
from shared.verbs.seal import seal
from shared.views.journal import partner_journal
from tests.app.conftest import Stage
from tests.rig import START, Killed, Rig

ANA = "ana@fabrikam.com"
ONBOARD: dict[str, Any] = {
    "version": 1,
    "id": "fabrikam-1",
    "template": "supplier",
    "partner": {"name": "Fabrikam", "domains": ["fabrikam.com"]},
    "guests": [{"email": ANA, "name": "Ana Silva"}, {"email": "bea@fabrikam.com"}],
}
LEAVE = {"version": 1, "id": "fabrikam-2", "template": "supplier", "action": "offboard", "partner": ONBOARD["partner"]}
OTHER = {
    **ONBOARD,
    "id": "wingtip-1",
    "partner": {"name": "Wingtip", "domains": ["wingtip.com"]},
    "guests": [{"email": "wes@wingtip.com"}],
}


async def years_later(rig: Rig, years: int = 4) -> dict[str, int]:
    await seal(rig.world)
    rig.now += timedelta(days=366 * years)
    await seal(rig.world)
    return await keep_retention(rig.world)


async def gone(rig: Rig) -> None:
    """The directory has nobody of Fabrikam any more, and clean-up has seen it."""
    request = await rig.world.tables.requests.get("fabrikam-1")
    assert request is not None
    async for guest in rig.world.tables.guests.of_partner(request.partner_tenant):
        await rig.world.tables.guests.mark(guest.partner, {guest.person: {"stage": "gone", "deleted_at": rig.now}})


def words(rig: Rig) -> str:
    return json.dumps([str(row) for table in rig.tables.values() for row in table.content.values()]).lower()


async def test_who_is_here_keeps_their_history(stage: Stage) -> None:
    rig = await stage.fresh()
    await rig.settle(ONBOARD)
    before = words(rig)
    assert (await years_later(rig))["requests"] == 0
    assert ANA in words(rig)
    assert "t|" in before


async def test_who_has_left_is_gone_in_the_end_and_the_seals_hold(stage: Stage) -> None:
    rig = await stage.fresh()
    for request in (ONBOARD, LEAVE, OTHER):
        await rig.settle(request)
    left = await rig.world.tables.requests.get("fabrikam-2")
    assert left is not None
    assert left.state is RequestState.DONE
    await gone(rig)
    assert (await years_later(rig))["requests"] == 2
    assert ANA not in words(rig)
    assert "silva" not in words(rig)
    assert person_id(rig.world.settings.person_key, ANA) not in json.dumps(list(rig.tables["people"].content))
    assert not [spot for spot in rig.tables["tasks"].content if spot[0].startswith("fabrikam")]
    assert await rig.world.tables.requests.get("fabrikam-1") is None
    assert "wes@wingtip.com" in words(rig)
    found = (await partner_journal(rig.world, "wingtip.com", verified=True))["verification"]
    assert found["holds"], found["flaws"]
    assert {cut["request"] for cut in found["cut"]} == {"fabrikam-1", "fabrikam-2"}
    assert (await keep_retention(rig.world))["requests"] == 0


async def test_a_cut_that_is_not_ours_is_found(stage: Stage) -> None:
    rig = await stage.fresh()
    for request in (ONBOARD, OTHER):
        await rig.settle(request)
    await seal(rig.world)
    for spot in [spot for spot in rig.tables["requests"].content if spot[1] == "fabrikam-1"]:
        del rig.tables["requests"].content[spot]
    for spot in [spot for spot in rig.tables["tasks"].content if spot[0] == "fabrikam-1"]:
        del rig.tables["tasks"].content[spot]
    found = (await partner_journal(rig.world, "wingtip.com", verified=True))["verification"]
    assert not found["holds"]
    assert [(flaw["kind"], flaw["where"]) for flaw in found["flaws"]] == [("removed", "fabrikam-1")]


async def test_killed_anywhere_it_comes_to_the_same_end(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cutting, "PAGE", 3)
    rig = await stage.fresh()
    for request in (ONBOARD, LEAVE, OTHER):
        await rig.settle(request)
    await gone(rig)
    await seal(rig.world)
    rig.now += timedelta(days=366 * 4)
    await seal(rig.world)
    tables = {name: dict(table.content) for name, table in rig.tables.items()}
    at = 1
    while True:
        for name, table in rig.tables.items():
            table.content = dict(tables.get(name, {}))
        rig.border.calls, rig.border.kill_at, rig.border.kill_after_effect = 0, at, bool(at % 2)
        try:
            await keep_retention(rig.world)
        except Killed:
            died = True
        else:
            died = False
        rig.border.kill_at = None
        found = (await partner_journal(rig.world, "wingtip.com", verified=True))["verification"]
        assert found["holds"], (at, found["flaws"])
        await keep_retention(rig.world)
        assert not [spot for spot in rig.tables["tasks"].content if spot[0].startswith("fabrikam")], at
        assert ANA not in words(rig)
        found = (await partner_journal(rig.world, "wingtip.com", verified=True))["verification"]
        assert found["holds"], (at, found["flaws"])
        if not died:
            return
        at += 3


async def test_one_run_does_so_much_and_the_next_goes_on(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cutting, "PAGE", 2)
    monkeypatch.setattr(cutting.Budget, "__init__", lambda self: setattr(self, "rows", 5))
    rig = await stage.fresh()
    for request in (ONBOARD, LEAVE):
        await rig.settle(request)
    await gone(rig)
    runs, done = 1, (await years_later(rig))["requests"]
    left = len(rig.tables["tasks"].content)
    while done < 2 and runs < 100:
        done += (await keep_retention(rig.world))["requests"]
        runs += 1
        assert len(rig.tables["tasks"].content) < left or done == 2
        left = len(rig.tables["tasks"].content)
    assert 2 < runs < 100


async def test_plans_go_early_and_what_is_not_sealed_stays(stage: Stage) -> None:
    rig = await stage.fresh()
    await rig.settle({**ONBOARD, "mode": "plan"})
    assert ANA in words(rig)
    rig.now += timedelta(days=89)
    assert (await keep_retention(rig.world))["requests"] == 0
    rig.now += timedelta(days=2)
    assert (await keep_retention(rig.world))["requests"] == 1
    assert ANA not in words(rig)


async def test_without_a_seal_no_journal_goes(stage: Stage) -> None:
    rig = await stage.fresh()
    for request in (ONBOARD, LEAVE):
        await rig.settle(request)
    await gone(rig)
    rig.now += timedelta(days=366 * 4)
    assert (await keep_retention(rig.world))["requests"] == 0


async def test_zero_is_for_ever(stage: Stage) -> None:
    names = ("REQUEST", "PLAN", "PARKED", "RUN", "ANSWER")
    changes: dict[str, Any] = {f"ENTENTE_KEEP_{name}_DAYS": "0" for name in names}
    rig = await stage.fresh(**changes)
    for request in (ONBOARD, LEAVE):
        await rig.settle(request)
    await gone(rig)
    await years_later(rig)
    before = words(rig)
    assert set((await keep_retention(rig.world)).values()) == {0}
    assert words(rig) == before


async def test_only_what_is_over_goes(stage: Stage) -> None:
    rig = await stage.fresh()
    tables, now = rig.world.tables, rig.now
    for kind in ("refused", "message", "task", "by hand"):
        await tables.people.keep_message(f"{kind[0]}" * 64, b"ana@fabrikam.com")
        await tables.parked.add(ParkedItem(f"{kind}:1", kind, "r", f"{kind[0]}" * 64, "", "why", now))
    for number in range(14):
        state = RunState.HELD if number == 0 else RunState.REPORTED
        await tables.runs.begin(Run(f"run-{number:02}", state, now, "clock", apply=False, finished=now))
        await tables.runs.name(f"run-{number:02}", [Candidate("p", "x" * 32, "u", "warn", "r", "c", "w", "e")])
    await tables.exemptions.put(Exemption("p", "x", "why", "o", date(2026, 12, 1), "by", now))
    rig.now += timedelta(days=400)
    done = await keep_retention(rig.world)
    assert (done["parked"], done["runs"]) == (2, 3)
    assert {item.kind for item in await tables.parked.all()} == {"task", "by hand"}
    assert sorted(run.id for run in await tables.runs.latest()) == ["run-00", *(f"run-{number:02}" for number in range(4, 14))]
    assert not [spot for spot in rig.tables["runs"].content if spot[0] == "run-01"]
    assert [one async for one in tables.exemptions.all()] == []


HEADER = Header.model_validate({"version": 1, "id": "r", "template": "t", "partner": {"name": "F", "domains": ["fabrikam.com"]}})


@given(
    state=st.sampled_from(RequestState),
    mode=st.sampled_from(["apply", "plan"]),
    days=st.integers(0, 3_000),
    keep=st.integers(0, 3_000),
    keep_plans=st.integers(0, 3_000),
)
def test_what_is_open_is_never_over(state: RequestState, mode: str, days: int, keep: int, keep_plans: int) -> None:
    request = Request("r", state, HEADER, "", "who", "p", 1, START, finished=START, mode=mode)
    kept = keep_plans if mode == "plan" else keep
    over = is_over(request, START + timedelta(days=days), keep, keep_plans)
    assert over == (not request.is_open and 0 < kept < days)


@given(st.sets(st.sampled_from("abcdef")), st.sets(st.sampled_from("abcdef")), st.sets(st.sampled_from("abcdef")))
def test_every_request_is_on_record_or_cut(sealed_ones: set[str], on_record: set[str], cut: set[str]) -> None:
    chain, last = [], None
    for name in sorted(sealed_ones):
        last = sealed(last, START, name, [("j|x", "0")])
        chain.append(last)
    for name in sorted(cut):
        last = sealed(last, START, "", [cut_entry(name, 1)])
        chain.append(last)
    assert cuts_in(chain).keys() == cut
    assert {flaw.where for flaw in flaws_of_requests(chain, on_record, cuts_in(chain))} == sealed_ones - on_record - cut
