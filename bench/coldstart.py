"""Process start to the first Graph call done, against what importing the vendors' libraries alone takes.

The budget is 1.3 times the imports (azure-functions, azure-identity, httpx), plus indexing: the runtime library finding the functions,
and our own modules up to a world that has opened no client. Finding the functions used to import all of ours, so that a ratio to what
indexing takes says little by itself: what counts is how long it takes together, which is told against the imports as well.
Seconds are of CPU, the least of several rounds: others on the machine add to neither. The breakdown follows the first call from the
runtime library to the answer. As in Azure, our modules are compiled (by the first round), Graph is reached over TLS with the
system's root certificates, and the tables and Service Bus, which are not reached, would be by the app's identity.
"""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.tls import behind_tls
from devstack.certificates import Certified
from devstack.tenant.server import RunningTenant, running_tenant

ROOT = Path(__file__).parent.parent
ROUNDS = 7
IMPORTS = """
import sys
import azure.functions, azure.identity, httpx
import json, time
print("done" + json.dumps({"done": time.process_time()}))
"""
INDEXED = """
import asyncio, sys
import azure.functions, azure.identity, httpx
from pathlib import Path
from devstack.host.worker import index
async def main():
    await index(Path(sys.argv[1]))
    from shared.root import world
    await world()
asyncio.run(main())
import json, time
print("done" + json.dumps({"done": time.process_time()}))
"""
FIRST_CALL = """
import asyncio, json, sys, time
from pathlib import Path
marks = {}
def mark(name):
    marks[name] = time.process_time()
async def main():
    import azure.functions
    mark("azureFunctions")
    from devstack.host.worker import index
    await index(Path(sys.argv[1]))
    mark("indexing")
    from shared.root import world, close
    ours = await world()
    mark("world")
    organizations = ours.tenant.organizations
    mark("clients")
    await ours.tenant.roles()
    mark("token")
    await organizations.ours()
    mark("firstAnswer")
    sys.stdout.write("done" + json.dumps(marks))
    sys.stdout.flush()
    await close(ours)

asyncio.run(main())
"""


async def measure() -> AsyncIterator[dict[str, Any]]:
    """The least CPU seconds of each, taken in turns. Compiled files are there, as pip leaves them."""
    scripts = {"imports": (IMPORTS, ""), "indexed": (INDEXED, ""), "first": (FIRST_CALL, "call")}
    taken: dict[str, list[tuple[float, dict[str, float]]]] = {name: [] for name in scripts}
    with tempfile.TemporaryDirectory() as folder:
        async with running_tenant() as tenant, _reached(tenant, Path(folder)) as environment:
            for _ in range(ROUNDS):
                for name, (script, mode) in scripts.items():
                    taken[name].append(await _seconds(script, mode, environment))
    imports, indexed, first = (min(seconds for seconds, _ in taken[name]) for name in scripts)
    yield {
        "importsSeconds": round(imports, 3),
        "indexingSeconds": round(indexed - imports, 3),
        "firstGraphCallSeconds": round(first, 3),
        "ratioWithoutIndexing": round((first - (indexed - imports)) / imports, 2),
        "ratioToImportsAndIndexing": round(first / indexed, 2),
        "ratioToImportsAlone": round(first / imports, 2),
        "breakdownSeconds": _steps(min(taken["first"], key=lambda one: one[0])[1]),
        "rounds": ROUNDS,
    }


def _steps(marks: dict[str, float]) -> dict[str, float]:
    """How long each part took, from the moments at which they ended."""
    begun = [0.0, *marks.values()]
    return {name: round(at - before, 3) for (name, at), before in zip(marks.items(), begun, strict=False)}


@asynccontextmanager
async def _reached(tenant: RunningTenant, folder: Path) -> AsyncIterator[dict[str, str]]:
    """The environment of an app that reaches Microsoft Graph over TLS, and its identity without, as in Azure; whose modules the first
    round compiles for the others."""
    certified, graph = Certified(folder), urlsplit(tenant.to_json()["graph"])
    async with behind_tls(graph.port or 80, certified.context()) as port:
        environment = _environment(tenant, f"https://localhost:{port}{graph.path}")
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        yield environment | certified.trusted() | {"PYTHONPYCACHEPREFIX": str(folder / "compiled")}


def _environment(tenant: RunningTenant, graph: str) -> dict[str, str]:
    where = tenant.to_json()
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "ENTENTE_TENANT_ID": where["tenantId"],
        "ENTENTE_PERSON_KEY": "bm90IGEgc2VjcmV0LCBqdXN0IHRlc3QgYnl0ZXMuLi4=",
        "ENTENTE_GRAPH_URL": graph,
        "ENTENTE_EXCHANGE_URL": where["tenant"],
        "ENTENTE_COMPARE_SCHEDULE": "0 25 * * * *",
        "ENTENTE_LISTEN_SCHEDULE": "20 */15 * * * *",
        "ENTENTE_CATCH_UP_SCHEDULE": "40 10 * * * *",
        "ENTENTE_SEAL_SCHEDULE": "30 */5 * * * *",
        "ENTENTE_SWEEP_SCHEDULE": "0 */5 * * * *",
        "IDENTITY_ENDPOINT": where["identity"],
        "IDENTITY_HEADER": where["identityHeader"],
        "ServiceBus__fullyQualifiedNamespace": "entente.servicebus.windows.net",
        "Tables__endpoint": "https://entente.table.core.windows.net",
    }


async def _seconds(script: str, mode: str, environment: dict[str, str]) -> tuple[float, dict[str, float]]:
    """CPU seconds from the start of the process until it was done, and the moments at which its parts were."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", script, str(ROOT), mode),
        env=environment,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, error = await process.communicate()
    if not said.startswith(b"done") or process.returncode != 0:
        raise RuntimeError(f"the measured process failed: {json.dumps(error.decode()[-2_000:])}")
    marks: dict[str, float] = json.loads(said.removeprefix(b"done"))
    return max(marks.values()), marks
