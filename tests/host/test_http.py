"""HTTP triggers through a host process and a real client."""

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from multidict import CIMultiDict

StartHost = Any
Session = aiohttp.ClientSession


async def test_requests_reach_functions_as_the_real_host_hands_them_over(start_host: StartHost, http: Session) -> None:
    host = await start_host("basic", "--no-timers")
    headers = [
        ("X-Two", "a"),
        ("X-Two", "b"),
        ("x-ms-client-principal", "forged"),
        ("traceparent", f"00-{'1' * 32}-{'2' * 16}-01"),
    ]
    url = f"{host.url}/api/echo/some/path%20here?x=1&x=2&empty=&y=%C3%A9"
    async with http.put(url, data=b"\xff\x00", headers=CIMultiDict(headers)) as answer:
        shown = await answer.json()
    assert shown["method"] == "PUT"
    assert shown["url"].startswith(f"{host.url}/api/echo/some/path%20here?")
    assert shown["params"] == {"x": "1,2", "y": "é"}
    assert shown["route"] == {"rest": "some/path here"}
    assert shown["body"] == "\xff\x00"
    assert shown["headers"]["x-two"] == "a,b"
    assert "x-ms-client-principal" not in shown["headers"]
    assert shown["traceparent"] == f"00-{'1' * 32}-{'2' * 16}-01"
    assert shown["function"] == "echo"
    assert all(name == name.lower() for name in shown["headers"])


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "nonsense"])
async def test_a_body_is_handed_over_as_it_came_whatever_its_encoding_is_said_to_be(
    start_host: StartHost, http: Session, encoding: str
) -> None:
    host = await start_host("basic", "--no-timers")
    headers = {"Content-Encoding": encoding, "Content-Length": "9"}
    async with http.put(f"{host.url}/api/echo/", data=b"not packed"[:9], headers=headers) as answer:
        shown = await answer.json()
    assert (shown["body"], shown["headers"]["content-encoding"]) == ("not packe", encoding)


async def test_easy_auth_headers_pass_only_where_the_host_stands_in_for_the_platform(
    start_host: StartHost, http: Session
) -> None:
    host = await start_host("basic", "--no-timers", "--easy-auth-from-header")
    async with http.get(f"{host.url}/api/echo/", headers={"X-MS-CLIENT-PRINCIPAL": "cHJpbmNpcGFs"}) as answer:
        shown = await answer.json()
    assert shown["headers"]["x-ms-client-principal"] == "cHJpbmNpcGFs"


async def test_routes_methods_and_answers(start_host: StartHost, http: Session) -> None:
    host = await start_host("basic", "--no-timers", **{"AzureWebJobs.switched_off.Disabled": "true"})
    expected: list[tuple[str, str, int, str]] = [
        ("GET", "things/12", 200, "number 12"),
        ("GET", "THINGS/12", 200, "number 12"),
        ("GET", "things/ana", 200, "name ana"),
        ("GET", "things", 200, "name None"),
        ("GET", "things/a1", 404, ""),
        ("GET", "things/12/more", 404, ""),
        ("DELETE", "things/12", 204, ""),
        ("POST", "things/12", 404, ""),
        ("HEAD", "things/12", 404, ""),
        ("GET", "raises", 500, ""),
        ("GET", "none", 500, ""),
        ("GET", "text", 200, "plain"),
        ("GET", "response-like-text", 418, "teapot"),
        ("GET", "switched-off", 404, ""),
        ("GET", "unknown", 404, ""),
    ]
    for method, path, status, text in expected:
        async with http.request(method, f"{host.url}/api/{path}") as answer:
            assert (method, path, answer.status, await answer.text()) == (method, path, status, text)
    async with http.get(f"{host.url}/things/12") as answer:
        assert answer.status == 404
    await host.until_logged("meant to fail")


async def test_cookies_travel_as_structured_cookies(start_host: StartHost, http: Session) -> None:
    host = await start_host("basic", "--no-timers")
    async with http.get(f"{host.url}/api/cookies") as answer:
        sent = answer.headers.getall("Set-Cookie")
    assert sent == ["a=1; max-age=60; path=/; secure; httponly; samesite=lax", "b=2; expires=Wed, 01 Jan 2031 00:00:00 GMT"]


async def test_keys_open_what_they_should_and_nothing_else(start_host: StartHost, http: Session, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"master": "M", "default": "D", "functions": {"function_level": "F"}}))
    host = await start_host("basic", "--no-timers", "--keys", str(file))
    assert host.announced["keys"]["functions"]["function_level"] == "F"
    expected: list[tuple[str, str | None, str | None, int]] = [
        ("function-level", None, None, 401),
        ("function-level", "F", None, 200),
        ("function-level", None, "F", 200),
        ("function-level", "D", None, 200),
        ("function-level", "M", None, 200),
        ("function-level", "wrong", "F", 401),
        ("function-level", "", "F", 401),
        ("other-function-level", "F", None, 401),
        ("admin-level", "F", None, 401),
        ("admin-level", "D", None, 401),
        ("admin-level", "M", None, 200),
    ]
    for path, header, code, status in expected:
        headers = {} if header is None else {"x-functions-key": header}
        query = {} if code is None else {"code": code}
        async with http.get(f"{host.url}/api/{path}", headers=headers, params=query) as answer:
            assert (path, header, code, answer.status) == (path, header, code, status)
            assert status == 200 or await answer.read() == b""


async def test_the_admin_api_needs_the_master_key_except_for_ping(start_host: StartHost, http: Session) -> None:
    host = await start_host("basic")
    master = {"x-functions-key": host.announced["keys"]["master"]}
    async with http.get(f"{host.url}/admin/host/ping") as answer:
        assert answer.status == 200
    for path in ("host/status", "functions", "functions/yearly"):
        async with http.get(f"{host.url}/admin/{path}", headers={"x-functions-key": host.announced["keys"]["default"]}) as answer:
            assert answer.status == 401
    async with http.get(f"{host.url}/admin/host/status", headers=master) as answer:
        assert (await answer.json())["state"] == "Running"
    async with http.get(f"{host.url}/admin/functions", headers=master) as answer:
        listed = {each["name"]: each for each in await answer.json()}
    assert listed["yearly"]["config"]["bindings"][0]["schedule"] == "0 0 0 1 1 *"
    for body, path, status in (('{"input": ""}', "yearly", 202), ("not json", "yearly", 400), ("{}", "unknown", 404)):
        async with http.post(f"{host.url}/admin/functions/{path}", data=body, headers=master) as answer:
            assert (body, answer.status) == (body, status)
    await host.until_logged("yearly")
    async with http.get(f"{host.url}/api/settings/YEARLY_RAN") as answer:
        assert await answer.text() == "past due False"


async def test_settings_come_from_the_file_unless_the_environment_has_them(
    start_host: StartHost, http: Session, tmp_path: Path
) -> None:
    file = tmp_path / "local.settings.json"
    file.write_text(json.dumps({"IsEncrypted": False, "Values": {"FROM_FILE": "file", "FROM_BOTH": "file", "EMPTY": "file"}}))
    host = await start_host("basic", "--no-timers", "--settings", str(file), FROM_BOTH="environment", EMPTY="")
    for name, value in (("FROM_FILE", "file"), ("FROM_BOTH", "environment"), ("EMPTY", "file")):
        async with http.get(f"{host.url}/api/settings/{name}") as answer:
            assert (name, await answer.text()) == (name, value)


async def test_what_the_app_prints_does_not_disturb_the_one_line_on_stdout(start_host: StartHost, http: Session) -> None:
    host = await start_host("basic", "--no-timers", "--log-format", "json")
    async with http.get(f"{host.url}/api/prints") as answer:
        assert answer.status == 200
    await host.until_logged("the app prints")
    await host.until_logged('"function": "prints"')
    host.process.send_signal(signal.SIGTERM)
    assert await host.exited() == 0
    assert host.process.stdout is not None
    assert await host.process.stdout.read() == b""
    report = next(json.loads(line) for line in host.log if '"function": "prints"' in line)
    assert report["ok"] is True
    assert report["milliseconds"] > 0
    assert len(report["invocationId"]) == 36


async def test_sigterm_lets_a_running_request_finish_and_takes_no_new_one(start_host: StartHost, http: Session) -> None:
    host = await start_host("basic", "--no-timers")
    running = asyncio.create_task(http.get(f"{host.url}/api/slow?seconds=1.5"))
    await asyncio.sleep(0.5)
    host.process.send_signal(signal.SIGTERM)
    await host.until_logged("Draining: nothing new is taken, 1 invocations are running")
    with pytest.raises(aiohttp.ClientError):
        await http.get(f"{host.url}/api/text")
    answer = await running
    assert (answer.status, await answer.text()) == (200, "slept")
    answer.close()
    assert await host.exited() == 0


async def test_a_drain_that_takes_too_long_ends_with_code_1(start_host: StartHost, http: Session) -> None:
    host = await start_host("basic", "--no-timers", "--drain-timeout", "0.3")
    running = asyncio.create_task(http.get(f"{host.url}/api/slow?seconds=60"))
    await asyncio.sleep(0.5)
    host.process.send_signal(signal.SIGTERM)
    assert await host.exited() == 1
    assert "slow" in host.text()
    with pytest.raises(aiohttp.ClientError):
        await running


async def test_more_requests_than_allowed_are_refused_with_429(start_host: StartHost, http: Session) -> None:
    host = await start_host("limited")

    async def status() -> int:
        async with http.get(f"{host.url}/wait/0.4") as answer:
            return answer.status

    found = await asyncio.gather(*(status() for _ in range(4)))
    assert sorted(found) == [200, 200, 429, 429]


async def test_a_timeout_restarts_the_worker_with_the_same_address_and_keys(start_host: StartHost, http: Session) -> None:
    host = await start_host("limited")
    async with http.get(f"{host.url}/wait/30") as answer:
        assert (answer.status, await answer.read()) == (500, b"")
    await _answers_again(host, http)
    assert "has run for" in host.text()
    assert host.process.returncode is None


async def test_a_function_that_blocks_the_event_loop_times_out_too(start_host: StartHost, http: Session) -> None:
    host = await start_host("limited", "--exit-on-timeout")
    with pytest.raises(aiohttp.ClientError):
        await http.get(f"{host.url}/block/60")
    assert await host.exited() == 4
    assert "the event loop is blocked" in host.text().lower()


async def _answers_again(host: Any, http: Session) -> None:
    await host.until_logged("answers for", times=2)
    async with http.get(f"{host.url}/pid") as answer:
        assert await answer.text() == str(host.announced["pid"])


@pytest.mark.parametrize(("group", "status", "served"), [("http", 200, {"httpTrigger"}), ("others", 404, {"timerTrigger"})])
async def test_a_host_serves_one_group_of_functions_and_knows_of_all(
    start_host: StartHost, http: Session, group: str, status: int, served: set[str]
) -> None:
    """As instances of Flex Consumption do: https://learn.microsoft.com/azure/azure-functions/flex-consumption-plan#per-function-scaling"""
    host = await start_host("basic", "--no-timers", "--group", group)
    async with http.get(f"{host.url}/api/things/12") as answer:
        assert answer.status == status
    functions = host.announced["functions"]
    assert {each["trigger"] for each in functions if not each["disabled"]} == served
    assert {each["trigger"] for each in functions} == {"httpTrigger", "timerTrigger"}
