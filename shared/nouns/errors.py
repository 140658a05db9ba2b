"""What is wrong with what somebody sent us: field and reason, for people."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One thing wrong: the field's path as written in the request (`guests[3].email`), and why, with what is allowed."""

    field: str
    reason: str

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}" if self.field else self.reason


class Refusal(Exception):
    """A message or request that cannot be accepted; carries every fault found, not only the first."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(str(fault) for fault in self.faults))


class SettingsMissing(Exception):
    """Settings are missing or wrong. The message names every one of them and says what to do."""


def path_of(location: Iterable[str | int]) -> str:
    """`("guests", 3, "email")` as `guests[3].email`."""
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return path
