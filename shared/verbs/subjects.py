"""From a task's row to the subject that its step sees."""

from collections.abc import Mapping
from dataclasses import replace

from shared.nouns.partner import Partner
from shared.nouns.state import State
from shared.nouns.step import Subject
from shared.nouns.task import Task, TaskState
from shared.tables.requests import Request
from shared.verbs.world import World

# How the outcome of a guest begins whom the tenant did not take into the group; tried again only by a person's wish.
REFUSED = "refused"


async def subject_of(world: World, request: Request, task: Task) -> tuple[Subject, State, Mapping[str, str]]:
    """The subject, what is wanted of it now, and outcomes of members who will never be part of it."""
    partner = Partner(request.partner_tenant, request.header.partner.name, request.header.partner.domains)
    subject = Subject(
        id=task.subject, partner=partner, group=task.group, details=task.details, ids=task.ids, intents=task.intents
    )
    if task.members:
        return await _batch(world, task, subject)
    if task.position is None:
        return subject, task.wanted, {}
    person = await world.tables.people.get(task.subject)
    return replace(subject, person=person), task.wanted, {}


async def _batch(world: World, task: Task, subject: Subject) -> tuple[Subject, State, Mapping[str, str]]:
    """A batch is about those of its guests who are there; the others' own tasks say why they are not."""
    cohort = {(other.step, other.subject): other for other in await world.tables.tasks.cohort(task.request, task.cohort)}
    users: dict[str, str] = {}
    outcomes: dict[str, str] = {}
    for person in task.members:
        if task.member_outcomes.get(person, "").startswith(REFUSED):
            continue
        before = [cohort[step, person] for step in world.step(task.step).after if (step, person) in cohort]
        missing = [other for other in before if other.state is not TaskState.DONE]
        if missing:
            outcomes[person] = f"not added: {missing[0].reason or missing[0].state.value}"
            continue
        user = next((other.ids["user"] for other in before if "user" in other.ids), None)
        if user is not None:
            users[person] = user
    wanted = {person: value for person, value in task.wanted.items() if person in users}
    return replace(subject, members=users), wanted, outcomes
