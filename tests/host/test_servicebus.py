"""Service Bus triggers: the host as a process, the local broker as another, the unmodified client in between."""

import asyncio
import signal
from typing import Any

import pytest
from azure.servicebus import ServiceBusMessage

Bus = Any
StartBusHost = Any


async def test_a_message_that_is_worked_on_is_completed(bus: Bus, bus_host: StartBusHost) -> None:
    host = await bus_host("work")
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    await bus.send("work", ServiceBusMessage("hello", message_id="m1", application_properties={"traceparent": trace, "n": 5}))
    await bus.until_seen(len)
    await bus.until_empty("work")
    (seen,) = bus.seen
    assert seen["id"] == "m1"
    assert seen["count"] == 1
    assert seen["trace"] == trace
    assert seen["aware"] is False
    assert seen["properties"] == {"traceparent": trace, "n": 5}
    assert "work " in host.text()
    assert "succeeded" in host.text()


async def test_a_failing_message_is_delivered_again_at_once_and_dead_lettered_at_the_limit(
    bus: Bus, bus_host: StartBusHost
) -> None:
    await bus_host("work", "dead")
    await bus.send("work", "fail")
    await bus.until_seen(lambda seen: any("dead" in each for each in seen))
    assert [each["count"] for each in bus.seen if "count" in each] == [1, 2, 3]
    dead = next(each for each in bus.seen if "dead" in each)
    assert dead["dead"] == "fail"
    assert dead["properties"]["DeadLetterReason"] == "MaxDeliveryCountExceeded"
    assert dead["reason"] is None


async def test_a_long_run_keeps_its_lock(bus: Bus, bus_host: StartBusHost) -> None:
    await bus_host("work")
    await bus.send("work", "sleep 3")
    await bus.until_seen(lambda seen: any("finished" in each for each in seen))
    await bus.until_empty("work")
    assert [each["count"] for each in bus.seen if "body" in each] == [1]


async def test_a_bodys_json_overwrites_the_metadata_of_a_trigger_without_data_type(bus: Bus, bus_host: StartBusHost) -> None:
    host = await bus_host("text")
    await bus.send("text", ServiceBusMessage('{"messageid": "forged", "deliveryCount": 99}', message_id="true"))
    await bus.until_seen(len)
    assert (bus.seen[0]["id"], bus.seen[0]["count"]) == ("forged", 99)
    await bus.send("text", ServiceBusMessage('{"deliveryCount": "many"}', message_id="poison"))
    await host.until_logged("cannot convert value of field 'DeliveryCount'", times=2)
    await bus.until_empty("text")
    assert len(bus.seen) == 1


async def test_sessions_are_worked_on_in_order_and_no_more_at_once_than_configured(bus: Bus, bus_host: StartBusHost) -> None:
    await bus_host("sessions")
    for session in "abc":
        await bus.send("sessions", *(ServiceBusMessage(str(each), session_id=session) for each in range(3)))
    await bus.until_seen(lambda seen: sum(each["phase"] == "end" for each in seen) == 9)
    await bus.until_empty("sessions")
    for session in "abc":
        phases = [(each["body"], each["phase"]) for each in bus.seen if each["session"] == session]
        assert phases == [(str(each), phase) for each in range(3) for phase in ("begin", "end")]
    at_once: set[str] = set()
    most = 0
    for each in bus.seen:
        at_once = at_once | {each["session"]} if each["phase"] == "begin" else at_once - {each["session"]}
        most = max(most, len(at_once))
    assert most <= 2


async def test_messages_of_one_function_are_worked_on_side_by_side(bus: Bus, bus_host: StartBusHost) -> None:
    await bus_host("work")
    await bus.send("work", *("sleep 0.8" for _ in range(12)))
    await bus.until_seen(lambda seen: sum("finished" in each for each in seen) == 12)
    open_now = most = 0
    for each in bus.seen:
        open_now += -1 if "finished" in each else 1
        most = max(most, open_now)
    # maxConcurrentCalls is 8.
    assert 4 <= most <= 8
    assert all(each["count"] == 1 for each in bus.seen)


async def test_batches_are_settled_whole_and_string_metadata_moves_up(bus: Bus, bus_host: StartBusHost) -> None:
    await bus.send(
        "batch", ServiceBusMessage("one", message_id="1"), ServiceBusMessage("two", message_id="2", correlation_id="c2")
    )
    await bus_host("batch")
    await bus.until_seen(len)
    assert bus.seen[0] == {"batch": ["one", "two"], "ids": ["1", "2"], "correlations": ["c2", None], "counts": [1, 1]}
    await bus.send("batch", "fail", "other")
    await bus.until_seen(lambda seen: len(seen) == 3)
    await bus.until_empty("batch")
    assert sorted(bus.seen[2]["batch"]) == ["fail", "other"]
    assert bus.seen[2]["counts"] == [2, 2]


async def test_a_batch_without_data_type_is_written_again_and_fails_for_what_is_not_json(
    bus: Bus, bus_host: StartBusHost
) -> None:
    host = await bus_host("json_batch")
    await bus.send("json-batch", '{"a":1,"at":"2026-01-01T00:00:00.500Z"}')
    await bus.until_seen(len)
    assert bus.seen == [{"json_batch": ['{"a": 1, "at": "2026-01-01T00:00:00.5Z"}']}]
    await bus.send("json-batch", "not json")
    await host.until_logged("a batch of 1 is abandoned: a message body is not JSON", times=2)
    await bus.until_empty("json-batch")
    assert len(bus.seen) == 1


async def test_two_hosts_share_a_queue(bus: Bus, bus_host: StartBusHost) -> None:
    await asyncio.gather(bus_host("work"), bus_host("work"))
    await bus.send("work", *("sleep 0.6" for _ in range(16)))
    await bus.until_seen(lambda seen: sum("finished" in each for each in seen) == 16)
    assert len({each["pid"] for each in bus.seen}) == 2
    assert all(each["count"] == 1 for each in bus.seen)


async def test_a_killed_hosts_message_is_delivered_again(bus: Bus, bus_host: StartBusHost) -> None:
    first = await bus_host("work")
    await bus.send("work", "sleep 1")
    await bus.until_seen(len)
    first.process.kill()
    await first.exited()
    await bus_host("work")
    await bus.until_seen(lambda seen: any("finished" in each for each in seen))
    await bus.until_empty("work")
    assert [each["count"] for each in bus.seen if "body" in each] == [1, 2]


async def test_a_draining_host_finishes_its_message_and_leaves_the_rest(bus: Bus, bus_host: StartBusHost) -> None:
    host = await bus_host("work")
    await bus.send("work", *("sleep 1.2" for _ in range(10)))
    await bus.until_seen(lambda seen: len(seen) == 8)
    host.process.send_signal(signal.SIGTERM)
    assert await host.exited() == 0
    await bus.until_seen(lambda seen: sum("finished" in each for each in seen) == 8)
    assert await bus.depth("work") == 2, host.text()
    await bus_host("work")
    await bus.until_seen(lambda seen: sum("finished" in each for each in seen) == 10)
    assert all(each["count"] == 1 for each in bus.seen)


async def test_a_broker_out_of_reach_does_not_end_the_host(bus: Bus, bus_host: StartBusHost) -> None:
    host = await bus_host(
        "work", BUS="Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=n;SharedAccessKey=a;UseDevelopmentEmulator=true"
    )
    await host.until_logged("the connection to its messages is lost, it is opened again")
    host.process.send_signal(signal.SIGTERM)
    assert await host.exited() == 0


# The client forgets the streams of connections that were cut, and the collector may find them at any time.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_lost_connection_is_opened_again(bus: Bus, bus_host: StartBusHost) -> None:
    host = await bus_host("work")
    await bus.send("work", "before")
    await bus.until_seen(lambda seen: any(each.get("body") == "before" for each in seen))
    await bus.until_empty("work")
    await bus.drop_connections()
    await bus.send("work", "after")
    await bus.until_empty("work")
    assert host.process.returncode is None


async def test_a_timeout_abandons_the_message_and_the_restarted_worker_gets_it(bus: Bus, start_host: Any) -> None:
    host = await start_host("impatient", BUS=bus.connection)
    await bus.send("work", "x")
    await host.until_logged("delivery 2")
    await bus.until_empty("work")
    assert "has run for" in host.text()
    assert host.process.returncode is None
