"""A simulated tenant in the test's own loop, whose clock is the test's."""

import copy
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from devstack.tenant.clock import TenantClock
from devstack.tenant.directory.lag import LagSettings
from devstack.tenant.exchange.invoke import Exchange
from devstack.tenant.server import RunningTenant, running_tenant
from devstack.tenant.tenant import SimulatedTenant
from tests.app.scenes import make, scene
from tests.rig import START, Rig, rig

__all__ = ["make", "scene"]


@dataclass(frozen=True)
class Moment:
    """Tables, directory and time as they were between two requests, when no message was under way."""

    tables: dict[str, dict[tuple[str, str], dict[str, Any]]]
    tenant: SimulatedTenant
    now: datetime
    changes: dict[str, Any]


class Stage:
    """Makes rigs on one running tenant, each with a fresh directory and a clock of its own."""

    def __init__(self, running: RunningTenant, made: list[Rig]) -> None:
        self.running = running
        self.made = made

    async def fresh(self, *, stale_reads: int = 0, **changes: object) -> Rig:
        """A rig whose reads are stale so many times after each change."""
        for old in self.made:
            await old.close()
        self.made.clear()
        self.running.services.reset(None)
        # The clock is the test's, but what a cmdlet takes would be waited for.
        self.running.services.tenant.throttle.exchange_seconds = 0
        self.running.services.tenant.lag.settings = LagSettings(seconds=(0, 0), stale_reads=stale_reads or None)
        new = rig(self.running, **changes)
        self.made.append(new)
        return new

    def moment(self, rig: Rig, **changes: object) -> Moment:
        """What `back_at` goes back to; `changes` are those that `fresh` was given."""
        assert not rig.bus.waiting, "messages are under way"
        tables = {name: dict(table.content) for name, table in rig.tables.items()}
        return Moment(tables, self._copied(self.running.services.tenant), rig.now, changes)

    async def back_at(self, moment: Moment) -> Rig:
        """A rig where everything is as it was at the moment, with a worker that remembers nothing."""
        new = await self.fresh(**moment.changes)
        services = self.running.services
        services.tenant = self._copied(moment.tenant)
        services.exchange = Exchange(services.tenant)
        for name, content in moment.tables.items():
            new.tables[name].content = dict(content)
        new.now = moment.now
        return new

    def _copied(self, tenant: SimulatedTenant) -> SimulatedTenant:
        """Who brings notifications out, the tokens and the clock stay the same."""
        shared = (self.running.services.courier, tenant.tokens, tenant.clock)
        return copy.deepcopy(tenant, {id(one): one for one in shared})


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    made: list[Rig] = []
    clock = TenantClock(source=lambda: made[0].now if made else START)
    async with running_tenant(clock=clock) as running:
        yield Stage(running, made)
        for old in made:
            await old.close()


@pytest.fixture
async def tenant() -> AsyncIterator[RunningTenant]:
    """A tenant as it is by itself, its clock real; without limits, because the app's clock here does not wait for its seconds."""
    async with running_tenant() as running:
        running.services.tenant.throttle.on = False
        yield running
