"""An emergency as operators meet it: over HTTP, and straight from the command line with nothing but the tenant and the tables."""

import asyncio
import json
import sys
from typing import Any

import pytest

from devstack.stack import ROOT
from devstack.stack.settings import part_environment
from tests.system.local import Local, Partner

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="session")]

# What docs/emergency.md says that a block and its release need.
NEEDED: dict[str, Any] = {
    "permissions": {
        "https://graph.microsoft.com": [
            *("User.EnableDisableAccount.All", "User.Read.All", "Policy.ReadWrite.CrossTenantAccess", "Policy.Read.All"),
            *("Policy.ReadWrite.CrossTenantCapability", "Organization.Read.All", "CrossTenantInformation.ReadBasic.All"),
        ],
        "https://outlook.office365.com": ["Exchange.ManageAsApp"],
    },
    "directoryRoles": ["Exchange Administrator", "Teams Administrator"],
}
FIRST, SECOND = "11111111-aaaa-4aaa-8aaa-aaaaaaaaaaaa", "22222222-aaaa-4aaa-8aaa-aaaaaaaaaaaa"


async def direct(local: Local, *words: str, **changes: str) -> tuple[int, str, str]:
    """Exit code, standard output and error of `python -m shared.emergency`, which knows no function app and no Service Bus."""
    where = local.stack.addresses
    settings = {
        "ENTENTE_TENANT_ID": where.tenant_id,
        "ENTENTE_GRAPH_URL": f"{where.tenant}/v1.0",
        "ENTENTE_EXCHANGE_URL": where.tenant,
        "ENTENTE_TEAMS_URL": where.tenant,
        "ENTENTE_TEAMS_SETTINGS": "write",
        "ENTENTE_PERSON_KEY": "bm90IGEgc2VjcmV0LCBqdXN0IHRlc3QgYnl0ZXMuLi4=",
        "IDENTITY_ENDPOINT": where.identity,
        "IDENTITY_HEADER": where.identity_header,
        "Tables": where.tables,
        **changes,
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "shared.emergency", *words),
        cwd=ROOT,
        env=part_environment({"PATH": "/usr/bin"}) | settings,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, error = await process.communicate()
    return process.returncode or 0, out.decode(), error.decode()


async def people(local: Local, partner: Partner) -> set[bool]:
    return {user["accountEnabled"] for user in (await local.state())["users"] if str(user.get("mail")).endswith(partner.domain)}


async def with_guests(local: Local, name: str) -> Partner:
    guests = [{"mail": f"g{number}@{name}.example", "userType": "Guest"} for number in range(30)]
    return await local.partner(name, users=guests)


async def test_an_operator_blocks_over_http_and_a_key_releases_nobody(local: Local) -> None:
    partner = await with_guests(local, "leaking")
    where = f"partners/{partner.domain}"
    status, found = await local.call("POST", f"{where}/block", {"reason": "credentials leaked"})
    assert status == 200, found
    assert (found["state"], found["recorded"], found["people"]["switched"]) == ("blocked", True, 30)
    assert await people(local, partner) == {False}
    await local.submit(partner.request(partner.guests(1)))
    shown = await local.ended(partner.name, "refused")
    assert "blocked in an emergency" in shown["refusals"][0]
    status, found = await local.call("POST", f"{where}/release", {"reason": "all clear"})
    assert (status, "does not say who holds it" in found["error"]) == (400, True)
    assert await people(local, partner) == {False}


async def test_the_direct_way_blocks_and_two_identities_release(local: Local) -> None:
    partner = await with_guests(local, "direct")
    await local.sim("POST", "seed", {"identities": [{"clientId": client, **NEEDED} for client in (FIRST, SECOND)]})
    words = ("block", partner.domain, "--reason", "credentials leaked")
    code, out, told = await direct(local, *words, ENTENTE_IDENTITY_CLIENT_ID=FIRST)
    assert (code, json.loads(out)["people"]["switched"]) == (0, 30), told
    assert "everything is closed" in told
    assert await people(local, partner) == {False}
    release = ("release", partner.domain, "--reason", "all clear")
    code, out, told = await direct(local, *release, ENTENTE_IDENTITY_CLIENT_ID=FIRST)
    assert (code, json.loads(out)["state"]) == (0, "asked"), told
    code, out, told = await direct(local, *release, ENTENTE_IDENTITY_CLIENT_ID=FIRST)
    assert (code, out) == (2, "")
    assert "somebody else has to confirm it" in told
    code, out, told = await direct(local, *release, ENTENTE_IDENTITY_CLIENT_ID=SECOND)
    assert (code, json.loads(out)["state"]) == (0, "released"), told
    assert await people(local, partner) == {True}


async def test_the_direct_way_needs_no_tables_and_says_what_it_cannot_do_without(local: Local) -> None:
    partner = await with_guests(local, "unrecorded")
    code, out, told = await direct(local, "block", partner.domain, "--reason", "now", Tables="")
    report = json.loads(out)
    assert (code, report["recorded"], report["people"]["switched"]) == (0, False, 30), told
    assert "keep this report" in told
    code, out, told = await direct(local, "release", partner.domain, "--reason", "now", Tables="")
    assert (code, out, "out of reach" in told) == (3, "", True)
    for words, why in (
        (("block", partner.domain, "--reason", " "), "reason"),
        (("block", "contoso.com", "--reason", "x"), "own"),
    ):
        code, out, told = await direct(local, *words)
        assert (code, out, why in told) == (2, "", True)
