"""Which request of a partner is running: one at a time."""

from shared.nouns.partner import Partner
from shared.verbs.world import World

# Stands for the request that runs while the partner is blocked; no request's id is spelled so.
BLOCKED = "(blocked)"


async def take_turn(world: World, partner: Partner, request: str) -> str:
    """The id of the request that runs for the partner: `request` itself where none did. While the partner is blocked nobody's turn
    comes, and it is BLOCKED.

    A turn that an ended request still holds counts as free: a copy of its message can take it just after it was given back.
    """
    if await world.tables.blocks.get(partner.tenant_id) is not None:
        return BLOCKED
    while True:
        running = await world.tables.partners.take(partner, request)
        holder = None if running == request else await world.tables.requests.get(running)
        if holder is None or holder.is_open:
            return running
        await world.tables.partners.release(partner.tenant_id, running, holder.finished or world.clock())
