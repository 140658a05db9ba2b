"""A task: one step for one subject in one request, and the only door between its states."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from shared.nouns.json_text import Json
from shared.nouns.outcomes import Done, Ending, Later, NotYet
from shared.nouns.state import State
from shared.nouns.step import Intent

PARTNER_COHORT = "partner"
# How the group of a task is named while the request has still to create it; an object id never begins so.
NEW_GROUP = "new-"


class TaskState(StrEnum):
    WAITING = "waiting"
    READY = "ready"
    DONE = "done"
    STOPPED = "stopped"
    UNDONE = "undone"
    CANCELLED = "cancelled"


SETTLED = frozenset({TaskState.DONE, TaskState.STOPPED, TaskState.UNDONE, TaskState.CANCELLED})
_NEXT: dict[TaskState, frozenset[TaskState]] = {
    TaskState.WAITING: frozenset({TaskState.READY, TaskState.STOPPED, TaskState.CANCELLED}),
    TaskState.READY: frozenset({TaskState.READY, TaskState.DONE, TaskState.STOPPED, TaskState.CANCELLED}),
    TaskState.DONE: frozenset({TaskState.UNDONE}),
    TaskState.STOPPED: frozenset({TaskState.READY, TaskState.CANCELLED}),
    TaskState.UNDONE: frozenset(),
    # Only where what it followed is tried again.
    TaskState.CANCELLED: frozenset({TaskState.WAITING}),
}


class IllegalTransition(Exception):
    """A task was asked to go where it cannot go from its state: a bug in the caller."""


class Sight(StrEnum):
    """What carrying a task out would do, as a plan has seen it."""

    NOTHING = "nothing"
    CREATE = "create"
    CHANGE = "change"
    REMOVE = "remove"
    BY_HAND = "by hand"
    REFUSED = "refused"


@dataclass(frozen=True)
class Seen:
    """What a plan has found for a task: `before` and `after` hold the keys that would change."""

    sight: Sight
    before: State = field(default_factory=dict)
    after: State = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """A row of the `tasks` table. Times are aware. `touched` is when it last changed, or until when silence is normal.

    A *cohort* is a set of tasks that wait for one another: up to 20 guests with the group batches they share, or the
    partner's own settings. `member_outcomes` has one sentence per guest of a batch. `reverses` names earlier tasks of the
    same step and subject (request and key, the latest first) whose changes this one takes back, where it does. `seen` is what
    a plan has found.
    """

    request: str
    cohort: str
    step: str
    subject: str
    state: TaskState = TaskState.READY
    attempt: int = 1
    reason: str = ""
    position: int | None = None
    wanted: State = field(default_factory=dict)
    details: dict[str, Json] = field(default_factory=dict)
    group: str | None = None
    members: tuple[str, ...] = ()
    member_outcomes: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    created: bool = False
    intents: tuple[Intent, ...] = ()
    request_ids: tuple[str, ...] = ()
    claimed_until: datetime | None = None
    begun: datetime | None = None
    touched: datetime | None = None
    settled_at: datetime | None = None
    sweeps: int = 0
    reverses: tuple[tuple[str, str], ...] = ()
    seen: Seen | None = None
    etag: str = field(default="", compare=False)

    @property
    def key(self) -> str:
        return f"t|{self.cohort}|{self.step}|{self.subject}"

    @property
    def settled(self) -> bool:
        return self.state in SETTLED

    @property
    def unanswered(self) -> bool:
        """An apply was begun whose effect is not known."""
        return bool(self.intents) and not self.intents[-1].answered


def cohort_of(key: str) -> str:
    """The cohort in a task's row key."""
    return key.split("|", 2)[1]


def move(task: Task, state: TaskState, reason: str, at: datetime) -> Task:
    """The task in another state. Raises IllegalTransition where there is no such way."""
    if state not in _NEXT[task.state]:
        raise IllegalTransition(f"task {task.key} of request {task.request} cannot go from {task.state} to {state}")
    settled_at = at if state in SETTLED else None
    return replace(task, state=state, reason=reason, touched=at, settled_at=settled_at, claimed_until=None)


def claim(task: Task, attempt: int, until: datetime, at: datetime) -> Task:
    """The task held by one attempt. A waiting task becomes ready by being attempted."""
    ready = move(task, TaskState.READY, task.reason, at)
    return replace(ready, attempt=attempt, claimed_until=until, begun=task.begun or at, touched=until)


def must_be_held(task: Task, now: datetime) -> None:
    """Raises NotYet where the claim has run out while it was being written: somebody else may be at the task by now, and nothing has
    been done yet."""
    if task.claimed_until is None or now >= task.claimed_until:
        raise NotYet("to write the claim down took longer than it lasts", after=1.0)


def end(task: Task, ending: Ending, at: datetime) -> Task:
    """The task after an attempt has ended so. `Later` leaves it ready, with the next attempt's number."""
    begun = task.begun or at
    # A waiting task becomes ready by being attempted, also where there was nothing to claim it for.
    task = replace(move(task, TaskState.READY, task.reason, at), begun=begun)
    match ending:
        case Done(reason=reason):
            return move(task, TaskState.DONE, reason, at)
        case Later(after=after, reason=reason):
            waits = move(task, TaskState.READY, reason, at)
            return replace(waits, attempt=task.attempt + 1, touched=at + timedelta(seconds=after))
        case _:
            return move(task, TaskState.STOPPED, ending.reason, at)
