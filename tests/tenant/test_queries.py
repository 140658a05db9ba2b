"""Queries by Microsoft's tables: what a filter may name, what comes back, what is counted.

https://learn.microsoft.com/graph/aad-advanced-queries and https://learn.microsoft.com/graph/query-parameters
"""

from typing import Any

import pytest

from devstack.tenant.coverage import shows
from tests.tenant.calling import MIA, PROJECT, READERS, Caller, error_of
from tests.tenant.replays import NORTHWIND


@shows("GET /users", "GET /groups", "GET /contacts", rung=2)
@pytest.mark.parametrize(
    "query",
    [
        "/users?$filter=companyName eq 'Fabrikam'",
        "/users?$filter=startswith(officeLocation,'1')",
        "/users?$filter=mobilePhone eq '1'",
        "/users?$filter=businessPhones/any(p:p eq '1')",
        "/users?$filter=employeeType eq 'x' and department eq 'y'",
        "/groups?$filter=description eq 'x'",
        "/groups?$filter=expirationDateTime le 2027-01-01T00:00:00Z",
        "/contacts?$filter=companyName eq 'Northwind'",
    ],
)
async def test_some_properties_are_filtered_from_the_index_alone(caller: Caller, query: str) -> None:
    for eventual, more in ((False, ""), (True, ""), (False, "&$count=true")):
        assert error_of(await caller.graph("GET", query + more, eventual=eventual))[:2] == (400, "Request_UnsupportedQuery")
    assert (await caller.graph("GET", f"{query}&$count=true", eventual=True)).status_code == 200


@shows("GET /servicePrincipals", rung=2)
async def test_applications_by_owner_are_an_advanced_query(caller: Caller) -> None:
    seed = {"servicePrincipals": [{"displayName": f"Portal {n}", "appOwnerOrganizationId": NORTHWIND} for n in range(3)]}
    await caller.control("POST", "seed", seed)
    path = f"/servicePrincipals?$filter=appOwnerOrganizationId eq {NORTHWIND}&$select=displayName&$top=2"
    assert error_of(await caller.graph("GET", path))[:2] == (400, "Request_UnsupportedQuery")
    first = (await caller.graph("GET", f"{path}&$count=true", eventual=True)).json()
    assert (first["@odata.count"], len(first["value"])) == (3, 2)
    rest = (await caller.graph("GET", first["@odata.nextLink"], eventual=True)).json()
    assert rest["value"] == [{"displayName": "Portal 2"}]


@pytest.mark.parametrize(
    "query",
    [
        "/groups?$filter=hasMembersWithLicenseErrors eq true",
        "/users?$filter=manager/id eq 'x'",
        f"/groups/{PROJECT}/members?$expand=memberOf",
        '/servicePrincipals?$search="displayName:x"',
        "/policies/crossTenantAccessPolicy/partners?$filter=tenantId eq 'x'",
        "/organization?$expand=branding",
        "/auditLogs/directoryAudits?$orderby=activityDateTime",
        "/contacts/delta",
    ],
)
async def test_what_microsoft_has_and_the_simulation_has_not_is_never_passed_over(caller: Caller, query: str) -> None:
    status, code, message = error_of(await caller.graph("GET", query))
    assert (status, code) == (501, "NotSimulated")
    assert "Write it in devstack/tenant/graph/" in message


@pytest.mark.parametrize(
    ("path", "file"),
    [
        ("/groups/$metadata", "groups"),
        (f"/groups/{PROJECT}/members/graph.group", "group_references"),
        (f"/users/{MIA}/photo", "users"),
        ("/policies/crossTenantAccessPolicy/templates", "cross_tenant_access"),
        ("/agreements", "agreements"),
        ("/employeeExperience/roles", "communities"),
    ],
)
async def test_the_file_that_is_named_is_that_of_the_nearest_operation(caller: Caller, path: str, file: str) -> None:
    error = (await caller.graph("GET", path)).json()["error"]
    assert error["innerError"]["file"] == f"devstack/tenant/graph/{file}.py"


@shows("GET /policies/crossTenantAccessPolicy/partners", "GET /policies/authorizationPolicy", "GET /organization/{id}", rung=2)
async def test_selected_properties_are_the_only_ones(caller: Caller) -> None:
    await caller.control("POST", "seed", {"crossTenantPartners": [{"tenantId": NORTHWIND}]})
    reply = await caller.graph("GET", "/policies/crossTenantAccessPolicy/partners?$select=tenantId,inboundTrust")
    assert reply.json()["value"] == [{"tenantId": NORTHWIND, "inboundTrust": None}]
    reply = await caller.graph("GET", "/policies/authorizationPolicy?$select=AllowInvitesFrom")
    assert reply.json().keys() == {"@odata.context", "allowInvitesFrom"}


@shows("GET /users", "GET /users/{id}", rung=2)
async def test_selected_names_are_spelled_as_graph_spells_them(caller: Caller) -> None:
    reply = (await caller.graph("GET", "/users?$select=ID,displayname&$top=1")).json()
    assert reply["@odata.context"].endswith("#users(id,displayName)")
    assert reply["value"][0].keys() == {"id", "displayName"}


@shows("GET /groups/$count", "GET /groups/{id}/members/$count", "GET /groups/{id}/members/graph.user/$count", rung=2)
@shows("GET /groups/{id}/owners/$count", "GET /users/{id}/memberOf/$count", "GET /users/{id}/memberOf/graph.group/$count", rung=2)
@pytest.mark.parametrize(
    ("path", "count"),
    [
        ("/groups/$count", 7),
        ("/groups/$count?$filter=mailEnabled eq true", 3),
        (f"/groups/{PROJECT}/members/$count", 2),
        (f"/groups/{PROJECT}/members/microsoft.graph.user/$count", 2),
        (f"/groups/{PROJECT}/owners/$count", 1),
        (f"/users/{MIA}/memberOf/$count", 2),
        (f"/users/{MIA}/memberOf/microsoft.graph.group/$count", 2),
    ],
)
async def test_counts_are_plain_text_and_come_from_the_index(caller: Caller, path: str, count: int) -> None:
    reply = await caller.graph("GET", path, eventual=True)
    assert (reply.status_code, reply.text, reply.headers["Content-Type"]) == (200, str(count), "text/plain")
    refused = error_of(await caller.graph("GET", path))
    assert refused == (400, "Request_BadRequest", "$count is not currently supported.")


async def test_the_next_page_is_that_of_the_same_user_name(caller: Caller) -> None:
    guest = await caller.guest("ana@fabrikam.com")
    for group in (PROJECT, READERS):
        await caller.control("POST", "act", {"do": "add-member", "target": group, "who": guest})
    first = await caller.graph("GET", "/users/ana_fabrikam.com%23EXT%23%40contoso.onmicrosoft.com/memberOf?$select=id&$top=1")
    rest = await caller.graph("GET", first.json()["@odata.nextLink"])
    assert [one.json()["value"][0]["id"] for one in (first, rest)] == [PROJECT, READERS]


@shows("GET /users/{id}/memberOf/graph.group", rung=2)
async def test_groups_of_somebody_by_cast(caller: Caller) -> None:
    path = f"/users/{MIA}/memberOf/microsoft.graph.group?$count=true&$orderby=displayName&$filter=startswith(displayName,'F')"
    reply = (await caller.graph("GET", f"{path}&$select=displayName", eventual=True)).json()
    assert (reply["@odata.count"], [group["displayName"] for group in reply["value"]]) == (
        2,
        ["Fabrikam Project", "Free Busy Staff"],
    )


@shows("GET /users", "GET /users/{id}", rung=2)
async def test_sign_ins_come_by_id_and_five_hundred_at_most(caller: Caller) -> None:
    # https://learn.microsoft.com/graph/api/user-list: "requests with $top set higher than 500 return pages with up to 500 users".
    people: list[dict[str, Any]] = [{"mail": f"g{n}@fabrikam.com"} for n in range(520)]
    people[0]["signInActivity"] = {"lastSignInDateTime": "2026-11-01T00:00:00Z"}
    await caller.control("POST", "seed", {"users": people})
    pages = (await caller.graph("GET", "/users?$select=id,signInActivity&$top=999")).json()
    assert (len(pages["value"]), "@odata.nextLink" in pages) == (500, True)
    # "This property isn't returned for a user who never signed in": https://learn.microsoft.com/graph/api/resources/user
    assert [user for user in pages["value"] if "signInActivity" in user] == [
        {"id": pages["value"][4]["id"], "signInActivity": {"lastSignInDateTime": "2026-11-01T00:00:00Z"}}
    ]
    by_name = error_of(await caller.graph("GET", "/users/mia@contoso.com?$select=id,signInActivity"))
    assert by_name == (400, "BadRequest", "Get By Key only supports UserId and the key has to be a valid Guid")


@shows("GET /auditLogs/signIns", rung=2)
async def test_sign_ins_are_found_by_the_name_of_the_application(caller: Caller) -> None:
    # https://learn.microsoft.com/graph/api/signin-list#example-2-retrieve-the-first-10-sign-ins-to-apps-with-the-appdisplayname-that-starts-with-graph
    made = {"userPrincipalName": "mia@contoso.com", "userId": MIA, "ipAddress": "192.0.2.1", "conditionalAccessStatus": "success"}
    seed = [{**made, "createdDateTime": "2026-11-22T11:00:00Z", "appDisplayName": name} for name in ("Graph explorer", "Teams")]
    await caller.control("POST", "seed", {"signIns": seed})
    reply = await caller.graph("GET", "/auditLogs/signIns?&$filter=startsWith(appDisplayName,'Graph')&$top=10")
    assert [one["appDisplayName"] for one in reply.json()["value"]] == ["Graph explorer"]


@shows("GET /sites/{id}", rung=2)
async def test_the_root_site_names_the_host(caller: Caller) -> None:
    # https://learn.microsoft.com/graph/api/site-get: facts 5.2 finds the tenant's SharePoint host by it.
    reply = await caller.graph("GET", "/sites/root?$select=webUrl,siteCollection")
    assert reply.json()["webUrl"] == "https://contoso.sharepoint.com"
    assert reply.json()["siteCollection"] == {"hostname": "contoso.sharepoint.com"}


@shows("GET /sites/{id}", "GET /sites/{id}/drives", rung=2)
@pytest.mark.parametrize("path", ["contoso.sharepoint.com:/sites/fabrikam", "contoso.sharepoint.com:%2Fsites%2Ffabrikam"])
async def test_a_site_is_found_by_host_and_path(caller: Caller, path: str) -> None:
    # https://learn.microsoft.com/graph/api/site-getbypath
    assert (await caller.graph("GET", f"/sites/{path}")).json()["displayName"] == "Fabrikam"
    assert (await caller.graph("GET", f"/sites/{path}:/drives")).json()["value"][0]["id"] == "b!fabrikam"
    assert (await caller.graph("GET", "/sites/contoso.sharepoint.com:/sites/nowhere")).status_code == 404


async def test_actions_and_functions_may_be_qualified(caller: Caller) -> None:
    name = "microsoft.graph.findTenantInformationByDomainName(domainName='fabrikam.com')"
    assert (await caller.graph("GET", f"/tenantRelationships/{name}")).json()["displayName"] == "Fabrikam"
    reply = await caller.graph("POST", f"/users/{MIA}/microsoft.graph.checkMemberGroups", {"groupIds": [PROJECT]})
    assert reply.json()["value"] == [PROJECT]
