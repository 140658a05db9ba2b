"""One app for two simulated tenants on the running stack: partners in both, each tenant's state its own, and the trouble of one not the other's."""

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from azure.data.tables.aio import TableServiceClient

from devstack.stack import Stack
from devstack.stack.control import start_function
from tests.system.conftest import PACKAGE
from tests.system.conftest import SETTINGS as SHORT
from tests.system.local import GROUPS, until

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]

CONTOSO, TAILSPIN = "contoso", "tailspin"
SETTINGS = {
    **SHORT,
    "WEBSITE_AUTH_ENABLED": "true",
    "ENTENTE_HORIZON_SECONDS": "1",
    "ENTENTE_ENTRA_WRITES_PER_SECOND": "0",
    "ENTENTE_INVITATIONS_PER_SECOND": "0",
    "ENTENTE_EXCHANGE_PER_SECOND": "0",
}
DOWN = {"match": {"path": "/(v1.0|beta)/"}, "effect": "status", "status": 503, "headers": {"Retry-After": "1"}}
THROTTLED = {"match": {"path": "/(v1.0|beta)/"}, "effect": "status", "status": 429, "headers": {"Retry-After": "1"}}


@dataclass
class Provider:
    """The app, and the command of whoever looks after its tenants."""

    stack: Stack
    http: aiohttp.ClientSession

    async def entente(self, tenant: str, *words: str) -> tuple[int, Any]:
        """Exit code and JSON of the command, about the tenant."""
        command = [str(Path(sys.executable).with_name("entente")), *(("--tenant", tenant) if tenant else ()), *words, "--json"]
        outside = {name: value for name, value in os.environ.items() if not name.startswith("ENTENTE_")}
        process = await asyncio.create_subprocess_exec(
            *command, cwd=self.stack.folder.parent, env=outside, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        out, errors = await process.communicate()
        assert process.returncode is not None
        return process.returncode, json.loads(out) if out.strip() else errors.decode()

    async def submit(self, tenant: str, name: str, *emails: str, **more: Any) -> None:
        """The request is with the app, for the tenant."""
        guests = [{"email": email, "name": email, "groups": [*GROUPS][:1]} for email in emails]
        partner = {"name": "Fabrikam", "domains": ["fabrikam.com"]}
        request = {"version": 1, "id": name, "template": "joint-project", "partner": partner, "sponsors": ["mia@contoso.com"]}
        path = self.stack.folder.parent / f"{tenant}-{name}.json"
        path.write_text(json.dumps({**request, "guests": guests, **more}), encoding="utf-8")
        code, said = await self.entente(tenant, "submit", str(path))
        assert code == 0, said

    async def ended(self, tenant: str, name: str) -> dict[str, Any]:
        """The request as it has ended."""

        async def look() -> dict[str, Any] | None:
            found = await self.seen(tenant, name)
            return found if found.get("state") in {"done", "stopped", "refused"} else None

        return await until(look, f"{name} of {tenant} ends") or {}

    async def seen(self, tenant: str, name: str) -> dict[str, Any]:
        status, found = await self.call(f"partner-requests/{name}", tenant)
        return found if status == 200 else {}

    async def call(self, path: str, tenant: str) -> tuple[int, Any]:
        where = self.stack.addresses
        headers = {"x-functions-key": str(where.function_keys["default"]), "x-entente-tenant": tenant}
        async with self.http.get(f"{where.functions[0]}/api/{path}", headers=headers) as answer:
            return answer.status, await answer.json()

    async def sim(self, tenant: str, method: str, path: str, body: Any = None) -> Any:
        """What the tenant's control plane answers."""
        control = self.stack.addresses.tenants[tenant]["control"]
        async with self.http.request(method, f"{control}/{path}", json=body) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def guests(self, tenant: str) -> Counter[str]:
        found = await self.sim(tenant, "GET", "state")
        return Counter(str(user["mail"]) for user in found["users"] if user["userType"] == "Guest")

    async def members(self, tenant: str) -> int:
        """How many guests are in the project's group."""
        found = await self.sim(tenant, "GET", "state")
        guests = {user["id"] for user in found["users"] if user["userType"] == "Guest"}
        (group,) = [group for group in found["groups"] if group["id"] == GROUPS["fabrikam-project"]]
        return len(guests & set(group["members"]))

    async def asked(self, tenant: str) -> int:
        """How many requests the tenant has had."""
        return int((await self.sim(tenant, "GET", "requests/summary"))["requests"])

    async def stages(self, tenant: str) -> set[str]:
        """How far the app takes the tenant's guests on record to be."""
        return {one["stage"] for one in (await self.call("guests", tenant))[1]["guests"]}

    async def timer(self, name: str) -> None:
        where = self.stack.addresses
        await start_function(where.functions[0], str(where.function_keys["master"]), name)

    async def rows(self) -> dict[str, str]:
        """What every table holds, as text."""
        async with TableServiceClient.from_connection_string(self.stack.addresses.tables) as service:
            names = [table.name async for table in service.list_tables()]
            return {name: str([dict(row) async for row in service.get_table_client(name).list_entities()]) for name in names}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def provider(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Provider]:
    """A stack of its own, that tells the app of changes, as each tenant does."""
    folder = tmp_path_factory.mktemp("several") / ".stack"
    async with (
        Stack(
            tenants=(CONTOSO, TAILSPIN),
            settings=SETTINGS,
            lag=0,
            throttle=False,
            notifications=True,
            folder=folder,
            package=PACKAGE,
        ) as stack,
        aiohttp.ClientSession() as http,
    ):
        yield Provider(stack, http)


async def test_one_tenant_is_worked_in_and_the_other_hears_nothing_of_it(provider: Provider) -> None:
    assert await provider.entente("", "health") == (0, {"status": "ok", "version": "0.1.0", "tenants": {"all": 2, "ok": 2}})
    before = await provider.guests(CONTOSO)
    await provider.submit(TAILSPIN, "r1", "ana@fabrikam.com")
    assert (await provider.ended(TAILSPIN, "r1"))["state"] == "done"
    assert (await provider.guests(TAILSPIN))["ana@fabrikam.com"] == 1
    assert await provider.guests(CONTOSO) == before
    assert await provider.seen(CONTOSO, "r1") == {}
    # Whom somebody deletes by hand there, the webhook tells of.
    await provider.sim(TAILSPIN, "POST", "act", {"do": "delete", "target": "ana@fabrikam.com"})
    await provider.sim(TAILSPIN, "POST", "notifications/flush")

    async def deleted() -> bool:
        return await provider.stages(TAILSPIN) == {"deleted"}

    await until(deleted, "the tenant's change is heard")
    assert await provider.stages(CONTOSO) == set()
    written = [one for one in (await provider.sim(CONTOSO, "GET", "requests"))["value"] if one["kind"] in {"write", "invitation"}]
    assert {one["path"].partition("?")[0] for one in written} <= {"/v1.0/subscriptions"}


@pytest.mark.parametrize(("trouble", "name"), [(DOWN, "down"), (THROTTLED, "throttled")])
async def test_the_trouble_of_one_holds_up_nobody_else(provider: Provider, trouble: dict[str, Any], name: str) -> None:
    email = f"{name}@fabrikam.com"
    await provider.sim(CONTOSO, "POST", "faults", {"rules": [trouble]})
    asked = await provider.asked(CONTOSO)
    await asyncio.gather(*(provider.submit(tenant, name, email) for tenant in (CONTOSO, TAILSPIN)))
    assert (await provider.ended(TAILSPIN, name))["state"] == "done"
    assert (await provider.guests(CONTOSO))[email] == 0
    # The timers, too, come to the one behind it.
    seen = await provider.asked(TAILSPIN)
    await provider.timer("catch-up-changes")

    async def after() -> bool:
        return await provider.asked(TAILSPIN) > seen

    await until(after, "the timer has come to the second tenant")

    async def tried() -> bool:
        return await provider.asked(CONTOSO) > asked

    await until(tried, "the first tenant was tried")
    await provider.sim(CONTOSO, "DELETE", "faults")
    assert (await provider.ended(CONTOSO, name))["state"] == "done"
    assert (await provider.guests(CONTOSO))[email] == 1


async def test_what_one_may_not_is_planned_there_alone(provider: Provider) -> None:
    app = provider.stack.addresses
    (known,) = json.loads((provider.stack.folder / f"seed-{TAILSPIN}.json").read_text(encoding="utf-8"))["registrations"]
    graph = "https://graph.microsoft.com"
    less = [one for one in known["permissions"][graph] if one != "User.Invite.All"]
    await provider.sim(
        TAILSPIN, "POST", "seed", {"registrations": [{**known, "permissions": {**known["permissions"], graph: less}}]}
    )
    # Tokens live on in the process that has them.
    (host,) = provider.stack.running_hosts
    await provider.stack.stop_host(host)
    await provider.stack.start_host()
    assert provider.stack.addresses.functions == app.functions, "who is told of changes stays where it was"
    code, shown = await provider.entente(TAILSPIN, "health")
    assert (code, shown["mode"], shown["missingPermissions"]) == (1, "report-only in part", ["User.Invite.All"])
    assert (await provider.entente(CONTOSO, "health"))[1]["mode"] == "apply"
    await asyncio.gather(*(provider.submit(tenant, "less", "less@fabrikam.com") for tenant in (CONTOSO, TAILSPIN)))
    assert (await provider.ended(CONTOSO, "less"))["mode"] == "apply"
    planned = await provider.ended(TAILSPIN, "less")
    assert (planned["state"], planned["mode"]) == ("done", "plan")
    assert "invite-guest lacks User.Invite.All" in planned["onlyPlanned"]
    assert (await provider.guests(CONTOSO))["less@fabrikam.com"] == 1
    assert (await provider.guests(TAILSPIN))["less@fabrikam.com"] == 0


async def test_tables_and_journals_have_nobody_of_the_other(provider: Provider) -> None:
    ids = {}
    for tenant in (CONTOSO, TAILSPIN):
        code, shown = await provider.entente(tenant, "why", "down@fabrikam.com")
        assert code == 0, shown
        ids[tenant] = str(shown["person"])
        code, journal = await provider.entente(tenant, "journal", "fabrikam.com", "--verify")
        assert code == 0, journal
        assert ids[tenant] in str(journal)
    assert ids[CONTOSO] != ids[TAILSPIN]
    found = await provider.rows()
    assert {name.startswith((CONTOSO, TAILSPIN)) for name in found} == {True}
    for name, content in found.items():
        other = ids[TAILSPIN if name.startswith(CONTOSO) else CONTOSO]
        assert other not in content, f"{name} knows somebody of the other tenant"


async def test_who_names_no_tenant_or_a_wrong_one_is_told(provider: Provider) -> None:
    code, said = await provider.entente("", "status")
    assert (code, said["error"]) == (2, "this app is for several tenants: say which (entente --tenant NAME)")
    assert (await provider.entente("fourthcoffee", "status"))[0] == 2


async def test_offboarding_in_one_leaves_the_guests_of_the_other(provider: Provider) -> None:
    before = await provider.guests(CONTOSO)
    await provider.submit(TAILSPIN, "off", action="offboard")
    shown = await provider.ended(TAILSPIN, "off")
    assert (shown["state"], shown["mode"]) == ("done", "apply"), shown
    assert await provider.guests(CONTOSO) == before
    assert [await provider.members(tenant) for tenant in (CONTOSO, TAILSPIN)] == [3, 0]
