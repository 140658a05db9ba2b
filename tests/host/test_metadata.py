"""The traps of the trigger's data, decoded by the official library."""

from datetime import UTC, datetime
from typing import Any

import pytest
from azure.functions.servicebus import ServiceBusMessageInConverter
from azure_functions_runtime.bindings.datumdef import Datum

from devstack.host import batches, metadata
from devstack.host.delivery import Delivery
from devstack.host.wire import TypedData

MOMENT = datetime(2026, 11, 22, 10, 0, 0, 120000, tzinfo=UTC)


def decoded(pair: tuple[TypedData, dict[str, TypedData]]) -> Any:
    value, found = pair
    data = {name: Datum.from_typed_data(each) for name, each in found.items()}
    return ServiceBusMessageInConverter.decode(Datum.from_typed_data(value), trigger_metadata=data)


def full(body: bytes = b"body") -> Delivery:
    return Delivery(
        body=body,
        message_id="m",
        content_type="text/plain",
        correlation_id="c",
        subject="s",
        to="t",
        reply_to="r",
        session_id="x",
        reply_to_session_id="y",
        partition_key="x",
        dead_letter_source="q",
        sequence_number=2**40,
        delivery_count=2,
        enqueued_time=MOMENT,
        locked_until=MOMENT,
        lock_token="6f9619ff-8b86-d011-b42d-00cf4fc964ff",
        properties={"text": "é", "number": 1, "raw": b"\xff", "none": None},
    )


def test_every_property_that_the_host_passes_arrives() -> None:
    message = decoded(metadata.single(full(), "binary"))
    assert message.get_body() == b"body"
    assert (message.message_id, message.content_type, message.correlation_id, message.subject) == ("m", "text/plain", "c", "s")
    assert (message.label, message.to, message.reply_to, message.session_id) == ("s", "t", "r", "x")
    assert (message.reply_to_session_id, message.partition_key, message.dead_letter_source) == ("y", "x", "q")
    assert (message.sequence_number, message.delivery_count) == (2**40, 2)
    assert message.lock_token == "6f9619ff-8b86-d011-b42d-00cf4fc964ff"
    assert message.application_properties == {"text": "é", "number": 1, "raw": "/w==", "none": None}


def test_times_arrive_without_zone() -> None:
    message = decoded(metadata.single(full(), "binary"))
    assert message.enqueued_time_utc == MOMENT.replace(tzinfo=None)
    assert message.expires_at_utc == datetime.max  # noqa: DTZ901 - naive is the point
    with pytest.raises(TypeError, match="offset-naive and offset-aware"):
        _ = message.enqueued_time_utc < MOMENT


def test_what_the_host_does_not_pass_is_none() -> None:
    message = decoded(metadata.single(full(), "binary"))
    missing: tuple[str, ...] = (
        "dead_letter_reason",
        "dead_letter_error_description",
        "locked_until",
        "scheduled_enqueue_time_utc",
    )
    missing += ("time_to_live", "state", "enqueued_sequence_number", "transaction_partition_key")
    assert {name: getattr(message, name) for name in missing} == dict.fromkeys(missing)


def test_bytes_are_never_merged_over_the_metadata() -> None:
    assert decoded(metadata.single(full(b'{"messageId": "forged"}'), "binary")).message_id == "m"


@pytest.mark.parametrize("data_type", ["", "string"])
def test_a_json_object_bound_as_text_overwrites_what_it_names(data_type: Any) -> None:
    body = b'{"MESSAGEID": "forged", "deliveryCount": 99, "locktoken": {"a": 1}, "subject": null, "to": ["kept"], "own": true}'
    message = decoded(metadata.single(full(body), data_type))
    assert (message.message_id, message.delivery_count, message.lock_token) == ("forged", 99, "{'a': 1}")
    assert (message.subject, message.to) == ("s", "t")
    assert message.metadata["own"] == "True"
    assert message.get_body() == body


@pytest.mark.parametrize("body", [b"[1]", b'"text"', b"no json", b"", b"[" * 100_000])
def test_other_bodies_bound_as_text_overwrite_nothing(body: bytes) -> None:
    message = decoded(metadata.single(full(body), ""))
    assert (message.message_id, message.get_body()) == ("m", body)


def test_a_body_that_overwrites_a_number_with_text_fails_before_the_function_runs() -> None:
    with pytest.raises(ValueError, match="DeliveryCount"):
        decoded(metadata.single(full(b'{"deliveryCount": "many"}'), ""))


def test_in_a_batch_strings_move_up_and_the_rest_stays() -> None:
    pair = [
        Delivery(body=b"1", message_id="1", sequence_number=1),
        Delivery(body=b"2", message_id="2", sequence_number=2, correlation_id="c"),
    ]
    first, second = decoded(batches.many(pair, "binary"))
    assert (first.correlation_id, second.correlation_id) == ("c", None)
    assert [(each.message_id, each.sequence_number, each.get_body()) for each in (first, second)] == [
        ("1", 1, b"1"),
        ("2", 2, b"2"),
    ]


def test_in_a_batch_the_partition_key_shows_as_the_transactions() -> None:
    (message,) = decoded(batches.many([full()], "binary"))
    assert message.transaction_partition_key == "x"


def test_an_empty_body_in_a_batch_of_strings_fails() -> None:
    with pytest.raises(IndexError):
        decoded(batches.many([Delivery(body=b""), Delivery(body=b"x")], "string"))


def test_a_batch_without_data_type_takes_json_and_writes_it_again() -> None:
    body = b'{"b":1,   "a":"2026-01-01T00:00:00.500+02:00"}'
    (message,) = decoded(batches.many([Delivery(body=body)], ""))
    assert message.get_body() == b'{"b": 1, "a": "2025-12-31T22:00:00.5+00:00"}'
    for bad in (b"no json", b"[" * 100_000):
        with pytest.raises(batches.UnbindableError):
            batches.many([Delivery(body=bad)], "")
