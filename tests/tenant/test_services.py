"""SharePoint's own REST, Teams' ConfigAPI and Fabric: who may call, what they refuse, what is lost."""

from typing import Any

import httpx
import pytest
from msgraph.generated.drives.item.items.item.invite.invite_post_request_body import InvitePostRequestBody
from msgraph.generated.models.drive_recipient import DriveRecipient
from msgraph.generated.models.sharepoint_settings import SharepointSettings
from msgraph.generated.models.sharing_domain_restriction_mode import SharingDomainRestrictionMode
from msgraph.graph_service_client import GraphServiceClient

from devstack.tenant.coverage import shows
from tests.tenant.calling import LI, MIA, PROJECT, READERS, Caller
from tests.tenant.test_microsoft_clients import environment, graph

__all__ = ["environment", "graph"]

SITES, ADMIN = "https://contoso.sharepoint.com", "https://contoso-admin.sharepoint.com"
TEAMS, FABRIC = "48ac35b8-9aa8-4d74-927d-1f4a14a0b239", "https://api.fabric.microsoft.com"
FULL = ("Sites.FullControl.All",)
SITE = "/sites/fabrikam/_api"
LIMIT = "/_api/SPO.Tenant/sites('dddddddd-0000-4000-8000-000000000001')"
FEDERATION = "/Skype.Policy/configurations/TenantFederationSettings/configuration/Global"
ROLES = "/v1/workspaces/eeeeeeee-0000-4000-8000-000000000001/roleAssignments"
CLAIM = f"c:0t.c|tenant|{READERS}"


async def call(caller: Caller, resource: str, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
    roles = more.pop("roles", FULL)
    extra = {"OData-Version": "4.0", "x-authz-scope": "tenant"}
    headers = {**caller.bearer(resource, roles=roles, **more), **extra}
    return await caller.http.request(method, f"{caller.tenant.address}{path}", json=body, headers=headers)


GOOD = [
    (ADMIN, "GET", LIMIT, None, 200),
    (ADMIN, "PATCH", LIMIT, {"SharingCapability": 0}, 204),
    (SITES, "GET", f"{SITE}/site", None, 200),
    (SITES, "POST", f"{SITE}/web/ensureuser", {"logonName": CLAIM}, 200),
    (SITES, "GET", f"{SITE}/web/associatedvisitorgroup/users", None, 200),
    (TEAMS, "GET", FEDERATION, None, 200),
    (TEAMS, "PUT", FEDERATION, {"AllowFederatedUsers": False}, 200),
    (FABRIC, "GET", "/v1/workspaces", None, 200),
    (FABRIC, "GET", ROLES, None, 200),
    (FABRIC, "POST", ROLES, {"principal": {"id": READERS, "type": "Group"}, "role": "Viewer"}, 201),
    (FABRIC, "GET", "/v1/admin/tenantsettings", None, 200),
]


@shows("services", rung=4)
@pytest.mark.parametrize(("resource", "method", "path", "body", "status"), GOOD)
async def test_only_tokens_for_the_very_service_are_taken_and_failures_change_nothing(
    caller: Caller, resource: str, method: str, path: str, body: Any, status: int
) -> None:
    before = await caller.state()
    assert (await call(caller, "https://graph.microsoft.com", method, path, body)).status_code == 401
    await caller.control("POST", "faults", [{"effect": "status", "status": 429, "headers": {"Retry-After": 3}, "times": 1}])
    throttled = await call(caller, resource, method, path, body)
    assert (throttled.status_code, throttled.headers["Retry-After"]) == (429, "3")
    assert await caller.state() == before
    assert (await call(caller, resource, method, path, body)).status_code == status
    assert ((await caller.state()) != before) is (method != "GET")


@shows("GET /_api/SPO.Tenant/sites('{id}')", "PATCH /_api/SPO.Tenant/sites('{id}')", rung=2)
async def test_a_site_is_never_more_open_than_the_tenant(caller: Caller) -> None:
    assert (await call(caller, ADMIN, "GET", LIMIT, roles=())).status_code == 403
    assert (await call(caller, SITES, "GET", LIMIT)).status_code == 401
    await caller.control("POST", "seed", {"sharepoint": {"settings": {"sharingCapability": "existingExternalUserSharingOnly"}}})
    refused = await call(caller, ADMIN, "PATCH", LIMIT, {"SharingCapability": 2})
    assert (refused.status_code, "odata.error" in refused.json()) == (400, True)
    assert (await call(caller, ADMIN, "PATCH", LIMIT, {"SharingCapability": 3})).status_code == 204


async def test_a_group_is_known_by_its_right_claim_only(caller: Caller) -> None:
    wrong = {"logonName": f"c:0o.c|federateddirectoryclaimprovider|{READERS}"}
    assert (await call(caller, SITES, "POST", f"{SITE}/web/ensureuser", wrong)).status_code == 400
    people = f"{SITE}/web/associatedmembergroup/users"
    assert (await call(caller, SITES, "POST", people, {"LoginName": CLAIM})).status_code == 400
    number = (await call(caller, SITES, "POST", f"{SITE}/web/ensureuser", {"logonName": CLAIM})).json()["Id"]
    for _ in range(2):
        assert (await call(caller, SITES, "POST", people, {"LoginName": CLAIM})).status_code == 201
    assert (await call(caller, SITES, "POST", f"{people}/removebyid({number})")).status_code == 200
    assert (await call(caller, SITES, "POST", f"{people}/removebyid({number})")).status_code == 404


async def test_teams_takes_the_whole_object_and_needs_its_administrator(caller: Caller) -> None:
    reader = {"directory_roles": ("Global Reader",)}
    assert (await call(caller, TEAMS, "PUT", FEDERATION, {}, **reader)).status_code == 403
    whole = (await call(caller, TEAMS, "GET", FEDERATION, **reader)).json()
    assert whole["AllowedDomains"] == {}
    body = {**whole, "AllowTeamsConsumer": False, "AllowedDomains": {"AllowList": ["Fabrikam.com"]}}
    assert (await call(caller, TEAMS, "PUT", FEDERATION, body)).status_code == 200
    now = (await call(caller, TEAMS, "GET", FEDERATION)).json()
    assert (now["AllowedDomains"], now["AllowTeamsConsumer"]) == ({"AllowedDomain": [{"Domain": "fabrikam.com"}]}, False)
    await call(caller, TEAMS, "PUT", FEDERATION, {"AllowedDomains": now["AllowedDomains"]})
    assert (await call(caller, TEAMS, "GET", FEDERATION)).json()["AllowTeamsConsumer"] is True


async def test_roles_in_a_workspace(caller: Caller) -> None:
    group = {"principal": {"id": READERS, "type": "Group"}, "role": "Viewer"}
    assert (await call(caller, FABRIC, "POST", ROLES, group)).status_code == 201
    twice = await call(caller, FABRIC, "POST", ROLES, group)
    assert (twice.status_code, twice.json()["errorCode"]) == (409, "PrincipalAlreadyHasWorkspaceRolePermissions")
    wrong = {"principal": {"id": LI, "type": "Group"}, "role": "Viewer"}
    assert (await call(caller, FABRIC, "POST", ROLES, wrong)).json()["errorCode"] == "InvalidPrincipal"
    assert (await call(caller, FABRIC, "PATCH", f"{ROLES}/{READERS}", {"role": "Member"})).json()["role"] == "Member"
    assert (await call(caller, FABRIC, "DELETE", f"{ROLES}/{MIA}")).status_code == 200
    own = next(one["id"] for one in (await call(caller, FABRIC, "GET", ROLES)).json()["value"] if one["role"] == "Admin")
    assert (await call(caller, FABRIC, "DELETE", f"{ROLES}/{own}")).json()["errorCode"] == "LastAdminCannotBeRemoved"
    other = ROLES.replace("0001/", "0002/")
    assert (await call(caller, FABRIC, "GET", other)).json()["errorCode"] == "WorkspaceNotFound"
    await caller.control("POST", "seed", {"fabric": {"settings": {"ServicePrincipalAccessPermissionAPIs": False}}})
    assert (await call(caller, FABRIC, "GET", ROLES)).status_code == 403


async def test_what_is_not_simulated_says_so(caller: Caller) -> None:
    for path in ("/_vti_bin", "/v1/capacities", "/Skype.Policy/other", "/sites/fabrikam/_api/web/lists"):
        reply = await call(caller, FABRIC, "GET", path)
        assert (reply.status_code, reply.json()["error"]["code"]) == (501, "NotSimulated")


@shows("PATCH /admin/sharepoint/settings", rung=2)
async def test_sharepoints_lists_are_replaced_whole(caller: Caller) -> None:
    path = "/admin/sharepoint/settings"
    for domains in (["fabrikam.com"], ["litware.com", "wingtip.com"]):
        await caller.graph("PATCH", path, {"sharingAllowedDomainList": domains})
        assert (await caller.graph("GET", path)).json()["sharingAllowedDomainList"] == domains
    for wrong in ({"sharingAllowedDomainList": ["*.com"]}, {"sharingCapability": "open"}, {"nothing": 1}):
        assert (await caller.graph("PATCH", path, wrong)).status_code == 400


@shows("POST /drives/{id}/items/{item}/invite", rung=2)
async def test_nobody_outside_the_lists_is_shared_with(caller: Caller) -> None:
    ana = await caller.guest("ana@fabrikam.com")
    body = {"recipients": [{"objectId": ana}], "roles": ["read"], "requireSignIn": True, "sendInvitation": False}
    closed = {"sharingDomainRestrictionMode": "allowList", "sharingAllowedDomainList": ["litware.com"]}
    await caller.control("POST", "seed", {"sharepoint": {"settings": closed}})
    refused = await caller.graph("POST", "/drives/b!fabrikam/items/01NOTES/invite", body)
    assert (refused.status_code, refused.json()["error"]["innerError"]["code"]) == (400, "secureSharingInvalidRequest")
    own = {**body, "recipients": [{"objectId": PROJECT}]}
    inside = (await caller.graph("POST", "/drives/b!fabrikam/items/01PLANS/invite", own)).json()["value"][0]
    path = "/drives/b!fabrikam/items/01DRAWING/permissions"
    assert (await caller.graph("GET", path)).json()["value"][0]["inheritedFrom"]["id"] == "01PLANS"
    assert (await caller.graph("DELETE", f"{path}/{inside['id']}")).status_code == 400


@shows(
    "GET /admin/sharepoint/settings",
    "PATCH /admin/sharepoint/settings",
    "GET /sites/{id}",
    "POST /drives/{id}/items/{item}/invite",
    "GET /drives/{id}/items/{item}/permissions",
    rung=5,
)
async def test_microsofts_client_shares(graph: GraphServiceClient) -> None:
    body = SharepointSettings(
        sharing_domain_restriction_mode=SharingDomainRestrictionMode.AllowList, sharing_allowed_domain_list=["fabrikam.com"]
    )
    await graph.admin.sharepoint.settings.patch(body)
    settings = await graph.admin.sharepoint.settings.get()
    assert settings is not None
    assert settings.sharing_allowed_domain_list == ["fabrikam.com"]
    site = await graph.sites.by_site_id("contoso.sharepoint.com:/sites/fabrikam").get()
    assert site is not None
    assert site.display_name == "Fabrikam"
    item = graph.drives.by_drive_id("b!fabrikam").items.by_drive_item_id("01NOTES")
    wish = InvitePostRequestBody(
        recipients=[DriveRecipient(object_id=READERS)], roles=["read"], require_sign_in=True, send_invitation=False
    )
    await item.invite.post(wish)
    found = await item.permissions.get()
    assert found is not None
    assert found.value is not None
    assert [(one.roles, one.granted_to_v2.group.id) for one in found.value if one.granted_to_v2 and one.granted_to_v2.group] == [
        (["read"], READERS)
    ]
