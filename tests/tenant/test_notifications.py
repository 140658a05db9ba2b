"""Change notifications over sockets: each change that is made in the tenant is told, as Microsoft tells it."""

import json
from typing import Any

import httpx
import pytest
from aiohttp import web

from devstack.tenant.coverage import shows
from tests.tenant.calling import LI, MIA, PROJECT, READERS, Caller, StandingTime, error_of
from tests.tenant.openapi import SHARED
from tests.tenant.receiving import Receiver

SUBSCRIPTIONS = "/subscriptions"
TOPIC = "EventGrid:?azuresubscriptionid=a&resourcegroup=g&partnertopic=T&location=west"


@pytest.fixture
async def told(caller: Caller) -> Caller:
    """Notifications wait until they are flushed."""
    await caller.control("PUT", "notifications/settings", {"delay": 60, "shuffle": False})
    return caller


async def subscribe(caller: Caller, receiver: Receiver, resource: str = "/users", **more: Any) -> dict[str, Any]:
    reply = await caller.graph("POST", SUBSCRIPTIONS, receiver.wish(resource, **more))
    assert reply.status_code == 201, reply.text
    made: dict[str, Any] = reply.json()
    return made


async def flush(caller: Caller) -> dict[str, Any]:
    found: dict[str, Any] = await caller.control("POST", "notifications/flush")
    return found


def example(name: str) -> Any:
    path = SHARED / "examples" / f"{name}.json"
    if not path.exists():
        pytest.skip(f"{path} is missing: the published example cannot be compared with")
    return json.loads(path.read_text(encoding="utf-8"))["request"]["body"]["value"][0]


def shape(value: Any) -> Any:
    """Names and types alone; of lists the first element."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    return [shape(value[0])] if isinstance(value, list) else type(value).__name__


@shows("POST /subscriptions", rung=2)
async def test_both_addresses_are_asked_before_a_subscription_is_there(caller: Caller, receiver: Receiver) -> None:
    made = await subscribe(caller, receiver)
    assert sorted(receiver.handshakes) == [
        ("/api/changes", "text/plain; charset=utf-8", "secret"),
        ("/api/lifecycle", "text/plain; charset=utf-8", ""),
    ]
    assert made["clientState"] == "only we know"
    assert made["expirationDateTime"] == "2026-12-10T12:00:00Z"


@shows("POST /subscriptions", rung=2)
@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (lambda token: web.Response(status=202, text=token), "must respond with 200 OK to validation request"),
        (lambda token: web.Response(text=f'"{token}"'), "must exactly match validationToken"),
        (lambda token: web.Response(text=token.replace(" ", "%20")), "must exactly match validationToken"),
        (lambda token: web.Response(text=token, content_type="text/html"), "must exactly match validationToken"),
        (lambda token: web.Response(status=302, headers={"Location": "/api/other"}), "must respond with 200 OK"),
    ],
)
async def test_an_address_that_does_not_echo_the_token_is_refused(
    caller: Caller, receiver: Receiver, reply: Any, message: str
) -> None:
    receiver.handshake = reply
    refused = await caller.graph("POST", SUBSCRIPTIONS, receiver.wish())
    assert error_of(refused)[:2] == (400, "ValidationError")
    assert message in error_of(refused)[2]
    assert (await caller.state())["subscriptions"] == []


@shows("POST /subscriptions", rung=2)
async def test_an_address_that_is_late_is_refused(caller: Caller, receiver: Receiver) -> None:
    await caller.control("PUT", "notifications/settings", {"handshakeTimeout": 0.02})
    receiver.wait = 0.3
    refused = await caller.graph("POST", SUBSCRIPTIONS, receiver.wish())
    assert error_of(refused) == (400, "ValidationError", "Subscription validation request timed out.")


_BAD: list[tuple[dict[str, Any], int, str]] = [
    ({"expirationDateTime": None}, 400, "expirationDateTime is a required property for subscription creation"),
    ({"changeType": ""}, 400, "changeType is a required property"),
    ({"changeType": "created,updated"}, 400, "'created' is not supported"),
    ({"expirationDateTime": "2026-12-21T12:01:00Z"}, 400, "Subscription expiration can only be 41760 minutes in the future."),
    ({"expirationDateTime": "2026-11-22T11:59:00Z"}, 400, "must be in the future"),
    ({"expirationDateTime": "tomorrow"}, 400, "not a date"),
    ({"expirationDateTime": "2026-12-01T00:00:00"}, 400, "offset"),
    ({"clientState": "x" * 129}, 400, "128"),
    ({"includeResourceData": True}, 400, "resource data"),
    ({"encryptionCertificate": "MII"}, 400, "resource data"),
    ({"notificationUrl": "http://webhook.example/api"}, 400, "HTTPS"),
    ({"lifecycleNotificationUrl": "ftp://127.0.0.1/"}, 400, "HTTPS"),
    ({"notificationUrl": "https://[::1"}, 400, "is not a URL"),
    ({"notificationUrl": "https://webhook.example/api"}, 400, "must respond with 200 OK"),
    ({"notificationUrl": "EventHub:https://vault.vault.azure.net/secrets/x?tenantId=y"}, 501, "EventHub"),
    ({"notificationUrl": "EventGrid:?partnertopic=t"}, 400, "azuresubscriptionid"),
    ({"notificationUrl": f"{TOPIC} us", "lifecycleNotificationUrl": f"{TOPIC} us"}, 400, "display name"),
    ({"notificationUrl": TOPIC}, 400, "another destination"),
    ({"resource": "/users/ana@fabrikam.com/messages"}, 501, "is not simulated"),
    ({"resource": "/users?$filter=x"}, 400, "Query parameters"),
    ({"resource": f"/groups/{MIA}"}, 404, "does not exist"),
    ({"latestSupportedTlsVersion": "v9"}, 400, "latestSupportedTlsVersion"),
    ({"id": "mine"}, 400, "unknown or read-only"),
    ({"notificationUrl": 5}, 400, "is a string"),
]


@shows("POST /subscriptions", rung=2)
@pytest.mark.parametrize(("wrong", "status", "words"), _BAD, ids=[words for _, _, words in _BAD])
async def test_what_microsoft_refuses_is_refused(
    caller: Caller, receiver: Receiver, wrong: dict[str, Any], status: int, words: str
) -> None:
    refused = await caller.graph("POST", SUBSCRIPTIONS, receiver.wish(**wrong))
    assert refused.status_code == status
    assert words in error_of(refused)[2]
    assert not receiver.handshakes
    assert (await caller.state())["subscriptions"] == []


@shows("POST /subscriptions", "GET /subscriptions", "GET /subscriptions/{id}", rung=2)
async def test_reading_is_needed_for_what_is_subscribed_to_and_enough(caller: Caller, receiver: Receiver) -> None:
    for resource, role in (
        ("users", "User.Read.All"),
        ("/groups", "GroupMember.Read.All"),
        (f"groups/{PROJECT}/members", "Group.Read.All"),
    ):
        assert (await caller.graph("POST", SUBSCRIPTIONS, receiver.wish(resource), roles=(role,))).status_code == 201
    refused = await caller.graph("POST", SUBSCRIPTIONS, receiver.wish("groups"), roles=("User.Read.All",))
    assert error_of(refused)[:2] == (403, "Authorization_RequestDenied")


@shows("POST /subscriptions", rung=2)
async def test_a_hundred_subscriptions_and_no_more(caller: Caller, receiver: Receiver) -> None:
    await caller.control("PUT", "options", {"subscriptionsPerApplication": 2})
    for _ in range(2):
        await subscribe(caller, receiver)
    assert error_of(await caller.graph("POST", SUBSCRIPTIONS, receiver.wish()))[:2] == (403, "Forbidden")


@shows("GET /subscriptions", "GET /subscriptions/{id}", "PATCH /subscriptions/{id}", "DELETE /subscriptions/{id}", rung=2)
@shows("POST /subscriptions/{id}/reauthorize", rung=2)
async def test_a_subscription_lives_until_its_end_unless_it_is_renewed(
    caller: Caller, receiver: Receiver, time: StandingTime
) -> None:
    one = (await subscribe(caller, receiver, expirationDateTime="2026-11-22T12:10:00Z"))["id"]
    path = f"{SUBSCRIPTIONS}/{one}"
    shown = (await caller.graph("GET", path)).json()
    # Less than 45 minutes is made 45; the secret is told once.
    assert (shown["expirationDateTime"], shown["clientState"]) == ("2026-11-22T12:45:00Z", None)
    renewed = await caller.graph("PATCH", path, {"expirationDateTime": "2026-11-22T14:00:00.0000000Z"})
    assert (renewed.status_code, renewed.json()["expirationDateTime"]) == (200, "2026-11-22T14:00:00Z")
    assert (await caller.graph("POST", f"{path}/reauthorize")).status_code == 204
    assert error_of(await caller.graph("PATCH", path, {"clientState": "other"}))[0] == 400
    assert [each["id"] for each in (await caller.graph("GET", SUBSCRIPTIONS)).json()["value"]] == [one]
    time.forward(7_201)
    for method, body in (("GET", None), ("PATCH", {"expirationDateTime": "2026-11-22T15:00:00Z"}), ("DELETE", None)):
        assert error_of(await caller.graph(method, path, body)) == (404, "ResourceNotFound", "The object was not found.")
    assert (await caller.graph("GET", SUBSCRIPTIONS)).json()["value"] == []


async def test_other_applications_subscriptions_are_not_seen(caller: Caller, receiver: Receiver) -> None:
    expires = {"expirationDateTime": "2026-12-01T00:00:00Z", "applicationId": "other"}
    await caller.control(
        "POST", "seed", {"subscriptions": [{"id": "theirs", "resource": "users", "notificationUrl": receiver.url, **expires}]}
    )
    assert (await caller.graph("GET", SUBSCRIPTIONS)).json()["value"] == []
    assert (await caller.graph("DELETE", f"{SUBSCRIPTIONS}/theirs")).status_code == 404


@shows("POST /subscriptions", rung=2)
async def test_every_change_of_a_person_is_told_and_only_the_end_is_a_deletion(told: Caller, receiver: Receiver) -> None:
    await subscribe(told, receiver)
    ana = await told.guest("ana@fabrikam.com")
    steps: list[tuple[str, str, Any]] = [
        ("redeem", "redeem", {"email": "ana@fabrikam.com"}),
        ("by hand", "act", {"do": "update", "target": ana, "set": {"department": "Sales"}}),
        ("soft delete", "act", {"do": "delete", "target": ana}),
        ("restore", "act", {"do": "restore", "target": ana}),
    ]
    await flush(told)
    for _, path, body in steps:
        await told.control("POST", path, body)
        await flush(told)
    await told.graph("PATCH", f"/users/{ana}", {"jobTitle": "Buyer"})
    await told.graph("DELETE", f"/users/{ana}")
    await flush(told)
    await told.graph("DELETE", f"/directory/deletedItems/{ana}")
    await flush(told)
    found = receiver.elements()
    # The last update and the soft delete waited together and are told once.
    assert [element["changeType"] for element in found] == ["updated"] * 6 + ["deleted"]
    assert {element["resource"] for element in found} == {f"Users/{ana}"}
    assert shape(found[0]) == shape(example("notify-user-updated-01"))
    assert found[0]["resourceData"]["@odata.type"] == "#Microsoft.Graph.User"
    assert {element["clientState"] for element in found} == {"only we know"}


@shows("POST /subscriptions", rung=2)
async def test_members_that_come_and_go_are_told_with_the_group(told: Caller, receiver: Receiver) -> None:
    made = await subscribe(told, receiver, "/groups")
    await told.control("POST", "act", {"do": "add-member", "target": READERS, "who": MIA})
    await told.control("POST", "act", {"do": "add-member", "target": READERS, "who": LI})
    await told.control("POST", "act", {"do": "remove-member", "target": READERS, "who": LI})
    # What is the case already is no change.
    await told.control("POST", "act", {"do": "remove-member", "target": READERS, "who": LI})
    await told.control("POST", "act", {"do": "delete", "target": READERS})
    await flush(told)
    members, deleted = receiver.elements()
    assert shape(members) == shape(example("notify-group-members-01"))
    assert members["resourceData"]["members@delta"] == [{"id": MIA}, {"id": LI, "@removed": "deleted"}]
    assert (members["subscriptionId"], members["resource"]) == (made["id"], f"Groups/{READERS}")
    assert shape(deleted) == shape(example("notify-group-softdelete-01"))


async def test_one_body_serves_several_subscriptions_and_one_object_only_its_own(told: Caller, receiver: Receiver) -> None:
    for resource in ("users", f"users/{MIA}", f"/groups/{READERS}/members", f"/groups/{PROJECT}", f"/groups/{READERS}/owners"):
        await subscribe(told, receiver, resource, lifecycleNotificationUrl=None)
    await told.control("POST", "act", {"do": "update", "target": MIA, "set": {"city": "Bonn"}})
    await told.control("POST", "act", {"do": "update", "target": READERS, "set": {"description": "x"}})
    await told.control("POST", "act", {"do": "add-member", "target": READERS, "who": LI})
    await flush(told)
    assert len(receiver.bodies) == 1
    assert [element["resource"] for element in receiver.elements()] == [f"Users/{MIA}", f"Users/{MIA}", f"Groups/{READERS}"]
    assert len({element["subscriptionId"] for element in receiver.elements()}) == 3


async def test_what_is_planted_is_not_told(told: Caller, receiver: Receiver) -> None:
    await subscribe(told, receiver)
    await told.control(
        "POST", "seed", {"users": [{"mail": "cy@fabrikam.com"}, {"id": MIA, "mail": "mia@contoso.com", "city": "Ulm"}]}
    )
    assert (await flush(told))["counts"] == {}


@pytest.mark.parametrize(
    ("fault", "expected", "outcome"),
    [
        ({"effect": "lose", "times": 1}, 0, "lost"),
        ({"effect": "duplicate", "copies": 2}, 3, "delivered"),
        ({"effect": "reply-lost", "times": 1, "match": {"resource": "^users/"}}, 1, "reply-lost"),
        ({"effect": "lose", "match": {"changeType": "deleted"}}, 1, "delivered"),
        ({"effect": "lose", "probability": 0}, 1, "delivered"),
    ],
)
async def test_faults_lose_double_and_repeat(
    told: Caller, receiver: Receiver, fault: dict[str, Any], expected: int, outcome: str
) -> None:
    await subscribe(told, receiver)
    await told.control("POST", "notifications/faults", fault)
    await told.guest("ana@fabrikam.com")
    found = await flush(told)
    assert len(receiver.elements()) == expected
    assert found["value"][-1]["outcome"] == outcome
    await flush(told)
    assert len(receiver.elements()) == expected + (outcome == "reply-lost")


async def test_a_reordered_notice_is_overtaken(told: Caller, receiver: Receiver, time: StandingTime) -> None:
    await subscribe(told, receiver)
    await told.control("PUT", "notifications/settings", {"delay": 0})
    await told.control("POST", "notifications/faults", {"effect": "reorder", "times": 1, "seconds": 100})
    await told.control("POST", "notifications/faults", {"effect": "delay", "times": 1, "seconds": 0})
    for name in ("ana", "bo"):
        await told.guest(f"{name}@fabrikam.com")
    time.forward(1)
    while not receiver.bodies:
        await told.control("GET", "notifications")
    await flush(told)
    names = {f"Users/{user['id']}": user["mail"] for user in (await told.state())["users"]}
    assert [names[element["resource"]] for element in receiver.elements()] == ["bo@fabrikam.com", "ana@fabrikam.com"]


async def test_what_is_not_taken_comes_again_with_growing_gaps_for_four_hours(
    told: Caller, receiver: Receiver, time: StandingTime
) -> None:
    await subscribe(told, receiver, expirationDateTime="2026-12-10T12:00:00Z")
    office = told.tenant.services.tenant.post_office
    receiver.answers = [500] * 100
    await told.guest("ana@fabrikam.com")
    await flush(told)
    gaps = []
    while (await told.control("GET", "notifications"))["pending"]:
        gap = (office.next_moment() or 0) - office.clock.seconds()
        gaps.append(round(gap))
        time.forward(gap)
        await flush(told)
    assert gaps == [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600]
    found = await told.control("GET", "notifications")
    assert found["counts"] == {"failed": 11, "given-up": 1}
    assert found["pending"] == 0


async def test_slow_answers_make_an_endpoint_slow_and_then_deaf(told: Caller, receiver: Receiver, time: StandingTime) -> None:
    await subscribe(told, receiver, lifecycleNotificationUrl=None)
    await told.control("PUT", "notifications/settings", {"sample": 8, "slowAfter": 0, "missed": True})
    for name in "abcdefgh":
        await told.guest(f"{name}@fabrikam.com")
        await flush(told)
    assert set((await flush(told))["endpoints"].values()) == {"drop"}
    await told.guest("late@fabrikam.com")
    assert (await flush(told))["value"][-1]["outcome"] == "dropped"
    # Ten minutes without an answer, and it is served again.
    time.forward(601)
    assert set((await flush(told))["endpoints"].values()) == {"ok"}
    await told.control("POST", "notifications/endpoint", {"state": "slow"})
    await told.guest("later@fabrikam.com")
    pending = await told.control("GET", "notifications")
    assert pending["pending"] == 1
    assert (await flush(told))["value"][-1]["outcome"] == "delivered"


async def test_a_subscription_asks_for_attention_before_its_end_and_ends_without_a_word(told: Caller, receiver: Receiver) -> None:
    made = await subscribe(told, receiver, expirationDateTime="2026-11-23T12:00:00Z")
    await told.control("POST", "clock", {"advance": 21 * 3600 + 1})
    await flush(told)
    (element,) = receiver.elements("/api/lifecycle")
    assert shape(element) == shape(example("notify-lifecycle-01"))
    assert (element["lifecycleEvent"], element["subscriptionId"]) == ("reauthorizationRequired", made["id"])
    await told.graph("PATCH", f"{SUBSCRIPTIONS}/{made['id']}", {"expirationDateTime": "2026-11-25T12:00:00Z"})
    await told.control("POST", "clock", {"advance": 10 * 3600})
    await flush(told)
    assert len(receiver.elements("/api/lifecycle")) == 1
    await told.control("POST", "clock", {"advance": 10 * 86_400})
    await told.guest("ana@fabrikam.com")
    await flush(told)
    assert (await told.state())["subscriptions"] == []
    assert receiver.elements() == []


async def test_lifecycle_events_by_order(told: Caller, receiver: Receiver) -> None:
    one, two = await subscribe(told, receiver), await subscribe(told, receiver, "groups")
    await told.control("POST", "lifecycle", {"event": "missed", "id": one["id"]})
    await told.control("POST", "lifecycle", {"event": "reauthorizationRequired", "resource": "/users", "pausesAfter": 0})
    await told.guest("ana@fabrikam.com")
    await flush(told)
    assert receiver.elements() == []
    await told.graph("POST", f"{SUBSCRIPTIONS}/{one['id']}/reauthorize")
    await told.guest("bo@fabrikam.com")
    await told.control("POST", "lifecycle", {"event": "subscriptionRemoved", "id": two["id"]})
    await told.control("POST", "expire-subscription", {"id": one["id"]})
    await flush(told)
    events = [(element["lifecycleEvent"], element["subscriptionId"]) for element in receiver.elements("/api/lifecycle")]
    assert events == [("missed", one["id"]), ("reauthorizationRequired", one["id"]), ("subscriptionRemoved", two["id"])]
    assert (await told.state())["subscriptions"] == []


async def test_delay_is_the_tenants_and_reset_forgets(caller: Caller, receiver: Receiver, time: StandingTime) -> None:
    await subscribe(caller, receiver)
    await caller.guest("ana@fabrikam.com")
    assert (await caller.control("GET", "notifications"))["pending"] == 1
    time.forward(3)
    while not receiver.bodies:
        await caller.control("GET", "notifications")
    await caller.control("POST", "reset")
    found = await caller.control("GET", "notifications")
    assert (found["pending"], found["value"]) == (0, [])
    assert (await caller.state())["subscriptions"] == []


async def test_odd_orders_are_answered_with_a_sentence(caller: Caller, receiver: Receiver) -> None:
    orders: list[tuple[str, str, Any]] = [
        ("PUT", "notifications/settings", {"delay": [3, 1]}),
        ("PUT", "notifications/settings", {"batch": 0}),
        ("PUT", "notifications/settings", {"speed": 1}),
        ("PUT", "notifications/settings", {"missed": 1}),
        ("POST", "notifications/faults", {"effect": "explode"}),
        ("POST", "notifications/faults", {"effect": "lose", "match": {"path": "x"}}),
        ("POST", "notifications/faults", {"effect": "lose", "match": {"resource": "("}}),
        ("POST", "notifications/faults", {"effect": "lose", "times": -1}),
        ("POST", "notifications/endpoint", {"state": "tired"}),
        ("POST", "lifecycle", {"event": "created"}),
        ("POST", "lifecycle", {"event": "missed"}),
        ("POST", "expire-subscription", {"id": "none"}),
        ("POST", "expire-delta", {"resource": "devices"}),
        ("POST", "seed", {"subscriptions": [{"resource": "teams"}]}),
    ]
    for method, path, body in orders:
        reply = await caller.http.request(method, f"{caller.tenant.control}/{path}", json=body)
        assert reply.status_code in (400, 404), (path, body)
        assert reply.json()["error"]


async def test_the_audit_log_says_who_did_it(caller: Caller) -> None:
    await caller.control("POST", "act", {"do": "invite", "target": "ana@fabrikam.com", "by": "mia@contoso.com"})
    ana = next(user for user in (await caller.state())["users"] if user["mail"] == "ana@fabrikam.com")
    assert ana["sponsors"] == [MIA]
    await caller.guest("bo@fabrikam.com")
    await caller.control("POST", "redeem", {"email": "bo@fabrikam.com"})
    await caller.control("POST", "act", {"do": "update", "target": "bo@fabrikam.com", "set": {"accountEnabled": False}})
    await caller.control("POST", "act", {"do": "add-member", "target": READERS, "who": "bo@fabrikam.com", "by": LI})
    log: httpx.Response = await caller.graph("GET", "/auditLogs/directoryAudits")
    entries = log.json()["value"][::-1]
    who = [
        (
            entry["activityDisplayName"],
            (entry["initiatedBy"]["user"] or {}).get("userPrincipalName"),
            entry["initiatedBy"]["app"] is not None,
        )
        for entry in entries
    ]
    bo = next(user for user in (await caller.state())["users"] if user["mail"] == "bo@fabrikam.com")
    assert who == [
        ("Invite external user", "mia@contoso.com", False),
        ("Invite external user", None, True),
        ("Redeem external user invite", bo["userPrincipalName"], False),
        ("Update user", "admin@contoso.com", False),
        ("Disable account", "admin@contoso.com", False),
        ("Add member to group", "li@contoso.com", False),
    ]
    assert entries[0]["additionalDetails"] == [{"key": "invitedUserEmailAddress", "value": "ana@fabrikam.com"}]
    assert [target["id"] for target in entries[-1]["targetResources"]] == [bo["id"], READERS]
    modified = entries[3]["targetResources"][0]["modifiedProperties"]
    assert modified == [{"displayName": "AccountEnabled", "oldValue": "[true]", "newValue": "[false]"}]
