"""Trigger data of a single Service Bus message, exactly as awkward as the .NET host makes it.

Sources: facts/azure-functions-host.md 2.2 (which properties exist, encodings, the body that overwrites metadata).
"""

import base64
import json
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from devstack.host.delivery import Delivery
from devstack.host.wire import TypedData, json_text, raw, text

# The .NET client shows an unlimited time to live as the last instant there is.
_FOREVER = "9999-12-31T23:59:59.9999999"
# Objects of the .NET extension that are in the binding data and mean nothing to Python.
_CLIENTS = {name: json_text("{}") for name in ("Client", "MessageReceiver", "MessageActions", "ReceiveActions")}


def single(delivery: Delivery, data_type: Literal["", "string", "binary", "stream"]) -> tuple[TypedData, dict[str, TypedData]]:
    """The trigger's input and metadata. Bound as string (also when the decorator does not say), a body that is a JSON object
    has its top-level properties merged over the metadata, whatever their names."""
    known = properties(delivery)
    if data_type in {"binary", "stream"}:
        return raw(delivery.body), known
    body = delivery.body.decode(errors="replace")
    return text(body), _overwritten(known, body)


def properties(delivery: Delivery) -> dict[str, TypedData]:
    """The binding data of one message; what is null is absent."""
    application = json_text(json.dumps({key: plain(value) for key, value in delivery.properties.items()}))
    found: dict[str, TypedData] = {
        "DeliveryCount": json_text(str(delivery.delivery_count)),
        "LockToken": text(delivery.lock_token),
        "SequenceNumber": json_text(str(delivery.sequence_number)),
        "ApplicationProperties": application,
        "UserProperties": application,
        "ExpiresAtUtc": json_text(f'"{naive(delivery.expires_at)}"'),
        "ExpiresAt": json_text(f'"{naive(delivery.expires_at)}+00:00"'),
        **_CLIENTS,
    }
    if delivery.enqueued_time is not None:
        enqueued = naive(delivery.enqueued_time)
        found["EnqueuedTimeUtc"] = json_text(f'"{enqueued}"')
        found["EnqueuedTime"] = json_text(f'"{enqueued}+00:00"')
    for name, value in _strings(delivery):
        if value is not None:
            found[name] = text(value)
    return found


def _strings(delivery: Delivery) -> tuple[tuple[str, str | None], ...]:
    return (
        ("MessageId", delivery.message_id),
        ("ContentType", delivery.content_type),
        ("CorrelationId", delivery.correlation_id),
        ("Subject", delivery.subject),
        ("Label", delivery.subject),
        ("To", delivery.to),
        ("ReplyTo", delivery.reply_to),
        ("SessionId", delivery.session_id),
        ("ReplyToSessionId", delivery.reply_to_session_id),
        ("PartitionKey", delivery.partition_key),
        ("DeadLetterSource", delivery.dead_letter_source),
    )


def _overwritten(known: dict[str, TypedData], body: str) -> dict[str, TypedData]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return known
    if not isinstance(document, dict):
        return known
    # The .NET dictionary ignores case and keeps the name that was there first.
    spelled = {name.lower(): name for name in known}
    merged = dict(known)
    for name, value in document.items():
        if value is None or isinstance(value, list):
            continue
        target = spelled.setdefault(name.lower(), name)
        merged[target] = json_text(json.dumps(value)) if isinstance(value, dict) else text(_scalar(value))
    return merged


def _scalar(value: object) -> str:
    """A JSON scalar as .NET turns it into text."""
    return str(value)


def naive(moment: datetime | None) -> str:
    """A UTC time as the host sends it: ISO 8601 without zone, the fraction without trailing zeros."""
    if moment is None:
        return _FOREVER
    said = moment.strftime("%Y-%m-%dT%H:%M:%S")
    return said + (f".{moment.microsecond:06d}".rstrip("0") if moment.microsecond else "")


def plain(value: Any) -> Any:
    """An application property as JSON has it: bytes as base64, times and UUIDs as text."""
    match value:
        case bytes():
            return base64.b64encode(value).decode()
        case datetime():
            return value.isoformat()
        case UUID():
            return str(value)
        case None | bool() | int() | float() | str():
            return value
        case _:
            return str(value)
