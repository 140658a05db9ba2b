"""What planning a clean-up run costs: computing time and memory of one process, and what it asks of Microsoft Graph.

The directory is pretended page by page in the process; the tables are Azurite's, over its own connection. The last line of a run killed ten
times says whether it came to the same plan.
"""

import asyncio
import contextlib
import hashlib
import os
import random
import resource
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import httpx

from devstack.stack.azurite import connection_string, start_azurite
from shared.bus import Bus, Envelope
from shared.nouns.cleaning import Carry
from shared.nouns.partner import Partner
from shared.nouns.request import Header, PartnerWish
from shared.settings import ROOT, Settings
from shared.tables import connect, create_all
from shared.tables.requests import Request, RequestState
from shared.tenant import Tenant, TenantSettings
from shared.verbs.cleanup_run import begin, carry_on
from shared.verbs.world import World

TENANT = "00000000-0000-4000-8000-000000000000"
SIZES = (10_000, 100_000)
PARTNERS = 20
KILLS = 10
NOW = datetime(2027, 3, 1, 5, 30, tzinfo=UTC)
# What we promise for 100,000 guests.
SECONDS, MEGABYTES = 300.0, 200.0
# Microsoft's limit on reports is 5 requests in 10 s; a page every 8 s is a quarter of it.
REPORTS_A_SECOND = 0.5
RULES = """
name = "bench"
version = 1
description = "For this bench."
steps = ["invite-guest"]

[expiry]
changed_by = "99999999-0000-4000-8000-000000000001"
ended = 0
not_redeemed = 60
not_signed_in = 180
"""


async def planning() -> AsyncIterator[dict[str, Any]]:
    """A run that only reports, over so many guests of twenty partners; then the last again, killed ten times."""
    each: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        for guests in SIZES:
            (Path(folder) / str(guests)).mkdir()
            child, port = await start_azurite(
                ROOT, log=Path(folder) / f"{guests}.log", environment=os.environ, folder=Path(folder) / str(guests)
            )
            try:
                scene = _Scene(Path(folder), connection_string(port), guests)
                await scene.furnish()
                plan, line = await scene.planned()
                each.append(line["cpuSeconds"] / guests)
                yield line | {
                    "shareOfTime": round(line["cpuSeconds"] / SECONDS, 3),
                    "shareOfMemory": round(line["megabytes"] / MEGABYTES, 3),
                    "costOfAGuestAgainstTheFirst": round(each[-1] / each[0], 2),
                    "shareOfReportsLimit": round(1 / scene.world.settings.clean_up_page_seconds / REPORTS_A_SECOND, 3),
                }
                if guests == SIZES[0]:
                    again, _ = await scene.planned(kills=KILLS)
                    yield {"guests": guests, "kills": KILLS, "samePlan": again == plan}
                await scene.close()
            finally:
                await child.stop(5)


class _Scene:
    """Guests in a directory and on record: one in a hundred has reached their last day, one in fifty has been silent."""

    def __init__(self, folder: Path, tables: str, guests: int) -> None:
        (folder / "bench.toml").write_text(RULES)
        self.guests, self.asked, self.priorities = guests, 0, set[str]()
        values = {
            "ENTENTE_TENANT_ID": TENANT,
            "ENTENTE_PERSON_KEY": "bm90IGEgc2VjcmV0LCBqdXN0IHRlc3QgYnl0ZXMuLi4=",
            "Tables": tables,
        }
        values |= {"ENTENTE_TEMPLATES": str(folder), "ServiceBus": "Endpoint=sb://localhost;UseDevelopmentEmulator=true;"}
        settings = Settings.model_validate(values)
        self.now, self.connection = NOW, tables
        self.bus = _Bus()
        graph = TenantSettings(tenant_id=TENANT)
        self.world = World(
            settings=settings,
            clock=lambda: self.now,
            tables=connect(settings),
            bus=cast("Bus", self.bus),
            tenant=Tenant(graph, credential=_Anybody(), transport=httpx.MockTransport(self._answer)),
        )

    async def furnish(self) -> None:
        """Partners, their request, and their guests with a claim each are on record."""
        await create_all(self.connection)
        tables = self.world.tables
        for number in range(PARTNERS):
            partner, name = Partner(_id("p", number), f"Partner {number}", (f"p{number}.example",)), f"request-{number}"
            wish = PartnerWish(name=partner.name, domains=partner.domains)
            header = Header(version=1, id=name, template="bench", partner=wish)
            request = Request(name, RequestState.DONE, header, "", "user bench", partner.tenant_id, 1, NOW, finished=NOW)
            await tables.requests.insert(request)
            await tables.requests.close(request)
            await tables.partners.take(partner, name)
            await tables.partners.note_request(partner.tenant_id, name, NOW)
            mine = range(number, self.guests, PARTNERS)
            for start in range(0, len(mine), 100):
                some = mine[start : start + 100]
                await tables.guests.note(partner.tenant_id, {_person(one): (_id("u", one), "redeemed", ("s",)) for one in some})
                await tables.guests.claim(partner.tenant_id, name, {_person(one): _until(one) for one in some})

    async def planned(self, kills: int = 0) -> tuple[list[tuple[str, str]], dict[str, Any]]:
        """The plan, and what it cost. A kill loses everything after a call that is drawn."""
        dice, self.asked = random.Random(kills), 0  # noqa: S311 -- chooses when to die, guards nothing
        self.now += timedelta(minutes=1)
        begun, cpu = time.monotonic(), time.process_time()
        run = await begin(self.world, "user bench", apply=False)
        messages = 0
        while self.bus.waiting:
            message = Carry.model_validate_json(self.bus.waiting.pop(0))
            messages += 1
            if kills and dice.random() < 0.5:
                kills -= 1
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(dice.random() / 5):
                        await carry_on(self.world, message)
                self.bus.waiting.append(message.model_dump_json())
            else:
                await carry_on(self.world, message)
        cost = time.process_time() - cpu
        plan = [(one.key, one.words) async for one in self.world.tables.runs.candidates(run.id)]
        ended = await self.world.tables.runs.get(run.id)
        return plan, {
            "guests": self.guests,
            "state": ended.state.value if ended else "",
            "named": len(plan),
            "messages": messages,
            "graphRequests": self.asked,
            "priorities": sorted(self.priorities),
            "seconds": round(time.monotonic() - begun, 1),
            "cpuSeconds": round(cost, 1),
            "megabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_000),
        }

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path, query = request.url.path, parse_qs(urlsplit(str(request.url)).query)
        if path.endswith("/users"):
            self.asked += 1
            self.priorities.add(request.headers.get("x-ms-throttle-priority", ""))
            start, size = int(query.get("$skiptoken", ["0"])[0]), 500
            value = [_user(number) for number in range(start, min(start + size, self.guests))]
            link = f"https://graph.microsoft.com/v1.0/users?$skiptoken={start + size}" if start + size < self.guests else None
            return httpx.Response(200, json={"value": value} | ({"@odata.nextLink": link} if link else {}))
        return httpx.Response(404, json={"error": {"code": "Request_ResourceNotFound", "message": "not there"}})

    async def close(self) -> None:
        await self.world.tables.close()
        await self.world.tenant.close()


class _Bus:
    """The messages that a run sends itself."""

    def __init__(self) -> None:
        self.waiting: list[str] = []

    async def send(self, envelopes: Iterable[Envelope]) -> None:
        self.waiting += [str(one.body) for one in envelopes]


class _Anybody:
    """A credential for a directory that asks for none."""

    async def get_token(self, *scopes: str, claims: str | None = None) -> Any:
        return SimpleNamespace(token="e30.e30.e30", expires_on=0)  # noqa: S106 -- a token of nobody

    async def close(self) -> None:
        return


def _user(number: int) -> dict[str, Any]:
    last = (NOW - timedelta(days=200 if number % 50 == 7 else number % 30)).isoformat()
    activity = {"lastSignInDateTime": last, "lastNonInteractiveSignInDateTime": last, "lastSuccessfulSignInDateTime": last}
    mail = f"guest{number}@p{number % PARTNERS}.example"
    return {
        "id": _id("u", number),
        "userType": "Guest",
        "accountEnabled": True,
        "createdDateTime": "2024-01-01T00:00:00Z",
        "externalUserState": "Accepted",
        "creationType": "Invitation",
        "userPrincipalName": f"guest{number}#EXT#@contoso.onmicrosoft.com",
        "mail": mail,
        "otherMails": [mail],
        "signInActivity": activity,
    }


def _until(number: int) -> date | None:
    return NOW.date() - timedelta(days=3) if number % 100 == 3 else None


def _person(number: int) -> str:
    return hashlib.sha256(f"person {number}".encode()).hexdigest()[:32]


def _id(kind: str, number: int) -> str:
    return str(uuid.UUID(hashlib.sha256(f"{kind} {number}".encode()).hexdigest()[:32]))
