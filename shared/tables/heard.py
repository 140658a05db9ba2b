"""The `heard` table: what was reacted to lately, so that a notification that is sent again costs nothing.

Per object: when it was read, and because of which tellings that had a time; these stand in slots by their own digits, so that writing one
down takes no reading. Tellings without a time have a row each: the same words may be told again at any time. Each of the three
partitions is one, so that what is heard within a second is written together.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zlib import crc32

from shared.tables.store import MOST_IN_A_TRANSACTION, Delete, Merge, Row, Table, instant

SLOTS = 16
PARTITION, WORDS, PUT_OFF = "heard", "words", "put-off"


@dataclass(frozen=True)
class Telling:
    """The object of this id was read again then, because of what has this digest, and was told with its time where `timed`."""

    id: str
    read: datetime
    digest: str
    timed: bool = True


@dataclass(frozen=True)
class Mark:
    """`read` is when the object was last read again because of a notification, `last` which one that was, `digests` earlier ones too."""

    read: datetime
    last: str
    digests: frozenset[str]


@dataclass(frozen=True)
class PutOff:
    """What waits for the next run of a timer, as a message's `body` for `queue`; `digest` is that of the telling."""

    digest: str
    queue: str
    body: str


class Heard:
    def __init__(self, table: Table) -> None:
        self._table = table

    async def get(self, object_id: str, digest: str = "") -> Mark | None:
        """What is remembered of the object; with `digest`, of a telling without a time, that one is among `digests` if it was told before."""
        row, words = await asyncio.gather(self._table.get(PARTITION, object_id), self._words(digest))
        found = [one for one in (row, words) if one is not None]
        if not found:
            return None
        slots = {str(value) for name, value in (row or {}).items() if name.startswith("slot")}
        read = max(datetime.fromisoformat(str(one["read"])) for one in found)
        return Mark(read, str((row or {}).get("last", "")), frozenset(slots | ({digest} if words is not None else set())))

    async def knows(self, digest: str) -> bool:
        """The telling, which has no time, was heard before."""
        return await self._words(digest) is not None

    async def save(self, told: Sequence[Telling]) -> None:
        """The objects were read again then, because of these tellings, the latest of each last. Bears repetition."""
        rows: dict[str, dict[str, str]] = {}
        words: dict[str, dict[str, str]] = {}
        for one in told:
            row = rows.setdefault(one.id, {"PartitionKey": PARTITION, "RowKey": one.id})
            row |= {"read": instant(one.read), "last": one.digest}
            if one.timed:
                row[f"slot{crc32(one.digest.encode()) % SLOTS}"] = one.digest
            else:
                words[one.digest] = {"PartitionKey": WORDS, "RowKey": one.digest, "read": instant(one.read)}
        for listed in (rows, words):
            await self._merge(listed)

    async def hear_words(self, digests: Mapping[str, datetime]) -> None:
        """These tellings, which are about no object, were heard then. Bears repetition."""
        await self._merge({one: {"PartitionKey": WORDS, "RowKey": one, "read": instant(read)} for one, read in digests.items()})

    async def put_off(self, what: PutOff) -> None:
        """It waits, once, however often it is told meanwhile."""
        row = {"PartitionKey": PUT_OFF, "RowKey": what.digest, "queue": what.queue, "body": what.body}
        await self._table.write(Merge(row))

    async def all_put_off(self, most: int) -> list[PutOff]:
        """So many of those that wait."""
        rows = self._table.rows(PUT_OFF, most=most)
        return [PutOff(str(row["RowKey"]), str(row["queue"]), str(row["body"])) async for row in rows]

    async def no_longer_put_off(self, digest: str) -> None:
        """It is on its way. Bears repetition."""
        await self._table.write(Delete(PUT_OFF, digest))

    async def forget_before(self, at: datetime) -> int:
        """What was read again before then is not remembered; how much that was. Bears repetition."""
        number = 0
        for partition in (PARTITION, WORDS):
            old = [
                str(row["RowKey"]) async for row in self._table.rows(partition) if datetime.fromisoformat(str(row["read"])) < at
            ]
            for key in old:
                await self._table.write(Delete(partition, key))
            number += len(old)
        return number

    async def _words(self, digest: str) -> Row | None:
        return await self._table.get(WORDS, digest) if digest else None

    async def _merge(self, rows: Mapping[str, Row]) -> None:
        writes = [Merge(row) for row in rows.values()]
        for start in range(0, len(writes), MOST_IN_A_TRANSACTION):
            await self._table.write(*writes[start : start + MOST_IN_A_TRANSACTION])
