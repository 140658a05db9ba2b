"""The `requests` table: open requests share a partition, so that timers find them; ended ones are in another."""

import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from shared.nouns.messages import REQUEST_ID
from shared.nouns.request import Header
from shared.tables.store import Delete, Exists, Insert, Merge, Replace, Row, Table, instant

OPEN, CLOSED = "open", "closed"


class RequestState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    AWAITING_APPROVAL = "awaiting-approval"
    DONE = "done"
    STOPPED = "stopped"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Request:
    """One partner request, without its guests.

    `counts` is filled when it has ended: tasks by state. `paced_until` is when the last first attempt was scheduled for. `mode` is
    the header's, or `plan` where the installation only reports. `needs_approval` says why somebody else has to agree, until
    `decide_by`; `decided_by` who did. `outlook` is what was found before the first write: findings and permissions.
    """

    id: str
    state: RequestState
    header: Header
    digest: str
    who: str
    partner_tenant: str
    template_version: int
    received: datetime
    finished: datetime | None = None
    paced_until: datetime | None = None
    paused: bool = False
    cancelled: bool = False
    reason: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    mode: str = "apply"
    needs_approval: tuple[str, ...] = ()
    decide_by: datetime | None = None
    decided_by: str = ""
    outlook: Mapping[str, Any] = field(default_factory=dict)
    etag: str = field(default="", compare=False)

    @property
    def is_open(self) -> bool:
        return self.state in {RequestState.QUEUED, RequestState.RUNNING, RequestState.AWAITING_APPROVAL}

    @property
    def shown(self) -> RequestState:
        """The state that people are told: of what was cancelled before it began nothing comes any more, whoever has still to put it away."""
        begun = self.state not in {RequestState.QUEUED, RequestState.AWAITING_APPROVAL}
        return self.state if begun or not self.cancelled else RequestState.CANCELLED


class Requests:
    def __init__(self, table: Table) -> None:
        self._table = table

    async def get(self, request: str) -> Request | None:
        """The request, open or ended; None for an id that no request can have."""
        if not re.fullmatch(REQUEST_ID, request):
            return None
        row = await self._table.get(OPEN, request) or await self._table.get(CLOSED, request)
        return None if row is None else decoded(row)

    async def insert(self, request: Request) -> bool:
        """The request is on record; False where its id was known."""
        try:
            await self._table.write(Insert(encoded(request, OPEN)))
        except Exists:
            return False
        return True

    async def save(self, request: Request) -> Request:
        """The open request as given. Raises Changed where it is no longer as it was read."""
        etags = await self._table.write(Replace(encoded(request, OPEN), request.etag))
        return replace(request, etag=etags[0])

    async def close(self, request: Request) -> None:
        """The request is among the ended ones, and no longer among the open ones. Bears repetition."""
        await self._table.write(Merge(encoded(request, CLOSED)))
        await self._table.write(Delete(OPEN, request.id))

    async def reopen(self, request: Request) -> None:
        """An ended request is among the open ones again. Bears repetition."""
        await self._table.write(Merge(encoded(request, OPEN)))
        await self._table.write(Delete(CLOSED, request.id))

    async def all_open(self) -> AsyncIterator[Request]:
        async for row in self._table.rows(OPEN):
            yield decoded(row)

    async def ended(self) -> AsyncIterator[Request]:
        """Every request that has ended, page by page."""
        async for row in self._table.rows(CLOSED):
            yield decoded(row)

    async def remove(self, request: str) -> None:
        """The ended request is on record no more. Bears repetition."""
        await self._table.write(Delete(CLOSED, request))

    async def latest(self, most: int) -> list[Request]:
        """Open requests and then ended ones, at most `most` of each, newest first within each."""
        found: list[Request] = []
        for partition in (OPEN, CLOSED):
            rows = [decoded(row) async for row in self._table.rows(partition)]
            found += sorted(rows, key=lambda item: item.received, reverse=True)[:most]
        return found

    async def oldest_queued(self, partner_tenant: str) -> Request | None:
        """The request that has waited longest for this partner."""
        waiting = [
            item async for item in self.all_open() if item.state is RequestState.QUEUED and item.partner_tenant == partner_tenant
        ]
        return min(waiting, key=lambda item: item.received, default=None)


def encoded(request: Request, partition: str) -> dict[str, Any]:
    """The row that the request is."""
    row: dict[str, Any] = {
        "PartitionKey": partition,
        "RowKey": request.id,
        "state": request.state.value,
        "header": request.header.model_dump_json(by_alias=True),
        "digest": request.digest,
        "who": request.who,
        "tenant": request.partner_tenant,
        "templateVersion": request.template_version,
        "received": instant(request.received),
        "paused": request.paused,
        "cancelled": request.cancelled,
        "reason": request.reason,
        "finished": instant(request.finished) if request.finished else "",
        "pacedUntil": instant(request.paced_until) if request.paced_until else "",
        "mode": request.mode,
        "needsApproval": json.dumps(request.needs_approval, ensure_ascii=False),
        "decideBy": instant(request.decide_by) if request.decide_by else "",
        "decidedBy": request.decided_by,
        "outlook": json.dumps(request.outlook, ensure_ascii=False) if request.outlook else "",
    }
    return row | {f"count_{state}": number for state, number in request.counts.items()}


def decoded(row: Row) -> Request:
    """The request that the row is."""
    return Request(
        id=str(row["RowKey"]),
        state=RequestState(row["state"]),
        header=Header.model_validate_json(row["header"]),
        digest=str(row["digest"]),
        who=str(row["who"]),
        partner_tenant=str(row["tenant"]),
        template_version=int(row["templateVersion"]),
        received=datetime.fromisoformat(str(row["received"])),
        finished=datetime.fromisoformat(str(row["finished"])) if row["finished"] else None,
        paced_until=datetime.fromisoformat(str(row["pacedUntil"])) if row["pacedUntil"] else None,
        paused=bool(row["paused"]),
        cancelled=bool(row["cancelled"]),
        reason=str(row["reason"]),
        counts={key.removeprefix("count_"): int(value) for key, value in row.items() if key.startswith("count_")},
        mode=str(row.get("mode", "apply")),
        needs_approval=tuple(json.loads(row.get("needsApproval", "[]"))),
        decide_by=datetime.fromisoformat(str(row["decideBy"])) if row.get("decideBy") else None,
        decided_by=str(row.get("decidedBy", "")),
        outlook=json.loads(row["outlook"]) if row.get("outlook") else {},
        etag=str(row["etag"]),
    )
