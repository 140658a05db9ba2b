"""Group commit: writes to one partition that are wanted at the same time share a transaction.

A transaction costs the client and the service a multipart message whatever it holds, and attempts of one request end side
by side in one process. Nothing waits for company: whoever comes while a transaction is under way is in the next one.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from shared.nouns.outcomes import NotYet
from shared.tables.store import MOST_IN_A_TRANSACTION, Delete, Table, Write

# Rows are a few KB; a transaction holds 4 MB. https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions
MOST_TOGETHER = MOST_IN_A_TRANSACTION // 2


@dataclass(frozen=True)
class _Wanted:
    writes: tuple[Write, ...]
    rows: frozenset[str]
    done: "asyncio.Future[list[str]]"


class Together:
    """A table that commits in groups. Each write still succeeds or fails alone: where a group fails, its members are tried
    one by one."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._queues: dict[str, list[_Wanted]] = {}
        self._committing: dict[str, asyncio.Task[None]] = {}

    async def write(self, *writes: Write) -> list[str]:
        if any(isinstance(write, Delete) for write in writes):
            return await self._table.write(*writes)
        partition = str(_row(writes[0])["PartitionKey"])
        rows = frozenset(str(_row(write)["RowKey"]) for write in writes)
        wanted = _Wanted(writes, rows, asyncio.get_running_loop().create_future())
        self._queues.setdefault(partition, []).append(wanted)
        if partition not in self._committing:
            self._committing[partition] = asyncio.create_task(self._commit_all(partition))
        return await wanted.done

    async def get(self, partition: str, key: str) -> dict[str, Any] | None:
        return await self._table.get(partition, key)

    def rows(
        self,
        partition: str,
        prefix: str = "",
        *,
        most: int | None = None,
        select: Sequence[str] | None = None,
        where: str = "",
        behind: str = "",
    ) -> AsyncIterator[dict[str, Any]]:
        return self._table.rows(partition, prefix, most=most, select=select, where=where, behind=behind)

    async def _commit_all(self, partition: str) -> None:
        queue = self._queues[partition]
        group: list[_Wanted] = []
        try:
            while queue:
                group = _next_group(queue)
                await self._commit(group)
        except BaseException as error:
            # The process is ending: whoever waits hears it, as if the write had been their own.
            for wanted in (*group, *queue):
                _tell(wanted, error)
            if isinstance(error, KeyboardInterrupt | SystemExit | asyncio.CancelledError):
                raise
        finally:
            del self._queues[partition], self._committing[partition]

    async def _commit(self, group: list[_Wanted]) -> None:
        try:
            tags = await self._table.write(*(write for wanted in group for write in wanted.writes))
        except NotYet as error:
            for wanted in group:
                _tell(wanted, error)
        except Exception as error:  # noqa: BLE001 -- handed to whoever's write it is
            # One of them was refused, and none was carried out.
            if len(group) == 1:
                _tell(group[0], error)
                return
            for wanted in group:
                await self._commit([wanted])
        else:
            for wanted in group:
                count = len(wanted.writes)
                if not wanted.done.done():
                    wanted.done.set_result(tags[:count])
                tags = tags[count:]


def _next_group(queue: list[_Wanted]) -> list[_Wanted]:
    """Takes from the queue what may share a transaction: no row twice, in the order of arrival."""
    group: list[_Wanted] = []
    rows: set[str] = set()
    while queue and not rows & queue[0].rows and (not group or len(rows) + len(queue[0].rows) <= MOST_TOGETHER):
        group.append(queue.pop(0))
        rows |= group[-1].rows
    return group


def _tell(wanted: _Wanted, error: BaseException) -> None:
    """Whoever waits hears it; one who was cancelled waits no more."""
    if not wanted.done.done():
        wanted.done.set_exception(error)


def _row(write: Write) -> Any:
    if isinstance(write, Delete):
        raise TypeError("deleting stands alone")
    return write.row
