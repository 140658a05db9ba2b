"""Subscriptions to changes of users and groups. https://learn.microsoft.com/graph/api/resources/subscription; facts 9.1 and 9.4."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from devstack.tenant.directory.changes import Change

LONGEST = timedelta(minutes=41_760)
SHORTEST = timedelta(minutes=45)
PER_TENANT = 1_000
# When an expiring subscription asks for attention, before its end. Microsoft's page shows such steps "for illustrative purposes only".
REMINDERS = tuple(timedelta(minutes=minutes) for minutes in (180, 120, 60, 45, 30, 15))
_RESOURCE = re.compile(
    r"/?(?P<collection>users|groups)(?:(?:/(?P<id>[0-9a-f-]{36})|\('(?P<key>[0-9a-f-]{36})'\))(?:/(?P<relation>members|owners))?)?/?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Resource:
    """What is watched: a collection, one object (`id`), or the members or owners of one group (`relation`)."""

    kind: str
    id: str | None = None
    relation: str | None = None

    def concerned(self, change: Change) -> bool:
        """Whether the change is one of this resource."""
        if change.kind != self.kind or self.id not in (None, change.id):
            return False
        if self.relation == "members":
            return bool(change.members)
        return change.owners if self.relation == "owners" else True


def read_resource(text: str) -> Resource | None:
    """The resource that the text names, None if it is none of users and groups."""
    match = _RESOURCE.fullmatch(text)
    if match is None or (match["relation"] and match["collection"].lower() == "users"):
        return None
    identifier = match["id"] or match["key"]
    relation = match["relation"]
    return Resource(
        match["collection"].lower().removesuffix("s"),
        identifier.lower() if identifier else None,
        relation.lower() if relation else None,
    )


@dataclass(slots=True)
class Subscription:
    """One subscription. Nothing is sent for changes between `pauses` and the next renewal or reauthorization."""

    id: str
    application: str
    principal: str
    resource_name: str
    resource: Resource
    change_types: tuple[str, ...]
    change_type_name: str
    notification_url: str
    lifecycle_url: str | None
    client_state: str | None
    expires: datetime
    tls: str = "v1_2"
    application_of_url: str | None = None
    reauthorized: datetime | None = None
    pauses: datetime | None = None
    reminded: int = 0

    def wants(self, change: Change, now: datetime) -> bool:
        """Whether a notification of the change is due. Creation and soft deletion count as updates, only the end as deletion."""
        if self.expires <= now or (self.pauses is not None and self.pauses <= now):
            return False
        return ("deleted" if change.purged else "updated") in self.change_types and self.resource.concerned(change)

    def renew(self, expires: datetime | None, now: datetime) -> None:
        """It is authorized anew, and lasts until `expires` if that is given."""
        self.reauthorized, self.pauses = now, None
        if expires is not None:
            self.expires, self.reminded = expires, sum(expires - now <= before for before in REMINDERS)

    def next_reminder(self) -> datetime | None:
        """When it asks for attention next; None if nobody would hear it, or after the last time."""
        if self.lifecycle_url is None or self.reminded >= len(REMINDERS):
            return None
        return self.expires - REMINDERS[self.reminded]


@dataclass(slots=True)
class Subscriptions:
    """All there are, by id."""

    by_id: dict[str, Subscription] = field(default_factory=dict)

    def of(self, application: str) -> list[Subscription]:
        """Those that the application made."""
        return [each for each in self.by_id.values() if each.application == application]

    def expire(self, now: datetime) -> None:
        """Those whose time is over are gone, without a word."""
        for each in [each for each in self.by_id.values() if each.expires <= now]:
            del self.by_id[each.id]

    def reminders(self, now: datetime) -> Iterator[Subscription]:
        """Those that ask for attention now; each is asked once however many times have passed."""
        for each in self.by_id.values():
            due = each.next_reminder()
            if due is not None and due <= now:
                each.reminded = sum(each.expires - now <= before for before in REMINDERS)
                yield each

    def next_moment(self) -> datetime | None:
        """When something of the above is due next."""
        moments = [m for each in self.by_id.values() for m in (each.expires, each.next_reminder()) if m is not None]
        return min(moments, default=None)

    def to_json(self) -> list[dict[str, object]]:
        """All of them with what Graph does not show, for the control plane."""
        return [
            {
                "id": each.id,
                "applicationId": each.application,
                "resource": each.resource_name,
                "changeType": each.change_type_name,
                "notificationUrl": each.notification_url,
                "lifecycleNotificationUrl": each.lifecycle_url,
                "clientState": each.client_state,
                "expirationDateTime": each.expires.isoformat(),
                "reauthorized": each.reauthorized and each.reauthorized.isoformat(),
                "pauses": each.pauses and each.pauses.isoformat(),
            }
            for each in self.by_id.values()
        ]
