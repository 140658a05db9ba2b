"""An emergency over HTTP: a partner is shut out by one operator, and released by two."""

import json
from typing import TYPE_CHECKING

import azure.functions as func

from functions.principal import Caller, answer, needs
from shared.nouns.errors import Fault, Refusal

if TYPE_CHECKING:
    from shared.verbs.world import World

MOST_REASON = 1_000

POWER = "guests"

bp = func.Blueprint()


@bp.function_name("block-partner")
@bp.route(route="partners/{partner}/block", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@needs("Operator")
async def block_partner(req: func.HttpRequest, ours: "World", caller: Caller) -> func.HttpResponse:
    """The partner (tenant id or domain) is shut out now, for the `reason` in the body; what remains open is in the answer."""
    from shared.verbs.block import block

    return answer((await block(ours, req.route_params["partner"], caller.name, _reason(req))).as_json())


@bp.function_name("release-partner")
@bp.route(route="partners/{partner}/release", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@needs("Operator")
async def release_partner(req: func.HttpRequest, ours: "World", caller: Caller) -> func.HttpResponse:
    """The release is asked for, or, by somebody else than who asked, confirmed and carried out."""
    from shared.verbs.release import release

    return answer((await release(ours, req.route_params["partner"], caller.name, _reason(req))).as_json())


def _reason(req: func.HttpRequest) -> str:
    try:
        body = json.loads(req.get_body())
    except ValueError as error:
        raise Refusal([Fault("", 'the body must be a JSON object: {"reason": ...}')]) from error
    reason = body.get("reason") if isinstance(body, dict) else None
    if not isinstance(reason, str) or not 0 < len(reason.strip()) <= MOST_REASON:
        raise Refusal([Fault("reason", f"is needed, as text of up to {MOST_REASON} characters: it stands in the journal")])
    return reason.strip()
