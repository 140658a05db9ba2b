"""How every table is really spoken to: one client, vendor answers turned into words of ours.

Retries are off: an attempt that cannot reach the tables comes back later instead of sleeping in a function.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import AzureError, HttpResponseError, ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.data.tables import TableTransactionError, UpdateMode
from azure.data.tables.aio import TableClient, TableServiceClient

from shared.http1.pool import Patience
from shared.nouns.outcomes import NotYet
from shared.settings import Settings
from shared.tables.store import Changed, Delete, Exists, Insert, Merge, Replace, Write
from shared.tables.transport import Transport

OUT_OF_REACH_SECONDS = 5.0
# A table call that takes longer than this counts as out of reach; the attempt comes back later.
CONNECT_SECONDS = 5
READ_SECONDS = 15


def open_service(settings: Settings, credential: Any = None) -> TableServiceClient:
    """The client of the storage account; `credential` is used where there is no connection string."""
    options: dict[str, Any] = {"retry_total": 0, "transport": Transport(Patience(CONNECT_SECONDS, READ_SECONDS))}
    if settings.tables:
        return TableServiceClient.from_connection_string(settings.tables, **options)
    return TableServiceClient(settings.tables_endpoint, credential=credential, **options)


class StoredTable:
    """A table in an Azure storage account (or in Azurite)."""

    def __init__(self, service: TableServiceClient, name: str) -> None:
        self._client: TableClient = service.get_table_client(name)
        self._name = name

    async def get(self, partition: str, key: str) -> dict[str, Any] | None:
        try:
            entity = await self._client.get_entity(partition, key)
        except ResourceNotFoundError:
            return None
        except AzureError as error:
            raise _translated(error, self._name) from error
        return {**entity, "etag": entity.metadata["etag"]}

    async def write(self, *writes: Write) -> list[str]:
        try:
            if len(writes) == 1:
                # A transaction of one costs the same effect three times the work, on both sides.
                return [await self._write_one(writes[0])]
            answers = await self._client.submit_transaction([_operation(write) for write in writes])
        except TableTransactionError as error:
            raise _translated(error, self._name) from error
        except AzureError as error:
            raise _translated(error, self._name) from error
        return [str(answer.get("etag", "")) for answer in answers]

    async def _write_one(self, write: Write) -> str:
        answer: Mapping[str, Any]
        match write:
            case Insert(row=row):
                answer = await self._client.create_entity(dict(row))
            case Merge(row=row):
                answer = await self._client.upsert_entity(dict(row), mode=UpdateMode.MERGE)
            case Replace(row=row, etag=etag):
                condition = MatchConditions.IfNotModified
                answer = await self._client.update_entity(
                    dict(row), mode=UpdateMode.REPLACE, etag=etag, match_condition=condition
                )
            case Delete(partition=partition, key=key):
                await self._client.delete_entity(partition, key)
                answer = {}
        return str(answer.get("etag", ""))

    async def rows(
        self,
        partition: str,
        prefix: str = "",
        *,
        most: int | None = None,
        select: Sequence[str] | None = None,
        where: str = "",
        behind: str = "",
    ) -> AsyncIterator[dict[str, Any]]:
        # The first key that no longer begins so: '~' sorts behind every character that our keys use.
        ends = f" and RowKey ge '{_quoted(prefix)}' and RowKey lt '{_quoted(prefix)}~'" if prefix else ""
        query = f"PartitionKey eq '{_quoted(partition)}'{ends}" + (f" and ({where})" if where else "")
        if behind:
            query += f" and RowKey gt '{_quoted(behind)}'"
        seen = 0
        try:
            async for entity in self._client.query_entities(
                query, results_per_page=most, select=list(select) if select else None
            ):
                yield {**entity, "etag": entity.metadata["etag"]}
                seen += 1
                if most is not None and seen == most:
                    return
        except AzureError as error:
            raise _translated(error, self._name) from error


def _quoted(text: str) -> str:
    return text.replace("'", "''")


def _operation(write: Write) -> Any:
    match write:
        case Insert(row=row):
            return ("create", dict(row))
        case Merge(row=row):
            return ("upsert", dict(row), {"mode": UpdateMode.MERGE})
        case Replace(row=row, etag=etag):
            return (
                "update",
                dict(row),
                {"mode": UpdateMode.REPLACE, "etag": etag, "match_condition": MatchConditions.IfNotModified},
            )
        case Delete(key=key):
            raise ValueError(f"deleting {key} stands alone")


def _translated(error: AzureError, table: str) -> Exception:
    if isinstance(error, HttpResponseError) and error.status_code is not None:
        code = str(getattr(error, "error_code", "") or "")
        if isinstance(error, ResourceExistsError) or code == "EntityAlreadyExists":
            return Exists(table)
        if isinstance(error, ResourceModifiedError | ResourceNotFoundError) or code in {
            "UpdateConditionNotSatisfied",
            "ResourceNotFound",
        }:
            return error if code == "TableNotFound" else Changed(table)
        if error.status_code < 500 and error.status_code not in {408, 429}:
            return error
    return NotYet(f"table {table} is out of reach ({type(error).__name__})", after=OUT_OF_REACH_SECONDS, effect_unknown=True)
