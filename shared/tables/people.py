"""The `people` table: the only place with a person's address and name, so that erasing a person is one place's work.

Rows: partition = first digit of the person id, row = person id, and behind it one row for each request that
named the person. Message bodies that could not be read, which may hold addresses too, are kept
here as well, in partition `message`, until somebody has dealt with them.
"""

import asyncio
import base64
import hashlib
import json
from collections.abc import Iterable, Mapping

from shared.nouns.person import Person
from shared.tables.store import MOST_IN_A_TRANSACTION, Delete, Merge, Table

# A property holds 64 KB, in UTF-16. https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model
_CHUNK = 30_000
# Persons in one process who were just put on record and whose first attempt is still to come.
MOST_WRITTEN = 4_000


class People:
    def __init__(self, table: Table) -> None:
        self._table = table
        self._written: dict[str, Person] = {}

    async def remember(self, people: Iterable[Person], request: str, partner: str) -> None:
        """Addresses and names are on record, and that the request named them. Bears repetition; a known name stays if none
        is given."""
        people = tuple(people)
        key = _digest(request)
        shelves: dict[str, list[Merge]] = {}
        for person in people:
            home = {"PartitionKey": _shelf(person.id)}
            row = {**home, "RowKey": person.id, "address": person.address} | ({"name": person.name} if person.name else {})
            named = {**home, "RowKey": f"{person.id}|{key}", "request": request, "partner": partner}
            shelves.setdefault(_shelf(person.id), []).extend((Merge(row), Merge(named)))
        await asyncio.gather(*(self._write_all(rows) for rows in shelves.values()))
        # Without a name, the row may have one from before.
        self._written |= {person.id: person for person in people if person.name}
        while len(self._written) > MOST_WRITTEN:
            del self._written[next(iter(self._written))]

    async def _write_all(self, rows: list[Merge]) -> None:
        for start in range(0, len(rows), MOST_IN_A_TRANSACTION):
            await self._table.write(*rows[start : start + MOST_IN_A_TRANSACTION])

    async def get(self, person: str) -> Person | None:
        """The person's address and name. The first who asks after they were written here is not sent to the table again."""
        if (written := self._written.pop(person, None)) is not None:
            return written
        row = await self._table.get(_shelf(person), person)
        return None if row is None else Person(person, str(row["address"]), str(row.get("name", "")))

    async def note_request(self, person: str, request: str, partner: str) -> None:
        """The request is among those about the person, whose address may never have been known. Bears repetition."""
        key = _digest(request)
        row = {"PartitionKey": _shelf(person), "RowKey": f"{person}|{key}", "request": request, "partner": partner}
        await self._table.write(Merge(row))

    async def keep(self, person: str, request: str, values: Mapping[str, str]) -> None:
        """What the person's own data were before the request changed them; the first time counts. Whoever was erased stays so."""
        key = f"{person}|{_digest(request)}"
        row = await self._table.get(_shelf(person), key)
        if row is not None and "before" not in row:
            home = {"PartitionKey": _shelf(person), "RowKey": key}
            await self._table.write(Merge({**home, "before": json.dumps(dict(values), ensure_ascii=False)}))

    async def kept(self, person: str, request: str) -> dict[str, str]:
        """What `keep` has kept of the person for the request, as long as neither is erased."""
        row = await self._table.get(_shelf(person), f"{person}|{_digest(request)}")
        return {} if row is None or "before" not in row else json.loads(str(row["before"]))

    async def requests_of(self, person: str) -> list[tuple[str, str]]:
        """The requests that named the person, each with the partner it was for."""
        return [(str(row["request"]), str(row["partner"])) async for row in self._table.rows(_shelf(person), f"{person}|")]

    async def unlink(self, person: str, request: str) -> bool:
        """The request has not named the person, as far as is on record; whether another has. Bears repetition."""
        key = _digest(request)
        await self._table.write(Delete(_shelf(person), f"{person}|{key}"))
        return bool(await self.requests_of(person))

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


def _digest(request: str) -> str:
    return hashlib.sha256(request.encode()).hexdigest()[:16]


def _shelf(person: str) -> str:
    """The partition of a person: sixteen of them, so that a request's people go in by the hundred and no partition is hot."""
    return person[:1]


def _ordered(items: Iterable[tuple[str, object]]) -> list[str]:
    return [str(value) for key, value in sorted(items) if key.startswith("body")]
