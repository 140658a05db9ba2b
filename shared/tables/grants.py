"""The `grants` table: where the powers are split over several apps, what each identity's token carried when it was last looked at.

Only an identity itself can see that without a permission to read the directory's assignments.
"""

import json
from dataclasses import dataclass
from datetime import datetime

from shared.nouns.power import Power
from shared.tables.store import Merge, Table, instant

PARTITION = "power"


@dataclass(frozen=True)
class Granted:
    """`graph` and `exchange` are the application permissions on Microsoft Graph and on Exchange Online, by name."""

    power: Power
    graph: frozenset[str]
    exchange: frozenset[str]
    at: datetime


class Grants:
    def __init__(self, table: Table) -> None:
        self._table = table

    async def get(self, power: Power) -> Granted | None:
        """What the app with this power has said last; None where it has not yet."""
        row = await self._table.get(PARTITION, power)
        if row is None:
            return None
        graph, exchange = (frozenset(json.loads(str(row[name]))) for name in ("graph", "exchange"))
        return Granted(power, graph, exchange, datetime.fromisoformat(str(row["at"])))

    async def note(self, granted: Granted) -> None:
        """What was said is on record in place of what was said before."""
        row = {"PartitionKey": PARTITION, "RowKey": granted.power, "at": instant(granted.at)}
        row |= {"graph": json.dumps(sorted(granted.graph)), "exchange": json.dumps(sorted(granted.exchange))}
        await self._table.write(Merge(row))
