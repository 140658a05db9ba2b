"""Invitations, by the error table of the documentation and field reports. https://learn.microsoft.com/graph/api/invitation-post"""

from typing import Any

import pytest

from devstack.tenant.coverage import shows
from tests.tenant.calling import LI, MIA, NOOR, PROJECT, READERS, Caller, error_of


@shows("POST /invitations", rung=2)
async def test_a_guest_looks_as_entra_makes_one(caller: Caller) -> None:
    reply = await caller.invite("Ana@fabrikam.com", invitedUserDisplayName="Ana Trujillo")
    body = reply.json()
    assert body["status"] == "PendingAcceptance"
    assert body["inviteRedeemUrl"].startswith("https://login.microsoftonline.com/redeem?rd=")
    (guest,) = [user for user in (await caller.state())["users"] if user["userType"] == "Guest"]
    assert guest["id"] == body["invitedUser"]["id"]
    assert guest["userPrincipalName"] == "Ana_fabrikam.com#EXT#@contoso.onmicrosoft.com"
    assert (guest["mail"], guest["otherMails"], guest["proxyAddresses"]) == (
        "Ana@fabrikam.com",
        ["Ana@fabrikam.com"],
        ["SMTP:Ana@fabrikam.com"],
    )
    assert (guest["creationType"], guest["externalUserState"], guest["displayName"]) == (
        "Invitation",
        "PendingAcceptance",
        "Ana Trujillo",
    )
    assert guest.get("usageLocation") is None


@shows("POST /invitations", rung=2)
async def test_the_same_address_gives_the_same_guest_and_another_mail_only_if_asked(caller: Caller) -> None:
    first = await caller.guest("ana@fabrikam.com", sendInvitationMessage=True)
    assert await caller.guest("ANA@fabrikam.com") == first
    assert await caller.guest("ana@fabrikam.com", sendInvitationMessage=True) == first
    state = await caller.state()
    assert len([user for user in state["users"] if user["userType"] == "Guest"]) == 1
    assert [(mail["to"], mail["kind"]) for mail in state["outbox"]] == [("ana@fabrikam.com", "invitation")] * 2


@shows("POST /invitations", rung=2)
async def test_an_accepted_guest_is_invited_again_as_completed(caller: Caller) -> None:
    guest = await caller.guest("ana@fabrikam.com")
    await caller.control("POST", "redeem", {"email": "ana@fabrikam.com", "state": "Accepted"})
    assert (await caller.invite("ana@fabrikam.com")).json()["status"] == "Completed"
    reply = await caller.graph("GET", f"/users/{guest}?$select=externalUserState,identities")
    assert reply.json()["externalUserState"] == "Accepted"
    assert {"signInType": "federated", "issuer": "ExternalAzureAD", "issuerAssignedId": None} in reply.json()["identities"]


@shows("POST /invitations", rung=2)
@pytest.mark.parametrize("character", "~!#$%^&*()+=[]{}\\/|;:'\"<>?, ")
async def test_characters_that_the_documentation_forbids_are_refused(caller: Caller, character: str) -> None:
    assert error_of(await caller.invite(f"an{character}a@fabrikam.com"))[:2] == (400, "BadRequest")


@shows("POST /invitations", rung=2)
@pytest.mark.parametrize(
    "change",
    [
        {"invitedUserEmailAddress": None},
        {"invitedUserEmailAddress": "ana"},
        {"invitedUserEmailAddress": ".ana@fabrikam.com"},
        {"invitedUserEmailAddress": "ana-@fabrikam.com"},
        {"inviteRedirectUrl": None},
        {"inviteRedirectUrl": "myapps"},
        {"invitedUserType": "Owner"},
        {"sendInvitationMessage": "yes"},
        {"resetRedemption": True},
        {"unheardOf": 1},
        {"invitedUserMessageInfo": {"ccRecipients": [{"emailAddress": {"address": "a@b.c"}}] * 2}},
        {"invitedUserSponsors": [{"displayName": "Mia"}]},
    ],
    ids=str,
)
async def test_bodies_that_break_a_rule_are_refused(caller: Caller, change: dict[str, Any]) -> None:
    body = {"invitedUserEmailAddress": "ana@fabrikam.com", "inviteRedirectUrl": "https://myapps.microsoft.com", **change}
    assert error_of(await caller.graph("POST", "/invitations", body))[:2] == (400, "BadRequest")
    assert len((await caller.state())["users"]) == 4


@pytest.mark.parametrize("address", ["a.b-c_d@fabrikam.com", "x@sub.fabrikam.co.uk", "o_o@unknown-domain.example"])
async def test_addresses_with_dots_hyphens_and_underscores_are_taken(caller: Caller, address: str) -> None:
    assert (await caller.invite(address)).status_code == 201


@shows("POST /invitations", rung=2)
async def test_who_may_invite_is_the_tenants_policy(caller: Caller) -> None:
    async def try_as(*roles: str) -> int:
        body = {"invitedUserEmailAddress": "ana@fabrikam.com", "inviteRedirectUrl": "https://myapps.microsoft.com"}
        return (await caller.graph("POST", "/invitations", body, roles=roles)).status_code

    assert await try_as("User.ReadWrite.All") == 201
    await caller.control("POST", "seed", {"authorizationPolicy": {"allowInvitesFrom": "adminsAndGuestInviters"}})
    assert (await try_as("User.ReadWrite.All"), await try_as("User.Invite.All")) == (403, 201)
    await caller.control("POST", "seed", {"authorizationPolicy": {"allowInvitesFrom": "none"}})
    assert await try_as("User.Invite.All") == 403


@shows("POST /invitations", rung=2)
async def test_a_blocked_guest_is_named_and_refused(caller: Caller) -> None:
    guest = await caller.guest("ana@fabrikam.com")
    await caller.graph("PATCH", f"/users/{guest}", {"accountEnabled": False})
    status, code, message = error_of(await caller.invite("ana@fabrikam.com"))
    assert (status, code) == (400, "BadRequest")
    assert f"object ID: {guest}, but the account is blocked from signing in" in message


@shows("POST /invitations", rung=2)
@pytest.mark.parametrize(
    "address", ["new@contoso.com", "mia@contoso.com", "x@contoso.onmicrosoft.com", "carlos.contact@northwind.com"]
)
async def test_our_own_people_and_addresses_of_others_are_refused(caller: Caller, address: str) -> None:
    assert error_of(await caller.invite(address))[0] == 400
    assert len((await caller.state())["users"]) == 4


async def test_an_employees_other_mail_is_not_a_guests_address(caller: Caller) -> None:
    await caller.control("POST", "act", {"do": "update", "target": MIA, "set": {"otherMails": ["mia@home.example"]}})
    status, _, message = error_of(await caller.invite("mia@home.example"))
    assert status == 400
    assert MIA in message


@shows("POST /invitations", rung=2)
@pytest.mark.parametrize("status", [400, 403])
async def test_domain_lists_and_cross_tenant_blocks_refuse_with_the_status_chosen(caller: Caller, status: int) -> None:
    await caller.control("PUT", "options", {"domainBlockedStatus": status, "crossTenantBlockedStatus": status})
    await caller.control(
        "POST", "seed", {"blockedDomains": ["wingtip.com"], "blockedTenants": ["33333333-3333-3333-3333-333333333333"]}
    )
    assert error_of(await caller.invite("ana@wingtip.com"))[0] == status
    assert error_of(await caller.invite("ana@northwind.com"))[::2] == (
        status,
        "This invitation is blocked by cross-tenant access settings.",
    )
    assert (await caller.invite("ana@fabrikam.com")).status_code == 201
    await caller.control("POST", "seed", {"blockedDomains": [], "allowedDomains": ["fabrikam.com"]})
    assert error_of(await caller.invite("ana@wingtip.com"))[0] == status


@shows("POST /invitations", rung=2)
async def test_sponsors_in_an_invitation_take_all_none_or_some(caller: Caller) -> None:
    sponsors = [{"@odata.type": "#microsoft.graph.user", "id": MIA}, {"@odata.type": "#microsoft.graph.group", "id": READERS}]

    async def sponsors_of(address: str) -> list[str]:
        guest = await caller.guest(address, invitedUserSponsors=sponsors)
        return [sponsor["id"] for sponsor in (await caller.graph("GET", f"/users/{guest}/sponsors")).json()["value"]]

    assert await sponsors_of("a@fabrikam.com") == [MIA, READERS]
    await caller.control("PUT", "options", {"sponsorsInInvitation": "none"})
    assert await sponsors_of("b@fabrikam.com") == []
    await caller.control("PUT", "options", {"sponsorsInInvitation": "some"})
    assert [bool(await sponsors_of(f"{name}@fabrikam.com")) for name in "cdef"] == [False, True, False, True]
    await caller.control("PUT", "options", {"sponsorsInInvitation": "all"})
    await caller.control("POST", "faults", {"effect": "sponsors-ignored", "times": 1, "match": {"path": "/invitations$"}})
    assert (await sponsors_of("g@fabrikam.com"), await sponsors_of("h@fabrikam.com")) == ([], [MIA, READERS])


@shows("POST /invitations", rung=2)
async def test_a_reset_keeps_id_groups_and_sponsors_and_takes_a_new_address(caller: Caller) -> None:
    guest = await caller.guest("ana@fabrikam.com", invitedUserSponsors=[{"id": MIA}])
    link = {"@odata.id": f"https://graph.microsoft.com/v1.0/directoryObjects/{guest}"}
    await caller.graph("POST", f"/groups/{PROJECT}/members/$ref", link)
    await caller.control("POST", "redeem", {"id": guest})
    reset = {"invitedUser": {"id": guest}, "resetRedemption": True, "sendInvitationMessage": True}
    reply = await caller.invite("ana.new@fabrikam.com", **reset)
    assert (reply.status_code, reply.json()["invitedUser"]["id"], reply.json()["resetRedemption"]) == (201, guest, True)
    (user,) = [user for user in (await caller.state())["users"] if user["id"] == guest]
    assert (user["externalUserState"], user["mail"], user["memberOf"], user["sponsors"]) == (
        "PendingAcceptance",
        "ana.new@fabrikam.com",
        [PROJECT],
        [MIA],
    )
    assert (await caller.state())["outbox"][-1]["kind"] == "redemption-reset"
    await caller.graph("PATCH", f"/users/{guest}", {"accountEnabled": False})
    assert error_of(await caller.invite("ana.new@fabrikam.com", **reset))[0] == 400


@shows("POST /invitations", rung=2)
async def test_a_deleted_guests_address_makes_a_new_guest(caller: Caller) -> None:
    first = await caller.guest("ana@fabrikam.com")
    await caller.graph("DELETE", f"/users/{first}")
    assert await caller.guest("ana@fabrikam.com") != first
    assert error_of(await caller.graph("POST", f"/directory/deletedItems/{first}/restore"))[0] == 400


async def test_the_outbox_tells_that_custom_text_was_dropped(caller: Caller) -> None:
    message = {
        "messageLanguage": "de-DE",
        "customizedMessageBody": "Hello",
        "ccRecipients": [{"emailAddress": {"address": "mia@contoso.com"}}],
    }
    await caller.guest("ana@fabrikam.com", sendInvitationMessage=True, invitedUserMessageInfo=message)
    (mail,) = (await caller.state())["outbox"]
    assert (mail["to"], mail["cc"], mail["language"], mail["customTextDropped"]) == (
        "ana@fabrikam.com",
        ["mia@contoso.com"],
        "de-DE",
        "Hello",
    )


@shows("POST /users/{id}/sponsors/$ref", "DELETE /users/{id}/sponsors/{reference}/$ref", "GET /users/{id}/sponsors", rung=2)
async def test_five_sponsors_at_most_and_each_once(caller: Caller) -> None:
    guest = await caller.guest("ana@fabrikam.com")

    async def add(link: str) -> Any:
        return await caller.graph(
            "POST", f"/users/{guest}/sponsors/$ref", {"@odata.id": f"https://graph.microsoft.com/v1.0/{link}"}
        )

    for link in (f"users/{MIA}", f"users/{NOOR}", f"directoryObjects/{LI}", f"groups/{READERS}", f"groups('{PROJECT}')"):
        assert (await add(link)).status_code == 204
    status, code, message = error_of(await add(f"users/{MIA}"))
    assert (status, code, "references already exist" in message) == (400, "Request_BadRequest", True)
    assert error_of(await add("users/bbbbbbbb-0000-4000-8000-000000000004"))[0] == 400
    path = f"/users/{guest}/sponsors/{MIA}/$ref"
    assert (await caller.graph("DELETE", path)).status_code == 204
    assert error_of(await caller.graph("DELETE", path))[:2] == (404, "Request_ResourceNotFound")
    found = (await caller.graph("GET", f"/users/{guest}/sponsors")).json()["value"]
    assert {item["@odata.type"] for item in found} == {"#microsoft.graph.user", "#microsoft.graph.group"}
    assert len(found) == 4
