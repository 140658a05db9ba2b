"""One good request for every operation, and the world that they need."""

import base64
from dataclasses import dataclass
from typing import Any

from devstack.tenant.graph.app_roles import role_id, service_id
from devstack.tenant.tokens import GRAPH
from tests.tenant.calling import CONTACT, LI, MIA, NOOR, PROJECT, READERS, Caller

DIRECTORY = "https://graph.microsoft.com/v1.0/directoryObjects"
USERS = "https://graph.microsoft.com/v1.0/users"


@dataclass(frozen=True)
class Replay:
    """`path` and strings in `body` may name objects of the world in braces."""

    operation: str
    path: str
    body: Any = None
    status: int = 200
    eventual: bool = False
    beta: bool = False
    roles: tuple[str, ...] | None = None

    @property
    def method(self) -> str:
        return self.operation.partition(" ")[0]

    async def send(self, caller: Caller, world: dict[str, str], **more: Any) -> Any:
        path = f"{caller.tenant.address}/beta{self.path}" if self.beta else self.path
        more = {"roles": self.roles, **more}
        return await caller.graph(self.method, _filled(path, world), _filled(self.body, world), eventual=self.eventual, **more)


def _filled(value: Any, world: dict[str, str]) -> Any:
    if isinstance(value, str):
        for name, text in world.items():
            value = value.replace("{" + name + "}", text)
        return value
    if isinstance(value, list):
        return [_filled(item, world) for item in value]
    if isinstance(value, dict):
        return {key: _filled(item, world) for key, item in value.items()}
    return value


ALL_USERS = {"accessType": "allowed", "targets": [{"target": "AllUsers", "targetType": "user"}]}
OFFICE = {"accessType": "allowed", "targets": [{"target": "Office365", "targetType": "application"}]}
INBOUND = {"isAllowed": True, "resourceScopes": {"included": [{"resourceId": "All", "resourceType": "user"}], "excluded": []}}
NORTHWIND, WINGTIP = "33333333-3333-3333-3333-333333333333", "44444444-4444-4444-4444-444444444444"
PARTNERS = "/policies/crossTenantAccessPolicy/partners"
DEFAULT = "/policies/crossTenantAccessPolicy/default"
# The identity that the seed's chance gives us.
OURS = "aba8baae-55ef-4fab-b75c-4f99b0c50280"
MEMBERSHIP = base64.b64encode(f"11111111-1111-1111-1111-111111111111##{PROJECT}##{NOOR}".encode()).decode()
TEAM_MEMBERS = ("TeamMember.ReadWrite.All",)
GRANTS = ("Application.Read.All", "AppRoleAssignment.ReadWrite.All")
APP = "eeeeeeee-0000-4000-8000-000000000001"
GOVERNANCE_READ = ("AccessReview.Read.All", "LifecycleWorkflows.Read.All", "EntitlementManagement.Read.All")
REVIEW, WORKFLOW = "98dcebed-c7f6-46f4-bcf3-4a3fccdb3e2a", "15f9c6db-ada8-4417-927f-17ac24b54b9b"
ACCESS = {
    "governance": {
        "reviews": [
            {
                "id": REVIEW,
                "displayName": "Review guests",
                "instances": [{"id": REVIEW, "status": "InProgress", "decisions": [{"id": REVIEW, "decision": "NotReviewed"}]}],
            }
        ],
        "workflows": [{"id": WORKFLOW, "category": "leaver", "isEnabled": True, "tasks": [], "executionScope": [{"id": REVIEW}]}],
        "subjects": [{"id": "s1", "objectId": REVIEW, "subjectLifecycle": "governed"}],
    },
    "crossTenantPartners": [
        {
            "tenantId": NORTHWIND,
            "m365CollaborationInbound": {"users": ALL_USERS},
            "identitySynchronization": {
                "tenantId": NORTHWIND,
                "displayName": "Northwind",
                "userSyncInbound": {"isSyncAllowed": True},
            },
        },
        {"tenantId": WINGTIP, "inboundTrust": {"isMfaAccepted": True}},
    ],
    "m365Capabilities": [
        {"tenantId": NORTHWIND, "name": "crossTenantMailTipsAll", "inboundAccess": INBOUND},
        {"tenantId": "default", "name": "crossTenantMailTipsLimited", "inboundAccess": INBOUND},
    ],
    "conditionalAccess": [
        {
            "displayName": "Guests need MFA and accept our terms",
            "conditions": {"users": {"includeUsers": ["GuestsOrExternalUsers"]}},
            "grantControls": {"operator": "AND", "builtInControls": ["mfa"], "termsOfUse": [APP]},
        }
    ],
    "agreements": [{"id": APP, "displayName": "Terms for guests"}],
    "servicePrincipals": [{"id": APP, "displayName": "Northwind Portal", "appOwnerOrganizationId": NORTHWIND}],
    "signIns": [
        {
            "createdDateTime": "2026-11-22T11:00:00Z",
            "userPrincipalName": "ana@fabrikam.com",
            "userId": MIA,
            "appDisplayName": "Microsoft Teams",
            "ipAddress": "192.0.2.1",
            "homeTenantId": NORTHWIND,
            "conditionalAccessStatus": "success",
        }
    ],
    "crossTenantDefault": {
        "inboundTrust": {
            "isMfaAccepted": True,
            "isCompliantDeviceAccepted": False,
            "isHybridAzureADJoinedDeviceAccepted": False,
        }
    },
    "blockedDomains": ["bad.example"],
    "subscriptions": [
        {
            "id": "ffffffff-0000-4000-8000-000000000001",
            "resource": "/groups",
            "notificationUrl": "http://127.0.0.1:9/api/changes",
            "lifecycleNotificationUrl": "http://127.0.0.1:9/api/lifecycle",
            "expirationDateTime": "2026-12-10T12:00:00Z",
            "clientState": "only we know",
        }
    ],
    # Nothing listens there; nothing is sent while the world is looked at.
    "notifications": {"delay": 3600},
}


async def make_world(caller: Caller) -> dict[str, str]:
    """A guest with a sponsor in a group, a deleted guest, a deleted group, an audit entry."""
    ana = await caller.guest("ana@fabrikam.com", invitedUserSponsors=[{"@odata.type": "#microsoft.graph.user", "id": MIA}])
    bo = await caller.guest("bo@fabrikam.com")
    gone = await caller.guest("gone@fabrikam.com")
    await caller.graph("DELETE", f"/users/{gone}")
    await caller.graph("POST", f"/groups/{PROJECT}/members/$ref", {"@odata.id": f"{DIRECTORY}/{ana}"})
    await caller.graph("POST", f"/groups/{READERS}/owners/$ref", {"@odata.id": f"{USERS}/{NOOR}"})
    body = {"displayName": "Old", "mailNickname": "old", "mailEnabled": True, "securityEnabled": False, "groupTypes": ["Unified"]}
    old = (await caller.graph("POST", "/groups", body)).json()["id"]
    await caller.graph("DELETE", f"/groups/{old}")
    settings, community = await _teamwork(caller, ana)
    audit = (await caller.graph("GET", "/auditLogs/directoryAudits")).json()["value"][0]["id"]
    await caller.control("PUT", "options", {"agreementsForApplications": True})
    await caller.control("POST", "seed", ACCESS)
    tenant = caller.tenant.services.tenant.tenant_id
    shared = {"recipients": [{"objectId": READERS}], "roles": ["read"], "requireSignIn": True, "sendInvitation": False}
    permission = (await caller.graph("POST", "/drives/b!fabrikam/items/01PLANS/invite", shared)).json()["value"][0]["id"]
    known = {"mia": MIA, "noor": NOOR, "li": LI, "project": PROJECT, "readers": READERS, "contact": CONTACT}
    return {
        **known,
        "ana": ana,
        "bo": bo,
        "gone": gone,
        "old": old,
        "audit": audit,
        "tenant": tenant,
        "settings": settings,
        "permission": permission,
        "subscription": "ffffffff-0000-4000-8000-000000000001",
        "webhook": caller.webhook,
        "service": service_id(GRAPH),
        "assignment": (await caller.graph("GET", f"/servicePrincipals/{service_id(GRAPH)}/appRoleAssignedTo")).json()["value"][0][
            "id"
        ],
        **community,
    }


async def _teamwork(caller: Caller, guest: str) -> tuple[str, dict[str, str]]:
    """The project group has settings of its own and a team; a community is there, and another one is being made."""
    pair = {"name": "AllowToAddGuests", "value": "true"}
    body: Any = {"templateId": "08d542b9-071f-4e16-94b0-74abb372e3d9", "values": [pair]}
    settings = (await caller.graph("POST", f"/groups/{PROJECT}/settings", body)).json()["id"]
    body = {"templateId": "62375ab9-6b52-47ed-826b-58e47e0e304b", "values": [pair]}
    everywhere = (await caller.graph("POST", "/groupSettings", body)).json()["id"]
    await caller.graph("PUT", f"/groups/{PROJECT}/team", {"guestSettings": {"allowDeleteChannels": True}})
    body = {"displayName": "Friends", "privacy": "private", "owners@odata.bind": [f"{USERS}/{MIA}"]}
    await caller.control("PUT", "options", {"communitySeconds": 0})
    made = await caller.graph("POST", "/employeeExperience/communities", body)
    operation = made.headers["Location"].rpartition("/")[2]
    community = (await caller.graph("GET", "/employeeExperience/communities")).json()["value"][0]["id"]
    body = {
        "displayName": "Plain",
        "mailNickname": "plain",
        "mailEnabled": True,
        "securityEnabled": False,
        "groupTypes": ["Unified"],
    }
    plain = (await caller.graph("POST", "/groups", {**body, "owners@odata.bind": [f"{USERS}/{MIA}"]})).json()["id"]
    return settings, {"everywhere": everywhere, "community": community, "operation": operation, "plain": plain}


REPLAYS = (
    Replay(
        "POST /invitations",
        "/invitations",
        {
            "invitedUserEmailAddress": "cy@fabrikam.com",
            "invitedUserDisplayName": "Cy (Fabrikam)",
            "inviteRedirectUrl": "https://myapps.microsoft.com/?tenantid={tenant}",
            "sendInvitationMessage": True,
            "invitedUserType": "Guest",
            "invitedUserMessageInfo": {
                "messageLanguage": "en-US",
                "customizedMessageBody": "plain text only",
                "ccRecipients": [{"emailAddress": {"address": "mia@contoso.com"}}],
            },
            "invitedUserSponsors": [{"@odata.type": "#microsoft.graph.user", "id": "{mia}"}],
        },
        201,
    ),
    Replay(
        "POST /users/{id}/sendMail",
        "/users/mia@contoso.com/sendMail",
        {
            "Message": {
                "subject": "Welcome",
                "body": {"contentType": "HTML", "content": "<p>Hello</p>"},
                "toRecipients": [{"emailAddress": {"address": "ana@fabrikam.com"}}],
            },
            "SaveToSentItems": True,
        },
        202,
    ),
    Replay(
        "GET /users/{id}/mailFolders/{folder}/messages",
        "/users/mia@contoso.com/mailFolders/sentitems/messages?$filter=internetMessageId eq '<a@contoso.com>'&$select=id",
    ),
    Replay("GET /users", "/users?$filter=mail eq 'ana@fabrikam.com'&$expand=sponsors"),
    Replay("GET /users", "/users?$filter=endsWith(mail,'fabrikam.com')&$count=true&$orderby=displayName", eventual=True),
    Replay("GET /users/$count", "/users/$count", eventual=True),
    Replay(
        "GET /users/{id}",
        "/users/{ana}?$select=id,userPrincipalName,userType,mail,otherMails,proxyAddresses,externalUserState,"
        "externalUserStateChangeDateTime,creationType,createdDateTime,accountEnabled,identities,onPremisesSyncEnabled",
    ),
    Replay("GET /users/{id}", "/users/mia@contoso.com"),
    Replay("PATCH /users/{id}", "/users/{ana}", {"accountEnabled": False, "companyName": "Fabrikam", "department": "Sales"}, 204),
    Replay("DELETE /users/{id}", "/users/{bo}", None, 204),
    Replay("POST /users/{id}/revokeSignInSessions", "/users/{ana}/revokeSignInSessions"),
    Replay("GET /users/{id}/sponsors", "/users/{ana}/sponsors"),
    Replay("GET /users/{id}/manager", "/users/{noor}/manager"),
    Replay("POST /users/{id}/sponsors/$ref", "/users/{ana}/sponsors/$ref", {"@odata.id": USERS + "/{noor}"}, 204),
    Replay("DELETE /users/{id}/sponsors/{reference}/$ref", "/users/{ana}/sponsors/{mia}/$ref", None, 204),
    Replay("POST /users/{id}/checkMemberGroups", "/users/{ana}/checkMemberGroups", {"groupIds": ["{project}", "{readers}"]}),
    Replay("GET /users/{id}/memberOf", "/users/{ana}/memberOf"),
    Replay("GET /users/{id}/memberOf/$count", "/users/{ana}/memberOf/$count", eventual=True),
    Replay("GET /users/{id}/memberOf/graph.group", "/users/{ana}/memberOf/microsoft.graph.group?$select=id,displayName"),
    Replay("GET /users/{id}/memberOf/graph.group/$count", "/users/{ana}/memberOf/graph.group/$count", eventual=True),
    Replay("GET /users/{id}/transitiveMemberOf", "/users/{ana}/transitiveMemberOf"),
    Replay("GET /groups", "/groups?$filter=mailNickname eq 'fabrikam-project'"),
    Replay("GET /groups", "/groups?$filter=groupTypes/any(c:c eq 'Unified')&$expand=members($select=id,displayName)"),
    Replay("GET /groups/{id}", "/groups/{project}"),
    Replay(
        "POST /groups",
        "/groups",
        {
            "displayName": "Fabrikam supply",
            "mailNickname": "fabrikam-supply",
            "mailEnabled": True,
            "securityEnabled": False,
            "groupTypes": ["Unified"],
            "visibility": "Private",
            "owners@odata.bind": [USERS + "/{mia}"],
            "members@odata.bind": [USERS + "/{ana}"],
        },
        201,
    ),
    Replay("PATCH /groups/{id}", "/groups/{project}", {"members@odata.bind": [DIRECTORY + "/{bo}", DIRECTORY + "/{li}"]}, 204),
    Replay("PATCH /groups/{id}", "/groups/{project}", {"description": "All of it"}, 204),
    Replay("DELETE /groups/{id}", "/groups/{readers}", None, 204),
    Replay("GET /groups/$count", "/groups/$count", eventual=True),
    Replay("GET /groups/{id}/members/$count", "/groups/{project}/members/$count", eventual=True),
    Replay("GET /groups/{id}/members/graph.user/$count", "/groups/{project}/members/graph.user/$count", eventual=True),
    Replay("GET /groups/{id}/owners/$count", "/groups/{project}/owners/$count", eventual=True),
    Replay("GET /groups/{id}/members", "/groups/{project}/members?$select=id,userType,mail"),
    Replay(
        "GET /groups/{id}/members/graph.user",
        "/groups/{project}/members/microsoft.graph.user?$filter=userType eq 'Guest'&$count=true",
        eventual=True,
    ),
    Replay("POST /groups/{id}/members/$ref", "/groups/{project}/members/$ref", {"@odata.id": DIRECTORY + "/{bo}"}, 204),
    Replay("DELETE /groups/{id}/members/{reference}/$ref", "/groups/{project}/members/{ana}/$ref", None, 204),
    Replay("GET /groups/{id}/owners", "/groups/{project}/owners"),
    Replay("POST /groups/{id}/owners/$ref", "/groups/{project}/owners/$ref", {"@odata.id": USERS + "/{li}"}, 204),
    Replay("DELETE /groups/{id}/owners/{reference}/$ref", "/groups/{readers}/owners/{noor}/$ref", None, 204),
    Replay("GET /directory/deletedItems/graph.user", "/directory/deletedItems/graph.user?$filter=mail eq 'gone@fabrikam.com'"),
    Replay("GET /directory/deletedItems/graph.group", "/directory/deletedItems/microsoft.graph.group"),
    Replay("GET /directory/deletedItems/{id}", "/directory/deletedItems/{gone}"),
    Replay("POST /directory/deletedItems/{id}/restore", "/directory/deletedItems/{gone}/restore"),
    Replay("POST /directory/deletedItems/{id}/restore", "/directory/deletedItems/{old}/restore"),
    Replay("DELETE /directory/deletedItems/{id}", "/directory/deletedItems/{gone}", None, 204),
    Replay("GET /organization", "/organization"),
    Replay("GET /organization/{id}", "/organization/{tenant}?$select=id,verifiedDomains"),
    Replay("GET /domains", "/domains"),
    Replay("GET /domains/{id}", "/domains/contoso.com"),
    Replay("GET /contacts", "/contacts?$filter=mail eq 'carlos.contact@northwind.com'"),
    Replay("GET /contacts/{id}", "/contacts/{contact}"),
    Replay("GET /policies/authorizationPolicy", "/policies/authorizationPolicy"),
    Replay(
        "PATCH /policies/authorizationPolicy",
        "/policies/authorizationPolicy",
        {"allowInvitesFrom": "adminsAndGuestInviters"},
        204,
    ),
    Replay("GET /policies/b2bManagementPolicies", "/policies/b2bManagementPolicies", beta=True),
    Replay(f"GET {DEFAULT}", DEFAULT),
    Replay(f"PATCH {DEFAULT}", DEFAULT, {"b2bCollaborationInbound": {"usersAndGroups": ALL_USERS, "applications": OFFICE}}, 204),
    Replay(f"POST {DEFAULT}/resetToSystemDefault", f"{DEFAULT}/resetToSystemDefault", None, 204),
    Replay(f"GET {PARTNERS}", PARTNERS),
    Replay(
        f"POST {PARTNERS}",
        PARTNERS,
        {
            "tenantId": "22222222-2222-2222-2222-222222222222",
            "inboundTrust": {
                "isMfaAccepted": True,
                "isCompliantDeviceAccepted": False,
                "isHybridAzureADJoinedDeviceAccepted": False,
            },
            "automaticUserConsentSettings": {"inboundAllowed": True, "outboundAllowed": True},
            "b2bCollaborationInbound": {"usersAndGroups": ALL_USERS, "applications": OFFICE},
        },
        201,
    ),
    Replay(f"GET {PARTNERS}/{{id}}", f"{PARTNERS}/{WINGTIP}"),
    Replay(
        f"PATCH {PARTNERS}/{{id}}",
        f"{PARTNERS}/{WINGTIP}",
        {"inboundTrust": None, "m365CollaborationInbound": {"users": ALL_USERS}},
        204,
    ),
    Replay(f"DELETE {PARTNERS}/{{id}}", f"{PARTNERS}/{WINGTIP}", None, 204),
    Replay(f"GET {PARTNERS}/{{id}}/identitySynchronization", f"{PARTNERS}/{NORTHWIND}/identitySynchronization"),
    Replay(
        f"PUT {PARTNERS}/{{id}}/identitySynchronization",
        f"{PARTNERS}/{WINGTIP}/identitySynchronization",
        {"displayName": "Wingtip", "userSyncInbound": {"isSyncAllowed": False}},
        204,
    ),
    Replay(
        f"PATCH {PARTNERS}/{{id}}/identitySynchronization",
        f"{PARTNERS}/{NORTHWIND}/identitySynchronization",
        {"userSyncInbound": {"isSyncAllowed": False}},
        204,
    ),
    Replay(f"DELETE {PARTNERS}/{{id}}/identitySynchronization", f"{PARTNERS}/{NORTHWIND}/identitySynchronization", None, 204),
    *(
        replay
        for place, path, name in (
            (f"{PARTNERS}/{{id}}", f"{PARTNERS}/{NORTHWIND}", "crossTenantMailTipsAll"),
            (DEFAULT, DEFAULT, "crossTenantMailTipsLimited"),
        )
        for replay in (
            Replay(f"GET {place}/m365Capabilities", f"{path}/m365Capabilities"),
            Replay(
                f"POST {place}/m365Capabilities",
                f"{path}/m365Capabilities",
                {"@odata.type": "#microsoft.graph.crossTenantCalendarAvailabilityBasic", "inboundAccess": INBOUND},
                201,
            ),
            Replay(f"GET {place}/m365Capabilities/{{name}}", f"{path}/m365Capabilities/{name}"),
            Replay(
                f"PATCH {place}/m365Capabilities/{{name}}",
                f"{path}/m365Capabilities/{name}",
                {"@odata.type": f"#microsoft.graph.{name}", "inboundAccess": {**INBOUND, "isAllowed": False}},
                204,
            ),
        )
    ),
    Replay(
        f"DELETE {PARTNERS}/{{id}}/m365Capabilities/{{name}}",
        f"{PARTNERS}/{NORTHWIND}/m365Capabilities/crossTenantMailTipsAll",
        None,
        204,
    ),
    Replay("GET /identity/conditionalAccess/policies", "/identity/conditionalAccess/policies"),
    Replay("GET /identityGovernance/termsOfUse/agreements", "/identityGovernance/termsOfUse/agreements"),
    Replay(
        "GET /servicePrincipals", f"/servicePrincipals?$filter=appOwnerOrganizationId eq {NORTHWIND}&$count=true", eventual=True
    ),
    Replay("GET /servicePrincipals/{id}", f"/servicePrincipals/{APP}?$select=id,appId,displayName"),
    Replay("GET /servicePrincipals/{id}/appRoleAssignedTo", "/servicePrincipals/{service}/appRoleAssignedTo"),
    Replay("GET /servicePrincipals/{id}/appRoleAssignments", f"/servicePrincipals/{OURS}/appRoleAssignments"),
    Replay(
        "POST /servicePrincipals/{id}/appRoleAssignedTo",
        "/servicePrincipals/{service}/appRoleAssignedTo",
        {"principalId": OURS, "resourceId": service_id(GRAPH), "appRoleId": role_id(GRAPH, "Directory.Read.All")},
        201,
        roles=GRANTS,
    ),
    Replay(
        "DELETE /servicePrincipals/{id}/appRoleAssignedTo/{assignment}",
        "/servicePrincipals/{service}/appRoleAssignedTo/{assignment}",
        None,
        204,
        roles=GRANTS,
    ),
    *(
        Replay(f"GET /identityGovernance/{path}", f"/identityGovernance/{filled}", roles=GOVERNANCE_READ)
        for path, filled in (
            ("accessReviews/definitions", "accessReviews/definitions?$top=50"),
            ("accessReviews/definitions/{id}/instances", f"accessReviews/definitions/{REVIEW}/instances"),
            (
                "accessReviews/definitions/{id}/instances/{instance}/decisions",
                f"accessReviews/definitions/{REVIEW}/instances/{REVIEW}/decisions",
            ),
            ("lifecycleWorkflows/workflows", "lifecycleWorkflows/workflows"),
            ("lifecycleWorkflows/workflows/{id}", f"lifecycleWorkflows/workflows/{WORKFLOW}"),
            ("lifecycleWorkflows/workflows/{id}/executionScope", f"lifecycleWorkflows/workflows/{WORKFLOW}/executionScope"),
            ("entitlementManagement/settings", "entitlementManagement/settings"),
            ("entitlementManagement/subjects", "entitlementManagement/subjects"),
        )
    ),
    Replay("GET /auditLogs/signIns", "/auditLogs/signIns?$filter=createdDateTime ge 2026-11-22T10:00:00Z"),
    Replay(
        "GET /tenantRelationships/findTenantInformationByDomainName(domainName='{value}')",
        "/tenantRelationships/findTenantInformationByDomainName(domainName='fabrikam.co.uk')",
    ),
    Replay(
        "GET /tenantRelationships/findTenantInformationByTenantId(tenantId='{value}')",
        "/tenantRelationships/findTenantInformationByTenantId(tenantId='22222222-2222-2222-2222-222222222222')",
    ),
    Replay("GET /groupSettingTemplates", "/groupSettingTemplates"),
    Replay("GET /groupSettingTemplates/{id}", "/groupSettingTemplates/08d542b9-071f-4e16-94b0-74abb372e3d9"),
    Replay("GET /groupSettings", "/groupSettings"),
    Replay(
        "POST /groupSettings",
        "/groupSettings",
        {
            "templateId": "80661d51-be2f-4d46-9713-98a2fcaec5bc",
            "values": [{"name": "CustomBlockedSubStringsList", "value": "partner"}],
        },
        201,
    ),
    Replay("GET /groupSettings/{id}", "/groupSettings/{everywhere}"),
    Replay(
        "PATCH /groupSettings/{id}",
        "/groupSettings/{everywhere}",
        {"values": [{"name": "EnableGroupCreation", "value": "false"}]},
        204,
    ),
    Replay("DELETE /groupSettings/{id}", "/groupSettings/{everywhere}", None, 204),
    Replay(
        "POST /groups/{id}/settings",
        "/groups/{plain}/settings",
        {"templateId": "08d542b9-071f-4e16-94b0-74abb372e3d9", "values": [{"name": "AllowToAddGuests", "value": "false"}]},
        201,
    ),
    Replay("GET /groups/{id}/settings", "/groups/{project}/settings"),
    Replay("GET /groups/{id}/settings/{reference}", "/groups/{project}/settings/{settings}"),
    Replay(
        "PATCH /groups/{id}/settings/{reference}",
        "/groups/{project}/settings/{settings}",
        {"values": [{"name": "AllowToAddGuests", "value": "false"}]},
        204,
    ),
    Replay("DELETE /groups/{id}/settings/{reference}", "/groups/{project}/settings/{settings}", None, 204),
    Replay("GET /groups/{id}/team", "/groups/{project}/team"),
    Replay(
        "PUT /groups/{id}/team",
        "/groups/{plain}/team",
        {
            "memberSettings": {"allowCreatePrivateChannels": True, "allowCreateUpdateChannels": True},
            "messagingSettings": {"allowUserEditMessages": True, "allowUserDeleteMessages": True},
            "funSettings": {"allowGiphy": True, "giphyContentRating": "strict"},
            "guestSettings": {"allowCreateUpdateChannels": False, "allowDeleteChannels": False},
        },
        201,
    ),
    Replay("GET /teams/{id}", "/teams/{project}"),
    Replay("PATCH /teams/{id}", "/teams/{project}", {"guestSettings": {"allowCreateUpdateChannels": True}}, 204),
    Replay("GET /teams/{id}/members", "/teams/{project}/members", roles=TEAM_MEMBERS),
    Replay("GET /teams/{id}/members/{member}", f"/teams/{{project}}/members/{MEMBERSHIP}", roles=TEAM_MEMBERS),
    Replay(
        "POST /teams/{id}/members",
        "/teams/{project}/members",
        {"@odata.type": "#microsoft.graph.aadUserConversationMember", "roles": ["owner"], "user@odata.bind": USERS + f"('{LI}')"},
        201,
        roles=TEAM_MEMBERS,
    ),
    Replay("DELETE /teams/{id}/members/{member}", f"/teams/{{project}}/members/{MEMBERSHIP}", None, 204, roles=TEAM_MEMBERS),
    Replay("POST /teams/{id}/archive", "/teams/{project}/archive", {"shouldSetSpoSiteReadOnlyForMembers": False}, 202),
    Replay("GET /employeeExperience/communities", "/employeeExperience/communities"),
    Replay(
        "POST /employeeExperience/communities",
        "/employeeExperience/communities",
        {"displayName": "Fabrikam partners", "privacy": "private", "owners@odata.bind": [USERS + "/{mia}"]},
        202,
    ),
    Replay("GET /employeeExperience/communities/{id}", "/employeeExperience/communities/{community}"),
    Replay(
        "PATCH /employeeExperience/communities/{id}", "/employeeExperience/communities/{community}", {"privacy": "public"}, 204
    ),
    Replay("DELETE /employeeExperience/communities/{id}", "/employeeExperience/communities/{community}", None, 204),
    Replay("GET /employeeExperience/engagementAsyncOperations", "/employeeExperience/engagementAsyncOperations"),
    Replay(
        "GET /employeeExperience/engagementAsyncOperations/{id}",
        "/employeeExperience/engagementAsyncOperations/{operation}",
    ),
    Replay("GET /subscribedSkus", "/subscribedSkus"),
    Replay("GET /users/delta()", "/users/delta()?$select=displayName,accountEnabled,userType,externalUserState"),
    Replay("GET /users/delta()", "/users/delta?$deltatoken=latest"),
    Replay("GET /groups/delta()", "/groups/microsoft.graph.delta()"),
    Replay("GET /subscriptions", "/subscriptions"),
    Replay(
        "POST /subscriptions",
        "/subscriptions",
        {
            "changeType": "updated,deleted",
            "notificationUrl": "{webhook}/api/changes",
            "lifecycleNotificationUrl": "{webhook}/api/lifecycle",
            "resource": "/users",
            "expirationDateTime": "2026-12-19T00:00:00Z",
            "clientState": "only we know",
            "latestSupportedTlsVersion": "v1_2",
        },
        201,
    ),
    Replay("GET /subscriptions/{id}", "/subscriptions/{subscription}"),
    Replay("PATCH /subscriptions/{id}", "/subscriptions/{subscription}", {"expirationDateTime": "2026-12-12T12:00:00Z"}),
    Replay("DELETE /subscriptions/{id}", "/subscriptions/{subscription}", None, 204),
    Replay("POST /subscriptions/{id}/reauthorize", "/subscriptions/{subscription}/reauthorize", None, 204),
    Replay("GET /auditLogs/directoryAudits", "/auditLogs/directoryAudits?$filter=activityDisplayName eq 'Delete group'"),
    Replay("GET /auditLogs/directoryAudits/{id}", "/auditLogs/directoryAudits/{audit}"),
    Replay("GET /admin/sharepoint/settings", "/admin/sharepoint/settings"),
    Replay(
        "PATCH /admin/sharepoint/settings",
        "/admin/sharepoint/settings",
        {"sharingDomainRestrictionMode": "allowList", "sharingAllowedDomainList": ["fabrikam.com"]},
    ),
    Replay("GET /sites/{id}", "/sites/contoso.sharepoint.com:%2Fsites%2Ffabrikam?$select=id,webUrl"),
    Replay("GET /sites/{id}/drives", "/sites/dddddddd-0000-4000-8000-000000000001/drives"),
    Replay("GET /drives/{id}/items/{item}", "/drives/b!fabrikam/items/root"),
    Replay("GET /drives/{id}/items/{item}/children", "/drives/b!fabrikam/items/root/children"),
    Replay(
        "POST /drives/{id}/items/{item}/invite",
        "/drives/b!fabrikam/items/01NOTES/invite",
        {
            "recipients": [{"objectId": "{ana}"}, {"objectId": "{readers}"}],
            "roles": ["write"],
            "requireSignIn": True,
            "sendInvitation": False,
            "expirationDateTime": "2099-01-31T00:00:00Z",
        },
    ),
    Replay("GET /drives/{id}/items/{item}/permissions", "/drives/b!fabrikam/items/01DRAWING/permissions"),
    Replay("GET /drives/{id}/items/{item}/permissions/{permission}", "/drives/b!fabrikam/items/01PLANS/permissions/{permission}"),
    Replay(
        "PATCH /drives/{id}/items/{item}/permissions/{permission}",
        "/drives/b!fabrikam/items/01PLANS/permissions/{permission}",
        {"roles": ["write"]},
    ),
    Replay(
        "DELETE /drives/{id}/items/{item}/permissions/{permission}",
        "/drives/b!fabrikam/items/01PLANS/permissions/{permission}",
        None,
        204,
    ),
)
IDS = [f"{place}-{replay.operation}" for place, replay in enumerate(REPLAYS)]
