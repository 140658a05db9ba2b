"""How fast guests come in through the whole stack, what each of them costs, and how near to Graph's limits we keep."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import psutil

from bench.counting import CountingProxy
from devstack.stack.stack import Stack

GUESTS = 1_000
COUNTED_GUESTS = 100
GROUPS = ("fabrikam-project", "partner-readers")
# Published: 3,000 writes in 150 s per app and tenant (facts: Throttling).
WINDOW_SECONDS = 150
WRITES_A_SECOND = 20
NO_PACE = {
    "ENTENTE_ENTRA_WRITES_PER_SECOND": "0",
    "ENTENTE_INVITATIONS_PER_SECOND": "0",
    "ENTENTE_EXCHANGE_PER_SECOND": "0",
}
# Near the whole limit: nothing else writes to the simulated tenant.
LIMIT_SHARE = 0.97


def request(name: str, guests: int, groups: tuple[str, ...]) -> dict[str, Any]:
    """A request for so many guests, all of them in the same groups."""
    return {
        "version": 1,
        "id": name,
        "template": "joint-project",
        "partner": {"name": "Fabrikam", "domains": ["fabrikam.com"]},
        "groups": list(groups),
        "sponsors": ["mia@contoso.com"],
        "guests": [{"email": f"guest.{name}.{number}@fabrikam.com", "name": f"Guest {number}"} for number in range(guests)],
    }


async def speed() -> AsyncIterator[dict[str, Any]]:
    """Lag and limits off: guests a second, memory and CPU seconds per guest."""
    for hosts in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            async with Stack(hosts=hosts, settings=NO_PACE, lag=0, throttle=False, folder=Path(folder) / "stack") as stack:
                run = _Run(stack, request(f"speed-{hosts}", GUESTS, GROUPS[:1]))
                await run.through()
                cpu = _cpu(stack)
                yield {
                    "hosts": hosts,
                    "guests": GUESTS,
                    "state": run.state,
                    "seconds": round(run.seconds, 2),
                    "guestsPerSecond": round(GUESTS / run.seconds, 1),
                    "cpuMillisecondsPerGuest": {name: round(seconds / GUESTS * 1_000, 1) for name, seconds in cpu.items()},
                    "hostMegabytes": round(max(_memory(stack)) / 1e6),
                }


async def cost() -> AsyncIterator[dict[str, Any]]:
    """What one guest costs in calls: writes and reads of Graph, table transactions, Service Bus operations."""
    for groups in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            async with CountingProxy() as proxy:
                settings = {**NO_PACE, "Tables": proxy.connection}
                async with Stack(settings=settings, lag=0, throttle=False, folder=Path(folder) / "stack") as stack:
                    proxy.leads_to(stack.addresses.to_json()["tables"])
                    run = _Run(stack, request(f"cost-{groups}", COUNTED_GUESTS, GROUPS[:groups]))
                    await run.through()
                    graph, bus = run.graph, run.bus
                    yield {
                        "groups": groups,
                        "guests": COUNTED_GUESTS,
                        "state": run.state,
                        "perGuest": {
                            "graphWrites": round(graph["writes"] / COUNTED_GUESTS, 3),
                            "graphReads": round(graph["reads"] / COUNTED_GUESTS, 2),
                            "tableTransactions": round(proxy.requests / COUNTED_GUESTS, 2),
                            "serviceBusOperations": round(sum(bus.values()) / COUNTED_GUESTS, 2),
                        },
                        "serviceBus": bus,
                    }


async def limits() -> AsyncIterator[dict[str, Any]]:
    """Graph's published limits on, beyond the first window: the share reached of what the writes per guest allow, and 429s."""
    for hosts in (1, 3):
        with tempfile.TemporaryDirectory() as folder:
            settings = {"ENTENTE_PACE_SHARE": str(LIMIT_SHARE)}
            async with Stack(hosts=hosts, settings=settings, lag=0, folder=Path(folder) / "stack") as stack:
                guests = WRITES_A_SECOND * 2 * WINDOW_SECONDS
                run = _Run(stack, request(f"limits-{hosts}", guests, GROUPS[:1]))
                await run.begin()
                await asyncio.sleep(WINDOW_SECONDS)
                before, since = await run.summary(), time.monotonic()
                await asyncio.sleep(WINDOW_SECONDS * 0.8)
                after, seconds = await run.summary(), time.monotonic() - since
                await run.cancel()
                invited = after["invitations"] - before["invitations"]
                writes = after["writes"] - before["writes"]
                allowed = WRITES_A_SECOND / (writes / invited)
                yield {
                    "hosts": hosts,
                    "guestsPerSecond": round(invited / seconds, 2),
                    "allowedGuestsPerSecond": round(allowed, 2),
                    "shareOfLimit": round(invited / seconds / allowed, 3),
                    "share429": round((after["throttled"] - before["throttled"]) / (after["requests"] - before["requests"]), 4),
                }


class _Run:
    """One request on a stack, from submitting to its end."""

    def __init__(self, stack: Stack, wanted: dict[str, Any]) -> None:
        self._where = stack.addresses.to_json()
        self._url = f"{self._where['functions'][0]}/api/partner-requests"
        self._key = {"x-functions-key": self._where["functionKeys"]["default"]}
        self._wanted = wanted
        self.seconds = 0.0
        self.state = ""
        self.graph: dict[str, Any] = {}
        self.bus: dict[str, int] = {}

    async def begin(self) -> None:
        async with httpx.AsyncClient(timeout=60) as http:
            (await http.post(self._url, json=self._wanted, headers=self._key)).raise_for_status()

    async def through(self) -> None:
        async with httpx.AsyncClient(timeout=60) as http:
            stats = f"{self._where['serviceBusControl']}/_bus/stats"
            before = (await http.get(stats)).json()
            begun = time.monotonic()
            await self.begin()
            while self.state in {"", "queued", "running"}:
                await asyncio.sleep(0.5)
                answer = await http.get(f"{self._url}/{self._wanted['id']}?top=0&counts=false", headers=self._key)
                self.state = answer.json()["state"] if answer.status_code == 200 else ""
            self.seconds = time.monotonic() - begun
            after = (await http.get(stats)).json()
            self.bus = {name: after[name] - before.get(name, 0) for name in after if name != "connections"}
            self.graph = await self.summary()

    async def summary(self) -> dict[str, Any]:
        async with httpx.AsyncClient(timeout=60) as http:
            found: dict[str, Any] = (await http.get(f"{self._where['control']}/requests/summary")).json()
            return found

    async def cancel(self) -> None:
        async with httpx.AsyncClient(timeout=600) as http:
            await http.post(f"{self._url}/{self._wanted['id']}/cancel", headers=self._key)


def _cpu(stack: Stack) -> dict[str, float]:
    pids = stack.addresses.to_json()["pids"]
    named = {name: [pid] for name, pid in pids.items() if isinstance(pid, int)} | {"hosts": pids["hosts"]}
    times = {name: [psutil.Process(pid).cpu_times() for pid in group] for name, group in named.items()}
    return {name: sum(spent.user + spent.system for spent in group) for name, group in times.items()}


def _memory(stack: Stack) -> list[int]:
    return [psutil.Process(pid).memory_info().rss for pid in stack.addresses.to_json()["pids"]["hosts"]]
