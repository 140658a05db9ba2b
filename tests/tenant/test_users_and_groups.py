"""Look-ups, changes, deletions, memberships. Facts sections 1.3 to 1.6 and 2.1."""

from typing import Any

import pytest

from devstack.tenant.coverage import shows
from tests.tenant.calling import LI, MIA, NOOR, PROJECT, READERS, Caller, StandingTime, error_of

LOOK_UPS = [
    "mail eq '{}'",
    "proxyAddresses/any(p:p eq 'smtp:{}')",
    "proxyAddresses/any(p:p eq 'SMTP:{}')",
    "otherMails/any(o:o eq '{}')",
    "mail eq '{0}' or proxyAddresses/any(p:p eq 'smtp:{0}') or otherMails/any(o:o eq '{0}')",
    "userType eq 'Guest' and mail eq '{}'",
    "startswith(mail,'{}')",
    "mail in ('nobody@x.y','{}')",
    "identities/any(i:i/issuer eq 'contoso.onmicrosoft.com') and mail eq '{}'",
]


@shows("GET /users", rung=2)
@pytest.mark.parametrize("look_up", LOOK_UPS)
async def test_a_guest_is_found_whatever_the_case(caller: Caller, look_up: str) -> None:
    guest = await caller.guest("ana@fabrikam.com")
    await caller.guest("anabel@northwind.com")
    reply = await caller.graph("GET", f"/users?$filter={look_up.format('Ana@Fabrikam.com')}&$select=id")
    assert [user["id"] for user in reply.json()["value"]] == [guest]


@shows("GET /users", "GET /groups/{id}/members", rung=2)
@pytest.mark.parametrize(
    "query",
    [
        "$filter=endswith(mail,'fabrikam.com')",
        "$filter=userType ne 'Guest'",
        "$filter=not(userType eq 'Guest')",
        "$filter=mail eq null",
        "$filter=userType eq 'Guest'&$orderby=displayName",
        '$search="displayName:ana"',
    ],
)
@pytest.mark.parametrize("path", ["/users", f"/groups/{PROJECT}/members"])
async def test_advanced_queries_need_the_header_and_the_count(caller: Caller, path: str, query: str) -> None:
    assert error_of(await caller.graph("GET", f"{path}?{query}"))[:2] == (400, "Request_UnsupportedQuery")
    reply = await caller.graph("GET", f"{path}?{query}&$count=true", eventual=True)
    assert reply.status_code == 200, reply.text
    assert reply.json()["@odata.count"] == len(reply.json()["value"])


@shows("GET /users", rung=2)
@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("$filter=aboutMe eq 'x'", 400),
        ("$filter=mail eq", 400),
        ("$filter=mail like 'x'", 400),
        ("$filter=contains(mail,'x')", 400),
        ("$filter=mail eq 'a' mail eq 'b'", 400),
        ("$filter=", 400),
        ("$top=0", 400),
        ("$top=1000", 400),
        ("$skip=5", 400),
        ("$select=unheardOf", 400),
        ("$select=aboutMe", 501),
        ("$expand=manager", 501),
        ("$expand=unheardOf", 400),
        ("$apply=groupby((mail))", 400),
        ("$skiptoken=nonsense", 400),
        ("$select=id&$select=mail", 400),
    ],
)
async def test_queries_that_the_directory_does_not_answer_are_refused(caller: Caller, query: str, status: int) -> None:
    assert (await caller.graph("GET", f"/users?{query}")).status_code == status


@shows("GET /users", rung=2)
@pytest.mark.parametrize("extra", ["", "&$orderby=displayName", "&$filter=userType eq 'Guest'"])
async def test_pages_show_everyone_once(caller: Caller, extra: str) -> None:
    for number in range(23):
        await caller.guest(f"g{number}@fabrikam.com")
    found: list[str] = []
    link = f"/users?$top=5&$select=id{extra}"
    while link:
        page = (await caller.graph("GET", link)).json()
        assert len(page["value"]) <= 5
        found += [user["id"] for user in page["value"]]
        link = page.get("@odata.nextLink", "")
    assert len(found) == len(set(found)) == (23 if "Guest" in extra else 27)


async def test_a_page_skips_nobody_when_somebody_before_it_is_deleted(caller: Caller) -> None:
    page = (await caller.graph("GET", "/users?$top=2&$select=id")).json()
    await caller.graph("DELETE", f"/users/{MIA}")
    rest = (await caller.graph("GET", page["@odata.nextLink"])).json()["value"]
    assert [user["id"] for user in rest] == [LI, "bbbbbbbb-0000-4000-8000-000000000004"]


@shows("GET /users/{id}", rung=2)
async def test_only_the_default_properties_come_without_select(caller: Caller) -> None:
    guest = await caller.guest("ana@fabrikam.com")
    plain = (await caller.graph("GET", f"/users/{guest}")).json()
    assert "externalUserState" not in plain
    assert "accountEnabled" not in plain
    by_name = await caller.graph("GET", "/users/ana_fabrikam.com%23EXT%23@contoso.onmicrosoft.com?$select=externalUserState")
    assert by_name.json() == {
        "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#users(externalUserState)/$entity",
        "externalUserState": "PendingAcceptance",
    }
    assert error_of(await caller.graph("GET", "/users/nobody@contoso.com"))[:2] == (404, "Request_ResourceNotFound")


@shows("GET /users/{id}", rung=2)
async def test_sign_in_activity_needs_its_permission_and_a_premium_tenant(caller: Caller) -> None:
    path = f"/users/{MIA}?$select=id,signInActivity"
    assert "signInActivity" not in (await caller.graph("GET", path)).json()
    assert error_of(await caller.graph("GET", path, roles=("User.Read.All",)))[0] == 403
    await caller.control("POST", "seed", {"organization": {"premium": False}})
    assert error_of(await caller.graph("GET", path))[:2] == (403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant")


@shows("PATCH /users/{id}", rung=2)
@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"companyName": "Fabrikam", "usageLocation": None}, 204),
        ({"accountEnabled": "no"}, 400),
        ({"externalUserState": "Accepted"}, 400),
        ({"unheardOf": 1}, 400),
        ({"companyName": "x" * 65}, 400),
        ({"userType": "Owner"}, 400),
        ({"displayName": ""}, 400),
        ({"userPrincipalName": "ana@fabrikam.com"}, 400),
        ({"userPrincipalName": "mia@contoso.com"}, 400),
        ({"mail": "noor@contoso.com"}, 400),
        ({"mail": "ana.new@fabrikam.com", "otherMails": ["ana.new@fabrikam.com"]}, 204),
    ],
    ids=str,
)
async def test_changes_of_a_user_are_checked(caller: Caller, body: dict[str, Any], status: int) -> None:
    guest = await caller.guest("ana@fabrikam.com")
    assert (await caller.graph("PATCH", f"/users/{guest}", body)).status_code == status
    (user,) = [user for user in (await caller.state())["users"] if user["id"] == guest]
    assert all(user.get(name) == value for name, value in body.items()) is (status == 204)


async def test_a_new_mail_becomes_the_primary_proxy_address(caller: Caller) -> None:
    guest = await caller.guest("ana@fabrikam.com")
    await caller.graph("PATCH", f"/users/{guest}", {"mail": "ana.new@fabrikam.com"})
    reply = await caller.graph("GET", f"/users/{guest}?$select=proxyAddresses")
    assert reply.json()["proxyAddresses"] == ["SMTP:ana.new@fabrikam.com", "smtp:ana@fabrikam.com"]


@shows("PATCH /users/{id}", "DELETE /users/{id}", rung=2)
async def test_small_permissions_do_small_things_and_administrators_are_out_of_reach(caller: Caller) -> None:
    guest, administrator = await caller.guest("ana@fabrikam.com"), "bbbbbbbb-0000-4000-8000-000000000004"
    blocking = ("User.EnableDisableAccount.All", "User.Read.All")

    async def patch(user: str, body: dict[str, Any], *roles: str) -> int:
        return (await caller.graph("PATCH", f"/users/{user}", body, roles=roles or None)).status_code

    assert await patch(guest, {"accountEnabled": False}, *blocking) == 204
    assert await patch(guest, {"accountEnabled": False}, "User.EnableDisableAccount.All") == 403
    assert await patch(guest, {"companyName": "x"}, *blocking) == 403
    assert await patch(administrator, {"accountEnabled": False}) == 403
    assert await patch(administrator, {"companyName": "x"}) == 204
    assert (await caller.graph("DELETE", f"/users/{administrator}")).status_code == 403


@shows(
    "DELETE /users/{id}",
    "GET /directory/deletedItems/graph.user",
    "GET /directory/deletedItems/{id}",
    "POST /directory/deletedItems/{id}/restore",
    "DELETE /directory/deletedItems/{id}",
    rung=2,
)
async def test_a_deleted_guest_can_be_found_restored_with_memberships_and_purged(caller: Caller) -> None:
    guest = await caller.guest("ana@fabrikam.com")
    link = {"@odata.id": f"https://graph.microsoft.com/v1.0/directoryObjects/{guest}"}
    await caller.graph("POST", f"/groups/{PROJECT}/members/$ref", link)
    assert (await caller.graph("DELETE", f"/users/{guest}")).status_code == 204
    assert (await caller.graph("DELETE", f"/users/{guest}")).status_code == 404
    assert (await caller.graph("GET", f"/users/{guest}")).status_code == 404
    assert guest not in (await caller.graph("GET", f"/groups/{PROJECT}/members")).text
    by_mail = "/directory/deletedItems/graph.user?$filter=mail eq 'ana@fabrikam.com'&$select=id,userPrincipalName"
    (found,) = (await caller.graph("GET", by_mail)).json()["value"]
    assert found["userPrincipalName"] == guest.replace("-", "") + "ana_fabrikam.com#EXT#@contoso.onmicrosoft.com"
    restored = await caller.graph("POST", f"/directory/deletedItems/{guest}/restore")
    assert restored.json()["userPrincipalName"] == "ana_fabrikam.com#EXT#@contoso.onmicrosoft.com"
    assert guest in (await caller.graph("GET", f"/groups/{PROJECT}/members")).text
    await caller.graph("DELETE", f"/users/{guest}")
    assert (await caller.graph("DELETE", f"/directory/deletedItems/{guest}")).status_code == 204
    assert (await caller.graph("POST", f"/directory/deletedItems/{guest}/restore")).status_code == 404
    other = await caller.guest("bo@fabrikam.com")
    await caller.graph("DELETE", f"/users/{other}")
    await caller.control("POST", "clock", {"advance": 30 * 86_400 + 1})
    assert (await caller.graph("GET", f"/directory/deletedItems/{other}")).status_code == 404


@shows("PATCH /groups/{id}", "POST /groups/{id}/members/$ref", "DELETE /groups/{id}/members/{reference}/$ref", rung=2)
async def test_members_are_bound_twenty_at_a_time_all_or_none(caller: Caller) -> None:
    guests = [await caller.guest(f"g{number}@fabrikam.com") for number in range(22)]

    async def bind(*ids: str) -> Any:
        links = [f"https://graph.microsoft.com/v1.0/directoryObjects/{identifier}" for identifier in ids]
        return await caller.graph(
            "PATCH", f"/groups/{PROJECT}", {"members@odata.bind": links}, roles=("GroupMember.ReadWrite.All",)
        )

    async def members() -> set[str]:
        (group,) = [group for group in (await caller.state())["groups"] if group["id"] == PROJECT]
        return set(group["members"]) - {MIA, NOOR}

    assert error_of(await bind(*guests[:21]))[0] == 400
    assert (await bind(*guests[:20])).status_code == 204
    assert await members() == set(guests[:20])
    status, code, message = error_of(await bind(guests[20], guests[3]))
    assert (status, code) == (400, "Request_BadRequest")
    assert message == "One or more added object references already exist for the following modified properties: 'members'."
    assert error_of(await bind(guests[20], guests[20]))[0] == 400
    assert error_of(await bind(guests[20], "99999999-9999-4999-8999-999999999999"))[:2] == (404, "Request_ResourceNotFound")
    assert await members() == set(guests[:20])
    path = f"/groups/{PROJECT}/members/{guests[0]}/$ref"
    assert [(await caller.graph("DELETE", path)).status_code for _ in range(2)] == [204, 404]


@shows("PATCH /groups/{id}", "POST /groups/{id}/members/$ref", "DELETE /groups/{id}/members/{reference}/$ref", rung=2)
@pytest.mark.parametrize(
    ("group", "status"),
    [
        ("all-guests", 403),
        ("plant-staff", 400),
        ("helpdesk-operators", 403),
        ("partner-news", 400),
        ("free-busy-staff", 400),
        ("partner-readers", 204),
    ],
)
async def test_groups_that_are_kept_elsewhere_refuse_members(caller: Caller, group: str, status: int) -> None:
    (found,) = [item for item in (await caller.state())["groups"] if item["mailNickname"] == group]
    link = f"https://graph.microsoft.com/v1.0/directoryObjects/{LI}"
    bound = await caller.graph("PATCH", f"/groups/{found['id']}", {"members@odata.bind": [link]})
    assert bound.status_code == status
    if status != 204:
        assert (await caller.graph("POST", f"/groups/{found['id']}/members/$ref", {"@odata.id": link})).status_code == status
        assert (await caller.graph("DELETE", f"/groups/{found['id']}/members/{MIA}/$ref")).status_code == status
    role_manager = ("GroupMember.ReadWrite.All", "RoleManagement.ReadWrite.Directory")
    if group == "helpdesk-operators":
        path = f"/groups/{found['id']}/members/$ref"
        assert (await caller.graph("POST", path, {"@odata.id": link}, roles=role_manager)).status_code == 204


@shows("POST /users/{id}/checkMemberGroups", "GET /users/{id}/memberOf", rung=2)
async def test_membership_is_asked_for_twenty_groups_and_through_nested_ones(caller: Caller) -> None:
    body = {"displayName": "Outer", "mailNickname": "outer", "mailEnabled": False, "securityEnabled": True}
    outer = (await caller.graph("POST", "/groups", body)).json()["id"]
    link = f"https://graph.microsoft.com/v1.0/directoryObjects/{READERS}"
    assert (await caller.graph("POST", f"/groups/{outer}/members/$ref", {"@odata.id": link})).status_code == 204
    link = f"https://graph.microsoft.com/v1.0/directoryObjects/{LI}"
    await caller.graph("POST", f"/groups/{READERS}/members/$ref", {"@odata.id": link})

    async def check(*groups: str) -> Any:
        return await caller.graph("POST", f"/users/{LI}/checkMemberGroups", {"groupIds": list(groups)})

    assert (await check(PROJECT, READERS, outer)).json()["value"] == [READERS, outer]
    direct = {group["id"] for group in (await caller.graph("GET", f"/users/{LI}/memberOf")).json()["value"]}
    assert direct == {READERS, "aaaaaaaa-0000-4000-8000-000000000004"}
    assert error_of(await check(*[PROJECT] * 21))[0] == 400
    assert error_of(await check("project"))[0] == 400
    assert error_of(await check())[0] == 400


@shows("POST /groups", "PATCH /groups/{id}", rung=2)
@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, 201),
        ({"mailNickname": "fabrikam-project"}, 400),
        ({"mailNickname": "has space"}, 400),
        ({"mailNickname": None}, 400),
        ({"displayName": ""}, 400),
        ({"groupTypes": []}, 400),
        ({"groupTypes": [], "mailEnabled": False, "securityEnabled": True, "mailNickname": "fabrikam-project"}, 201),
        ({"groupTypes": ["Unified", "DynamicMembership"]}, 400),
        ({"members@odata.bind": [f"https://graph.microsoft.com/v1.0/users/{MIA}"] * 21}, 400),
        ({"members@odata.bind": [f"https://graph.microsoft.com/v1.0/groups/{READERS}"]}, 400),
        ({"isAssignableToRole": True}, 403),
        ({"unheardOf": 1}, 400),
    ],
    ids=str,
)
async def test_new_groups_are_checked(caller: Caller, change: dict[str, Any], status: int) -> None:
    body = {
        "displayName": "New",
        "mailNickname": "new",
        "mailEnabled": True,
        "securityEnabled": False,
        "groupTypes": ["Unified"],
        **change,
    }
    assert (await caller.graph("POST", "/groups", body)).status_code == status
    assert len((await caller.state())["groups"]) == (8 if status == 201 else 7)


@shows("DELETE /groups/{id}/owners/{reference}/$ref", "POST /groups/{id}/owners/$ref", "GET /groups/{id}/owners", rung=2)
async def test_the_last_owner_of_a_microsoft_365_group_stays(caller: Caller) -> None:
    path = f"/groups/{PROJECT}/owners/{MIA}/$ref"
    assert error_of(await caller.graph("DELETE", path))[0] == 400
    link = {"@odata.id": f"https://graph.microsoft.com/v1.0/users/{NOOR}"}
    assert [(await caller.graph("POST", f"/groups/{PROJECT}/owners/$ref", link)).status_code for _ in range(2)] == [204, 400]
    assert (await caller.graph("DELETE", path)).status_code == 204
    assert [o["id"] for o in (await caller.graph("GET", f"/groups/{PROJECT}/owners")).json()["value"]] == [NOOR]


@shows("PATCH /policies/authorizationPolicy", rung=2)
@pytest.mark.parametrize(
    "body",
    [
        {"allowInvitesFrom": "anybody"},
        {"guestUserRoleId": MIA},
        {"unheardOf": 1},
        {"defaultUserRolePermissions": {"unheardOf": 1}},
    ],
)
async def test_the_authorization_policy_refuses_unknown_values(caller: Caller, body: dict[str, Any]) -> None:
    assert error_of(await caller.graph("PATCH", "/policies/authorizationPolicy", body))[0] == 400


@shows("GET /tenantRelationships/findTenantInformationByDomainName(domainName='{value}')", rung=2)
@pytest.mark.parametrize(
    ("domain", "status"),
    [("fabrikam.com", 200), ("FABRIKAM.co.uk", 200), ("contoso.com", 200), ("nobody.example", 404), ("not a domain", 400)],
)
async def test_a_domain_belongs_to_one_tenant_or_none(caller: Caller, domain: str, status: int) -> None:
    reply = await caller.graph("GET", f"/tenantRelationships/findTenantInformationByDomainName(domainName='{domain}')")
    assert reply.status_code == status
    if "fabrikam" in domain.lower():
        assert reply.json()["tenantId"] == "22222222-2222-2222-2222-222222222222"


@shows("GET /users/$count", rung=2)
async def test_a_bare_count_is_text_and_needs_the_header(caller: Caller) -> None:
    assert error_of(await caller.graph("GET", "/users/$count"))[0] == 400
    reply = await caller.graph("GET", "/users/$count?$filter=userType eq 'Member'", eventual=True)
    assert (reply.text, reply.headers["Content-Type"]) == ("4", "text/plain")


@shows("POST /users/{id}/revokeSignInSessions", rung=2)
async def test_ending_sessions_moves_the_moment_from_which_they_are_valid(caller: Caller, time: StandingTime) -> None:
    guest = await caller.guest("ana@fabrikam.com")
    time.forward(60)
    assert (await caller.graph("POST", f"/users/{guest}/revokeSignInSessions")).json()["value"] is True
    reply = await caller.graph("GET", f"/users/{guest}?$select=signInSessionsValidFromDateTime,accountEnabled")
    assert (reply.json()["signInSessionsValidFromDateTime"], reply.json()["accountEnabled"]) == ("2026-11-22T12:01:00Z", True)


@shows("GET /tenantRelationships/findTenantInformationByTenantId(tenantId='{value}')", rung=2)
@pytest.mark.parametrize(("identifier", "status"), [("22222222-2222-2222-2222-222222222222", 200), (MIA, 404), ("x", 400)])
async def test_a_tenant_is_found_by_its_id(caller: Caller, identifier: str, status: int) -> None:
    reply = await caller.graph("GET", f"/tenantRelationships/findTenantInformationByTenantId(tenantId='{identifier}')")
    assert reply.status_code == status


@shows("GET /contacts", "GET /contacts/{id}", rung=2)
async def test_a_contact_that_clashes_with_an_address_is_found(caller: Caller) -> None:
    path = "/contacts?$filter=proxyAddresses/any(p:p eq 'smtp:carlos.contact@northwind.com')&$select=id,mail"
    (found,) = (await caller.graph("GET", path)).json()["value"]
    assert (await caller.graph("GET", f"/contacts/{found['id']}")).json()["companyName"] == "Northwind"
    assert error_of(await caller.graph("GET", f"/contacts/{MIA}"))[0] == 404


@shows("GET /policies/authorizationPolicy", rung=2)
async def test_the_authorization_policy_keeps_what_was_not_named(caller: Caller) -> None:
    before = (await caller.graph("GET", "/policies/authorizationPolicy")).json()
    change = {
        "guestUserRoleId": "2af84b1e-32c8-42b7-82bc-daa82404023b",
        "defaultUserRolePermissions": {"allowedToCreateApps": False},
    }
    assert (await caller.graph("PATCH", "/policies/authorizationPolicy", change)).status_code == 204
    after = (await caller.graph("GET", "/policies/authorizationPolicy")).json()
    permissions = {**before["defaultUserRolePermissions"], "allowedToCreateApps": False}
    assert after == {**before, "guestUserRoleId": change["guestUserRoleId"], "defaultUserRolePermissions": permissions}
