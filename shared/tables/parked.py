"""The `parked` table: everything that waits for a person, with what happened and what to do."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.tables.store import Delete, Merge, Table, instant

PARTITION = "parked"
# Kinds of what others did: something a person should know, and a guest of no partner on record.
SEEN, UNKNOWN_GUEST = "seen", "unknown-guest"
# A plan that was refused: whoever asked for it is told, and nobody else has anything to do.
REFUSED_PLAN = "refused plan"
# https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model (characters disallowed in keys)
_KEY = re.compile(r"[^/\\#?\x00-\x1f\x7f-\x9f]{1,512}")


@dataclass(frozen=True)
class ParkedItem:
    """One thing that waits: a stopped task (`kind` task), a refused request or guest (`refused`), a message nobody could finish
    (`message`, whose body is kept in `people`), what others did (`seen`), or a guest of no partner (`unknown-guest`). A refused plan
    (`refused plan`) stands here for its answer alone."""

    id: str
    kind: str
    request: str
    task: str
    step: str
    reason: str
    since: datetime
    queue: str = ""


class Parked:
    def __init__(self, table: Table) -> None:
        self._table = table

    async def add(self, item: ParkedItem) -> None:
        """The item is listed. Bears repetition."""
        row: dict[str, Any] = {
            "PartitionKey": PARTITION,
            "RowKey": item.id,
            "kind": item.kind,
            "request": item.request,
            "task": item.task,
            "step": item.step,
            "reason": item.reason[:8_000],
            "since": instant(item.since),
            "queue": item.queue,
        }
        await self._table.write(Merge(row))

    async def get(self, item: str) -> ParkedItem | None:
        """The item; None for an id that nothing can have."""
        if not _KEY.fullmatch(item):
            return None
        row = await self._table.get(PARTITION, item)
        return None if row is None else _decoded(row)

    async def waiting(self) -> list[ParkedItem]:
        """What waits for a person, longest first."""
        return [item for item in await self.all() if item.kind != REFUSED_PLAN]

    async def all(self, most: int = 1_000) -> list[ParkedItem]:
        """Everything that is kept here, longest first, at most `most` of each kind, so that refusals hide no stopped task."""
        kinds: dict[str, list[ParkedItem]] = {}
        async for row in self._table.rows(PARTITION):
            item = _decoded(row)
            kinds.setdefault(item.kind, []).append(item)
        oldest = [item for items in kinds.values() for item in sorted(items, key=lambda item: item.since)[:most]]
        return sorted(oldest, key=lambda item: item.since)

    async def refusals(self, request: str) -> list[ParkedItem]:
        """Refusals of what was sent under this request id."""
        return [_decoded(row) async for row in self._table.rows(PARTITION, f"refused:{request}:")]

    async def remove(self, item: str) -> None:
        """The item is no longer listed. Bears repetition."""
        await self._table.write(Delete(PARTITION, item))


def _decoded(row: dict[str, Any]) -> ParkedItem:
    return ParkedItem(
        id=str(row["RowKey"]),
        kind=str(row["kind"]),
        request=str(row["request"]),
        task=str(row["task"]),
        step=str(row["step"]),
        reason=str(row["reason"]),
        since=datetime.fromisoformat(str(row["since"])),
        queue=str(row["queue"]),
    )
