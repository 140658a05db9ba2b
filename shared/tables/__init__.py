"""The only code that speaks to Table Storage: one table, one module, questions named in words."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from shared.tables.store import TABLES, Table, Write

if TYPE_CHECKING:
    from azure.data.tables.aio import TableServiceClient

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
    from shared.tables.subjects import Subjects
    from shared.tables.subscriptions import Subscriptions
    from shared.tables.tasks import Tasks


class Tables:
    """All tables of the app. `table` opens one by its name; `ending` closes what they share.

    What speaks to a table is imported when somebody asks for it: few functions ask for more than a handful.
    """

    def __init__(self, table: Callable[[str], Table], ending: Callable[[], Awaitable[None]]) -> None:
        self._table = table
        self.close = ending

    @cached_property
    def requests(self) -> Requests:
        from shared.tables.requests import Requests

        return Requests(self._table("requests"))

    @cached_property
    def tasks(self) -> Tasks:
        from shared.tables.tasks import Tasks
        from shared.tables.together import Together

        return Tasks(Together(self._table("tasks")))

    @cached_property
    def partners(self) -> Partners:
        from shared.tables.partners import Partners

        return Partners(self._table("partners"))

    @cached_property
    def blocks(self) -> Blocks:
        from shared.tables.blocks import Blocks

        return Blocks(self._table("partners"))

    @cached_property
    def drift(self) -> DriftTable:
        from shared.tables.drift import DriftTable

        return DriftTable(self._table("drift"))

    @cached_property
    def guests(self) -> Guests:
        from shared.tables.guests import Guests

        return Guests(self._table("guests"))

    @cached_property
    def index(self) -> GuestIndex:
        from shared.tables.guest_index import GuestIndex

        return GuestIndex(self._table("guests"))

    @cached_property
    def people(self) -> People:
        from shared.tables.people import People

        return People(self._table("people"))

    @cached_property
    def pace(self) -> Pace:
        from shared.tables.pace import Pace

        return Pace(self._table("pace"))

    @cached_property
    def parked(self) -> Parked:
        from shared.tables.parked import Parked

        return Parked(self._table("parked"))

    @cached_property
    def journal(self) -> Journal:
        from shared.tables.journal import Journal

        return Journal(self._table("tasks"), self._table("requests"))

    @cached_property
    def seals(self) -> Seals:
        from shared.tables.seals import Seals

        return Seals(self._table("seals"))

    @cached_property
    def asks(self) -> Asks:
        from shared.tables.asks import Asks

        return Asks(self._table("asks"))

    @cached_property
    def subjects(self) -> Subjects:
        from shared.tables.subjects import Subjects

        return Subjects(self._table)

    @cached_property
    def subscriptions(self) -> Subscriptions:
        from shared.tables.subscriptions import Subscriptions

        return Subscriptions(self._table("subscriptions"))

    @cached_property
    def deltas(self) -> Deltas:
        from shared.tables.deltas import Deltas

        return Deltas(self._table("deltas"))

    @cached_property
    def heard(self) -> Heard:
        from shared.tables.heard import Heard

        return Heard(self._table("heard"))

    @cached_property
    def grants(self) -> Grants:
        from shared.tables.grants import Grants

        return Grants(self._table("grants"))

    @cached_property
    def runs(self) -> Runs:
        from shared.tables.runs import Runs

        return Runs(self._table("runs"))

    @cached_property
    def exemptions(self) -> Exemptions:
        from shared.tables.exemptions import Exemptions

        return Exemptions(self._table("exemptions"))


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


async def create_all(connection: str, prefix: str = "") -> None:
    """Every table is there, under names that begin with `prefix`. For the local stack and tests; in Azure the infrastructure creates them."""
    from azure.core.exceptions import ResourceExistsError
    from azure.data.tables.aio import TableServiceClient

    async with TableServiceClient.from_connection_string(connection) as service:
        for name in TABLES:
            with contextlib.suppress(ResourceExistsError):
                await service.create_table(f"{prefix}{name}")
