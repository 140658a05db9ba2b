"""What a process has loaded when it has made its first call to Microsoft Graph: a cold start pays for all of it."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from devstack.certificates import Certified
from devstack.tenant.server import RunningTenant, running_tenant
from tests.answering import server

# Other HTTP clients, clients that a call does not need, and the SDK's models (1,200 modules).
HEAVY = (
    *("aiohttp", "anyio", "httpcore", "jinja2", "opentelemetry.sdk", "structlog"),
    *("azure.data.tables", "azure.identity.aio", "azure.servicebus", "msgraph.generated.models", "shared.steps", "shared.views"),
)
FIRST_CALL = """
import asyncio, sys
import function_app
from shared.root import close, world
async def main():
    ours = await world()
    organization = await ours.tenant.organizations.ours()
    print(organization.tenant_id, *sorted(sys.modules))
    await close(ours)
asyncio.run(main())
"""
FIRST_ROW = """
import asyncio, sys
import function_app
from shared.root import close, world
async def main():
    ours = await world()
    print(await ours.tables.requests.get("r1"), *sorted(sys.modules))
    await close(ours)
asyncio.run(main())
"""
ABSENT = (
    b'{"odata.error":{"code":"ResourceNotFound","message":{"lang":"en-US","value":"The specified resource does not exist."}}}'
)


@pytest.fixture
async def tenant() -> AsyncIterator[RunningTenant]:
    async with running_tenant() as running:
        yield running


async def said_first(script: str, tenant: RunningTenant, **settings: str) -> tuple[str, list[str]]:
    """What the script says, in a process whose identity is the tenant's, and what of the heavy modules it has loaded."""
    where = tenant.to_json()
    environment = {
        "ENTENTE_TENANT_ID": where["tenantId"],
        "ENTENTE_PERSON_KEY": "bm90IGEgc2VjcmV0LCBqdXN0IHRlc3QgYnl0ZXMuLi4=",
        "ENTENTE_GRAPH_URL": where["graph"],
        "IDENTITY_ENDPOINT": where["identity"],
        "IDENTITY_HEADER": where["identityHeader"],
        "ServiceBus__fullyQualifiedNamespace": "entente.servicebus.windows.net",
        "Tables__endpoint": "https://entente.table.core.windows.net",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", script), env=os.environ | environment | settings, stdout=subprocess.PIPE
    )
    said, _ = await process.communicate()
    answer, *modules = said.decode().split()
    return answer, sorted({heavy for heavy in HEAVY for name in modules if name == heavy or name.startswith(f"{heavy}.")})


async def test_the_first_call_loads_no_other_client_and_no_model(tenant: RunningTenant) -> None:
    assert await said_first(FIRST_CALL, tenant) == (tenant.to_json()["tenantId"], [])


async def test_the_first_row_is_read_as_the_apps_identity_and_loads_no_other_client(
    tenant: RunningTenant, tmp_path: Path
) -> None:
    asked: list[bytes] = []

    async def absent(request: bytes, writer: asyncio.StreamWriter) -> None:
        asked.append(request)
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(ABSENT))
        writer.write(ABSENT)

    certified = Certified(tmp_path)
    async with server(absent, tls=certified.context()) as port:
        said = await said_first(FIRST_ROW, tenant, Tables__endpoint=f"https://127.0.0.1:{port}", **certified.trusted())
    assert said == ("None", ["azure.data.tables"])
    assert b"Authorization: Bearer ey" in asked[0]
