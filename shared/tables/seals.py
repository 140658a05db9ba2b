"""The `seals` table: one chain of seals, and which entries of a request are in it.

Partition `chain` has the seals by number, so that inserting the next number is what lets only one writer seal at a time.
Partition `r|request` says which of its entries are sealed; it is written after the seal, and where it is missing for a seal,
its entries are sealed once more, which harms nothing. `head` is where to begin looking for the last seal, and up to
where heads were exported.
"""

import hashlib
import json
from collections.abc import AsyncIterator, Iterable
from datetime import datetime
from typing import Any

from shared.seal import Seal
from shared.tables.store import Delete, Insert, Merge, Row, Table, instant

CHAIN, HEAD, CUTS, EXPORTED = "chain", "head", "cuts", "exported"
# A property holds 32 K characters; an entry's key and hash take about 200 of them.
MOST_CHARACTERS = 28_000


class Seals:
    def __init__(self, table: Table) -> None:
        self._table = table

    async def last(self) -> Seal | None:
        """The head of the chain, or None before the first seal."""
        hint = await self._table.get(HEAD, HEAD)
        number = int(hint["number"]) if hint else 0
        found = await self._table.get(CHAIN, _key(number)) if number else None
        while (following := await self._table.get(CHAIN, _key(number + 1))) is not None:
            found, number = following, number + 1
        return None if found is None else _decoded(found)

    async def append(self, seal: Seal) -> None:
        """The seal is the head of the chain. Raises Exists where somebody else has added one of this number."""
        await self._table.write(Insert(_encoded(seal)))
        if seal.entries and seal.request:
            marks = json.dumps([_mark(key) for key, _ in seal.entries])
            await self._table.write(Merge({"PartitionKey": f"r|{seal.request}", "RowKey": _key(seal.number), "marks": marks}))
        await self._table.write(Merge({"PartitionKey": HEAD, "RowKey": HEAD, "number": seal.number}))

    async def cut(self, request: str) -> bool:
        """A seal says that the request's entries were removed when their time was over."""
        return await self._table.get(CUTS, request) is not None

    async def note_cut(self, request: str, number: int) -> None:
        """Which seal says so. Bears repetition."""
        await self._table.write(Merge({"PartitionKey": CUTS, "RowKey": request, "number": number}))

    async def forget_marks(self, request: str) -> None:
        """Which entries of the request are sealed is kept no more, because they are not. Bears repetition."""
        for key in [str(row["RowKey"]) async for row in self._table.rows(f"r|{request}", select=("RowKey",))]:
            await self._table.write(Delete(f"r|{request}", key))

    async def unsealed(self, request: str, keys: Iterable[str]) -> list[str]:
        """Those of the entries that are in no seal yet, in order."""
        marks: set[str] = set()
        async for row in self._table.rows(f"r|{request}"):
            marks.update(json.loads(row["marks"]))
        return [key for key in keys if _mark(key) not in marks]

    async def exported(self, container: str) -> int:
        """The number of the last seal whose head was exported into the container; 0 where none was, or it was another one."""
        row = await self._table.get(HEAD, EXPORTED)
        return int(row["number"]) if row and row["container"] == container else 0

    async def note_exported(self, container: str, number: int) -> None:
        """The heads of all seals up to this one are in the container. Bears repetition."""
        await self._table.write(Merge({"PartitionKey": HEAD, "RowKey": EXPORTED, "container": container, "number": number}))

    async def chain(self, *, behind: int = 0, most: int | None = None) -> AsyncIterator[Seal]:
        """The seals behind a number, in order; every one by default."""
        async for row in self._table.rows(CHAIN, most=most, behind=_key(behind) if behind else ""):
            yield _decoded(row)


def _key(number: int) -> str:
    return f"{number:012}"


def _mark(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:24]


def _encoded(seal: Seal) -> dict[str, Any]:
    return {
        "PartitionKey": CHAIN,
        "RowKey": _key(seal.number),
        "at": instant(seal.at),
        "request": seal.request,
        "entries": json.dumps([list(entry) for entry in seal.entries], ensure_ascii=False),
        "previous": seal.previous,
        "digest": seal.digest,
    }


def _decoded(row: Row) -> Seal:
    return Seal(
        number=int(row["RowKey"]),
        at=datetime.fromisoformat(str(row["at"])),
        request=str(row["request"]),
        entries=tuple((str(key), str(digest)) for key, digest in json.loads(row["entries"])),
        previous=str(row["previous"]),
        digest=str(row["digest"]),
    )
