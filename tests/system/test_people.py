"""People, groups and contacts that are there before: each is dealt with, and the status says how."""

import uuid
from typing import Any

import pytest

from tests.system.local import READERS, Local, until

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="session")]

# name -> (what the seed says of the user, whether invited now, end, words of the reason)
THERE: dict[str, tuple[dict[str, Any], str, str]] = {
    "accepted": ({"userType": "Guest", "externalUserState": "Accepted"}, "done", "is already a guest and has accepted"),
    "pending": (
        {"userType": "Guest", "externalUserState": "PendingAcceptance"},
        "done",
        "was invited before and has not accepted yet",
    ),
    "blocked": ({"userType": "Guest", "accountEnabled": False}, "stopped", "was blocked from signing in by somebody"),
    "b2b-member": (
        {"userType": "Member", "externalUserState": "Accepted"},
        "done",
        "is already a member from another organization",
    ),
}


async def test_people_who_are_there(local: Local) -> None:
    partner = await local.partner("there")
    ids = {name: str(uuid.uuid5(uuid.NAMESPACE_DNS, name)) for name in (*THERE, "colleague", "double-1", "double-2")}
    users = [
        {"id": ids[name], "mail": partner.address(name), "sponsors": ["mia@contoso.com"], **said}
        for name, (said, _, _) in THERE.items()
    ]
    users += [
        {"id": ids["colleague"], "userPrincipalName": "colleague@contoso.com", "otherMails": [partner.address("colleague")]},
        {"id": ids["double-1"], "mail": partner.address("double"), "userType": "Guest"},
        {
            "id": ids["double-2"],
            "mail": partner.address("double-other"),
            "userType": "Guest",
            "otherMails": [partner.address("double")],
        },
    ]
    contact = {"mail": partner.address("contact"), "displayName": "A contact"}
    await local.sim("POST", "seed", {"users": users, "contacts": [contact]})
    names = [*THERE, "colleague", "double", "contact"]
    guests = [{"email": partner.address(name), "groups": ["partner-readers"]} for name in names]
    name = await local.submit(partner.request(guests, template="supplier"))
    await until(lambda: _ended(local, name), "the request ends")
    tasks = await local.tasks(name)
    told = {names[task["position"]]: (task["state"], task["reason"]) for task in tasks if task["step"] == "invite-guest"}
    expected = {name: (state, words) for name, (_, state, words) in THERE.items()} | {
        "colleague": ("stopped", "is one of our own people's"),
        "double": ("stopped", "have this person's address: decide which one is meant"),
        "contact": ("stopped", "another object of our directory"),
    }
    for who, (state, words) in expected.items():
        assert told[who][0] == state, told[who]
        assert words in told[who][1], told[who]
        assert "@" not in told[who][1]
    there = {who for who, (state, _) in expected.items() if state == "done"}
    readers = next(group for group in (await local.state())["groups"] if group["id"] == READERS)
    assert {ids[who] for who in there} == set(ids.values()) & set(readers["members"])
    assert not [mail for mail in (await local.state())["outbox"] if mail["to"].endswith(partner.domain)]
    assert len(await local.parked(name)) == len(expected) - len(there)


async def _ended(local: Local, name: str) -> bool:
    shown = await local.seen(name)
    return shown is not None and shown["state"] in {"done", "stopped"}


@pytest.mark.parametrize(
    ("template", "end", "words"), [("joint-project", "done", "has not accepted yet"), ("supplier", "stopped", "restore or purge")]
)
async def test_a_deleted_guest_is_restored_or_asked_about(local: Local, template: str, end: str, words: str) -> None:
    partner = await local.partner(f"deleted-{end}")
    user = str(uuid.uuid5(uuid.NAMESPACE_DNS, partner.name))
    guest = {"id": user, "mail": partner.address("gone"), "userType": "Guest", "sponsors": ["mia@contoso.com"]}
    await local.sim("POST", "seed", {"users": [guest]})
    await local.sim("POST", "act", {"do": "delete", "target": user})
    # Setting the lag anew tells every replica: the guest has been gone for a while.
    await local.sim("PUT", "lag", await local.sim("GET", "lag"))
    name = await local.submit(
        partner.request([{"email": partner.address("gone"), "groups": ["partner-readers"]}], template=template)
    )
    await until(lambda: _ended(local, name), "the request ends")
    task = next(task for task in await local.tasks(name) if task["step"] == "invite-guest")
    assert (task["state"], words in task["reason"]) == (end, True), task["reason"]
    state = await local.state()
    assert [item["id"] for item in state["users"] if item["id"] == user] == ([user] if end == "done" else [])
    readers = next(group for group in state["groups"] if group["id"] == READERS)
    assert (user in readers["members"]) == (end == "done")
    assert not [mail for mail in state["outbox"] if mail["to"].endswith(partner.domain)]


async def test_groups_whose_members_cannot_be_changed_are_refused_with_the_reason(local: Local) -> None:
    partner = await local.partner("grouped")
    groups = {
        "readers": "1 of 1 guests are members",
        "dynamic": "a rule of its own decides who is in it",
        "synced": "it comes from on-premises",
        "role-assignable": "it can be assigned to directory roles",
        "distribution": "it is a distribution list",
        "mail-enabled": "it is mail-enabled",
        "missing": "correct the template",
    }
    name = await local.submit(partner.request(partner.guests(1, *groups), template="every-group"))
    await until(lambda: _ended(local, name), "the request ends")
    tasks = {task["subject"]: task for task in await local.tasks(name) if task["step"] == "add-to-group"}
    for place, (_, words) in zip(("02", "03", "04", "05", "06", "07", "ff"), groups.items(), strict=True):
        task = next(task for subject, task in tasks.items() if subject.endswith(place))
        assert words in task["reason"], task
        assert task["state"] == ("done" if place == "02" else "stopped")
    assert len(await local.parked(name)) == len(groups) - 1
