"""What carrying tasks out would do: read and compare, and nothing else.

A plan is looked at cohort by cohort: one message, one reading of the rows, and one writing, with everything in the tenant that it
needs asked for at once.
"""

import asyncio
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace

from shared.nouns.outcomes import Done, Ending, Later, NotYet, WontWork
from shared.nouns.state import State, difference
from shared.nouns.step import Step, Subject
from shared.nouns.task import NEW_GROUP, Seen, Sight, Task, TaskState, end
from shared.plan import ready_now
from shared.tables.requests import Request
from shared.tenant import Tenant
from shared.turn import in_time
from shared.verbs.reverse import look_back
from shared.verbs.subjects import Unneeded, maker, read_on_record, subject_of
from shared.verbs.world import World


async def look_through(world: World, request: Request, cohort: list[Task], power: str) -> list[Task]:
    """The tasks of the cohort whose steps are in one function app (`power`) after a look at each, in the order they depend on.

    What cannot be read now is left ready, with the time of its next attempt in `touched`.
    """
    rows = {task.key: task for task in cohort}
    ours = {task.key for task in cohort if not task.settled and world.step(task.step).power == power}
    rows |= await _makers(world, request, [rows[key] for key in ours], rows)
    looked: dict[str, Task] = {}
    while turn := _turn(world, rows, ours - looked.keys()):
        seen = await asyncio.gather(*(_look(world, request, task, rows) for task in turn))
        looked |= {task.key: task for task in seen}
        rows |= looked
    return list(looked.values())


async def _makers(world: World, request: Request, tasks: list[Task], rows: Mapping[str, Task]) -> dict[str, Task]:
    """By key, what makes the groups that the tasks are about, after a look at it: it is no use to wait for a plan to make them."""
    groups = {task.group for task in tasks if task.group is not None and task.group.startswith(NEW_GROUP)}
    found = [making for group in groups if (making := await maker(world, request, group, rows)) is not None]
    unknown = [making for making in found if making.key not in rows and not making.settled]
    seen = await asyncio.gather(*(_look(world, request, making, {}) for making in unknown))
    return {making.key: making for making in (*found, *seen) if making.key not in rows}


def _turn(world: World, rows: Mapping[str, Task], left: set[str]) -> list[Task]:
    """Those of the tasks `left` that wait for none of the others."""
    free = {task.key for task in ready_now(list(rows.values()), world.after)}
    return [rows[key] for key in rows if key in left and (key in free or rows[key].state is TaskState.READY)]


async def _look(world: World, request: Request, task: Task, rows: Mapping[str, Task]) -> Task:
    """The task after a look at it."""
    step = world.step(task.step)
    with world.tenant.recording() as calls:
        ending, task = await (look_back(world, step, request, task) if task.reverses else look(world, step, request, task, rows))
    asked = tuple(call.request_id for call in calls if call.request_id)
    now = world.clock()
    return end(replace(task, request_ids=(*task.request_ids, *asked)), in_time(task, ending, step.deadline, now), now)


async def look(
    world: World, step: Step[Tenant], request: Request, task: Task, rows: Mapping[str, Task] | None = None
) -> tuple[Ending, Task]:
    """How the task would go, written down in `seen`, or Later where that cannot be read now. `rows` are the tasks of its cohort by
    key, where they are in hand."""
    try:
        # Exchange takes very few calls at once.
        async with world.exchange if "exchange" in step.lanes else nullcontext():
            return await _looked(world, step, request, task, rows)
    except Unneeded as error:
        return _told(task, Seen(Sight.CREATE, {}, task.wanted), error.reason)
    except WontWork as error:
        return _told(task, Seen(Sight.REFUSED), error.reason)
    except NotYet as error:
        if error.moves_lane:
            await world.hold(step.lanes, error.after)
        return Later(error.after, error.reason), task


async def _looked(
    world: World, step: Step[Tenant], request: Request, task: Task, rows: Mapping[str, Task] | None
) -> tuple[Ending, Task]:
    if (before := _made_before(step, task, rows or {})) is not None:
        return _told(task, Seen(Sight.CREATE, {}, task.wanted), f"follows on {before}")
    subject, wanted, _ = await subject_of(world, request, task, rows=rows)
    if task.group is not None and task.group.startswith(NEW_GROUP) and subject.group is None:
        return _told(task, Seen(Sight.CREATE, {}, task.wanted), "follows on the group that would be made")
    missing = {person: value for person, value in task.wanted.items() if person in task.members and person not in subject.members}
    if task.members and not subject.members:
        return _told(task, Seen(Sight.CREATE, {}, missing), f"{len(missing)} guests would be added once they are invited")
    subject, actual, why = await read_on_record(world, step, request, subject)
    if why is not None:
        return _told(task, Seen(Sight.REFUSED), why)
    return _compared(step, replace(subject, seen=actual), task, {**wanted, **missing}, actual)


def _made_before(step: Step[Tenant], task: Task, rows: Mapping[str, Task]) -> str | None:
    """The step that would first have to make what this one is about: there is nothing to read yet."""
    for name in step.after if step.subject == "person" else ():
        earlier = rows.get(f"t|{task.cohort}|{name}|{task.subject}")
        if earlier is not None and earlier.seen is not None and earlier.seen.sight is Sight.CREATE:
            return name
    return None


def _compared(step: Step[Tenant], subject: Subject, task: Task, wanted: State, actual: State) -> tuple[Ending, Task]:
    kept = {key: str(actual[key]) for key in step.keeps if actual.get(key)}
    if user := actual.get("user"):
        kept["user"] = str(user)
    task = replace(task, ids={**task.ids, **kept})
    change = difference(wanted, actual)
    if not change:
        return _told(task, Seen(Sight.NOTHING), step.settled(subject, actual))
    before = {key: actual.get(key) for key in change}
    if step.instruct is not None and (text := step.instruct(subject, change)) is not None:
        return _told(task, Seen(Sight.BY_HAND, before, change), text)
    absent = all(value is None for value in before.values())
    return _told(
        task, Seen(Sight.CREATE if absent else Sight.CHANGE, before, change), "would be made so" if absent else "would be changed"
    )


def _told(task: Task, seen: Seen, why: str) -> tuple[Ending, Task]:
    return Done(why), replace(task, seen=seen)
