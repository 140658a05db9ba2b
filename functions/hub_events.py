"""What Microsoft Graph writes into an event hub: listened to only where the app's setting names one."""

import azure.functions as func

from functions.whose import of_notification
from shared.nouns.outcomes import NotYet
from shared.root import UnknownTenant
from shared.topology import NOTIFICATIONS

POWER = "guests"


def of(hub: str) -> func.Blueprint:
    """The function that listens to the hub."""
    bp = func.Blueprint()

    # Event Hubs goes on behind an event whose function has failed; retries hold it for so long. What is lost then, the catch-up finds.
    # https://learn.microsoft.com/azure/azure-functions/functions-bindings-error-pages
    @bp.function_name("take-hub-event")
    @bp.event_hub_message_trigger(
        arg_name="event", event_hub_name=hub, connection="NotificationHub", data_type=func.DataType.BINARY, cardinality="one"
    )
    @bp.retry(strategy="fixed_delay", max_retry_count="20", delay_interval="00:00:15")
    async def take_hub_event(event: func.EventHubEvent) -> None:
        """What Graph has written into the hub is on our queue, or will be."""
        from shared.log import log
        from shared.verbs.listen import Unreadable, listen, listen_later
        from shared.verbs.park import park_message

        body = event.get_body()
        try:
            ours = await of_notification(body)
        except UnknownTenant as error:
            # Whoever may write into the hub may write anything; Graph's own look whether it may is of no tenant.
            log.warning("hub event dropped", reason=str(error))
            return
        try:
            await listen(ours, body, "event-hub")
        except Unreadable as error:
            await park_message(ours, NOTIFICATIONS, body, str(error))
        except NotYet as error:
            await listen_later(ours, body, error, 0)

    return bp
