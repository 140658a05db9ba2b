"""An emergency with the operator's own command, on a running stack: one person shuts a partner out, two others let it in again."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from devstack.stack.settings import part_environment

pytestmark = pytest.mark.system

ENTENTE = Path(sys.executable).with_name("entente")
FABRIKAM = "22222222-2222-2222-2222-222222222222"
GUESTS = ["ana@fabrikam.com", "bo@fabrikam.com"]


class Operators:
    """People at their terminals, in the folder where the stack is up."""

    def __init__(self, folder: Path, record: dict[str, Any]) -> None:
        self._folder, self._record = folder, record

    def run(self, *words: str, who: str = "", **settings: str) -> tuple[int, str]:
        """Exit code, and all that the terminal shows."""
        command = [str(ENTENTE), *(["--as", who] if who else []), *words]
        environment = part_environment({"PATH": "/usr/bin", "COLUMNS": "200"}) | settings
        ended = subprocess.run(command, cwd=self._folder, env=environment, capture_output=True, text=True, check=False)
        return ended.returncode, ended.stdout + ended.stderr

    def enabled(self) -> dict[str, bool]:
        """Who of the guests can sign in."""
        users = httpx.get(f"{self._record['control']}/state").json()["users"]
        return {user["mail"]: user["accountEnabled"] for user in users if user["mail"] in GUESTS}

    def let_in(self) -> bool:
        """Whether the partner's own configuration lets anybody in."""
        (found,) = httpx.get(f"{self._record['control']}/state").json()["crossTenantPartners"]
        return "allowed" in json.dumps(found["b2bCollaborationInbound"])

    def direct(self) -> dict[str, str]:
        """What the direct way needs: the tenant, the tables, an identity; no function app and no Service Bus."""
        found = self._record
        return {
            "ENTENTE_TENANT_ID": found["tenantId"],
            "ENTENTE_GRAPH_URL": f"{found['tenant']}/v1.0",
            "ENTENTE_EXCHANGE_URL": found["tenant"],
            "ENTENTE_TEAMS_URL": found["tenant"],
            "ENTENTE_TEAMS_SETTINGS": "write",
            "ENTENTE_PERSON_KEY": "bm90IGEgc2VjcmV0LCBqdXN0IHRlc3QgYnl0ZXMuLi4=",
            "IDENTITY_ENDPOINT": found["identity"],
            "IDENTITY_HEADER": found["identityHeader"],
            "Tables": found["tables"],
        }


def test_one_person_blocks_and_two_others_release_by_the_command(up: Any, tmp_path: Path) -> None:
    record = up("--no-lag", "--no-throttle", "--no-notifications", folder=tmp_path / ".stack").record()
    at = Operators(tmp_path, record)
    seed = {
        "users": [{"mail": mail, "userType": "Guest"} for mail in GUESTS],
        "crossTenantPartners": [{"tenantId": FABRIKAM}],
        "servicePrincipals": [{"displayName": "Fabrikam Sync", "appOwnerOrganizationId": FABRIKAM}],
    }
    httpx.post(f"{record['control']}/seed", json=seed).raise_for_status()
    why = ("--reason", "credentials leaked")

    code, shown = at.run("block", "fabrikam.com", *why, who="olga")
    # Their application is open still, which a block does not touch: it is named, and is the exit code.
    assert code == 1, shown
    for said in (
        "cross-tenant access: closed",
        "Remains open",
        "Fabrikam Sync",
        "Goes on for a while",
        "hour",
        "24 hours",
        "is blocked",
    ):
        assert said in shown, (said, shown)
    assert set(at.enabled().values()) == {False}
    assert not at.let_in()
    shut = {"version": 1, "id": "late", "template": "supplier", "partner": {"name": "Fabrikam", "domains": ["fabrikam.com"]}}
    (tmp_path / "late.json").write_text(
        json.dumps({**shut, "sponsors": ["mia@contoso.com"], "guests": [{"email": "cy@fabrikam.com"}]})
    )
    code, shown = at.run("submit", "late.json", "--watch", who="rita")
    assert code != 0
    assert "has been blocked in an emergency" in shown

    code, shown = at.run("release", "fabrikam.com", *why)
    assert (code, "a function key does not say who holds it" in shown) == (2, True), shown
    code, shown = at.run("release", "fabrikam.com", *why, who="pete")
    assert (code, "waits for somebody else" in shown) == (0, True), shown
    code, shown = at.run("release", "fabrikam.com", *why, who="pete")
    assert (code, "somebody else has to confirm it" in shown) == (2, True), shown
    assert set(at.enabled().values()) == {False}
    code, shown = at.run("release", "fabrikam.com", *why, who="quinn")
    assert (code, "is released" in shown) == (0, True), shown
    assert set(at.enabled().values()) == {True}
    code, shown = at.run("journal", FABRIKAM, "--verify", who="quinn")
    assert code == 0, shown

    # Straight from the command, as where the app is gone.
    code, shown = at.run("block", "fabrikam.com", *why, "--direct", who="olga")
    assert (code, "the direct way goes by the identity" in shown) == (2, True), shown
    code, shown = at.run("block", "fabrikam.com", *why, "--direct", **at.direct())
    assert (code, '"state": "blocked"' in shown) == (1, True), shown
    assert set(at.enabled().values()) == {False}
