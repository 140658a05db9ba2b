"""A simulated tenant in the test's own loop, whose clock is the test's."""

from collections.abc import AsyncIterator

import pytest

from devstack.tenant.clock import TenantClock
from devstack.tenant.directory.lag import LagSettings
from devstack.tenant.server import RunningTenant, running_tenant
from tests.rig import START, Rig, rig


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
        self.running.services.tenant.lag.settings = LagSettings(seconds=(0, 0), stale_reads=stale_reads or None)
        new = rig(self.running, **changes)
        self.made.append(new)
        return new


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    made: list[Rig] = []
    clock = TenantClock(source=lambda: made[0].now if made else START)
    async with running_tenant(clock=clock) as running:
        yield Stage(running, made)
        for old in made:
            await old.close()
