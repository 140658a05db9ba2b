"""Whatever a client sends, the tenant refuses it as Graph would and never falls over."""

import itertools
from typing import Any
from urllib.parse import quote

import pytest

from devstack.tenant.coverage import shows
from tests.tenant.calling import Caller, error_of
from tests.tenant.replays import REPLAYS, Replay, make_world

ODD: tuple[Any, ...] = (None, "", "x", 5, True, [], [1], [None], {}, {"a": 1}, [{}], [{"id": 1}], "é'%\\")
WITH_BODY = [replay for replay in REPLAYS if replay.body is not None]


def mutated(body: Any) -> list[Any]:
    """The body with each of its parts replaced by each odd value."""
    found: list[Any] = list(ODD)
    if isinstance(body, dict):
        for name, value in body.items():
            found += [{**body, name: other} for other in mutated(value)]
    elif isinstance(body, list):
        for place, value in enumerate(body):
            found += [[*body[:place], other, *body[place + 1 :]] for other in mutated(value)]
    return found


@pytest.mark.parametrize("replay", WITH_BODY, ids=[f"{n}-{replay.operation}" for n, replay in enumerate(WITH_BODY)])
async def test_odd_bodies_are_answered_in_graphs_own_words(caller: Caller, replay: Replay) -> None:
    world = await make_world(caller)
    await caller.control("PUT", "throttle", {"enabled": False})
    for body in mutated(replay.body):
        reply = await Replay(replay.operation, replay.path, body, eventual=replay.eventual).send(caller, world)
        assert reply.status_code < 500 or reply.status_code == 501, (body, reply.text)
        if reply.status_code >= 400:
            assert reply.json()["error"]["message"]


PIECES = (
    "mail",
    "eq",
    "'x'",
    "(",
    ")",
    "and",
    "or",
    "not",
    "any",
    "proxyAddresses/any(p:p eq 'x')",
    ",",
    "startswith(mail,'x')",
    "null",
    "''",
)


async def test_odd_filters_are_answered_in_graphs_own_words(caller: Caller) -> None:
    await caller.control("PUT", "throttle", {"enabled": False})
    texts = [" ".join(pieces) for pieces in itertools.product(PIECES, repeat=3)][::7]
    texts += ["(" * 5000, "not " * 5000 + "mail eq 'x'", "mail eq 'é''x'", "\x00", "mail eq '" + "x" * 3000 + "'"]
    for text in texts:
        body = {"requests": [{"id": "1", "method": "GET", "url": f"/users?$filter={quote(text)}"}]}
        reply = await caller.graph("POST", "/$batch", body)
        assert reply.status_code == 200
        assert reply.json()["responses"][0]["status"] in (200, 400), text


async def test_odd_batches_are_refused_whole_or_item_by_item(caller: Caller) -> None:
    await caller.control("PUT", "throttle", {"enabled": False})
    item = {
        "id": "1",
        "method": "PATCH",
        "url": "/users/x",
        "headers": {"Content-Type": "application/json"},
        "body": {"city": "x"},
    }
    for body in mutated({"requests": [item, {"id": "2", "method": "GET", "url": "/users", "dependsOn": ["1"]}]}):
        assert (await caller.graph("POST", "/$batch", body)).status_code in (200, 400), body


@shows("GET /users", rung=2)
@pytest.mark.parametrize(("count", "status"), [(15, 200), (16, 400)])
async def test_a_filter_has_fifteen_alternatives_at_most(caller: Caller, count: int, status: int) -> None:
    addresses = [f"'g{number}@fabrikam.com'" for number in range(count)]
    chain = " or ".join(f"mail eq {address}" for address in addresses)
    for text in (chain, f"mail in ({','.join(addresses)})"):
        reply = await caller.graph("GET", f"/users?$filter={text}")
        assert reply.status_code == status
        if status == 400:
            assert error_of(reply)[1] == "Request_UnsupportedQuery"


@shows("POST /$batch", rung=4)
async def test_a_whole_batch_can_fail_by_its_own_path(caller: Caller) -> None:
    await caller.control("POST", "faults", {"effect": "status", "status": 503, "times": 1, "match": {"path": r"/\$batch"}})
    body = {"requests": [{"id": "1", "method": "GET", "url": "/users"}]}
    assert [(await caller.graph("POST", "/$batch", body)).status_code for _ in range(2)] == [503, 200]


@pytest.mark.parametrize("odd", ODD, ids=repr)
async def test_odd_cmdlet_input_is_refused(caller: Caller, odd: Any) -> None:
    headers = {**caller.bearer("https://outlook.office365.com"), "X-AnchorMailbox": "UPN:a@contoso.com"}
    bodies: list[Any] = [odd, {"CmdletInput": odd}, {"CmdletInput": {"CmdletName": odd}}]
    bodies += [{"CmdletInput": {"CmdletName": "New-OrganizationRelationship", "Parameters": odd}}]
    names = (
        "Name",
        "DomainNames",
        "FreeBusyAccessScope",
        "Enabled",
        "TargetOwaURL",
        "OrganizationContact",
        "MailboxMovePublishedScopes",
    )
    given = {"Name": "x", "DomainNames": ["x.com"], "WhatIf": True}
    bodies += [
        {"CmdletInput": {"CmdletName": "New-OrganizationRelationship", "Parameters": {**given, name: odd}}} for name in names
    ]
    for body in bodies:
        reply = await caller.http.post(caller.tenant.exchange, json=body, headers=headers)
        # A cmdlet's own failure may come as 500; it then carries the exception class.
        assert reply.status_code < 500 or "details" in reply.json()["error"], body
    assert (await caller.state())["organizationRelationships"] == []
