"""What Microsoft Graph posts to who subscribed, read without believing any of it: the body is anybody's who knows the address.

Shapes: https://learn.microsoft.com/graph/change-notifications-delivery-webhooks,
https://learn.microsoft.com/graph/change-notifications-lifecycle-events and, by Event Grid, CloudEvents 1.0. Graph's casing differs
from place to place (`Users/{id}`, `#Microsoft.Graph.User`), so names and values are compared without it.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from shared.nouns.changes import GUID, MOST_MEMBERS, Kind, What
from shared.nouns.errors import Fault, Refusal
from shared.nouns.json_text import decoded

# Graph packs a score of notifications into a body; so much above it is nobody's but a stranger's.
MOST_BODY_BYTES = 1_000_000
MOST_ELEMENTS = 1_000
MOST_STATE = 128
_KINDS: dict[str, Kind] = {"user": "user", "group": "group"}
_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
_PATH = re.compile(r"^/?(?P<kind>user|group)s(?:/|\(')(?P<id>[0-9a-f-]{36})(?:'\))?(?:/.*)?$", re.IGNORECASE)
_WHAT: dict[str, What] = {"created": "created", "updated": "updated", "deleted": "deleted"}
# Event Grid has the event in the type: Microsoft.Graph.SubscriptionReauthorizationRequired.
_LIFECYCLE = {"reauthorizationrequired": "reauthorizationRequired", "removed": "subscriptionRemoved", "missed": "missed"}
_EVENT_TYPE = "microsoft.graph.subscription"


@dataclass(frozen=True)
class Notice:
    """One element of a notification. `lifecycle` is its event in Graph's own casing, and empty for a change.

    `expires` is when the subscription was to end as it was told. `digest` is the same for the same telling and for no other, where
    `timed`; where Graph told no time, as with members and lifecycle events, a later one may be told in the very same words.
    """

    subscription: str
    state: str = field(repr=False)
    tenant: str
    expires: datetime | None = None
    lifecycle: str = ""
    kind: Kind = "user"
    id: str = ""
    what: What = "unknown"
    happened: datetime | None = None
    came: tuple[str, ...] = ()
    went: tuple[str, ...] = ()
    digest: str = ""
    timed: bool = False


@dataclass(frozen=True)
class Told:
    """The elements of a body that can be read, and how many cannot."""

    notices: tuple[Notice, ...]
    unreadable: int


def read_notices(body: bytes) -> Told:
    """What the body tells. Raises Refusal where it is no notification at all.

    The element by which Graph validates an event hub (its subscription is `NA`) is neither told nor counted.
    """
    if len(body) > MOST_BODY_BYTES:
        raise Refusal([Fault("", f"is larger than {MOST_BODY_BYTES} bytes")])
    elements = list(_elements(decoded(body)))
    if len(elements) > MOST_ELEMENTS:
        raise Refusal([Fault("value", f"has more than {MOST_ELEMENTS} elements")])
    elements = [one for one in elements if not (isinstance(one, dict) and str(_lower(one).get("subscriptionid")).upper() == "NA")]
    read = [_notice(_lower(one)) if isinstance(one, dict) else None for one in elements]
    found = tuple(notice for notice in read if notice is not None)
    return Told(found, len(read) - len(found))


def _elements(value: Any) -> Iterator[Any]:
    """The elements of a webhook's body, or of one or more event hub's bodies or CloudEvents: these come in batches too."""
    for one in value if isinstance(value, list) and value else [value]:
        given = _lower(one) if isinstance(one, dict) else {}
        if isinstance(listed := given.get("value"), list):
            yield from listed
        elif "specversion" in given and isinstance(data := given.get("data"), dict):
            yield _of_cloud_event(given, data)
        else:
            raise Refusal([Fault("", "is no notification of Microsoft Graph: neither `value` nor a CloudEvent")])


def _of_cloud_event(given: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    """The element in a CloudEvent. That of a lifecycle event has its name in the type, whether or not the data repeat it."""
    event = str(given.get("type", "")).lower()
    told = event.removeprefix(_EVENT_TYPE) if event.startswith(_EVENT_TYPE) else ""
    return {**data, "lifecycleEvent": told} if told and "lifecycleevent" not in _lower(data) else data


def _lower(given: dict[str, Any]) -> dict[str, Any]:
    return {name.lower(): value for name, value in given.items()}


def _notice(element: dict[str, Any]) -> Notice | None:
    subscription, state = element.get("subscriptionid"), element.get("clientstate")
    # Lifecycle events have been seen with the other name: https://github.com/microsoftgraph/msgraph-sdk-dotnet/issues/3103
    tenant = element.get("tenantid") or element.get("organizationid") or ""
    if not (isinstance(subscription, str) and _ID.fullmatch(subscription) and isinstance(tenant, str)):
        return None
    state = state if isinstance(state, str) and len(state) <= MOST_STATE else ""
    expires = _instant(element.get("subscriptionexpirationdatetime"))
    head = Notice(subscription.lower(), state, tenant.lower(), expires)
    if (event := element.get("lifecycleevent")) is not None:
        name = _LIFECYCLE.get(str(event).lower().removeprefix("microsoft.graph.").removeprefix("subscription"))
        return replace(head, lifecycle=name, digest=_digest(head.subscription, name, str(expires))) if name else None
    return _change(element, head)


def _change(element: dict[str, Any], head: Notice) -> Notice | None:
    about = element.get("resourcedata")
    about = _lower(about) if isinstance(about, dict) else {}
    spot = _PATH.match(str(element.get("resource") or about.get("@odata.id") or ""))
    kind = _KINDS.get(str(about.get("@odata.type", "")).rpartition(".")[2].lower()) or (spot and _KINDS[spot["kind"].lower()])
    identifier = str(about.get("id") or (spot["id"] if spot else "")).lower()
    if kind is None or not re.fullmatch(GUID, identifier):
        return None
    what = _WHAT.get(str(element.get("changetype", "")).lower(), "unknown")
    came, went = _members(about.get("members@delta"))
    moment, number = about.get("eventtime"), about.get("sequencenumber")
    words = (head.subscription, kind, identifier, what, str(moment), str(number), *sorted(came), "-", *sorted(went))
    return replace(
        head,
        kind=kind,
        id=identifier,
        what=what,
        happened=_instant(moment),
        came=came,
        went=went,
        digest=_digest(*words),
        timed=moment is not None or number is not None,
    )


def _digest(*words: str) -> str:
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:32]


def _members(given: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Who came and who went. Here `@removed` is a string, in delta an object."""
    came: list[str] = []
    went: list[str] = []
    for one in given if isinstance(given, list) else []:
        identifier = str(one.get("id", "")).lower() if isinstance(one, dict) else ""
        if re.fullmatch(GUID, identifier):
            (went if one.get("@removed") else came).append(identifier)
    return tuple(came), tuple(went)


def _instant(value: Any) -> datetime | None:
    """The moment; Graph writes seven decimals. None for what is none, or has no zone."""
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo else None


def chunks(came: Iterable[str], went: Iterable[str]) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Who came and who went, in lists that fit in a message each; one pair of empty ones where there is nobody."""
    arrived, left = list(came), list(went)
    yield tuple(arrived[:MOST_MEMBERS]), tuple(left[:MOST_MEMBERS])
    for start in range(MOST_MEMBERS, max(len(arrived), len(left)), MOST_MEMBERS):
        yield tuple(arrived[start : start + MOST_MEMBERS]), tuple(left[start : start + MOST_MEMBERS])
