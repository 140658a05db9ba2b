"""The only module that speaks to Service Bus: the unmodified azure-servicebus client behind `delivery.Receiver`."""

import asyncio
import contextlib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import certifi
from azure.servicebus import (
    NEXT_AVAILABLE_SESSION,
    ServiceBusReceivedMessage,
    ServiceBusReceiveMode,
    ServiceBusSubQueue,
    TransportType,
)
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver
from azure.servicebus.exceptions import OperationTimeoutError, ServiceBusError

from devstack.host.appsettings import Connection
from devstack.host.delivery import Delivery, LinkLostError, NoSessionError, Receiver
from devstack.host.hostjson import ServiceBus

if TYPE_CHECKING:
    from azure.identity.aio import DefaultAzureCredential, ManagedIdentityCredential

_SUB_QUEUES = {
    "/$transfer/$deadletterqueue": ServiceBusSubQueue.TRANSFER_DEAD_LETTER,
    "/$deadletterqueue": ServiceBusSubQueue.DEAD_LETTER,
}
# What the client raises when link, session, lock or connection are gone; ValueError is its word for a closed handler.
_LOST = (ServiceBusError, ValueError, OSError, RuntimeError)


@dataclass(frozen=True, slots=True)
class Entity:
    """What a trigger listens to: a queue, or a subscription of a topic, or the dead letters of either."""

    queue: str = ""
    topic: str = ""
    subscription: str = ""

    def __str__(self) -> str:
        return self.queue or f"{self.topic}/Subscriptions/{self.subscription}"


class Namespace:
    """One connection to a Service Bus namespace; close it when all its receivers are closed."""

    def __init__(self, connection: Connection, options: ServiceBus) -> None:
        retry = options.retry
        common: dict[str, Any] = {
            "retry_total": retry.tries,
            "retry_backoff_factor": retry.delay,
            "retry_backoff_max": retry.most_delay,
            "retry_mode": retry.mode,
            # By itself the client reads all root certificates again for each connection, of which there is one a trigger.
            "ssl_context": _trusting_the_usual(),
            "transport_type": TransportType.AmqpOverWebsocket if options.web_sockets else TransportType.Amqp,
        }
        self._options = options
        self._credential = None if connection.connection_string else _credential(connection)
        if self._credential is None:
            self._client = ServiceBusClient.from_connection_string(connection.connection_string, **common)
        else:
            self._client = ServiceBusClient(connection.namespace, self._credential, **common)

    async def open(self, entity: Entity) -> Receiver:
        """A receiver on the entity, its link attached; raises LinkLostError."""
        return await _opened(self._receiver(entity))

    async def accept_session(self, entity: Entity, wait: float) -> Receiver:
        """A receiver on the next available session; raises NoSessionError after `wait` seconds, LinkLostError."""
        receiver = self._receiver(entity, session_id=NEXT_AVAILABLE_SESSION, max_wait_time=wait)
        try:
            return await _opened(receiver)
        except LinkLostError as error:
            if isinstance(error.__cause__, OperationTimeoutError):
                raise NoSessionError from error
            raise

    async def close(self) -> None:
        """All links of the namespace are closed."""
        await self._client.close()
        if self._credential is not None:
            await self._credential.close()

    def _receiver(self, entity: Entity, **extra: Any) -> ServiceBusReceiver:
        name, sub_queue = entity.queue or entity.subscription, None
        for suffix, which in _SUB_QUEUES.items():
            if name.lower().endswith(suffix):
                name, sub_queue = name[: -len(suffix)], which
                break
        extra |= {
            "prefetch_count": self._options.prefetch,
            "receive_mode": ServiceBusReceiveMode.PEEK_LOCK,
            "sub_queue": sub_queue,
        }
        if entity.queue:
            return self._client.get_queue_receiver(name, **extra)
        return self._client.get_subscription_receiver(entity.topic, name, **extra)


class _Link:
    """`delivery.Receiver` over one receiver of the client library.

    The client bears several settlements at once, but not several uses of its management link (renewals) as that link opens, and
    reading beside anything else costs it 0.2 s. So receiving, settling and renewing take turns.
    """

    def __init__(self, receiver: ServiceBusReceiver) -> None:
        self._receiver = receiver
        session = getattr(receiver, "session", None)
        self._session = session
        self._turn = asyncio.Lock()
        self.session_id: str | None = session.session_id if session is not None else None

    async def receive(self, most: int, wait: float) -> list[Delivery]:
        async with self._turn:
            try:
                received = await self._receiver.receive_messages(max_message_count=most, max_wait_time=wait)
            except _LOST as error:
                raise _lost(error) from error
        return [_delivery(message) for message in received]

    async def settle(self, done: Sequence[tuple[Delivery, bool]]) -> list[LinkLostError | None]:
        async with self._turn:
            return await asyncio.gather(*(self._settle(delivery, completed) for delivery, completed in done))

    async def renew(self, delivery: Delivery | None) -> datetime:
        async with self._turn:
            work = asyncio.ensure_future(self._renew(delivery))
            try:
                return await asyncio.shield(work)
            except asyncio.CancelledError:
                # Half a request would break the management link, and the client then closes the whole receiver.
                await asyncio.wait({work})
                raise

    async def _renew(self, delivery: Delivery | None) -> datetime:
        try:
            if delivery is not None:
                return await self._receiver.renew_message_lock(delivery.original)
            assert self._session is not None, "only a session's lock is renewed without a message"
            until: datetime = await self._session.renew_lock()
        except _LOST as error:
            raise _lost(error) from error
        return until

    def session_locked_until(self) -> datetime | None:
        return self._session.locked_until_utc if self._session is not None else None

    async def close(self) -> None:
        # A connection that is already gone cannot be closed politely, and nothing is lost by that.
        with contextlib.suppress(*_LOST):
            await self._receiver.close()

    async def _settle(self, delivery: Delivery, completed: bool) -> LinkLostError | None:
        try:
            if completed:
                await self._receiver.complete_message(delivery.original)
            else:
                await self._receiver.abandon_message(delivery.original)
        except _LOST as error:
            return _lost(error)
        return None


def _lost(error: Exception) -> LinkLostError:
    return LinkLostError(f"{type(error).__name__}: {error}")


async def _opened(receiver: ServiceBusReceiver) -> Receiver:
    try:
        await receiver.__aenter__()
    except _LOST as error:
        with contextlib.suppress(*_LOST):
            await receiver.close()
        raise _lost(error) from error
    except BaseException:
        await receiver.close()
        raise
    return _Link(receiver)


@cache
def _trusting_the_usual() -> ssl.SSLContext:
    """TLS as the client would have it, with the root certificates that come with certifi."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(certifi.where())
    return context


def _credential(connection: Connection) -> "ManagedIdentityCredential | DefaultAzureCredential":
    from azure.identity.aio import DefaultAzureCredential, ManagedIdentityCredential

    if connection.credential == "managedidentity":
        return ManagedIdentityCredential(client_id=connection.client_id or None)
    return DefaultAzureCredential(managed_identity_client_id=connection.client_id or None)


def _delivery(message: ServiceBusReceivedMessage) -> Delivery:
    return Delivery(
        body=_body(message.body),
        message_id=_text(message.message_id),
        content_type=_text(message.content_type),
        correlation_id=_text(message.correlation_id),
        subject=_text(message.subject),
        to=_text(message.to),
        reply_to=_text(message.reply_to),
        session_id=_text(message.session_id),
        reply_to_session_id=_text(message.reply_to_session_id),
        partition_key=_text(message.partition_key),
        dead_letter_source=_text(message.dead_letter_source),
        sequence_number=message.sequence_number or 0,
        # The client shows the raw header, which counts failed deliveries; .NET counts the present one too.
        delivery_count=(message.delivery_count or 0) + 1,
        enqueued_time=message.enqueued_time_utc,
        expires_at=message.expires_at_utc,
        locked_until=message.locked_until_utc,
        lock_token=str(message.lock_token),
        properties={_text(key) or "": _value(value) for key, value in (message.application_properties or {}).items()},
        original=message,
    )


def _body(body: Any) -> bytes:
    if body is None:
        return b""
    if isinstance(body, bytes):
        return body
    if isinstance(body, str):
        return body.encode()
    return b"".join(part for part in body if isinstance(part, bytes))


def _text(value: Any) -> str | None:
    if value is None:
        return None
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _value(value: Any) -> Any:
    """The client does not decode strings in application properties; what is not UTF-8 was binary."""
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value
