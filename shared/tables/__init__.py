"""The only code that speaks to Table Storage: one table, one module, questions named in words."""

import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from azure.core.exceptions import ResourceExistsError
from azure.core.pipeline.transport import AioHttpTransport
from azure.data.tables.aio import TableServiceClient

from shared.settings import Settings
from shared.tables.guests import Guests
from shared.tables.pace import Pace
from shared.tables.parked import Parked
from shared.tables.partners import Partners
from shared.tables.people import People
from shared.tables.requests import Requests
from shared.tables.store import TABLES, StoredTable, Table
from shared.tables.tasks import Tasks

# A table call that takes longer than this counts as out of reach; the attempt comes back later.
CONNECT_SECONDS = 5
READ_SECONDS = 15


class Tables:
    """All tables of the app. `table` opens one by its name; `ending` closes what they share."""

    def __init__(self, table: Callable[[str], Table], ending: Callable[[], Awaitable[None]]) -> None:
        self.requests = Requests(table("requests"))
        self.tasks = Tasks(table("tasks"))
        self.partners = Partners(table("partners"))
        self.guests = Guests(table("guests"))
        self.people = People(table("people"))
        self.pace = Pace(table("pace"))
        self.parked = Parked(table("parked"))
        self.close = ending


def connect(settings: Settings, credential: Any = None) -> Tables:
    """The tables in the storage account; `credential` is used where there is no connection string."""
    # Proxy settings and ~/.netrc would be looked up in a thread at every call, which costs more than the call's own work.
    transport = AioHttpTransport(use_env_settings=False, connection_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS)
    options: dict[str, Any] = {"retry_total": 0, "transport": transport}
    if settings.tables:
        service = TableServiceClient.from_connection_string(settings.tables, **options)
    else:
        service = TableServiceClient(settings.tables_endpoint, credential=credential, **options)
    return Tables(lambda name: StoredTable(service, name), service.close)


async def create_all(connection: str) -> None:
    """Every table is there. For the local stack and tests; in Azure the infrastructure creates them."""
    async with TableServiceClient.from_connection_string(connection) as service:
        for name in TABLES:
            with contextlib.suppress(ResourceExistsError):
                await service.create_table(name)
