"""Where partner requests come in: the queue `partner-requests`, and `POST /api/partner-requests` which puts them there."""

import hashlib
import json
import secrets
from typing import TYPE_CHECKING, Any

import azure.functions as func

from functions.principal import Caller, answer, needs
from functions.retries import retries
from functions.whose import of_message
from shared.nouns.errors import Fault, Refusal
from shared.topology import INTAKE

if TYPE_CHECKING:
    from shared.verbs.world import World

MOST_BODY_BYTES = 16_000_000
# An id has 64 characters at most; that of a plan ends with its own mark.
MOST_NAME = 46

POWER = "guests"

bp = func.Blueprint()


@bp.function_name("accept-partner-request")
@bp.service_bus_queue_trigger(arg_name="message", queue_name=INTAKE, connection="ServiceBus", data_type=func.DataType.BINARY)
async def accept_partner_request(message: func.ServiceBusMessage) -> None:
    """One part of a partner request has been accepted, or refused with the reason on record."""
    from shared.verbs.accept import accept
    from shared.verbs.asker import BY_QUEUE, asker
    from shared.verbs.park import park_message

    ours = await of_message(message)
    body = message.get_body()
    properties = {str(key): str(value) for key, value in (message.application_properties or {}).items()}
    who = asker(ours, properties.get("who", ""), properties.get("signature", ""), body)
    if ours.settings.tenant_name and who == BY_QUEUE:
        # The right to send here would be the right to ask for any of them.
        await park_message(
            ours, INTAKE, body, "in an app for several tenants, requests come over HTTP, where the sign-in says for whom"
        )
        return
    await accept(ours, body, who, retries(message))


@bp.function_name("submit-partner-request")
@bp.route(route="partner-requests", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@needs("Requester", "Operator")
async def submit_partner_request(req: func.HttpRequest, ours: "World", caller: Caller) -> func.HttpResponse:
    """202 with `Location`: the request is well formed and on the queue, split into complete parts where it is large.

    `plan=true` asks for its plan alone, which has an id of its own, so that the request itself can still come. Where the body says
    `"mode": "plan"` it has named the plan already, and the id is kept.
    """
    from shared.bus import Envelope
    from shared.nouns.parts import split
    from shared.nouns.request import read_request
    from shared.verbs.asker import sign

    raw = _as_asked(_decoded(req.get_body()), req.params.get("plan", "false"))
    bodies = [part.encode() for part in split(raw)]
    faults = [fault for body in bodies for found in read_request(json.loads(body)).faults.values() for fault in found]
    faults += _twice(raw.get("guests", []))
    if faults:
        raise Refusal(faults)
    await ours.bus.send(
        Envelope(
            queue=INTAKE,
            message_id=hashlib.sha256(body).hexdigest(),
            body=body,
            properties={"who": caller.name, "signature": sign(ours, caller.name, body)},
        )
        for body in bodies
    )
    where = f"/api/partner-requests/{raw['id']}"
    return answer({"id": raw["id"], "parts": len(bodies), "status": where}, 202, {"Location": where})


def _decoded(body: bytes) -> dict[str, Any]:
    from shared.nouns.json_text import decoded

    if len(body) > MOST_BODY_BYTES:
        raise Refusal([Fault("", f"is larger than {MOST_BODY_BYTES} bytes; split it into requests of their own ids")])
    raw = decoded(body)
    if not isinstance(raw, dict):
        raise Refusal([Fault("", "a partner request is a JSON object")])
    return raw


def _as_asked(raw: dict[str, Any], plan: str) -> dict[str, Any]:
    if plan not in {"true", "false"}:
        raise Refusal([Fault("plan", "must be true or false")])
    if plan == "false" or raw.get("mode") == "plan":
        return raw
    planned = {**raw, "mode": "plan"}
    # An id that is missing or no text is refused where all of the body is read.
    if isinstance(name := raw.get("id"), str) and name:
        planned["id"] = f"{name[:MOST_NAME]}.plan-{secrets.token_hex(6)}"
    return planned


def _twice(guests: Any) -> list[Fault]:
    """Guests named in two different parts; within a part, reading it finds them."""
    first: dict[str, int] = {}
    faults = []
    for index, guest in enumerate(guests if isinstance(guests, list) else []):
        email = guest.get("email") if isinstance(guest, dict) else None
        if isinstance(email, str) and first.setdefault(email.strip().lower(), index) != index:
            faults.append(
                Fault(f"guests[{index}].email", f"stands in the request already, as guests[{first[email.strip().lower()]}]")
            )
    return faults
