"""What several parts of the tests share."""

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infra.package.used import Door

# What the app asks for beyond its package fails here as it would fail in the cloud; it stands before the app is imported.
if not any(isinstance(finder, Door) for finder in sys.meta_path):
    sys.meta_path.insert(0, Door())

from shared.tables import create_all

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"


ACCOUNT = "devstoreaccount1"
# Azurite's published key. https://learn.microsoft.com/azure/storage/common/storage-use-azurite#well-known-storage-account-and-key
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@pytest.fixture(scope="session")
def azurite() -> Iterator[str]:
    """The connection string of an Azurite of this test session, with all our tables."""
    with _azurite("table") as place:
        connection = f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};TableEndpoint={place};"
        asyncio.run(create_all(connection))
        yield connection


@pytest.fixture(scope="session")
def azurite_blobs() -> Iterator[str]:
    """The address of an Azurite's blob service of this test session."""
    with _azurite("blob") as place:
        yield place


@contextmanager
def _azurite(service: str) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        *(str(ROOT / f"node_modules/.bin/azurite-{service}"), "--inMemoryPersistence", "--silent", "--disableTelemetry"),
        *(f"--{service}Host", "127.0.0.1", f"--{service}Port", str(port), "--skipApiVersionCheck"),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _await_port(port, process)
        yield f"http://127.0.0.1:{port}/{ACCOUNT}"
    finally:
        process.terminate()
        process.wait()


def _await_port(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, "Azurite ended before it listened"
        with socket.socket() as probe:
            probe.settimeout(0.2)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
    raise AssertionError("Azurite did not listen within a minute")
