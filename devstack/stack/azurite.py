"""Azurite's table service as a part of the stack.

https://learn.microsoft.com/azure/storage/common/storage-use-azurite
"""

import asyncio
import shutil
import socket
from collections.abc import Mapping
from pathlib import Path

from devstack.stack.child import START_SECONDS, Child
from devstack.stack.errors import StackError

# The well-known account of Azurite, the same on every machine.
_ACCOUNT = "devstoreaccount1"
_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_OPTIONS = ("--inMemoryPersistence", "--silent", "--skipApiVersionCheck", "--disableTelemetry")
_TRIES = 3
_LOOK_AGAIN_SECONDS = 0.05


def connection_string(port: int) -> str:
    """How the app reaches the tables."""
    endpoint = f"http://127.0.0.1:{port}/{_ACCOUNT}"
    return f"DefaultEndpointsProtocol=http;AccountName={_ACCOUNT};AccountKey={_KEY};TableEndpoint={endpoint};"


async def start_azurite(root: Path, *, log: Path, environment: Mapping[str, str], folder: Path) -> tuple[Child, int]:
    """The table service and its port. Raises StackError where it is not installed or does not start."""
    program = root / "node_modules" / ".bin" / "azurite-table"
    if not program.exists() or shutil.which("node") is None:
        missing = "Azurite (node_modules)" if shutil.which("node") else "Node 20 (node)"
        raise StackError(f"{missing} is not installed, and the local tables need it. Run 'make setup' in {root}.")
    for _ in range(_TRIES):
        port = free_port()
        command = (str(program), *_OPTIONS, "--tableHost", "127.0.0.1", "--tablePort", str(port))
        child = await Child.start("tables", command, log=log, environment=environment, folder=folder)
        child.listen()
        try:
            if await _answers(child, port):
                return child, port
        except BaseException:
            await child.stop(0)
            raise
        if "EADDRINUSE" not in child.tail():
            raise child.ended()
    raise StackError(f"Azurite found every port taken that was free a moment before, {_TRIES} times in a row. Try again.")


async def _answers(child: Child, port: int) -> bool:
    """True once somebody can connect; False where the process has ended first."""
    try:
        async with asyncio.timeout(START_SECONDS):
            while child.process.returncode is None:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(_LOOK_AGAIN_SECONDS)
                else:
                    writer.close()
                    await writer.wait_closed()
                    return True
    except TimeoutError:
        raise StackError(f"tables did not answer after {START_SECONDS:.0f} s.\n{child.tail()}") from None
    await child.stop(0)
    return False


def free_port() -> int:
    """A port that is free now. Azurite cannot say which one it took when asked for any."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
