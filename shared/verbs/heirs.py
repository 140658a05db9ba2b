"""Several partners may want the same of ours: a site's limit, a group's access to a site, an item or a workspace, a group's settings.

Whoever asked first has changed it, and the others have found it so. When that one leaves it stays for them, and the change is handed over to
one of them: what it was before is put back when the last of them leaves.
"""

from collections.abc import Sequence
from dataclasses import replace

from shared.nouns.state import Value
from shared.nouns.step import Step
from shared.nouns.task import NEW_GROUP, PARTNER_COHORT, Task, TaskState
from shared.tables.requests import Request
from shared.tables.task_rows import JournalEntry
from shared.tenant import Tenant
from shared.verbs.world import World


async def heir_of(world: World, step: Step[Tenant], partner_tenant: str, tasks: Sequence[Task]) -> Task | None:
    """A finished task of another partner that wants the same object of ours so as these tasks have made it; None where there is none.

    Reads the settings' tasks of every other partner's requests since they came the last time.
    """
    things = {thing for task in tasks if (thing := _thing(step, task)) is not None}
    if not things:
        return None
    for other in await world.tables.partners.all():
        if other == partner_tenant:
            continue
        for name in await world.tables.partners.requests_of(other):
            request = await world.tables.requests.get(name)
            if request is None or request.mode != "apply":
                continue
            if request.header.action == "offboard":
                break
            for task in await world.tables.tasks.cohort(name, PARTNER_COHORT):
                wants = task.step == step.name and task.state is TaskState.DONE and task.wanted and not task.reverses
                if wants and _thing(step, task) in things:
                    return task
    return None


async def hand_over(world: World, request: Request, heir: Task, changes: Sequence[tuple[Task, JournalEntry]]) -> str:
    """The heir's journal has these changes (the latest first) as one of its own, once. Gives a sentence that says where they went.

    Raises Changed where somebody writes the heir's row just now.
    """
    told = f"handed over by request {request.id}, whose partner asks for it no longer"
    if all(entry.note != told for entry in await world.tables.tasks.journal(heir.request, heir)):
        before: dict[str, Value] = {}
        after: dict[str, Value] = {}
        ids: dict[str, str] = {}
        for task, entry in changes:
            before |= entry.before
            after = {**entry.after, **after}
            ids = {**task.ids, **entry.ids, **ids}
        created = any(entry.created for _, entry in changes)
        entry = JournalEntry("outcome", heir.attempt, world.clock(), request.who, before, after, ids, created, note=told)
        await world.tables.tasks.save(replace(heir, created=heir.created or created, ids={**ids, **heir.ids}), entry)
    return f"stays, because request {heir.request} of another partner wants it too; it is taken back when that one leaves"


def _thing(step: Step[Tenant], task: Task) -> tuple[str, ...] | None:
    """Which object of ours the task is about; None where that is its own partner's."""
    group = task.group or ""
    if step.common is None or group.startswith(NEW_GROUP):
        return None
    return (group.lower(), *(str(task.details.get(name) or "").lower() for name in step.common))
