"""What queue `keep-listening` orders is done, so that changes go on being heard."""

from shared.log import log
from shared.nouns.changes import Upkeep
from shared.nouns.outcomes import NotYet, WontWork
from shared.verbs.catch_up import catch_up, recall
from shared.verbs.subscribe import keep_subscriptions, reauthorize
from shared.verbs.upkeep import order
from shared.verbs.world import World

# By then the next one has come by the clock.
MOST_RETRIES = 30


async def tend(world: World, upkeep: Upkeep) -> None:
    """It is done, or will be tried again; where that is no use until a person has acted, the log says why, and health shows it."""
    try:
        match upkeep.do:
            case "renew":
                await keep_subscriptions(world)
            case "reauthorize":
                await reauthorize(world, upkeep.subscription)
            case "recall":
                await recall(world, upkeep.resource)
            case "catch-up":
                await catch_up(world, upkeep)
    except NotYet as error:
        log.warning("upkeep postponed", do=upkeep.do, resource=upkeep.resource, why=upkeep.why, reason=error.reason)
        if upkeep.retry >= MOST_RETRIES:
            raise
        again = upkeep.model_copy(update={"retry": upkeep.retry + 1})
        await order(world, again, world.again_at(error.after, upkeep.retry))
    except WontWork as error:
        log.error("upkeep failed", do=upkeep.do, resource=upkeep.resource, why=upkeep.why, reason=error.reason)
