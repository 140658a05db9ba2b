"""What was taken from a guest in SharePoint, and how it comes back."""

from shared.nouns.task import Task, TaskState
from shared.steps.unshare_with_guest import STEP
from shared.tables.guests import Guest
from shared.verbs.cleanup_facts import CLEAN_UP
from shared.verbs.world import World


async def reversal(world: World, guest: Guest) -> Task | None:
    """The task that gives the guest back what was taken; None where nothing was, or all of it was given back."""
    found = []
    for name in dict.fromkeys(
        name for name, partner in await world.tables.people.requests_of(guest.person) if partner == guest.partner
    ):
        if not name.startswith(CLEAN_UP):
            continue
        found += [
            (task.request, task.key)
            async for task in world.tables.tasks.all(name)
            if (task.step, task.subject) == (STEP, guest.person) and not task.reverses and task.state is not TaskState.UNDONE
        ]
    if not found:
        return None
    return Task("", "", STEP, guest.person, ids={"user": guest.user}, reverses=tuple(found), touched=world.clock())
