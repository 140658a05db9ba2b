"""The `heard` table: per object, what of it was reacted to last, so that a notification that is sent again costs nothing.

Partition: the first two digits of the object id; row: the object id.
"""

from dataclasses import dataclass
from datetime import datetime

from shared.tables.store import Merge, Table
from shared.tables.task_rows import instant

# Of so many tellings the very words are known; earlier ones by their time alone.
MOST_DIGESTS = 20


@dataclass(frozen=True)
class Mark:
    """`read` is when the object was last read again because of a notification; `digests` are of those, the latest last."""

    read: datetime
    digests: tuple[str, ...]


class Heard:
    def __init__(self, table: Table) -> None:
        self._table = table

    async def get(self, object_id: str) -> Mark | None:
        row = await self._table.get(object_id[:2], object_id)
        if row is None:
            return None
        return Mark(datetime.fromisoformat(str(row["read"])), tuple(str(row["digests"]).split()))

    async def save(self, object_id: str, mark: Mark) -> None:
        """The object was read again then, because of these tellings."""
        digests = " ".join(mark.digests[-MOST_DIGESTS:])
        await self._table.write(
            Merge({"PartitionKey": object_id[:2], "RowKey": object_id, "read": instant(mark.read), "digests": digests})
        )
