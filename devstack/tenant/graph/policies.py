"""The authorization policy: who may invite, and what guests may see; and which domains may be invited. Facts 3.3 and 3.4."""

import json
from typing import Any

from devstack.tenant.directory.objects import Record
from devstack.tenant.errors import bad_request
from devstack.tenant.graph.operation import NO_CONTENT, PLAIN, Call, Operation, Reply

_INVITERS = ("none", "adminsAndGuestInviters", "adminsGuestInvitersAndAllMembers", "everyone")
GUEST_ROLES = {
    "user": "a0b1b346-4d3e-4e8b-98f8-753987be4970",
    "guest": "10dae51f-b6af-4016-8d66-8c2a99b929b3",
    "restricted": "2af84b1e-32c8-42b7-82bc-daa82404023b",
}
DEFAULT_AUTHORIZATION_POLICY: Record = {
    "id": "authorizationPolicy",
    "allowInvitesFrom": "everyone",
    "allowedToSignUpEmailBasedSubscriptions": True,
    "allowedToUseSSPR": True,
    "allowEmailVerifiedUsersToJoinOrganization": False,
    "allowUserConsentForRiskyApps": None,
    "blockMsolPowerShell": False,
    "description": "Used to manage authorization related settings across the company.",
    "displayName": "Authorization Policy",
    "guestUserRoleId": GUEST_ROLES["guest"],
    "defaultUserRolePermissions": {
        "allowedToCreateApps": True,
        "allowedToCreateSecurityGroups": True,
        "allowedToCreateTenants": True,
        "allowedToReadBitlockerKeysForOwnedDevice": True,
        "allowedToReadOtherUsers": True,
        "permissionGrantPoliciesAssigned": ["ManagePermissionGrantsForSelf.microsoft-user-default-legacy"],
    },
}


def get_authorization_policy(call: Call) -> Reply:
    """The policy as it is."""
    return Reply(
        200, {"@odata.context": call.context("policies/authorizationPolicy/$entity"), **call.tenant.authorization_policy}
    )


def update_authorization_policy(call: Call) -> Reply:
    """The policy has the values in the body; permissions of the default user role are changed one by one."""
    changes = {name: value for name, value in call.json().items() if "@odata" not in name}
    policy = call.tenant.authorization_policy
    for name, value in changes.items():
        if name not in policy or name == "id" or not _fits(policy[name], value):
            raise bad_request(f"Invalid value specified for property '{name}' of resource 'AuthorizationPolicy'.")
    if changes.get("allowInvitesFrom", "none") not in _INVITERS:
        raise bad_request("Invalid value specified for property 'allowInvitesFrom' of resource 'AuthorizationPolicy'.")
    if changes.get("guestUserRoleId", GUEST_ROLES["guest"]) not in GUEST_ROLES.values():
        raise bad_request("Invalid value specified for property 'guestUserRoleId' of resource 'AuthorizationPolicy'.")
    role = changes.pop("defaultUserRolePermissions", None) or {}
    known = policy["defaultUserRolePermissions"]
    unknown = [name for name in role if "@odata" not in name and name not in known]
    if unknown:
        raise bad_request(f"Invalid value specified for property '{unknown[0]}' of resource 'DefaultUserRolePermissions'.")
    permissions = {**known, **{name: value for name, value in role.items() if name in known}}
    call.tenant.authorization_policy = {**policy, **changes, "defaultUserRolePermissions": permissions}
    return Reply(NO_CONTENT)


def _fits(before: Any, value: Any) -> bool:
    return before is None or value is None or isinstance(value, type(before))


def list_b2b_management(call: Call) -> Reply:
    """The one policy with the list of domains, a JSON text within JSON; none where nobody ever set a list."""
    tenant = call.tenant
    lists = {"AllowedDomains": tenant.allowed_domains} if tenant.allowed_domains else {"BlockedDomains": tenant.blocked_domains}
    rules = {
        "InvitationsAllowedAndBlockedDomainsPolicy": lists,
        "AutoRedeemPolicy": {"AdminConsentedForUsersIntoTenantIds": [], "NoAADConsentForUsersFromTenantsIds": []},
    }
    policy = {
        "id": "dddddddd-0000-4000-8000-0000000b2b00",
        "deletedDateTime": None,
        "displayName": "B2BManagementPolicy",
        "description": None,
        "isOrganizationDefault": True,
        "definition": [json.dumps({"B2BManagementPolicy": rules}, separators=(",", ":"))],
    }
    found = [policy] if tenant.allowed_domains or tenant.blocked_domains else []
    return Reply(200, {"@odata.context": call.context("policies/b2bManagementPolicies"), "value": found})


_API = "https://learn.microsoft.com/graph/api/authorizationpolicy-"
OPERATIONS = (
    Operation(
        "GET",
        "/policies/authorizationPolicy",
        get_authorization_policy,
        ("Policy.Read.All", "Policy.ReadWrite.Authorization"),
        f"{_API}get",
        deviations=("changes are seen at once",),
        options=PLAIN,
    ),
    Operation(
        "PATCH",
        "/policies/authorizationPolicy",
        update_authorization_policy,
        ("Policy.ReadWrite.Authorization",),
        f"{_API}update",
        kind="write",
    ),
    Operation(
        "GET",
        "/policies/b2bManagementPolicies",
        list_b2b_management,
        ("Policy.Read.B2BManagementPolicy", "Policy.ReadWrite.B2BManagementPolicy"),
        "https://learn.microsoft.com/graph/api/policyroot-list-b2bmanagementpolicies?view=graph-rest-beta",
        beta=True,
        options=PLAIN,
        deviations=("a list is changed by a seed (`allowedDomains`, `blockedDomains`)",),
    ),
)
NOT_SIMULATED = (
    "POST /policies/b2bManagementPolicies",
    "GET /policies/b2bManagementPolicies/{id}",
    "PATCH /policies/b2bManagementPolicies/{id}",
    "DELETE /policies/b2bManagementPolicies/{id}",
)
