"""Whatever strangers and copies knock with, through the real host: no Graph call comes of it, and all of it is counted."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from azure.servicebus.aio import ServiceBusClient
from yarl import URL

from devstack.stack import Stack
from tests.system.conftest import SETTINGS
from tests.system.local import READERS, Local, until

NEVER = "0 0 0 1 1 *"
LI = "bbbbbbbb-0000-4000-8000-000000000003"
TIMES = 40
CHANGES, LIFECYCLE = "tenant-changes", "tenant-changes/lifecycle"


@pytest.fixture
async def told(tmp_path: Path) -> AsyncIterator[Local]:
    """Hosts that are told by the tenant, with HTTP apart, and in which no timer runs by itself."""
    schedules = {f"ENTENTE_{name}_SCHEDULE": NEVER for name in ("LISTEN", "CATCH_UP", "COMPARE", "SWEEP")}
    settings = {**SETTINGS, **schedules, "ENTENTE_HORIZON_SECONDS": "1"}
    async with (
        Stack(notifications=True, apart=True, lag=0, settings=settings, folder=tmp_path / "stack") as stack,
        aiohttp.ClientSession() as http,
        ServiceBusClient.from_connection_string(stack.addresses.service_bus) as client,
    ):
        yield Local(stack, http, client)


def front(told: Local) -> str:
    return f"{told.stack.addresses.functions[0]}/api"


async def post(told: Local, path: str, body: bytes, method: str = "POST", **options: Any) -> tuple[int, bytes]:
    headers = {"Content-Type": "application/json", **options.pop("headers", {})}
    async with told.http.request(method, f"{front(told)}/{path}", data=io.BytesIO(body), headers=headers, **options) as answer:
        return answer.status, await answer.read()


async def health(told: Local) -> dict[str, Any]:
    async with told.http.get(f"{front(told)}/health") as answer:
        found: dict[str, Any] = (await answer.json())["listening"]
        return found


async def quiet(told: Local, *, later: bool = True) -> None:
    """Nothing is under way and nothing waits; with `later`, nothing is for later either."""
    states = ("active", "locked", "scheduled") if later else ("active", "locked")

    async def so() -> bool:
        counts = await told.queues()
        waiting = [counts[queue][state] for queue in counts for state in states]
        return not any(waiting) and not (await told.sim("GET", "notifications?since=999999999"))["pending"]

    for _ in range(3):
        await until(so, "everything is quiet")


async def calls(told: Local) -> dict[str, int]:
    """What Graph was asked so far, by operation."""
    found: dict[str, int] = (await told.sim("GET", "requests/summary"))["operations"]
    return {name: number for name, number in found.items() if "/msi/token" not in name}


async def counted(told: Local, wanted: dict[str, int]) -> None:
    """Health shows so many more than nothing of each."""

    async def so() -> bool:
        counts = (await health(told))["counts"]
        return {name: counts.get(name, 0) for name in wanted} == wanted

    await until(so, f"{wanted}, not {(await health(told))['counts']}")


async def elements(told: Local) -> dict[str, tuple[str, dict[str, Any]]]:
    """By what it tells: where Graph would post it, and the element, secret and all."""
    state = await told.state()
    users, groups = [next(one for one in state["subscriptions"] if name in one["resource"]) for name in ("users", "groups")]

    def envelope(one: dict[str, Any]) -> dict[str, Any]:
        ends = {"subscriptionExpirationDateTime": one["expirationDateTime"], "tenantId": told.stack.addresses.tenant_id}
        return {"subscriptionId": one["id"], "clientState": one["clientState"], **ends}

    def about(
        one: dict[str, Any], kind: str, identifier: str, more: dict[str, Any], what: str = "updated"
    ) -> tuple[str, dict[str, Any]]:
        data = {"@odata.type": f"#Microsoft.Graph.{kind}", "@odata.id": f"{kind}s/{identifier}", "id": identifier, **more}
        return CHANGES, {"changeType": what, "resource": f"{kind}s/{identifier}", "resourceData": data, **envelope(one)}

    def timed(number: int) -> dict[str, Any]:
        return {"eventTime": datetime.now(UTC).isoformat(), "sequenceNumber": 636784480202455800 + number}

    guest = next(user["id"] for user in state["users"] if user.get("mail") == "guest00000@tailspin.example")
    return {
        "a user is another": about(users, "User", LI, timed(1)),
        "a user is gone for good": about(users, "User", LI, timed(2), "deleted"),
        "a group has another name": about(groups, "Group", READERS, timed(3)),
        "members went": about(groups, "Group", READERS, {"members@delta": [{"id": guest, "@removed": "deleted"}]}),
        "members came too": about(groups, "Group", READERS, {"members@delta": [{"id": guest}, {"id": LI}]}),
        **{
            event: (LIFECYCLE, {"lifecycleEvent": event, **envelope(users)})
            for event in ("missed", "reauthorizationRequired", "subscriptionRemoved")
        },
    }


async def test_copies_of_whatever_graph_tells_ask_it_nothing_and_are_counted(told: Local) -> None:
    async def subscribed() -> bool:
        return len((await told.state())["subscriptions"]) == 2

    await until(subscribed, "both subscriptions")
    partner = await told.partner("tailspin")
    request = partner.request(partner.guests(1, "partner-readers"), template="supplier", invitation={"sendMail": False})
    headers = {"x-functions-key": str(told.stack.addresses.function_keys["default"])}
    status, answer = await post(told, "partner-requests", json.dumps(request).encode(), headers=headers)
    assert status == 202, answer
    await quiet(told)
    found = await elements(told)
    guest = found["members went"][1]["resourceData"]["members@delta"][0]["id"]
    await told.sim("POST", "act", {"do": "remove-member", "target": READERS, "who": guest})
    bodies = [(path, json.dumps({"value": [element]}).encode()) for path, element in found.values()]
    for path, body in bodies:
        assert (await post(told, path, body))[0] == 202
    await quiet(told)

    asked, before = await calls(told), (await health(told))["counts"]
    few = asyncio.Semaphore(4)

    async def again(path: str, body: bytes) -> int:
        async with few:
            return (await post(told, path, body))[0]

    answers = await asyncio.gather(*(again(path, body) for path, body in bodies for _ in range(TIMES)))
    assert set(answers) == {202}
    # Where no time was told, it is the reaction that knows a copy, once the webhook has heard it.
    copies = before.get("replayed", 0) + len(answers)
    heard = before["heard"] + TIMES * sum("members@delta" in body.decode() for _, body in bodies)
    await counted(told, {"replayed": copies, "heard": heard})
    # By the queue to which Event Grid delivers, too; what another process has just put on our queue, that one drops.
    changes = [element for path, element in found.values() if path == CHANGES]
    events = [{"specversion": "1.0", "type": "Microsoft.Graph.Updated", "id": "1", "source": "x", "data": one} for one in changes]
    await told.send("graph-notifications", *(events * 3))

    async def all_counted() -> bool:
        counts = (await health(told))["counts"]
        untimed = 2 * 3
        return bool(counts["heard"] + counts["replayed"] == heard + copies + 3 * len(events) + untimed)

    await quiet(told, later=False)
    await told.send("graph-notifications", b"x")
    await until(all_counted, f"all events are counted, after {heard} and {copies}")
    assert await calls(told) == asked, "copies ask nothing"

    # The timer looks once into what may have happened again, whatever the number of copies.
    for most in (12, 1):
        await told.stack.subscribe()
        await until(partial(_looked, told, asked), "the subscriptions were looked after")
        await quiet(told, later=False)
        now = await calls(told)
        more = {name: number - asked.get(name, 0) for name, number in now.items() if number != asked.get(name, 0)}
        assert sum(more.values()) <= most, more
        asked = now


async def _looked(told: Local, asked: dict[str, int]) -> bool:
    return (await calls(told)).get("GET /subscriptions", 0) > asked.get("GET /subscriptions", 0)


# Whatever it is: method, path, body, headers, and what the host answers.
_GOOD = b'{"value": []}'
FORGED: dict[str, tuple[str, str, bytes, dict[str, str], set[int]]] = {
    "GET": ("GET", CHANGES, b"", {}, {404}),
    "PUT": ("PUT", CHANGES, _GOOD, {}, {404}),
    "DELETE": ("DELETE", LIFECYCLE, b"", {}, {404}),
    "another path": ("POST", f"{CHANGES}/other", _GOOD, {}, {404}),
    "another content type": ("POST", CHANGES, b"<xml/>", {"Content-Type": "text/xml"}, {400}),
    "no content type": ("POST", CHANGES, b"", {"Content-Type": ""}, {400}),
    "said to be packed": ("POST", CHANGES, b"not packed", {"Content-Encoding": "gzip"}, {400}),
    "10 MB": ("POST", CHANGES, b'{"value": ["' + b"x" * 10_000_000 + b'"]}', {}, {400}),
    "deep": ("POST", CHANGES, b'{"value":' * 50_000 + b"1" + b"}" * 50_000, {}, {400}),
    "not a number": ("POST", CHANGES, b'{"value": NaN}', {}, {400}),
    "not a number inside": ("POST", CHANGES, b'{"value": [{"subscriptionId": NaN}]}', {}, {400}),
    "no UTF-8": ("POST", CHANGES, b'{"value": ["\xff\xfe"]}', {}, {400}),
    "UTF-16": ("POST", CHANGES, '{"value": []}'.encode("utf-16"), {}, {202, 400}),
    "twice the same key": ("POST", CHANGES, b'{"value": 1, "value": 2}', {}, {400}),
}


async def test_whatever_strangers_knock_with_asks_graph_nothing_and_is_counted(told: Local) -> None:
    async def subscribed() -> bool:
        return len((await told.state())["subscriptions"]) == 2

    await until(subscribed, "both subscriptions")
    await quiet(told)
    asked, before = await calls(told), (await health(told))["counts"]
    bad = 0
    for name, (method, path, body, headers, statuses) in FORGED.items():
        status, answer = await post(told, path, body, method, headers=headers)
        assert status in statuses, (name, status)
        assert b"Traceback" not in answer, name
        assert b"<" not in answer or status == 404, name
        bad += status == 400
    await counted(told, {"unreadable": before.get("unreadable", 0) + bad})
    state = await told.state()
    users = next(one for one in state["subscriptions"] if "users" in one["resource"])
    data = {"@odata.type": "#Microsoft.Graph.User", "id": LI}
    good = {"subscriptionId": users["id"], "clientState": users["clientState"], "resource": f"Users/{LI}", "resourceData": data}
    wrong: list[dict[str, Any]] = [
        {"clientState": None},
        {"clientState": ""},
        {"clientState": users["clientState"].swapcase()},
        {"clientState": users["clientState"] + " "},
        {"clientState": {"a": 1}},
        {"clientState": "\u0000"},
        {"tenantId": "99999999-0000-4000-8000-000000000009"},
        {"subscriptionId": "00000000-0000-4000-8000-000000000009"},
    ]
    for change in wrong:
        body = json.dumps({"value": [{**good, **change}]}).encode()
        assert (await post(told, CHANGES, body))[0] in {202, 503}, change
        assert (await post(told, LIFECYCLE, body.replace(b'"resource":', b'"lifecycleEvent": "missed", "resource":')))[0] in {
            202,
            503,
        }
    await quiet(told)
    found = (await health(told))["counts"]
    assert found.get("forged", 0) + found.get("unknown", 0) - before.get("forged", 0) == 2 * len(wrong)
    assert found.get("heard", 0) == before.get("heard", 0)
    assert await calls(told) == asked


async def test_a_handshake_is_answered_in_plain_text_with_its_token_whatever_it_looks_like(told: Local) -> None:
    tokens = {
        "plain": "plain",
        "%3Cscript%3Ealert(1)%3C%2Fscript%3E": "<script>alert(1)</script>",
        "a+b%20c": "a b c",
        "%2541": "%41",
        "%C3%BC": "ü",
        "%0d%0aSet-Cookie:%20a=b": "\r\nSet-Cookie: a=b",
    }
    for path in (CHANGES, LIFECYCLE):
        for raw, wanted in tokens.items():
            url = URL(f"{front(told)}/{path}?validationToken={raw}", encoded=True)
            async with told.http.post(url, headers={"Content-Type": "text/plain; charset=utf-8"}) as answer:
                assert (answer.status, (await answer.read()).decode()) == (200, wanted), raw
                assert answer.headers["Content-Type"].partition(";")[0] == "text/plain"
                assert (answer.headers["X-Content-Type-Options"], "Set-Cookie" in answer.headers) == ("nosniff", False)
        url = URL(f"{front(told)}/{path}?validationToken=one&validationToken=two", encoded=True)
        async with told.http.post(url) as answer:
            assert answer.status in {200, 400}
            assert answer.headers["Content-Type"].partition(";")[0] == "text/plain"
        assert (await post(told, f"{path}?validationToken=", b"")) in {(200, b""), (400, b"")}
        assert (await post(told, path, b""))[0] == 400, "without a token it is no handshake"
