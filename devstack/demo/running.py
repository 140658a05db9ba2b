"""A stack for the demo: the one that is up, or one of its own for as long as the demo takes."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from devstack.stack import ROOT, StackError
from devstack.stack.child import TETHER
from devstack.stack.folder import running

_STOP_SECONDS = 60


@dataclass(frozen=True)
class Running:
    """A stack that is up. `process` is its own where the demo has started it."""

    addresses: Mapping[str, Any]
    process: subprocess.Popen[str] | None = None

    def wait(self, seconds: float) -> None:
        """So many seconds later the stack is still up; raises StackError with its own words where it has ended."""
        time.sleep(seconds)
        if self.process is not None and self.process.poll() is not None:
            assert self.process.stderr is not None
            raise StackError(f"The local stack has ended.\n{self.process.stderr.read().strip()}")


@contextmanager
def stack(folder: Path, console: Console, package: Path | None = None) -> Iterator[Running]:
    """A running stack. One that was started here has ended afterwards; one that was up stays up. With `package` it runs that.

    Raises StackError where none can be started.
    """
    found = running(folder)
    if found is not None and package is not None:
        raise StackError("A local stack is up, and not from the package. Stop it first, or leave PACKAGE out.")
    if found is not None:
        console.print(f"Using the local stack that is up (process {found['pids']['stack']}).", style="dim")
        yield Running(found)
        return
    # Tied to the demo's life, as its own parts are to its.
    command = [sys.executable, "-I", "-S", str(TETHER), str(os.getpid())]
    command += [sys.executable, "-m", "devstack", "up", "--json", "--folder", str(folder)]
    command += ["--package", str(package)] if package else []
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, text=True
    ) as process:
        try:
            with console.status("Starting the local stack: tables, broker, simulated tenant, function app ..."):
                addresses = _announced(process)
            yield Running(addresses, process)
        finally:
            _end(process, console)


def _announced(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    assert process.stderr is not None
    line = process.stdout.readline()
    if not line:
        raise StackError(f"The local stack did not start.\n{process.stderr.read().strip()}")
    addresses: dict[str, Any] = json.loads(line)
    return addresses


def _end(process: subprocess.Popen[str], console: Console) -> None:
    process.terminate()
    with console.status("Stopping the local stack ..."):
        try:
            process.communicate(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
