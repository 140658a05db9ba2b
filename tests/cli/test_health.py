"""`entente health`: green, red, and an app that does not answer."""

import base64
import json
from typing import Any

from tests.cli.conftest import Entente, FakeApp

LISTENING: dict[str, Any] = {
    "notifications": "ok",
    "faults": [],
    "lastEvent": "2026-11-29T17:06:00+00:00",
    "delaySeconds": 1.4,
    "subscriptions": {"users": {"expires": "2026-12-27T17:05:51+00:00"}, "groups": {"expires": None}},
    "canary": {"users": {"sent": "2026-11-29T17:00:00+00:00", "heard": None, "delaySeconds": None}},
    "delta": {"users": {"known": None, "lagSeconds": 5}},
    "counts": {"forged": 3},
}
GREEN: dict[str, Any] = {
    "status": "ok",
    "version": "0.1.0",
    "checks": {"tables": True, "permissions": True, "listening": True},
    "mode": "apply",
    "missingPermissions": [],
    "sealExport": "on",
    "listening": LISTENING,
}
RED = GREEN | {
    "status": "degraded",
    "checks": GREEN["checks"] | {"permissions": False, "listening": False},
    "mode": "report-only",
    "missingPermissions": ["User.Invite.All"],
    "listening": LISTENING | {"notifications": "failing", "faults": ["no notification of users for 3 hours"]},
}


def test_green_shows_how_well_changes_are_heard_of(fake: FakeApp, entente: Entente) -> None:
    fake.says("GET", "health", (200, GREEN))
    found = entente("health")
    assert found.exit_code == 0
    lines = dict(line.split("  ", 1) for line in found.stdout.splitlines() if "  " in line)
    said = {name.strip(): value.strip() for name, value in lines.items()}
    assert said["status"] == "ok, version 0.1.0"
    assert said["missing permissions"] == "none"
    assert said["delay of notifications"] == "1.4 s"
    assert said["subscription to users"].startswith("until 2026-12-27")
    assert said["subscription to groups"] == "not there"
    assert said["canary of users"].endswith("not heard yet")
    assert said["forged"] == "3"


def test_red_says_what_is_wrong_and_is_the_exit_code(fake: FakeApp, entente: Entente) -> None:
    fake.says("GET", "health", (503, RED))
    found = entente("health")
    assert found.exit_code == 1
    assert "report-only" in found.stdout
    assert "User.Invite.All" in found.stdout
    assert "no notification of users for 3 hours" in found.stdout
    asked = entente("health", "--json")
    assert (asked.exit_code, json.loads(asked.stdout)) == (1, RED)


def test_an_app_that_is_out_of_reach_is_no_red_health(fake: FakeApp, entente: Entente) -> None:
    fake.says("GET", "health", (503, "Service Unavailable"))
    found = entente("health")
    assert found.exit_code == 3
    assert "answers 503" in found.stderr


def test_an_app_for_several_tells_how_many_are_well(fake: FakeApp, entente: Entente) -> None:
    fake.says("GET", "health", (503, {"status": "degraded", "version": "0.1.0", "tenants": {"all": 2, "ok": 1}}))
    found = entente("health")
    assert found.exit_code == 1
    assert "1 of 2 are well; entente --tenant NAME health" in found.stdout


def test_whoever_says_who_they_are_has_the_roles_of_the_tenant_that_they_name(fake: FakeApp, entente: Entente) -> None:
    fake.says("GET", "health", (200, GREEN))
    for options, role in ((("--as", "bob"), "Operator"), (("--as", "bob", "--tenant", "contoso"), "contoso.Operator")):
        entente(*options, "health")
        said = json.loads(base64.b64decode(fake.asked[-1].headers["x-ms-client-principal"]))
        assert role in {claim["val"] for claim in said["claims"] if claim["typ"] == "roles"}
