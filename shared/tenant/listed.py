"""A guest in a list of the directory, as plain values."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Listed:
    """A guest or B2B member. `domains` are those of their addresses; instants are None where the directory does not say."""

    id: str
    user_type: str
    enabled: bool | None
    created: datetime | None
    redemption: str
    invited: bool
    domains: tuple[str, ...]
    interactive: datetime | None
    background: datetime | None
    successful: datetime | None


@dataclass(frozen=True)
class GuestPage:
    """`next` leads to the next page, empty on the last. `strange` names properties and values that we have never seen."""

    guests: tuple[Listed, ...]
    next: str
    strange: frozenset[str]


class SignInsOff(Exception):
    """The tenant gives no sign-in data. `reason` is a sentence that says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
