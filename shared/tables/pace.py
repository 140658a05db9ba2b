"""The `pace` table: one row a lane; senders reserve slots in it, so that any number of instances keep one pace together."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.tables.store import Changed, Exists, Insert, Replace, Table

ROW = "next"
# What was given out within the last window stands in one property, which holds 32 K characters.
MOST_IN_A_WINDOW = 900
# A mailbox answers four calls at once, so not even what may go at once all goes in one moment.
# https://learn.microsoft.com/graph/throttling-limits#outlook-service-limits
BURST = 8


class Pace:
    def __init__(self, table: Table) -> None:
        self._table = table

    async def reserve(self, lane: str, slots: int, rate: float, now: datetime, *, window: float = 0) -> list[datetime]:
        """The instants of `slots` slots of the lane, `rate` a second, none before `now`; nobody else gets them.

        Slots stand evenly behind one another. With a `window` (seconds), what the rate gives in one window comes BURST times as
        fast, and no window whatever has more. A rate of 0 switches the lane off: every slot is now.
        """
        if rate <= 0 or slots == 0:
            return [now] * slots
        step = timedelta(seconds=1 / rate)
        most = min(max(1, int(rate * window)), MOST_IN_A_WINDOW)
        while True:
            row = await self._table.get(lane, ROW)
            free = max(_free(row, now), now)
            if not window:
                given = [free + step * number for number in range(slots)]
                kept = await self._keep(lane, row, free + step * slots, [])
            else:
                recent = _recent(row)
                given = _in_windows(recent, slots, most, timedelta(seconds=window), free, step / BURST)
                kept = await self._keep(lane, row, free, [*recent, *given][-most:])
            if kept:
                return given

    async def hold(self, lane: str, until: datetime, now: datetime) -> None:
        """No slot of the lane is given out before `until`: the vendor has asked for it."""
        while True:
            row = await self._table.get(lane, ROW)
            if await self._keep(lane, row, max(_free(row, now), until), _recent(row)):
                return

    async def _keep(self, lane: str, row: Mapping[str, Any] | None, free: datetime, recent: list[datetime]) -> bool:
        """False where somebody else has changed the lane since it was read."""
        given = json.dumps([at.astimezone(UTC).isoformat() for at in recent])
        new = {"PartitionKey": lane, "RowKey": ROW, "free": free.astimezone(UTC).isoformat(), "recent": given}
        try:
            await self._table.write(Insert(new) if row is None else Replace(new, str(row["etag"])))
        except (Changed, Exists):
            return False
        return True


def _free(row: Mapping[str, Any] | None, now: datetime) -> datetime:
    return now if row is None else datetime.fromisoformat(str(row["free"]))


def _recent(row: Mapping[str, Any] | None) -> list[datetime]:
    """What was given out last, in a lane that is counted by windows."""
    return [datetime.fromisoformat(at) for at in json.loads(str((row or {}).get("recent") or "[]"))]


def _in_windows(
    recent: list[datetime], slots: int, most: int, window: timedelta, free: datetime, gap: timedelta
) -> list[datetime]:
    """The next instants after `recent` (the last `most` that were given), `gap` apart, of which no window holds more than `most`."""
    line = list(recent)
    for _ in range(slots):
        behind = [line[-1] + gap] if line else []
        behind += [line[-most] + window] if len(line) >= most else []
        line.append(max(free, *behind) if behind else free)
    return line[len(recent) :]
