"""The only code that speaks to Table Storage: one table, one module, questions named in words."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from shared.settings import Settings
from shared.tables.asks import Asks
from shared.tables.blocks import Blocks
from shared.tables.deltas import Deltas
from shared.tables.drift import DriftTable
from shared.tables.exemptions import Exemptions
from shared.tables.grants import Grants
from shared.tables.guest_index import GuestIndex
from shared.tables.guests import Guests
from shared.tables.heard import Heard
from shared.tables.journal import Journal
from shared.tables.pace import Pace
from shared.tables.parked import Parked
from shared.tables.partners import Partners
from shared.tables.people import People
from shared.tables.requests import Requests
from shared.tables.runs import Runs
from shared.tables.seals import Seals
from shared.tables.store import TABLES, Table, Write
from shared.tables.subjects import Subjects
from shared.tables.subscriptions import Subscriptions
from shared.tables.tasks import Tasks
from shared.tables.together import Together

if TYPE_CHECKING:
    from azure.data.tables.aio import TableServiceClient


class Tables:
    """All tables of the app. `table` opens one by its name; `ending` closes what they share."""

    def __init__(self, table: Callable[[str], Table], ending: Callable[[], Awaitable[None]]) -> None:
        self.requests = Requests(table("requests"))
        self.tasks = Tasks(Together(table("tasks")))
        self.partners = Partners(table("partners"))
        self.blocks = Blocks(table("partners"))
        self.drift = DriftTable(table("drift"))
        self.guests = Guests(table("guests"))
        self.index = GuestIndex(table("guests"))
        self.people = People(table("people"))
        self.pace = Pace(table("pace"))
        self.parked = Parked(table("parked"))
        self.journal = Journal(table("tasks"), table("requests"))
        self.seals = Seals(table("seals"))
        self.asks = Asks(table("asks"))
        self.subjects = Subjects(table)
        self.subscriptions = Subscriptions(table("subscriptions"))
        self.deltas = Deltas(table("deltas"))
        self.heard = Heard(table("heard"))
        self.grants = Grants(table("grants"))
        self.runs = Runs(table("runs"))
        self.exemptions = Exemptions(table("exemptions"))
        self.close = ending


def connect(settings: Settings, credential: Any = None) -> Tables:
    """The tables in the storage account, whose client is imported and opened by the first question."""
    account = _Account(settings, credential)
    return Tables(lambda name: _Opened(account, f"{settings.table_prefix}{name}"), account.close)


class _Account:
    def __init__(self, settings: Settings, credential: Any) -> None:
        self._settings = settings
        self._credential = credential

    @cached_property
    def service(self) -> TableServiceClient:
        from shared.tables.stored import open_service

        return open_service(self._settings, self._credential)

    async def close(self) -> None:
        if "service" in self.__dict__:
            await self.service.close()


class _Opened:
    """A table that is opened by its first use."""

    def __init__(self, account: _Account, name: str) -> None:
        self._account = account
        self._name = name

    @cached_property
    def _table(self) -> Table:
        from shared.tables.stored import StoredTable

        return StoredTable(self._account.service, self._name)

    async def get(self, partition: str, key: str) -> dict[str, Any] | None:
        return await self._table.get(partition, key)

    async def write(self, *writes: Write) -> list[str]:
        return await self._table.write(*writes)

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


async def create_all(connection: str) -> None:
    """Every table is there. For the local stack and tests; in Azure the infrastructure creates them."""
    from azure.core.exceptions import ResourceExistsError
    from azure.data.tables.aio import TableServiceClient

    async with TableServiceClient.from_connection_string(connection) as service:
        for name in TABLES:
            with contextlib.suppress(ResourceExistsError):
                await service.create_table(name)
