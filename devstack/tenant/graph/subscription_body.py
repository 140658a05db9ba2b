"""What the body of a subscription must say, and what Microsoft refuses in it. Facts section 9.1."""

from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from devstack.tenant.directory.objects import Record
from devstack.tenant.errors import GraphError, denied, not_simulated
from devstack.tenant.graph.operation import Call
from devstack.tenant.notifications.subscriptions import LONGEST, PER_TENANT, SHORTEST, Resource, read_resource
from devstack.tenant.notifications.topics import EVENT_GRID, topic_name

_FILE = "devstack/tenant/graph/subscription_body.py"
# Reading rights alone: "Graph subscriptions will not be able to support write access permissions where only read access is needed".
READ = {"user": ("User.Read.All",), "group": ("Group.Read.All", "GroupMember.Read.All")}
ANY_READ = (*READ["user"], *READ["group"])
_MOST_STATE = 128
_TLS = ("v1_0", "v1_1", "v1_2", "v1_3")
_ADDRESSES = ("notificationUrl", "lifecycleNotificationUrl")
_REQUIRED = ("changeType", "notificationUrl", "resource", "expirationDateTime")
_OPTIONAL = (
    "clientState",
    "lifecycleNotificationUrl",
    "latestSupportedTlsVersion",
    "notificationUrlAppId",
    "includeResourceData",
)
_REFUSED = ("encryptionCertificate", "encryptionCertificateId", "notificationQueryOptions", "vapidPublicKey")
_MEANINGLESS = (*_REFUSED, "webPushEncryptionP256dhPublicKey", "webPushEncryptionSecret")
NOT_OK = "Subscription validation request failed. Notification endpoint must respond with 200 OK to validation request."


def invalid(message: str, code: str = "InvalidRequest") -> GraphError:
    """400 in the words of the subscription service."""
    return GraphError(400, code, message)


def read_wish(call: Call) -> tuple[Record, Resource, datetime]:
    """The body, what it is about and when it is to end, all within the rules; raises 400, 403, 404 or 501."""
    body = {name: value for name, value in call.json().items() if "@odata" not in name and value is not None}
    for name in _REQUIRED:
        if not body.get(name):
            raise invalid(f"{name} is a required property for subscription creation")
    for name, value in body.items():
        if name not in (*_REQUIRED, *_OPTIONAL, *_MEANINGLESS):
            raise invalid(f"Property '{name}' of a subscription is unknown or read-only.")
        if name != "includeResourceData" and not isinstance(value, str):
            raise invalid(f"Property '{name}' of a subscription is a string.")
    resource = _resource(call, body["resource"])
    if body.get("includeResourceData") or any(name in body for name in _MEANINGLESS):
        raise invalid("Subscriptions to users and groups do not support notifications that include resource data.")
    _refuse_change_types(body["changeType"])
    if len(body.get("clientState", "")) > _MOST_STATE:
        raise invalid(f"clientState cannot have more than {_MOST_STATE} characters.")
    if body.get("latestSupportedTlsVersion", "v1_2") not in _TLS:
        raise invalid(f"latestSupportedTlsVersion is one of {', '.join(_TLS)}.")
    for name in _ADDRESSES:
        if name in body:
            refuse_address(call, name, body[name])
    if len({body.get(name, "").startswith(EVENT_GRID) and topic_name(body[name]) for name in _ADDRESSES if name in body}) > 1:
        raise invalid("lifecycleNotificationUrl names another destination than notificationUrl.")
    _refuse_over_quota(call, body)
    return body, resource, read_expiration(call, body["expirationDateTime"])


def _resource(call: Call, text: str) -> Resource:
    plain, _, query = text.partition("?")
    resource = read_resource(plain)
    if resource is None:
        raise not_simulated(f"A subscription to '{text}'", _FILE)
    if query:
        raise invalid("Query parameters are not supported for subscriptions to users and groups.")
    if not call.may(*READ[resource.kind]):
        raise denied()
    if resource.id is not None:
        call.seen(resource.id, resource.kind)
    return resource


def _refuse_change_types(text: str) -> None:
    """Users and groups know `updated` and `deleted`: their creation comes as an update (facts 9.1)."""
    given = [part.strip().lower() for part in text.split(",")]
    wrong = [part for part in given if part not in ("updated", "deleted")]
    if wrong:
        raise invalid(
            f"Change type '{wrong[0]}' is not supported for subscriptions to users and groups; use 'updated' and 'deleted'."
        )


def refuse_address(call: Call, name: str, url: str) -> None:
    """The address is one that Microsoft would call and that this simulation may call: on loopback, or a partner topic."""
    if url.startswith(EVENT_GRID):
        try:
            topic_name(url)
        except ValueError as error:
            raise invalid(str(error)) from error
        return
    if url.startswith(("EventHub:", "EventGrid:")):
        raise not_simulated(f"Delivery by {url.partition(':')[0]}", _FILE)
    try:
        parts = urlsplit(url)
        local = _is_loopback(parts.hostname or "")
    except ValueError as error:
        raise invalid(f"{name} is not a URL.") from error
    if parts.scheme != "https" and not (parts.scheme == "http" and local and call.tenant.behaviour.loopback_notifications):
        raise invalid(f"{name} must be a URL that uses HTTPS.")
    if not local:
        raise invalid(NOT_OK, "ValidationError")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _refuse_over_quota(call: Call, body: Record) -> None:
    everyone, behaviour = call.tenant.subscriptions, call.tenant.behaviour
    own = everyone.of(call.token.application)
    if len(own) >= behaviour.subscriptions_per_application or len(everyone.by_id) >= PER_TENANT:
        raise GraphError(
            403, "Forbidden", "The maximum number of subscriptions for this application and tenant has been reached."
        )
    same = ("resource", "notificationUrl")
    taken = any((each.resource_name, each.notification_url) == tuple(body[name] for name in same) for each in own)
    if taken and behaviour.duplicate_subscription_status != 201:
        raise GraphError(
            behaviour.duplicate_subscription_status,
            "Conflict",
            "A subscription to this resource and notification URL exists already.",
        )


def read_expiration(call: Call, text: Any) -> datetime:
    """When the subscription ends. Less than 45 minutes from now is made 45 minutes."""
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError) as error:
        raise invalid("expirationDateTime is not a date and time.") from error
    if moment.tzinfo is None:
        raise invalid("expirationDateTime needs an offset from UTC.")
    now = call.tenant.clock.now()
    if moment <= now:
        raise invalid("Subscription expiration must be in the future.")
    if moment > now + LONGEST:
        raise invalid(
            f"Subscription expiration can only be {LONGEST.total_seconds() / 60:.0f} minutes in the future.", "ExtensionError"
        )
    return max(moment.astimezone(UTC), now + SHORTEST)
