"""What the app's identities are let do, by the permissions in their tokens: whatever needs one that is missing is only planned or reported.

It goes by steps, so that a permission that few need holds up those few, and by itself: tokens are looked at again whenever something is to be
done. A managed identity's token lives for up to 24 h, and a new grant is in the next one.
https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/managed-identity-best-practice-recommendations
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shared.log import log
from shared.needs import UNSHARING, in_exchange, lacking, steps_allowed
from shared.nouns.grants import MANAGE_EXCHANGE
from shared.nouns.outcomes import NotYet, WontWork
from shared.nouns.power import POWERS, Power
from shared.nouns.step import Step
from shared.tables.grants import Granted
from shared.tenant import Tenant
from shared.verbs.world import World

CLEAN_UP = ("expire-guest", "delete-guest", "restore-guest")
BY_SETTING = "only planned, because ENTENTE_REPORT_ONLY is on"
NOT_SAID = "what its app has not said yet"


@dataclass(frozen=True)
class Permitted:
    """The application permissions on Microsoft Graph and on Exchange Online by power; None where an app of another power has not said yet
    what it has."""

    graph: Mapping[Power, frozenset[str] | None]
    exchange: Mapping[Power, frozenset[str]]

    def lacks(self, step: Step[Tenant]) -> tuple[str, ...]:
        """What the identity that carries the step out lacks for it; empty where it lacks nothing."""
        roles = self.graph[step.power]
        if roles is None:
            return (NOT_SAID,)
        missing = lacking(step.permissions, roles)
        return (*missing, MANAGE_EXCHANGE) if in_exchange(step) and MANAGE_EXCHANGE not in self.exchange[step.power] else missing


async def permitted(world: World, steps: Iterable[Step[Tenant]]) -> Permitted:
    """What is permitted now, as far as these steps go. Raises NotYet and WontWork where our own identity gives no token for Microsoft Graph."""
    powers = {step.power for step in steps if in_exchange(step)}
    graph: dict[Power, frozenset[str] | None] = {}
    exchange: dict[Power, frozenset[str]] = {}
    for power in POWERS:
        if power in world.settings.powers:
            graph[power] = await world.tenant.roles()
            exchange[power] = await _exchange(world) if power in powers else frozenset()
        else:
            said = await world.tables.grants.get(power)
            graph[power], exchange[power] = (said.graph, said.exchange) if said is not None else (None, frozenset())
    return Permitted(graph, exchange)


async def why_only_planned(world: World, steps: Iterable[str]) -> str:
    """Why what takes these steps is only planned or reported now; empty where it is carried out. Raises NotYet."""
    if world.settings.report_only:
        return BY_SETTING
    wanted = [world.step(name) for name in steps]
    try:
        may = await permitted(world, wanted)
    except WontWork as error:
        return f"only planned: {error.reason}"
    lacks = lacked(may, wanted)
    return sentence(lacks) if lacks else ""


async def tell_grants(world: World, power: Power) -> None:
    """What this app's identity is let do stands where the app that takes requests in looks for it. Where that is this app, nothing is needed."""
    if "guests" in world.settings.powers:
        return
    try:
        graph = await world.tenant.roles()
    except (NotYet, WontWork) as error:
        # What was said before stands: the next run of the timer says it anew.
        log.warning("permissions not told", power=power, reason=error.reason)
        return
    exchange = await _exchange(world)
    await world.tables.grants.note(Granted(power, graph, exchange, world.clock()))


def clean_up_steps(world: World) -> tuple[str, ...]:
    """What a clean-up run may come to; a warning only where there is a mailbox to send it from."""
    unsharing = (UNSHARING,) if UNSHARING in steps_allowed(world.settings.templates) else ()
    return (*CLEAN_UP, *unsharing, *(("warn-guest",) if world.settings.mailbox else ()))


def lacked(may: Permitted, steps: Iterable[Step[Tenant]]) -> dict[str, tuple[str, ...]]:
    """What is lacked, by step, for those of the steps that lack something."""
    found = {step.name: may.lacks(step) for step in steps}
    return {name: lacks for name, lacks in found.items() if lacks}


def sentence(lacks: Mapping[str, tuple[str, ...]]) -> str:
    """Why something is only planned, for people."""
    listed = "; ".join(f"{name} lacks {', '.join(missing)}" for name, missing in sorted(lacks.items()))
    return f"only planned, because the app's identity may not do all of it: {listed} (what is granted is in a new token, after up to 24 h)"


async def _exchange(world: World) -> frozenset[str]:
    """What our token for Exchange Online carries; nothing where there is none to be had."""
    try:
        return await world.tenant.exchange.roles()
    except WontWork:
        return frozenset()
