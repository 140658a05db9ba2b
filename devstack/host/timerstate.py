"""What outlives a host: when a timer ran last, and who may run it. In Azure both are blobs; here they are files.

The lease is a lock of the operating system, so it ends with the process however that ends.
"""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

NEVER = "0001-01-01T00:00:00"


@dataclass(frozen=True, slots=True)
class Status:
    """A timer's last and next occurrence; `last` is None before the first run."""

    last: datetime | None
    next: datetime
    updated: datetime

    def as_json(self) -> dict[str, str]:
        """As the host stores it and shows it to the function."""
        last = NEVER if self.last is None else self.last.isoformat()
        return {"Last": last, "Next": self.next.isoformat(), "LastUpdated": self.updated.isoformat()}


class TimerState:
    """The timers' files in one directory, shared by all hosts of an app."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory / "timers"
        self._directory.mkdir(parents=True, exist_ok=True)

    def read(self, timer: str) -> Status | None:
        """The stored status; None where there is none, or none that can be read."""
        try:
            found = json.loads(self._file(timer, "status").read_text())
            last = None if found["Last"] == NEVER else datetime.fromisoformat(found["Last"])
            return Status(last, datetime.fromisoformat(found["Next"]), datetime.fromisoformat(found["LastUpdated"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, timer: str, status: Status) -> None:
        """The status is stored whole or not at all."""
        target = self._file(timer, "status")
        draft = target.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps(status.as_json()))
        draft.replace(target)

    @contextlib.contextmanager
    def lease(self, timer: str) -> Iterator[bool]:
        """Whether this process alone may run the timer, until the block ends."""
        handle = os.open(self._file(timer, "lease"), os.O_CREAT | os.O_RDWR, 0o600)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True
        finally:
            os.close(handle)

    def _file(self, timer: str, what: str) -> Path:
        return self._directory / f"Host.Functions.{timer}.{what}"
