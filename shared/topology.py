"""The queues, defined once: the functions listen on them, the local broker and the infrastructure create them from here."""

from dataclasses import dataclass

from shared.nouns.power import Power

INTAKE = "partner-requests"
FINISH = "finish-request"
PARKED = "parked"
TENANT_CHANGES = "tenant-changes"
NOTIFICATIONS = "graph-notifications"
LISTENING = "keep-listening"
CLEAN_UP = "clean-up"


@dataclass(frozen=True)
class StepQueue:
    """The queue of a step, which is also the name of its function: which app attends to it, and whether it has sessions."""

    name: str
    power: Power
    sessions: bool = False


# What the steps say of themselves, said here once more (a test compares), so that finding the functions does not import every step.
STEP_QUEUES: tuple[StepQueue, ...] = (
    StepQueue("set-partner-configuration", "settings", sessions=True),
    StepQueue("set-capabilities", "settings", sessions=True),
    StepQueue("create-group", "guests", sessions=True),
    StepQueue("change-guest-address", "guests"),
    StepQueue("create-community", "guests", sessions=True),
    StepQueue("set-group-guest-settings", "guests", sessions=True),
    StepQueue("team-enable-group", "guests", sessions=True),
    StepQueue("invite-guest", "guests"),
    StepQueue("set-guest-details", "guests"),
    StepQueue("add-to-group", "guests", sessions=True),
    StepQueue("welcome-guest", "mail"),
    StepQueue("tell-owners", "mail"),
    StepQueue("set-organization-relationship", "settings", sessions=True),
    StepQueue("set-sharing-policy", "settings", sessions=True),
    StepQueue("set-inbound-connector", "settings", sessions=True),
    StepQueue("set-outbound-connector", "settings", sessions=True),
    StepQueue("set-remote-domain", "settings", sessions=True),
    StepQueue("allow-domain", "settings", sessions=True),
    StepQueue("limit-site", "settings", sessions=True),
    StepQueue("share-site", "guests", sessions=True),
    StepQueue("share-item", "guests", sessions=True),
    StepQueue("allow-federation", "settings", sessions=True),
    StepQueue("add-to-workspace", "guests", sessions=True),
    StepQueue("block-guest", "guests"),
    StepQueue("warn-guest", "mail"),
    StepQueue("expire-guest", "guests"),
    StepQueue("unshare-with-guest", "guests"),
    StepQueue("delete-guest", "guests"),
    StepQueue("restore-guest", "guests"),
    StepQueue("close-partner", "settings", sessions=True),
    StepQueue("prove-closed", "settings", sessions=True),
)


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


def queues() -> tuple[Queue, ...]:
    """All queues of the app: intake, one per step, finishing, what others change, and `parked`.

    Every queue forwards its dead letters to `parked`; the dead letters of `parked` itself stay where they are.
    """
    return (
        Queue(INTAKE),
        *(Queue(step.name, sessions=step.sessions) for step in STEP_QUEUES),
        Queue(FINISH, sessions=True),
        Queue(TENANT_CHANGES),
        Queue(NOTIFICATIONS),
        Queue(LISTENING, sessions=True),
        Queue(CLEAN_UP),
        Queue(PARKED, forward_dead_letters=False),
    )
