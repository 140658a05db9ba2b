"""The `partners` table: one row a partner; its `running` property is the one place that lets one request run at a time."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from shared.nouns.partner import Partner
from shared.tables.store import Changed, Delete, Exists, Insert, Merge, Replace, Table, instant

ROW = "partner"
REQUEST = "r|"
# In place of a request, while a partner is put on record again. No request has such an id.
RESTORING = "(restoring)"
# A partition of its own names every partner, because rows are found by partition alone. No tenant id is spelled so.
INDEX = "all"


@dataclass(frozen=True)
class PartnerRow:
    """`running` is the request whose turn it is, if any; `rested` when the last turn was given back."""

    partner: Partner
    running: str
    rested: datetime | None
    etag: str


class Partners:
    def __init__(self, table: Table) -> None:
        self._table = table

    async def get(self, tenant_id: str) -> PartnerRow | None:
        row = await self._table.get(tenant_id, ROW)
        if row is None:
            return None
        domains = tuple(str(row["domains"]).split())
        rested = datetime.fromisoformat(str(row["rested"])) if row.get("rested") else None
        return PartnerRow(Partner(tenant_id, str(row["name"]), domains), str(row["running"]), rested, str(row["etag"]))

    async def all(self) -> list[str]:
        """The tenant ids of every partner that a request was about."""
        return [str(row["RowKey"]) async for row in self._table.rows(INDEX)]

    async def of_domains(self, domains: Collection[str]) -> dict[str, list[str]]:
        """Those of the domains that partners on record have, by tenant id."""
        found: dict[str, list[str]] = {}
        async for row in self._table.rows(INDEX):
            tenant, listed = str(row["RowKey"]), row.get("domains")
            if listed is None:
                # None of its requests has run since the list has them.
                known = await self.get(tenant)
                listed = " ".join(known.partner.domains) if known is not None else ""
            if theirs := [domain for domain in domains if domain in str(listed).split()]:
                found[tenant] = theirs
        return found

    async def take(self, partner: Partner, request: str) -> str:
        """The id of the request that runs for the partner: `request` itself where none did.

        Of several that try at once, one wins and the others are told which. Domains that earlier requests named are kept.
        """
        while True:
            known = await self.get(partner.tenant_id)
            if known is not None and known.running:
                return known.running
            domains = dict.fromkeys((*(known.partner.domains if known else ()), *partner.domains))
            taken = Partner(partner.tenant_id, partner.name, tuple(domains))
            row = _row(taken, running=request, rested=known.rested if known else None)
            await self._table.write(Merge({"PartitionKey": INDEX, "RowKey": partner.tenant_id, "domains": " ".join(domains)}))
            try:
                await self._table.write(Replace(row, known.etag) if known else Insert(row))
            except (Changed, Exists):
                continue
            return request

    async def restore(self, partner: Partner, at: datetime) -> None:
        """The partner is on record with these domains besides those that are, and no request runs for them where none did. Bears repetition."""
        if await self.take(partner, RESTORING) == RESTORING:
            await self.release(partner.tenant_id, RESTORING, at)

    async def note_request(self, tenant_id: str, request: str, received: datetime) -> None:
        """The request is among the partner's, and the partner on record. Bears repetition."""
        # First, so that nobody who has requests is missing from the list.
        await self._table.write(Merge({"PartitionKey": INDEX, "RowKey": tenant_id}))
        row = {"PartitionKey": tenant_id, "RowKey": f"{REQUEST}{request}", "received": instant(received)}
        await self._table.write(Merge(row))

    async def drop_request(self, tenant_id: str, request: str) -> None:
        """The request is among the partner's no more. Bears repetition."""
        await self._table.write(Delete(tenant_id, f"{REQUEST}{request}"))

    async def requests_of(self, tenant_id: str) -> list[str]:
        """The ids of the partner's requests, the latest first."""
        rows = [
            (str(row["received"]), str(row["RowKey"]).removeprefix(REQUEST)) async for row in self._table.rows(tenant_id, REQUEST)
        ]
        return [name for _, name in sorted(rows, reverse=True)]

    async def release(self, tenant_id: str, request: str, at: datetime) -> None:
        """`request` no longer runs for the partner, since then. Bears repetition; another's turn is left alone."""
        known = await self.get(tenant_id)
        if known is None or known.running != request:
            return
        try:
            await self._table.write(Replace(_row(known.partner, running="", rested=at), known.etag))
        except Changed:
            await self.release(tenant_id, request, at)


def _row(partner: Partner, *, running: str, rested: datetime | None) -> dict[str, str]:
    return {
        "PartitionKey": partner.tenant_id,
        "RowKey": ROW,
        "name": partner.name,
        "domains": " ".join(partner.domains),
        "running": running,
        "rested": instant(rested) if rested else "",
    }
