"""The bus misbehaves by order, and the unmodified client lives through it."""

import asyncio
from typing import Any

import pytest
from azure.servicebus import ServiceBusMessage
from azure.servicebus.exceptions import ServiceBusConnectionError, ServiceBusError

from devstack.broker.model.properties import QueueProperties

from .conftest import Bus, Start, bodies, receive, until

# The client forgets to close its socket when a connection fails under it.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
PATIENT: dict[str, Any] = {"retry_total": 8, "retry_backoff_factor": 0.2, "retry_mode": "fixed"}


async def order(bus: Bus, **faults: object) -> None:
    assert await bus.control("POST", "faults", faults) == (200, {})


async def test_dropped_connections_are_opened_again_and_locks_survive_them(start: Start) -> None:
    bus = await start()
    client = await bus.client(**PATIENT)
    sender, receiver = client.get_queue_sender("q"), client.get_queue_receiver("q")
    await asyncio.gather(bus.open(sender), bus.open(receiver))
    await sender.send_messages(ServiceBusMessage("before"))
    (before,) = await receive(receiver, 1)
    await order(bus, dropConnections=True)
    await sender.send_messages(ServiceBusMessage("after"))
    (after,) = await receive(receiver, 1)
    assert (str(after), after.delivery_count) == ("after", 0)
    await receiver.complete_message(before)
    await receiver.complete_message(after)
    assert (await bus.counts())["active"] == 0
    assert (await bus.stats())["connections"] == 4


async def test_the_bus_is_out_of_reach_for_a_while(start: Start) -> None:
    bus = await start()
    await order(bus, refuseFor=0.7)
    with pytest.raises(ServiceBusConnectionError):
        await bus.send(ServiceBusMessage("too early"))
    client = await bus.client(**PATIENT)
    (sender,) = await bus.open(client.get_queue_sender("q"))
    await sender.send_messages(ServiceBusMessage("m"))
    assert (await bus.counts())["active"] == 1


async def test_a_send_whose_reply_is_lost_has_happened_and_duplicate_detection_makes_the_retry_harmless(start: Start) -> None:
    bus = await start({"q": QueueProperties(), "once": QueueProperties(detects_duplicates=True)})
    client = await bus.client(**PATIENT)
    senders = await bus.open(client.get_queue_sender("q"), client.get_queue_sender("once"))
    for queue in ("q", "once"):
        await order(bus, loseReply={"operation": "send", "count": 1, "queue": queue})
    await asyncio.gather(*(sender.send_messages(ServiceBusMessage("m", message_id="1")) for sender in senders))
    assert (await bus.counts("q"))["active"] == 2
    assert (await bus.counts("once"))["active"] == 1


async def test_a_settlement_whose_reply_is_lost_has_happened(start: Start) -> None:
    bus = await start()
    sender, receiver = await bus.pair()
    await sender.send_messages(ServiceBusMessage("m"))
    (message,) = await receive(receiver, 1)
    await order(bus, loseReply={"operation": "settle"})
    with pytest.raises(ServiceBusError):
        await receiver.complete_message(message)
    assert await bus.counts() == {"active": 0, "deferred": 0, "scheduled": 0, "locked": 0, "deadLetter": 0}


async def test_planned_failures_are_retried_away(start: Start) -> None:
    bus = await start()
    client = await bus.client(**PATIENT)
    sender, receiver = client.get_queue_sender("q"), client.get_queue_receiver("q")
    await order(bus, failNext={"count": 2, "operation": "attach", "condition": "com.microsoft:server-busy"})
    await asyncio.gather(bus.open(sender), bus.open(receiver))
    await order(bus, failNext={"count": 3, "operation": "send", "condition": "com.microsoft:timeout"})
    await order(bus, failNext={"count": 1, "operation": "receive", "condition": "amqp:link:detach-forced"})
    await sender.send_messages(ServiceBusMessage("m"))
    assert bodies(await receive(receiver, 1)) == ["m"]
    await order(bus, failNext={"count": 100, "operation": "any"})
    assert await bus.control("DELETE", "faults") == (200, {})
    await sender.send_messages(ServiceBusMessage("n"))


async def test_idle_links_are_detached_and_opened_again(start: Start) -> None:
    bus = await start()
    client = await bus.client(**PATIENT)
    (sender,) = await bus.open(client.get_queue_sender("q"))
    await order(bus, idleDetachSeconds=0.4)
    outlet = bus.broker._hub.outlet(bus.broker._hub.namespace.queue("q")) if bus.broker._hub else None
    assert outlet is not None

    async def detached() -> bool:
        return not outlet.links

    await until(detached)
    await sender.send_messages(ServiceBusMessage("m"))
    assert (await bus.counts())["active"] == 1
    await order(bus, idleDetachSeconds=0)
