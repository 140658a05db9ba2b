"""What others changed in the tenant: heard of here, from whoever knows the address, and reacted to."""

import azure.functions as func

from functions.retries import retries
from functions.whose import of_call, of_event, of_message
from shared.nouns.errors import Refusal
from shared.nouns.outcomes import NotYet
from shared.root import UnknownTenant
from shared.topology import NOTIFICATIONS, TENANT_CHANGES

POWER = "guests"
# Nothing in an answer is ever markup, whatever was sent.
PLAIN = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'"}

bp = func.Blueprint()


@bp.function_name("hear-tenant-changes")
@bp.route(route="tenant-changes", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
async def hear_tenant_changes(req: func.HttpRequest) -> func.HttpResponse:
    """202: what Microsoft Graph has told is on our queue. The token of a handshake comes back as it is."""
    return await _answered(req)


@bp.function_name("hear-lifecycle")
@bp.route(route="tenant-changes/lifecycle", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
async def hear_lifecycle(req: func.HttpRequest) -> func.HttpResponse:
    """202: what Microsoft Graph wants done about a subscription is ordered."""
    return await _answered(req)


async def _answered(req: func.HttpRequest) -> func.HttpResponse:
    # https://learn.microsoft.com/graph/change-notifications-delivery-webhooks#notificationurl-validation
    token = req.params.get("validationToken")
    if token is not None:
        return func.HttpResponse(token, status_code=200, mimetype="text/plain", headers=PLAIN)
    from shared.verbs.listen import Unreadable, listen

    try:
        await listen(await of_call(req), req.get_body(), "webhook")
    except UnknownTenant:
        return func.HttpResponse(status_code=404, headers=PLAIN)
    except Unreadable:
        return func.HttpResponse(status_code=400, headers=PLAIN)
    except NotYet:
        # Graph tells it again, with growing gaps, for four hours.
        return func.HttpResponse(status_code=503, headers=PLAIN)
    return func.HttpResponse(status_code=202, headers=PLAIN)


@bp.function_name("take-cloud-event")
@bp.service_bus_queue_trigger(
    arg_name="message", queue_name=NOTIFICATIONS, connection="ServiceBus", data_type=func.DataType.BINARY
)
async def take_cloud_event(message: func.ServiceBusMessage) -> None:
    """What Event Grid has delivered is on our queue, or will be."""
    from shared.verbs.listen import Unreadable, listen, listen_later
    from shared.verbs.park import park_message

    ours = await of_event(message)
    body = message.get_body()
    try:
        await listen(ours, body, "event-grid")
    except Unreadable as error:
        await park_message(ours, NOTIFICATIONS, body, str(error))
    except NotYet as error:
        await listen_later(ours, body, error, retries(message))


@bp.function_name("react-to-change")
@bp.service_bus_queue_trigger(
    arg_name="message", queue_name=TENANT_CHANGES, connection="ServiceBus", data_type=func.DataType.BINARY
)
async def react_to_change(message: func.ServiceBusMessage) -> None:
    """What a changed object asks for has been done, or is tried again later."""
    from shared.nouns.changes import change_from
    from shared.verbs.hear import hear
    from shared.verbs.park import park_message

    ours = await of_message(message)
    body = message.get_body()
    try:
        change = change_from(body)
    except Refusal as refusal:
        await park_message(ours, TENANT_CHANGES, body, str(refusal))
        return
    await hear(ours, change)
