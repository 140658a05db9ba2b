"""Microsoft 365 groups as objects: found, made, changed, owned, deleted. Who is in them is in `groups`."""

from collections.abc import Mapping, Sequence

from kiota_abstractions.method import Method

from shared.nouns.json_text import Json
from shared.nouns.outcomes import NotYet
from shared.tenant import operations
from shared.tenant.fields import instant, objects, text
from shared.tenant.graph import Graph
from shared.tenant.groups import group_kind
from shared.tenant.odata import guid, literal
from shared.tenant.plain import request
from shared.tenant.teamwork import Label, UnifiedGroup

REPLICATION_WAIT = 10.0
_FIELDS = (
    "id,displayName,mailNickname,description,visibility,assignedLabels,createdDateTime,"
    "groupTypes,mailEnabled,securityEnabled,onPremisesSyncEnabled,isAssignableToRole"
)


class UnifiedGroups:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def with_nickname(self, nickname: str) -> tuple[UnifiedGroup, ...]:
        """The groups that have an address under this nickname, ordered by id. Security groups may share it and do not count."""
        build = request(
            Method.GET, "/groups?$filter={filter}&$select={fields}", fields=_FIELDS, filter=f"mailNickname eq {literal(nickname)}"
        )
        found: list[UnifiedGroup] = []
        async for page in self._graph.pages(operations.READ_UNIFIED_GROUP, build, about="a group by its nickname"):
            found += [_group(item) for item in objects(page.content(), "value") if item.get("mailEnabled") is True]
        return tuple(sorted(found, key=lambda group: group.id))

    async def by_id(self, group_id: str) -> UnifiedGroup | None:
        """The group, or None where the directory does not have it (gone, or not replicated yet)."""
        group = guid(group_id, "group id")
        answer = await self._graph.ask(
            operations.READ_UNIFIED_GROUP,
            request(Method.GET, "/groups/{group}?$select={fields}", group=group, fields=_FIELDS),
            about=f"group {group}",
            allow=(404,),
        )
        return None if answer.status == 404 else _group(answer.content())

    async def is_deleted(self, group_id: str) -> bool:
        """The group was deleted and can still be restored (30 days)."""
        group = guid(group_id, "group id")
        answer = await self._graph.ask(
            operations.READ_DELETED_GROUP,
            request(Method.GET, "/directory/deletedItems/{group}", group=group),
            about=f"deleted group {group}",
            allow=(404,),
        )
        return answer.good

    async def create(self, values: Mapping[str, Json], owners: Sequence[str]) -> str | None:
        """The id of the new group, owned by these users; None where another group has its nickname."""
        links: list[Json] = [self._graph.reference("users", guid(owner, "owner id")) for owner in owners]
        fixed: dict[str, Json] = {"mailEnabled": True, "securityEnabled": False, "groupTypes": ["Unified"]}
        answer = await self._graph.ask(
            operations.CREATE_GROUP,
            request(Method.POST, "/groups", {**values, **fixed, "owners@odata.bind": links}),
            about="a Microsoft 365 group",
            allow=(400, 409),
        )
        if answer.good:
            return guid(text(answer.content(), "id"), "id of the group in the answer")
        # 400 or 409, in the documentation's examples as in reports; both name the property (facts 2.2).
        if answer.says("mailNickname", "already exists"):
            return None
        raise answer.error()

    async def change(self, group_id: str, values: Mapping[str, Json]) -> None:
        """The group has these values; every other one stays."""
        group = guid(group_id, "group id")
        answer = await self._graph.ask(
            operations.CHANGE_GROUP,
            request(Method.PATCH, "/groups/{group}", dict(values), group=group),
            about=f"group {group}",
            allow=(404,),
        )
        if answer.status == 404:
            raise NotYet(f"Group {group} is not known everywhere in the directory yet, or is gone", after=REPLICATION_WAIT)

    async def owners(self, group_id: str) -> tuple[str, ...]:
        """The object ids of the owners, ordered. Raises NotYet where the group is not known (yet)."""
        group = guid(group_id, "group id")
        found: list[str] = []
        build = request(Method.GET, "/groups/{group}/owners?$select=id", group=group)
        async for page in self._graph.pages(operations.READ_OWNERS, build, about=f"group {group}", allow=(404,)):
            if page.status == 404:
                raise NotYet(f"Group {group} is not known everywhere in the directory yet, or is gone", after=REPLICATION_WAIT)
            found += [text(item, "id").lower() for item in objects(page.content(), "value")]
        return tuple(sorted(found))

    async def add_owner(self, group_id: str, user_id: str) -> None:
        """The user is an owner; one who was before counts as well. Raises NotYet where one of them is not replicated yet."""
        group, user = guid(group_id, "group id"), guid(user_id, "user id")
        answer = await self._graph.ask(
            operations.ADD_OWNER,
            request(Method.POST, "/groups/{group}/owners/$ref", {"@odata.id": self._graph.reference("users", user)}, group=group),
            about=f"group {group}, user {user}",
            allow=(400, 404),
        )
        if answer.status == 404:
            raise NotYet(
                f"User {user} cannot own group {group} yet: one of them is not known everywhere in the directory, or is gone",
                after=REPLICATION_WAIT,
            )
        if answer.status == 400 and not answer.says("already exist"):
            raise answer.error()

    async def remove_owner(self, group_id: str, user_id: str) -> None:
        """The user is no owner; one who was none before counts as well."""
        group, user = guid(group_id, "group id"), guid(user_id, "user id")
        await self._graph.ask(
            operations.REMOVE_OWNER,
            request(Method.DELETE, "/groups/{group}/owners/{user}/$ref", group=group, user=user),
            about=f"group {group}, user {user}",
            allow=(404,),
        )

    async def delete(self, group_id: str) -> None:
        """The group is gone with its mail, calendar and files (restorable for 30 days); one that was gone before counts as well."""
        group = guid(group_id, "group id")
        await self._graph.ask(
            operations.DELETE_GROUP, request(Method.DELETE, "/groups/{group}", group=group), about=f"group {group}", allow=(404,)
        )


def _group(body: dict[str, Json]) -> UnifiedGroup:
    label = next(iter(objects(body, "assignedLabels")), None)
    return UnifiedGroup(
        id=guid(text(body, "id"), "id of the group in the answer"),
        name=text(body, "displayName"),
        nickname=text(body, "mailNickname"),
        description=text(body, "description"),
        kind=group_kind(body),
        visibility=text(body, "visibility"),
        label=Label(text(label, "labelId").lower(), text(label, "displayName")) if label else None,
        created=instant(body, "createdDateTime"),
    )
