"""What others have changed: listed, accepted or put back by people; and what of it an app of the guests' power looks for by the clock."""

from typing import TYPE_CHECKING

import azure.functions as func

from functions.principal import Caller, answer, needs
from functions.reading import body_of, partner_said, word
from functions.whose import each
from shared.nouns.errors import Fault, Refusal

if TYPE_CHECKING:
    from shared.verbs.world import World

POWER = "guests"
LOOK = ("Reader", "Requester", "Approver", "Operator")

bp = func.Blueprint()


@bp.function_name("list-drift")
@bp.route(route="drift", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@needs(*LOOK)
async def list_drift(req: func.HttpRequest, ours: "World", caller: Caller) -> func.HttpResponse:
    """What others have changed and nobody has settled, of all partners or of `partner` (tenant id, domain or name); `all=true` adds
    what is settled."""
    from shared.verbs.migrate import partner_named
    from shared.views.drift import drifts_view

    everything = req.params.get("all", "false")
    if everything not in {"true", "false"}:
        raise Refusal([Fault("all", "must be true or false")])
    said = req.params.get("partner", "").strip()
    partner = (await partner_named(ours, partner_said(said))).tenant_id if said else ""
    return answer({"drift": await drifts_view(ours, partner, settled=everything == "true")})


@bp.function_name("decide-drift")
@bp.route(route="drift/{id}", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@needs("Operator")
async def decide_drift(req: func.HttpRequest, ours: "World", caller: Caller) -> func.HttpResponse:
    """The change is accepted as the new wish, or put back whatever that opens (`{"decision": "accept"|"put-back"}`)."""
    from shared.verbs.drifted import accept_drift, put_back_drift
    from shared.views.drift import drift_named, drift_view

    decide = {"accept": accept_drift, "put-back": put_back_drift}
    verb = decide.get(word(body_of(req, {"decision"}), "decision"))
    if verb is None:
        raise Refusal([Fault("decision", f"must be one of {', '.join(decide)}")])
    drifted = await drift_named(ours, req.route_params["id"])
    if drifted is None:
        return answer({"error": "there is no drift of this id; entente drift lists what there is"}, 404)
    return answer(await drift_view(ours, await verb(ours, drifted, caller.name)))


@bp.function_name("look-after-partners")
@bp.timer_trigger(arg_name="timer", schedule="%ENTENTE_COMPARE_SCHEDULE%", run_on_startup=False, use_monitor=False)
async def look_after_partners_by_the_clock(timer: func.TimerRequest) -> None:
    """The next partners' groups and domains have been compared; whoever's sponsor is away for long has somebody else asked."""
    from shared.verbs.compare import look_after_partners

    del timer
    await each(look_after_partners)
