"""Starts hosts as processes, the way the stack does."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

ROOT = Path(__file__).resolve().parents[2]
APPS = Path(__file__).resolve().parent / "apps"
DEADLINE = 20.0


@dataclass
class HostProcess:
    """A running host: what it announced, and its log so far."""

    process: asyncio.subprocess.Process
    announced: dict[str, Any]
    log: list[str] = field(default_factory=list)
    reading: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        return str(self.announced["url"])

    def text(self) -> str:
        return "".join(self.log)

    async def until_logged(self, wanted: str, times: int = 1) -> None:
        await until(lambda: self.text().count(wanted) >= times, lambda: f"the log to hold {wanted!r}:\n{self.text()}")

    async def exited(self) -> int:
        async with asyncio.timeout(DEADLINE):
            return await self.process.wait()


async def until(true: Callable[[], bool], what: Callable[[], str]) -> None:
    """Returns when the condition holds; fails with a sentence when the deadline passes."""
    try:
        async with asyncio.timeout(DEADLINE):
            while not true():
                await asyncio.sleep(0.02)
    except TimeoutError:
        pytest.fail(f"waited {DEADLINE} s for {what()}")


async def _read(process: asyncio.subprocess.Process, log: list[str]) -> None:
    assert process.stderr is not None
    async for line in process.stderr:
        log.append(line.decode(errors="replace"))


StartHost = Callable[..., Awaitable[HostProcess]]


@pytest.fixture
async def start_host(tmp_path: Path) -> AsyncIterator[StartHost]:
    """Starts `python -m devstack.host` on an app of tests/host/apps; all hosts are gone afterwards."""
    started: list[HostProcess] = []

    async def start(app: str | Path, *arguments: str, **settings: str) -> HostProcess:
        place = APPS / app if isinstance(app, str) else app
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "devstack.host", "--app", str(place), "--state", str(tmp_path / "state"), *arguments),
            cwd=ROOT,
            env=os.environ | settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdout is not None
        host = HostProcess(process, {})
        host.reading = asyncio.create_task(_read(process, host.log))
        started.append(host)
        async with asyncio.timeout(DEADLINE):
            line = await process.stdout.readline()
        if line:
            host.announced = json.loads(line)
        return host

    yield start
    for host in started:
        if host.process.returncode is None:
            host.process.kill()
        await host.process.wait()
        assert host.reading is not None
        await host.reading


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), timeout=aiohttp.ClientTimeout(DEADLINE)) as session:
        yield session
