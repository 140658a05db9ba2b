"""Service Bus functions. Each answers what it saw on the queue `seen`, because that is how its tests can watch it."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from typing import Any, List  # noqa: UP035 - the runtime refuses list[..] as an annotation

import azure.functions as func
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient, ServiceBusSender

app = func.FunctionApp()
Handler = Callable[..., Awaitable[None]]
_senders: list[ServiceBusSender] = []
_sending = asyncio.Lock()


async def tell(**seen: object) -> None:
    # A sender that several tasks open at once raises.
    async with _sending:
        if not _senders:
            client = ServiceBusClient.from_connection_string(os.environ["BUS"])
            _senders.append(client.get_queue_sender("seen"))
        await _senders[0].send_messages(ServiceBusMessage(json.dumps(seen, default=str)))


def bus(queue: str, **options: Any) -> Callable[[Handler], Handler]:
    """A Service Bus trigger on that queue."""
    arguments = {"arg_name": "message", "queue_name": queue, "connection": "BUS"} | options
    return app.service_bus_queue_trigger(**arguments)


@bus("work", data_type=func.DataType.BINARY)
async def work(message: func.ServiceBusMessage, context: func.Context) -> None:
    body = message.get_body().decode()
    await tell(
        body=body,
        id=message.message_id,
        count=message.delivery_count,
        pid=os.getpid(),
        trace=context.trace_context.trace_parent,
        aware=message.enqueued_time_utc is not None and message.enqueued_time_utc.tzinfo is not None,
        reason=message.dead_letter_reason,
        properties=message.application_properties,
    )
    if body.startswith("fail"):
        raise RuntimeError("meant to fail")
    if body.startswith("sleep "):
        await asyncio.sleep(float(body.split()[1]))
        await tell(finished=body, count=message.delivery_count, pid=os.getpid())


@bus("%WORK%/$deadletterqueue", data_type=func.DataType.BINARY)
async def dead(message: func.ServiceBusMessage) -> None:
    await tell(dead=message.get_body().decode(), properties=message.application_properties, reason=message.dead_letter_reason)


@bus("text")
async def text(message: func.ServiceBusMessage) -> None:
    await tell(text=message.get_body().decode(), id=message.message_id, count=message.delivery_count, token=message.lock_token)


@bus("sessions", data_type=func.DataType.BINARY, is_sessions_enabled=True)
async def sessions(message: func.ServiceBusMessage) -> None:
    await tell(session=message.session_id, body=message.get_body().decode(), phase="begin")
    await asyncio.sleep(0.15)
    await tell(session=message.session_id, body=message.get_body().decode(), phase="end")


@bus("batch", data_type=func.DataType.BINARY, cardinality=func.Cardinality.MANY, arg_name="messages")
async def batch(messages: List[func.ServiceBusMessage]) -> None:  # noqa: UP006 - as above
    await tell(
        batch=[each.get_body().decode() for each in messages],
        ids=[each.message_id for each in messages],
        correlations=[each.correlation_id for each in messages],
        counts=[each.delivery_count for each in messages],
    )
    if any(each.get_body() == b"fail" and each.delivery_count == 1 for each in messages):
        raise RuntimeError("meant to fail")


@bus("json-batch", cardinality=func.Cardinality.MANY, arg_name="messages")
async def json_batch(messages: List[func.ServiceBusMessage]) -> None:  # noqa: UP006 - as above
    await tell(json_batch=[each.get_body().decode() for each in messages])
