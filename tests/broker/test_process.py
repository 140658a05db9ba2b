"""The broker as a process: one line of JSON when it is ready, an end on a signal."""

import asyncio
import json
import signal
import sys
from pathlib import Path

import aiohttp
import pytest
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient

ROOT = Path(__file__).parents[2]


async def run(*arguments: str) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "devstack.broker", *arguments, cwd=ROOT, stdout=pipe, stderr=pipe
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_serves_until_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    config = tmp_path / "Config.json"
    namespace = {"Name": "sbemulatorns", "Queues": [{"Name": "q"}], "Topics": []}
    config.write_text(json.dumps({"UserConfig": {"Namespaces": [namespace], "Logging": {"Type": "File"}}}))
    process = await run("--config", str(config), "--port", "0", "--control-port", "0", "--emulator-limits")
    assert process.stdout is not None
    addresses = json.loads(await process.stdout.readline())
    assert sorted(addresses) == ["amqp", "connectionString", "control"]
    assert addresses["connectionString"].startswith(f"Endpoint={addresses['amqp']};SharedAccessKeyName=Root")
    async with (
        ServiceBusClient.from_connection_string(addresses["connectionString"]) as client,
        client.get_queue_sender("q") as sender,
    ):
        await sender.send_messages(ServiceBusMessage("m"))
        async with aiohttp.ClientSession() as http, http.get(addresses["control"] + "/_bus/queues/q") as answer:
            shown = await answer.json()
        assert shown["counts"]["active"] == 1
        assert shown["properties"]["MaxDeliveryCount"] == 3
        process.send_signal(number)
        rest, complaints = await asyncio.wait_for(process.communicate(), 20)
    assert (rest, complaints, process.returncode) == (b"", b"", 0)


@pytest.mark.parametrize("arguments", [["--config", "missing.json"], ["--key", "nosecret"], ["--key", "a=b:Fly"]])
async def test_it_says_why_it_cannot_start(arguments: list[str]) -> None:
    process = await run(*arguments)
    out, complaints = await process.communicate()
    assert (process.returncode, out) == (2, b"")
    assert arguments[1].encode() in complaints
    assert b"Traceback" not in complaints


async def test_a_taken_port_is_said_to_be_taken() -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        for option in ("--port", "--control-port"):
            process = await run(option, str(port))
            _, complaints = await process.communicate()
            assert process.returncode == 2
            assert b"cannot start" in complaints
            assert b"Traceback" not in complaints
