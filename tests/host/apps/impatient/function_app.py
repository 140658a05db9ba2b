"""A function that takes too long for its functionTimeout at the first delivery."""

import asyncio
import logging

import azure.functions as func

app = func.FunctionApp()
_log = logging.getLogger(__name__)


@app.service_bus_queue_trigger(arg_name="message", queue_name="work", connection="BUS", data_type=func.DataType.BINARY)
async def slow_at_first(message: func.ServiceBusMessage) -> None:
    _log.info("delivery %s", message.delivery_count)
    if message.delivery_count == 1:
        await asyncio.sleep(60)
