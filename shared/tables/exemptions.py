"""The `exemptions` table: partition = partner, row = person; whom clean-up leaves alone, why, on whose word, and until when."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, datetime

from shared.tables.store import Delete, Merge, Row, Table, instant

# Names every exemption, because rows are found by partition alone. No tenant id is spelled so.
INDEX = "all"


@dataclass(frozen=True)
class Exemption:
    """`owner` is the object id of the person of ours who answers for it. It holds until the end of `until`."""

    partner: str
    person: str
    reason: str
    owner: str
    until: date
    by: str
    at: datetime


class Exemptions:
    def __init__(self, table: Table) -> None:
        self._table = table

    async def put(self, exemption: Exemption) -> None:
        """The exemption is on record, in place of the person's earlier one. Bears repetition."""
        key = f"{exemption.partner}|{exemption.person}"
        values = {
            "reason": exemption.reason,
            "owner": exemption.owner,
            "until": exemption.until.isoformat(),
            "by": exemption.by,
            "at": instant(exemption.at),
        }
        # First where everybody looks for all of them, then where a run asks.
        await self._table.write(Merge({"PartitionKey": INDEX, "RowKey": key, **values}))
        await self._table.write(Merge({"PartitionKey": exemption.partner, "RowKey": exemption.person, **values}))

    async def remove(self, partner: str, person: str) -> None:
        """The person has no exemption. Bears repetition."""
        await self._table.write(Delete(partner, person))
        await self._table.write(Delete(INDEX, f"{partner}|{person}"))

    async def get(self, partner: str, person: str) -> Exemption | None:
        row = await self._table.get(partner, person)
        return None if row is None else _exemption(partner, person, row)

    async def of_partner(self, partner: str) -> dict[str, Exemption]:
        """The exemptions of the partner's people, by person; those that are over too."""
        return {str(row["RowKey"]): _exemption(partner, str(row["RowKey"]), row) async for row in self._table.rows(partner)}

    async def all(self) -> AsyncIterator[Exemption]:
        """Every exemption, also those that are over."""
        async for row in self._table.rows(INDEX):
            partner, _, person = str(row["RowKey"]).partition("|")
            yield _exemption(partner, person, row)


def _exemption(partner: str, person: str, row: Row) -> Exemption:
    return Exemption(
        partner=partner,
        person=person,
        reason=str(row["reason"]),
        owner=str(row["owner"]),
        until=date.fromisoformat(str(row["until"])),
        by=str(row["by"]),
        at=datetime.fromisoformat(str(row["at"])),
    )
