"""The one runner of all steps: read, compare, claim and write down the intent, apply, journal both with the ids, verify."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from shared.log import log
from shared.nouns.messages import Attempt
from shared.nouns.outcomes import Later, NotYet, Stopped
from shared.nouns.task import Task, TaskState, end, move
from shared.spans import span
from shared.tables.requests import Request, RequestState
from shared.tables.store import Changed
from shared.tables.task_rows import JournalEntry
from shared.turn import Turn, in_time, turn
from shared.verbs.advance import advance, hold_gate
from shared.verbs.carry_out import carry_out, left_alone, with_intents
from shared.verbs.look import look_through
from shared.verbs.park import park_message, park_task, parked_id
from shared.verbs.subjects import Unneeded
from shared.verbs.world import World, queue_of

CANCELLED_BEFORE = "the request was cancelled before this task began"
MOST_RETRIES = 2_000
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
                ending, task, entries = await carry_out(world, step, task, request)
            except Unneeded as unneeded:
                # Before the row is written, as below: nobody else may be under way who looks for what follows.
                land()
                entries = [left_alone(world, request, task, unneeded.reason)] if step.by_clock and not task.reverses else []
                entries = with_intents(task, entries, request.who) if entries else entries
                await _settle(world, move(task, TaskState.CANCELLED, unneeded.reason, world.clock()), *entries)
                return
        if step.by_clock and isinstance(ending, Stopped) and not entries and not task.reverses:
            entries = [left_alone(world, request, task, ending.reason)]
        written = tuple(call.request_id for call in calls if call.write and call.request_id)
        asked = tuple(call.request_id for call in calls if call.request_id)
        task = replace(task, request_ids=(*task.request_ids, *(written or asked)))
        entries = [replace(entry, request_ids=written) for entry in with_intents(task, entries, request.who)]
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


async def _again(world: World, message: Attempt, after: float) -> None:
    """The same attempt will be delivered once more, `after` seconds from now (longer each time)."""
    if message.retry >= MOST_RETRIES:
        raise NotYet(f"attempt {message.attempt} was postponed {MOST_RETRIES} times", after=after)
    await world.bus.send([world.envelope(message.again(), world.again_at(after, message.retry))])
