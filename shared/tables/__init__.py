"""The only code that speaks to Table Storage: one table, one module, questions named in words."""

import contextlib
from typing import Any

from azure.core.exceptions import ResourceExistsError
from azure.data.tables.aio import TableServiceClient

from shared.settings import Settings
from shared.tables.guests import Guests
from shared.tables.pace import Pace
from shared.tables.parked import Parked
from shared.tables.partners import Partners
from shared.tables.people import People
from shared.tables.requests import Requests
from shared.tables.store import TABLES, Table
from shared.tables.tasks import Tasks

# A table call that takes longer than this counts as out of reach; the attempt comes back later.
CONNECT_SECONDS = 5
READ_SECONDS = 15


class Tables:
    """All tables of the app behind one client; `credential` is used where there is no connection string."""

    def __init__(self, settings: Settings, credential: Any = None) -> None:
        options: dict[str, Any] = {"retry_total": 0, "connection_timeout": CONNECT_SECONDS, "read_timeout": READ_SECONDS}
        if settings.tables:
            self.service = TableServiceClient.from_connection_string(settings.tables, **options)
        else:
            self.service = TableServiceClient(settings.tables_endpoint, credential=credential, **options)
        self.requests = Requests(Table(self.service, "requests"))
        self.tasks = Tasks(Table(self.service, "tasks"))
        self.partners = Partners(Table(self.service, "partners"))
        self.guests = Guests(Table(self.service, "guests"))
        self.people = People(Table(self.service, "people"))
        self.pace = Pace(Table(self.service, "pace"))
        self.parked = Parked(Table(self.service, "parked"))

    async def close(self) -> None:
        await self.service.close()


async def create_all(connection: str) -> None:
    """Every table is there. For the local stack and tests; in Azure the infrastructure creates them."""
    async with TableServiceClient.from_connection_string(connection) as service:
        for name in TABLES:
            with contextlib.suppress(ResourceExistsError):
                await service.create_table(name)
