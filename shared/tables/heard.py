"""The `heard` table: per object, what of it was reacted to lately, so that a notification that is sent again costs nothing.

Partition: the first two digits of the object id; row: the object id. The tellings stand in slots by their own digits, so that
writing one down takes no reading.
"""

from dataclasses import dataclass
from datetime import datetime
from zlib import crc32

from shared.tables.store import Delete, Merge, Table
from shared.tables.task_rows import instant

SLOTS = 16


@dataclass(frozen=True)
class Mark:
    """`read` is when the object was last read again because of a notification, `last` which one that was, `digests` earlier ones too."""

    read: datetime
    last: str
    digests: frozenset[str]


class Heard:
    def __init__(self, table: Table) -> None:
        self._table = table

    async def get(self, object_id: str) -> Mark | None:
        row = await self._table.get(object_id[:2], object_id)
        if row is None:
            return None
        slots = frozenset(str(value) for name, value in row.items() if name.startswith("slot"))
        return Mark(datetime.fromisoformat(str(row["read"])), str(row["last"]), slots)

    async def save(self, object_id: str, read: datetime, digest: str) -> None:
        """The object was read again then, because of this telling. Bears repetition."""
        slot = f"slot{crc32(digest.encode()) % SLOTS}"
        row = {"PartitionKey": object_id[:2], "RowKey": object_id, "read": instant(read), "last": digest, slot: digest}
        await self._table.write(Merge(row))

    async def forget_before(self, at: datetime) -> int:
        """What was read again before then is not remembered; how many objects that were. Bears repetition."""
        number = 0
        for digits in range(256):
            shelf = f"{digits:02x}"
            old = [str(row["RowKey"]) async for row in self._table.rows(shelf) if datetime.fromisoformat(str(row["read"])) < at]
            for key in old:
                await self._table.write(Delete(shelf, key))
            number += len(old)
        return number
