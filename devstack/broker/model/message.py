"""A message as the broker keeps it: what the sender wrote stays raw bytes, what the broker adds is written anew at each delivery.

facts/service-bus-broker.md, section 5.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import NamedTuple
from uuid import UUID

from devstack.broker.codec import encode as e
from devstack.broker.codec import sections
from devstack.broker.codec.decode import MalformedAmqpError, decode
from devstack.broker.model.errors import ARGUMENT_ERROR, BusError

BATCH_FORMAT = 0x80013700
"""The message format of a batch: each data section is one encoded message."""

_SERVICE_OWNED = frozenset(
    {
        "x-opt-enqueued-time",
        "x-opt-sequence-number",
        "x-opt-locked-until",
        "x-opt-message-state",
        "x-opt-deadletter-source",
        "x-opt-enqueue-sequence-number",
        "x-opt-lock-token",
    }
)


class State(IntEnum):
    """As `x-opt-message-state` has it."""

    ACTIVE = 0
    DEFERRED = 1
    SCHEDULED = 2


_PARTITION_KEY = "x-opt-partition-key"


class Entries(NamedTuple):
    """A map's entries as their number and their raw bytes, keys and values one after the other."""

    number: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class Content:
    """What the sender sent. `ttl` in seconds; `due` is when a scheduled message becomes active (Unix seconds)."""

    header: bytes
    delivery_annotations: Entries
    message_annotations: Entries
    properties: bytes
    application_properties: bytes | None
    body: bytes
    message_id: Hashable
    session_id: str | None
    ttl: float | None
    due: float | None

    def with_properties(self, changes: Mapping[str, bytes]) -> "Content":
        """The same with application properties set; the values are encoded."""
        if not changes:
            return self
        entries = sections.string_entries(self.application_properties)
        kept = [(raw_key, raw) for key, raw_key, raw in entries if key not in changes]
        added = [(e.string(key), raw) for key, raw in changes.items()]
        return replace(self, application_properties=e.amqp_map([*kept, *added]))


@dataclass(slots=True, eq=False)
class Lock:
    """A message under peek-lock. `until` is Unix seconds."""

    token: UUID
    until: float


@dataclass(slots=True, eq=False)
class Message:
    content: Content
    enqueued_at: float
    sequence_number: int = 0
    delivery_count: int = 0
    state: State = State.ACTIVE
    lock: Lock | None = None
    expires_at: float | None = None
    hops: int = 0
    enqueue_sequence_number: int | None = None
    dead_letter_source: str | None = None


def read(payload: bytes) -> Content:
    """The content of one encoded message; raises BusError when it is not one."""
    try:
        return _read(payload)
    except MalformedAmqpError as error:
        raise BusError(ARGUMENT_ERROR, f"The message is not a valid AMQP message: {error}.") from error


def read_all(payload: bytes, message_format: int) -> list[Content]:
    """The content of a transfer: one message, or each message of a batch; raises BusError if any is not valid."""
    if message_format != BATCH_FORMAT:
        return [read(payload)]
    try:
        embedded = sections.data(sections.split(payload).body)
    except MalformedAmqpError as error:
        raise BusError(ARGUMENT_ERROR, f"The batch is not a valid AMQP message: {error}.") from error
    return [read(message) for message in embedded]


def _read(payload: bytes) -> Content:
    parts = sections.split(payload)
    header = sections.fields(parts.header, 5)
    properties = sections.fields(parts.properties, 13)
    message_id, session_id = decode(properties[0]), decode(properties[10])
    if session_id is not None and not isinstance(session_id, str):
        raise BusError(ARGUMENT_ERROR, f"The session id (group-id) must be a string, not {session_id!r}.")
    if not isinstance(message_id, Hashable):
        raise BusError(ARGUMENT_ERROR, "The message id must be a string, ulong, uuid or binary.")
    ttl = decode(header[2])
    annotations, due = _entries(parts.message_annotations, session_id)
    sections.string_entries(parts.application_properties)
    return Content(
        header=b"".join(header[:4]),
        delivery_annotations=_entries(parts.delivery_annotations)[0],
        message_annotations=annotations,
        properties=b"" if parts.properties is None else sections.section(sections.PROPERTIES, parts.properties),
        application_properties=parts.application_properties,
        body=parts.body,
        message_id=message_id,
        session_id=session_id,
        ttl=ttl / 1000 if isinstance(ttl, int) else None,
        due=due,
    )


def _entries(raw_map: bytes | None, session_id: str | None = None) -> tuple[Entries, float | None]:
    """What is kept of a sender's annotations, and when the message is due if they schedule it.

    A session message has its session id as partition key, whatever the sender wrote.
    """
    kept, due = [], None
    for key, raw_key, raw in sections.string_entries(raw_map):
        if key == "x-opt-scheduled-enqueue-time":
            value = decode(raw)
            due = value / 1000 if isinstance(value, int) else None
        if key not in _SERVICE_OWNED and not (key == _PARTITION_KEY and session_id is not None):
            kept.append(raw_key + raw)
    if session_id is not None:
        kept.append(e.symbol(_PARTITION_KEY) + e.string(session_id))
    return Entries(len(kept), b"".join(kept)), due
