"""Subscriptions to change notifications, with the handshake that Microsoft does before it keeps one.

https://learn.microsoft.com/graph/api/resources/subscription; facts sections 9.1 and 9.2.
"""

import asyncio
from datetime import datetime
from urllib.parse import quote, urlsplit

from devstack.tenant.directory.objects import Record
from devstack.tenant.errors import GraphError
from devstack.tenant.graph.operation import NO_CONTENT, PLAIN, Call, Operation, Reply
from devstack.tenant.graph.subscription_body import ANY_READ, NOT_OK, READ, invalid, read_expiration, read_wish, refuse_address
from devstack.tenant.notifications.subscriptions import Subscription
from devstack.tenant.notifications.topics import EVENT_GRID

_LATE = "Subscription validation request timed out."
_DIFFERENT = "Subscription validation request failed. Response must exactly match validationToken query parameter."


async def _handshake(call: Call, url: str) -> None:
    """The address answers with the token that it is sent; raises 400 otherwise. A partner topic is not asked."""
    tenant = call.tenant
    if url.startswith(EVENT_GRID):
        return
    # Characters that must be decoded: a token that comes back encoded is none.
    token = f"Validation: Testing client application reachability for subscription Request-Id: {tenant.new_id('handshake')}"
    asked = f"{url}{'&' if urlsplit(url).query else '?'}validationToken={quote(token, safe='')}"
    heard = await tenant.send(asked, b"", "text/plain; charset=utf-8", tenant.post_office.settings.handshake_timeout)
    if heard.status is None and heard.seconds >= tenant.post_office.settings.handshake_timeout:
        raise invalid(_LATE, "ValidationError")
    if heard.status != 200:
        raise invalid(NOT_OK, "ValidationError")
    if heard.content_type != "text/plain" or heard.text != token:
        raise invalid(_DIFFERENT, "ValidationError")


async def ask_addresses(call: Call) -> None:
    """Both addresses of the new subscription want its notifications."""
    body, _, _ = read_wish(call)
    urls = [body[name] for name in ("notificationUrl", "lifecycleNotificationUrl") if name in body]
    await asyncio.gather(*(_handshake(call, url) for url in urls))


def create(call: Call) -> Reply:
    """The subscription is there, and notifications of changes from now on are sent."""
    body, resource, expires = read_wish(call)
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
    if subscription.notification_url.startswith(EVENT_GRID):
        try:
            call.tenant.post_office.topics.made(subscription.notification_url, subscription.application)
        except ValueError as error:
            raise invalid(str(error)) from error
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
    call.require(*READ[found.resource.kind])
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
        raise invalid("Only expirationDateTime and notificationUrl of a subscription can be updated.")
    url = body.get("notificationUrl")
    if url is not None:
        if not isinstance(url, str):
            raise invalid("notificationUrl is a string.")
        refuse_address(call, "notificationUrl", url)
    return subscription, read_expiration(call, body["expirationDateTime"]) if "expirationDateTime" in body else None, url


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
    Operation("GET", "/subscriptions", list_subscriptions, ANY_READ, f"{_API}list", options=PLAIN),
    Operation(
        "POST",
        "/subscriptions",
        create,
        ANY_READ,
        f"{_API}post-subscriptions",
        kind="write",
        unverified=(
            "change type `created` is refused with 400 for users and groups",
            "over the quota: 403 Forbidden; an end in the past: 400; both texts",
            "a second subscription to the same resource and address is made (`duplicateSubscriptionStatus`)",
            "members who come and go are told to subscribers of /groups with `members@delta`; changes of sponsors are not told",
            "an endpoint is judged from 100 answers on, and a slow one is served 10 seconds later (`/_sim/notifications/settings`)",
            "by Event Grid only reauthorizationRequired is told of a subscription's life, and only the type says so",
            "permissions to write or to the whole directory do not do; the pages name the reading ones",
        ),
        deviations=(
            "users, groups, one of them, and a group's members and owners; others and Event Hubs answer 501",
            "a partner topic leads to a queue of Service Bus alone, nobody has to authorize Graph to make one, and what comes before it is "
            "activated is dropped",
            "only addresses on loopback are called, over http too (`loopbackNotifications`); others fail their validation",
        ),
        before=ask_addresses,
    ),
    Operation(
        *("GET", "/subscriptions/{id}", get, ANY_READ, f"{_API}get"),
        unverified=("`clientState` is null after creation",),
        options=PLAIN,
    ),
    Operation(
        "PATCH",
        "/subscriptions/{id}",
        update,
        ANY_READ,
        f"{_API}update",
        kind="write",
        unverified=("a new notificationUrl is validated like that of a new subscription",),
        before=ask_new_address,
    ),
    Operation("DELETE", "/subscriptions/{id}", delete, ANY_READ, f"{_API}delete", kind="write"),
    Operation("POST", "/subscriptions/{id}/reauthorize", reauthorize, ANY_READ, f"{_API}reauthorize", kind="write"),
)
NOT_SIMULATED: tuple[str, ...] = ()
