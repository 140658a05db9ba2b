"""What can be asked of a table and written into it, in words of ours."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

type Row = Mapping[str, Any]
TABLES = (
    "requests",
    "tasks",
    "partners",
    "drift",
    "guests",
    "people",
    "pace",
    "parked",
    "seals",
    "asks",
    "runs",
    "exemptions",
    "subscriptions",
    "deltas",
    "heard",
    "grants",
)
MOST_IN_A_TRANSACTION = 100


class Exists(Exception):
    """A row that was to be inserted is there already."""


class Changed(Exception):
    """A row was changed by somebody else since it was read, or is gone."""


def instant(at: datetime) -> str:
    """A moment as it stands in rows and keys, where the later one sorts behind."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


@dataclass(frozen=True)
class Insert:
    row: Row


@dataclass(frozen=True)
class Merge:
    """Inserts the row, or sets just the given properties of the one that is there."""

    row: Row


@dataclass(frozen=True)
class Replace:
    """Replaces a row that is still as it was read."""

    row: Row
    etag: str


@dataclass(frozen=True)
class Delete:
    """The row is gone; one that was gone before counts as well. Stands alone in its write."""

    partition: str
    key: str


type Write = Insert | Merge | Replace | Delete


class Table(Protocol):
    """One table. Every method raises NotYet where the table service does not answer or asks to wait."""

    async def get(self, partition: str, key: str) -> dict[str, Any] | None:
        """The row with its `etag`, or None where there is none."""

    async def write(self, *writes: Write) -> list[str]:
        """All writes (to one partition, at most 100) or none; the new etags in the same order.

        Raises Exists where an insert met a row, Changed where a replaced row was not as read.
        """

    def rows(
        self,
        partition: str,
        prefix: str = "",
        *,
        most: int | None = None,
        select: Sequence[str] | None = None,
        where: str = "",
        behind: str = "",
    ) -> AsyncIterator[dict[str, Any]]:
        """The rows of a partition whose key begins with `prefix` and stands behind `behind`, in key order, page by page."""
