"""One function a step, each on a queue of its own: decode, attempt, return."""

from collections.abc import Awaitable, Callable

import azure.functions as func

from functions.whose import of_message
from shared.nouns.errors import Refusal
from shared.nouns.power import Power
from shared.topology import STEP_QUEUES


def _attempting(queue: str) -> Callable[[func.ServiceBusMessage], Awaitable[None]]:
    async def attempt_step(message: func.ServiceBusMessage) -> None:
        from shared.nouns.messages import attempt_from
        from shared.verbs.attempt import attempt
        from shared.verbs.park import park_message

        ours = await of_message(message)
        body = message.get_body()
        try:
            wanted = attempt_from(body, queue)
        except Refusal as refusal:
            await park_message(ours, queue, body, str(refusal))
            return
        await attempt(ours, wanted)

    attempt_step.__doc__ = f"One attempt at a task of step {queue}."
    return attempt_step


def of(power: Power) -> func.Blueprint:
    """The functions of the steps that need this power."""
    bp = func.Blueprint()
    for step in STEP_QUEUES:
        if step.power == power:
            bp.function_name(step.name)(
                bp.service_bus_queue_trigger(
                    arg_name="message",
                    queue_name=step.name,
                    connection="ServiceBus",
                    data_type=func.DataType.BINARY,
                    is_sessions_enabled=step.sessions,
                )(_attempting(step.name))
            )
    return bp
