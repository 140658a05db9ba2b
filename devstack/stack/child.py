"""One process of the stack: started, listened to, watched, ended."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from devstack.stack.errors import StackError

TETHER = Path(__file__).with_name("tether.py")
# A slow machine with a cold disk takes its time; nothing that works takes this long.
START_SECONDS = 90.0
_TAIL_LINES = 15
_MOST_LINE_BYTES = 4 * 1024 * 1024


@dataclass
class Child:
    """A running part. `announced` is the JSON line that it printed when it was ready; `expected` says that it may end."""

    name: str
    process: asyncio.subprocess.Process
    log: Path
    announced: dict[str, Any] = field(default_factory=dict)
    expected: bool = False
    _listening: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls, name: str, command: Sequence[str], *, log: Path, environment: Mapping[str, str], folder: Path) -> Self:
        """The command runs, tied to the life of this process, its output in `log`.

        It has a session of its own, so that Ctrl-C in a terminal reaches it through the stack alone, in the right order.
        """
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", str(TETHER), str(os.getpid()), *command),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=output,
                env=dict(environment),
                cwd=folder,
                start_new_session=True,
                limit=_MOST_LINE_BYTES,
            )
        return cls(name, process, log)

    @property
    def pid(self) -> int:
        return self.process.pid

    async def announcement(self) -> dict[str, Any]:
        """The JSON line that says where it answers. Raises StackError where it ends, or stays silent, instead."""
        assert self.process.stdout is not None
        try:
            line = await asyncio.wait_for(self.process.stdout.readline(), START_SECONDS)
        except TimeoutError:
            await self.stop(0)
            raise StackError(f"{self.name} was not ready after {START_SECONDS:.0f} s.\n{self.tail()}") from None
        self.listen()
        if not line:
            await self.process.wait()
            raise self.ended()
        try:
            self.announced = json.loads(line)
        except ValueError:
            raise StackError(f"{self.name} announced itself with {line[:200]!r}, which is not JSON.\n{self.tail()}") from None
        return self.announced

    def listen(self) -> None:
        """From here on, what it prints goes to its log."""
        self._listening = asyncio.create_task(self._listen())

    async def stop(self, grace: float) -> None:
        """It has ended: asked to first, killed after `grace` seconds. Bears repetition."""
        self.expected = True
        if self.process.returncode is None and grace:
            self.process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(self.process.wait(), grace)
            except TimeoutError:
                with self.log.open("a", encoding="utf-8") as log:
                    log.write(f"-- did not end within {grace:.0f} s of SIGTERM: killed\n")
        self.kill()
        await self.process.wait()
        if self._listening is not None:
            await self._listening

    def kill(self) -> None:
        """It is told to end at once, with nothing left to say. Bears repetition."""
        self.expected = True
        if self.process.returncode is None:
            self.process.kill()

    def ended(self) -> StackError:
        """What to say about its end, with the last lines of its log."""
        return StackError(f"{self.name} has ended with {_exit_words(self.process.returncode)}.\n{self.tail()}")

    def tail(self) -> str:
        """The last lines of its log."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL_LINES:]
        return f"The end of {self.log}:\n" + "\n".join(f"    {line}" for line in lines or ["(empty)"])

    async def _listen(self) -> None:
        assert self.process.stdout is not None
        rest = b""
        while chunk := await self.process.stdout.read(65_536):
            # Whole lines only: its errors go straight to the same file.
            lines, newline, rest = (rest + chunk).rpartition(b"\n")
            self._write(lines + newline)
        self._write(rest)

    def _write(self, text: bytes) -> None:
        with self.log.open("ab") as log:
            log.write(text)


def _exit_words(code: int | None) -> str:
    if code is not None and code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"
