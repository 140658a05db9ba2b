"""Every refusal reaches the unmodified client as the exception that the real service would cause (facts, section 10)."""

import asyncio

import pytest
from azure.servicebus import ServiceBusMessage
from azure.servicebus import exceptions as sdk
from azure.servicebus.aio import ServiceBusClient

from devstack.broker.model.properties import QueueProperties
from devstack.broker.tokens import Key, connection_string

from .conftest import Bus, Start, bodies, receive

# The client forgets to close its socket when a link is refused.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
CONDITIONS: list[tuple[str, type[sdk.ServiceBusError]]] = [
    ("com.microsoft:server-busy", sdk.ServiceBusServerBusyError),
    ("com.microsoft:timeout", sdk.OperationTimeoutError),
    ("com.microsoft:entity-disabled", sdk.MessagingEntityDisabledError),
    ("com.microsoft:entity-already-exists", sdk.MessagingEntityAlreadyExistsError),
    ("com.microsoft:auth-failed", sdk.ServiceBusAuthorizationError),
    ("com.microsoft:message-not-found", sdk.MessageNotFoundError),
    ("com.microsoft:message-lock-lost", sdk.MessageLockLostError),
    ("com.microsoft:session-lock-lost", sdk.SessionLockLostError),
    ("com.microsoft:session-cannot-be-locked", sdk.SessionCannotBeLockedError),
    ("com.microsoft:argument-error", sdk.ServiceBusError),
    ("com.microsoft:argument-out-of-range", sdk.ServiceBusError),
    ("amqp:unauthorized-access", sdk.ServiceBusAuthorizationError),
    ("amqp:not-found", sdk.MessagingEntityNotFoundError),
    ("amqp:not-allowed", sdk.ServiceBusError),
    ("amqp:not-implemented", sdk.ServiceBusError),
    ("amqp:resource-limit-exceeded", sdk.ServiceBusQuotaExceededError),
    ("amqp:link:message-size-exceeded", sdk.MessageSizeExceededError),
]


async def fail_next(bus: Bus, operation: str, condition: str, queue: str = "q") -> None:
    fault = {"failNext": {"count": 1, "condition": condition, "operation": operation, "queue": queue}}
    assert (await bus.control("POST", "faults", fault))[0] == 200


@pytest.mark.parametrize("operation", ["send", "attach"])
async def test_each_condition_of_a_refused_send_or_link(start: Start, operation: str) -> None:
    """A queue for each condition, all at once, because a client takes half a second to open a link."""
    bus = await start({f"q{number}": QueueProperties() for number in range(len(CONDITIONS))})
    client = await bus.client()

    async def refused(queue: str, condition: str, expected: type[sdk.ServiceBusError]) -> None:
        sender = client.get_queue_sender(queue)
        if operation == "send":
            await bus.open(sender)
        await fail_next(bus, operation, condition, queue)
        with pytest.raises(sdk.ServiceBusError, match="by order of a fault") as caught:
            await asyncio.wait_for(sender.send_messages(ServiceBusMessage("m")), 20)
        assert type(caught.value) is expected, condition
        assert (await bus.counts(queue))["active"] == 0

    await asyncio.gather(*(refused(f"q{number}", *case) for number, case in enumerate(CONDITIONS)))


async def test_management_and_settlement_fail_as_ordered(start: Start) -> None:
    bus = await start()
    sender, receiver = await bus.pair()
    await sender.send_messages([ServiceBusMessage("1"), ServiceBusMessage("2")])
    one, two = await receive(receiver, 2)
    for condition, expected in CONDITIONS[:2] + CONDITIONS[5:7]:
        await fail_next(bus, "management", condition)
        with pytest.raises(sdk.ServiceBusError) as caught:
            await receiver.renew_message_lock(one)
        assert type(caught.value) is expected, condition
    await fail_next(bus, "settle", "com.microsoft:message-lock-lost")
    with pytest.raises(sdk.MessageLockLostError):
        await receiver.complete_message(one)
    await receiver.complete_message(two)
    await fail_next(bus, "receive", "com.microsoft:server-busy")
    with pytest.raises(sdk.ServiceBusServerBusyError):
        await receive(receiver, 1)
    assert (await bus.counts())["locked"] == 1


async def test_what_does_not_exist_is_no_audience_for_a_token(start: Start) -> None:
    """As the real service: the token is refused, so that the client sees an authentication error (facts, section 3)."""
    bus = await start()
    client = await bus.client()
    sender, receiver = client.get_queue_sender("missing"), client.get_queue_receiver("q/missing")
    outcomes = await asyncio.gather(sender.__aenter__(), receiver.__aenter__(), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [sdk.ServiceBusAuthenticationError] * 2
    assert [entry["name"] for entry in (await bus.control("GET", "queues"))[1]["queues"]] == ["q"]


async def test_a_deleted_queue_is_not_found(start: Start) -> None:
    bus = await start({"q": QueueProperties(), "other": QueueProperties()})
    sender, receiver = await bus.pair()
    assert (await bus.control("DELETE", "queues/q"))[0] == 200
    with pytest.raises(sdk.MessagingEntityNotFoundError):
        await receiver.receive_messages(max_wait_time=2)
    with pytest.raises(sdk.ServiceBusConnectionError):  # all that the client says of a send on a link that is detached
        await sender.send_messages(ServiceBusMessage("m"))
    with pytest.raises(sdk.ServiceBusAuthenticationError):
        await sender.send_messages(ServiceBusMessage("m"))


async def test_a_queue_that_is_made_anew_is_managed_over_the_link_of_the_old_one(start: Start) -> None:
    bus = await start()
    _, receiver = await bus.pair()
    assert await receiver.peek_messages() == []
    await bus.control("DELETE", "queues/q")
    with pytest.raises(sdk.MessagingEntityNotFoundError):
        await receiver.peek_messages()
    await bus.control("PUT", "queues/q")
    await bus.send(ServiceBusMessage("m"))
    assert bodies(await receiver.peek_messages()) == ["m"]


KEYS = {"root": Key("secret+/="), "writer": Key("w", frozenset({"Send"}))}


async def test_keys_are_verified_and_their_rights_hold(start: Start) -> None:
    bus = await start(keys=KEYS)

    async def connected(name: str, secret: str) -> ServiceBusClient:
        return await bus.client(connection_string(bus.broker.amqp, name, secret))

    async def refused(name: str, secret: str) -> None:
        with pytest.raises(sdk.ServiceBusAuthenticationError):
            await (await connected(name, secret)).get_queue_sender("q").__aenter__()

    async def writes_but_does_not_read() -> None:
        writer = await connected("writer", "w")
        (sender,) = await bus.open(writer.get_queue_sender("q"))
        await sender.send_messages(ServiceBusMessage("m"))
        with pytest.raises(sdk.ServiceBusAuthorizationError, match="'Listen' claim"):
            await writer.get_queue_receiver("q").__aenter__()

    async def reads() -> None:
        (receiver,) = await bus.open((await bus.client()).get_queue_receiver("q"))
        assert len(await receive(receiver, 1)) == 1

    await asyncio.gather(refused("root", "wrong"), refused("nobody", "secret+/="), writes_but_does_not_read(), reads())


async def test_256_kilobytes_are_the_limit_for_messages_and_batches(start: Start) -> None:
    bus = await start()
    (sender,) = await bus.open((await bus.client()).get_queue_sender("q"))
    with pytest.raises(sdk.MessageSizeExceededError):
        await sender.send_messages(ServiceBusMessage(b"x" * 256 * 1024))
    with pytest.raises(sdk.MessageSizeExceededError):
        await sender.send_messages([ServiceBusMessage(b"x" * 100_000)] * 3)
    batch = await sender.create_message_batch()
    assert batch.max_size_in_bytes == 256 * 1024
    await sender.send_messages(ServiceBusMessage(b"x" * 255 * 1024))
    assert (await bus.counts())["active"] == 1
