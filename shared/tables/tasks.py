"""The `tasks` table: partition = request. Rows of four kinds share it, so that what belongs together is one transaction.

`t|cohort|step|subject` tasks, `j|cohort|step|subject|attempt|n` journal entries, `o|cohort` marks of cohorts that are not
settled yet, `g|person` the cohort a person is in, `p|part` the parts of the request.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import batched

from shared.nouns.person import PERSON_ID
from shared.nouns.task import Task, TaskState
from shared.tables.store import MOST_IN_A_TRANSACTION, Changed, Delete, Exists, Insert, Merge, Replace, Row, Table, Write, instant
from shared.tables.task_rows import OUTLINE, JournalEntry, decoded, encoded, entry, journal_row, outlined

DELETED_AT_ONCE = 20


class Tasks:
    """Questions about the tasks of a request, and the only way to change them."""

    def __init__(self, table: Table) -> None:
        self._table = table

    async def insert_cohort(
        self, request: str, cohort: str, tasks: Iterable[Task], *, persons: Iterable[str] = (), mark_open: bool
    ) -> bool:
        """The cohort's tasks are there, with a pointer from each of `persons`. False where any of it was there before."""
        rows: list[Write] = [Insert(encoded(task)) for task in tasks]
        rows += [Insert({"PartitionKey": request, "RowKey": f"g|{person}", "cohort": cohort}) for person in persons]
        if mark_open:
            rows.append(Insert({"PartitionKey": request, "RowKey": f"o|{cohort}"}))
        try:
            await self._table.write(*rows)
        except Exists:
            return False
        return True

    async def cohort_of_person(self, request: str, person: str) -> str | None:
        """The cohort that holds the person's tasks in this request."""
        row = await self._table.get(request, f"g|{person}")
        return None if row is None else str(row["cohort"])

    async def get(self, request: str, key: str) -> Task | None:
        row = await self._table.get(request, key)
        return None if row is None else decoded(row)

    async def save(self, task: Task, *entries: JournalEntry, new: Iterable[Task] = (), opens: bool = False) -> Task:
        """The task as given, its journal entries and any `new` tasks of its partition, in one transaction.

        Raises Changed where the row is no longer as it was read.
        """
        writes: list[Write] = [Replace(encoded(task), task.etag)]
        writes += [Insert(journal_row(task, item, number)) for number, item in enumerate(entries)]
        writes += [Insert(encoded(other)) for other in new]
        if opens:
            writes.append(Merge({"PartitionKey": task.request, "RowKey": f"o|{task.cohort}"}))
        try:
            etags = await self._table.write(*writes)
        except Exists as error:
            raise Changed(task.key) from error
        return replace(task, etag=etags[0])

    async def restore(self, request: str, tasks: Iterable[Task], entries: Mapping[str, Row]) -> int:
        """Those of the tasks, and of the journal's rows by key, that are not there are there again; how many were not. What is there stays."""
        there = await self.keys(request)
        tasks = tuple(tasks)
        missing: dict[str, Row] = {task.key: encoded(task) for task in tasks}
        missing |= {
            f"g|{task.subject}": {"PartitionKey": request, "RowKey": f"g|{task.subject}", "cohort": task.cohort}
            for task in tasks
            if PERSON_ID.fullmatch(task.subject) and not task.reverses
        }
        missing |= {key: {**row, "PartitionKey": request, "RowKey": key} for key, row in entries.items()}
        rows = [row for key, row in missing.items() if key not in there]
        for some in batched(rows, MOST_IN_A_TRANSACTION, strict=False):
            await self._table.write(*(Merge(row) for row in some))
        return len(rows)

    async def keys(self, request: str) -> set[str]:
        """The keys of all rows of the request."""
        return {str(row["RowKey"]) async for row in self._table.rows(request, select=("RowKey",))}

    async def subjects(self, request: str, most: int) -> dict[str, str]:
        """Whom or what the first tasks of the request are about, at most so many, by the key of the task."""
        rows = self._table.rows(request, "t|", most=most, select=("RowKey", "subject"))
        return {str(row["RowKey"]): str(row["subject"]) async for row in rows}

    async def remove(self, request: str, keys: Iterable[str]) -> None:
        """These rows of the request are gone. Bears repetition."""
        for some in batched(keys, DELETED_AT_ONCE, strict=False):
            await asyncio.gather(*(self._table.write(Delete(request, key)) for key in some))

    async def some_keys(self, request: str, most: int) -> list[str]:
        """The keys of the request's first rows, of whatever kind."""
        return [str(row["RowKey"]) async for row in self._table.rows(request, most=most, select=("RowKey",))]

    async def cohort(self, request: str, cohort: str) -> list[Task]:
        """Every task of the cohort."""
        return [decoded(row) async for row in self._table.rows(request, f"t|{cohort}|")]

    async def outline(self, request: str, cohort: str) -> list[Task]:
        """Every task of the cohort with just what readiness is decided by: step, subject, state, attempt, members, group."""
        return [outlined(row) async for row in self._table.rows(request, f"t|{cohort}|", select=OUTLINE)]

    async def all(
        self, request: str, *, behind: str = "", most: int | None = None, state: TaskState | None = None
    ) -> AsyncIterator[Task]:
        """The tasks of the request in key order, page by page: all, or `most` of those behind a key; in one `state`, where it is given."""
        where = "" if state is None else f"state eq '{state.value}'"
        async for row in self._table.rows(request, "t|", behind=behind, most=most, where=where):
            yield decoded(row)

    async def keys_of(self, request: str, step: str) -> AsyncIterator[str]:
        """The keys of the request's tasks of this step, without reading them."""
        async for row in self._table.rows(request, "t|", select=("RowKey", "step")):
            if row["step"] == step:
                yield str(row["RowKey"])

    async def states(self, request: str) -> AsyncIterator[tuple[str, TaskState]]:
        """(step, state) of every task, without reading the rest of it."""
        async for row in self._table.rows(request, "t|", select=("step", "state")):
            yield str(row["step"]), TaskState(row["state"])

    async def progress(self, request: str) -> Counter[tuple[str, bool, TaskState]]:
        """How many tasks there are of a step, taken back or not, in each state, without reading the rest of them."""
        rows = self._table.rows(request, "t|", select=("step", "state", "reverses"))
        return Counter([(str(row["step"]), bool(row.get("reverses")), TaskState(row["state"])) async for row in rows])

    async def untouched_since(self, request: str, at: datetime) -> AsyncIterator[Task]:
        """Tasks that are ready, or wait, and that nothing has touched since `at`."""
        where = f"(state eq 'ready' or state eq 'waiting') and touched lt '{instant(at)}'"
        async for row in self._table.rows(request, "t|", where=where):
            yield decoded(row)

    async def journal(self, request: str, task: Task) -> list[JournalEntry]:
        """The journal entries of one task, oldest first."""
        prefix = f"j|{task.key.removeprefix('t|')}|"
        return [entry(row) async for row in self._table.rows(request, prefix)]

    async def close_cohort(self, request: str, cohort: str) -> None:
        """The cohort no longer counts as open. Bears repetition."""
        await self._table.write(Delete(request, f"o|{cohort}"))

    async def open_cohorts(self, request: str) -> list[str]:
        """The cohorts of the request that count as open."""
        return [str(row["RowKey"]).removeprefix("o|") async for row in self._table.rows(request, "o|")]

    async def is_cohort_open(self, request: str, cohort: str) -> bool:
        """The cohort counts as open."""
        return await self._table.get(request, f"o|{cohort}") is not None

    async def is_open(self, request: str) -> bool:
        """A cohort of the request is not settled yet."""
        async for _ in self._table.rows(request, "o|", most=1):
            return True
        return False

    async def expect_parts(self, request: str, parts: int) -> None:
        """There is a row for each part, so that nobody takes the request for finished before the last has come."""
        rows = [
            Insert({"PartitionKey": request, "RowKey": f"p|{n:03}", "accepted": False, "digest": ""}) for n in range(1, parts + 1)
        ]
        for start in range(0, len(rows), MOST_IN_A_TRANSACTION):
            try:
                await self._table.write(*rows[start : start + MOST_IN_A_TRANSACTION])
            except Exists:
                continue

    async def part_digest(self, request: str, part: int) -> str:
        """The digest of the content that was first seen as this part; empty where none was."""
        row = await self._table.get(request, f"p|{part:03}")
        return "" if row is None else str(row["digest"])

    async def note_part(self, request: str, part: int, digest: str, *, accepted: bool) -> None:
        """The part's content is on record, and whether all its tasks are."""
        await self._table.write(
            Merge({"PartitionKey": request, "RowKey": f"p|{part:03}", "digest": digest, "accepted": accepted})
        )

    async def all_parts_accepted(self, request: str) -> bool:
        return not await self.missing_parts(request)

    async def missing_parts(self, request: str) -> list[int]:
        """The numbers of the parts that have not been accepted yet."""
        rows = self._table.rows(request, "p|")
        return [int(str(row["RowKey"]).removeprefix("p|")) async for row in rows if not row["accepted"]]
