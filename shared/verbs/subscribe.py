"""Our subscriptions to changes: made, found again, renewed, and made again where they are gone."""

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from shared.log import log
from shared.nouns.changes import Upkeep
from shared.nouns.client_state import client_state, fingerprint
from shared.nouns.outcomes import NotYet, WontWork
from shared.settings import Settings
from shared.tables.subscriptions import RESOURCES, Kept, Resource
from shared.tenant.noticed import Subscribed, Wanted
from shared.verbs.upkeep import order
from shared.verbs.world import World

# Graph lets those to users and groups live for 41,760 minutes, which is 29 days.
# https://learn.microsoft.com/graph/api/resources/subscription#subscription-lifetime
LIFE = timedelta(days=28)
# Renewed every week, so that three weeks of failures can be seen to.
RENEW_BELOW = timedelta(days=21)
WORRY_BELOW = timedelta(days=14)
WEBHOOK, LIFECYCLE = "/api/tenant-changes", "/api/tenant-changes/lifecycle"


def addresses(settings: Settings) -> tuple[str, str]:
    """Where notifications and lifecycle events are told. Event Grid and Event Hubs take both at one address."""
    url = settings.notification_url
    whose = f"?tenant={settings.tenant_name}" if settings.tenant_name else ""
    return (f"{url}{WEBHOOK}{whose}", f"{url}{LIFECYCLE}{whose}") if url.startswith("http") else (url, url)


async def keep_subscriptions(world: World) -> None:
    """Everything that we want to hear of is subscribed to for weeks to come; what could not be done is on record and in the log.

    Without a notification URL, nothing of ours is subscribed to. Runs in one place at a time.
    """
    kept = {one.resource: one for one in await world.tables.subscriptions.all()}
    if not world.settings.notification_url and not kept:
        return
    try:
        found = await world.tenant.change_subscriptions.all()
    except (NotYet, WontWork) as error:
        for resource in RESOURCES:
            await _worry(world, resource, kept.get(resource), error.reason)
        return
    for resource in RESOURCES:
        try:
            if world.settings.notification_url:
                await _keep(world, resource, kept.get(resource), found)
            else:
                await _leave(world, kept.get(resource), found)
        except (NotYet, WontWork) as error:
            await _worry(world, resource, await world.tables.subscriptions.get(resource), error.reason)


async def _keep(world: World, resource: Resource, kept: Kept | None, found: Sequence[Subscribed]) -> None:
    url, _ = addresses(world.settings)
    here = [one for one in found if one.resource == resource and one.url == url]
    if kept is None or (kept.url, kept.key) != (url, fingerprint(world.settings.client_state_key)):
        # Whose secret we do not know cannot be listened to.
        await _drop(world, here)
        kept = await _begin(world, resource, kept)
        here = []
    own = next((one for one in here if kept.id in {one.id, ""}), None)
    if own is None:
        await _make(world, await _begin(world, resource, kept) if kept.id else kept)
    else:
        if not kept.id:
            # It was made, and we did not hear; nobody knows what happened meanwhile.
            await order(world, Upkeep(do="catch-up", resource=kept.resource, why="subscription found again"))
        await _renew(world, replace(kept, id=own.id, expires=own.expires))
        await _drop(world, [one for one in here if one.id != own.id])
    if kept.former:
        await world.tenant.change_subscriptions.delete(kept.former)
        settled = await world.tables.subscriptions.get(resource)
        await world.tables.subscriptions.save(replace(settled or kept, former=""))


async def _begin(world: World, resource: Resource, old: Kept | None) -> Kept:
    """A new secret is on record before anybody is told it, so that the first notification can be believed."""
    new = Kept(
        resource=resource,
        url=addresses(world.settings)[0],
        salt=secrets.token_hex(32),
        key=fingerprint(world.settings.client_state_key),
        since=world.clock(),
        former=(old.id or old.former) if old else "",
    )
    await world.tables.subscriptions.save(new)
    return new


async def _make(world: World, kept: Kept) -> None:
    url, lifecycle_url = addresses(world.settings)
    state = client_state(world.settings.client_state_key, kept.resource, kept.salt)
    wanted = Wanted(kept.resource, url, lifecycle_url, world.clock() + LIFE, state)
    made = await world.tenant.change_subscriptions.create(wanted)
    # First the order, then the record: whoever dies between the two finds the subscription and orders again.
    await order(world, Upkeep(do="catch-up", resource=kept.resource, why="new subscription"))
    await world.tables.subscriptions.save(replace(kept, id=made.id, expires=made.expires, problem=""))
    log.info("subscribed", resource=kept.resource, subscription=made.id, expires=str(made.expires))


async def _renew(world: World, kept: Kept) -> None:
    now = world.clock()
    if kept.expires is None or kept.expires - now < RENEW_BELOW:
        renewed = await world.tenant.change_subscriptions.renew(kept.id, now + LIFE)
        if renewed is None:
            await _make(world, await _begin(world, kept.resource, kept))
            return
        kept = replace(kept, expires=renewed.expires)
        log.info("subscription renewed", resource=kept.resource, subscription=kept.id, expires=str(kept.expires))
    await world.tables.subscriptions.save(replace(kept, problem=""))


async def _leave(world: World, kept: Kept | None, found: Sequence[Subscribed]) -> None:
    if kept is not None:
        await _drop(world, [one for one in found if one.id in {kept.id, kept.former}])
        await world.tables.subscriptions.forget(kept.resource)


async def _drop(world: World, gone: Sequence[Subscribed]) -> None:
    for one in gone:
        await world.tenant.change_subscriptions.delete(one.id)
        log.info("subscription deleted", resource=one.resource, subscription=one.id)


async def _worry(world: World, resource: Resource, kept: Kept | None, reason: str) -> None:
    """What could not be done is on record; it is told where it will soon be felt."""
    kept = kept or await _begin(world, resource, None)
    await world.tables.subscriptions.save(replace(kept, problem=reason))
    if not lasts(kept, world.clock(), WORRY_BELOW):
        log.error("subscription not renewed", resource=resource, expires=str(kept.expires or "there is none"), reason=reason)


def lasts(kept: Kept, now: datetime, at_least: timedelta = timedelta(0)) -> bool:
    """The subscription is there, and will be for so long, if nobody takes it away."""
    return bool(kept.id) and kept.expires is not None and kept.expires - now > at_least


async def reauthorize(world: World, subscription: str) -> None:
    """Notifications of the subscription go on. One that is gone is made again. Raises NotYet or WontWork."""
    if not await world.tenant.change_subscriptions.reauthorize(subscription):
        await order(world, Upkeep(do="renew", resource="subscriptions", why="gone when asked to go on"))
