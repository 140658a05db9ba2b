"""Whose an invocation is, in an app for several tenants: what comes by a queue or by HTTP says so, and timers take them in turn."""

import contextlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import azure.functions as func

from shared.nouns.errors import Refusal
from shared.root import world, worlds

if TYPE_CHECKING:
    from shared.verbs.world import World

# A header, so that no route has to know of it; links and addresses that others call have it as a parameter.
HEADER = "x-entente-tenant"


async def of_message(message: func.ServiceBusMessage) -> "World":
    """The world of the tenant that the message is of. Raises UnknownTenant: the message then stays among the dead letters of `parked`."""
    from shared.bus import TENANT

    return await named(str((message.application_properties or {}).get(TENANT, "")))


async def of_call(req: func.HttpRequest) -> "World":
    """The world of the tenant that the caller names. Raises UnknownTenant. Nothing is let in by that: who calls is asked there."""
    return await named(says_whose(req))


def says_whose(req: func.HttpRequest) -> str:
    """The tenant that the caller names; empty where none is."""
    from shared.bus import TENANT

    return str(req.headers.get(HEADER, "") or req.params.get(TENANT, ""))


async def of_event(message: func.ServiceBusMessage) -> "World":
    """The world of the tenant that a notification is about: whether it is genuine, that tenant's secret says. Raises UnknownTenant."""
    from shared.bus import TENANT

    return await of_notification(message.get_body(), str((message.application_properties or {}).get(TENANT, "")))


async def of_notification(body: bytes, told: str = "") -> "World":
    """The same where a body is all there is, but for what was `told` of whose it is. Raises UnknownTenant."""
    from shared.nouns.notices import read_notices

    every = await worlds()
    if not told and every[0].settings.tenant_name:
        with contextlib.suppress(Refusal):
            about = {notice.tenant for notice in read_notices(body).notices}
            told = next((one.settings.tenant_name for one in every if about == {one.settings.tenant_id.lower()}), "")
    return await named(told)


async def named(tenant: str) -> "World":
    """The world of the tenant, and whatever is logged from here on names it."""
    from shared.log import of_tenant

    ours = await world(tenant)
    of_tenant(tenant)
    return ours


async def each(*verbs: "Callable[[World], Awaitable[object]]") -> None:
    """Every tenant has had its turn, whatever became of the others'. Raises what failed, once all have had it."""
    from shared.log import log, of_tenant

    failed: list[Exception] = []
    for ours in await worlds():
        of_tenant(ours.settings.tenant_name)
        for verb in verbs:
            try:
                await verb(ours)
            except Exception as error:  # noqa: BLE001 -- raised below: one tenant's trouble is not another's
                failed.append(error)
                log.error("timer failed", reason=f"{type(error).__name__}: {error}")
                break
    if len(failed) == 1:
        raise failed[0]
    if failed:
        raise ExceptionGroup("timers failed for several tenants", failed)
