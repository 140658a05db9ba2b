"""The journal entries in the `tasks` table, across requests: only ever read here, tasks write them with their own rows."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from shared.tables.requests import CLOSED, OPEN
from shared.tables.store import Table

ENTRY = "j|"


class Journal:
    def __init__(self, tasks: Table, requests: Table) -> None:
        self._tasks = tasks
        self._requests = requests

    async def requests(self, *, ended_since: datetime | None = None) -> AsyncIterator[str]:
        """The ids of all requests; with `ended_since`, of the open ones and those that ended then or later."""
        for partition in (OPEN, CLOSED):
            async for row in self._requests.rows(partition, select=("RowKey", "finished")):
                finished = datetime.fromisoformat(str(row["finished"])) if row.get("finished") else None
                if partition == OPEN or ended_since is None or finished is None or finished >= ended_since:
                    yield str(row["RowKey"])

    async def keys(self, request: str) -> list[str]:
        """The keys of the request's entries, in order, without reading the entries."""
        return [str(row["RowKey"]) async for row in self._tasks.rows(request, ENTRY, select=("RowKey",))]

    async def rows(self, request: str) -> dict[str, dict[str, Any]]:
        """The request's entries by key, as they stand in the table."""
        return {str(row["RowKey"]): row async for row in self._tasks.rows(request, ENTRY)}
