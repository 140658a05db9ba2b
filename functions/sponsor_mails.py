"""The mails that ask sponsors, by the clock, from the app that may send mail."""

import azure.functions as func

from shared.root import world
from shared.verbs.ask_mails import tell_sponsors

POWER = "mail"

bp = func.Blueprint()


@bp.function_name("ask-sponsors")
@bp.timer_trigger(arg_name="timer", schedule="%ENTENTE_ASK_SCHEDULE%", run_on_startup=False, use_monitor=False)
async def ask_sponsors(timer: func.TimerRequest) -> None:
    """Every sponsor with something new to answer has one mail about all of it."""
    del timer
    await tell_sponsors(await world())
