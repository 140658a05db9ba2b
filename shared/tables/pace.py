"""The `pace` table: one row a lane; senders reserve slots in it, so that any number of instances keep one pace together."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from shared.tables.store import Changed, Exists, Insert, Replace, Table

ROW = "next"


class Pace:
    def __init__(self, table: Table) -> None:
        self._table = table

    async def reserve(self, lane: str, slots: int, rate: float, now: datetime) -> list[datetime]:
        """The instants of `slots` slots of the lane, `rate` a second, none before `now`; nobody else gets them.

        A rate of 0 switches the lane off: every slot is now.
        """
        if rate <= 0 or slots == 0:
            return [now] * slots
        step = timedelta(seconds=1 / rate)

        def taken(free: datetime) -> datetime:
            return max(free, now) + step * slots

        free = await self._advance(lane, now, taken)
        return [max(free, now) + step * number for number in range(slots)]

    async def hold(self, lane: str, until: datetime, now: datetime) -> None:
        """No slot of the lane is given out before `until`: the vendor has asked for it."""
        await self._advance(lane, now, lambda free: max(free, until))

    async def _advance(self, lane: str, now: datetime, move: Callable[[datetime], datetime]) -> datetime:
        while True:
            row = await self._table.get(lane, ROW)
            free = now if row is None else datetime.fromisoformat(str(row["free"]))
            new = {"PartitionKey": lane, "RowKey": ROW, "free": move(free).astimezone(UTC).isoformat()}
            try:
                await self._table.write(Insert(new) if row is None else Replace(new, str(row["etag"])))
            except (Changed, Exists):
                continue
            return free
