"""The `heard` table: per object, what of it was reacted to lately, so that a notification that is sent again costs nothing.

One partition, so that what is heard within a second is written together; row: the object id. The tellings stand in slots by their own
digits, so that writing one down takes no reading.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zlib import crc32

from shared.tables.store import MOST_IN_A_TRANSACTION, Delete, Merge, Table, instant

SLOTS = 16
PARTITION = "heard"


@dataclass(frozen=True)
class Telling:
    """The object of this id was read again then, because of what has this digest."""

    id: str
    read: datetime
    digest: str


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
        row = await self._table.get(PARTITION, object_id)
        if row is None:
            return None
        slots = frozenset(str(value) for name, value in row.items() if name.startswith("slot"))
        return Mark(datetime.fromisoformat(str(row["read"])), str(row["last"]), slots)

    async def save(self, told: Sequence[Telling]) -> None:
        """The objects were read again then, because of these tellings, the latest of each last. Bears repetition."""
        rows: dict[str, dict[str, str]] = {}
        for one in told:
            slot = f"slot{crc32(one.digest.encode()) % SLOTS}"
            row = rows.setdefault(one.id, {"PartitionKey": PARTITION, "RowKey": one.id})
            row |= {"read": instant(one.read), "last": one.digest, slot: one.digest}
        writes = [Merge(row) for row in rows.values()]
        for start in range(0, len(writes), MOST_IN_A_TRANSACTION):
            await self._table.write(*writes[start : start + MOST_IN_A_TRANSACTION])

    async def forget_before(self, at: datetime) -> int:
        """What was read again before then is not remembered; how many objects that were. Bears repetition."""
        old = [str(row["RowKey"]) async for row in self._table.rows(PARTITION) if datetime.fromisoformat(str(row["read"])) < at]
        for key in old:
            await self._table.write(Delete(PARTITION, key))
        return len(old)
