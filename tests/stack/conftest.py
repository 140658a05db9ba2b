"""Whole stacks for tests, each in a work folder of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from socket import socket
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

ROOT = Path(__file__).parents[2]
DEADLINE_SECONDS = 120.0


def until(condition: Callable[[], bool], what: str) -> None:
    """The condition holds; looked at again and again until a deadline that only something broken reaches."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"never came true: {what}"
        time.sleep(0.05)


def gone(pid: int) -> bool:
    """Whether the process has ended; one that only waits for its parent to look has."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def all_pids(record: dict[str, Any]) -> list[int]:
    pids = dict(record["pids"])
    return [*pids.pop("hosts"), *pids.values()]


def ports(record: dict[str, Any]) -> list[int]:
    """Every port that a stack's addresses name."""
    tables = next(part for part in record["tables"].split(";") if part.startswith("TableEndpoint="))
    bus = next(part for part in record["serviceBus"].split(";") if part.startswith("Endpoint="))
    urls = [*record["functions"], record["serviceBusControl"], record["tenant"], tables.partition("=")[2], bus.partition("=")[2]]
    return [port for url in urls if (port := urlsplit(url).port) is not None]


def is_open(port: int) -> bool:
    with closing(socket()) as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


class Up:
    """`python -m devstack up --json` as a process."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "devstack", "up", "--json", "--folder", str(folder), *options],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def record(self) -> dict[str, Any]:
        """What it prints when it is up."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.end()
        found: dict[str, Any] = json.loads(line)
        return found

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        """Exit code, and what it printed to the end, after the signal."""
        if self.process.poll() is None:
            os.kill(self.process.pid, number)
        out, errors = self.process.communicate(timeout=DEADLINE_SECONDS)
        return self.process.returncode, out, errors


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Callable[..., Up]]:
    """Starts stacks; whatever is left of them at the end is killed."""
    started: list[Up] = []

    def start(*options: str, folder: Path | None = None) -> Up:
        started.append(Up(folder or tmp_path / "stack", *options))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.process.kill()
        each.process.communicate()


@pytest.fixture(name="until")
def _until() -> Callable[[Callable[[], bool], str], None]:
    return until


@pytest.fixture(name="gone")
def _gone() -> Callable[[int], bool]:
    return gone


@pytest.fixture(name="pids_of")
def _pids_of() -> Callable[[dict[str, Any]], list[int]]:
    return all_pids


@pytest.fixture(name="ports_of")
def _ports_of() -> Callable[[dict[str, Any]], list[int]]:
    return ports


@pytest.fixture(name="is_open")
def _is_open() -> Callable[[int], bool]:
    return is_open
