"""Every case of every step, against a scripted Microsoft 365."""

import logging
import re
from pathlib import Path
from typing import Any

import pytest

from shared.nouns.outcomes import Applied, NotYet, WontWork
from shared.steps import STEPS
from shared.tenant import Tenant
from tests.steps.cases import ADDRESS, Case, cases, plain
from tests.tenant_clients.scripted import FixedCredential, Script, scripted_tenant

CASES = list(cases(Path(__file__).parent / "cases"))
BY_NAME = {step.name: step for step in STEPS}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.step}: {case.do}: {case.name}")
async def test_a_step_does_what_its_case_says(case: Case, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    script, credential = Script(case.turns), FixedCredential()
    tenant = scripted_tenant(script, credential)
    told = ""
    try:
        if "notYet" in case.given:
            with pytest.raises(NotYet) as later:
                await _done(case, tenant)
            told = _expected_wait(case, later.value)
        elif "wontWork" in case.given:
            with pytest.raises(WontWork) as never:
                await _done(case, tenant)
            told = never.value.reason
            _has(told, case.given["wontWork"])
        else:
            _expected(case, await _done(case, tenant))
    finally:
        await tenant.close()
    script.done()
    for text in (told, caplog.text):
        assert not re.search(rf"{re.escape(ADDRESS)}|neil%2B|redeem|{re.escape(credential.token)}", text, re.IGNORECASE)


async def _done(case: Case, tenant: Tenant) -> Any:
    step = BY_NAME[case.step]
    match case.do:
        case "read":
            return await step.read(tenant, case.subject)
        case "explain":
            return step.explain(case.subject, plain(case.given["actual"]))
        case "apply":
            return await step.apply(tenant, case.subject, plain(case.given["change"]))
        case "undo":
            return await step.undo(tenant, case.subject, case.entry)
        case "settled":
            return step.settled(case.subject, plain(case.given["actual"]))
    raise AssertionError(f"nothing is called {case.do}")


def _expected(case: Case, result: Any) -> None:
    match case.do:
        case "read":
            expected = plain(case.given["state"])
            assert {key: result.get(key) for key in expected} == expected
        case "explain":
            assert (result is None) == (case.given["why"] is None)
            _has(result or "", case.given["why"] or [])
        case "settled":
            assert result == case.given["says"]
        case _:
            assert isinstance(result, Applied)
            expected = case.given["applied"]
            assert result.ids == expected.get("ids", {})
            assert result.created == expected.get("created", False)
            refused = expected.get("refused", {})
            assert set(result.refused) == set(refused)
            for person, words in refused.items():
                _has(result.refused[person], words)


def _expected_wait(case: Case, error: NotYet) -> str:
    _has(error.reason, case.given["notYet"])
    assert error.after == case.given.get("after", error.after) > 0
    assert error.moves_lane == case.given.get("lane", False)
    assert error.effect_unknown == case.given.get("unknown", False)
    return error.reason


def _has(text: str, words: list[str]) -> None:
    assert [word for word in words if word.lower() not in text.lower()] == [], text
