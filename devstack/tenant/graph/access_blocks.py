"""The blocks of cross-tenant access: what Microsoft's documentation lets stand in them. Facts section 3.1.

https://learn.microsoft.com/graph/api/resources/crosstenantaccesspolicyconfigurationpartner and the resources it links to.
"""

from collections.abc import Callable
from typing import Any

from devstack.tenant.directory.objects import Record
from devstack.tenant.errors import GraphError, bad_request
from devstack.tenant.graph.operation import GUID

_TYPE = "@odata.type"


def everybody(access: str) -> Record:
    """All users, allowed or blocked."""
    return {"accessType": access, "targets": [{"target": "AllUsers", "targetType": "user"}]}


def everything(access: str) -> Record:
    """All applications, allowed or blocked."""
    return {"accessType": access, "targets": [{"target": "AllApplications", "targetType": "application"}]}


def b2b(access: str) -> Record:
    """A whole B2B block for everybody and everything."""
    return {"usersAndGroups": everybody(access), "applications": everything(access)}


SYSTEM_DEFAULT: Record = {
    "isServiceDefault": True,
    "b2bCollaborationInbound": b2b("allowed"),
    "b2bCollaborationOutbound": b2b("allowed"),
    "b2bDirectConnectInbound": b2b("blocked"),
    "b2bDirectConnectOutbound": b2b("blocked"),
    "inboundTrust": {
        "isMfaAccepted": False,
        "isCompliantDeviceAccepted": False,
        "isHybridAzureADJoinedDeviceAccepted": False,
    },
    "automaticUserConsentSettings": {"inboundAllowed": False, "outboundAllowed": False},
    "m365CollaborationInbound": {"users": everybody("blocked")},
    "m365CollaborationOutbound": {"usersAndGroups": everybody("blocked")},
    "appServiceConnectInbound": None,
    "tenantRestrictions": None,
    "invitationRedemptionIdentityProviderConfiguration": None,
}


def check(name: str, block: Any) -> None:
    """The block is one that Graph takes under this name, spelled exactly so; raises 400."""
    rule = _RULES.get(name)
    if rule is None:
        raise bad_request(f"Invalid property '{name}'.", "BadRequest")
    if block is not None:
        rule(name, block)


def permits_nobody(block: Record) -> bool:
    """By this B2B block no user gets through."""
    users = block.get("usersAndGroups") or {}
    return users.get("accessType") == "blocked" and any(one["target"] == "AllUsers" for one in users.get("targets") or [])


def invalid(name: str) -> GraphError:
    """400: the value does not fit."""
    return bad_request(f"Invalid value specified for property '{name}'.", "BadRequest")


def _b2b(name: str, block: Any) -> None:
    _only(name, block, ("usersAndGroups", "applications"))
    for part in ("usersAndGroups", "applications"):
        _targets(f"{name}/{part}", block.get(part))
    users, applications = block.get("usersAndGroups"), block.get("applications")
    if users and applications and _shuts_all(users) and not _shuts_all(applications):
        raise bad_request(
            f"{name}: where access is blocked for all users, it must be blocked for all applications.", "BadRequest"
        )


def _shuts_all(part: Record) -> bool:
    return part["accessType"] == "blocked" and any(one["target"] in ("AllUsers", "AllApplications") for one in part["targets"])


def _restrictions(name: str, block: Any) -> None:
    _only(name, block, ("usersAndGroups", "applications", "devices"))
    for part in ("usersAndGroups", "applications"):
        _targets(f"{name}/{part}", block.get(part))


def _of(part: str) -> Callable[[str, Any], None]:
    def rule(name: str, block: Any) -> None:
        _only(name, block, (part,))
        _targets(f"{name}/{part}", block.get(part))

    return rule


def _switches(*names: str) -> Callable[[str, Any], None]:
    def rule(name: str, block: Any) -> None:
        _only(name, block, names)
        if any(block.get(switch) not in (True, False, None) for switch in names):
            raise invalid(name)

    return rule


def _flag(name: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise invalid(name)


def _only(name: str, block: Any, names: tuple[str, ...]) -> None:
    if not isinstance(block, dict):
        raise invalid(name)
    unknown = block.keys() - {*names, _TYPE}
    if unknown:
        raise bad_request(f"Invalid property '{min(unknown)}'.", "BadRequest")


def _targets(name: str, part: Any) -> None:
    if part is None:
        return
    _only(name, part, ("accessType", "targets"))
    targets = part.get("targets")
    if part.get("accessType") not in ("allowed", "blocked") or not isinstance(targets, list) or not targets:
        raise invalid(name)
    for one in targets:
        _only(name, one, ("target", "targetType"))
        if not _fits(name, one.get("target"), one.get("targetType")):
            raise invalid(name)
    if len(targets) > 1 and any(one["target"] in ("AllUsers", "AllApplications") for one in targets):
        raise invalid(name)


def _fits(name: str, target: Any, kind: Any) -> bool:
    if not isinstance(target, str):
        return False
    if name.endswith("applications"):
        return kind == "application" and (target in ("AllApplications", "Office365") or bool(GUID.fullmatch(target)))
    return (target == "AllUsers" and kind == "user") or (kind in ("user", "group") and bool(GUID.fullmatch(target)))


_RULES: dict[str, Callable[[str, Any], None]] = {
    "b2bCollaborationInbound": _b2b,
    "b2bCollaborationOutbound": _b2b,
    "b2bDirectConnectInbound": _b2b,
    "b2bDirectConnectOutbound": _b2b,
    "m365CollaborationInbound": _of("users"),
    "m365CollaborationOutbound": _of("usersAndGroups"),
    "appServiceConnectInbound": _of("applications"),
    "tenantRestrictions": _restrictions,
    "inboundTrust": _switches("isMfaAccepted", "isCompliantDeviceAccepted", "isHybridAzureADJoinedDeviceAccepted"),
    "automaticUserConsentSettings": _switches("inboundAllowed", "outboundAllowed"),
    "isServiceProvider": _flag,
}
