"""What others have changed in settings that Microsoft tells nobody about: compared by the clock, where the settings can be read."""

import azure.functions as func

from functions.whose import each
from shared.nouns.power import Power

POWER: Power = "settings"

bp = func.Blueprint()


@bp.function_name("compare-settings")
@bp.timer_trigger(arg_name="timer", schedule="%ENTENTE_COMPARE_SCHEDULE%", run_on_startup=False, use_monitor=False)
async def compare_partners_settings(timer: func.TimerRequest) -> None:
    """The next partners' settings have been read again, and what others have changed is on record; as is what this app may do."""
    from shared.verbs.compare import compare_settings
    from shared.verbs.permitted import tell_grants

    del timer
    await each(lambda ours: tell_grants(ours, POWER), lambda ours: compare_settings(ours, POWER))
