"""Alerts and the workbook ask for log lines that the app really writes."""

import ast
import json
import logging
import re

import pytest

from shared.log import log
from shared.nouns.outcomes import WontWork
from shared.settings import ROOT
from shared.tenant.answers import Answer
from shared.tenant.operations import LIST_AUDITS
from tests.infra.deployments import INFRA, SMALL, deployed

ALERTS = json.loads((INFRA / "alerts.json").read_text("utf-8"))
WORKBOOK = json.loads((INFRA / "workbook.json").read_text("utf-8"))


def logged() -> dict[str, set[str]]:
    """Every event that the app logs, the first argument of a `log.<level>(...)`, with the fields that it is logged with."""
    found: dict[str, set[str]] = {}
    for path in [*(ROOT / "shared").rglob("*.py"), *(ROOT / "functions").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name("log")), args=[ast.Constant(str(event)), *_], keywords=fields):
                    found.setdefault(event, set()).update(str(one.arg) for one in fields)
    return found


def queries() -> dict[str, str]:
    found = {alert["name"]: alert["query"] for alert in ALERTS}
    return found | {item["name"]: item["content"]["query"] for item in WORKBOOK["items"] if "query" in item["content"]}


def _events(query: str) -> set[str]:
    return {
        event
        for listed in re.findall(r"line\.event (?:==|in) (\([^)]*\)|'[^']*')", query)
        for event in re.findall(r"'([^']+)'", listed)
    }


def test_every_line_that_is_asked_for_is_written() -> None:
    assert set().union(*map(_events, queries().values())) - logged().keys() == set()


def test_every_field_that_is_asked_for_is_logged() -> None:
    lines = logged()
    for name, query in queries().items():
        written = set().union(*(lines[event] for event in _events(query)), {"event"})
        if _events(query):
            assert set(re.findall(r"line\.(\w+)", query)) - written == set(), name


def lines_of(capture: pytest.LogCaptureFixture, event: str, fields: set[str]) -> str:
    """The line that the app's own log makes of the event."""
    capture.clear()
    with capture.at_level(logging.INFO, "entente"):
        log.warning(event, **{name: f"some {name}" for name in fields})
    (record,) = capture.records
    return record.getMessage()


def finds(query: str, message: str) -> bool:
    """Whether the conditions of our queries (`has`, `==`, `in`, `or`) hold for the line. Raises for any other."""
    line = json.loads(message)
    conditions = re.findall(r"^\| where (.+)$", query, re.MULTILINE)
    return all(any(_holds(part, message, line) for part in one.split(" or ")) for one in conditions)


def _holds(condition: str, message: str, line: dict[str, str]) -> bool:
    subject, operator, wanted = re.fullmatch(
        r"(Message|line\.\w+) (has|==|in|startswith|has_any) (.+)", condition.strip()
    ).groups()  # type: ignore[union-attr]  # a condition of another form is to fail here
    value = message if subject == "Message" else str(line.get(subject.removeprefix("line."), ""))
    words = re.findall(r"'([^']+)'", wanted)
    if operator in {"has", "has_any"}:
        # A whole word or phrase, whatever its case. https://learn.microsoft.com/kusto/query/has-operator
        return any(re.search(rf"(?<![A-Za-z0-9]){re.escape(word)}(?![A-Za-z0-9])", value, re.IGNORECASE) for word in words)
    return value.startswith(words[0]) if operator == "startswith" else value in words


ASKING = {alert["name"]: alert["query"] for alert in ALERTS if "AppTraces" in alert["query"]}


@pytest.mark.parametrize("name", ASKING)
def test_an_alert_finds_the_line_that_the_app_writes_and_no_other(name: str, caplog: pytest.LogCaptureFixture) -> None:
    wanted = _events(ASKING[name])
    found = {
        event for event, fields in logged().items() if finds(ASKING[name], lines_of(caplog, event, fields - {"exc_info", "None"}))
    }
    assert found == wanted


def test_a_refusal_by_microsoft_365_for_want_of_a_permission_is_found(caplog: pytest.LogCaptureFixture) -> None:
    refused = Answer(LIST_AUDITS, "changes", 403).error()
    assert isinstance(refused, WontWork)
    with caplog.at_level(logging.INFO, "entente"):
        log.warning("parked", request="r", task="t", reason=refused.reason)
    assert finds(ASKING["permission-missing"], caplog.records[0].getMessage())


def test_every_function_that_is_asked_for_exists() -> None:
    names = {name for query in queries().values() for name in re.findall(r"where Name == '([^']+)'", query)}
    code = "".join(path.read_text("utf-8") for path in (ROOT / "functions").glob("*.py"))
    assert names
    assert all(f'function_name("{name}")' in code for name in names)


@pytest.mark.parametrize("alert", ALERTS, ids=[alert["name"] for alert in ALERTS])
def test_an_alert_says_what_to_do_and_looks_often_enough(alert: dict[str, str]) -> None:
    assert len(alert["todo"]) > 40
    minutes = {"PT5M": 5, "PT15M": 15, "PT1H": 60}
    assert minutes[alert["every"]] <= minutes[alert["window"]], "what falls between two looks is never seen"


def test_somebody_is_told() -> None:
    rendered = deployed({**SMALL, "operators": ["operators@contoso.com"]})
    (group,) = rendered.of("Microsoft.Insights/actionGroups")
    assert [one["emailAddress"] for one in group.body["properties"]["emailReceivers"]] == ["operators@contoso.com"]
    rules = rendered.of("Microsoft.Insights/scheduledQueryRules")
    assert len(rules) == len(ALERTS)
    assert all(rule.body["properties"]["actions"]["actionGroups"] == [group.id] for rule in rules)
    (dead,) = rendered.of("Microsoft.Insights/metricAlerts")
    assert dead.body["properties"]["actions"] == [{"actionGroupId": group.id}]
