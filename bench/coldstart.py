"""Process start to the first Graph call done, against what its imports and indexing cost by themselves."""

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from devstack.tenant.server import RunningTenant, running_tenant

ROOT = Path(__file__).parent.parent
ROUNDS = 7
# Importing alone, and indexing an app of one empty function with the runtime library: what nobody can do without.
FLOOR = """
import asyncio, sys
import azure.functions, azure.identity.aio, httpx
from pathlib import Path
from devstack.host.worker import index
asyncio.run(index(Path(sys.argv[1])))
sys.stdout.write("done")
sys.stdout.flush()
"""
FIRST_CALL = """
import asyncio, sys
from pathlib import Path
from devstack.host.worker import index

async def main():
    await index(Path(sys.argv[1]))
    from shared.root import world, close
    ours = await world()
    if sys.argv[2] == "read":
        await ours.tables.requests.get("nobody")
    await ours.tenant.organizations.ours()
    sys.stdout.write("done")
    sys.stdout.flush()
    await close(ours)

asyncio.run(main())
"""
EMPTY_APP = """
import azure.functions as func
app = func.FunctionApp()
@app.route(route="nothing")
def nothing(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse()
"""


async def measure() -> AsyncIterator[dict[str, Any]]:
    """The medians in seconds, taken in turns, and their ratio. Compiled files are there, as pip leaves them."""
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder) / "empty"
        empty.mkdir()
        (empty / "function_app.py").write_text(EMPTY_APP)
        (empty / "host.json").write_text('{"version": "2.0"}')
        async with running_tenant() as tenant:
            environment = _environment(tenant)
            floor, first = [], []
            for _ in range(ROUNDS):
                floor.append(await _seconds(FLOOR, empty, environment))
                first.append(await _seconds(FIRST_CALL, ROOT, environment))
    yield {
        "importsAndIndexingSeconds": round(statistics.median(floor), 3),
        "firstGraphCallSeconds": round(statistics.median(first), 3),
        "ratio": round(statistics.median(first) / statistics.median(floor), 2),
        "rounds": ROUNDS,
    }


def _environment(tenant: RunningTenant) -> dict[str, str]:
    where = tenant.to_json()
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "ENTENTE_TENANT_ID": where["tenantId"],
        "ENTENTE_PERSON_KEY": "bm90IGEgc2VjcmV0LCBqdXN0IHRlc3QgYnl0ZXMuLi4=",
        "ENTENTE_GRAPH_URL": where["graph"],
        "ENTENTE_EXCHANGE_URL": where["tenant"],
        "ENTENTE_SWEEP_SCHEDULE": "0 */5 * * * *",
        "IDENTITY_ENDPOINT": where["identity"],
        "IDENTITY_HEADER": where["identityHeader"],
        "ServiceBus": "Endpoint=sb://localhost;SharedAccessKeyName=k;SharedAccessKey=v;UseDevelopmentEmulator=true;",
        "Tables": "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=bm90IGEga2V5;"
        "TableEndpoint=http://127.0.0.1:9/devstoreaccount1;",
    }


async def _seconds(script: str, app: Path, environment: dict[str, str]) -> float:
    begun = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", script, str(app), "call"),
        env=environment,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    said = await process.stdout.read(4)
    seconds = time.perf_counter() - begun
    _, error = await process.communicate()
    if said != b"done" or process.returncode != 0:
        raise RuntimeError(f"the measured process failed: {json.dumps(error.decode()[-2_000:])}")
    return seconds
