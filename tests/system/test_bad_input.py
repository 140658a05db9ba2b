"""What is wrong with a request is said by field and reason, recorded, and keeps nothing else from going on."""

import asyncio
import base64
import hashlib
import json
import os
import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import pytest

from devstack.stack import ROOT
from tests.system.local import Local, Partner, until

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="session")]

type Request = dict[str, Any]


def _set(path: str, value: Any) -> Callable[[Request], Any]:
    """The request with another value at the path (`guests.0.email`)."""

    def change(request: Request) -> Any:
        *way, last = path.split(".")
        place: Any = request
        for word in way:
            place = place[int(word) if word.isdigit() else word]
        place[int(last) if last.isdigit() else last] = value
        return request

    return change


# name -> (change, the field named, words of the reason). Both ways in say the same.
FORM: dict[str, tuple[Callable[[Request], Any], str, str]] = {
    "not JSON": (lambda _: b'{"version": 1, "id"', "", "is not JSON"),
    "not UTF-8": (lambda _: b'{"version": 1, "id": "\xff"}', "", "is not JSON"),
    "empty": (lambda _: b"", "", "is not JSON"),
    "half a character": (lambda r: json.dumps(_set("guests.0.name", "A\ud800")(r)).encode(), "", "is not text"),
    "half a character in settings": (lambda r: json.dumps(_set("steps", {"a": {"b": "\ud800"}})(r)).encode(), "", "is not text"),
    "nested without end": (lambda _: b"[" * 100_000, "", "is not JSON"),
    "a number that is none": (lambda r: json.dumps(_set("steps", {"a": {"b": float("nan")}})(r)).encode(), "", "is not JSON"),
    "a list": (lambda r: [r], "", "is a JSON object"),
    "unknown version": (_set("version", 2), "version", "must be 1"),
    "unknown field": (_set("colour", "red"), "colour", "there is no such field; there are: "),
    "bad id": (_set("id", "a/b#c?d"), "id", "pattern"),
    "no domain": (_set("partner.domains", ["fabrikam"]), "partner.domains[0]", "is not a domain name"),
    "a date with a time": (_set("until", "2030-01-01T00:00:00Z"), "until", "must be a date such as"),
    "a date as a number": (_set("until", 1893456000), "until", "must be a date such as"),
    "part 3 of 2": (lambda r: r | {"part": 3, "parts": 2}, "part", "is 3 of 2"),
}
# What only the template, the calendar or the tenant can tell: over HTTP, the request is refused when it is accepted.
SENSE: dict[str, tuple[Callable[[Request], Any], str, str]] = {
    "unknown template": (_set("template", "friend"), "template", "is not a template of this installation"),
    "unknown step": (_set("steps", {"paint-it-red": {}}), "steps.paint-it-red", "is not a step of template"),
    "group not allowed": (_set("groups", ["domain-admins"]), "groups[0]", "is not a group that template"),
    "our own domain": (_set("partner.domains", ["contoso.com"]), "partner.domains[0]", "is our own domain"),
    "two tenants": (_set("partner.domains", ["fabrikam.com", "northwind.com"]), "partner.domains", "northwind.com in 33333333"),
    "unknown domain": (_set("partner.domains", ["nobody.example"]), "partner.domains[0]", "belongs to no Microsoft Entra tenant"),
    "a date in the past": (_set("until", "2020-01-31"), "until", "2020-01-31 is in the past"),
    "a sponsor who is none": (_set("sponsors", ["nobody@contoso.com"]), "sponsors[0]", "is none of our people"),
    "a redirect elsewhere": (
        _set("invitation", {"redirectUrl": "https://evil.example/x"}),
        "invitation.redirectUrl",
        "evil.example",
    ),
    "a wrong parameter": (
        _set("steps", {"set-organization-relationship": {"FreeBusyAccessLevel": "Everything"}}),
        "FreeBusyAccessLevel",
        "",
    ),
}
# Faults of single guests, who alone are refused: change of the guest, field, words.
GUESTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "bad address": ({"email": "not an address"}, "email", "is not an e-mail address"),
    "half a person": ({"name": "No address"}, "email", "Field required"),
    "our own person": ({"email": "mia@contoso.com"}, "email", "is in our own domain"),
    "another domain": ({"email": "x@elsewhere.example"}, "email", "otherDomain: true"),
    "group not allowed": ({"email": "g@{domain}", "groups": ["domain-admins"]}, "groups[0]", "is not a group that template"),
    "past": ({"email": "p@{domain}", "until": "2020-01-31"}, "until", "is in the past"),
    "twice": ({"email": "GUEST00000@{domain}"}, "email", "stands in the request already, as guests[0]"),
}


def _bytes(made: Any) -> bytes:
    return made if isinstance(made, bytes) else json.dumps(made).encode()


@pytest.fixture(scope="module")
def base() -> Callable[[str], Request]:
    """A request of Wingtip that is right; nobody of it is ever invited, for every test breaks it."""
    partner = Partner("wingtip", "wingtip.com", "44444444-4444-4444-4444-444444444444")
    return lambda name: partner.request(partner.guests(1), id=name)


@pytest.mark.parametrize("case", FORM)
async def test_over_http_the_caller_is_told_field_and_reason(local: Local, base: Callable[[str], Request], case: str) -> None:
    change, field, words = FORM[case]
    status, body = await local.call("POST", "partner-requests", _bytes(change(base("told"))))
    assert status == 400, body
    assert any(fault["field"] == field and words in fault["reason"] for fault in body["faults"]), body


async def test_over_http_the_rest_is_in_the_status(local: Local, base: Callable[[str], Request]) -> None:
    names = {case: f"sense-{number}" for number, case in enumerate(SENSE)}
    for case, name in names.items():
        await local.submit(SENSE[case][0](base(name)))
    for case, name in names.items():
        (reason,) = (await local.ended(name, "refused"))["refusals"]
        _assert_says(reason, SENSE[case], case)


async def test_by_queue_it_is_parked_with_field_and_reason(local: Local, base: Callable[[str], Request]) -> None:
    cases = FORM | SENSE
    bodies = {case: _bytes(change(base(f"queued-{number}"))) for number, (case, (change, _, _)) in enumerate(cases.items())}
    await local.send("partner-requests", *bodies.values())
    for case, body in bodies.items():
        item = await _parked(local, case, body)
        _assert_says(item["reason"], cases[case], case)
        assert (item["kind"], item["queue"]) == ("refused", "partner-requests")


def _assert_says(reason: str, case: tuple[Any, str, str], name: str) -> None:
    _, field, words = case
    assert field in reason, f"{name}: {reason}"
    assert words in reason, f"{name}: {reason}"


async def _parked(local: Local, what: str, body: bytes) -> dict[str, Any]:
    """What is parked of the message."""
    digest = hashlib.sha256(body).hexdigest()[:24]

    async def look() -> list[dict[str, Any]]:
        return [item for item in await local.parked() if item["id"].endswith(f":{digest}")]

    (item,) = await until(look, f"{what} is parked", 40)
    return item


@pytest.mark.parametrize("way", ["http", "queue"])
async def test_a_guest_with_a_fault_is_refused_alone(local: Local, way: str) -> None:
    partner = await local.partner(f"faulty-{way}")
    bad = [json.loads(json.dumps(guest).replace("{domain}", partner.domain)) for guest, _, _ in GUESTS.values()]
    request = partner.request([*partner.guests(1, "partner-readers"), *bad], template="supplier")
    if way == "http":
        status, body = await local.call("POST", "partner-requests", request)
        assert status == 400, body
        request["guests"][1:] = bad[2:6]
        told = {fault["field"]: fault["reason"] for fault in body["faults"]}
        for index, (_, field, words) in enumerate(GUESTS.values(), start=1):
            assert words in told.get(f"guests[{index}].{field}", words), told
        assert {f"guests[{index}].email" for index in (1, 2, 7)} == set(told)
        await local.submit(request)
        expected = dict(enumerate(list(GUESTS.values())[2:6], start=1))
    else:
        await local.send("partner-requests", request)
        expected = dict(enumerate(GUESTS.values(), start=1))
    shown = await until(lambda: _settled(local, request["id"]), "the request ends")
    reasons = {task["position"]: task["reason"] for task in shown if task["state"] == "stopped"}
    assert set(reasons) == set(expected)
    for index, (_, field, words) in expected.items():
        assert reasons[index].startswith(f"guests[{index}].{field}"), reasons[index]
        assert words in reasons[index]
    assert {task["state"] for task in shown if task["position"] not in expected} == {"done"}
    assert len(await local.parked(request["id"])) == len(expected)
    state = await local.state()
    assert [user["mail"] for user in state["users"] if str(user["mail"]).endswith(partner.domain)] == [partner.address(0)]


async def _settled(local: Local, name: str) -> list[dict[str, Any]]:
    shown = await local.seen(name)
    return await local.tasks(name) if shown and shown["state"] in {"done", "stopped"} else []


async def test_one_oversized_item(local: Local, base: Callable[[str], Request]) -> None:
    guest = {"email": "big@wingtip.com", "message": "x" * 300_000}
    status, body = await local.call("POST", "partner-requests", base("big") | {"guests": [guest]})
    assert (status, body["faults"][0]["field"]) == (400, "guests[0]")
    assert "larger than a message may be" in body["faults"][0]["reason"]
    status, body = await local.call("POST", "partner-requests", b" " * 16_000_001)
    assert status in {400, 413}, body


async def test_the_same_id_again(local: Local) -> None:
    partner = await local.partner("again")
    request = partner.request(partner.guests(2, "partner-readers"))
    await local.submit(request)
    await until(lambda: local.seen(partner.name), "the first is on record")
    await local.send("partner-requests", request | {"until": "2029-12-31"})
    await local.ended(partner.name)
    before = await local.writes(partner)
    await local.submit(request)
    await local.send("partner-requests", request, request | {"until": "2030-12-31"}, request | {"guests": partner.guests(3)})

    async def refusals() -> list[str]:
        shown = await local.seen(partner.name)
        return shown["refusals"] if shown and len(shown["refusals"]) == 3 else []

    told = await until(refusals, "all three others are refused and recorded")
    assert sum("is taken by a request with other content; the first one stands" in reason for reason in told) == 2
    assert sum(reason.startswith("part: 1 of request") for reason in told) == 1
    await until(lambda: _idle(local, "partner-requests"), "the copies are dealt with")
    assert len((await local.ended(partner.name))["tasks"]) == 4
    assert await local.writes(partner) == before


async def _idle(local: Local, queue: str) -> bool:
    return not any((await local.queues())[queue].values())


JUNK: dict[str, tuple[str, Any, str | None, str]] = {
    "no JSON for a step": ("invite-guest", b"\x00\xff not json", None, "Invalid JSON"),
    "no attempt": ("add-to-group", {"version": 1, "request": "x"}, "s", "task: Field required"),
    "a key that is none": ("invite-guest", {"request": "x", "task": "t|nothing", "attempt": 1}, None, "task: "),
    "an unknown step": ("invite-guest", {"request": "x", "task": "t|c|paint|s", "attempt": 1}, None, "is of step paint"),
    "no such task": ("invite-guest", {"request": "x", "task": "t|c|invite-guest|s", "attempt": 1}, None, "not on record"),
    "no such group task": ("add-to-group", {"request": "x", "task": "t|c|add-to-group|g", "attempt": 1}, "g", "not on record"),
    "attempt 0": (
        "set-organization-relationship",
        {"request": "x", "task": "t|a|set-organization-relationship|c", "attempt": 0},
        "s",
        "attempt: ",
    ),
    "no end": ("finish-request", b"nonsense", "s", "Invalid JSON"),
    "an end with more": ("finish-request", {"request": "x", "state": "done"}, "s", "state: there is no such field; there are: "),
    "a letter nobody sent": ("parked", {"id": "a/b#c?d", "x": "y" * 100}, None, "dead-lettered on unknown queue"),
    "garbage among the dead": ("parked", b"\xff\x00", None, "dead-lettered on unknown queue"),
}


async def test_garbage_on_our_own_queues_is_parked_with_the_reason(local: Local) -> None:
    for queue, body, session, _ in JUNK.values():
        await local.send(queue, body, session=session)
    items = {}
    for case, (queue, body, _, words) in JUNK.items():
        items[case] = item = await _parked(local, case, _on_record(body))
        assert words in item["reason"], f"{case}: {item}"
        assert (item["kind"], item["queue"]) == ("message", "unknown queue" if queue == "parked" else queue), case
    for case, item in items.items():
        if JUNK[case][0] == "parked":
            status, answer = await local.call("POST", "parked/redrive", {"id": item["id"]})
            assert (status, "which queue" in answer["error"]) == (400, True), answer
        else:
            assert "again" in await local.redrive(item["id"]), case
    for case, (_, body, _, _) in JUNK.items():
        assert (await _parked(local, f"{case} again", _on_record(body)))["id"] == items[case]["id"]


def _on_record(body: Any) -> bytes:
    """A message is kept as it came, but an attempt at no task as we would write it."""
    if (
        isinstance(body, dict)
        and body.get("task", "").endswith(("|s", "|g"))
        and body.get("attempt")
        and "paint" not in body["task"]
    ):
        return json.dumps({"version": 1, **body, "retry": 0, "gate": False}, separators=(",", ":")).encode()
    return _bytes(body)


async def test_a_task_is_attempted_on_the_queue_of_its_step_only(local: Local) -> None:
    """Else the session that keeps a group from being written twice at once could be gone around."""
    partner = await local.partner("astray")
    request = partner.request(partner.guests(1, "partner-readers"), template="supplier")
    name = await local.submit(request)
    shown = await local.ended(name)
    batch = next(task for task in shown["tasks"] if task["step"] == "add-to-group")
    await local.send("invite-guest", {"request": name, "task": batch["key"], "attempt": 1})
    item = (await until(lambda: local.parked(name), "the attempt is parked"))[0]
    assert "add-to-group" in item["reason"]
    assert item["queue"] == "invite-guest"


async def test_who_may_ask(local: Local, base: Callable[[str], Request]) -> None:
    for key in ("", "wrong"):
        for method, path in (("GET", "parked"), ("POST", "partner-requests"), ("POST", "partner-requests/x/cancel")):
            status, _ = await local.call(method, path, {} if method == "POST" else None, headers={"x-functions-key": key})
            assert status == 401
    status, _ = await local.call("GET", "health", headers={"x-functions-key": ""})
    assert status == 200


@pytest.mark.parametrize("name", ["%2E%2E", "a%2Fb", "a%5Cb", "a%23b", "a%3Fb", "%00", "a'b", "a%7Cb", "%C3%A9", "x" * 2000])
async def test_ids_that_nobody_can_have_are_not_found(local: Local, name: str) -> None:
    for method, path in (("GET", ""), ("POST", "/cancel")):
        status, body = await local.call(method, f"partner-requests/{name}{path}")
        assert status in {400, 404, 414}, body
    status, body = await local.call("POST", "parked/redrive", {"id": unquote(name)})
    assert status in {400, 404}, body


async def test_who_asked_is_who_signed(local: Local) -> None:
    """A sender to the queue can claim to be anybody; the record names the queue."""
    partner = await local.partner("pretended")
    forged = base64.b64encode(json.dumps({"claims": [{"typ": "roles", "val": "Operator"}]}).encode()).decode()
    requests = [partner.request([], template="supplier", id=f"pretended-{n}") for n in range(3)]
    await local.send("partner-requests", requests[0], who="user 1234")
    await local.send("partner-requests", requests[1], who="user 1234", signature="0" * 64)
    status, _ = await local.call("POST", "partner-requests", requests[2], headers={"x-ms-client-principal": forged})
    assert status == 202
    shown = [await local.ended(request["id"]) for request in requests]
    assert [each["requestedBy"] for each in shown] == ["queue partner-requests", "queue partner-requests", "function key"]


async def test_the_command_says_the_same(local: Local, base: Callable[[str], Request], tmp_path: Any) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps(_set("version", 7)(base("command"))), encoding="utf-8")
    where = local.stack.addresses
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli.main", "submit", str(bad), "--json"),
        cwd=ROOT,
        env={**os.environ, "ENTENTE_URL": where.functions[-1], "ENTENTE_KEY": where.function_keys["default"]},
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    assert process.returncode != 0
    assert json.loads(out)["faults"][0]["field"] == "version"
