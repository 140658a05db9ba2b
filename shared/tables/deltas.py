"""The `deltas` table: how far each delta query has come, so that it goes on where it stopped, whoever died meanwhile."""

from dataclasses import dataclass
from datetime import datetime

from shared.tables.store import Insert, Replace, Table, instant
from shared.tables.subscriptions import Resource

ROW = "round"


@dataclass(frozen=True)
class Round:
    """Where the query of `resource` stands: `link` leads to the next page of a round that is `under_way`, else to the next round.

    `full` is a round that tells everything there is. `begun` and `touched` are of the current or last round, `known` is the
    beginning of the last one that was completed: whatever changed before it has been told. `found` is when changes were found last.
    `again` asks for one more
    round after this one.
    """

    resource: Resource
    begun: datetime
    touched: datetime
    link: str = ""
    under_way: bool = True
    full: bool = True
    pages: int = 0
    told: int = 0
    known: datetime | None = None
    found: datetime | None = None
    again: bool = False
    etag: str = ""


class Deltas:
    def __init__(self, table: Table) -> None:
        self._table = table

    async def get(self, resource: Resource) -> Round | None:
        row = await self._table.get(resource, ROW)
        if row is None:
            return None
        return Round(
            resource=resource,
            begun=datetime.fromisoformat(str(row["begun"])),
            touched=datetime.fromisoformat(str(row["touched"])),
            link=str(row["link"]),
            under_way=bool(row["underWay"]),
            full=bool(row["full"]),
            pages=int(row["pages"]),
            told=int(row["told"]),
            known=datetime.fromisoformat(str(row["known"])) if row["known"] else None,
            found=datetime.fromisoformat(str(row["found"])) if row["found"] else None,
            again=bool(row["again"]),
            etag=str(row["etag"]),
        )

    async def save(self, one: Round) -> str:
        """The round stands there; its new etag. Raises Exists or Changed where somebody else has written since it was read."""
        row = {
            "PartitionKey": one.resource,
            "RowKey": ROW,
            "begun": instant(one.begun),
            "touched": instant(one.touched),
            "link": one.link,
            "underWay": one.under_way,
            "full": one.full,
            "pages": one.pages,
            "told": one.told,
            "known": instant(one.known) if one.known else "",
            "found": instant(one.found) if one.found else "",
            "again": one.again,
        }
        (etag,) = await self._table.write(Replace(row, one.etag) if one.etag else Insert(row))
        return etag
