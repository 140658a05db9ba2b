"""One pass through a step for one subject: read, compare, claim and write down the intent, apply, verify."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.nouns.outcomes import Applied, Done, Ending, Later, NotYet, Stopped, WontWork
from shared.nouns.state import State, Value, difference
from shared.nouns.step import Intent, Step, Subject
from shared.nouns.task import Task, claim, must_be_held
from shared.tables.requests import Request
from shared.tables.task_rows import JournalEntry
from shared.tenant import Tenant
from shared.verbs.park import park_by_hand
from shared.verbs.reverse import reverse
from shared.verbs.still_due import why_not
from shared.verbs.subjects import REFUSED, Unneeded, read_on_record, subject_of
from shared.verbs.world import World

LONGEST_VERIFY_SECONDS = 30.0
# They stand in one property of the row, which holds 32 K characters; the journal keeps all of them.
MOST_INTENTS = 40


async def carry_out(world: World, step: Step[Tenant], task: Task, request: Request) -> tuple[Ending, Task, list[JournalEntry]]:
    """The attempt's ending and entries: by taking back, or by making it so."""
    if task.reverses:
        return await reverse(world, step, request, task)
    try:
        if step.by_clock and not task.intents:
            await _still_due(world, request, task)
        subject, wanted, outcomes = await subject_of(world, request, task)
    except WontWork as error:
        return Stopped(error.reason), task, []
    task = replace(task, member_outcomes={**task.member_outcomes, **outcomes})
    return await _Pass(world, step, request, subject, wanted).through(task)


def left_alone(world: World, request: Request, task: Task, why: str) -> JournalEntry:
    """What the journal has of a guest whom clean-up was to touch, and who was left."""
    return JournalEntry("outcome", task.attempt, world.clock(), request.who, {}, {}, {}, note=f"left alone: {why}")


async def _still_due(world: World, request: Request, task: Task) -> None:
    """Raises Unneeded where the guest is not to be touched any more."""
    if (why := await why_not(world, request.partner_tenant, task)) is not None:
        raise Unneeded(why)


@dataclass
class _Pass:
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
            self.subject, actual, why = await read_on_record(self.world, self.step, self.request, self.subject)
        except (NotYet, WontWork) as error:
            return self._sooner(task, await self._refusal(error), error), task, []
        if why is None and not (change := difference(self.wanted, actual)):
            return self._done(task, actual)
        self.subject = replace(self.subject, seen=actual)
        ending = Stopped(why) if why is not None else await self._in_the_way(task, change)
        if ending is not None:
            return ending, task, []
        if self.step.by_clock and task.intents:
            # What was begun before has not come about, and is not begun again without asking again.
            await _still_due(self.world, self.request, task)
        return await self._apply(task, actual, change, self.world.clock())

    async def _in_the_way(self, task: Task, change: State) -> Later | None:
        """Why the change is not made now: a person has to make it, or it is made and not visible yet."""
        text = self.step.instruct(self.subject, change) if self.step.instruct is not None else None
        if text is not None:
            await park_by_hand(self.world, task, text)
            return Later(self.world.settings.by_hand_seconds, text)
        if task.intents and change.keys() <= set(task.intents[-1].left):
            # All that was written is visible: what the apply did not get to is nowhere on its way.
            return None
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
                after = _found(intent, actual)
                before = {key: intent.before.get(key) for key in after}
                note = "seen by reading; the attempt got no further" if intent.left else "seen by reading; the answer was lost"
                entry = self._entry("outcome", task, before, after, note=note)
                entries.append(replace(entry, attempt=intent.attempt, created=bool(after) and actual.get("ours") is True))
        return entries

    async def _apply(self, task: Task, actual: State, change: State, now: datetime) -> tuple[Ending, Task, list[JournalEntry]]:
        before = {key: actual.get(key) for key in change}
        until = now + timedelta(seconds=self.world.settings.claim_seconds)
        intent = Intent(at=now, attempt=task.attempt, change=dict(change), answered=False, before=before)
        # By now what earlier attempts did without an answer is visible: this one must not make it look as if it had been so before.
        earlier = tuple(_over(other) for other in task.intents)
        created = task.created or (task.unanswered and actual.get("ours") is True)
        held = replace(claim(task, task.attempt, until, now), intents=(*earlier, intent)[-MOST_INTENTS:], created=created)
        if personal := {key: str(actual[key]) for key in self.step.personal if actual.get(key)}:
            await self.world.tables.people.keep(task.subject, task.request, personal)
        # Claim and intent are one row, so one write; the intent gets its journal entry with the outcome (decision 6).
        task = await self.world.tables.tasks.save(held, *self._seen_since(task, actual))
        try:
            must_be_held(task, self.world.clock())
            applied = await self.step.apply(
                self.world.tenant, replace(self.subject, intents=task.intents[:-1], seen=actual), change
            )
        except NotYet as error:
            ending = await self._refusal(error)
            if error.effect_unknown:
                return ending, replace(task, intents=(*task.intents[:-1], _as_far_as(task.intents[-1], error.left))), []
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


def with_intents(task: Task, entries: list[JournalEntry], who: str) -> list[JournalEntry]:
    """The entries, and before them those intents that have none yet. An outcome that is just what its attempt intended stands for
    both: one row less for each of thousands of guests."""
    pending = [intent for intent in task.intents if not intent.journalled]
    last = pending[-1] if pending else None
    if last and len(entries) == 1 and (entries[0].attempt, entries[0].after) == (last.attempt, last.change):
        entries, pending = [replace(entries[0], intended=last.at)], pending[:-1]
    return [*(_intended(intent, who) for intent in pending), *entries]


def _found(intent: Intent, actual: State) -> dict[str, Value]:
    """What there is of a change: keys that are as intended, of lists the elements that are in, and of a list that was to go what is left."""
    found: dict[str, Value] = {}
    for key, value in intent.change.items():
        there, before = actual.get(key), intent.before.get(key)
        if isinstance(value, tuple) and isinstance(there, tuple):
            found[key] = tuple(element for element in value if element in there)
        elif value is None and isinstance(before, tuple) and isinstance(there, tuple):
            found[key] = tuple(element for element in before if element in there)
        elif value == there:
            found[key] = value
    return found


def _as_far_as(intent: Intent, left: Collection[str]) -> Intent:
    """The intent without the keys that its attempt certainly did not write."""
    kept = {key: value for key, value in intent.change.items() if key not in left}
    if not kept:
        return intent
    before = {key: value for key, value in intent.before.items() if key in kept}
    return replace(intent, change=kept, before=before, left=tuple(key for key in intent.change if key in left))


def _over(intent: Intent) -> Intent:
    """An intent of before: what it was to replace stands in the journal, if the intent does, and takes no more room in the row."""
    return replace(intent, answered=True, before={} if intent.journalled else intent.before)


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
