"""What ends a request, and what becomes of messages that nobody could handle."""

import azure.functions as func

from functions.retries import retries
from functions.whose import of_message
from shared.nouns.errors import Refusal
from shared.topology import FINISH, PARKED

POWER = "guests"

bp = func.Blueprint()


@bp.function_name(FINISH)
@bp.service_bus_queue_trigger(
    arg_name="message", queue_name=FINISH, connection="ServiceBus", data_type=func.DataType.BINARY, is_sessions_enabled=True
)
async def finish_request(message: func.ServiceBusMessage) -> None:
    """A request whose tasks are all settled has ended, and the partner's next one has begun."""
    from shared.bus import session_within
    from shared.nouns.messages import finish_from
    from shared.verbs.finish import finish
    from shared.verbs.park import park_message

    ours = await of_message(message)
    body = message.get_body()
    try:
        wanted = finish_from(body)
    except Refusal as refusal:
        await park_message(ours, FINISH, body, str(refusal))
        return
    await finish(ours, wanted.request, session_within(message.session_id or "", ours.settings.tenant_name), retries(message))


@bp.function_name("park-dead-letter")
@bp.service_bus_queue_trigger(arg_name="message", queue_name=PARKED, connection="ServiceBus", data_type=func.DataType.BINARY)
async def park_dead_letter_message(message: func.ServiceBusMessage) -> None:
    """A dead letter of any queue stands where people look, with its reason."""
    from shared.verbs.park import park_dead_letter

    properties = {str(key): str(value) for key, value in (message.application_properties or {}).items()}
    source = message.dead_letter_source or properties.get("source") or "unknown queue"
    why, more = properties.get("DeadLetterReason", "dead-lettered"), properties.get("DeadLetterErrorDescription", "")
    reason = properties.get("reason") or f"{why} on {source}: {more}"
    await park_dead_letter(await of_message(message), message.get_body(), source, reason, retries(message))
