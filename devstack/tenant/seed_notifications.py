"""Subscriptions of a seed, and how its notifications are sent."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from devstack.tenant.directory.objects import Record
from devstack.tenant.notifications.subscriptions import Subscription, read_resource
from devstack.tenant.tenant import SimulatedTenant

SECTIONS: dict[str, str] = {
    "subscriptions": "list of {resource, notificationUrl, expirationDateTime, changeType, lifecycleNotificationUrl, clientState, id}, made without a handshake",
    "notifications": "as in PUT /_sim/notifications/settings",
}


def plant_subscriptions(tenant: SimulatedTenant, given: Iterable[Record]) -> None:
    """The subscriptions are there, without a handshake. Raises ValueError for one that does not fit."""
    for item in given:
        resource = read_resource(str(item.get("resource")))
        if resource is None or not item.get("notificationUrl") or not item.get("expirationDateTime"):
            raise ValueError(f"a subscription of the seed needs resource, notificationUrl and expirationDateTime; got {item!r}")
        expires = datetime.fromisoformat(item["expirationDateTime"])
        types = item.get("changeType", "updated,deleted")
        subscription = Subscription(
            id=item.get("id") or tenant.new_id("subscription"),
            application=item.get("applicationId", tenant.chance.identifier("identity", "application")),
            principal=tenant.chance.identifier("identity", "principal"),
            resource_name=item["resource"],
            resource=resource,
            change_types=tuple(part.strip().lower() for part in types.split(",")),
            change_type_name=types,
            notification_url=item["notificationUrl"],
            lifecycle_url=item.get("lifecycleNotificationUrl"),
            client_state=item.get("clientState"),
            expires=expires if expires.tzinfo else expires.replace(tzinfo=UTC),
        )
        subscription.renew(subscription.expires, tenant.clock.now())
        tenant.subscriptions.by_id[subscription.id] = subscription


def plant_settings(tenant: SimulatedTenant, given: Any) -> None:
    """Notifications are sent by these settings."""
    tenant.post_office.settings = tenant.post_office.settings.merged(given)


PLANTERS: tuple[tuple[str, Callable[[SimulatedTenant, Any], None]], ...] = (
    ("notifications", plant_settings),
    ("subscriptions", plant_subscriptions),
)
