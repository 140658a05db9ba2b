"""The one runner of all steps: read, compare, claim and write down the intent, apply, journal both with the ids, verify."""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.log import log
from shared.nouns.messages import Attempt
from shared.nouns.outcomes import Applied, Done, Ending, Later, NotYet, Stopped, WontWork
from shared.nouns.state import State, Value, difference
from shared.nouns.step import Intent, Step, Subject
from shared.nouns.task import Task, TaskState, claim, end, move
from shared.spans import span
from shared.tables.requests import Request, RequestState
from shared.tables.store import Changed
from shared.tables.task_rows import JournalEntry
from shared.tenant import Tenant
from shared.turn import Turn, in_time, turn
from shared.verbs.advance import advance, hold_gate
from shared.verbs.look import look_through
from shared.verbs.park import park_by_hand, park_message, park_task, parked_id
from shared.verbs.reverse import reverse
from shared.verbs.subjects import REFUSED, Unneeded, subject_of
from shared.verbs.world import World, queue_of

CANCELLED_BEFORE = "the request was cancelled before this task began"
LONGEST_VERIFY_SECONDS = 30.0
MOST_RETRIES = 2_000
# They stand in one property of the row, which holds 32 K characters; the journal keeps all of them.
MOST_INTENTS = 40
# A row lags behind its messages by one attempt for each worker that died between sending and writing.
MOST_AHEAD = 100


async def attempt(world: World, message: Attempt) -> None:
    """The task has been attempted once, and what follows from it is on its way.

    Where tables or Service Bus cannot be reached, the same attempt is scheduled again; where that fails too, NotYet is
    raised and the broker delivers the message again.
    """
    try:
        with span(f"attempt {queue_of(message.task)}", request=message.request, task=message.task, attempt=message.attempt):
            await _attempt(world, message)
    except Changed:
        # Somebody else holds or has ended the task; looking again shows which.
        await _again(world, message, world.settings.verify_seconds)
    except NotYet as error:
        log.warning("attempt postponed", request=message.request, task=message.task, reason=error.reason)
        await _again(world, message, error.after)


async def _attempt(world: World, message: Attempt) -> None:
    task = await world.tables.tasks.get(message.request, message.task)
    request = await world.request(message.request)
    if task is None or request is None:
        await park_message(
            world, queue_of(message.task), message.model_dump_json().encode(), "it names a task that is not on record"
        )
        return
    if message.attempt > task.attempt + MOST_AHEAD:
        said = f"it says attempt {message.attempt}, and its task is at attempt {task.attempt}"
        await park_message(world, queue_of(message.task), message.model_dump_json().encode(), said)
        return
    now = world.clock()
    # Nobody sends an attempt before the approval; if somebody does, it is none.
    paused = request.paused or request.state is RequestState.AWAITING_APPROVAL
    next_turn = turn(task, message, now, cancelled=request.cancelled, paused=paused)
    if request.mode == "plan" and next_turn in {Turn.RUN, Turn.GATE, Turn.CANCEL}:
        await _look(world, replace(task, attempt=message.attempt), request)
        return
    match next_turn:
        case Turn.FOLLOW_UP:
            await _follow_up(world, task)
        case Turn.HELD:
            held_for = (task.claimed_until or now) - now
            await _again(world, message, held_for.total_seconds())
        case Turn.CANCEL:
            await _settle(world, move(task, TaskState.CANCELLED, CANCELLED_BEFORE, now))
        case Turn.GATE:
            opened = await hold_gate(world, replace(task, attempt=message.attempt), message)
            if opened is not None:
                await _run(world, opened, request)
        case Turn.RUN:
            await _run(world, replace(task, attempt=message.attempt), request)
        case Turn.STALE | Turn.PAUSED:
            return


async def _look(world: World, task: Task, request: Request) -> None:
    """Everything of the plan that can be seen where this task can has been looked at, with one message for what cannot be read now."""
    rows = await world.tables.tasks.cohort(task.request, task.cohort)
    cohort = [task if other.key == task.key else other for other in rows]
    if request.cancelled:
        now = world.clock()
        seen = [move(other, TaskState.CANCELLED, CANCELLED_BEFORE, now) for other in cohort if not other.settled]
    else:
        seen = await look_through(world, request, cohort, world.step(task.step).power)
    log.info("plan looked at", request=task.request, cohort=task.cohort, tasks=len(seen))
    if waits := [other for other in seen if not other.settled]:
        last = max(waits, key=lambda other: other.touched or world.clock())
        await world.send([last], [last.touched or world.clock()])
    await asyncio.gather(*(world.tables.tasks.save(other) for other in seen))
    await advance(world, task.request, task.cohort)


async def _run(world: World, task: Task, request: Request) -> None:
    step = world.step(task.step)
    with world.flight(task.request, task.cohort) as land:
        with world.tenant.recording() as calls:
            try:
                ending, task, entries = await _carried_out(world, step, task, request)
            except Unneeded as unneeded:
                await _settle(world, move(task, TaskState.CANCELLED, unneeded.reason, world.clock()))
                return
        written = tuple(call.request_id for call in calls if call.write and call.request_id)
        asked = tuple(call.request_id for call in calls if call.request_id)
        task = replace(task, request_ids=(*task.request_ids, *(written or asked)))
        entries = [replace(entry, request_ids=written) for entry in _with_intents(task, entries, request.who)]
        task = replace(task, intents=tuple(replace(intent, journalled=True) for intent in task.intents))
        now = world.clock()
        ending = in_time(task, ending, step.deadline, now)
        ended = end(task, ending, now)
        log.info(
            "attempt ended",
            request=task.request,
            task=task.key,
            attempt=task.attempt,
            ending=type(ending).__name__,
            reason=ending.reason,
        )
        if isinstance(ending, Later):
            following = Attempt(request=task.request, task=task.key, attempt=ended.attempt)
            await world.bus.send([world.envelope(following, now + timedelta(seconds=ending.after))])
        # Before the row is written: whoever is still under way then will see it.
        land()
        if isinstance(ending, Later):
            await world.tables.tasks.save(ended, *entries)
            if world.is_last(ended.request, ended.cohort, settled=False):
                await advance(world, ended.request, ended.cohort)
            return
        await _settle(world, ended, *entries)


async def _carried_out(world: World, step: Step[Tenant], task: Task, request: Request) -> tuple[Ending, Task, list[JournalEntry]]:
    """The attempt's ending and entries: by taking back, or by making it so."""
    if task.reverses:
        return await reverse(world, step, request, task)
    try:
        subject, wanted, outcomes = await subject_of(world, request, task)
    except WontWork as error:
        return Stopped(error.reason), task, []
    task = replace(task, member_outcomes={**task.member_outcomes, **outcomes})
    return await _Run(world, step, request, subject, wanted).through(task)


async def _settle(world: World, task: Task, *entries: JournalEntry) -> None:
    """Row, successors, return: in this order, so that a crash between them leaves a message that does the rest.

    Successors are left to the last of those under way in this process: it writes its row after this one, then sees both.
    """
    saved = await world.tables.tasks.save(task, *entries)
    await _follow_up(world, saved, alone=world.is_last(saved.request, saved.cohort, settled=True))


async def _follow_up(world: World, task: Task, *, alone: bool = True) -> None:
    if task.state is TaskState.STOPPED:
        await park_task(world, task)
    elif world.step(task.step).instruct is not None:
        await world.tables.parked.remove(parked_id(task.request, task.key))
    if alone:
        await advance(world, task.request, task.cohort)


@dataclass
class _Run:
    """One pass through a step for one subject."""

    world: World
    step: Step[Tenant]
    request: Request
    subject: Subject
    wanted: State

    async def through(self, task: Task) -> tuple[Ending, Task, list[JournalEntry]]:
        """How the attempt ended, the task with what was learned, and the journal entries to write with it."""
        if task.members and not self.subject.members:
            return _refused(task) or Done("none of these guests could be invited, so there was nobody to add"), task, []
        try:
            actual = await self.step.read(self.world.tenant, self.subject)
            why = self.step.explain(self.subject, actual)
        except (NotYet, WontWork) as error:
            return self._sooner(task, await self._refusal(error), error), task, []
        if why is None and not (change := difference(self.wanted, actual)):
            return self._done(task, actual)
        self.subject = replace(self.subject, seen=actual)
        ending = Stopped(why) if why is not None else await self._in_the_way(task, change)
        return (ending, task, []) if ending is not None else await self._apply(task, actual, change, self.world.clock())

    async def _in_the_way(self, task: Task, change: State) -> Later | None:
        """Why the change is not made now: a person has to make it, or it is made and not visible yet."""
        text = self.step.instruct(self.subject, change) if self.step.instruct is not None else None
        if text is not None:
            await park_by_hand(self.world, task, text)
            return Later(self.world.settings.by_hand_seconds, text)
        wait = self._within_horizon(task, self.world.clock())
        return None if wait is None else Later(wait, "written; the change is not visible everywhere yet")

    def _done(self, task: Task, actual: State) -> tuple[Ending, Task, list[JournalEntry]]:
        task = self._informed(task, actual)
        entries = self._seen_since(task, actual)
        if task.unanswered:
            task = replace(_answered(task), created=task.created or actual.get("ours") is True)
        if task.members:
            told = {person: str(actual.get(person)) for person in self.subject.members if actual.get(person)}
            task = replace(task, member_outcomes={**told, **task.member_outcomes})
        return _refused(task) or Done(self.step.settled(self.subject, actual)), task, entries

    def _seen_since(self, task: Task, actual: State) -> list[JournalEntry]:
        """An outcome for each intent whose answer was lost: what it did is there to be seen."""
        entries = []
        for intent in task.intents:
            if not intent.answered:
                after = _found(intent.change, actual)
                before = {key: intent.before.get(key) for key in after}
                entry = self._entry("outcome", task, before, after, note="seen by reading; the answer was lost")
                entries.append(replace(entry, attempt=intent.attempt, created=bool(after) and actual.get("ours") is True))
        return entries

    async def _apply(self, task: Task, actual: State, change: State, now: datetime) -> tuple[Ending, Task, list[JournalEntry]]:
        before = {key: actual.get(key) for key in change}
        until = now + timedelta(seconds=self.world.settings.claim_seconds)
        intent = Intent(at=now, attempt=task.attempt, change=dict(change), answered=False, before=before)
        # By now what earlier attempts did without an answer is visible: this one must not make it look as if it had been so before.
        earlier = tuple(replace(other, answered=True) for other in task.intents)
        created = task.created or (task.unanswered and actual.get("ours") is True)
        held = replace(claim(task, task.attempt, until, now), intents=(*earlier, intent)[-MOST_INTENTS:], created=created)
        # Claim and intent are one row, so one write; the intent gets its journal entry with the outcome (decision 6).
        task = await self.world.tables.tasks.save(held, *self._seen_since(task, actual))
        try:
            applied = await self.step.apply(
                self.world.tenant, replace(self.subject, intents=task.intents[:-1], seen=actual), change
            )
        except NotYet as error:
            ending = await self._refusal(error)
            if error.effect_unknown:
                return ending, task, []
            # Nothing happened, so nothing has to become visible: the next attempt may apply at once.
            dropped = replace(task, intents=task.intents[:-1])
            undone = self._entry("outcome", task, before, before, note=f"not carried out: {error.reason}")
            return ending, dropped, [_intended(intent, self.request.who), undone]
        except WontWork as error:
            return (
                Stopped(error.reason),
                _answered(task),
                [self._entry("outcome", task, before, before, note=f"refused: {error.reason}")],
            )
        task = replace(
            _answered(task),
            ids={**task.ids, **applied.ids},
            created=task.created or applied.created,
            member_outcomes={**task.member_outcomes, **{person: f"{REFUSED}: {why}" for person, why in applied.refused.items()}},
        )
        entry = self._entry("outcome", task, before, change, applied)
        return await self._verify(task, applied, [entry])

    async def _verify(self, task: Task, applied: Applied, entries: list[JournalEntry]) -> tuple[Ending, Task, list[JournalEntry]]:
        self.subject = replace(self.subject, ids={**self.subject.ids, **applied.ids}, intents=task.intents)
        self.wanted = {key: value for key, value in self.wanted.items() if key not in applied.refused}
        try:
            actual = await self.step.read(self.world.tenant, self.subject)
        except (NotYet, WontWork) as error:
            said = error.reason if isinstance(error, WontWork) else (await self._refusal(error)).reason
            return self._sooner(task, Later(LONGEST_VERIFY_SECONDS, f"written; {said}"), error), task, entries
        if difference(self.wanted, actual):
            return Later(self.world.settings.verify_seconds, "written; the change is not visible everywhere yet"), task, entries
        ending, task, _ = self._done(task, actual)
        return ending, task, entries

    def _within_horizon(self, task: Task, now: datetime) -> float | None:
        """Seconds until the next look, where a write of ours may still be on its way; None where it may be repeated."""
        if not task.intents:
            return None
        last = task.intents[-1]
        left = (last.at + timedelta(seconds=self.world.settings.horizon_seconds) - now).total_seconds()
        if left <= 0:
            return None
        doubled = self.world.settings.verify_seconds * 2.0 ** min(task.attempt - last.attempt, 10)
        return max(min(doubled, LONGEST_VERIFY_SECONDS, left), 0.05)

    def _sooner(self, task: Task, ending: Ending, error: NotYet | WontWork) -> Ending:
        """What we have written ourselves is looked for at the pace of verification, unless the vendor asked for more time."""
        wait = self._within_horizon(task, self.world.clock())
        if not isinstance(ending, Later) or wait is None:
            return ending
        asked = error.after if isinstance(error, NotYet) and (error.moves_lane or error.firm) else 0.0
        return Later(max(asked, wait), ending.reason)

    def _informed(self, task: Task, actual: State) -> Task:
        kept = {key: str(actual[key]) for key in self.step.keeps if actual.get(key)}
        return replace(task, ids={**task.ids, **kept})

    async def _refusal(self, error: NotYet | WontWork) -> Ending:
        if isinstance(error, WontWork):
            return Stopped(error.reason)
        if error.moves_lane:
            await self.world.hold(self.step.lanes, error.after)
        return Later(error.after, error.reason)

    def _entry(
        self, kind: str, task: Task, before: State, after: State, applied: Applied | None = None, note: str = ""
    ) -> JournalEntry:
        return JournalEntry(
            kind=kind,
            attempt=task.attempt,
            at=self.world.clock(),
            who=self.request.who,
            before=before,
            after=after,
            ids=applied.ids if applied else {},
            created=applied.created if applied else False,
            note=applied.note if applied and applied.note else note,
        )


def _with_intents(task: Task, entries: list[JournalEntry], who: str) -> list[JournalEntry]:
    """The entries, and before them those intents that have none yet. An outcome that is just what its attempt intended stands for
    both: one row less for each of thousands of guests."""
    pending = [intent for intent in task.intents if not intent.journalled]
    last = pending[-1] if pending else None
    if last and len(entries) == 1 and (entries[0].attempt, entries[0].after) == (last.attempt, last.change):
        entries, pending = [replace(entries[0], intended=last.at)], pending[:-1]
    return [*(_intended(intent, who) for intent in pending), *entries]


def _found(change: State, actual: State) -> dict[str, Value]:
    """What there is of a change: keys that are as intended, and of lists the elements that are in."""
    found: dict[str, Value] = {}
    for key, value in change.items():
        there = actual.get(key)
        if isinstance(value, tuple) and isinstance(there, tuple):
            found[key] = tuple(element for element in value if element in there)
        elif value == there:
            found[key] = value
    return found


def _intended(intent: Intent, who: str) -> JournalEntry:
    return JournalEntry(
        kind="intent", attempt=intent.attempt, at=intent.at, who=who, before=intent.before, after=intent.change, ids={}
    )


def _refused(task: Task) -> Stopped | None:
    """A batch of which the tenant refused a guest needs a person, though the others are in; so does a task of several parts."""
    reasons = [said for said in task.member_outcomes.values() if said.startswith(REFUSED)]
    if reasons and not task.members:
        return Stopped("; ".join(said.removeprefix(f"{REFUSED}: ") for said in reasons))
    return Stopped(f"{len(reasons)} of {len(task.members)} guests were {reasons[0]}") if reasons else None


def _answered(task: Task) -> Task:
    return replace(task, intents=tuple(replace(intent, answered=True) for intent in task.intents))


async def _again(world: World, message: Attempt, after: float) -> None:
    """The same attempt will be delivered once more, `after` seconds from now (longer each time)."""
    if message.retry >= MOST_RETRIES:
        raise NotYet(f"attempt {message.attempt} was postponed {MOST_RETRIES} times", after=after)
    await world.bus.send([world.envelope(message.again(), world.again_at(after, message.retry))])
