"""What leads from an object of the directory to the guests it concerns: rows of a partition of their own in the `guests` table.

One partition, so that what a cohort of twenty guests adds to it is one transaction; 2,000 rows a second may be written to a
partition, many times the pace of invitations. https://learn.microsoft.com/azure/storage/tables/scalability-targets
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.tables.store import MOST_IN_A_TRANSACTION, Delete, Merge, Table, instant

# No tenant id is spelled so.
PARTITION = "index"
# How soon a process knows of sponsors whom another one has noted.
SPONSORS_SEEN = timedelta(seconds=60)
USER, SPONSOR, GROUP, MANAGER, LEAVER, OTHERS = "u|", "s|", "g|", "m|", "l|", "o|"


@dataclass(frozen=True)
class Place:
    """Where a guest stands in the `guests` table."""

    partner: str
    person: str


@dataclass(frozen=True)
class Leaver:
    """A sponsor who can answer for nobody since then. `why` is disabled or gone."""

    sponsor: str
    since: datetime
    why: str


class GuestIndex:
    def __init__(self, table: Table) -> None:
        self._table = table
        self._sponsors: frozenset[str] = frozenset()
        self._noted: set[str] = set()
        self._looked: datetime | None = None
        self._looking = asyncio.Lock()

    async def note(
        self, partner: str, users: Mapping[str, str], *, sponsors: Collection[str] = (), groups: Collection[str] = ()
    ) -> None:
        """These users (person id by object id) are guests of the partner, and these are who stands for them and the groups that they
        are in. Bears repetition."""
        rows: list[dict[str, Any]] = [
            {"PartitionKey": PARTITION, "RowKey": f"{USER}{user.lower()}", "partner": partner, "person": person}
            for user, person in users.items()
            if user
        ]
        for prefix, found in ((SPONSOR, sponsors), (GROUP, groups)):
            rows += [{"PartitionKey": PARTITION, "RowKey": f"{prefix}{one.lower()}|{partner}"} for one in sorted(set(found))]
        for start in range(0, len(rows), MOST_IN_A_TRANSACTION):
            await self._table.write(*(Merge(row) for row in rows[start : start + MOST_IN_A_TRANSACTION]))
        self._noted.update(sponsor.lower() for sponsor in sponsors)

    async def place(self, user: str) -> Place | None:
        """Whose guest the user is, or None where no process of ours knows them."""
        row = await self._table.get(PARTITION, f"{USER}{user.lower()}")
        return None if row is None else Place(str(row["partner"]), str(row["person"]))

    async def users(self, digit: str = "") -> AsyncIterator[str]:
        """The object ids of all guests whom we know; with `digit`, of those whose id begins with it."""
        async for row in self._table.rows(PARTITION, f"{USER}{digit}", select=("RowKey",)):
            yield str(row["RowKey"]).removeprefix(USER)

    async def partners_of_sponsor(self, sponsor: str) -> tuple[str, ...]:
        """The partners that the person stands, or once stood, for guests of."""
        return await self._behind(f"{SPONSOR}{sponsor.lower()}|")

    async def is_sponsor(self, user: str, now: datetime) -> bool:
        """The person stands, or once stood, for guests, by what this process has noted, and all others had at most a minute before."""
        async with self._looking:
            if self._looked is None or now - self._looked >= SPONSORS_SEEN:
                # Who is noted while this is read may not be in it.
                self._noted.clear()
                self._sponsors = frozenset(await self.sponsors())
                self._looked = now
        return user.lower() in self._sponsors or user.lower() in self._noted

    async def partners_of_group(self, group: str) -> tuple[str, ...]:
        """The partners whose guests were put into the group."""
        return await self._behind(f"{GROUP}{group.lower()}|")

    async def sponsors(self) -> tuple[str, ...]:
        """Everybody who stands, or once stood, for a guest."""
        return await self._named(SPONSOR)

    async def groups(self) -> tuple[str, ...]:
        """Every group that requests have put guests into."""
        return await self._named(GROUP)

    async def keep_manager(self, sponsor: str, manager: str, at: datetime) -> None:
        """The sponsor's manager is on record, for the time when the directory does not know it any more."""
        row = {"PartitionKey": PARTITION, "RowKey": f"{MANAGER}{sponsor.lower()}", "manager": manager.lower(), "at": instant(at)}
        await self._table.write(Merge(row))

    async def manager(self, sponsor: str) -> str:
        """The manager that the sponsor last had, or "" where none was ever seen."""
        row = await self._table.get(PARTITION, f"{MANAGER}{sponsor.lower()}")
        return "" if row is None else str(row["manager"])

    async def leaver(self, sponsor: str) -> Leaver | None:
        row = await self._table.get(PARTITION, f"{LEAVER}{sponsor.lower()}")
        return None if row is None else _leaver(row)

    async def note_leaver(self, leaver: Leaver) -> None:
        """The leaver stands on record as given. Bears repetition."""
        row = {"PartitionKey": PARTITION, "RowKey": f"{LEAVER}{leaver.sponsor.lower()}", "since": instant(leaver.since)}
        await self._table.write(Merge({**row, "why": leaver.why}))

    async def forget_leaver(self, sponsor: str) -> None:
        """They stand for their guests again, or nobody is left for them to stand for. Bears repetition."""
        await self._table.write(Delete(PARTITION, f"{LEAVER}{sponsor.lower()}"))

    async def leavers(self) -> tuple[Leaver, ...]:
        """Every sponsor who is away, in the order of their ids."""
        return tuple([_leaver(row) async for row in self._table.rows(PARTITION, LEAVER)])

    async def leave_alone(self, user: str, owner: str) -> None:
        """The guest belongs to another product, which follows them itself. Bears repetition."""
        await self._table.write(Merge({"PartitionKey": PARTITION, "RowKey": f"{OTHERS}{user.lower()}", "owner": owner}))

    async def is_left_alone(self, user: str) -> bool:
        return await self._table.get(PARTITION, f"{OTHERS}{user.lower()}") is not None

    async def _named(self, prefix: str) -> tuple[str, ...]:
        rows = self._table.rows(PARTITION, prefix, select=("RowKey",))
        return tuple(dict.fromkeys([str(row["RowKey"]).split("|")[1] async for row in rows]))

    async def _behind(self, prefix: str) -> tuple[str, ...]:
        rows = self._table.rows(PARTITION, prefix, select=("RowKey",))
        return tuple([str(row["RowKey"]).removeprefix(prefix) async for row in rows])


def _leaver(row: Mapping[str, Any]) -> Leaver:
    sponsor = str(row["RowKey"]).removeprefix(LEAVER)
    return Leaver(sponsor, datetime.fromisoformat(str(row["since"])), str(row["why"]))
