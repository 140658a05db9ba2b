"""The `people` table: the only place with a person's address and name, so that erasing a person is one place's work.

Rows: partition = first digit of the person id, row = person id. Message bodies that could not be read, which may hold addresses too, are kept
here as well, in partition `message`, until somebody has dealt with them.
"""

import asyncio
import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from shared.nouns.person import Person
from shared.tables.store import MOST_IN_A_TRANSACTION, Delete, Merge, Table

# A property holds 64 KB, in UTF-16. https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model
_CHUNK = 30_000


@dataclass(frozen=True)
class Known:
    """A person, and the requests that named them with the partner each was for."""

    person: Person
    requests: tuple[tuple[str, str], ...]


class People:
    def __init__(self, table: Table) -> None:
        self._table = table

    async def remember(self, people: Iterable[Person], request: str, partner: str) -> None:
        """Addresses and names are on record, and that the request named them. Bears repetition; a known name stays if none
        is given."""
        named = {f"request_{hashlib.sha256(request.encode()).hexdigest()[:16]}": f"{request} {partner}"}
        shelves: dict[str, list[Merge]] = {}
        for person in people:
            row = {"PartitionKey": _shelf(person.id), "RowKey": person.id, "address": person.address, **named}
            shelves.setdefault(_shelf(person.id), []).append(Merge(row | ({"name": person.name} if person.name else {})))
        await asyncio.gather(*(self._write_all(rows) for rows in shelves.values()))

    async def _write_all(self, rows: list[Merge]) -> None:
        for start in range(0, len(rows), MOST_IN_A_TRANSACTION):
            await self._table.write(*rows[start : start + MOST_IN_A_TRANSACTION])

    async def get(self, person: str) -> Known | None:
        row = await self._table.get(_shelf(person), person)
        if row is None:
            return None
        named = [str(value).split(" ", 1) for key, value in sorted(row.items()) if key.startswith("request_")]
        return Known(
            Person(person, str(row["address"]), str(row.get("name", ""))), tuple((request, partner) for request, partner in named)
        )

    async def keep_message(self, digest: str, body: bytes) -> None:
        """The body of a message that nobody could use is kept, for the person who deals with it."""
        text = base64.b64encode(body).decode()
        chunks = {f"body{n:02}": text[start : start + _CHUNK] for n, start in enumerate(range(0, len(text), _CHUNK))}
        await self._table.write(Merge({"PartitionKey": "message", "RowKey": digest, **chunks}))

    async def message(self, digest: str) -> bytes | None:
        """The kept body, or None where there is none."""
        row = await self._table.get("message", digest)
        if row is None:
            return None
        return base64.b64decode("".join(_ordered(row.items())))

    async def forget_message(self, digest: str) -> None:
        await self._table.write(Delete("message", digest))


def _shelf(person: str) -> str:
    """The partition of a person: sixteen of them, so that a request's people go in by the hundred and no partition is hot."""
    return person[:1]


def _ordered(items: Iterable[tuple[str, object]]) -> list[str]:
    return [str(value) for key, value in sorted(items) if key.startswith("body")]
