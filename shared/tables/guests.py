"""The `guests` table: partition = partner, row = opaque person id; what we know of a guest, and who claims them.

A claim is a row of its own behind the guest's, so that requests add and drop theirs without reading the others'.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from shared.tables.store import MOST_IN_A_TRANSACTION, Merge, Table


@dataclass(frozen=True)
class Claim:
    """A request's wish for a guest, until a day (the last one included) or without end."""

    request: str
    until: date | None


@dataclass(frozen=True)
class Guest:
    partner: str
    person: str
    user: str
    stage: str
    sponsors: tuple[str, ...]
    claims: tuple[Claim, ...]


class Guests:
    def __init__(self, table: Table) -> None:
        self._table = table

    async def claim(self, partner: str, request: str, until: Mapping[str, date | None]) -> None:
        """The request claims these persons. Bears repetition."""
        key = hashlib.sha256(request.encode()).hexdigest()[:16]
        rows = [
            Merge(
                {
                    "PartitionKey": partner,
                    "RowKey": f"{person}|{key}",
                    "request": request,
                    "until": day.isoformat() if day else "",
                }
            )
            for person, day in until.items()
        ]
        for start in range(0, len(rows), MOST_IN_A_TRANSACTION):
            await self._table.write(*rows[start : start + MOST_IN_A_TRANSACTION])

    async def note(self, partner: str, guests: Mapping[str, tuple[str, str, tuple[str, ...]]]) -> None:
        """User id, stage and sponsors of guests, by person id. Bears repetition."""
        rows = [
            Merge({"PartitionKey": partner, "RowKey": person, "user": user, "stage": stage, "sponsors": " ".join(sponsors)})
            for person, (user, stage, sponsors) in guests.items()
        ]
        for start in range(0, len(rows), MOST_IN_A_TRANSACTION):
            await self._table.write(*rows[start : start + MOST_IN_A_TRANSACTION])

    async def users(self, partner: str) -> tuple[str, ...]:
        """The object ids of all guests whom requests of the partner have brought in, whatever their address."""
        rows = self._table.rows(partner, select=("RowKey", "user"))
        return tuple([str(row["user"]) async for row in rows if "|" not in str(row["RowKey"]) and row.get("user")])

    async def get(self, partner: str, person: str) -> Guest | None:
        rows = [row async for row in self._table.rows(partner, person)]
        if not rows:
            return None
        noted = next((row for row in rows if row["RowKey"] == person), {})
        claims = [row for row in rows if row["RowKey"] != person]
        return Guest(
            partner=partner,
            person=person,
            user=str(noted.get("user", "")),
            stage=str(noted.get("stage", "")),
            sponsors=tuple(str(noted.get("sponsors", "")).split()),
            claims=tuple(
                Claim(str(row["request"]), date.fromisoformat(str(row["until"])) if row["until"] else None) for row in claims
            ),
        )
