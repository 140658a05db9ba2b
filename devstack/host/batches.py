"""Trigger data of a batch of Service Bus messages (cardinality MANY), with the host's flaws.

Sources: facts/azure-functions-host.md 2.2: without a data type every body is parsed as JSON and written again; null and empty
entries fall out of string arrays, so later values move up; TransactionPartitionKeyArray carries the partition keys.
"""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from devstack.host.delivery import Delivery
from devstack.host.metadata import naive, plain
from devstack.host.wire import TypedData, byte_strings, json_text, longs, strings

_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?(Z|[+-]\d\d:\d\d)?")


class UnbindableError(ValueError):
    """The bodies cannot be bound, so the function is not even started; the message says why."""


def many(
    deliveries: Sequence[Delivery], data_type: Literal["", "string", "binary", "stream"]
) -> tuple[TypedData, dict[str, TypedData]]:
    """The trigger's input and metadata; raises UnbindableError where a body is not JSON and no data type is declared."""
    bodies = [delivery.body for delivery in deliveries]
    if data_type in {"binary", "stream"}:
        return byte_strings(bodies), _arrays(deliveries)
    if data_type == "string":
        return strings([text for body in bodies if (text := body.decode(errors="replace"))]), _arrays(deliveries)
    return json_text(json.dumps([_parsed(body) for body in bodies])), _arrays(deliveries)


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body.decode(errors="replace"), object_hook=_dates)
    except (ValueError, RecursionError) as error:
        raise UnbindableError(
            f"a message body is not JSON ({error}), and a batch without data_type binds JSON objects; "
            "set data_type=func.DataType.BINARY"
        ) from error


def _dates(document: dict[str, Any]) -> dict[str, Any]:
    return {key: _date(value) if isinstance(value, str) else value for key, value in document.items()}


def _date(value: str) -> str:
    """Text that looks like a time comes back as .NET writes it: no trailing zeros, an offset turned into the box's (UTC)."""
    match = _DATE.fullmatch(value)
    if match is None:
        return value
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return value
    zone = {None: "", "Z": "Z"}.get(match[2], "+00:00")
    return naive(moment.astimezone(UTC) if zone == "+00:00" else moment) + zone


def _arrays(deliveries: Sequence[Delivery]) -> dict[str, TypedData]:
    application = json_text(json.dumps([{k: plain(v) for k, v in each.properties.items()} for each in deliveries]))
    enqueued = json_text(json.dumps([naive(each.enqueued_time) for each in deliveries]))
    expires = json_text(json.dumps([naive(each.expires_at) for each in deliveries]))
    columns: dict[str, list[str | None]] = {
        "MessageId": [each.message_id for each in deliveries],
        "LockToken": [each.lock_token for each in deliveries],
        "ContentType": [each.content_type for each in deliveries],
        "CorrelationId": [each.correlation_id for each in deliveries],
        "Subject": [each.subject for each in deliveries],
        "Label": [each.subject for each in deliveries],
        "To": [each.to for each in deliveries],
        "ReplyTo": [each.reply_to for each in deliveries],
        "SessionId": [each.session_id for each in deliveries],
        "ReplyToSessionId": [each.reply_to_session_id for each in deliveries],
        "PartitionKey": [each.partition_key for each in deliveries],
        "TransactionPartitionKey": [each.partition_key for each in deliveries],
        "DeadLetterSource": [each.dead_letter_source for each in deliveries],
    }
    shifted = {f"{name}Array": strings([value for value in column if value]) for name, column in columns.items()}
    return shifted | {
        "DeliveryCountArray": json_text(json.dumps([each.delivery_count for each in deliveries])),
        "SequenceNumberArray": longs([each.sequence_number for each in deliveries]),
        "EnqueuedTimeUtcArray": enqueued,
        "ExpiresAtUtcArray": expires,
        "ApplicationPropertiesArray": application,
        "UserPropertiesArray": application,
    }
