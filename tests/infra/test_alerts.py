"""Alerts and the workbook ask for log lines that the app really writes."""

import ast
import json
import re

import pytest

from shared.settings import ROOT
from tests.infra.deployments import INFRA, SMALL, deployed

ALERTS = json.loads((INFRA / "alerts.json").read_text("utf-8"))
WORKBOOK = json.loads((INFRA / "workbook.json").read_text("utf-8"))


def logged() -> set[str]:
    """The first argument of every `log.<level>(...)` of the app."""
    found = set()
    for path in [*(ROOT / "shared").rglob("*.py"), *(ROOT / "functions").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name("log")), args=[ast.Constant(str(event)), *_]):
                    found.add(event)
    return found


def queries() -> dict[str, str]:
    found = {alert["name"]: alert["query"] for alert in ALERTS}
    return found | {item["name"]: item["content"]["query"] for item in WORKBOOK["items"] if "query" in item["content"]}


def test_every_line_that_is_asked_for_is_written() -> None:
    asked = {
        event
        for query in queries().values()
        for listed in re.findall(r"line\.event (?:==|in) \(?((?:(?! and )[^)\n])*)", query)
        for event in re.findall(r"'([^']+)'", listed)
    }
    assert asked - logged() == set()


def test_the_alert_on_missing_permissions_knows_how_the_app_says_it() -> None:
    (alert,) = [alert for alert in ALERTS if alert["name"] == "permission-missing"]
    (words,) = set(re.findall(r"has '([^']+)'", alert["query"]))
    assert f"this needs the {words} {{permissions}}" in (ROOT / "shared/tenant/answers.py").read_text("utf-8")


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
