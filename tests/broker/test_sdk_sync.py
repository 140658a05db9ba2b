"""The unmodified synchronous client, in a thread, through one life of a message after the other."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from azure.servicebus import (
    NEXT_AVAILABLE_SESSION,
    AutoLockRenewer,
    ServiceBusClient,
    ServiceBusMessage,
    ServiceBusSubQueue,
)
from azure.servicebus.exceptions import (
    MessageLockLostError,
    MessageSizeExceededError,
    ServiceBusAuthenticationError,
    SessionCannotBeLockedError,
)

from devstack.broker.model.properties import QueueProperties

from .conftest import Start, bodies


def live(connection_string: str) -> None:
    with (
        ServiceBusClient.from_connection_string(connection_string, retry_total=0) as client,
        client.get_queue_sender("q") as sender,
        client.get_queue_receiver("q", max_wait_time=15) as receiver,
        AutoLockRenewer() as renewer,
    ):
        sender.send_messages([ServiceBusMessage(str(n), message_id=str(n)) for n in range(6)])
        found = receiver.receive_messages(max_message_count=6, max_wait_time=5)
        while len(found) < 6:
            found += receiver.receive_messages(max_message_count=6 - len(found), max_wait_time=5)
        assert bodies(found) == list("012345")
        complete, abandon, defer, dead, renewed, lost = found
        renewer.register(receiver, renewed, max_lock_renewal_duration=20)
        receiver.complete_message(complete)
        receiver.abandon_message(abandon)
        receiver.defer_message(defer)
        receiver.dead_letter_message(dead, reason="r", error_description="d")
        (deferred,) = receiver.receive_deferred_messages([defer.sequence_number or 0])
        receiver.complete_message(deferred)
        due = datetime.now(UTC) + timedelta(seconds=0.5)
        number, cancelled = sender.schedule_messages([ServiceBusMessage("later"), ServiceBusMessage("never")], due)
        sender.cancel_scheduled_messages(cancelled)
        assert number + 1 == cancelled
        came = set()
        for message in receiver:
            came.add((str(message), message.delivery_count))
            receiver.complete_message(message)
            if len(came) == 3:
                break
        assert came == {("1", 1), ("later", 0), ("5", 1)}
        with pytest.raises(MessageLockLostError):
            receiver.complete_message(lost)
        receiver.complete_message(renewed)
        with pytest.raises(MessageSizeExceededError):
            sender.send_messages(ServiceBusMessage("x" * 300_000))
        with client.get_queue_receiver("q", sub_queue=ServiceBusSubQueue.DEAD_LETTER, max_wait_time=5) as letters:
            letter = next(letters)
            assert (str(letter), letter.dead_letter_reason) == ("3", "r")
            letters.complete_message(letter)


def sessions(connection_string: str) -> None:
    with ServiceBusClient.from_connection_string(connection_string, retry_total=0) as client:
        with client.get_queue_sender("s") as sender:
            sender.send_messages([ServiceBusMessage(f"{s}{n}", session_id=s) for n in range(2) for s in "ab"])
        with client.get_queue_receiver("s", session_id=NEXT_AVAILABLE_SESSION, max_wait_time=5) as receiver:
            assert receiver.session is not None
            assert receiver.session.session_id == "a"
            receiver.session.set_state("state")
            assert receiver.session.get_state() == b"state"
            assert receiver.session.renew_lock() > datetime.now(UTC)
            with pytest.raises(SessionCannotBeLockedError):
                client.get_queue_receiver("s", session_id="a").__enter__()
            found = receiver.receive_messages(max_message_count=2, max_wait_time=5)
            assert bodies(found) == ["a0", "a1"]
            for message in found:
                receiver.complete_message(message)
        assert sorted(client.list_queue_sessions("s")) == ["a", "b"]
        with pytest.raises(ServiceBusAuthenticationError):
            client.get_queue_receiver("missing").__enter__()


async def test_the_synchronous_client(start: Start) -> None:
    """On a queue and, in another thread, with sessions."""
    bus = await start({"q": QueueProperties(lock_duration=5), "s": QueueProperties(requires_session=True)})
    text = bus.broker.connection_string
    await asyncio.gather(asyncio.to_thread(live, text), asyncio.to_thread(sessions, text))
    assert await bus.counts() == {"active": 0, "deferred": 0, "scheduled": 0, "locked": 0, "deadLetter": 0}
    assert (await bus.counts("s"))["active"] == 2
