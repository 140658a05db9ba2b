"""One local stack for all tests of this folder, with times as short as they can honestly be."""

import asyncio
import gc
import os
import shutil
import warnings
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from azure.servicebus.aio import ServiceBusClient

from devstack.stack import ROOT, Stack
from tests.system.local import LOCK, Local

# The simulated tenant's queries are behind for up to 6 s; the horizon has to be longer, as it has to be in Azure.
SETTINGS = {
    "ENTENTE_CLAIM_SECONDS": "2",
    "ENTENTE_HORIZON_SECONDS": "7",
    "ENTENTE_VERIFY_SECONDS": "0.2",
    "ENTENTE_SPLIT_SECONDS": "3",
    "ENTENTE_SWEEP_SECONDS": "15",
    "ENTENTE_SWEEP_SCHEDULE": "*/3 * * * * *",
    "ENTENTE_PACE_SHARE": "1",
    # As on a platform that does not sign people in, and so does not strip what a client pretends.
    "WEBSITE_AUTH_ENABLED": "false",
}
# `make test PACKAGE=1` runs what the cloud would run.
PACKAGE = Path(os.environ["PACKAGE"]) if os.environ.get("PACKAGE") else None
# A template of the tests' own: groups of every kind that no guest can be put into.
EVERY_GROUP = """\
name = "every-group"
version = 1
description = "Groups whose members cannot be changed here."
steps = ["invite-guest", "add-to-group"]

[groups]
readers = "aaaaaaaa-0000-4000-8000-000000000002"
dynamic = "aaaaaaaa-0000-4000-8000-000000000003"
synced = "aaaaaaaa-0000-4000-8000-000000000004"
role-assignable = "aaaaaaaa-0000-4000-8000-000000000005"
distribution = "aaaaaaaa-0000-4000-8000-000000000006"
mail-enabled = "aaaaaaaa-0000-4000-8000-000000000007"
missing = "aaaaaaaa-0000-4000-8000-00000000ffff"
"""


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def local(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Local]:
    """A stack of two hosts whose locks, claims and sweeps are short. Partners and request ids are each test's own."""
    folder = tmp_path_factory.mktemp("system")
    templates = folder / "templates"
    shutil.copytree(ROOT / "templates", templates)
    (templates / "every-group.toml").write_text(EVERY_GROUP, encoding="utf-8")
    settings = {**SETTINGS, "ENTENTE_TEMPLATES": str(templates)}
    async with (
        Stack(hosts=2, settings=settings, folder=folder / "stack", package=PACKAGE) as stack,
        aiohttp.ClientSession() as http,
        ServiceBusClient.from_connection_string(stack.addresses.service_bus) as client,
    ):
        running = Local(stack, http, client)
        await running.lock_for(LOCK)
        yield running
        await asyncio.gather(*(sender.close() for sender in running.senders.values()))
    # Where the broker has dropped connections by order, the SDK forgets their streams, and keeps them.
    for forgotten in [each for each in gc.get_objects() if isinstance(each, asyncio.StreamWriter)]:
        forgotten.close()
    await asyncio.sleep(0)


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def fair_weather(local: Local) -> AsyncIterator[None]:
    """Every test starts and leaves with two hosts, and with nothing failing by order."""
    while len(local.stack.running_hosts) < 2:
        await local.stack.start_host()
    yield
    await asyncio.gather(local.sim("DELETE", "faults"), local.bus("DELETE", "faults"))
    with warnings.catch_warnings():
        # Where the broker drops connections by order, the SDK forgets its sockets; they are closed here, and no other test hears of it.
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
