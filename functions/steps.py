"""One function a step, each on a queue of its own: decode, attempt, return."""

from collections.abc import Awaitable, Callable

import azure.functions as func

from functions.retries import retries
from shared.nouns.errors import Refusal
from shared.nouns.messages import attempt_from, finish_from
from shared.root import world
from shared.steps import STEPS
from shared.topology import FINISH, PARKED
from shared.verbs.attempt import attempt
from shared.verbs.finish import finish
from shared.verbs.park import park_dead_letter, park_message

bp = func.Blueprint()


def _attempting(queue: str) -> Callable[[func.ServiceBusMessage], Awaitable[None]]:
    async def attempt_step(message: func.ServiceBusMessage) -> None:
        ours = await world()
        body = message.get_body()
        try:
            wanted = attempt_from(body, queue)
        except Refusal as refusal:
            await park_message(ours, queue, body, str(refusal))
            return
        await attempt(ours, wanted)

    attempt_step.__doc__ = f"One attempt at a task of step {queue}."
    return attempt_step


for _step in STEPS:
    bp.function_name(_step.name)(
        bp.service_bus_queue_trigger(
            arg_name="message",
            queue_name=_step.name,
            connection="ServiceBus",
            data_type=func.DataType.BINARY,
            is_sessions_enabled=_step.session,
        )(_attempting(_step.name))
    )


@bp.function_name(FINISH)
@bp.service_bus_queue_trigger(
    arg_name="message", queue_name=FINISH, connection="ServiceBus", data_type=func.DataType.BINARY, is_sessions_enabled=True
)
async def finish_request(message: func.ServiceBusMessage) -> None:
    """A request whose tasks are all settled has ended, and the partner's next one has begun."""
    ours = await world()
    body = message.get_body()
    try:
        wanted = finish_from(body)
    except Refusal as refusal:
        await park_message(ours, FINISH, body, str(refusal))
        return
    await finish(ours, wanted.request, message.session_id or "", retries(message))


@bp.function_name("park-dead-letter")
@bp.service_bus_queue_trigger(arg_name="message", queue_name=PARKED, connection="ServiceBus", data_type=func.DataType.BINARY)
async def park_dead_letter_message(message: func.ServiceBusMessage) -> None:
    """A dead letter of any queue stands where people look, with its reason."""
    properties = {str(key): str(value) for key, value in (message.application_properties or {}).items()}
    source = message.dead_letter_source or properties.get("source") or "unknown queue"
    why, more = properties.get("DeadLetterReason", "dead-lettered"), properties.get("DeadLetterErrorDescription", "")
    reason = properties.get("reason") or f"{why} on {source}: {more}"
    await park_dead_letter(await world(), message.get_body(), source, reason, retries(message))
