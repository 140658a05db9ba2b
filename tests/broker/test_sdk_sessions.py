"""Sessions through the unmodified asyncio client over sockets."""

import asyncio
from datetime import UTC, datetime

import pytest
from azure.servicebus import NEXT_AVAILABLE_SESSION, ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient
from azure.servicebus.exceptions import (
    OperationTimeoutError,
    ServiceBusError,
    SessionCannotBeLockedError,
    SessionLockLostError,
)

from devstack.broker.model.properties import QueueProperties

from .conftest import Bus, Start, bodies, receive, until

SESSIONS = {"q": QueueProperties(requires_session=True)}


def session_message(body: str, session: str) -> ServiceBusMessage:
    return ServiceBusMessage(body, session_id=session)


async def begin(start: Start, **options: float) -> tuple[Bus, ServiceBusClient]:
    bus = await start({"q": QueueProperties(requires_session=True, **options)})  # type: ignore[arg-type]  # durations only
    return bus, await bus.client()


async def test_a_session_is_received_in_order_by_its_holder_alone(start: Start) -> None:
    bus, client = await begin(start)
    receiver, nameless = client.get_queue_receiver("q", session_id="a"), client.get_queue_receiver("q", session_id="")
    messages = [session_message(f"{s}{n}", s) for n in range(3) for s in ("a", "", "b")]
    await asyncio.gather(bus.send(*messages), bus.open(receiver, nameless))
    assert bodies(await receive(nameless, 3)) == ["0", "1", "2"]
    with pytest.raises(SessionCannotBeLockedError):
        await client.get_queue_receiver("q", session_id="a").__aenter__()
    found = await receive(receiver, 3)
    assert bodies(found) == ["a0", "a1", "a2"]
    assert {message.session_id for message in found} == {"a"}
    assert {message.partition_key for message in found} == {"a"}
    with pytest.raises(TypeError):
        await receiver.renew_message_lock(found[0])
    assert receiver.session is not None
    before = receiver.session.locked_until_utc
    assert before is not None
    assert await receiver.session.renew_lock() > before > datetime.now(UTC)
    await receiver.complete_message(found[0])
    await receiver.defer_message(found[1])
    (deferred,) = await receiver.receive_deferred_messages([found[1].sequence_number or 0])
    await receiver.complete_message(deferred)
    await receiver.close()
    (next_one,) = await bus.open(client.get_queue_receiver("q", session_id="a"))
    (again,) = await receive(next_one, 1)
    assert (str(again), again.delivery_count) == ("a2", 0), "a closed session gives back without counting"


async def test_state_outlives_messages_and_sessions_are_listed(start: Start) -> None:
    bus, client = await begin(start)
    before = datetime.now(UTC)
    holder = client.get_queue_receiver("q", session_id="with-state")
    await asyncio.gather(bus.send(session_message("m", "with-message")), bus.open(holder))
    assert holder.session is not None
    assert await holder.session.get_state() is None
    await holder.session.set_state(b"\x00state")

    async def listed(state_updated_after: datetime | None = None) -> list[str]:
        found = client.list_queue_sessions("q", state_updated_after=state_updated_after)
        return sorted([session_id async for session_id in found])

    everything, updated = await asyncio.gather(listed(), listed(before))
    assert everything == ["with-message", "with-state"]
    assert updated == ["with-state"]
    await holder.close()
    (holder,) = await bus.open(client.get_queue_receiver("q", session_id="with-state"))
    assert holder.session is not None
    assert await holder.session.get_state() == b"\x00state"
    await holder.session.set_state(None)
    assert await listed() == ["with-message"]


async def test_the_next_available_session_is_waited_for(start: Start) -> None:
    bus, client = await begin(start)

    async def accept() -> str | None:
        receiver = client.get_queue_receiver("q", session_id=NEXT_AVAILABLE_SESSION, max_wait_time=10)
        async with receiver:
            assert receiver.session is not None
            (message,) = await receive(receiver, 1)
            await receiver.complete_message(message)
            return str(receiver.session.session_id)

    waiting = [asyncio.create_task(accept()) for _ in range(2)]
    await bus.send(session_message("m", "a"), session_message("m", "b"))
    assert sorted(str(found) for found in await asyncio.gather(*waiting)) == ["a", "b"]
    assert (await bus.stats())["sessionAccepts"] == 2


async def test_the_wait_for_a_session_ends_with_a_time_out(start: Start) -> None:
    bus, client = await begin(start)
    receiver = client.get_queue_receiver("q", session_id=NEXT_AVAILABLE_SESSION, max_wait_time=1)
    with pytest.raises(OperationTimeoutError):
        await receiver.__aenter__()
    await bus.send(session_message("m", "a"))
    async with client.get_queue_receiver("q", session_id=NEXT_AVAILABLE_SESSION, max_wait_time=5) as later:
        assert bodies(await receive(later, 1)) == ["m"]


async def test_an_expired_session_lock_is_lost_for_messages_and_state(start: Start) -> None:
    bus, client = await begin(start, lock_duration=0.8)
    await bus.send(session_message("m", "a"))
    async with client.get_queue_receiver("q", session_id="a") as receiver:
        (message,) = await receive(receiver, 1)
        session = receiver.session
        assert session is not None

        async def released() -> bool:
            return not (await bus.counts())["locked"]

        await until(released)
        with pytest.raises(SessionLockLostError):
            await receiver.complete_message(message)
        with pytest.raises(SessionLockLostError):
            await session.set_state(b"s")
        with pytest.raises(SessionLockLostError):
            await session.renew_lock()
    async with client.get_queue_receiver("q", session_id="a") as receiver:
        (again,) = await receive(receiver, 1)
        assert again.delivery_count == 1


async def test_what_does_not_fit_a_queue_with_or_without_sessions_is_refused(start: Start) -> None:
    bus = await start(SESSIONS | {"plain": QueueProperties()})
    client = await bus.client()
    outcomes = await asyncio.gather(
        bus.send(ServiceBusMessage("m")),
        client.get_queue_receiver("q").__aenter__(),
        client.get_queue_receiver("plain", session_id="a").__aenter__(),
        client.get_queue_receiver("q", session_id=1).__aenter__(),  # type: ignore[arg-type]  # the wrong type is the test
        return_exceptions=True,
    )
    sentences = ("no session id", "requires sessions", "has no sessions", "must be a string")
    for outcome, sentence in zip(outcomes, sentences, strict=True):
        assert type(outcome) is ServiceBusError
        assert sentence in str(outcome)


async def test_waiting_for_a_session_holds_up_nothing_else(start: Start) -> None:
    """Scheduled messages of a session become available to who waits."""
    _, client = await begin(start)
    receiver = client.get_queue_receiver("q", session_id=NEXT_AVAILABLE_SESSION, max_wait_time=10)
    waiting = asyncio.create_task(receiver.__aenter__())
    async with client.get_queue_sender("q") as sender:
        await sender.schedule_messages(session_message("later", "s"), datetime.now(UTC))
        async with await waiting:
            assert bodies(await receive(receiver, 1)) == ["later"]
