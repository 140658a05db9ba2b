"""The courier: brings what is due to where it is due, and asks new addresses whether they want it."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any

import aiohttp

from devstack.tenant.notifications.post_office import Parcel, PostOffice
from devstack.tenant.notifications.topics import cloud_event

if TYPE_CHECKING:
    from azure.servicebus.aio import ServiceBusClient, ServiceBusSender

# A tenant's clock can stand still or jump: who waits for a moment of it looks again after so many real seconds, and at every request.
_LOOK_AGAIN = 1.0
_AT_ONCE = 16
_MOST_READ = 4_096
_BUS_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Heard:
    """What an address answered: `status` None is no answer, or none in time."""

    status: int | None
    seconds: float
    content_type: str = ""
    text: str = ""


Send = Callable[[str, bytes, str, float], Awaitable[Heard]]


async def nowhere(url: str, content: bytes, content_type: str, within: float) -> Heard:
    """No answer: what a tenant without a server has for sending."""
    return Heard(None, 0.0)


@dataclass(slots=True)
class Courier:
    """Serves whichever post office there is now: a reset brings another one."""

    office: Callable[[], PostOffice]
    _woken: asyncio.Event = field(default_factory=asyncio.Event)
    _session: aiohttp.ClientSession | None = None
    _errands: set[asyncio.Task[None]] = field(default_factory=set)
    _bus: "tuple[tuple[str, str], ServiceBusClient, ServiceBusSender] | None" = None
    _publishing: asyncio.Lock = field(default_factory=asyncio.Lock)

    def wake(self) -> None:
        """Something may be due."""
        self._woken.set()

    async def run(self) -> None:
        """Deliver until cancelled."""
        try:
            while True:
                for parcel in self.office().due():
                    errand = asyncio.create_task(self._deliver(self.office(), parcel))
                    self._errands.add(errand)
                    errand.add_done_callback(self._errands.discard)
                await self._wait()
        finally:
            await self._close()

    async def settle(self) -> None:
        """Everything that waits has been tried once more, whenever it was due."""
        office = self.office()
        office.hurry()
        await asyncio.gather(*(self._deliver(office, parcel) for parcel in office.due()))
        if self._errands:
            await asyncio.wait(set(self._errands))

    async def send(self, url: str, content: bytes, content_type: str, within: float) -> Heard:
        """POST the content and wait `within` real seconds; never raises for what the other side does."""
        started = monotonic()
        try:
            async with (
                asyncio.timeout(within),
                self._open().post(url, data=content, headers={"Content-Type": content_type}, allow_redirects=False) as reply,
            ):
                text = (await reply.content.read(_MOST_READ)).decode("utf-8", "replace")
                return Heard(reply.status, monotonic() - started, reply.content_type, text)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            return Heard(None, monotonic() - started)

    async def _deliver(self, office: PostOffice, parcel: Parcel) -> None:
        if parcel.by_event_grid:
            heard = await self._publish(office, parcel)
            office.answered(parcel, heard.status, heard.seconds)
            return
        content = json.dumps(office.body(parcel), separators=(",", ":")).encode()
        heard = await self.send(parcel.url, content, "application/json; charset=utf-8", office.settings.timeout)
        office.answered(parcel, heard.status, heard.seconds)

    async def _publish(self, office: PostOffice, parcel: Parcel) -> Heard:
        """The event is in the queue that the topic leads to, as Event Grid writes it there: an event a message, structured mode, the same
        id each time. https://learn.microsoft.com/azure/event-grid/handler-service-bus
        """
        from azure.servicebus import ServiceBusMessage
        from azure.servicebus.aio import ServiceBusClient
        from azure.servicebus.exceptions import ServiceBusError

        started, topic = monotonic(), office.topics.of(parcel.url)
        if topic is None:
            return Heard(None, 0.0)
        event = cloud_event(parcel.notices[0], office.tenant_id)
        message = ServiceBusMessage(
            json.dumps(event, separators=(",", ":")).encode(),
            message_id=event["id"],
            content_type="application/cloudevents+json; charset=utf-8",
            application_properties={
                "aeg-event-type": "Notification",
                "aeg-subscription-name": "ENTENTE",
                "aeg-output-event-id": event["id"],
            },
        )
        async with self._publishing:
            # One connection, and its frames may not mix.
            if self._bus is None or self._bus[0] != (topic.service_bus, topic.queue):
                await self._close_bus()
                client = ServiceBusClient.from_connection_string(topic.service_bus, retry_total=0)
                self._bus = (topic.service_bus, topic.queue), client, client.get_queue_sender(topic.queue)
            try:
                await self._bus[2].send_messages(message, timeout=_BUS_SECONDS)
            except (ServiceBusError, OSError, ValueError):
                await self._close_bus()
                return Heard(None, monotonic() - started)
        return Heard(201, monotonic() - started)

    async def _close_bus(self) -> None:
        bus, self._bus = self._bus, None
        if bus is not None:
            await bus[2].close()
            await bus[1].close()

    async def _wait(self) -> None:
        office = self.office()
        moment = office.next_moment()
        wait = None if moment is None else min(max(moment - office.clock.seconds(), 0.0), _LOOK_AGAIN)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), wait)
        self._woken.clear()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector: Any = aiohttp.TCPConnector(limit=_AT_ONCE)
            self._session = aiohttp.ClientSession(connector=connector)
        return self._session

    async def _close(self) -> None:
        for errand in self._errands:
            errand.cancel()
        if self._errands:
            await asyncio.wait(set(self._errands))
        if self._session is not None:
            await self._session.close()
        await self._close_bus()
