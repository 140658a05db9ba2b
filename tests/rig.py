"""The app's verbs on memory: tables, bus and clock are values of the test; Microsoft 365 is the simulated tenant.

Everything outside goes through one *border*, which counts calls and can kill the worker before or after any of them.
"""

import asyncio
import heapq
import itertools
import json
import random
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import httpx

from devstack.tenant.server import RunningTenant
from devstack.tenant.tokens import AUDIENCES, SHAREPOINT
from shared.blobs import Blobs
from shared.bus import Bus, Envelope
from shared.nouns.changes import change_from, upkeep_from
from shared.nouns.cleaning import carry_from
from shared.nouns.messages import attempt_from, finish_from
from shared.settings import Settings
from shared.tables import Tables
from shared.tables.guest_index import GuestIndex
from shared.tables.store import TABLES, Changed, Delete, Exists, Insert, Merge, Replace, Write
from shared.tenant import Tenant, TenantSettings
from shared.topology import CLEAN_UP, FINISH, INTAKE, LISTENING, NOTIFICATIONS, TENANT_CHANGES
from shared.verbs.accept import accept
from shared.verbs.ahead import Ahead
from shared.verbs.attempt import attempt
from shared.verbs.cleanup_run import carry_on
from shared.verbs.finish import finish
from shared.verbs.hear import hear
from shared.verbs.listed import Listed
from shared.verbs.listen import listen
from shared.verbs.met import Nameless
from shared.verbs.owners import Owners
from shared.verbs.sweep import sweep
from shared.verbs.tend import tend
from shared.verbs.world import World

START = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
LOCK = timedelta(seconds=120)
MOST_DELIVERIES = 10


class Killed(BaseException):
    """The worker is gone, in the middle of whatever it did."""


@dataclass
class Border:
    """Every call to the outside passes here. `kill_at` is the number of the call at which the worker dies."""

    calls: int = 0
    kill_at: int | None = None
    kill_after_effect: bool = False
    log: list[str] = field(default_factory=list)
    queue: str = ""
    queues: list[str] = field(default_factory=list)
    dice: random.Random | None = None

    async def cross[Answer](self, what: str, effect: Callable[[], Awaitable[Answer]]) -> Answer:
        self.calls += 1
        self.log.append(what)
        self.queues.append(self.queue)
        here = self.calls == self.kill_at
        if self.dice is not None:
            # Others run in between, as often as the dice say.
            for _ in range(self.dice.randrange(4)):
                await asyncio.sleep(0)
        if here and not self.kill_after_effect:
            raise Killed(what)
        answer = await effect()
        if here:
            raise Killed(what)
        return answer


class MemoryTable:
    """A table in memory, with etags and transactions as Table Storage has them."""

    # No etag comes twice, whoever's content a table goes on with.
    _tags = itertools.count(1)

    def __init__(self, name: str, border: Border) -> None:
        self._name = name
        self._border = border
        self.content: dict[tuple[str, str], dict[str, Any]] = {}

    async def get(self, partition: str, key: str) -> dict[str, Any] | None:
        async def effect() -> dict[str, Any] | None:
            row = self.content.get((partition, key))
            return None if row is None else dict(row)

        return await self._border.cross(f"{self._name}.get", effect)

    async def write(self, *writes: Write) -> list[str]:
        async def effect() -> list[str]:
            return self._write(writes)

        return await self._border.cross(f"{self._name}.write", effect)

    def _write(self, writes: Sequence[Write]) -> list[str]:
        assert 0 < len(writes) <= 100
        after = dict(self.content)
        tags = []
        touched = set()
        for write in writes:
            spot = (write.partition, write.key) if isinstance(write, Delete) else (write.row["PartitionKey"], write.row["RowKey"])
            match write:
                case Delete():
                    assert len(writes) == 1, "deleting stands alone"
                    after.pop(spot, None)
                    tags.append("")
                case Insert(row=row) | Merge(row=row) | Replace(row=row):
                    assert "etag" not in row, "Table Storage would keep it as a property like any other"
                    there = after.get(spot)
                    if isinstance(write, Insert) and there is not None:
                        raise Exists(self._name)
                    if isinstance(write, Replace) and (there is None or there["etag"] != write.etag):
                        raise Changed(self._name)
                    tags.append(str(next(self._tags)))
                    base = there or {} if isinstance(write, Merge) else {}
                    after[spot] = {**base, **row, "etag": tags[-1]}
            touched.add(spot)
        assert len(touched) == len(writes), "a transaction may touch a row once"
        assert len({partition for partition, _ in touched}) == 1, "a transaction has one partition"
        self.content = after
        return tags

    async def rows(
        self,
        partition: str,
        prefix: str = "",
        *,
        most: int | None = None,
        select: Sequence[str] | None = None,
        where: str = "",
        behind: str = "",
    ) -> AsyncIterator[dict[str, Any]]:
        async def effect() -> list[dict[str, Any]]:
            found = [
                dict(row)
                for (home, key), row in sorted(self.content.items())
                if home == partition and key.startswith(prefix) and key > behind and _matches(row, where)
            ]
            return found[:most]

        for row in await self._border.cross(f"{self._name}.rows", effect):
            yield row


def _matches(row: dict[str, Any], where: str) -> bool:
    """The conditions that the app asks for besides keys: in a state; or unsettled, and untouched since an instant."""
    if not where:
        return True
    if found := re.fullmatch(r"state eq '(\w+)'", where):
        return bool(row["state"] == found[1])
    assert where.startswith("(state eq 'ready' or state eq 'waiting') and touched lt '"), where
    return row["state"] in {"ready", "waiting"} and str(row.get("touched", "")) < where.rsplit("'", 2)[1]


@dataclass(order=True)
class Due:
    at: datetime
    number: int
    envelope: Envelope = field(compare=False)
    deliveries: int = field(default=0, compare=False)


class MemoryBus(Bus):
    """Queues in memory: scheduled messages, duplicate detection, redelivery after the lock, dead letters."""

    def __init__(self, border: Border, clock: Callable[[], datetime]) -> None:
        self._border = border
        self._clock = clock
        self._numbers = itertools.count()
        self._seen: dict[tuple[str, str], datetime] = {}
        self.waiting: list[Due] = []
        self.dead: list[Envelope] = []
        self.sent = 0

    async def send(self, envelopes: Any) -> None:
        listed = list(envelopes)
        if not listed:
            return

        async def effect() -> None:
            for envelope in listed:
                self.enqueue(envelope)

        await self._border.cross("bus.send", effect)

    def enqueue(self, envelope: Envelope) -> None:
        self.sent += 1
        now = self._clock()
        spot = (envelope.queue, envelope.message_id)
        if spot in self._seen and now - self._seen[spot] < timedelta(seconds=300):
            return
        self._seen[spot] = now
        heapq.heappush(self.waiting, Due(max(envelope.at or now, now), next(self._numbers), envelope))

    async def close(self) -> None:
        return


class CountedTransport(httpx.AsyncBaseTransport):
    """Microsoft 365, or what `name` says, over the network, with every call at the border."""

    def __init__(self, border: Border, name: str = "tenant") -> None:
        self._border = border
        self._name = name
        self._inner = httpx.AsyncHTTPTransport(verify=False)  # plain HTTP on loopback: no certificates to load

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        async def effect() -> httpx.Response:
            response = await self._inner.handle_async_request(request)
            await response.aread()
            return response

        return await self._border.cross(f"{self._name}.{request.method}", effect)

    async def aclose(self) -> None:
        await self._inner.aclose()


@dataclass
class Rig:
    """A world on memory, with a clock that moves to whatever is due next."""

    border: Border
    world: World
    tables: dict[str, MemoryTable]
    bus: MemoryBus
    now: datetime = START

    async def deliver_all(self, most: int = 20_000) -> None:
        """Every message has been delivered, redelivered where its worker died, and dead-lettered after ten deliveries."""
        for _ in range(most):
            if not self.bus.waiting:
                return
            due = heapq.heappop(self.bus.waiting)
            self.now = max(self.now, due.at)
            try:
                await self.run(due.envelope)
            except Killed:
                due.at = self.now + LOCK
                self.world._seen.clear()
                self.world.listed = Listed()
                self.world.ahead = Ahead()
                self.world.owners = Owners()
                self.world.nameless = Nameless()
                self.world.tables.index = GuestIndex(self.tables["guests"])
            except Exception:
                due.at = self.now + timedelta(milliseconds=1)
                if due.deliveries + 1 >= MOST_DELIVERIES:
                    raise
            else:
                continue
            due.deliveries += 1
            if due.deliveries >= MOST_DELIVERIES:
                self.bus.dead.append(due.envelope)
            else:
                heapq.heappush(self.bus.waiting, due)
        raise AssertionError(f"messages keep coming: {self.bus.waiting[:3]}")

    async def deliver_until(self, seen: Callable[[], bool], most: int = 2_000) -> None:
        """Messages have been delivered, one by one, until `seen` is true."""
        for _ in range(most):
            if seen():
                return
            due = heapq.heappop(self.bus.waiting)
            self.now = max(self.now, due.at)
            await self.run(due.envelope)
        raise AssertionError("it was never seen")

    async def deliver_some(self, number: int) -> None:
        """So many messages, or all that there were, have been delivered."""
        handled = iter(range(number + 1))
        await self.deliver_until(lambda: not self.bus.waiting or next(handled) == number)

    async def deliver_interleaved(self, seed: int, at_once: int = 16) -> None:
        """As deliver_all, with many messages under way at once, some of them delivered twice, in an order that the seed says.

        Messages of one session are under way one after another, as Service Bus has it.
        """
        dice = self.border.dice = random.Random(seed)
        sessions: defaultdict[tuple[str, str], asyncio.Lock] = defaultdict(asyncio.Lock)

        async def run(envelope: Envelope) -> None:
            async with sessions[envelope.queue, envelope.session] if envelope.session else nullcontext():
                await self.run(envelope)

        while self.bus.waiting:
            due = [heapq.heappop(self.bus.waiting) for _ in range(min(at_once, len(self.bus.waiting)))]
            soon = [item for item in due if item.at <= max(self.now, due[0].at)]
            for item in due[len(soon) :]:
                heapq.heappush(self.bus.waiting, item)
            self.now = max(self.now, soon[0].at)
            envelopes = [item.envelope for item in soon]
            envelopes += [envelope for envelope in envelopes if dice.random() < 0.2]
            dice.shuffle(envelopes)
            await asyncio.gather(*(run(envelope) for envelope in envelopes))
        self.border.dice = None

    async def run(self, envelope: Envelope) -> None:
        """What the function of the envelope's queue does."""
        self.border.queue = envelope.queue
        body = envelope.body if isinstance(envelope.body, bytes) else envelope.body.encode()
        if envelope.queue == INTAKE:
            await accept(self.world, body, "queue partner-requests", int(envelope.properties.get("retry", "0")))
        elif envelope.queue == CLEAN_UP:
            await carry_on(self.world, carry_from(body))
        elif envelope.queue == FINISH:
            await finish(self.world, finish_from(body).request)
        elif envelope.queue == TENANT_CHANGES:
            await hear(self.world, change_from(body))
        elif envelope.queue == LISTENING:
            await tend(self.world, upkeep_from(body))
        elif envelope.queue == NOTIFICATIONS:
            await listen(self.world, body, "event-grid")
        else:
            await attempt(self.world, attempt_from(body))

    def submit(self, request: dict[str, Any]) -> None:
        """The request is on the intake queue, as one message."""
        body = json.dumps(request).encode()
        self.bus.enqueue(Envelope(queue=INTAKE, message_id=f"{request['id']}-{self.bus.sent}", body=body))

    async def settle(self, request: dict[str, Any]) -> None:
        """The request was submitted and everything that follows from it has happened, sweeps included."""
        self.submit(request)
        for _ in range(3):
            await self.deliver_all()
            self.now += timedelta(seconds=1_000)
            self.border.queue = "sweep"
            try:
                await sweep(self.world)
            except Killed:
                continue
        await self.deliver_all()

    async def close(self) -> None:
        await self.world.tenant.close()
        if self.world.blobs is not None:
            await self.world.blobs.close()


def settings(tenant_id: str, **changes: Any) -> Settings:
    """Settings as a deployment has them; clients connect to nothing until they are used."""
    values: dict[str, Any] = {
        "ENTENTE_TENANT_ID": tenant_id,
        "ENTENTE_PERSON_KEY": "bm90IGEgc2VjcmV0LCBqdXN0IHRlc3QgYnl0ZXMuLi4=",
        "ServiceBus": "Endpoint=sb://localhost;SharedAccessKeyName=k;SharedAccessKey=v;UseDevelopmentEmulator=true;",
        "Tables": "unused",
        "ENTENTE_REPORT_ONLY": "false",
        **changes,
    }
    return Settings.model_validate(values)


class Bearer:
    """A credential that holds the tokens of the simulated tenant, whatever this machine's clock says."""

    def __init__(self, running: RunningTenant) -> None:
        self._running = running

    async def get_token(self, *scopes: str, claims: str | None = None) -> SimpleNamespace:
        identity = next(iter(self._running.services.tenant.identities))
        resource = scopes[0].removesuffix("/.default")
        audience = SHAREPOINT if resource.endswith(".sharepoint.com") else AUDIENCES.get(resource, resource)
        token, _ = self._running.services.tenant.tokens.mint(
            resource,
            application=identity.application,
            principal=identity.principal,
            roles=identity.permissions.get(audience, []),
            directory_roles=identity.directory_roles,
        )
        return SimpleNamespace(token=token, expires_on=0)

    async def close(self) -> None:
        return


def rig(running: RunningTenant, **changes: Any) -> Rig:
    """A rig whose tenant is the running one."""
    graph = TenantSettings(
        tenant_id=running.services.tenant.tenant_id,
        graph_url=running.graph,
        exchange_url=running.address,
        sharepoint_url=running.address,
        sharepoint_admin_url=running.address,
        sharepoint_resource="https://contoso.sharepoint.com",
        sharepoint_admin_resource="https://contoso-admin.sharepoint.com",
        teams_url=running.address,
        teams_settings="write",
        fabric_url=running.address,
        mailbox="mia@contoso.com",
    )
    border = Border()
    opened = {name: MemoryTable(name, border) for name in TABLES}

    async def ending() -> None:
        return

    def clock() -> datetime:
        return made.now

    bus = MemoryBus(border, clock)
    given = settings(graph.tenant_id, **changes)
    world = World(
        settings=given,
        clock=clock,
        tables=Tables(lambda name: opened[name], ending),
        bus=bus,
        tenant=Tenant(graph, credential=Bearer(running), transport=CountedTransport(border)),
        blobs=Blobs(given, Bearer(running), CountedTransport(border, "blobs")) if given.seal_container else None,
    )
    made = Rig(border, world, opened, bus)
    return made
