"""The `people` table: the only place with a person's address and name, so that erasing a person is one place's work.

Rows: partition = person id, row `person`. Message bodies that could not be read, which may hold addresses too, are kept
here as well, in partition `message`, until somebody has dealt with them.
"""

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from shared.nouns.person import Person
from shared.tables.store import Delete, Merge, Table

ROW = "person"
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

    async def remember(self, person: Person, request: str, partner: str) -> None:
        """Address and name are on record, and that the request named them. Bears repetition; a known name stays if none is given."""
        row = {
            "PartitionKey": person.id,
            "RowKey": ROW,
            "address": person.address,
            f"request_{hashlib.sha256(request.encode()).hexdigest()[:16]}": f"{request} {partner}",
        }
        await self._table.write(Merge(row | ({"name": person.name} if person.name else {})))

    async def get(self, person: str) -> Known | None:
        row = await self._table.get(person, ROW)
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


def _ordered(items: Iterable[tuple[str, object]]) -> list[str]:
    return [str(value) for key, value in sorted(items) if key.startswith("body")]
