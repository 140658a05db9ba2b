"""The only code that speaks to Service Bus: sending, now or at a time.

Receiving is the Functions host's work. Each sender is a connection of its own, which takes its time to open and to close: so many
stay open as a request with every option needs at once, and no more, for a namespace counts them.
The client is imported and opened at the first send: it is a fifth of a cold start, and most invocations read before they send.
"""

from __future__ import annotations

import asyncio
import ssl
import uuid
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from shared.nouns.outcomes import NotYet

if TYPE_CHECKING:
    from azure.servicebus import ServiceBusMessage
    from azure.servicebus.aio import ServiceBusClient, ServiceBusSender

    from shared.settings import Settings

# https://learn.microsoft.com/azure/service-bus-messaging/service-bus-quotas (connections of a namespace)
MOST_SENDERS = 16
SEND_SECONDS = 20
# The client reckons a batch a little smaller than it is on the wire, so it may fill one that Service Bus refuses (256 KB).
MOST_BATCH_BYTES = 240_000
OUT_OF_REACH_SECONDS = 10.0
# The application property that says whose a message is, in an app for several tenants, and what stands behind the tenant's name elsewhere.
TENANT, OF = "tenant", "."


@dataclass(frozen=True)
class Envelope:
    """A message to be sent: to which queue, under which id, in which session, and not before when."""

    queue: str
    message_id: str
    body: str | bytes
    session: str | None = None
    at: datetime | None = None
    properties: dict[str, str] = field(default_factory=dict)


@dataclass(eq=False)
class _Wanted:
    """Envelopes that somebody wants sent to one queue."""

    envelopes: list[Envelope]
    over: bool = False
    error: Exception | None = None

    def settle(self, error: Exception | None = None) -> None:
        self.over, self.error = True, error


class Bus:
    """Sends envelopes. Raises NotYet where Service Bus does not take them; a repeated send is dropped by its message id."""

    def __init__(self, settings: Settings, credential: Any = None) -> None:
        self._settings = settings
        self._credential = credential
        self._senders: OrderedDict[str, ServiceBusSender] = OrderedDict()
        self._locks: dict[str, asyncio.Lock] = {}
        self._wanted: dict[str, list[_Wanted]] = {}
        # Whoever sends holds one of these, so that an open sender that nobody uses can always be found and closed.
        self._sending = asyncio.Semaphore(MOST_SENDERS)
        self._using: set[str] = set()

    async def send(self, envelopes: Iterable[Envelope]) -> None:
        """Every envelope is in its queue, or scheduled there."""
        by_queue: dict[str, list[Envelope]] = {}
        for envelope in envelopes:
            by_queue.setdefault(envelope.queue, []).append(envelope)
        # A link takes a while to open, and a request is sent to a score of queues.
        sent = await asyncio.gather(*(self._send_all(queue, batch) for queue, batch in by_queue.items()), return_exceptions=True)
        for failed in sent:
            if failed is not None:
                raise failed

    async def _send_all(self, queue: str, batch: list[Envelope]) -> None:
        wanted = _Wanted(batch)
        self._wanted.setdefault(queue, []).append(wanted)
        # One sender is one link: its frames may not mix. Who waits for it is taken along by whoever has it next.
        async with self._locks.setdefault(queue, asyncio.Lock()), self._sending:
            if not wanted.over:
                self._using.add(queue)
                try:
                    await self._send_group(queue, self._wanted.pop(queue))
                finally:
                    self._using.discard(queue)
        if wanted.error is not None:
            raise wanted.error

    async def _send_group(self, queue: str, group: list[_Wanted]) -> None:
        """Each is sent, or has failed. Where we are broken off, the others send for themselves: what is sent twice is dropped by its id."""
        from azure.servicebus.exceptions import MessageSizeExceededError

        try:
            await self._send_to(queue, [_message(envelope) for wanted in group for envelope in wanted.envelopes])
        except MessageSizeExceededError as error:
            if len(group) == 1:
                group[0].settle(error)
                return
            for wanted in group:
                await self._send_group(queue, [wanted])
        except Exception as error:  # noqa: BLE001 -- raised by whoever's messages they are
            for wanted in group:
                wanted.settle(error)
        except BaseException:
            self._wanted.setdefault(queue, [])[:0] = [wanted for wanted in group if not wanted.over]
            raise
        else:
            for wanted in group:
                wanted.settle()

    async def close(self) -> None:
        for sender in self._senders.values():
            await sender.close()
        self._senders.clear()
        if "_client" in self.__dict__:
            await self._client.close()

    @cached_property
    def _client(self) -> ServiceBusClient:
        from azure.servicebus.aio import ServiceBusClient

        # The client's own retries would sleep inside a function; the caller comes back later instead. By itself it reads all root
        # certificates again for each connection, which holds up everything else for 20 ms and more.
        options: dict[str, Any] = {"retry_total": 0, "ssl_context": _trusting_the_usual()}
        if self._settings.service_bus:
            return ServiceBusClient.from_connection_string(self._settings.service_bus, **options)
        return ServiceBusClient(self._settings.service_bus_namespace, self._credential, **options)

    async def _send_to(self, queue: str, messages: list[ServiceBusMessage]) -> None:
        from azure.servicebus.exceptions import MessageSizeExceededError, ServiceBusError

        for again in (False, True):
            sender = await self._sender(queue)
            try:
                await _in_batches(sender, messages)
            except MessageSizeExceededError:
                raise
            except (ServiceBusError, OSError, ValueError) as error:
                await self._drop(queue)
                # A link that was idle for ten minutes is detached by the service: the first error says nothing yet.
                if again:
                    raise NotYet(
                        f"Service Bus did not take a message for queue {queue} ({type(error).__name__})",
                        after=OUT_OF_REACH_SECONDS,
                        effect_unknown=True,
                    ) from error
            else:
                return

    async def _sender(self, queue: str) -> ServiceBusSender:
        if queue not in self._senders:
            if len(self._senders) >= MOST_SENDERS:
                await self._drop(next(name for name in self._senders if name not in self._using))
            self._senders[queue] = self._client.get_queue_sender(queue)
        self._senders.move_to_end(queue)
        return self._senders[queue]

    async def _drop(self, queue: str) -> None:
        sender = self._senders.pop(queue, None)
        if sender is not None:
            await sender.close()


class TenantBus(Bus):
    """The bus of one of several tenants that share the queues: its name goes with every message, and into what must not be taken for
    another tenant's, the message's id (duplicate detection) and its session."""

    def __init__(self, bus: Bus, tenant: str) -> None:
        self._bus = bus
        self._tenant = tenant

    async def send(self, envelopes: Iterable[Envelope]) -> None:
        await self._bus.send([of_tenant(envelope, self._tenant) for envelope in envelopes])

    async def close(self) -> None:
        await self._bus.close()


def of_tenant(envelope: Envelope, tenant: str) -> Envelope:
    """The envelope as this tenant's."""
    session = None if envelope.session is None else f"{tenant}{OF}{envelope.session}"
    properties = {**envelope.properties, TENANT: tenant}
    return replace(envelope, message_id=f"{tenant}{OF}{envelope.message_id}", session=session, properties=properties)


def session_within(session: str, tenant: str) -> str:
    """The session as the tenant that it is of knows it."""
    return session.removeprefix(f"{tenant}{OF}") if tenant else session


def _trusting_the_usual() -> ssl.SSLContext:
    """TLS as the client would have it: the server's certificate is checked, against the root certificates that come with certifi."""
    import certifi

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(certifi.where())
    return context


def _message(envelope: Envelope) -> ServiceBusMessage:
    from azure.servicebus import ServiceBusMessage

    properties: dict[str | bytes, int | float | bytes | bool | str | uuid.UUID] = dict(envelope.properties.items())
    return ServiceBusMessage(
        envelope.body,
        message_id=envelope.message_id,
        session_id=envelope.session,
        content_type="application/json",
        application_properties=properties,
        scheduled_enqueue_time_utc=envelope.at,
    )


async def _in_batches(sender: ServiceBusSender, messages: list[ServiceBusMessage]) -> None:
    from azure.servicebus.exceptions import MessageSizeExceededError

    if len(messages) == 1:
        await sender.send_messages(messages[0], timeout=SEND_SECONDS)
        return
    batch = await sender.create_message_batch(MOST_BATCH_BYTES)
    for message in messages:
        try:
            batch.add_message(message)
        except MessageSizeExceededError:
            await sender.send_messages(batch, timeout=SEND_SECONDS)
            batch = await sender.create_message_batch(MOST_BATCH_BYTES)
            batch.add_message(message)
    await sender.send_messages(batch, timeout=SEND_SECONDS)
