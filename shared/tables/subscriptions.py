"""The `subscriptions` table: what we are subscribed to, the canaries, and what was heard and dropped.

A subscription's secret is not in it: it is derived from a random salt here and a key that is a setting.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from shared.tables.store import Changed, Delete, Exists, Insert, Merge, Replace, Row, Table, instant

SUBSCRIPTION, CANARY, COUNTS = "subscription", "canary", "counts"
type Resource = Literal["users", "groups"]
RESOURCES: tuple[Resource, ...] = ("users", "groups")
MOST_TRIES = 5


@dataclass(frozen=True)
class Kept:
    """Our subscription to `resource`. Without an `id` it is about to be made, or was and we did not hear.

    `salt` and `key` (a fingerprint of the key, not the key) are what its client state is derived from; `former` is the id of the
    one that it replaces, `problem` why it could not be looked after the last time.
    """

    resource: Resource
    url: str
    salt: str
    key: str
    since: datetime
    id: str = ""
    expires: datetime | None = None
    former: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Canary:
    """`sent` is when the change that is waited for was made, `heard` when a notification told of it, `delay` in seconds."""

    kind: str
    sent: datetime
    heard: datetime | None = None
    delay: float | None = None
    by_delta: datetime | None = None
    problem: str = ""


class Subscriptions:
    def __init__(self, table: Table) -> None:
        self._table = table

    async def all(self) -> list[Kept]:
        """Every subscription that we keep."""
        return [_kept(row) async for row in self._table.rows(SUBSCRIPTION)]

    async def get(self, resource: Resource) -> Kept | None:
        row = await self._table.get(SUBSCRIPTION, resource)
        return None if row is None else _kept(row)

    async def save(self, kept: Kept) -> None:
        """The subscription is known as it is now."""
        row = {
            "PartitionKey": SUBSCRIPTION,
            "RowKey": kept.resource,
            "url": kept.url,
            "salt": kept.salt,
            "key": kept.key,
            "since": instant(kept.since),
            "id": kept.id,
            "expires": _written(kept.expires),
            "former": kept.former,
            "problem": kept.problem[:8_000],
        }
        await self._table.write(Merge(row))

    async def forget(self, resource: Resource) -> None:
        """We keep no subscription to the resource. Bears repetition."""
        await self._table.write(Delete(SUBSCRIPTION, resource))

    async def canary(self, kind: str) -> Canary | None:
        row = await self._table.get(CANARY, kind)
        if row is None:
            return None
        return Canary(
            kind=kind,
            sent=datetime.fromisoformat(str(row["sent"])),
            heard=_read(row, "heard"),
            delay=None if row.get("delay") in {None, ""} else float(str(row["delay"])),
            by_delta=_read(row, "byDelta"),
            problem=str(row.get("problem", "")),
        )

    async def save_canary(self, canary: Canary) -> None:
        """The canary is known as it is now."""
        row = {
            "PartitionKey": CANARY,
            "RowKey": canary.kind,
            "sent": instant(canary.sent),
            "heard": _written(canary.heard),
            "delay": "" if canary.delay is None else str(canary.delay),
            "byDelta": _written(canary.by_delta),
            "problem": canary.problem[:8_000],
        }
        await self._table.write(Merge(row))

    async def count(self, numbers: Mapping[str, int], last: datetime | None, delay: float | None) -> None:
        """The numbers are added to those on record; `last` is when a notification was heard, `delay` how late it was (seconds).

        Raises Changed where too many others count at the same time.
        """
        for _ in range(MOST_TRIES):
            row = await self._table.get(COUNTS, COUNTS)
            new: dict[str, Any] = {"PartitionKey": COUNTS, "RowKey": COUNTS, **_plain(row)}
            for name, number in numbers.items():
                new[name] = int(new.get(name, 0)) + number
            if last is not None:
                new["lastEvent"] = max(str(new.get("lastEvent", "")), instant(last))
            if delay is not None:
                new["lastDelay"] = str(round(delay, 1))
            try:
                await self._table.write(Insert(new) if row is None else Replace(new, str(row["etag"])))
            except (Changed, Exists):
                continue
            return
        raise Changed(COUNTS)

    async def counts(self) -> tuple[dict[str, int], datetime | None, float | None]:
        """What was counted, when a notification was heard last, and how late that was (seconds)."""
        row = _plain(await self._table.get(COUNTS, COUNTS))
        last, delay = row.pop("lastEvent", ""), row.pop("lastDelay", "")
        numbers = {name: int(value) for name, value in row.items()}
        return numbers, datetime.fromisoformat(last) if last else None, float(delay) if delay else None


def _plain(row: Row | None) -> dict[str, Any]:
    return {name: value for name, value in (row or {}).items() if name not in {"PartitionKey", "RowKey", "etag"}}


def _written(moment: datetime | None) -> str:
    return "" if moment is None else instant(moment)


def _read(row: Row, name: str) -> datetime | None:
    return datetime.fromisoformat(str(row[name])) if row.get(name) else None


def _kept(row: Row) -> Kept:
    return Kept(
        resource="users" if row["RowKey"] == "users" else "groups",
        url=str(row["url"]),
        salt=str(row["salt"]),
        key=str(row["key"]),
        since=datetime.fromisoformat(str(row["since"])),
        id=str(row["id"]),
        expires=_read(row, "expires"),
        former=str(row.get("former", "")),
        problem=str(row.get("problem", "")),
    )
