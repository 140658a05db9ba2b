"""The `drift` table: partition = partner, a row for each task that the tenant no longer agrees with, before and after."""

import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from shared.nouns.state import State, Value
from shared.tables.store import Changed, Delete, Exists, Insert, Merge, Replace, Table, instant

OPEN, WAITING, PUTTING_BACK, PUT_BACK, ACCEPTED, OVER = "open", "waits", "putting-back", "put-back", "accepted", "over"
# No tenant id is spelled so.
CURSOR = "compared"
# Under which step a group that was deleted stands.
GROUP = "group"
# What somebody may still have to look at.
UNSETTLED = frozenset({OPEN, WAITING, PUTTING_BACK})


@dataclass(frozen=True)
class Drifted:
    """A task whose subject others have changed.

    `before` is what the task had made so, `after` what is there now, in the keys that differ. `state` is open (reported), waits (putting back
    would widen, or nobody can tell: a person decides), putting-back, put-back, accepted, or over (it is as wanted again). `request`
    and `task` name the task; both are "" for what has none, such as a domain or a group. `by` is who decided, `repair` the request that puts back.
    """

    partner: str
    id: str
    step: str
    subject: str
    request: str
    task: str
    before: State
    after: State
    state: str
    since: datetime
    seen: datetime
    said: str = ""
    by: str = ""
    repair: str = ""
    etag: str = ""


def drift_id(partner: str, step: str, subject: str) -> str:
    """What names the drift of one thing: the same for every request that has asked for it."""
    return hashlib.sha256(f"{partner}\n{step}\n{subject}".encode()).hexdigest()[:20]


class DriftTable:
    def __init__(self, table: Table) -> None:
        self._table = table

    async def get(self, partner: str, name: str) -> Drifted | None:
        row = await self._table.get(partner, name)
        return None if row is None else _decoded(row)

    async def of_partner(self, partner: str) -> AsyncIterator[Drifted]:
        """All drift of the partner that was ever seen, in the order of its ids."""
        async for row in self._table.rows(partner):
            yield _decoded(row)

    async def save(self, drifted: Drifted) -> Drifted:
        """The row as given. Raises Changed where somebody has changed it since it was read, or made it meanwhile."""
        row = _encoded(drifted)
        try:
            tags = await self._table.write(Replace(row, drifted.etag) if drifted.etag else Insert(row))
        except Exists as error:
            raise Changed(drifted.id) from error
        return replace(drifted, etag=tags[0])

    async def remove(self, partner: str, name: str) -> None:
        """It is on record no more. Bears repetition."""
        await self._table.write(Delete(partner, name))

    async def cursor(self, power: str) -> str:
        """The partner that an app of this power has compared last; "" where none was."""
        row = await self._table.get(CURSOR, power)
        return "" if row is None else str(row["partner"])

    async def move_cursor(self, power: str, partner: str) -> None:
        """The next run begins behind this partner."""
        await self._table.write(Merge({"PartitionKey": CURSOR, "RowKey": power, "partner": partner}))


def _encoded(drifted: Drifted) -> dict[str, Any]:
    return {
        "PartitionKey": drifted.partner,
        "RowKey": drifted.id,
        "step": drifted.step,
        "subject": drifted.subject,
        "request": drifted.request,
        "task": drifted.task,
        "before": json.dumps(dict(drifted.before), ensure_ascii=False),
        "after": json.dumps(dict(drifted.after), ensure_ascii=False),
        "state": drifted.state,
        "since": instant(drifted.since),
        "seen": instant(drifted.seen),
        "said": drifted.said[:8_000],
        "by": drifted.by,
        "repair": drifted.repair,
    }


def _decoded(row: Mapping[str, Any]) -> Drifted:
    return Drifted(
        partner=str(row["PartitionKey"]),
        id=str(row["RowKey"]),
        step=str(row["step"]),
        subject=str(row["subject"]),
        request=str(row["request"]),
        task=str(row["task"]),
        before=_state(row["before"]),
        after=_state(row["after"]),
        state=str(row["state"]),
        since=datetime.fromisoformat(str(row["since"])),
        seen=datetime.fromisoformat(str(row["seen"])),
        said=str(row["said"]),
        by=str(row["by"]),
        repair=str(row["repair"]),
        etag=str(row["etag"]),
    )


def _state(text: Any) -> dict[str, Value]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in json.loads(text).items()}
