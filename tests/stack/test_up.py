"""`python -m devstack up` and `Stack`: everything answers while it is up, and nothing is left when it is not."""

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
from azure.data.tables import TableServiceClient
from azure.servicebus import ServiceBusClient

from devstack.stack import Stack

pytestmark = pytest.mark.system

KEYS = [
    "functions",
    "functionKeys",
    "serviceBus",
    "serviceBusControl",
    "tables",
    "identity",
    "identityHeader",
    "tenant",
    "tenantId",
    "control",
    "pids",
]


def assert_nothing_left(record: dict[str, Any], until: Any, gone: Any, pids: list[int], ports: list[int], is_open: Any) -> None:
    for pid in pids:
        until(lambda pid=pid: gone(pid), f"process {pid} ends ({record['pids']})")
    # The threads of a process that has ended let go of its sockets a moment later.
    until(lambda: not any(is_open(port) for port in ports), "nothing listens any more")


def test_every_address_answers_and_sigterm_leaves_nothing(
    up: Any, until: Any, gone: Any, pids_of: Any, ports_of: Any, is_open: Any
) -> None:
    stack = up()
    record = stack.record()
    assert list(record) == KEYS
    written = stack.folder / "stack.json"
    assert json.loads(written.read_text(encoding="utf-8")) == record
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    assert all(is_open(port) for port in ports_of(record))

    app, key = record["functions"][0], {"x-functions-key": record["functionKeys"]["default"]}
    assert httpx.get(f"{app}/api/health").json()["status"] == "ok"
    assert httpx.get(f"{app}/api/partner-requests").status_code == 401
    assert httpx.get(f"{app}/api/partner-requests", headers=key).json() == {"requests": []}
    one_function = {"x-functions-key": record["functionKeys"]["functions"]["list-parked"]}
    assert httpx.get(f"{app}/api/parked", headers=one_function).json() == {"parked": []}
    names = {queue["name"] for queue in httpx.get(f"{record['serviceBusControl']}/_bus/queues").json()["queues"]}
    assert {"partner-requests", "invite-guest", "parked"} <= names
    with ServiceBusClient.from_connection_string(record["serviceBus"]) as bus, bus.get_queue_receiver("parked") as receiver:
        assert receiver.peek_messages() == []
    with TableServiceClient.from_connection_string(record["tables"]) as tables:
        assert {"requests", "tasks", "people"} <= {table.name for table in tables.list_tables()}
    query = {"resource": "https://graph.microsoft.com", "api-version": "2019-08-01"}
    token = httpx.get(record["identity"], params=query, headers={"X-IDENTITY-HEADER": record["identityHeader"]})
    bearer = {"Authorization": f"Bearer {token.json()['access_token']}"}
    organization = httpx.get(f"{record['tenant']}/v1.0/organization", headers=bearer).json()
    assert organization["value"][0]["id"] == record["tenantId"]
    asked = httpx.get(f"{record['control']}/requests/summary").json()
    # It begins to listen by itself, and changes nothing else.
    assert asked["writes"] == asked["operations"].get("POST /subscriptions", 0)

    second = up(folder=stack.folder)
    code, out, errors = second.end(0)
    assert (code, out) == (3, "")
    assert f"A local stack is up already in {stack.folder} (process {stack.process.pid})" in errors

    pids, ports = pids_of(record), ports_of(record)
    code, out, _ = stack.end()
    assert (code, out) == (0, "")
    assert_nothing_left(record, until, gone, pids, ports, is_open)
    assert not written.exists()
    assert "Drained" in (stack.folder / "logs" / "host-1.log").read_text(encoding="utf-8")


def test_a_stack_that_is_killed_leaves_nothing_and_another_can_start(
    up: Any, until: Any, gone: Any, pids_of: Any, ports_of: Any, is_open: Any
) -> None:
    stack = up("--hosts", "2")
    record = stack.record()
    assert len(record["functions"]) == 2
    stack.end(signal.SIGKILL)
    assert_nothing_left(record, until, gone, pids_of(record), ports_of(record), is_open)

    again = up(folder=stack.folder)
    record = again.record()
    os.kill(record["pids"]["tenant"], signal.SIGKILL)
    code, _, errors = again.end(0)
    assert code == 1
    assert "tenant has ended with signal SIGKILL" in errors
    assert f"The end of {stack.folder / 'logs' / 'tenant.log'}" in errors
    assert_nothing_left(record, until, gone, pids_of(record), ports_of(record), is_open)


def test_a_part_that_cannot_start_ends_the_stack_with_its_words(up: Any, tmp_path: Path) -> None:
    (tmp_path / "seed.json").write_text('{"colour": "blue"}', encoding="utf-8")
    code, out, errors = up("--seed", str(tmp_path / "seed.json")).end(0)
    assert (code, out) == (1, "")
    assert "tenant has ended with exit code 2" in errors
    assert "colour" in errors


def test_a_stack_that_is_told_to_stop_while_it_starts_stops(up: Any, until: Any) -> None:
    stack = up()
    until((stack.folder / "logs" / "broker.log").exists, "parts are starting")
    code, out, _ = stack.end(signal.SIGINT)
    assert (code, out) == (0, "")
    assert not (stack.folder / "stack.json").exists()


@pytest.mark.parametrize(
    "words",
    [["--hosts", "many"], ["--set", "NAME"], ["--faults", "missing.json"], ["--colour", "blue"]],
    ids=lambda words: words[0],
)
def test_usage_errors_are_exit_code_2(words: list[str]) -> None:
    command = [sys.executable, "-m", "devstack", "up", *words]
    assert subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == 2


async def test_hosts_come_and_go_while_the_rest_stays(tmp_path: Path, gone: Any) -> None:
    settings = {"ENTENTE_KEY_ROLES": "Reader"}
    async with Stack(hosts=2, settings=settings, lag=0, throttle=False, folder=tmp_path / "stack") as stack:
        before = stack.addresses
        async with aiohttp.ClientSession(headers={"x-functions-key": before.function_keys["default"]}) as session:

            async def status(url: str, path: str, **more: Any) -> int:
                async with session.request(more.pop("method", "GET"), f"{url}/{path}", **more) as answer:
                    return answer.status

            async def told(path: str) -> Any:
                async with session.get(f"{before.control}/{path}") as answer:
                    return await answer.json()

            for url in before.functions:
                assert await status(url, "api/parked") == 200
                assert await status(url, "api/partner-requests", method="POST", data=b"{}") == 403
            assert (await told("lag"))["seconds"] == [0, 0]
            assert (await told("throttle"))["enabled"] is False

            first, second = stack.running_hosts
            stack.kill_host(first)
            await first.process.wait()
            assert stack.addresses.functions == (second.announced["url"],)
            third = await stack.start_host()
            assert third.pid not in {first.pid, second.pid}
            assert await status(third.announced["url"], "api/parked") == 200
            await stack.stop_host(second)
            assert second.process.returncode == 0
            now = stack.addresses
            assert now.functions == (third.announced["url"],)
            assert now.pids["hosts"] == [third.pid]
            assert (now.tenant, now.service_bus, now.tables) == (before.tenant, before.service_bus, before.tables)
            assert json.loads((tmp_path / "stack" / "stack.json").read_text(encoding="utf-8")) == now.to_json()
    assert all(
        gone(pid) for pid in (first.pid, second.pid, third.pid, now.pids["broker"], now.pids["tenant"], now.pids["tables"])
    )


async def test_what_answers_http_is_apart_and_somebody_listens_to_every_queue(tmp_path: Path) -> None:
    async with Stack(apart=True, lag=0, throttle=False, folder=tmp_path / "stack") as stack, aiohttp.ClientSession() as session:

        async def healths() -> list[int]:
            found = []
            for url in stack.addresses.functions:
                async with session.get(f"{url}/api/health") as answer:
                    found.append(answer.status)
            return found

        async with session.get(f"{stack.addresses.service_bus_control}/_bus/queues") as answer:
            listened = {queue["name"]: queue["receivers"] for queue in (await answer.json())["queues"]}
        assert [name for name, receivers in listened.items() if not receivers] == []
        front = stack.addresses.functions[0]
        assert await healths() == [200, 404]
        await stack.stop_host(stack.running_hosts[0])
        assert await healths() == [404]
        await stack.start_host()
        assert stack.addresses.functions[0] == front
        assert await healths() == [200, 404]
