"""Everything that the tables hold about one person, found in one place, so that nothing is forgotten when they ask for it.

The other modules know one table each. This one knows for every table where a person can be in it; `shared/nouns/holdings.py` names the same
tables, and a test compares.
"""

import base64
import json
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from shared.nouns.holdings import Fate
from shared.tables.guest_index import OTHERS, PARTITION, USER
from shared.tables.heard import PARTITION as HEARD
from shared.tables.heard import PUT_OFF
from shared.tables.store import Delete, Replace, Row, Table

# Words that somebody wrote for this one person, in the details of their tasks.
WRITTEN_FOR_THEM = ("message",)


@dataclass(frozen=True)
class Held:
    """A row about the person, as it stands, and what erasing them does to it. `part` is what of the row is about them, if not all."""

    table: str
    partition: str
    key: str
    fate: Fate
    row: Row = field(repr=False)
    part: Any = field(default=None, repr=False)


class Subjects:
    def __init__(self, table: Callable[[str], Table]) -> None:
        self._table = table

    async def of(self, person: str, address: str, partners: Iterable[str], requests: Iterable[str]) -> AsyncIterator[Held]:
        """Every row about the person, those last by which the others are found. `address` is "" where it is not known.

        `partners` and `requests` are those to look at besides the ones that the `people` table names.
        """
        named = [row async for row in self._table("people").rows(person[:1], person)]
        of = {*partners, *(str(row["partner"]) for row in named if row.get("partner"))}
        by = {*requests, *(str(row["request"]) for row in named if row.get("request"))}
        guests = [row for partner in sorted(of) async for row in self._table("guests").rows(partner, person)]
        users = sorted({str(row["user"]).lower() for row in guests if row.get("user")})
        for request in sorted(by):
            async for held in self._tasks(request, person):
                yield held
            if address and (row := await self._request(request)) and address in str(row.get("header", "")).lower():
                yield _held("requests", row, Fate.KEPT)
        for partner in sorted(of):
            async for held in self._about_guest(partner, person):
                yield held
        async for held in self._runs(sorted(of), person, users):
            yield held
        async for held in self._waiting(person, address):
            yield held
        async for held in self._by_user(users):
            yield held
        for row in guests:
            yield _held("guests", row, Fate.ERASED)
        # The person's own row last of all: it is what names them.
        for row in sorted(named, key=lambda row: str(row["RowKey"]), reverse=True):
            yield _held("people", row, Fate.ERASED)

    async def standing(self, person: str, partner: str) -> AsyncIterator[Held]:
        """The rows that stand for the person as a guest of the partner, without looking through what passes by itself."""
        guests = [row async for row in self._table("guests").rows(partner, person)]
        async for held in self._asked(partner, person):
            yield held
        async for held in self._by_user(sorted({str(row["user"]).lower() for row in guests if row.get("user")})):
            yield held
        for row in guests:
            yield _held("guests", row, Fate.ERASED)
        async for row in self._table("people").rows(person[:1], person):
            yield _held("people", row, Fate.ERASED)

    async def erase(self, held: Held) -> None:
        """The row is as erasing leaves it. Bears repetition; raises Changed where somebody has changed it since it was read."""
        match held.fate:
            case Fate.ERASED:
                await self._table(held.table).write(Delete(held.partition, held.key))
            case Fate.REDACTED:
                row = {key: value for key, value in held.row.items() if key != "etag"} | _redacted(held)
                await self._table(held.table).write(Replace(row, str(held.row["etag"])))
            case Fate.KEPT:
                return

    async def _request(self, request: str) -> Row | None:
        for partition in ("open", "closed"):
            if (row := await self._table("requests").get(partition, request)) is not None:
                return row
        return None

    async def _tasks(self, request: str, person: str) -> AsyncIterator[Held]:
        """Their tasks, the batches that they are in, and the journal of both."""
        table = self._table("tasks")
        pointer = await table.get(request, f"g|{person}")
        if pointer is not None:
            yield _held("tasks", pointer, Fate.KEPT)
        prefix = f"{pointer['cohort']}|" if pointer is not None else ""
        for kind in ("t|", "j|"):
            async for row in table.rows(request, f"{kind}{prefix}"):
                if held := _task(row, person):
                    yield held

    async def _about_guest(self, partner: str, person: str) -> AsyncIterator[Held]:
        async for held in self._asked(partner, person):
            yield held
        async for row in self._table("drift").rows(partner):
            if person in str(row.get("subject", "")):
                yield _held("drift", row, Fate.ERASED)

    async def _asked(self, partner: str, person: str) -> AsyncIterator[Held]:
        """What their sponsors are asked, and whether clean-up leaves them alone."""
        question = await self._table("asks").get(partner, person)
        if question is not None:
            for sponsor in {*str(question["sponsors"]).split(), str(question["proposed"])} - {""}:
                if (row := await self._table("asks").get(f"s|{sponsor}", f"q|{partner}|{person}")) is not None:
                    yield _held("asks", row, Fate.ERASED)
            yield _held("asks", question, Fate.ERASED)
        for home, key in ((partner, person), ("all", f"{partner}|{person}")):
            if (row := await self._table("exemptions").get(home, key)) is not None:
                yield _held("exemptions", row, Fate.ERASED)

    async def _runs(self, partners: list[str], person: str, users: list[str]) -> AsyncIterator[Held]:
        """What clean-up has seen of them, run by run."""
        table = self._table("runs")
        for run in [str(row["RowKey"]) async for row in table.rows("all", select=("RowKey",))]:
            for partner in partners:
                if (row := await table.get(run, f"c|{partner}|{person}")) is not None:
                    yield _held("runs", row, Fate.ERASED)
            async for page in table.rows(run, "e|") if users else _none():
                lines = [line for text in _packed(page).values() for line in text.splitlines() if _names(line, users)]
                if lines:
                    yield Held("runs", str(page["PartitionKey"]), str(page["RowKey"]), Fate.REDACTED, page, lines)

    async def _waiting(self, person: str, address: str) -> AsyncIterator[Held]:
        async for row in self._table("parked").rows("parked"):
            if person in str(row.get("task", "")):
                yield _held("parked", row, Fate.ERASED)
        if address:
            async for row in self._table("people").rows("message"):
                text = base64.b64decode("".join(str(row[key]) for key in sorted(row) if key.startswith("body")))
                if address.encode() in text.lower():
                    yield _held("people", row, Fate.ERASED)

    async def _by_user(self, users: list[str]) -> AsyncIterator[Held]:
        for user in users:
            for prefix in (USER, OTHERS):
                if (row := await self._table("guests").get(PARTITION, f"{prefix}{user}")) is not None:
                    yield _held("guests", row, Fate.ERASED)
            if (row := await self._table("heard").get(HEARD, user)) is not None:
                yield _held("heard", row, Fate.ERASED)
            async for row in self._table("heard").rows(PUT_OFF):
                if user in str(row["body"]):
                    yield _held("heard", row, Fate.ERASED)


def _held(table: str, row: Row, fate: Fate) -> Held:
    return Held(table, str(row["PartitionKey"]), str(row["RowKey"]), fate, row)


def _task(row: Row, person: str) -> Held | None:
    key = str(row["RowKey"])
    theirs = f"|{person}" in key
    if not theirs and not any(f'"{person}"' in str(row.get(name, "")) for name in ("members", "before", "after")):
        return None
    if theirs and key.startswith("t|"):
        written = any(json.loads(str(row.get("details") or "{}")).get(name) for name in WRITTEN_FOR_THEM)
        return _held("tasks", row, Fate.REDACTED if written else Fate.KEPT)
    if theirs:
        return _held("tasks", row, Fate.KEPT)
    # Of a batch, what is about others is nobody else's business.
    part = {name: _only(row.get(name), person) for name in ("outcomes", "before", "after", "wanted") if row.get(name)}
    return Held("tasks", str(row["PartitionKey"]), key, Fate.KEPT, row, {name: value for name, value in part.items() if value})


def _only(text: Any, person: str) -> Any:
    found = json.loads(str(text))
    return {person: found[person]} if isinstance(found, dict) and person in found else None


def _redacted(held: Held) -> dict[str, Any]:
    """The properties of the row that name the person no more."""
    if held.table == "runs":
        gone = set(held.part)
        return {
            name: "".join(f"{line}\n" for line in text.splitlines() if line not in gone)
            for name, text in _packed(held.row).items()
        }
    details = {name: value for name, value in json.loads(str(held.row["details"])).items() if name not in WRITTEN_FOR_THEM}
    return {"details": json.dumps(details, ensure_ascii=False)}


def _packed(row: Row) -> dict[str, str]:
    return {key: str(row[key]) for key in sorted(row) if key.startswith("e") and key[1:].isdecimal()}


def _names(line: str, users: list[str]) -> bool:
    return any(user in line.lower() for user in users)


async def _none() -> AsyncIterator[dict[str, Any]]:
    nothing: tuple[dict[str, Any], ...] = ()
    for row in nothing:
        yield row
