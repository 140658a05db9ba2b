"""The queues, defined once: the functions listen on them, the local broker and the infrastructure create them from here."""

from dataclasses import dataclass

INTAKE = "partner-requests"
FINISH = "finish-request"
PARKED = "parked"
TENANT_CHANGES = "tenant-changes"
NOTIFICATIONS = "graph-notifications"
LISTENING = "keep-listening"
CLEAN_UP = "clean-up"


@dataclass(frozen=True)
class Queue:
    """One Service Bus queue. Times are in seconds.

    The lock is longer than a claim on a task (90 s), so that a message comes back only when the claim has ended. Duplicate
    detection drops the copies of a message whose sender did not hear that the first had arrived. A message that nobody has taken for
    `keep_days` is a dead letter: an address is not kept waiting for longer.
    """

    name: str
    sessions: bool = False
    lock: int = 120
    max_delivery_count: int = 10
    duplicate_window: int = 300
    keep_days: int = 14
    forward_dead_letters: bool = True


def queues(steps: tuple[tuple[str, bool], ...]) -> tuple[Queue, ...]:
    """All queues of the app: intake, one per step (`(name, needs sessions)`), finishing, what others change, and `parked`.

    Every queue forwards its dead letters to `parked`; the dead letters of `parked` itself stay where they are.
    """
    return (
        Queue(INTAKE),
        *(Queue(name, sessions=sessions) for name, sessions in steps),
        Queue(FINISH, sessions=True),
        Queue(TENANT_CHANGES),
        Queue(NOTIFICATIONS),
        Queue(LISTENING, sessions=True),
        Queue(CLEAN_UP),
        Queue(PARKED, forward_dead_letters=False),
    )
