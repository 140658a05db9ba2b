"""What the broker refuses, by the condition that clients map to exceptions (facts/service-bus-broker.md, section 10)."""

LOCK_LOST = "com.microsoft:message-lock-lost"
SESSION_LOCK_LOST = "com.microsoft:session-lock-lost"
MESSAGE_NOT_FOUND = "com.microsoft:message-not-found"
SESSION_CANNOT_BE_LOCKED = "com.microsoft:session-cannot-be-locked"
SESSION_NOT_FOUND = "com.microsoft:session-not-found"
TIMEOUT = "com.microsoft:timeout"
ARGUMENT_ERROR = "com.microsoft:argument-error"
NOT_FOUND = "amqp:not-found"
NOT_ALLOWED = "amqp:not-allowed"
NOT_IMPLEMENTED = "amqp:not-implemented"
UNAUTHORIZED = "amqp:unauthorized-access"
SIZE_EXCEEDED = "amqp:link:message-size-exceeded"
DETACH_FORCED = "amqp:link:detach-forced"


class BusError(Exception):
    """A refusal: a condition for programs and a sentence for people."""

    def __init__(self, condition: str, description: str) -> None:
        super().__init__(description)
        self.condition = condition
        self.description = description


def lock_lost(queue: str) -> BusError:
    return BusError(
        LOCK_LOST,
        f"The lock supplied is invalid for queue '{queue}'. Either the lock expired, or the message has already been settled"
        " and removed from the queue. Receive the message again, or renew its lock in time.",
    )


def session_lock_lost(queue: str, session_id: str) -> BusError:
    return BusError(
        SESSION_LOCK_LOST,
        f"The session lock for session '{session_id}' of queue '{queue}' has expired or is not held by this receiver."
        " Accept the session again.",
    )
