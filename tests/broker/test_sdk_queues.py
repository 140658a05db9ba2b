"""Queues through the unmodified asyncio client over sockets."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from azure.servicebus import (
    ServiceBusMessage,
    ServiceBusMessageState,
    ServiceBusReceiveMode,
    ServiceBusSubQueue,
)
from azure.servicebus.aio import AutoLockRenewer, ServiceBusReceiver
from azure.servicebus.exceptions import MessageLockLostError, MessageNotFoundError

from devstack.broker.model.properties import QueueProperties

from .conftest import Start, bodies, receive, until


async def test_a_message_arrives_as_it_was_sent_and_is_settled_in_every_way(start: Start) -> None:
    bus = await start()
    sent = ServiceBusMessage(
        b"first",
        message_id="id-1",
        subject="subject",
        correlation_id="c",
        content_type="text/plain",
        reply_to="r",
        to="t",
        partition_key="pk",
        time_to_live=timedelta(hours=1),
        application_properties={"n": 7, "flag": True, "text": "ü"},
    )
    sender, receiver = await bus.pair()
    await sender.send_messages(sent)
    (message,) = await receive(receiver, 1)
    assert (message.message_id, message.subject, message.correlation_id) == ("id-1", "subject", "c")
    assert (message.content_type, message.reply_to, message.to) == ("text/plain", "r", "t")
    assert message.partition_key == "pk"
    assert message.time_to_live == timedelta(hours=1)
    assert message.application_properties == {b"n": 7, b"flag": True, b"text": "ü".encode()}
    assert (message.sequence_number, message.delivery_count, message.state) == (1, 0, ServiceBusMessageState.ACTIVE)
    assert isinstance(message.lock_token, UUID)
    annotations = message.raw_amqp_message.annotations
    assert annotations is not None
    assert len(annotations) == 4, "the live tests count them"
    await receiver.complete_message(message)

    await sender.send_messages([ServiceBusMessage(f"batch {n}") for n in range(4)])
    abandoned, deferred, dead, released = await receive(receiver, 4)
    await receiver.abandon_message(abandoned)
    (again,) = await receive(receiver, 1)
    assert (str(again), again.delivery_count) == ("batch 0", 1)
    await receiver.complete_message(again)
    await receiver.defer_message(deferred)
    await receiver.dead_letter_message(dead, reason="broken", error_description="cannot be read")
    (waiting,) = await receiver.receive_deferred_messages([deferred.sequence_number or 0])
    assert (str(waiting), waiting.state) == ("batch 1", ServiceBusMessageState.DEFERRED)
    await receiver.complete_message(waiting)
    with pytest.raises(MessageNotFoundError):
        await receiver.receive_deferred_messages([deferred.sequence_number or 0])
    await receiver.complete_message(released)
    (letters,) = await bus.open((await bus.client()).get_queue_receiver("q", sub_queue=ServiceBusSubQueue.DEAD_LETTER))
    (letter,) = await receive(letters, 1)
    assert (str(letter), letter.dead_letter_reason) == ("batch 2", "broken")
    assert letter.dead_letter_error_description == "cannot be read"
    await letters.complete_message(letter)
    assert await bus.counts() == {"active": 0, "deferred": 0, "scheduled": 0, "locked": 0, "deadLetter": 0}
    stats = await bus.stats()
    assert (stats["sends"], stats["batchedMessages"], stats["completes"], stats["abandons"]) == (2, 4, 5, 1)
    assert (stats["defers"], stats["deadLetters"], stats["deferredReceives"]) == (1, 1, 1)


async def test_receive_and_delete_leaves_nothing_behind(start: Start) -> None:
    bus = await start()
    sender, receiver = await bus.pair(receive_mode=ServiceBusReceiveMode.RECEIVE_AND_DELETE)
    await sender.send_messages([ServiceBusMessage(str(n)) for n in range(3)])
    found = await receive(receiver, 3)
    assert bodies(found) == ["0", "1", "2"]
    annotations = found[0].raw_amqp_message.annotations
    assert annotations is not None
    assert len(annotations) == 2
    with pytest.raises(ValueError, match="not supported"):
        await receiver.complete_message(found[0])
    assert (await bus.counts())["locked"] == 0


async def test_an_expired_lock_is_lost_and_the_message_comes_again_until_its_last_delivery(start: Start) -> None:
    bus = await start({"q": QueueProperties(lock_duration=0.5, max_delivery_count=2)})
    sender, receiver = await bus.pair()
    await sender.send_messages(ServiceBusMessage("m"))
    (first,) = await receive(receiver, 1)
    (second,) = await receive(receiver, 1)
    assert (first.delivery_count, second.delivery_count) == (0, 1)
    with pytest.raises(MessageLockLostError):
        await receiver.complete_message(first)
    await receiver.abandon_message(second)
    (letter,) = (await bus.control("GET", "queues/q/messages?deadLetter=true"))[1]["messages"]
    assert letter["applicationProperties"] == {
        "DeadLetterReason": "MaxDeliveryCountExceeded",
        "DeadLetterErrorDescription": "Message could not be consumed after 2 delivery attempts.",
    }


async def test_the_broker_itself_refuses_a_settlement_under_a_lost_lock(start: Start) -> None:
    """The client believes its own clock before it asks; here the broker's clock runs ahead of it."""
    ahead = [0.0]

    def clock() -> float:
        return datetime.now(UTC).timestamp() + ahead[0]

    bus = await start({"q": QueueProperties(lock_duration=30)}, clock=clock)
    sender, receiver = await bus.pair()
    await sender.send_messages(ServiceBusMessage("m"))
    (message,) = await receive(receiver, 1)
    ahead[0] = 31
    bus.broker.wake()
    with pytest.raises(MessageLockLostError):
        await receiver.complete_message(message)
    with pytest.raises(MessageLockLostError):
        await receiver.renew_message_lock(message)
    assert (await bus.counts())["deadLetter"] == 0


async def test_a_renewed_lock_holds_by_hand_and_by_renewer(start: Start) -> None:
    bus = await start({"q": QueueProperties(lock_duration=1.5)})
    sender, receiver = await bus.pair()
    await sender.send_messages([ServiceBusMessage("m"), ServiceBusMessage("n")])
    async with AutoLockRenewer() as renewer:
        by_hand, by_renewer = await receive(receiver, 2)
        before = by_hand.locked_until_utc
        assert before is not None
        assert await receiver.renew_message_lock(by_hand) > before
        await receiver.complete_message(by_hand)
        renewer.register(receiver, by_renewer, max_lock_renewal_duration=10)

        async def renewed() -> bool:
            return (await bus.stats())["lockRenewals"] >= 3

        await until(renewed)
        await receiver.complete_message(by_renewer)
    assert (await bus.counts())["active"] == 0


async def test_scheduled_messages_come_when_due_unless_cancelled(start: Start) -> None:
    bus = await start()
    sender, receiver = await bus.pair()
    soon, late = datetime.now(UTC) + timedelta(seconds=0.7), datetime.now(UTC) + timedelta(hours=1)
    numbers = await sender.schedule_messages([ServiceBusMessage("a"), ServiceBusMessage("b")], late)
    plain = ServiceBusMessage("c", scheduled_enqueue_time_utc=soon)
    await sender.send_messages(plain)
    peeked = await receiver.peek_messages(10)
    assert bodies(peeked) == ["a", "b", "c"]
    assert {message.state for message in peeked} == {ServiceBusMessageState.SCHEDULED}
    await sender.cancel_scheduled_messages(numbers)
    with pytest.raises(MessageNotFoundError):
        await sender.cancel_scheduled_messages(numbers[:1])
    (message,) = await receive(receiver, 1)
    assert str(message) == "c"
    assert message.sequence_number == 4, "an activated message gets a new number"
    assert message.enqueued_time_utc is not None
    assert message.enqueued_time_utc >= soon - timedelta(milliseconds=2)
    await receiver.complete_message(message)
    assert (await bus.counts())["scheduled"] == 0


async def test_duplicates_are_dropped_alone_and_in_batches(start: Start) -> None:
    bus = await start({"q": QueueProperties(detects_duplicates=True)})
    sender, receiver = await bus.pair()
    await sender.send_messages(ServiceBusMessage("1", message_id="a"))
    await sender.send_messages(ServiceBusMessage("2", message_id="a"))
    await sender.send_messages([ServiceBusMessage("3", message_id="a"), ServiceBusMessage("4", message_id="b")])
    found = await receive(receiver, 2)
    assert bodies(found) == ["1", "4"]
    assert await receiver.receive_messages(max_wait_time=0.5) == []


async def test_dead_letters_are_forwarded_with_their_source(start: Start) -> None:
    bus = await start(
        {
            "parked": QueueProperties(),
            "q": QueueProperties(forward_dead_letters_to="parked", dead_letter_on_expiration=True),
            "front": QueueProperties(forward_to="q"),
        }
    )
    client = await bus.client()
    (parked,) = await bus.open(client.get_queue_receiver("parked"))
    await bus.send(ServiceBusMessage("expires", time_to_live=timedelta(seconds=0.3)))
    (expired,) = await receive(parked, 1)
    assert (str(expired), expired.dead_letter_source) == ("expires", "q")
    assert expired.dead_letter_reason == "TTLExpiredException"
    await asyncio.gather(
        bus.send(ServiceBusMessage("forwarded"), to="front"), bus.open(receiver := client.get_queue_receiver("q"))
    )
    (forwarded,) = await receive(receiver, 1)
    assert forwarded.enqueued_sequence_number == 1
    await receiver.dead_letter_message(forwarded)
    (letter,) = await receive(parked, 1)
    assert (str(letter), letter.dead_letter_reason) == ("forwarded", None)


async def test_peek_pages_through_everything_and_locks_nothing(start: Start) -> None:
    bus = await start()
    sender, receiver = await bus.pair()
    assert await receiver.peek_messages(5) == []
    await sender.send_messages([ServiceBusMessage(str(n)) for n in range(10)])
    (locked, deferred) = await receive(receiver, 2)
    await receiver.defer_message(deferred)
    pages = [await receiver.peek_messages(4, sequence_number=1), await receiver.peek_messages(40)]
    assert [bodies(page) for page in pages] == [["0", "1", "2", "3"], ["4", "5", "6", "7", "8", "9"]]
    assert pages[0][1].state == ServiceBusMessageState.DEFERRED
    await receiver.complete_message(locked)
    counts = await bus.counts()
    assert (counts["active"], counts["locked"], counts["deferred"]) == (8, 0, 1)


async def test_a_message_is_settled_over_management_when_its_link_is_gone(start: Start) -> None:
    bus = await start()
    sender, receiver = await bus.pair()
    await sender.send_messages([ServiceBusMessage(str(n)) for n in range(4)])
    complete, abandon, defer, dead = await receive(receiver, 4)
    link = receiver._handler._link
    assert link is not None
    await link.detach()
    await receiver.complete_message(complete)
    await receiver.defer_message(defer)
    await receiver.dead_letter_message(dead, reason="r", error_description="d")
    await receiver.abandon_message(abandon)
    counts = await bus.counts()
    assert counts == {"active": 1, "deferred": 1, "scheduled": 0, "locked": 0, "deadLetter": 1}
    (letter,) = (await bus.control("GET", "queues/q/messages?deadLetter=1"))[1]["messages"]
    assert letter["applicationProperties"]["DeadLetterReason"] == "r"


async def test_many_receivers_share_a_queue_and_none_gets_what_another_has(start: Start) -> None:
    bus = await start()
    client = await bus.client()
    sender = client.get_queue_sender("q")
    receivers = await bus.open(*(client.get_queue_receiver("q", prefetch_count=5) for _ in range(8)))
    await bus.open(sender)
    total, seen = 300, []

    async def work(receiver: ServiceBusReceiver) -> None:
        while got := await receiver.receive_messages(max_message_count=10, max_wait_time=1):
            seen.extend(bodies(got))
            await asyncio.gather(*(receiver.complete_message(message) for message in got))

    workers = [asyncio.create_task(work(receiver)) for receiver in receivers]
    for first in range(0, total, 100):
        await sender.send_messages([ServiceBusMessage(str(n)) for n in range(first, first + 100)])
    await asyncio.gather(*workers)
    assert sorted(map(int, seen)) == list(range(total))
    assert (await bus.counts())["active"] == 0


async def test_a_message_sent_to_idle_credit_is_released_without_a_failed_delivery(start: Start) -> None:
    """Credit stays with the broker after a short receive; the client releases what it did not ask for (facts, section 4)."""
    bus = await start()
    sender, receiver = await bus.pair()
    assert await receiver.receive_messages(max_message_count=10, max_wait_time=0.5) == []
    await sender.send_messages(ServiceBusMessage("m"))
    (message,) = await receive(receiver, 1)
    assert message.delivery_count == 0
    await receiver.complete_message(message)


async def test_large_messages_travel_in_many_frames(start: Start) -> None:
    bus = await start()
    body = bytes(range(256)) * 1000
    sender, receiver = await bus.pair()
    await sender.send_messages([ServiceBusMessage(body[:120_000]), ServiceBusMessage(body[:120_000])])
    await sender.send_messages(ServiceBusMessage(body))
    found = await receive(receiver, 3)
    assert [b"".join(message.body) for message in found] == [body[:120_000], body[:120_000], body]
    assert len(await receiver.peek_messages(3, sequence_number=1)) == 3
