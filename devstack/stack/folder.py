"""The work folder of a stack (`.stack/`): logs, keys, and `stack.json` with every address while it runs."""

import fcntl
import json
import os
import shutil
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from devstack.stack.errors import StackError

RECORD = "stack.json"
KEYS = "keys.json"
_LOCK = "lock"


class AlreadyUpError(StackError):
    """Another stack has the folder."""


class WorkFolder:
    """The folder, held by this process alone from `with` on, even against others that start at the same moment.

    The hold is a file lock, which the system lifts when the process ends, however it ends.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = -1

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def record(self) -> Path:
        return self.path / RECORD

    def __enter__(self) -> Self:
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._lock, 20, 0).decode()
            os.close(self._lock)
            raise AlreadyUpError(self._taken(holder)) from None
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, str(os.getpid()).encode(), 0)
        self.record.unlink(missing_ok=True)
        shutil.rmtree(self.logs, ignore_errors=True)
        self.logs.mkdir()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for secret in (self.record, self.path / KEYS):
            secret.unlink(missing_ok=True)
        os.close(self._lock)

    def write(self, name: str, content: Any) -> Path:
        """The file `name` holds `content` as JSON, readable by its owner alone; never half written."""
        path, fresh = self.path / name, self.path / f"{name}.new"
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump(content, file, indent=2)
            file.write("\n")
        return fresh.replace(path)

    def _taken(self, holder: str) -> str:
        state = "is up" if self.record.exists() else "is starting or stopping"
        return (
            f"A local stack {state} already in {self.path} (process {holder or 'unknown'}). "
            f"Use that one, stop it (Ctrl-C in its terminal, or kill {holder or 'its process'}), or name another --folder."
        )


def running(path: Path) -> dict[str, Any] | None:
    """The addresses of the stack that is up in this folder; None where none is."""
    try:
        lock = os.open(path / _LOCK, os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(path / RECORD)
    else:
        return None
    finally:
        os.close(lock)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return found if isinstance(found, dict) else None
