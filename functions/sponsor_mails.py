"""The mails that ask sponsors, by the clock, from the app that may send mail."""

import azure.functions as func

from functions.whose import each
from shared.nouns.power import Power

POWER: Power = "mail"

bp = func.Blueprint()


@bp.function_name("ask-sponsors")
@bp.timer_trigger(arg_name="timer", schedule="%ENTENTE_ASK_SCHEDULE%", run_on_startup=False, use_monitor=False)
async def ask_sponsors(timer: func.TimerRequest) -> None:
    """Every sponsor with something new to answer has one mail about all of it; what this app may do is on record."""
    from shared.verbs.ask_mails import tell_sponsors
    from shared.verbs.permitted import tell_grants

    del timer
    await each(lambda ours: tell_grants(ours, POWER), tell_sponsors)
