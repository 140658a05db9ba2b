"""Whether a guest's address that is as asked is so by an earlier request of ours: then they have accepted with it since, and are left alone."""

from dataclasses import replace

from shared.nouns.person import person_id
from shared.nouns.state import State
from shared.nouns.step import Step, Subject
from shared.nouns.task import PARTNER_COHORT, TaskState
from shared.steps.change_guest_address import ADDRESSES, CHANGED_BEFORE
from shared.tables.requests import Request
from shared.tenant import Tenant
from shared.verbs.world import World


async def with_change_before(
    world: World, step: Step[Tenant], request: Request, subject: Subject, actual: State
) -> Subject | None:
    """The subject with the knowledge that the very same change was made before; None where nobody has, or it does not matter.

    Read only where the guest has the address already, and redemption would be begun anew for nothing but that.
    """
    asked = step.addresses == ADDRESSES and actual.get("address") == "new" and actual.get("redemption") is None
    if not asked or subject.intents or CHANGED_BEFORE in subject.details:
        return None
    people = {name: person_id(world.settings.person_key, str(subject.details.get(name) or "")) for name in ADDRESSES}
    for name in await world.tables.partners.requests_of(request.partner_tenant):
        if name == request.id:
            continue
        task = await world.tables.tasks.get(name, f"t|{PARTNER_COHORT}|{step.name}|{subject.id}")
        if task is None or "reset" not in task.ids or {name: task.details.get(name) for name in ADDRESSES} != people:
            continue
        return replace(subject, details={**subject.details, CHANGED_BEFORE: True}) if task.state is TaskState.DONE else None
    return None
