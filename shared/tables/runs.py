"""The `runs` table: clean-up runs, what they have read of the directory, and whom they would touch.

Partition `all` has a row for each run. A run's own partition has `e|page` (what was read, packed), `n|partner|chunk` (how many guests were
looked at and would be touched), `c|partner|person` (a candidate with the evidence), `o|number` (whom other products own) and `b|number` (mails of
ours that came back). Partition `denied` has since when a domain is seen to be on the deny list, partition `seen` the properties that a person has
let pass.
"""

import json
import re
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from itertools import batched
from typing import Any

from shared.nouns.messages import REQUEST_ID
from shared.tables.store import MOST_IN_A_TRANSACTION, Delete, Exists, Insert, Merge, Replace, Row, Table, instant

ALL, DENIED, SEEN = "all", "denied", "seen"
# A property holds 32 K characters.
# https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model
MOST_CHARACTERS = 30_000
# Of those that stand in one row with others: half a megabyte at most.
MOST_LINES = 2_000


class RunState(StrEnum):
    """READING the directory, DECIDING on each guest; REPORTED changes nothing, HELD waits for a person, CANARY for the first few guests."""

    READING = "reading"
    DECIDING = "deciding"
    REPORTED = "reported"
    HELD = "held"
    CANARY = "canary"
    SENT = "sent"
    REJECTED = "rejected"
    FAILED = "failed"


UNDER_WAY = frozenset({RunState.READING, RunState.DECIDING})
WAITING = frozenset({RunState.HELD, RunState.CANARY})


@dataclass(frozen=True)
class Run:
    """One clean-up run. `page` counts the messages that it has been carried on by, `cursor` says where it goes on.

    `who` started it; `apply` is False where it only reports. `counts` has guests by what would become of them, and what was read.
    `changers` changed the rules last: they cannot release it. `held` says why it is held. `notes` are what a person should know.
    `strange` are properties never seen before. `decided_by` released or rejected it, `why`.
    """

    id: str
    state: RunState
    started: datetime
    who: str
    apply: bool
    page: int = 0
    cursor: str = ""
    sign_ins: bool = True
    newest: datetime | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    changers: frozenset[str] = frozenset()
    held: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    strange: frozenset[str] = frozenset()
    canary: tuple[str, ...] = ()
    canary_until: datetime | None = None
    decided_by: str = ""
    why: str = ""
    finished: datetime | None = None
    etag: str = field(default="", compare=False)

    @property
    def goes_on(self) -> bool:
        """There is more to be done without a person."""
        going = {RunState.READING, RunState.DECIDING, RunState.CANARY, RunState.SENT}
        return self.state in going and self.finished is None


@dataclass(frozen=True)
class Candidate:
    """A guest whom a run names: what would become of them, by which rule and since when, and the evidence in words.

    `kind` is guest, or member for a B2B member, who is only named. `failed` is the day of their last attempt to sign in, where it failed, `error`
    what the log says of it, and `bounced` the day when our last mail to them came back: suspicions, and no reasons.
    """

    partner: str
    person: str
    user: str
    move: str
    rule: str
    cycle: str
    words: str
    evidence: str
    kind: str = "guest"
    failed: date | None = None
    bounced: date | None = None
    error: str = ""

    @property
    def key(self) -> str:
        return f"{self.partner}|{self.person}"


class Runs:
    def __init__(self, table: Table) -> None:
        self._table = table

    async def begin(self, run: Run) -> bool:
        """The run is on record; False where its id was known."""
        try:
            await self._table.write(Insert(_encoded(run)))
        except Exists:
            return False
        return True

    async def save(self, run: Run) -> Run:
        """The run as given. Raises Changed where somebody has carried it on or decided since it was read."""
        tags = await self._table.write(Replace(_encoded(run), run.etag))
        return replace(run, etag=tags[0])

    async def get(self, name: str) -> Run | None:
        """The run; None for an id that no run can have."""
        if not re.fullmatch(REQUEST_ID, name):
            return None
        row = await self._table.get(ALL, name)
        return None if row is None else _decoded(row)

    async def latest(self) -> list[Run]:
        """Every run, the newest first."""
        return [_decoded(row) async for row in self._table.rows(ALL)][::-1]

    async def last_reading(self) -> Run | None:
        """The newest run that has read the whole directory."""
        return next((run for run in await self.latest() if run.state not in {RunState.READING, RunState.FAILED}), None)

    async def remove(self, run: str) -> None:
        """Nothing of the run is on record; its own row goes last. Bears repetition."""
        for key in [str(row["RowKey"]) async for row in self._table.rows(run, select=("RowKey",))]:
            await self._table.write(Delete(run, key))
        await self._table.write(Delete(ALL, run))

    async def note_page(self, run: str, page: int, lines: Iterable[str]) -> None:
        """What a page of the directory said, one line a guest. Bears repetition."""
        await self._table.write(Merge({"PartitionKey": run, "RowKey": f"e|{page:05}", **_chunked(lines)}))

    async def pages(self, run: str) -> AsyncIterator[str]:
        """The lines of every page."""
        async for row in self._table.rows(run, "e|"):
            for line in _lines(row):
                yield line

    async def note_owned(self, run: str, lines: Iterable[str]) -> None:
        """Whom other products own, one line a user. Bears repetition."""
        for number, some in enumerate(batched(lines, MOST_LINES, strict=False)):
            await self._table.write(Merge({"PartitionKey": run, "RowKey": f"o|{number:05}", **_chunked(some)}))

    async def owned(self, run: str) -> list[str]:
        """The lines of all whom other products own."""
        return [line async for row in self._table.rows(run, "o|") for line in _lines(row)]

    async def note_returned(self, run: str, lines: Iterable[str]) -> None:
        """Which mails of ours came back, one line a mail. Bears repetition."""
        await self._table.write(Merge({"PartitionKey": run, "RowKey": "b|00000", **_chunked(lines)}))

    async def returned(self, run: str) -> list[str]:
        """The lines of all mails that came back."""
        return [line async for row in self._table.rows(run, "b|") for line in _lines(row)]

    async def note_chunk(self, run: str, partner: str, chunk: str, counts: Mapping[str, int]) -> None:
        """What a chunk of a partner's guests came to. Bears repetition."""
        row = {"PartitionKey": run, "RowKey": f"n|{partner}|{chunk}", "counts": json.dumps(counts)}
        await self._table.write(Merge(row))

    async def chunks(self, run: str) -> AsyncIterator[tuple[str, dict[str, int]]]:
        """(partner, counts) of every chunk."""
        async for row in self._table.rows(run, "n|"):
            yield str(row["RowKey"]).split("|")[1], json.loads(row["counts"])

    async def name(self, run: str, candidates: Iterable[Candidate]) -> None:
        """These guests are among the run's. Bears repetition."""
        rows = [
            Merge(
                {
                    "PartitionKey": run,
                    "RowKey": f"c|{one.key}",
                    "user": one.user,
                    "move": one.move,
                    "rule": one.rule,
                    "cycle": one.cycle,
                    "words": one.words,
                    "evidence": one.evidence,
                    "kind": one.kind,
                    "failed": one.failed.isoformat() if one.failed else "",
                    "bounced": one.bounced.isoformat() if one.bounced else "",
                    "error": one.error,
                }
            )
            for one in candidates
        ]
        for start in range(0, len(rows), MOST_IN_A_TRANSACTION):
            await self._table.write(*rows[start : start + MOST_IN_A_TRANSACTION])

    async def candidates(self, run: str, *, behind: str = "", most: int | None = None) -> AsyncIterator[Candidate]:
        """The run's candidates by partner and person: all, or `most` of those behind a key of theirs."""
        async for row in self._table.rows(run, "c|", behind=f"c|{behind}" if behind else "", most=most):
            yield _candidate(row)

    async def candidate(self, run: str, partner: str, person: str) -> Candidate | None:
        row = await self._table.get(run, f"c|{partner}|{person}")
        return None if row is None else _candidate(row)

    async def denied_since(self, domain: str, today: date) -> date:
        """Since when the domain has been seen on the deny list: today, where it was not yet."""
        try:
            await self._table.write(Insert({"PartitionKey": DENIED, "RowKey": domain, "since": today.isoformat()}))
        except Exists:
            row = await self._table.get(DENIED, domain)
            return date.fromisoformat(str(row["since"])) if row is not None else today
        return today

    async def let_pass(self, properties: Iterable[str], who: str) -> None:
        """These properties hold no later run back. Bears repetition."""
        for name in properties:
            await self._table.write(Merge({"PartitionKey": SEEN, "RowKey": _key(name), "name": name, "who": who}))

    async def passed(self) -> frozenset[str]:
        """The properties that a person has let pass."""
        return frozenset([str(row["name"]) async for row in self._table.rows(SEEN)])


def _chunked(lines: Iterable[str]) -> dict[str, str]:
    chunks: list[str] = [""]
    for line in lines:
        if len(chunks[-1]) + len(line) + 1 > MOST_CHARACTERS:
            chunks.append("")
        chunks[-1] += f"{line}\n"
    return {f"e{number:02}": chunk for number, chunk in enumerate(chunks)}


def _lines(row: Row) -> Iterator[str]:
    for key in sorted(key for key in row if key.startswith("e") and key[1:].isdecimal()):
        yield from str(row[key]).splitlines()


def _key(name: str) -> str:
    return "".join(char if char.isalnum() or char in "._-" else "_" for char in name)[:200]


def _encoded(run: Run) -> dict[str, Any]:
    return {
        "PartitionKey": ALL,
        "RowKey": run.id,
        "state": run.state.value,
        "started": instant(run.started),
        "who": run.who,
        "apply": run.apply,
        "page": run.page,
        "cursor": run.cursor,
        "signIns": run.sign_ins,
        "newest": instant(run.newest) if run.newest else "",
        "counts": json.dumps(dict(run.counts)),
        "changers": " ".join(sorted(run.changers)),
        "held": json.dumps(run.held, ensure_ascii=False),
        "notes": json.dumps(run.notes, ensure_ascii=False),
        "strange": json.dumps(sorted(run.strange), ensure_ascii=False),
        "canary": json.dumps(run.canary),
        "canaryUntil": instant(run.canary_until) if run.canary_until else "",
        "decidedBy": run.decided_by,
        "why": run.why,
        "finished": instant(run.finished) if run.finished else "",
    }


def _decoded(row: Row) -> Run:
    def moment(name: str) -> datetime | None:
        return datetime.fromisoformat(str(row[name])) if row.get(name) else None

    return Run(
        id=str(row["RowKey"]),
        state=RunState(row["state"]),
        started=datetime.fromisoformat(str(row["started"])),
        who=str(row["who"]),
        apply=bool(row["apply"]),
        page=int(row["page"]),
        cursor=str(row["cursor"]),
        sign_ins=bool(row["signIns"]),
        newest=moment("newest"),
        counts=json.loads(row["counts"]),
        changers=frozenset(str(row["changers"]).split()),
        held=tuple(json.loads(row["held"])),
        notes=tuple(json.loads(row["notes"])),
        strange=frozenset(json.loads(row["strange"])),
        canary=tuple(json.loads(row["canary"])),
        canary_until=moment("canaryUntil"),
        decided_by=str(row["decidedBy"]),
        why=str(row["why"]),
        finished=moment("finished"),
        etag=str(row["etag"]),
    )


def _candidate(row: Row) -> Candidate:
    _, partner, person = str(row["RowKey"]).split("|")
    words = {name: str(row.get(name, "")) for name in ("user", "move", "rule", "cycle", "words", "evidence", "error")}
    failed, bounced = (date.fromisoformat(str(row[name])) if row.get(name) else None for name in ("failed", "bounced"))
    return Candidate(partner, person, **words, kind=str(row.get("kind") or "guest"), failed=failed, bounced=bounced)
