"""Clean-up of expired guests: the timer that begins a run, the queue that carries it on, and what people ask and decide."""

from typing import TYPE_CHECKING

import azure.functions as func

from functions.principal import Caller, answer, needs
from functions.reading import body_of, word
from functions.whose import each, of_message
from shared.nouns.errors import Refusal
from shared.topology import CLEAN_UP

if TYPE_CHECKING:
    from shared.verbs.world import World

POWER = "guests"
LOOK = ("Reader", "Approver", "Operator")

bp = func.Blueprint()


@bp.function_name("clean-up-expired-guests")
@bp.timer_trigger(arg_name="timer", schedule="%ENTENTE_CLEAN_UP_SCHEDULE%", run_on_startup=False, use_monitor=False)
async def clean_up_expired_guests(timer: func.TimerRequest) -> None:
    """A clean-up run is under way: it looks at every guest, and touches nobody by itself."""
    from shared.verbs.cleanup_run import begin

    del timer
    await each(lambda ours: begin(ours, "the clock", apply=True))


@bp.function_name("carry-clean-up-on")
@bp.service_bus_queue_trigger(arg_name="message", queue_name=CLEAN_UP, connection="ServiceBus", data_type=func.DataType.BINARY)
async def carry_clean_up_on(message: func.ServiceBusMessage) -> None:
    """The next page of a clean-up run is done."""
    from shared.nouns.cleaning import carry_from
    from shared.verbs.cleanup_run import carry_on
    from shared.verbs.park import park_message

    ours, body = await of_message(message), message.get_body()
    try:
        wanted = carry_from(body)
    except Refusal as refusal:
        await park_message(ours, CLEAN_UP, body, str(refusal))
        return
    await carry_on(ours, wanted)


@bp.function_name("list-cleanup-runs")
@bp.route(route="cleanup-runs", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@needs(*LOOK)
async def list_cleanup_runs(req: func.HttpRequest, ours: "World", caller: Caller) -> func.HttpResponse:
    """Clean-up runs, the newest first."""
    from shared.views.cleanup import runs_view

    return answer({"runs": await runs_view(ours)})


@bp.function_name("plan-cleanup")
@bp.route(route="cleanup-runs", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@needs("Operator")
async def plan_cleanup(req: func.HttpRequest, ours: "World", caller: Caller) -> func.HttpResponse:
    """202: a run that only reports is under way, or the one that was."""
    from shared.verbs.cleanup_run import begin

    run = await begin(ours, caller.name, apply=False)
    return answer({"id": run.id, "state": run.state.value}, 202, {"Location": f"/api/cleanup-runs/{run.id}"})


@bp.function_name("show-cleanup-run")
@bp.route(route="cleanup-runs/{id}", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@needs(*LOOK)
async def show_cleanup_run(req: func.HttpRequest, ours: "World", caller: Caller) -> func.HttpResponse:
    """One run with a page of its guests and the evidence on each (`after`, the `next` of the page before; `move`, `kind`)."""
    from shared.views.cleanup import run_view

    asked = req.params
    found = await run_view(
        ours, req.route_params["id"], behind=asked.get("after", ""), move=asked.get("move", ""), kind=asked.get("kind", "")
    )
    return answer(found) if found else answer({"error": "there is no such clean-up run"}, 404)


@bp.function_name("decide-cleanup-run")
@bp.route(route="cleanup-runs/{id}/{verb}", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@needs("Approver", "Operator")
async def decide_cleanup_run(req: func.HttpRequest, ours: "World", caller: Caller) -> func.HttpResponse:
    """The held run is released or rejected (`{"reason": ...}`) by somebody else than who changed its rules."""
    from shared.verbs.cleanup_decide import reject, release

    decide = {"release": release, "reject": reject}
    verb = decide.get(req.route_params["verb"])
    if verb is None:
        return answer({"error": f"a clean-up run can be asked to {', '.join(decide)}"}, 404)
    run = await verb(ours, req.route_params["id"], caller.name, word(body_of(req, {"reason"}), "reason"))
    return answer({"id": run.id, "state": run.state.value, "decidedBy": run.decided_by})
