"""A tenant on a socket, and who calls it."""

from collections.abc import AsyncIterator

import httpx
import pytest

from devstack.tenant.clock import TenantClock
from devstack.tenant.server import running_tenant
from tests.tenant.calling import Caller, StandingTime
from tests.tenant.receiving import Receiver, receiving


@pytest.fixture
def time() -> StandingTime:
    return StandingTime()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """An application's webhook, on a socket."""
    async with receiving() as webhook:
        yield webhook


@pytest.fixture
async def lagging(time: StandingTime, receiver: Receiver) -> AsyncIterator[Caller]:
    """A tenant as it starts: with replication delay and throttling."""
    # Plain HTTP on loopback: loading certificate authorities would be most of what a test costs.
    async with running_tenant(clock=TenantClock(time)) as tenant, httpx.AsyncClient(verify=False) as http:
        tenant.services.tenant.throttle.exchange_seconds = 0
        yield Caller(tenant, http, webhook=receiver.address)


@pytest.fixture
async def caller(lagging: Caller) -> Caller:
    """A tenant without replication delay."""
    await lagging.control("PUT", "lag", {"seconds": 0})
    return lagging
