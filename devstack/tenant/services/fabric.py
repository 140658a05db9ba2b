"""Fabric: workspaces, who has a role in them, tenant settings. Facts section 8."""

from typing import Any

from devstack.tenant.directory.objects import Record
from devstack.tenant.graph.operation import Reply
from devstack.tenant.services.endpoint import Asked, Endpoint, Service, ServiceError
from devstack.tenant.tenant import SimulatedTenant
from devstack.tenant.tokens import Token

ROLES = ("Viewer", "Contributor", "Member", "Admin")
_MOST_ASSIGNMENTS = 1_000
_PAGE = 100
_KINDS = {"user": "User", "group": "Group"}


def _may(tenant: SimulatedTenant, token: Token, writes: bool) -> None:
    if not tenant.workloads.fabric["ServicePrincipalAccessPermissionAPIs"]:
        raise ServiceError(
            403, "InsufficientPrivileges", "The caller does not have sufficient permissions to perform this operation"
        )


def _refusal(error: ServiceError) -> Any:
    retriable = error.status in (429, 500, 503)
    return {
        "requestId": "00000000-0000-0000-0000-000000000000",
        "errorCode": error.code,
        "message": error.message,
        "isRetriable": retriable,
    }


FABRIC = Service(
    "Fabric", lambda tenant: ("https://api.fabric.microsoft.com", "https://analysis.windows.net/powerbi/api"), _refusal, _may
)


def list_workspaces(asked: Asked) -> Reply:
    """The workspaces that the caller has a role in."""
    mine = [_shown(one) for one in asked.tenant.workloads.workspaces.values() if _role(asked, one)]
    return _pages(asked, mine, "/v1/workspaces")


def _shown(workspace: Record) -> Record:
    return {name: value for name, value in workspace.items() if name != "roles"}


def _role(asked: Asked, workspace: Record) -> str | None:
    return next((one["role"] for one in workspace["roles"] if one["principal"]["id"] == asked.token.principal), None)


def _workspace(asked: Asked, least: str) -> Record:
    """The workspace, where the caller has at least the role; without any, there is none to be seen."""
    found = asked.tenant.workloads.workspaces.get(asked.parameters["workspace"].lower())
    role = _role(asked, found) if found else None
    if found is None or role is None:
        raise ServiceError(404, "WorkspaceNotFound", "The requested workspace was not found")
    if ROLES.index(role) < ROLES.index(least):
        raise ServiceError(403, "InsufficientWorkspaceRole", "The caller's workspace role is not sufficient for this operation")
    return found


def list_roles(asked: Asked) -> Reply:
    """Everybody with a role, in pages of 100."""
    workspace = _workspace(asked, "Member")
    seen = asked.tenant.lag.view(f"workspace:{workspace['id']}", workspace, query=True)
    return _pages(asked, seen["roles"], f"/v1/workspaces/{workspace['id']}/roleAssignments")


def _pages(asked: Asked, found: list[Any], path: str) -> Reply:
    token = asked.query.get("continuationToken", "0")
    start = int(token) if token.isdecimal() else 0
    body: Record = {"value": found[start : start + _PAGE]}
    if start + _PAGE < len(found):
        following = str(start + _PAGE)
        body |= {"continuationToken": following, "continuationUri": f"{asked.base}{path}?continuationToken={following}"}
    return Reply(200, body)


def add_role(asked: Asked) -> Reply:
    """The user or group has the role. A member can only give roles below their own."""
    workspace, body = _workspace(asked, "Member"), asked.json()
    principal, role = body.get("principal") or {}, body.get("role")
    if role not in ROLES or not isinstance(principal, dict):
        raise ServiceError(400, "InvalidInput", "The request has an invalid input")
    _may_give(asked, workspace, role)
    entry = asked.tenant.live(str(principal.get("id")))
    if entry is None or principal.get("type") != _KINDS.get(entry.kind):
        raise ServiceError(400, "InvalidPrincipal", "The principal was not found in the directory")
    if entry.kind == "group" and not (entry.record.get("securityEnabled") or "Unified" in (entry.record.get("groupTypes") or [])):
        raise ServiceError(400, "InvalidPrincipal", "Only security groups and Microsoft 365 groups can have a role")
    if any(one["principal"]["id"] == entry.id for one in workspace["roles"]):
        raise ServiceError(
            409, "PrincipalAlreadyHasWorkspaceRolePermissions", "The principal already has a role in the workspace"
        )
    if len(workspace["roles"]) >= _MOST_ASSIGNMENTS:
        raise ServiceError(400, "TooManyRoleAssignments", "The workspace has the most role assignments that it can have")
    made = {"id": entry.id, "principal": {"id": entry.id, "type": _KINDS[entry.kind]}, "role": role}
    _replace(asked, workspace, [*workspace["roles"], made])
    return Reply(201, made)


def _may_give(asked: Asked, workspace: Record, role: str) -> None:
    own = _role(asked, workspace)
    if own != "Admin" and ROLES.index(role) >= ROLES.index(str(own)):
        raise ServiceError(403, "InsufficientWorkspaceRole", "The caller's workspace role is not sufficient for this operation")


def change_role(asked: Asked) -> Reply:
    """The assignment is of the role; the last administrator stays one."""
    workspace, one = _assignment(asked)
    role = asked.json().get("role")
    if role not in ROLES:
        raise ServiceError(400, "InvalidInput", "The request has an invalid input")
    if role != "Admin":
        _refuse_last_admin(workspace, one)
    changed = {**one, "role": role}
    _replace(asked, workspace, [changed if other is one else other for other in workspace["roles"]])
    return Reply(200, changed)


def remove_role(asked: Asked) -> Reply:
    """The assignment is gone."""
    workspace, one = _assignment(asked)
    _refuse_last_admin(workspace, one)
    _replace(asked, workspace, [other for other in workspace["roles"] if other is not one])
    return Reply(200)


def _assignment(asked: Asked) -> tuple[Record, Record]:
    workspace = _workspace(asked, "Admin")
    one = next((one for one in workspace["roles"] if one["id"] == asked.parameters["assignment"].lower()), None)
    if one is None:
        raise ServiceError(404, "RoleAssignmentNotFound", "The role assignment was not found")
    return workspace, one


def _refuse_last_admin(workspace: Record, one: Record) -> None:
    if one["role"] == "Admin" and sum(other["role"] == "Admin" for other in workspace["roles"]) == 1:
        raise ServiceError(400, "LastAdminCannotBeRemoved", "A workspace has at least one administrator")


def _replace(asked: Asked, workspace: Record, roles: list[Record]) -> None:
    asked.tenant.lag.note(f"workspace:{workspace['id']}", workspace)
    asked.tenant.workloads.workspaces[workspace["id"]] = {**workspace, "roles": roles}


def list_settings(asked: Asked) -> Reply:
    """Every tenant setting; for service principals behind a tenant setting of its own."""
    settings = asked.tenant.workloads.fabric
    if not settings["AllowServicePrincipalsUseReadAdminAPIs"]:
        raise ServiceError(
            403, "InsufficientPrivileges", "The caller does not have sufficient permissions to perform this operation"
        )
    shown = [
        {
            "settingName": name,
            "title": name,
            "enabled": on,
            "canSpecifySecurityGroups": False,
            "tenantSettingGroup": "Export and sharing settings",
        }
        for name, on in settings.items()
    ]
    return _pages(asked, shown, "/v1/admin/tenantsettings")


_API = "https://learn.microsoft.com/rest/api/fabric/"
_CODES = ("error codes beside those in the documentation of the operation",)
ENDPOINTS = (
    Endpoint("GET", "/v1/workspaces", list_workspaces, FABRIC, f"{_API}core/workspaces/list-workspaces"),
    Endpoint(
        "GET",
        "/v1/workspaces/{workspace}/roleAssignments",
        list_roles,
        FABRIC,
        f"{_API}core/workspaces/list-workspace-role-assignments",
    ),
    Endpoint(
        "POST",
        "/v1/workspaces/{workspace}/roleAssignments",
        add_role,
        FABRIC,
        f"{_API}core/workspaces/add-workspace-role-assignment",
        "write",
        unverified=_CODES,
    ),
    Endpoint(
        "PATCH",
        "/v1/workspaces/{workspace}/roleAssignments/{assignment}",
        change_role,
        FABRIC,
        f"{_API}core/workspaces/update-workspace-role-assignment",
        "write",
        unverified=_CODES,
    ),
    Endpoint(
        "DELETE",
        "/v1/workspaces/{workspace}/roleAssignments/{assignment}",
        remove_role,
        FABRIC,
        f"{_API}core/workspaces/delete-workspace-role-assignment",
        "write",
        unverified=_CODES,
    ),
    Endpoint(
        "GET",
        "/v1/admin/tenantsettings",
        list_settings,
        FABRIC,
        f"{_API}admin/tenants/list-tenant-settings",
        unverified=("the internal names of the settings for service principals",),
    ),
)
