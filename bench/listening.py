"""How fast a change is heard and reacted to, what a full resync takes, and that nothing is missed while hosts die."""

import asyncio
import json
import random
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psutil

from bench.processes import worked
from devstack.stack.control import start_function
from devstack.stack.stack import Stack

GUESTS = 500
CHANGES_A_SECOND = 50
SECONDS = 20
RESYNCS = (20_000, 100_000)
GUEST_SHARE = 50
MISSED_CHANGES = 10_000
MISSED_GUESTS = 1_000
KILLS = 10
WAKES = 5
PARTNER = {
    "version": 1,
    "id": "first",
    "template": "supplier",
    "partner": {"name": "Fabrikam", "domains": ["fabrikam.com"]},
    "sponsors": ["mia@contoso.com"],
    "groups": ["partner-readers"],
    "guests": [{"email": "first@fabrikam.com", "name": "First Guest"}],
}
# What we promise.
REACTION_SECONDS = 2.0
ANSWER_SECONDS = 0.1
GRAPH_WAITS_SECONDS = 3.0
RESYNC_MEGABYTES = 200
LOOK_AGAIN_SECONDS = 0.25


async def reactions() -> AsyncIterator[dict[str, Any]]:
    """Fifty changes a second to guests, half of them on record and half of no partner: from the notification to the end of the reaction, how
    fast the webhook answers, and the processor time that a change takes.

    Twice: with the HTTP functions apart from the others, as Flex Consumption places them, and with all functions in one process, where
    the webhook waits for its turn among the reactions.
    """
    for apart in (True, False):
        yield await _reactions(apart=apart)


async def _reactions(*, apart: bool) -> dict[str, Any]:
    async with _Scene(_people(GUESTS, known=GUESTS // 2), partner=True, apart=apart) as scene:
        # The first answer of a process is a cold start, which `wake` measures.
        knocked = time.monotonic()
        await scene.knock(await scene.notification())
        first = time.monotonic() - knocked
        await scene.settled(later=False)
        before = scene.processor_seconds()
        begun, tasks = time.monotonic(), []
        for number in range(CHANGES_A_SECOND * SECONDS):
            tasks.append(asyncio.create_task(scene.change(number)))
            await asyncio.sleep(max(0.0, begun + (number + 1) / CHANGES_A_SECOND - time.monotonic()))
        await asyncio.gather(*tasks)
        await scene.settled(later=False)
        taken = [line["seconds"] for line in scene.handled() if line["source"] == "webhook"]
        answers = [one["seconds"] for one in (await scene.sim("GET", "notifications?outcome=delivered"))["value"]]
        return {
            "httpApart": apart,
            "changes": len(tasks),
            "reactions": len(taken),
            "reactionP50": _percentile(taken, 50),
            "reactionP99": _percentile(taken, 99),
            "shareOfPromise": round(_percentile(taken, 99) / REACTION_SECONDS, 3),
            "webhookFirst": round(first, 3),
            "webhookP99": _percentile(answers, 99),
            "webhookShareOfPromise": round(_percentile(answers, 99) / ANSWER_SECONDS, 3),
            "webhookSlowest": max(answers),
            **{
                f"{part}MillisecondsOfCpu": round(1000 * (seconds - before[part]) / len(tasks), 1)
                for part, seconds in scene.processor_seconds().items()
            },
        }


async def wake() -> AsyncIterator[dict[str, Any]]:
    """From the start of a host's process to the answer to a notification that waits for it; and the processor time of that process until then.

    Twice: of a process for the HTTP functions alone, which is what Flex Consumption starts, and of one for all functions, which begins to
    listen to half a hundred queues as well.
    """
    for apart in (True, False):
        yield await _wake(apart=apart)


async def _wake(*, apart: bool) -> dict[str, Any]:
    taken, spent = [], []
    async with _Scene(_people(1), apart=apart) as scene:
        for _ in range(WAKES):
            for host in scene.stack.running_hosts[: 1 if apart else None]:
                await scene.stack.stop_host(host)
            body = await scene.notification()
            begun = time.monotonic()
            starting = asyncio.create_task(scene.stack.start_host())
            status = await scene.knock(body)
            taken.append(time.monotonic() - begun)
            assert status == 202, status
            spent.append(worked((await starting).pid))
    return {
        "httpApart": apart,
        "rounds": len(taken),
        "slowest": round(max(taken), 3),
        "slowestCpu": round(max(spent), 3),
        "shareOfThreeSeconds": round(max(taken) / GRAPH_WAITS_SECONDS, 3),
    }


async def resync() -> AsyncIterator[dict[str, Any]]:
    """A full round of the delta query of users, one in fifty of them a guest: memory of the host, and time for a user."""
    each: list[float] = []
    for users in RESYNCS:
        async with _Scene(_people(users // GUEST_SHARE, users - users // GUEST_SHARE), subscribed=False) as scene:
            await scene.sim("PUT", "options", {"deltaPage": 200})
            (host,) = scene.stack.running_hosts
            before = psutil.Process(host.pid).memory_info().rss
            begun = time.monotonic()
            await scene.start_catching_up()
            await scene.caught_up("users")
            seconds, most = time.monotonic() - begun, _most_memory(host.pid)
            each.append(seconds / users)
            yield {
                "users": users,
                "seconds": round(seconds, 1),
                "hostMegabytes": round(most / 1e6),
                "grownByMegabytes": round((most - before) / 1e6),
                "shareOfPromise": round(most / 1e6 / RESYNC_MEGABYTES, 3),
                "timeForAUserAgainstTheFirst": round(each[-1] / each[0], 2),
            }


async def missed() -> AsyncIterator[dict[str, Any]]:
    """Ten thousand changes, one in twenty never told and one in twenty told twice, a host killed ten times: who was not read again?

    With the HTTP functions apart, as Flex Consumption places them; whom the dice choose to be killed may be that host too.
    """
    dice, last = random.Random(4), dict[str, float]()  # noqa: S311 -- chooses whom to change, guards nothing
    async with _Scene(_people(MISSED_GUESTS), hosts=2, apart=True) as scene:
        for effect in ("lose", "duplicate"):
            await scene.sim(
                "POST", "notifications/faults", {"effect": effect, "probability": 0.05, "match": {"lifecycle": False}}
            )
        for number in range(MISSED_CHANGES):
            guest = await scene.change(dice.randrange(MISSED_GUESTS), switch=True)
            last[guest] = time.time()
            if number % (MISSED_CHANGES // KILLS) == MISSED_CHANGES // KILLS // 2:
                scene.stack.kill_host(dice.choice(scene.stack.running_hosts))
                await scene.stack.start_host()
        await scene.settled()
        await scene.catch_up()
        await scene.settled()
        handled = scene.handled()
        read = {line["object"]: _moment(line) for line in handled}
        counts = (await scene.sim("GET", "notifications"))["counts"]
        yield {
            "changes": MISSED_CHANGES,
            "objects": len(last),
            "kills": KILLS,
            "notifications": counts,
            "handled": dict(Counter(line["source"] for line in handled)),
            "missed": sum(read.get(guest, 0.0) < moment for guest, moment in last.items()),
        }


class _Scene:
    """A stack whose tenant tells of changes, with guests whom an administrator changes."""

    def __init__(
        self, seed: dict[str, Any], *, hosts: int = 1, subscribed: bool = True, partner: bool = False, apart: bool = False
    ) -> None:
        self._seed = seed
        self._partner = partner
        self._hosts = hosts
        self._apart = apart
        self._subscribed = subscribed
        self._folder = tempfile.TemporaryDirectory()
        self._http = httpx.AsyncClient(timeout=120)
        self._guests: list[str] = []
        self._on: dict[str, bool] = {}

    async def __aenter__(self) -> "_Scene":
        settings = {} if self._subscribed else {"ENTENTE_NOTIFICATION_URL": ""}
        folder = Path(self._folder.name) / "stack"
        self.stack = Stack(
            hosts=self._hosts,
            apart=self._apart,
            settings=settings,
            lag=0,
            throttle=False,
            notifications=self._subscribed,
            folder=folder,
        )
        await self.stack.__aenter__()
        where = self.stack.addresses.to_json()
        self._control, self._bus, self._master = where["control"], where["serviceBusControl"], where["functionKeys"]["master"]
        self._front = where["functions"][0]
        if self._partner:
            await self._onboard(where["functionKeys"]["default"])
        await self.sim("POST", "seed", self._seed)
        self._guests = [one["id"] for one in self._seed["users"] if one["userType"] == "Guest"]
        await self.sim("PUT", "notifications/settings", {"delay": [0.0, 0.1], "retry": 1})
        if self._subscribed:
            await self.caught_up("users", "groups")
            # The first round tells every guest there is; what is measured comes after it.
            await self.settled(later=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()
        await self.stack.__aexit__(None, None, None)
        self._folder.cleanup()

    async def sim(self, method: str, path: str, body: Any = None) -> Any:
        answer = await self._http.request(method, f"{self._control}/{path}", json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    async def change(self, number: int, *, switch: bool = False) -> str:
        """An administrator has changed one of the guests; their object id. With `switch`, so that a delta query shows it."""
        guest = self._guests[number % len(self._guests)]
        self._on[guest] = not self._on.get(guest, True)
        new: dict[str, Any] = {"accountEnabled": self._on[guest]} if switch else {"city": f"City {number}"}
        await self.sim("POST", "act", {"do": "update", "target": guest, "set": new})
        return guest

    async def health(self) -> dict[str, Any]:
        where = self._front
        found: dict[str, Any] = (await self._http.get(f"{where}/api/health")).json()["listening"]
        return found

    async def start_catching_up(self) -> None:
        where = self.stack.addresses.to_json()["functions"][-1]
        await start_function(where, self._master, "catch-up-changes")

    async def catch_up(self) -> None:
        await self.start_catching_up()
        # What is ordered is done within ten seconds.
        await asyncio.sleep(11)

    async def _onboard(self, key: str) -> None:
        """A partner is on record."""
        answer = await self._http.post(f"{self._front}/api/partner-requests", json=PARTNER, headers={"x-functions-key": key})
        answer.raise_for_status()

    def processor_seconds(self) -> dict[str, float]:
        """The processor time that each part of the stack has used."""
        pids: dict[str, Any] = self.stack.addresses.to_json()["pids"]
        found = {"host": pids["hosts"], "http": pids["hosts"][:1], **{part: [pids[part]] for part in ("tables", "tenant")}}
        return {part: sum(worked(pid) for pid in listed) for part, listed in found.items()}

    async def caught_up(self, *resources: str) -> None:
        while True:
            rounds = (await self.health())["delta"]
            if all(rounds.get(one, {}).get("known") for one in resources):
                return
            await asyncio.sleep(LOOK_AGAIN_SECONDS)

    async def notification(self) -> dict[str, Any]:
        """What Graph would post now."""
        (users,) = [one for one in (await self.sim("GET", "state"))["subscriptions"] if "users" in one["resource"]]
        about = {"@odata.type": "#Microsoft.Graph.User", "id": self._guests[0], "eventTime": datetime.now(UTC).isoformat()}
        element = {"changeType": "updated", "clientState": users["clientState"], "resource": f"Users/{self._guests[0]}"}
        return {"value": [{**element, "subscriptionId": users["id"], "resourceData": about}]}

    async def knock(self, body: dict[str, Any]) -> int:
        """The status that the notification gets, which waits for somebody to listen."""
        while True:
            try:
                return (await self._http.post(f"{self._front}/api/tenant-changes", json=body)).status_code
            except httpx.TransportError:
                await asyncio.sleep(0.01)

    async def settled(self, *, later: bool = True) -> None:
        """Nothing is left to be told, and no message waits; with `later`, none that is for later either."""
        states = ("active", "locked", "scheduled") if later else ("active", "locked")
        quiet = 0
        while quiet < 4:
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
            told = (await self.sim("GET", "notifications?since=999999999"))["pending"]
            waiting = await self._waiting(states)
            quiet = 0 if told or waiting else quiet + 1

    async def _waiting(self, states: tuple[str, ...]) -> int:
        listed = (await self._http.get(f"{self._bus}/_bus/queues")).json()["queues"]
        counts = [queue["counts"] for queue in listed if queue["name"] in {"tenant-changes", "keep-listening"}]
        return sum(each[state] for each in counts for state in states)

    def handled(self) -> list[dict[str, Any]]:
        """What the hosts' logs say of changes that were reacted to, the earliest first."""
        found: list[dict[str, Any]] = []
        for log in (Path(self._folder.name) / "stack" / "logs").glob("host-*.log"):
            lines = log.read_text("utf-8", "replace").splitlines()
            found += [json.loads(line[line.index("{") :]) for line in lines if '"change handled"' in line]
        return sorted(found, key=_moment)


def _people(guests: int, staff: int = 0, *, known: int = 0) -> dict[str, Any]:
    """`known` of the guests are of the partner that `_onboard` puts on record, and are adopted when they are first told of."""
    invited = [
        {
            "id": f"{n:08x}-0000-4000-9000-000000000000",
            "mail": f"guest{n}@{'fabrikam.com' if n < known else 'northwind.example'}",
            "userType": "Guest",
            # Longer ago than the directory's log goes back.
            "createdDateTime": "2020-01-01T00:00:00Z",
        }
        for n in range(guests)
    ]
    own = [{"userPrincipalName": f"staff{n}@contoso.com", "userType": "Member"} for n in range(staff)]
    return {"users": [*invited, *own]}


def _most_memory(pid: int) -> int:
    """The most memory that the process has ever had, in bytes (Linux)."""
    told = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return 1024 * int(next(line.split()[1] for line in told.splitlines() if line.startswith("VmHWM")))


def _moment(line: dict[str, Any]) -> float:
    return datetime.fromisoformat(line["timestamp"]).timestamp()


def _percentile(numbers: list[float], percent: int) -> float:
    return round(sorted(numbers)[min(len(numbers) - 1, len(numbers) * percent // 100)], 3)
