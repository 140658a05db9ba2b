"""Which partners are blocked in an emergency: a row of its own beside the partner's, so that whoever takes or gives back the partner's
turn cannot lose it."""

import json
from dataclasses import dataclass, replace
from datetime import datetime

from shared.tables.store import Changed, Delete, Exists, Insert, Replace, Table, instant

ROW = "block"


@dataclass(frozen=True)
class Block:
    """`request` is the id under which the journal has what was done. `paused` are the requests that this block has paused. `asked_by`
    is who first asked for the release (at `asked_at`), `confirmed_by` who else confirmed it."""

    tenant_id: str
    request: str
    by: str
    why: str
    at: datetime
    paused: tuple[str, ...] = ()
    asked_by: str = ""
    asked_at: datetime | None = None
    confirmed_by: str = ""
    etag: str = ""


class Blocks:
    def __init__(self, table: Table) -> None:
        self._table = table

    async def get(self, tenant_id: str) -> Block | None:
        """The block of the partner; None where it is not blocked."""
        row = await self._table.get(tenant_id, ROW)
        if row is None:
            return None
        return Block(
            tenant_id=tenant_id,
            request=str(row["request"]),
            by=str(row["by"]),
            why=str(row["why"]),
            at=datetime.fromisoformat(str(row["at"])),
            paused=tuple(json.loads(row["paused"])),
            asked_by=str(row["askedBy"]),
            asked_at=datetime.fromisoformat(str(row["askedAt"])) if row["askedAt"] else None,
            confirmed_by=str(row["confirmedBy"]),
            etag=str(row["etag"]),
        )

    async def begin(self, block: Block) -> Block:
        """The partner is blocked: by this, or by the block that was there before."""
        try:
            tags = await self._table.write(Insert(_row(block)))
        except Exists:
            there = await self.get(block.tenant_id)
            return there if there is not None else await self.begin(block)
        return replace(block, etag=tags[0])

    async def save(self, block: Block) -> Block:
        """The block as given. Raises Changed where somebody has changed or lifted it since it was read."""
        tags = await self._table.write(Replace(_row(block), block.etag))
        return replace(block, etag=tags[0])

    async def add_paused(self, block: Block, requests: tuple[str, ...]) -> Block:
        """These requests are among those that the block has paused."""
        while True:
            paused = tuple(dict.fromkeys((*block.paused, *requests)))
            if paused == block.paused:
                return block
            try:
                return await self.save(replace(block, paused=paused))
            except Changed:
                there = await self.get(block.tenant_id)
                if there is None:
                    raise
                block = there

    async def lift(self, tenant_id: str) -> None:
        """The partner is not blocked any more. Bears repetition."""
        await self._table.write(Delete(tenant_id, ROW))


def _row(block: Block) -> dict[str, str]:
    return {
        "PartitionKey": block.tenant_id,
        "RowKey": ROW,
        "request": block.request,
        "by": block.by,
        "why": block.why[:1_000],
        "at": instant(block.at),
        "paused": json.dumps(block.paused),
        "askedBy": block.asked_by,
        "askedAt": instant(block.asked_at) if block.asked_at else "",
        "confirmedBy": block.confirmed_by,
    }
