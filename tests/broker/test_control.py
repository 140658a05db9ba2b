"""The control plane over HTTP."""

import pytest
from azure.servicebus import ServiceBusMessage

from devstack.broker import durations
from devstack.broker.model.properties import QueueProperties

from .conftest import Start, receive


async def test_a_queue_is_made_changed_shown_and_removed(start: Start) -> None:
    bus = await start({})
    status, made = await bus.control("PUT", "queues/team%2Fa.b-1", {"LockDuration": "PT0.5S", "RequiresSession": True})
    assert (status, made["name"]) == (201, "team/a.b-1")
    assert made["properties"] == {
        "LockDuration": "PT0.5S",
        "MaxDeliveryCount": 10,
        "DefaultMessageTimeToLive": durations.UNLIMITED,
        "DeadLetteringOnMessageExpiration": False,
        "RequiresSession": True,
        "RequiresDuplicateDetection": False,
        "DuplicateDetectionHistoryTimeWindow": "PT10M",
        "ForwardTo": "",
        "ForwardDeadLetteredMessagesTo": "",
    }
    assert (await bus.control("PUT", "queues/TEAM/a.b-1", made["properties"]))[0] == 200
    status, found = await bus.control("GET", "queues/team/a.b-1")
    assert (status, found["name"], found["properties"]) == (200, "team/a.b-1", made["properties"])
    assert found["counts"] == {"active": 0, "deferred": 0, "scheduled": 0, "locked": 0, "deadLetter": 0}
    assert found["receivers"] == 0
    assert await bus.control("PUT", "queues/plain") == (201, (await bus.control("GET", "queues/plain"))[1])
    assert [queue["name"] for queue in (await bus.control("GET", "queues"))[1]["queues"]] == ["team/a.b-1", "plain"]
    assert (await bus.control("DELETE", "queues/team/a.b-1"))[0] == 200
    for method in ("GET", "DELETE"):
        status, answer = await bus.control(method, "queues/team/a.b-1")
        assert status == 404
        assert "could not be found" in answer["error"]


@pytest.mark.parametrize(
    ("path", "body", "sentence"),
    [
        ("queues/-bad-", {}, "is not a queue name"),
        ("queues/x", {"LockDuration": "1 minute"}, "ISO 8601"),
        ("queues/x", {"LockDuration": "PT0S"}, "longer than nothing"),
        ("queues/x", {"LockDuration": 5}, "in quotes"),
        ("queues/x", {"LockDuration": durations.UNLIMITED}, "must end"),
        ("queues/x", {"MaxDeliveryCount": 0}, "whole number from 1 on"),
        ("queues/x", {"MaxDeliveryCount": True}, "whole number from 1 on"),
        ("queues/x", {"RequiresSession": "yes"}, "true or false"),
        ("queues/x", {"lockDuration": "PT1S"}, "there is no property 'lockDuration'"),
        ("queues/x", {"ForwardTo": "nowhere"}, "which does not exist"),
        ("queues/x", {"ForwardTo": "X"}, "names the queue itself"),
        ("queues/x", ["PT1S"], "must be a JSON object"),
    ],
)
async def test_what_is_wrong_is_said_in_a_sentence(start: Start, path: str, body: object, sentence: str) -> None:
    bus = await start({})
    status, answer = await bus.control("PUT", path, body)
    assert status == 400
    assert sentence in answer["error"]
    assert (await bus.control("GET", "queues"))[1] == {"queues": []}


async def test_unknown_paths_and_methods(start: Start) -> None:
    bus = await start({})
    assert (await bus.control("GET", "nothing"))[0] == 404
    status, answer = await bus.control("PUT", "stats")
    assert status == 405
    assert "PUT /_bus/stats" in answer["error"]
    assert (await bus.control("POST", "faults", {"explode": True}))[0] == 400
    assert (await bus.control("GET", "queues/x/messages"))[0] == 404


async def test_messages_are_shown_and_an_update_keeps_them(start: Start) -> None:
    bus = await start()
    sender, receiver = await bus.pair()
    await sender.send_messages(
        [
            ServiceBusMessage("text", message_id="1", application_properties={"n": 1, "t": "x"}),
            ServiceBusMessage(b"\xff\x00"),
        ]
    )
    await receive(receiver, 1)
    assert (await bus.control("PUT", "queues/q", {"MaxDeliveryCount": 5}))[0] == 200
    _, answer = await bus.control("GET", "queues/q/messages?from=1&top=10")
    text, binary = answer["messages"]
    assert (text["sequenceNumber"], text["messageId"], text["state"], text["deliveryCount"]) == (1, "1", "locked", 0)
    assert (text["body"], text["bodyEncoding"], text["applicationProperties"]) == ("text", "text", {"n": 1, "t": "x"})
    assert text["enqueuedTime"].endswith("Z")
    assert (binary["body"], binary["bodyEncoding"], binary["state"]) == ("/wA=", "base64", "active")
    assert len((await bus.control("GET", "queues/q/messages?from=2&top=1"))[1]["messages"]) == 1
    assert (await bus.control("GET", "queues/q/messages?from=x"))[0] == 400


async def test_reset_drops_messages_and_if_asked_queues(start: Start) -> None:
    bus = await start({"q": QueueProperties(requires_session=True, lock_duration=3)})
    (sender,) = await bus.open((await bus.client()).get_queue_sender("q"))
    await sender.send_messages(ServiceBusMessage("m", session_id="s"))
    await bus.control("PUT", "queues/extra")
    await bus.control("PUT", "queues/q", {"LockDuration": "PT9S"})
    assert await bus.control("POST", "reset") == (200, {"queues": ["q", "extra"]})
    assert (await bus.counts())["active"] == 0
    assert await bus.stats() == {}
    await sender.send_messages(ServiceBusMessage("m", session_id="s"))
    assert (await bus.stats())["sends"] == 1
    assert await bus.control("POST", "reset?queues=true") == (200, {"queues": ["q"]})
    assert (await bus.control("GET", "queues/q"))[1]["properties"]["LockDuration"] == "PT3S"


async def test_a_queue_is_deleted_under_a_receiver_that_holds_a_session_and_its_messages(start: Start) -> None:
    bus = await start({"q": QueueProperties(requires_session=True), "other": QueueProperties()})
    (receiver,) = await bus.open((await bus.client()).get_queue_receiver("q", session_id="a"))
    await bus.send(ServiceBusMessage("m", session_id="a"))
    await receive(receiver, 1)
    assert (await bus.control("POST", "reset"))[0] == 200
    assert (await bus.control("DELETE", "queues/q"))[0] == 200
    assert await bus.control("PUT", "queues/q") == (201, (await bus.control("GET", "queues/q"))[1])


async def test_ceasing_to_require_sessions_detaches_who_holds_one(start: Start) -> None:
    bus = await start({"q": QueueProperties(requires_session=True)})
    client = await bus.client()
    await bus.open(client.get_queue_receiver("q", session_id="a"))
    await bus.control("PUT", "queues/q", {"RequiresSession": False})
    (sender, receiver) = await bus.pair()
    await sender.send_messages(ServiceBusMessage("m"))
    assert len(await receive(receiver, 1)) == 1
