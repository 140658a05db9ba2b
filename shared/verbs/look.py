"""What carrying a task out would do: read and compare, and nothing else."""

from dataclasses import replace

from shared.nouns.outcomes import Done, Ending, Later, NotYet, WontWork
from shared.nouns.state import State, difference
from shared.nouns.step import Step, Subject
from shared.nouns.task import NEW_GROUP, Seen, Sight, Task
from shared.tables.requests import Request
from shared.tenant import Tenant
from shared.verbs.subjects import Unneeded, subject_of
from shared.verbs.world import World


async def look(world: World, step: Step[Tenant], request: Request, task: Task) -> tuple[Ending, Task]:
    """How the task would go, written down in `seen`, or Later where that cannot be read now."""
    try:
        return await _looked(world, step, request, task)
    except Unneeded as error:
        return _told(task, Seen(Sight.CREATE, {}, task.wanted), error.reason)
    except WontWork as error:
        return _told(task, Seen(Sight.REFUSED), error.reason)
    except NotYet as error:
        if error.moves_lane:
            await world.hold(step.lanes, error.after)
        return Later(error.after, error.reason), task


async def _looked(world: World, step: Step[Tenant], request: Request, task: Task) -> tuple[Ending, Task]:
    if (before := await _made_before(world, step, task)) is not None:
        return _told(task, Seen(Sight.CREATE, {}, task.wanted), f"follows on {before}")
    subject, wanted, _ = await subject_of(world, request, task)
    if task.group is not None and task.group.startswith(NEW_GROUP) and subject.group is None:
        return _told(task, Seen(Sight.CREATE, {}, task.wanted), "follows on the group that would be made")
    missing = {person: value for person, value in task.wanted.items() if person in task.members and person not in subject.members}
    if task.members and not subject.members:
        return _told(task, Seen(Sight.CREATE, {}, missing), f"{len(missing)} guests would be added once they are invited")
    actual = await step.read(world.tenant, subject)
    if (why := step.explain(subject, actual)) is not None:
        return _told(task, Seen(Sight.REFUSED), why)
    return _compared(step, replace(subject, seen=actual), task, {**wanted, **missing}, actual)


async def _made_before(world: World, step: Step[Tenant], task: Task) -> str | None:
    """The step that would first have to make what this one is about: there is nothing to read yet."""
    for name in step.after if step.subject == "person" else ():
        earlier = await world.tables.tasks.get(task.request, f"t|{task.cohort}|{name}|{task.subject}")
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
