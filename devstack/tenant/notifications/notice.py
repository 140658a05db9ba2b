"""What a notification says. Shapes: the published examples notify-*.json; facts 9.3 and 9.4."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from devstack.tenant.directory.changes import Change
from devstack.tenant.notifications.subscriptions import Subscription

_YEAR_ONE = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Notice:
    """One element of a `value`, and what is to happen with it. `lifecycle` is the event, None for a change."""

    number: int
    subscription: Subscription
    due: float
    change: Change | None = None
    lifecycle: str | None = None
    members: dict[str, bool] = field(default_factory=dict)
    alone: bool = False
    reply_lost: bool = False
    fault: int | None = None

    @property
    def url(self) -> str:
        """Where it goes."""
        return (self.subscription.lifecycle_url if self.lifecycle else None) or self.subscription.notification_url

    @property
    def change_type(self) -> str | None:
        """`updated` or `deleted`, None for a lifecycle event."""
        return ("deleted" if self.change.purged else "updated") if self.change else None

    @property
    def topic(self) -> tuple[str, str, str | None, bool]:
        """Notices with the same topic can be told as one."""
        change = self.change
        assert change is not None
        return self.subscription.id, change.id, self.change_type, bool(change.members)

    @property
    def resource(self) -> str | None:
        """`Users/{id}`, in the casing that Graph uses here and nowhere else."""
        return f"{self.change.kind.capitalize()}s/{self.change.id}" if self.change else None

    def absorb(self, change: Change) -> None:
        """The later change of the same thing is told with this one."""
        self.change = change
        self.members.update(change.members)

    def body(self, tenant: str, *, times: bool = True) -> dict[str, Any]:
        """The element as it is sent; with `times`, a change of an object says when it was, and its number."""
        subscription, change = self.subscription, self.change
        envelope = {
            "subscriptionExpirationDateTime": subscription.expires.isoformat(timespec="milliseconds"),
            "subscriptionId": subscription.id,
            "tenantId": tenant,
        }
        if change is None:
            return {"lifecycleEvent": self.lifecycle, "clientState": subscription.client_state, **envelope}
        about: dict[str, Any] = {
            "@odata.type": f"#Microsoft.Graph.{change.kind.capitalize()}",
            "@odata.id": self.resource,
            "id": change.id,
            "organizationId": tenant,
        }
        if change.members:
            about["members@delta"] = [
                {"id": member} if came else {"id": member, "@removed": "deleted"} for member, came in self.members.items()
            ]
        elif times:
            about |= {"eventTime": f"{change.moment:%Y-%m-%dT%H:%M:%S.%f}0Z", "sequenceNumber": _ticks(change)}
        return {
            "changeType": self.change_type,
            "clientState": subscription.client_state,
            "resource": self.resource,
            "resourceData": about,
            **envelope,
        }


def _ticks(change: Change) -> int:
    """Tenths of microseconds since the year 1, with the number of the change in the last digit to keep two apart."""
    since = change.moment - _YEAR_ONE
    return (since.days * 86_400 + since.seconds) * 10_000_000 + since.microseconds * 10 + change.number % 10
