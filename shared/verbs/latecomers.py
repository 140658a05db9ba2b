"""Those who came in between the planning of a partner's leaving and its beginning, as by parts of an earlier request that arrived late."""

from shared.nouns.partner import Partner
from shared.nouns.task import Task
from shared.plan import Planner
from shared.tables.requests import Request
from shared.templates import load_template
from shared.verbs.partings import latecomers
from shared.verbs.world import World


async def all_that_go(world: World, request: Request) -> list[Task]:
    """Every task of the request; a leaving has tasks now for those, too, of whom its plan did not know.

    A leaving is planned when it is asked for, because people decide on what they see; this is for when its turn has come and no earlier
    request can bring anybody in any more. Bears repetition.
    """
    tasks = [task async for task in world.tables.tasks.all(request.id)]
    if request.header.action != "offboard" or request.mode != "apply" or request.cancelled:
        return tasks
    template = load_template(world.settings.templates, request.header.template, world.steps)
    partner = Partner(request.partner_tenant, request.header.partner.name, request.header.partner.domains)
    planner = Planner(world.steps, request.header, template, partner, world.settings.person_key, world.clock())
    late = await latecomers(world, planner, tasks, request.received)
    for cohort in late:
        # People first: an attempt that finds its task finds its person.
        await world.tables.people.remember(cohort.people, request.id, request.partner_tenant)
        await world.tables.tasks.insert_cohort(request.id, cohort.name, cohort.tasks, mark_open=True)
    return [task async for task in world.tables.tasks.all(request.id)] if late else tasks
