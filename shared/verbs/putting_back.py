"""What others have changed is made as before, by a request of its own: the same steps, the same journal.

It does not stand among the partner's requests: what it restores is what their tasks have made so, and goes with those.
"""

from dataclasses import replace

from shared.nouns.request import Header
from shared.nouns.state import State
from shared.nouns.task import Task, TaskState
from shared.tables.drift import PUTTING_BACK, Drifted
from shared.tables.requests import Request, RequestState
from shared.verbs.finish import begin_next
from shared.verbs.permitted import why_only_planned
from shared.verbs.subjects import subject_of
from shared.verbs.world import World

COHORT = "put-back"


async def put_back(world: World, drifted: Drifted, who: str) -> Drifted:
    """The request is on its way when it is the partner's turn. Bears repetition. Raises Changed where somebody else settles the drift."""
    now = world.clock()
    if drifted.state != PUTTING_BACK:
        name = f"put-back.{drifted.id}.{now:%Y%m%d%H%M%S}"
        said = f"is being put back, asked for by {who}"
        drifted = await world.tables.drift.save(replace(drifted, state=PUTTING_BACK, repair=name, by=who, said=said, seen=now))
    known = await world.tables.requests.get(drifted.repair)
    if known is not None and not known.is_open:
        return drifted
    original = await world.tables.requests.get(drifted.request)
    task = await world.tables.tasks.get(drifted.request, drifted.task)
    if original is None or task is None:
        return drifted
    tasks = await _tasks(world, drifted, original, task)
    await world.tables.tasks.insert_cohort(drifted.repair, COHORT, tasks, mark_open=True)
    if known is None:
        only = await why_only_planned(world, {one.step for one in tasks})
        await world.tables.requests.insert(_request(world, drifted, original, who, only))
    await begin_next(world, drifted.partner)
    return drifted


def _request(world: World, drifted: Drifted, original: Request, who: str, only: str) -> Request:
    header: Header = original.header.model_copy(
        update={"id": drifted.repair, "action": "onboard", "mode": "apply", "part": 1, "parts": 1, "offset": 0}
    )
    return Request(
        id=drifted.repair,
        state=RequestState.QUEUED,
        header=header,
        digest="",
        who=who,
        partner_tenant=drifted.partner,
        template_version=original.template_version,
        received=world.clock(),
        mode="plan" if only else "apply",
        outlook={"planned": only},
        reason=f"puts back what others have changed: drift {drifted.id}",
    )


async def _tasks(world: World, drifted: Drifted, original: Request, task: Task) -> list[Task]:
    """The task anew, wanting what it wanted; for a batch the guests' own tasks too, which it finds their ids by."""
    subject, _, _ = await subject_of(world, original, task, back=True)
    persons = tuple(one for one in task.members if one in drifted.before)
    wanted: State = {key: task.wanted[key] for key in persons} if persons else dict(task.wanted)
    again = replace(_anew(world, drifted, task), wanted=wanted, members=persons, group=subject.group)
    if not persons:
        return [again]
    cohort = await world.tables.tasks.cohort(task.request, task.cohort)
    after = world.step(task.step).after
    guests = [_anew(world, drifted, one) for one in cohort if one.step in after and one.subject in persons]
    return [*guests, replace(again, state=TaskState.WAITING)]


def _anew(world: World, drifted: Drifted, task: Task) -> Task:
    return Task(
        request=drifted.repair,
        cohort=COHORT,
        step=task.step,
        subject=task.subject,
        wanted=dict(task.wanted),
        details=task.details,
        group=task.group,
        members=task.members,
        ids=task.ids,
        touched=world.clock(),
    )
