"""How tasks and journal entries stand in rows of the `tasks` table."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.nouns.state import State, Value
from shared.nouns.step import Intent
from shared.nouns.task import Seen, Sight, Task, TaskState, cohort_of
from shared.tables.store import Row, instant

# What `outlined` needs of a row.
OUTLINE = ("PartitionKey", "RowKey", "step", "subject", "state", "attempt", "members", "group", "reverses")


@dataclass(frozen=True)
class JournalEntry:
    """What an attempt was about to do (`intent`) or did (`outcome`, `undo`), and on whose wish.

    `intended` is when an outcome was begun whose intent has no entry of its own: the same change, carried out by the same attempt.
    """

    kind: str
    attempt: int
    at: datetime
    who: str
    before: State
    after: State
    ids: dict[str, str]
    created: bool = False
    request_ids: tuple[str, ...] = ()
    note: str = ""
    intended: datetime | None = None


def _json(value: object) -> str:
    """The JSON text, unescaped: a property holds 32 K characters, whatever alphabet a request is written in."""
    return json.dumps(value, ensure_ascii=False)


def _when(text: object) -> datetime | None:
    return datetime.fromisoformat(str(text)) if text else None


def encoded(task: Task) -> dict[str, Any]:
    intents = [
        {
            "at": instant(intent.at),
            "attempt": intent.attempt,
            "change": dict(intent.change),
            "answered": intent.answered,
            "before": dict(intent.before),
            "journalled": intent.journalled,
            **({"left": intent.left} if intent.left else {}),
        }
        for intent in task.intents
    ]
    row: dict[str, Any] = {
        "PartitionKey": task.request,
        "RowKey": task.key,
        "step": task.step,
        "subject": task.subject,
        "state": task.state.value,
        "attempt": task.attempt,
        "reason": task.reason[:8_000],
        "wanted": _json(dict(task.wanted)),
        "details": _json(task.details),
        "members": _json(task.members),
        "outcomes": _json(task.member_outcomes),
        "ids": _json(task.ids),
        "created": task.created,
        "intents": _json(intents),
        "calls": _json(task.request_ids[-20:]),
        "sweeps": task.sweeps,
    }
    times = {"claimed": task.claimed_until, "begun": task.begun, "touched": task.touched, "settled": task.settled_at}
    row |= {name: instant(at) for name, at in times.items() if at is not None}
    if task.position is not None:
        row["position"] = task.position
    if task.group is not None:
        row["group"] = task.group
    if task.reverses:
        row["reverses"] = _json(task.reverses)
    if task.seen is not None:
        row["seen"] = _json({"sight": task.seen.sight, "before": dict(task.seen.before), "after": dict(task.seen.after)})
    return row


def outlined(row: Row) -> Task:
    """The task with only what stands in OUTLINE; nothing to be written back."""
    return Task(
        request=str(row["PartitionKey"]),
        cohort=cohort_of(str(row["RowKey"])),
        step=str(row["step"]),
        subject=str(row["subject"]),
        state=TaskState(row["state"]),
        attempt=int(row["attempt"]),
        group=row.get("group"),
        members=tuple(json.loads(row["members"])),
        reverses=_reverses(row),
    )


def decoded(row: Row) -> Task:
    return Task(
        request=str(row["PartitionKey"]),
        cohort=cohort_of(str(row["RowKey"])),
        step=str(row["step"]),
        subject=str(row["subject"]),
        state=TaskState(row["state"]),
        attempt=int(row["attempt"]),
        reason=str(row["reason"]),
        position=row.get("position"),
        wanted=_state(row["wanted"]),
        details=json.loads(row["details"]),
        group=row.get("group"),
        members=tuple(json.loads(row["members"])),
        member_outcomes=json.loads(row["outcomes"]),
        ids=json.loads(row["ids"]),
        created=bool(row["created"]),
        intents=tuple(_intent(item) for item in json.loads(row["intents"])),
        request_ids=tuple(json.loads(row["calls"])),
        claimed_until=_when(row.get("claimed")),
        begun=_when(row.get("begun")),
        touched=_when(row.get("touched")),
        settled_at=_when(row.get("settled")),
        sweeps=int(row["sweeps"]),
        reverses=_reverses(row),
        seen=_seen(row["seen"]) if row.get("seen") else None,
        etag=str(row["etag"]),
    )


def _reverses(row: Row) -> tuple[tuple[str, str], ...]:
    return tuple((name, key) for name, key in json.loads(row.get("reverses") or "[]"))


def _seen(text: str) -> Seen:
    item = json.loads(text)
    return Seen(Sight(item["sight"]), _tuples(item["before"]), _tuples(item["after"]))


def _state(text: str) -> dict[str, Value]:
    return _tuples(json.loads(text))


def _tuples(state: dict[str, Any]) -> dict[str, Value]:
    """JSON has no tuples; lists in a state are tuples."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in state.items()}


def _intent(item: dict[str, Any]) -> Intent:
    at = datetime.fromisoformat(item["at"])
    return Intent(
        at=at,
        attempt=item["attempt"],
        change=_tuples(item["change"]),
        answered=item["answered"],
        before=_tuples(item["before"]),
        journalled=item["journalled"],
        left=tuple(item.get("left", ())),
    )


def journal_row(task: Task, entry: JournalEntry, number: int) -> dict[str, Any]:
    at = instant(entry.at)
    begun = {"intended": instant(entry.intended)} if entry.intended else {}
    return begun | {
        "PartitionKey": task.request,
        "RowKey": f"j|{task.key.removeprefix('t|')}|{entry.attempt:05}|{at}|{entry.kind}|{number}",
        "kind": entry.kind,
        "attempt": entry.attempt,
        "at": at,
        "who": entry.who,
        "before": _json(dict(entry.before)),
        "after": _json(dict(entry.after)),
        "ids": _json(entry.ids),
        "created": entry.created,
        "calls": _json(entry.request_ids),
        "note": entry.note[:8_000],
    }


def entry(row: Row) -> JournalEntry:
    return JournalEntry(
        kind=str(row["kind"]),
        attempt=int(row["attempt"]),
        at=datetime.fromisoformat(str(row["at"])),
        who=str(row["who"]),
        before=_state(row["before"]),
        after=_state(row["after"]),
        ids=json.loads(row["ids"]),
        created=bool(row["created"]),
        request_ids=tuple(json.loads(row["calls"])),
        note=str(row["note"]),
        intended=_when(row.get("intended")),
    )
