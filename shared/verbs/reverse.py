"""Taking back what earlier tasks have changed: each of their journal's changes, the latest first, as long as it is still so."""

from dataclasses import dataclass, replace
from datetime import timedelta

from shared.nouns.outcomes import Applied, Done, Ending, Later, NotYet, Stopped, WontWork
from shared.nouns.step import Entry, Intent, Step, Subject
from shared.nouns.task import Seen, Sight, Task, TaskState, claim, move, must_be_held
from shared.tables.requests import Request
from shared.tables.store import Changed
from shared.tables.task_rows import JournalEntry
from shared.tenant import Tenant
from shared.verbs.heirs import hand_over, heir_of
from shared.verbs.subjects import Unneeded, subject_of
from shared.verbs.world import World

# How many changes of the earlier tasks have been taken back; stands in the row, so that a repetition goes on where it was.
TAKEN_BACK = "takenBack"
ACCOUNT = "invite-guest"


@dataclass(frozen=True)
class Change:
    """One change of an earlier task, with the task and request that made it."""

    request: Request
    task: Task
    entry: JournalEntry


async def reverse(world: World, step: Step[Tenant], request: Request, task: Task) -> tuple[Ending, Task, list[JournalEntry]]:
    """The changes of the earlier tasks are taken back, and those tasks are undone. What others have changed since stops it.

    Every change is its own undo with its own journal entry, written before the next begins: one that was interrupted is
    repeated, which each step's undo bears.
    """
    changes = await changes_of(world, task)
    if changes and not _taken_back(task) and (heir := await _heir(world, step, request, changes)) is not None:
        return await _handed_over(world, request, task, heir, changes)
    notes: list[str] = []
    while (done := _taken_back(task)) < len(changes):
        change = changes[done]
        wait, earlier = _may_be_lag(world, task), task.intents
        task = await _claimed(world, task, change)
        try:
            must_be_held(task, world.clock())
            task, note = await _undo(world, step, request, task, change)
        except NotYet as error:
            if error.moves_lane:
                await world.hold(step.lanes, error.after)
            # An intent stands for what may have been written.
            return Later(error.after, error.reason), task if error.effect_unknown else replace(task, intents=earlier), []
        except (WontWork, Unneeded) as error:
            task = replace(task, intents=earlier)
            partly = (
                [_partly(world, request, task, change, error.restored)] if isinstance(error, WontWork) and error.restored else []
            )
            if wait is not None:
                return Later(wait, f"what was written is not visible everywhere yet ({error.reason})"), task, partly
            if not await _goes_with_account(world, step, task):
                return Stopped(error.reason), task, partly
            note = f"{error.reason.partition(': set it by hand')[0]}: it goes with the account, which is ours"
            task = replace(task, details={**task.details, TAKEN_BACK: done + 1})
            task = await world.tables.tasks.save(task, *(partly or [_journal(world, request, task, change, Applied(note=note))]))
        notes.append(note)
    for name, key in task.reverses:
        await _mark_undone(world, name, key, request.id, task.members)
    return (
        Done("; ".join(dict.fromkeys(note for note in notes if note)) or "nothing was changed, so there is nothing to take back"),
        task,
        [],
    )


async def _heir(world: World, step: Step[Tenant], request: Request, changes: list[Change]) -> Task | None:
    return await heir_of(world, step, request.partner_tenant, [change.task for change in changes])


async def _handed_over(
    world: World, request: Request, task: Task, heir: Task, changes: list[Change]
) -> tuple[Ending, Task, list[JournalEntry]]:
    said = await hand_over(world, request, heir, [(change.task, change.entry) for change in changes])
    for name, key in task.reverses:
        await _mark_undone(world, name, key, request.id, task.members)
    return Done(said), task, [JournalEntry("outcome", task.attempt, world.clock(), request.who, {}, {}, {}, note=said)]


async def _goes_with_account(world: World, step: Step[Tenant], task: Task) -> bool:
    """What this is about is a property of an account that we made, and that the same request deletes: what others made of it goes too."""
    if step.subject != "person" or step.name == ACCOUNT:
        return False
    account = await world.tables.tasks.get(task.request, f"t|{task.cohort}|{ACCOUNT}|{task.subject}")
    if account is None or not account.reverses or account.settled:
        return False
    return any(change.entry.created for change in await changes_of(world, account))


async def look_back(world: World, step: Step[Tenant], request: Request, task: Task) -> tuple[Ending, Task]:
    """What taking back would do, by the journal alone."""
    changes = await changes_of(world, task)
    if not changes:
        return Done("nothing was changed, so there is nothing to take back"), replace(task, seen=Seen(Sight.NOTHING))
    if (heir := await _heir(world, step, request, changes)) is not None:
        return Done(f"would stay, because request {heir.request} of another partner wants it too"), replace(
            task, seen=Seen(Sight.NOTHING)
        )
    latest, first = changes[0].entry, changes[-1].entry
    sight = Sight.REMOVE if any(change.entry.created for change in changes) else Sight.CHANGE
    seen = Seen(sight, {key: latest.after.get(key) for key in latest.after}, {key: first.before.get(key) for key in first.before})
    return Done("would be taken back, if nobody has changed it since"), replace(task, seen=seen)


async def changes_of(world: World, task: Task) -> list[Change]:
    """What the earlier tasks have changed, the latest first."""
    changes = []
    for name, key in task.reverses:
        earlier, request = await world.tables.tasks.get(name, key), await world.tables.requests.get(name)
        if earlier is None or request is None:
            continue
        changes += [
            Change(request, earlier, entry)
            for entry in (_about(task.members, entry) for entry in await world.tables.tasks.journal(name, earlier))
            if entry.kind == "outcome" and (entry.created or dict(entry.before) != dict(entry.after))
        ]
    return sorted(changes, key=lambda change: change.entry.at, reverse=True)


def _about(members: tuple[str, ...], entry: JournalEntry) -> JournalEntry:
    """What the entry says of these guests of a batch, where it is one."""
    if not members:
        return entry
    before, after = ({key: side[key] for key in members if key in side} for side in (entry.before, entry.after))
    return replace(entry, before=before, after=after)


async def _claimed(world: World, task: Task, change: Change) -> Task:
    """The task is held, and its row says which change is being taken back."""
    now = world.clock()
    until = now + timedelta(seconds=world.settings.claim_seconds)
    before, after = dict(change.entry.after), dict(change.entry.before)
    intent = Intent(at=now, attempt=task.attempt, change=after, answered=False, before=before, journalled=True)
    # One intent is enough: what was taken back before stands in the journal.
    return await world.tables.tasks.save(replace(claim(task, task.attempt, until, now), intents=(intent,)))


async def _undo(world: World, step: Step[Tenant], request: Request, task: Task, change: Change) -> tuple[Task, str]:
    entry = Entry(change.entry.before, change.entry.after, {**change.task.ids, **change.entry.ids}, change.entry.created)
    waited = (world.clock() - task.begun).total_seconds() if task.begun else 0.0
    applied = await step.undo(world.tenant, replace(await _subject(world, change), waited=waited), entry)
    answered = tuple(replace(intent, answered=True) for intent in task.intents)
    task = replace(task, details={**task.details, TAKEN_BACK: _taken_back(task) + 1}, intents=answered)
    return await world.tables.tasks.save(task, _journal(world, request, task, change, applied)), applied.note


async def _subject(world: World, change: Change) -> Subject:
    """The subject as the earlier task saw it, with all that it found out."""
    subject, _, _ = await subject_of(world, change.request, change.task, back=True)
    personal = world.step(change.task.step).personal
    kept = await world.tables.people.kept(change.task.subject, change.request.id) if personal else {}
    return replace(subject, intents=change.task.intents, kept=kept)


def _journal(world: World, request: Request, task: Task, change: Change, applied: Applied) -> JournalEntry:
    return JournalEntry(
        kind="undo",
        attempt=task.attempt,
        at=world.clock(),
        who=request.who,
        before=change.entry.after,
        after=change.entry.before,
        ids=applied.ids,
        note=f"of request {change.request.id}: {applied.note}",
    )


def _partly(world: World, request: Request, task: Task, change: Change, keys: tuple[str, ...]) -> JournalEntry:
    """What was taken back of a change of which others have changed the rest; the change as a whole still stands."""
    whole = _journal(world, request, task, change, Applied(note=f"{', '.join(keys)} put back, the rest was changed by others"))
    before, after = ({key: value for key, value in side.items() if key in keys} for side in (whole.before, whole.after))
    return replace(whole, before=before, after=after)


async def _mark_undone(world: World, name: str, key: str, by: str, members: tuple[str, ...]) -> None:
    """The earlier task is undone; a batch is about those guests only who have not left."""
    while True:
        earlier = await world.tables.tasks.get(name, key)
        if earlier is None or earlier.state is not TaskState.DONE:
            return
        rest = tuple(person for person in earlier.members if person not in members) if members else ()
        try:
            await world.tables.tasks.save(
                replace(earlier, members=rest, wanted={person: earlier.wanted[person] for person in rest})
                if rest
                else move(earlier, TaskState.UNDONE, f"taken back by request {by}", world.clock())
            )
        except Changed:
            continue
        return


def _taken_back(task: Task) -> int:
    said = task.details.get(TAKEN_BACK, 0)
    return said if isinstance(said, int) else 0


def _may_be_lag(world: World, task: Task) -> float | None:
    """Seconds until the next look, where what is seen may be from before our own last write."""
    if not task.intents:
        return None
    left = (task.intents[-1].at + timedelta(seconds=world.settings.horizon_seconds) - world.clock()).total_seconds()
    return min(left, max(world.settings.verify_seconds, 1.0)) if left > 0 else None
