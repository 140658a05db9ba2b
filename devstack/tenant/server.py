"""Start and stop the simulated tenant, as a process or inside a test."""

import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from devstack.tenant.chance import Chance
from devstack.tenant.clock import TenantClock
from devstack.tenant.directory.lag import Lag, LagSettings
from devstack.tenant.directory.objects import Objects
from devstack.tenant.directory.relations import Relations
from devstack.tenant.faults import Faults
from devstack.tenant.graph.access_blocks import SYSTEM_DEFAULT
from devstack.tenant.graph.policies import DEFAULT_AUTHORIZATION_POLICY
from devstack.tenant.seed import plant
from devstack.tenant.tenant import SimulatedTenant
from devstack.tenant.throttle import Throttle
from devstack.tenant.tokens import TokenIssuer
from devstack.tenant.web import Services

DEFAULT_SEED = Path(__file__).with_name("seed.json")


@dataclass(frozen=True, slots=True)
class RunningTenant:
    """A tenant that answers on loopback. `services.tenant` is its state, for tests that look inside."""

    address: str
    identity_header: str
    services: Services

    @property
    def graph(self) -> str:
        """The base URL of Graph v1.0."""
        return f"{self.address}/v1.0"

    @property
    def exchange(self) -> str:
        """The URL of Exchange's InvokeCommand."""
        return f"{self.address}/adminapi/beta/{self.services.tenant.tenant_id}/InvokeCommand"

    @property
    def control(self) -> str:
        """The base URL of the control plane."""
        return f"{self.address}/_sim"

    def to_json(self) -> dict[str, str]:
        """Every address, and the secret of the managed-identity endpoint."""
        return {
            "tenant": self.address,
            "graph": self.graph,
            "exchange": self.exchange,
            "identity": f"{self.address}/msi/token",
            "identityHeader": self.identity_header,
            "identityPrincipal": self.services.tenant.own_principal,
            "control": self.control,
            "tenantId": self.services.tenant.tenant_id,
        }


def build(seed: Any, clock: TenantClock, tokens: TokenIssuer | None = None) -> SimulatedTenant:
    """A tenant with what the seed says. Raises ValueError with a sentence for a seed that does not fit."""
    organization = seed.get("organization") if isinstance(seed, dict) else None
    tenant_id = (organization or {}).get("tenantId", "11111111-1111-1111-1111-111111111111").lower()
    chance = Chance(tenant_id)
    lag = Lag(LagSettings(), chance, clock.seconds)
    tenant = SimulatedTenant(
        tenant_id=tenant_id,
        clock=clock,
        chance=chance,
        tokens=tokens if tokens is not None and tokens.tenant_id == tenant_id else TokenIssuer(tenant_id, clock.source),
        lag=lag,
        objects=Objects(lag),
        relations=Relations(lag),
        throttle=Throttle(clock.seconds),
        faults=Faults(chance),
        authorization_policy=dict(DEFAULT_AUTHORIZATION_POLICY),
        access_default=dict(SYSTEM_DEFAULT),
    )
    plant(tenant, seed)
    return tenant


def load_seed(path: Path = DEFAULT_SEED) -> Any:
    """The seed in the file; raises ValueError with a sentence if it is not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from error


@asynccontextmanager
async def running_tenant(
    seed: Any = None, *, clock: TenantClock | None = None, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[RunningTenant]:
    """A tenant that answers while the context lasts. `seed` None is the default one; `port` 0 takes a free one."""
    at_start = load_seed() if seed is None else seed
    own_clock = clock or TenantClock()
    issuers: list[TokenIssuer] = []

    def rebuild(other: Any) -> SimulatedTenant:
        # Tokens outlive a reset: clients keep theirs for hours. The clock goes back to real time.
        own_clock.advance(-own_clock.offset.total_seconds())
        tenant = build(at_start if other is None else other, own_clock, issuers[0] if issuers else None)
        issuers[:] = [tenant.tokens]
        return tenant

    secret = secrets.token_hex(16)
    services = Services(rebuild, secret)
    runner = web.AppRunner(services.application(), access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        bound_host, bound_port = runner.addresses[0][:2]
        yield RunningTenant(f"http://{bound_host}:{bound_port}", secret, services)
    finally:
        await runner.cleanup()
