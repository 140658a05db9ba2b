"""Conditional Access policies and terms of use, read only; a seed puts them there."""

from devstack.tenant.directory.objects import Record
from devstack.tenant.errors import denied
from devstack.tenant.graph.operation import PLAIN, Call, Operation, Reply

# What a policy of a seed has besides what the seed says: https://learn.microsoft.com/graph/api/resources/conditionalaccesspolicy
_POLICY: Record = {
    "templateId": None,
    "createdDateTime": "2026-01-01T00:00:00Z",
    "modifiedDateTime": None,
    "state": "enabled",
    "grantControls": None,
    "sessionControls": None,
}
_CONDITIONS: Record = {
    "userRiskLevels": [],
    "signInRiskLevels": [],
    "clientAppTypes": ["all"],
    "platforms": None,
    "locations": None,
    "devices": None,
}
_USERS: Record = {
    "includeUsers": [],
    "excludeUsers": [],
    "includeGroups": [],
    "excludeGroups": [],
    "includeRoles": [],
    "excludeRoles": [],
    "includeGuestsOrExternalUsers": None,
    "excludeGuestsOrExternalUsers": None,
}
_APPLICATIONS: Record = {"includeApplications": ["All"], "excludeApplications": [], "includeUserActions": []}
_GRANTS: Record = {
    "operator": "OR",
    "builtInControls": [],
    "customAuthenticationFactors": [],
    "termsOfUse": [],
    "authenticationStrength": None,
}
_AGREEMENT: Record = {
    "isViewingBeforeAcceptanceRequired": True,
    "isPerDeviceAcceptanceRequired": False,
    "userReacceptRequiredFrequency": None,
    "termsExpiration": None,
}


def whole_policy(given: Record, identifier: str) -> Record:
    """The policy with everything that Graph shows of one. Raises ValueError where it has no name."""
    if not given.get("displayName"):
        raise ValueError("a Conditional Access policy needs a displayName")
    conditions = given.get("conditions") or {}
    grants = given.get("grantControls")
    return {
        "id": identifier,
        **_POLICY,
        **given,
        "conditions": {
            **_CONDITIONS,
            **conditions,
            "users": {**_USERS, **(conditions.get("users") or {})},
            "applications": {**_APPLICATIONS, **(conditions.get("applications") or {})},
        },
        "grantControls": None if grants is None else {**_GRANTS, **grants},
    }


def whole_agreement(given: Record, identifier: str) -> Record:
    """The terms of use with everything that Graph shows of them. Raises ValueError where they have no name."""
    if not given.get("displayName"):
        raise ValueError("terms of use need a displayName")
    return {"id": identifier, **_AGREEMENT, **given}


def list_policies(call: Call) -> Reply:
    """Every policy, whatever its state."""
    return Reply(
        200, {"@odata.context": call.context("identity/conditionalAccess/policies"), "value": list(call.tenant.access_policies)}
    )


def list_agreements(call: Call) -> Reply:
    """The terms of use, where applications may read them at all."""
    if not call.tenant.behaviour.agreements_for_applications:
        raise denied()
    return Reply(
        200, {"@odata.context": call.context("identityGovernance/termsOfUse/agreements"), "value": list(call.tenant.agreements)}
    )


OPERATIONS = (
    Operation(
        "GET",
        "/identity/conditionalAccess/policies",
        list_policies,
        ("Policy.Read.All",),
        "https://learn.microsoft.com/graph/api/conditionalaccessroot-list-policies",
        deviations=("no sign-in is ever judged by them",),
        options=PLAIN,
        limits=("conditionalAccess",),
    ),
    Operation(
        "GET",
        "/identityGovernance/termsOfUse/agreements",
        list_agreements,
        ("Agreement.Read.All", "Agreement.ReadWrite.All"),
        "https://learn.microsoft.com/graph/api/termsofusecontainer-list-agreements",
        unverified=("documented for people only, though the permission exists for applications (`agreementsForApplications`)",),
        options=PLAIN,
    ),
)
NOT_SIMULATED = ("POST /identity/conditionalAccess/policies",)
