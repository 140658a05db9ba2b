"""A message as a receiver gets it: the broker's own sections in front of what the sender wrote (facts, section 5)."""

from devstack.broker.codec import encode as e
from devstack.broker.codec import sections
from devstack.broker.model.message import Message, State

_ENQUEUED = e.symbol("x-opt-enqueued-time")
_SEQUENCE = e.symbol("x-opt-sequence-number")
_LOCKED_UNTIL = e.symbol("x-opt-locked-until")
_LOCK_TOKEN = e.symbol("x-opt-lock-token")
_STATE = e.symbol("x-opt-message-state")
_DEAD_LETTER_SOURCE = e.symbol("x-opt-deadletter-source")
_ENQUEUE_SEQUENCE = e.symbol("x-opt-enqueue-sequence-number")


def milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def encoded(message: Message, *, token: bool = True) -> bytes:
    """The message with its state and, unless it is only peeked at (`token` false), the lock it is delivered under."""
    content = message.content
    count, raw = content.delivery_annotations
    if message.lock is not None and token:
        count, raw = count + 1, raw + _LOCK_TOKEN + e.uuid(message.lock.token)
    properties = content.application_properties
    return b"".join(
        (
            b"\x00\x53\x70",
            e.joined_list(5, content.header + e.uint(message.delivery_count)),
            b"\x00\x53\x71",
            e.joined_map(count, raw),
            b"\x00\x53\x72",
            _message_annotations(message, locked=token and message.lock is not None),
            content.properties,
            b"" if properties is None else sections.section(sections.APPLICATION_PROPERTIES, properties),
            content.body,
        )
    )


def _message_annotations(message: Message, *, locked: bool) -> bytes:
    count, raw = message.content.message_annotations
    own = [_ENQUEUED, e.timestamp(milliseconds(message.enqueued_at)), _SEQUENCE, e.long(message.sequence_number)]
    if locked and message.lock is not None:
        own += [_LOCKED_UNTIL, e.timestamp(milliseconds(message.lock.until))]
    if message.state is not State.ACTIVE:
        own += [_STATE, e.int32(message.state)]
    if message.enqueue_sequence_number is not None:
        own += [_ENQUEUE_SEQUENCE, e.long(message.enqueue_sequence_number)]
    if message.dead_letter_source is not None:
        own += [_DEAD_LETTER_SOURCE, e.string(message.dead_letter_source)]
    return e.joined_map(count + len(own) // 2, raw + b"".join(own))
