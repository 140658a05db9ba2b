"""Workspaces of Fabric and Power BI, who has a role in them, and the tenant's switches for guests.

https://learn.microsoft.com/rest/api/fabric/core/workspaces
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from shared.nouns.json_text import Json
from shared.nouns.outcomes import NotYet
from shared.tenant import operations
from shared.tenant.fields import entry, flag, objects, text
from shared.tenant.odata import guid
from shared.tenant.rest import Rest

READ_AGAIN_WAIT = 15.0
NOT_FOUND = ("WorkspaceNotFound", "EntityNotFound")
HAS_ROLE = "PrincipalAlreadyHasWorkspaceRolePermissions"
_NO_ASSIGNMENT = ("RoleAssignmentNotFound", "EntityNotFound")
_NEXT = "continuationUri"


@dataclass(frozen=True)
class RoleAssignment:
    """`principal` is an object id in our directory, `role` Admin, Member, Contributor or Viewer."""

    id: str
    principal: str
    role: str


class Fabric:
    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def named(self, name: str) -> tuple[str, ...]:
        """The ids of the workspaces of that name that our identity is in; names can repeat."""
        found: list[str] = []
        async for page in self._rest.pages(operations.LIST_WORKSPACES, "/v1/workspaces", about=f"workspace {name!r}", link=_NEXT):
            found += [
                text(one, "id").lower()
                for one in objects(page.content(), "value")
                if text(one, "displayName").casefold() == name.casefold()
            ]
        return tuple(found)

    async def roles(self, workspace: str) -> tuple[RoleAssignment, ...] | None:
        """Everybody with a role in the workspace, or None where there is none that our identity can see.

        The identity needs the role Member or higher.
        """
        found: list[RoleAssignment] = []
        pages = self._rest.pages(
            operations.LIST_WORKSPACE_ROLES, f"{_path(workspace)}", about=f"workspace {workspace}", link=_NEXT, allow=NOT_FOUND
        )
        async for page in pages:
            if not page.good:
                return None
            found += [_assignment(one) for one in objects(page.content(), "value")]
        return tuple(found)

    async def add(self, workspace: str, group: str, role: str) -> str:
        """The group has the role; the assignment's id. Raises NotYet where it has one already (read again)."""
        about = f"workspace {workspace}"
        body: dict[str, Json] = {"principal": {"id": guid(group, "group id"), "type": "Group"}, "role": role}
        answer = await self._rest.ask(
            operations.ADD_WORKSPACE_ROLE, "POST", _path(workspace), about=about, body=body, allow=(HAS_ROLE,)
        )
        if not answer.good:
            raise NotYet(
                f"The group has a role in {about} already, though it was not seen before: it is read again", after=READ_AGAIN_WAIT
            )
        return text(answer.body, "id") or group

    async def change(self, workspace: str, assignment: str, role: str) -> None:
        """The assignment is of the role. The identity needs the role Admin."""
        await self._rest.ask(
            operations.CHANGE_WORKSPACE_ROLE,
            "PATCH",
            f"{_path(workspace)}/{quote(assignment, safe='')}",
            about=f"workspace {workspace}",
            body={"role": role},
        )

    async def remove(self, workspace: str, assignment: str) -> None:
        """The assignment is gone; one that was gone before counts as well. The identity needs the role Admin."""
        await self._rest.ask(
            operations.REMOVE_WORKSPACE_ROLE,
            "DELETE",
            f"{_path(workspace)}/{quote(assignment, safe='')}",
            about=f"workspace {workspace}",
            allow=_NO_ASSIGNMENT,
        )

    async def tenant_settings(self) -> Mapping[str, bool]:
        """The tenant's switches by their internal names. Reading them needs a tenant setting of its own.

        https://learn.microsoft.com/rest/api/fabric/admin/tenants/list-tenant-settings
        """
        found: dict[str, bool] = {}
        async for page in self._rest.pages(
            operations.READ_FABRIC_SETTINGS, "/v1/admin/tenantsettings", about="our tenant's", link=_NEXT
        ):
            for one in objects(page.content(), "value"):
                found[text(one, "settingName")] = flag(one, "enabled") is True
        return found


def _path(workspace: str) -> str:
    return f"/v1/workspaces/{guid(workspace, 'workspace')}/roleAssignments"


def _assignment(one: Json) -> RoleAssignment:
    return RoleAssignment(text(one, "id"), text(entry(one, "principal"), "id").lower(), text(one, "role"))
