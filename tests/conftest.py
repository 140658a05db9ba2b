"""What several parts of the tests share."""

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.package.used import Door

# What the app asks for beyond its package fails here as it would fail in the cloud; it stands before the app is imported.
if not any(isinstance(finder, Door) for finder in sys.meta_path):
    sys.meta_path.insert(0, Door())

from shared.tables import create_all

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"


@pytest.fixture(scope="session")
def azurite() -> Iterator[str]:
    """The connection string of an Azurite of this test session, with all our tables."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        *(str(ROOT / "node_modules/.bin/azurite-table"), "--inMemoryPersistence", "--silent", "--disableTelemetry"),
        *("--tableHost", "127.0.0.1", "--tablePort", str(port), "--skipApiVersionCheck"),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
    connection = (
        f"DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={key};"
        f"TableEndpoint=http://127.0.0.1:{port}/devstoreaccount1;"
    )
    try:
        _await_port(port, process)
        asyncio.run(create_all(connection))
        yield connection
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
