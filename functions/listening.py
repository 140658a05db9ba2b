"""What keeps us hearing of changes: subscriptions renewed, what was not told found, canaries released."""

import azure.functions as func

from functions.whose import each, of_message
from shared.nouns.errors import Refusal
from shared.topology import LISTENING

POWER = "guests"

bp = func.Blueprint()


@bp.function_name("renew-subscriptions")
@bp.timer_trigger(arg_name="timer", schedule="%ENTENTE_LISTEN_SCHEDULE%", run_on_startup=False, use_monitor=False)
async def renew_subscriptions(timer: func.TimerRequest) -> None:
    """Our subscriptions are being looked after, and what was told again is being looked into."""
    from shared.nouns.changes import Upkeep
    from shared.verbs.told_again import look_into
    from shared.verbs.upkeep import order

    del timer
    await each(lambda ours: order(ours, Upkeep(do="renew", resource="subscriptions", why="by the clock")), look_into)


@bp.function_name("release-canaries")
@bp.timer_trigger(arg_name="timer", schedule="%ENTENTE_LISTEN_SCHEDULE%", run_on_startup=False, use_monitor=False)
async def release_canaries_timer(timer: func.TimerRequest) -> None:
    """The canaries have changed, and silence has been told."""
    from shared.verbs.canary import release_canaries
    from shared.verbs.hearing import watch

    del timer
    await each(watch, release_canaries)


@bp.function_name("catch-up-changes")
@bp.timer_trigger(arg_name="timer", schedule="%ENTENTE_CATCH_UP_SCHEDULE%", run_on_startup=False, use_monitor=False)
async def catch_up_changes(timer: func.TimerRequest) -> None:
    """What no notification has told is being looked for."""
    from shared.nouns.changes import Upkeep
    from shared.verbs.upkeep import order

    del timer
    await each(
        lambda ours: order(ours, Upkeep(do="catch-up", resource="users", why="hourly")),
        lambda ours: order(ours, Upkeep(do="catch-up", resource="groups", why="hourly")),
    )


@bp.function_name(LISTENING)
@bp.service_bus_queue_trigger(
    arg_name="message", queue_name=LISTENING, connection="ServiceBus", data_type=func.DataType.BINARY, is_sessions_enabled=True
)
async def keep_listening(message: func.ServiceBusMessage) -> None:
    """What the message orders is done, or will be tried again."""
    from shared.nouns.changes import upkeep_from
    from shared.verbs.park import park_message
    from shared.verbs.tend import tend

    ours = await of_message(message)
    body = message.get_body()
    try:
        upkeep = upkeep_from(body)
    except Refusal as refusal:
        await park_message(ours, LISTENING, body, str(refusal))
        return
    await tend(ours, upkeep)
