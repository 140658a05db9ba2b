"""Orders about subscriptions, their notifications and delta links."""

from typing import Any

from devstack.tenant.directory.changes import WATCHED
from devstack.tenant.notifications.endpoints import STATES
from devstack.tenant.notifications.post_office import LIFECYCLE_EVENTS, challenge, remove
from devstack.tenant.notifications.subscriptions import Subscription, read_resource
from devstack.tenant.tenant import SimulatedTenant


def _meant(tenant: SimulatedTenant, given: dict[str, Any]) -> list[Subscription]:
    """The subscription with the `id`, those to the `resource`, or all. Raises LookupError if there is none."""
    everything = list(tenant.subscriptions.by_id.values())
    if "id" in given:
        everything = [each for each in everything if each.id == given["id"]]
    if "resource" in given:
        wanted = read_resource(str(given["resource"]))
        everything = [each for each in everything if each.resource == wanted]
    if not everything:
        raise LookupError(f"there is no such subscription: {given!r}")
    return everything


def lifecycle(tenant: SimulatedTenant, given: dict[str, Any]) -> Any:
    """The `event` is announced; `subscriptionRemoved` removes too, and `pausesAfter` seconds a challenge stops the flow."""
    event, pause = given.get("event"), given.get("pausesAfter")
    if event not in LIFECYCLE_EVENTS:
        raise ValueError(f"event is one of {', '.join(LIFECYCLE_EVENTS)}, not {event!r}")
    if pause is not None and not isinstance(pause, int | float):
        raise ValueError(f"pausesAfter is a number of seconds, not {pause!r}")
    office, meant = tenant.post_office, _meant(tenant, given)
    for subscription in meant:
        if event == "subscriptionRemoved":
            remove(office, subscription, told=True)
        elif event == "reauthorizationRequired":
            challenge(office, subscription, pause)
        else:
            office.announce(subscription, event)
    return {"announced": event, "subscriptions": [each.id for each in meant]}


def expire(tenant: SimulatedTenant, given: dict[str, Any]) -> Any:
    """The subscriptions are gone as if their time were over; with `told`, their owner hears of it."""
    meant = _meant(tenant, given)
    for subscription in meant:
        remove(tenant.post_office, subscription, told=bool(given.get("told", False)))
    return {"expired": [each.id for each in meant]}


def expire_delta(tenant: SimulatedTenant, given: dict[str, Any]) -> Any:
    """Links of delta queries given out so far are gone: 410. `resource` limits it to users or groups."""
    named = given.get("resource")
    kinds = [named.strip("/").lower().removesuffix("s")] if isinstance(named, str) else list(WATCHED)
    if unknown := set(kinds) - set(WATCHED):
        raise ValueError(f"resource is users or groups, not {unknown.pop()!r}")
    for kind in kinds:
        tenant.changes.gone[kind] = tenant.changes.issued
    return {"expired": [f"{kind}s" for kind in kinds]}


def order_endpoint(tenant: SimulatedTenant, given: dict[str, Any]) -> Any:
    """The address `url` (or every one) is in the `state`; `ok` lets its answers decide again."""
    state = given.get("state")
    if state not in STATES:
        raise ValueError(f"state is one of {', '.join(STATES)}, not {state!r}")
    tenant.post_office.endpoints.order(given.get("url"), state)
    return {"url": given.get("url"), "state": state}
