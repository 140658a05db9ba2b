"""Subscriptions to change notifications, with the handshake that Microsoft does before it keeps one.

https://learn.microsoft.com/graph/api/resources/subscription; facts sections 9.1 and 9.2.
"""

import asyncio
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote, urlsplit

from devstack.tenant.directory.objects import Record
from devstack.tenant.errors import GraphError, denied, not_simulated
from devstack.tenant.graph.operation import NO_CONTENT, Call, Operation, Reply
from devstack.tenant.notifications.subscriptions import LONGEST, PER_TENANT, SHORTEST, Resource, Subscription, read_resource

_FILE = "devstack/tenant/graph/subscriptions.py"
# Reading rights alone: "Graph subscriptions will not be able to support write access permissions where only read access is needed".
_READ = {"user": ("User.Read.All",), "group": ("Group.Read.All", "GroupMember.Read.All")}
_ANY_READ = (*_READ["user"], *_READ["group"])
_MOST_STATE = 128
_TLS = ("v1_0", "v1_1", "v1_2", "v1_3")
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
_LATE = "Subscription validation request timed out."
_NOT_OK = "Subscription validation request failed. Notification endpoint must respond with 200 OK to validation request."
_DIFFERENT = "Subscription validation request failed. Response must exactly match validationToken query parameter."


def _invalid(message: str, code: str = "InvalidRequest") -> GraphError:
    return GraphError(400, code, message)


def _wish(call: Call) -> tuple[Record, Resource, datetime]:
    """The body, what it is about and when it is to end, all within the rules; raises 400, 403, 404 or 501."""
    body = {name: value for name, value in call.json().items() if "@odata" not in name and value is not None}
    for name in _REQUIRED:
        if not body.get(name):
            raise _invalid(f"{name} is a required property for subscription creation")
    for name, value in body.items():
        if name not in (*_REQUIRED, *_OPTIONAL, *_MEANINGLESS):
            raise _invalid(f"Property '{name}' of a subscription is unknown or read-only.")
        if name != "includeResourceData" and not isinstance(value, str):
            raise _invalid(f"Property '{name}' of a subscription is a string.")
    resource = _resource(call, body["resource"])
    if body.get("includeResourceData") or any(name in body for name in _MEANINGLESS):
        raise _invalid("Subscriptions to users and groups do not support notifications that include resource data.")
    _refuse_change_types(body["changeType"])
    if len(body.get("clientState", "")) > _MOST_STATE:
        raise _invalid(f"clientState cannot have more than {_MOST_STATE} characters.")
    if body.get("latestSupportedTlsVersion", "v1_2") not in _TLS:
        raise _invalid(f"latestSupportedTlsVersion is one of {', '.join(_TLS)}.")
    for name in ("notificationUrl", "lifecycleNotificationUrl"):
        if name in body:
            _refuse_address(call, name, body[name])
    _refuse_over_quota(call, body)
    return body, resource, _expiration(call, body["expirationDateTime"])


def _resource(call: Call, text: str) -> Resource:
    plain, _, query = text.partition("?")
    resource = read_resource(plain)
    if resource is None:
        raise not_simulated(f"A subscription to '{text}'", _FILE)
    if query:
        raise _invalid("Query parameters are not supported for subscriptions to users and groups.")
    if not call.may(*_READ[resource.kind]):
        raise denied()
    if resource.id is not None:
        call.seen(resource.id, resource.kind)
    return resource


def _refuse_change_types(text: str) -> None:
    """Users and groups know `updated` and `deleted`: their creation comes as an update (facts 9.1)."""
    given = [part.strip().lower() for part in text.split(",")]
    wrong = [part for part in given if part not in ("updated", "deleted")]
    if wrong:
        raise _invalid(
            f"Change type '{wrong[0]}' is not supported for subscriptions to users and groups; use 'updated' and 'deleted'."
        )


def _refuse_address(call: Call, name: str, url: str) -> None:
    """The address is one that Microsoft would call and that this simulation may call: on loopback."""
    if url.startswith(("EventHub:", "EventGrid:")):
        raise not_simulated(f"Delivery by {url.partition(':')[0]}", _FILE)
    try:
        parts = urlsplit(url)
        local = _is_loopback(parts.hostname or "")
    except ValueError as error:
        raise _invalid(f"{name} is not a URL.") from error
    if parts.scheme != "https" and not (parts.scheme == "http" and local and call.tenant.behaviour.loopback_notifications):
        raise _invalid(f"{name} must be a URL that uses HTTPS.")
    if not local:
        raise _invalid(_NOT_OK, "ValidationError")


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


def _expiration(call: Call, text: Any) -> datetime:
    """When the subscription ends. Less than 45 minutes from now is made 45 minutes."""
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError) as error:
        raise _invalid("expirationDateTime is not a date and time.") from error
    if moment.tzinfo is None:
        raise _invalid("expirationDateTime needs an offset from UTC.")
    now = call.tenant.clock.now()
    if moment <= now:
        raise _invalid("Subscription expiration must be in the future.")
    if moment > now + LONGEST:
        raise _invalid(
            f"Subscription expiration can only be {LONGEST.total_seconds() / 60:.0f} minutes in the future.", "ExtensionError"
        )
    return max(moment.astimezone(UTC), now + SHORTEST)


async def _handshake(call: Call, url: str) -> None:
    """The address answers with the token that it is sent; raises 400 otherwise."""
    tenant = call.tenant
    # Characters that must be decoded: a token that comes back encoded is none.
    token = f"Validation: Testing client application reachability for subscription Request-Id: {tenant.new_id('handshake')}"
    asked = f"{url}{'&' if urlsplit(url).query else '?'}validationToken={quote(token, safe='')}"
    heard = await tenant.send(asked, b"", "text/plain; charset=utf-8", tenant.post_office.settings.handshake_timeout)
    if heard.status is None and heard.seconds >= tenant.post_office.settings.handshake_timeout:
        raise _invalid(_LATE, "ValidationError")
    if heard.status != 200:
        raise _invalid(_NOT_OK, "ValidationError")
    if heard.content_type != "text/plain" or heard.text != token:
        raise _invalid(_DIFFERENT, "ValidationError")


async def ask_addresses(call: Call) -> None:
    """Both addresses of the new subscription want its notifications."""
    body, _, _ = _wish(call)
    urls = [body[name] for name in ("notificationUrl", "lifecycleNotificationUrl") if name in body]
    await asyncio.gather(*(_handshake(call, url) for url in urls))


def create(call: Call) -> Reply:
    """The subscription is there, and notifications of changes from now on are sent."""
    body, resource, expires = _wish(call)
    subscription = Subscription(
        id=call.tenant.new_id("subscription"),
        application=call.token.application,
        principal=call.token.principal,
        resource_name=body["resource"],
        resource=resource,
        change_types=tuple(part.strip().lower() for part in body["changeType"].split(",")),
        change_type_name=body["changeType"],
        notification_url=body["notificationUrl"],
        lifecycle_url=body.get("lifecycleNotificationUrl"),
        client_state=body.get("clientState"),
        expires=expires,
        tls=body.get("latestSupportedTlsVersion", "v1_2"),
        application_of_url=body.get("notificationUrlAppId"),
    )
    subscription.renew(expires, call.tenant.clock.now())
    call.tenant.subscriptions.by_id[subscription.id] = subscription
    call.tenant.post_office.wake()
    answer = {**_shown(subscription), "clientState": subscription.client_state}
    return Reply(201, {"@odata.context": call.context("subscriptions/$entity"), **answer})


def _shown(subscription: Subscription) -> Record:
    """As Graph shows it: `clientState` is told once, to who made it (facts 9.1)."""
    return {
        "id": subscription.id,
        "resource": subscription.resource_name,
        "applicationId": subscription.application,
        "changeType": subscription.change_type_name,
        "clientState": None,
        "notificationUrl": subscription.notification_url,
        "notificationQueryOptions": None,
        "lifecycleNotificationUrl": subscription.lifecycle_url,
        "expirationDateTime": f"{subscription.expires:%Y-%m-%dT%H:%M:%S}{f'.{m:06}'.rstrip('0') if (m := subscription.expires.microsecond) else ''}Z",
        "creatorId": subscription.principal,
        "includeResourceData": None,
        "latestSupportedTlsVersion": subscription.tls,
        "encryptionCertificate": None,
        "encryptionCertificateId": None,
        "notificationUrlAppId": subscription.application_of_url,
    }


def _own(call: Call) -> Subscription:
    """The application's subscription that the path names; raises 404, and 403 without the right to what it is about."""
    call.tenant.post_office.remind()
    found = call.tenant.subscriptions.by_id.get(call.parameters["id"].lower())
    if found is None or found.application != call.token.application:
        raise GraphError(404, "ResourceNotFound", "The object was not found.")
    call.require(*_READ[found.resource.kind])
    return found


def list_subscriptions(call: Call) -> Reply:
    """The application's own."""
    call.tenant.post_office.remind()
    value = [_shown(each) for each in call.tenant.subscriptions.of(call.token.application)]
    return Reply(200, {"@odata.context": call.context("subscriptions"), "value": value})


def get(call: Call) -> Reply:
    """One of the application's own."""
    return Reply(200, {"@odata.context": call.context("subscriptions/$entity"), **_shown(_own(call))})


def _renewal(call: Call) -> tuple[Subscription, datetime | None, str | None]:
    subscription = _own(call)
    body = {name: value for name, value in call.json().items() if "@odata" not in name}
    if not body or body.keys() - {"expirationDateTime", "notificationUrl"}:
        raise _invalid("Only expirationDateTime and notificationUrl of a subscription can be updated.")
    url = body.get("notificationUrl")
    if url is not None:
        if not isinstance(url, str):
            raise _invalid("notificationUrl is a string.")
        _refuse_address(call, "notificationUrl", url)
    return subscription, _expiration(call, body["expirationDateTime"]) if "expirationDateTime" in body else None, url


async def ask_new_address(call: Call) -> None:
    """The address wants the notifications, if it is another one."""
    subscription, _, url = _renewal(call)
    if url is not None and url != subscription.notification_url:
        await _handshake(call, url)


def update(call: Call) -> Reply:
    """The subscription lasts as long as the body says, and is authorized anew."""
    subscription, expires, url = _renewal(call)
    subscription.renew(expires, call.tenant.clock.now())
    subscription.notification_url = url or subscription.notification_url
    call.tenant.post_office.wake()
    return get(call)


def delete(call: Call) -> Reply:
    """The subscription is gone."""
    del call.tenant.subscriptions.by_id[_own(call).id]
    return Reply(NO_CONTENT)


def reauthorize(call: Call) -> Reply:
    """Notifications go on; the end stays where it was."""
    _own(call).renew(None, call.tenant.clock.now())
    return Reply(NO_CONTENT)


_API = "https://learn.microsoft.com/graph/api/subscription-"
OPERATIONS = (
    Operation("GET", "/subscriptions", list_subscriptions, _ANY_READ, f"{_API}list"),
    Operation(
        "POST",
        "/subscriptions",
        create,
        _ANY_READ,
        f"{_API}post-subscriptions",
        kind="write",
        unverified=(
            "change type `created` is refused with 400 for users and groups",
            "over the quota: 403 Forbidden; an end in the past: 400; both texts",
            "a second subscription to the same resource and address is made (`duplicateSubscriptionStatus`)",
            "members who come and go are told to subscribers of /groups with `members@delta`; changes of sponsors are not told",
            "an endpoint is judged from 100 answers on, and a slow one is served 10 seconds later (`/_sim/notifications/settings`)",
            "permissions to write or to the whole directory do not do; the pages name the reading ones",
        ),
        deviations=(
            "users, groups, one of them, and a group's members and owners; others and Event Hubs and Event Grid answer 501",
            "only addresses on loopback are called, over http too (`loopbackNotifications`); others fail their validation",
        ),
        before=ask_addresses,
    ),
    Operation("GET", "/subscriptions/{id}", get, _ANY_READ, f"{_API}get", unverified=("`clientState` is null after creation",)),
    Operation(
        "PATCH",
        "/subscriptions/{id}",
        update,
        _ANY_READ,
        f"{_API}update",
        kind="write",
        unverified=("a new notificationUrl is validated like that of a new subscription",),
        before=ask_new_address,
    ),
    Operation("DELETE", "/subscriptions/{id}", delete, _ANY_READ, f"{_API}delete", kind="write"),
    Operation("POST", "/subscriptions/{id}/reauthorize", reauthorize, _ANY_READ, f"{_API}reauthorize", kind="write"),
)
NOT_SIMULATED: tuple[str, ...] = ()
