"""What is done about a change that others made in the tenant (the table: shared/reactions.py)."""

from shared.nouns.changes import Change
from shared.verbs.compare import compare_partner
from shared.verbs.react_group import group_changed
from shared.verbs.react_user import user_changed
from shared.verbs.world import World


async def react(world: World, change: Change) -> None:
    """The object has been read again, and what differs from what we know has been answered by rule. Bears repetition.

    Raises NotYet where the tenant or our tables cannot answer now, or where something of ours is under way that may have done it.
    """
    match change.kind:
        case "user":
            await user_changed(world, change)
        case "group":
            await group_changed(world, change)
        case "partner":
            # Another organization, by its tenant id: its configuration or its domains.
            await compare_partner(world, change.id, people=True)
        case "relationship":
            for partner in await world.tables.partners.all():
                await compare_partner(world, partner, ("set-organization-relationship",))
