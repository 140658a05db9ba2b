"""Delivery by Event Grid: the partner topics that Microsoft Graph makes, and where their event subscription leads.

https://learn.microsoft.com/azure/event-grid/subscribe-to-graph-api-events
"""

import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from devstack.tenant.notifications.notice import Notice

EVENT_GRID = "EventGrid:?"
MOST_TOPICS = 10
_NEEDED = ("azuresubscriptionid", "resourcegroup", "partnertopic", "location")
# The only one of the three that the page names; whether others come is not known.
REAUTHORIZE = "reauthorizationRequired"


@dataclass(slots=True)
class PartnerTopic:
    """A topic, which leads nowhere before an administrator has activated it and subscribed to its events for a queue of Service Bus."""

    name: str
    application: str
    activated: bool = False
    service_bus: str = ""
    queue: str = ""

    @property
    def leads_on(self) -> bool:
        return self.activated and bool(self.service_bus and self.queue)


@dataclass(slots=True)
class PartnerTopics:
    """All there are, by name."""

    by_name: dict[str, PartnerTopic] = field(default_factory=dict)
    _wished: dict[str, dict[str, Any]] = field(default_factory=dict)

    def made(self, url: str, application: str) -> None:
        """The topic that the address names is there. Raises ValueError with a sentence where it cannot be."""
        name = topic_name(url)
        there = self.by_name.setdefault(name, PartnerTopic(name, application))
        if there.application != application:
            raise ValueError(f"Partner topic '{name}' is another application's.")
        if sum(one.application == application for one in self.by_name.values()) > MOST_TOPICS:
            del self.by_name[name]
            raise ValueError(f"An application can have {MOST_TOPICS} partner topics in a tenant.")
        if name in self._wished:
            self.change(self._wished.pop(name))

    def of(self, url: str) -> PartnerTopic | None:
        """The topic that the address names, where it leads on."""
        found = self.by_name.get(topic_name(url))
        return found if found is not None and found.leads_on else None

    def change(self, given: dict[str, Any]) -> dict[str, Any]:
        """What an administrator does with the topic `name` in Azure, now or as soon as Graph has made it: `activated`, `serviceBus` (a
        connection string) and `queue`."""
        name = str(given.get("name") or "").lower()
        if not name:
            raise ValueError("a partner topic has a name")
        topic = self.by_name.get(name)
        if topic is None:
            self._wished[name] = given
            return {"name": name, "made": False}
        topic.activated = bool(given.get("activated", topic.activated))
        topic.service_bus = str(given.get("serviceBus", topic.service_bus))
        topic.queue = str(given.get("queue", topic.queue))
        return {"name": name, "made": True, "activated": topic.activated, "queue": topic.queue}


def topic_name(url: str) -> str:
    """The topic that the address names, in lower case. Raises ValueError with a sentence where it does not say all that it must."""
    said = {name.lower(): value for name, value in parse_qsl(url.removeprefix(EVENT_GRID))}
    missing = [name for name in _NEEDED if not said.get(name)]
    if missing:
        raise ValueError(f"notificationUrl of Event Grid does not name {', '.join(missing)}.")
    if " " in said["location"]:
        raise ValueError("location of Event Grid is the name of a region, such as westeurope, and not its display name.")
    return said["partnertopic"].lower()


def cloud_event(notice: Notice, tenant: str) -> dict[str, Any]:
    """The notice as Event Grid delivers it. Of a lifecycle event only the type says what it is.

    https://learn.microsoft.com/azure/event-grid/microsoft-entra-events
    """
    data = notice.body(tenant)
    told = data.pop("lifecycleEvent", None)
    kind = f"Subscription{told[0].upper()}{told[1:]}" if told else f"{_kind(notice)}{str(notice.change_type).capitalize()}"
    return {
        "id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{notice.subscription.id} {notice.number}")),
        "type": f"Microsoft.Graph.{kind}",
        "source": f"/tenants/{tenant}/applications/{notice.subscription.application}",
        "subject": notice.resource or notice.subscription.resource_name,
        "time": notice.change.moment.isoformat() if notice.change else notice.subscription.expires.isoformat(),
        "datacontenttype": "application/json",
        "specversion": "1.0",
        "data": data,
    }


def _kind(notice: Notice) -> str:
    assert notice.change is not None
    return notice.change.kind.capitalize()
