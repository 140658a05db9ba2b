"""What runs by the clock."""

import azure.functions as func

from functions.whose import each

POWER = "guests"

bp = func.Blueprint()


@bp.function_name("sweep-lost-tasks")
@bp.timer_trigger(arg_name="timer", schedule="%ENTENTE_SWEEP_SCHEDULE%", run_on_startup=False, use_monitor=False)
async def sweep_lost_tasks(timer: func.TimerRequest) -> None:
    """Tasks that got lost are on their way again; requests that nobody decided on in time are cancelled, and missing parts told of."""
    from shared.verbs.approve import expire
    from shared.verbs.parts_due import parts_due
    from shared.verbs.sweep import sweep

    del timer
    await each(sweep, expire, parts_due)


@bp.function_name("seal-journal")
@bp.timer_trigger(arg_name="timer", schedule="%ENTENTE_SEAL_SCHEDULE%", run_on_startup=False, use_monitor=False)
async def seal_journal(timer: func.TimerRequest) -> None:
    """Every journal entry is in the chain of seals, and the chain's heads are kept elsewhere."""
    from shared.verbs.export_seals import export_seals
    from shared.verbs.seal import seal

    del timer
    await each(seal, export_seals)


@bp.function_name("keep-retention")
@bp.timer_trigger(arg_name="timer", schedule="%ENTENTE_RETENTION_SCHEDULE%", run_on_startup=False, use_monitor=False)
async def keep_what_is_needed(timer: func.TimerRequest) -> None:
    """Nothing is kept for longer than the settings say."""
    from shared.verbs.retention import keep_retention

    del timer
    await each(keep_retention)
