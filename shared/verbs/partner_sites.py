"""The SharePoint sites that requests of a partner are about."""

from shared.nouns.task import PARTNER_COHORT, TaskState
from shared.verbs.world import World


async def sites_named(world: World, tenant_id: str, *, ever: bool = False) -> tuple[str, ...]:
    """The URLs of the sites that the partner's own tasks have made something true of and that still counts, the latest first; with `ever`
    also where it was taken back."""
    counting = {TaskState.DONE, TaskState.UNDONE} if ever else {TaskState.DONE}
    found: dict[str, None] = {}
    for name in await world.tables.partners.requests_of(tenant_id):
        request = await world.tables.requests.get(name)
        if request is None or request.mode != "apply":
            continue
        for task in await world.tables.tasks.cohort(name, PARTNER_COHORT):
            site = task.details.get("site")
            if task.state in counting and not task.reverses and isinstance(site, str):
                found[site.rstrip("/")] = None
    return tuple(found)
