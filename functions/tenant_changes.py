"""What others changed in the tenant: heard of here, and reacted to."""

import azure.functions as func

from shared.nouns.changes import change_from
from shared.nouns.errors import Refusal
from shared.root import world
from shared.topology import TENANT_CHANGES
from shared.verbs.hear import hear
from shared.verbs.park import park_message

POWER = "guests"

bp = func.Blueprint()


@bp.function_name("react-to-change")
@bp.service_bus_queue_trigger(
    arg_name="message", queue_name=TENANT_CHANGES, connection="ServiceBus", data_type=func.DataType.BINARY
)
async def react_to_change(message: func.ServiceBusMessage) -> None:
    """What a changed object asks for has been done, or is tried again later."""
    ours = await world()
    body = message.get_body()
    try:
        change = change_from(body)
    except Refusal as refusal:
        await park_message(ours, TENANT_CHANGES, body, str(refusal))
        return
    await hear(ours, change)
