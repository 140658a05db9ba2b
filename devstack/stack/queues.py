"""The queues of the app as Config.json of Microsoft's Service Bus emulator.

https://learn.microsoft.com/azure/service-bus-messaging/test-locally-with-service-bus-emulator
"""

from collections.abc import Iterable
from typing import Any

from shared.topology import Queue

# The only name of a namespace, and the longest time to live, that the emulator takes.
NAMESPACE = "sbemulatorns"
TIME_TO_LIVE = "PT1H"


def config(queues: Iterable[Queue], forward_to: str) -> dict[str, Any]:
    """Config.json with these queues, whose dead letters go to `forward_to` where they are forwarded."""
    return {
        "UserConfig": {
            "Namespaces": [{"Name": NAMESPACE, "Queues": [_queue(queue, forward_to) for queue in queues], "Topics": []}],
            "Logging": {"Type": "Console"},
        }
    }


def _queue(queue: Queue, forward_to: str) -> dict[str, Any]:
    return {
        "Name": queue.name,
        "Properties": {
            "DeadLetteringOnMessageExpiration": True,
            "DefaultMessageTimeToLive": TIME_TO_LIVE,
            "DuplicateDetectionHistoryTimeWindow": _duration(queue.duplicate_window),
            "ForwardDeadLetteredMessagesTo": forward_to if queue.forward_dead_letters else "",
            "ForwardTo": "",
            "LockDuration": _duration(queue.lock),
            "MaxDeliveryCount": queue.max_delivery_count,
            "RequiresDuplicateDetection": True,
            "RequiresSession": queue.sessions,
        },
    }


def _duration(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    return "PT" + (f"{minutes}M" if minutes else "") + (f"{rest}S" if rest or not minutes else "")
