"""What is done about a change that others made in the tenant."""

from shared.log import log
from shared.nouns.changes import Change
from shared.verbs.world import World


async def react(world: World, change: Change) -> None:
    """The change is known. Raises NotYet where the tenant or our tables cannot answer now."""
    del world
    log.info("change seen", kind=change.kind, object=change.id, what=change.what, source=change.source)
