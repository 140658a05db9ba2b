"""What a client's delivery state means for a message (facts/service-bus-broker.md, section 6)."""

from devstack.broker.codec import encode as e
from devstack.broker.codec import frames
from devstack.broker.codec.decode import Described, decode, elements
from devstack.broker.codec.sections import string_entries
from devstack.broker.model.entity import Queue
from devstack.broker.model.errors import NOT_IMPLEMENTED, BusError
from devstack.broker.model.message import Message

REASON, DESCRIPTION = "DeadLetterReason", "DeadLetterErrorDescription"


def settle(queue: Queue, message: Message, state: bytes) -> tuple[str, bytes]:
    """The message is settled as the state says; returns what to count it as and the state to answer with. Raises BusError."""
    if state == frames.ACCEPTED_STATE:  # by far the most frequent
        queue.complete(message)
        return "completes", state
    code, at = frames.performative_code(state)
    fields = [*elements(state, at), e.NULL, e.NULL, e.NULL]
    if code == frames.ACCEPTED:
        queue.complete(message)
        return "completes", frames.ACCEPTED_STATE
    if code == frames.RELEASED:
        queue.give_back(message, failed=False)
        return "releases", state
    if code == frames.MODIFIED:
        changes = {key: raw for key, _, raw in string_entries(fields[2])} if fields[2] != e.NULL else {}
        if decode(fields[1]) is True:
            queue.defer(message, changes)
            return "defers", state
        queue.abandon(message, changes)
        return "abandons", state
    if code == frames.REJECTED:
        reason, description, changes = _rejection(fields[0])
        queue.dead_letter(message, reason, description, changes)
        return "deadLetters", frames.REJECTED_STATE
    raise BusError(NOT_IMPLEMENTED, f"The delivery state {code:#04x} is not supported.")


def _rejection(raw_error: bytes) -> tuple[str | None, str | None, dict[str, bytes]]:
    error = decode(raw_error)
    if not isinstance(error, Described) or not isinstance(error.value, list) or len(error.value) < 3:
        return None, None, {}
    parts = elements(raw_error, frames.performative_code(raw_error)[1])
    info = {} if parts[2] == e.NULL else {key: raw for key, _, raw in string_entries(parts[2])}
    reason, description = (_text(info.pop(name, e.NULL)) for name in (REASON, DESCRIPTION))
    return reason, description, info


def _text(raw: bytes) -> str | None:
    value = decode(raw)
    return None if value is None else str(value)
