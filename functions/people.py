"""What people ask and say over HTTP: status, why, cancel, pause, resume, parked things, health."""

import json
from typing import TYPE_CHECKING

import azure.functions as func

from functions.principal import PERSON_READERS, Caller, answer, needs, note_reading
from functions.reading import top_said
from functions.whose import of_call, says_whose
from shared.nouns.errors import Fault, Refusal
from shared.root import UnknownTenant, worlds

if TYPE_CHECKING:
    from shared.verbs.world import World

LOOK = ("Reader", "Requester", "Approver", "Operator")

POWER = "guests"

bp = func.Blueprint()


@bp.function_name("list-partner-requests")
@bp.route(route="partner-requests", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@needs(*LOOK)
async def list_partner_requests(req: func.HttpRequest, ours: "World", caller: Caller) -> func.HttpResponse:
    """The newest requests, open ones first."""
    from shared.views.status import latest_requests

    return answer({"requests": await latest_requests(ours)})


@bp.function_name("show-partner-request")
@bp.route(route="partner-requests/{id}", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@needs(*LOOK)
async def show_partner_request(req: func.HttpRequest, ours: "World", caller: Caller) -> func.HttpResponse:
    """One request with its counts and a page of its tasks (`top`, 0 to 1000; `after`, the `next` of the page before; `state`).

    `counts=false` leaves the counts of a running request out, which saves reading all its tasks; `steps=true` counts them step by step.
    """
    from shared.nouns.task import TaskState
    from shared.views.status import MOST_TASKS, Wanted, request_status

    asked = req.params
    state = asked.get("state", "")
    if state and state not in set(TaskState):
        raise Refusal([Fault("state", f"must be one of {', '.join(TaskState)}")])
    wanted = Wanted(
        most=top_said(asked, "500", MOST_TASKS),
        behind=asked.get("after", ""),
        state=TaskState(state) if state else None,
        counted=asked.get("counts") != "false",
        steps=asked.get("steps") == "true",
    )
    shown = await request_status(ours, req.route_params["id"], wanted)
    return answer(shown) if shown else answer({"error": "there is no such request; it may not have been accepted yet"}, 404)


@bp.function_name("control-partner-request")
@bp.route(route="partner-requests/{id}/{verb}", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@needs("Operator")
async def control_partner_request(req: func.HttpRequest, ours: "World", caller: Caller) -> func.HttpResponse:
    """The request is cancelled, paused or resumed."""
    from shared.verbs.control import cancel, pause, resume

    control = {"cancel": cancel, "pause": pause, "resume": resume}
    verb = control.get(req.route_params["verb"])
    if verb is None:
        return answer({"error": f"a request can be asked to {', '.join(control)}"}, 404)
    request = await verb(ours, req.route_params["id"], caller.name)
    return answer({"id": request.id, "state": request.shown.value, "reason": request.reason})


@bp.function_name("decide-partner-request")
@bp.route(route="partner-requests/{id}/decision", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@needs("Approver")
async def decide_partner_request(req: func.HttpRequest, ours: "World", caller: Caller) -> func.HttpResponse:
    """The request is approved or rejected (`{"decision": "approve"|"reject", "reason": ...}`) by somebody else than who asked."""
    from shared.verbs.approve import approve, reject

    decide = {"approve": approve, "reject": reject}
    verb = decide.get(_field(req, "decision"))
    if verb is None:
        raise Refusal([Fault("decision", f"must be one of {', '.join(decide)}")])
    request = await verb(ours, req.route_params["id"], caller.name, _field(req, "reason", needed=False))
    return answer({"id": request.id, "state": request.shown.value, "reason": request.reason})


@bp.function_name("list-parked")
@bp.route(route="parked", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@needs(*LOOK)
async def list_parked(req: func.HttpRequest, ours: "World", caller: Caller) -> func.HttpResponse:
    """Everything that waits for a person, the oldest first."""
    from shared.views.status import parked_view

    return answer({"parked": [parked_view(item) for item in await ours.tables.parked.waiting()]})


@bp.function_name("redrive-parked")
@bp.route(route="parked/redrive", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@needs("Operator")
async def redrive_parked(req: func.HttpRequest, ours: "World", caller: Caller) -> func.HttpResponse:
    """The parked thing that the body names (`{"id": ...}`) is tried again."""
    from shared.verbs.control import redrive

    name = _field(req, "id")
    item = await ours.tables.parked.get(name)
    if item is None:
        return answer({"error": "nothing is parked under this id"}, 404)
    return answer({"id": name, "what": await redrive(ours, item, caller.name)})


@bp.function_name("why-person")
@bp.route(route="why", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@needs(*PERSON_READERS)
async def why_person(req: func.HttpRequest, ours: "World", caller: Caller) -> func.HttpResponse:
    """A person's whole story. The address is in the body (`{"address": ...}`), so that no log of URLs has it."""
    from shared.views.why import why

    try:
        found = await why(ours, _field(req, "address"))
        note_reading(caller, "why", found["person"])
        return answer(found)
    except ValueError as error:
        raise Refusal([Fault("address", str(error))]) from error


@bp.function_name("show-health")
@bp.route(route="health", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def show_health(req: func.HttpRequest) -> func.HttpResponse:
    """200 as long as the app takes work, degraded or not; 503 where its tables do not answer, and with `strict` where anything is wrong. Of
    several tenants, the one that is named in `tenant`; else how many there are and how many of them are well."""
    from shared.views.health import health, takes_work, together

    strict = req.params.get("strict", "").lower() == "true"
    if len(every := await worlds()) > 1 and not says_whose(req):
        each = [await health(one) for one in every]
        found, takes = together(each), any(takes_work(one) for one in each)
    else:
        try:
            found = await health(await of_call(req))
        except UnknownTenant as error:
            return answer({"error": str(error)}, 404)
        takes = takes_work(found)
    return answer(found, 200 if takes and not (strict and found["status"] != "ok") else 503)


def _field(req: func.HttpRequest, name: str, *, needed: bool = True) -> str:
    try:
        body = json.loads(req.get_body())
    except ValueError as error:
        raise Refusal([Fault("", "the body must be a JSON object")]) from error
    value = body.get(name) if isinstance(body, dict) else None
    if value is None and not needed:
        return ""
    if not isinstance(value, str) or not 0 < len(value) <= 1_000:
        raise Refusal([Fault(name, "is needed, as text")])
    return value
