"""Settings of groups, for the whole tenant and for one group. https://learn.microsoft.com/graph/group-directory-settings"""

from collections.abc import Mapping

from kiota_abstractions.method import Method

from shared.nouns.json_text import Json
from shared.nouns.outcomes import NotYet
from shared.tenant import operations
from shared.tenant.fields import objects, text
from shared.tenant.graph import Graph
from shared.tenant.odata import guid
from shared.tenant.plain import request
from shared.tenant.teamwork import Customized

# Facts 2.3; https://learn.microsoft.com/graph/api/resources/groupsettingtemplate
FOR_TENANT = "62375ab9-6b52-47ed-826b-58e47e0e304b"
FOR_ONE_GROUP = "08d542b9-071f-4e16-94b0-74abb372e3d9"
REPLICATION_WAIT = 10.0
_ONE = "/groups/{group}/settings/{settings}"


class GroupSettings:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def of_tenant(self) -> Mapping[str, str]:
        """What holds for every group (template Group.Unified): the tenant's own values over Microsoft's defaults."""
        own: Mapping[str, str] = {}
        async for page in self._graph.pages(
            operations.READ_GROUP_SETTINGS, request(Method.GET, "/groupSettings"), about="the tenant"
        ):
            own = next((one.values for one in _customized(page.content()) if one is not None), own)
        return {**await self.defaults(FOR_TENANT), **own}

    async def defaults(self, template: str) -> Mapping[str, str]:
        """The values that hold where nobody has set others."""
        build = request(Method.GET, "/groupSettingTemplates/{id}", id=guid(template, "template id"))
        answer = await self._graph.ask(operations.READ_GROUP_SETTINGS, build, about="a template")
        return {text(item, "name"): text(item, "defaultValue") for item in objects(answer.content(), "values")}

    async def of_group(self, group_id: str) -> Customized | None:
        """What this group has of its own (template Group.Unified.Guest), or None. Raises NotYet where the group is not known (yet)."""
        group = guid(group_id, "group id")
        answer = await self._graph.ask(
            operations.READ_GROUP_SETTINGS,
            request(Method.GET, "/groups/{group}/settings", group=group),
            about=f"group {group}",
            allow=(404,),
        )
        if answer.status == 404:
            raise _unknown(group)
        return next((one for one in _customized(answer.content(), FOR_ONE_GROUP) if one is not None), None)

    async def create(self, group_id: str, values: Mapping[str, str]) -> str | None:
        """The id of the group's new settings; None where it has settings of its own already.

        That a second object is refused with 400 or 409 is not verified (facts 2.3), so either is read again.
        """
        group = guid(group_id, "group id")
        answer = await self._graph.ask(
            operations.CHANGE_GROUP_SETTINGS,
            request(
                Method.POST, "/groups/{group}/settings", {"templateId": FOR_ONE_GROUP, "values": _pairs(values)}, group=group
            ),
            about=f"group {group}",
            allow=(400, 404, 409),
        )
        if answer.status == 404:
            raise _unknown(group)
        if answer.good:
            return text(answer.content(), "id")
        if await self.of_group(group) is None:
            raise answer.error()
        return None

    async def change(self, group_id: str, settings_id: str, values: Mapping[str, str]) -> None:
        """The group's settings are these. Give all of them: whether those left out are reset is not known (facts 2.3)."""
        group, settings = guid(group_id, "group id"), guid(settings_id, "settings id")
        await self._graph.ask(
            operations.CHANGE_GROUP_SETTINGS,
            request(Method.PATCH, _ONE, {"values": _pairs(values)}, group=group, settings=settings),
            about=f"group {group}",
        )

    async def remove(self, group_id: str, settings_id: str) -> None:
        """The group has no settings of its own: Microsoft's defaults hold. None before counts as well."""
        group, settings = guid(group_id, "group id"), guid(settings_id, "settings id")
        await self._graph.ask(
            operations.CHANGE_GROUP_SETTINGS,
            request(Method.DELETE, _ONE, group=group, settings=settings),
            about=f"group {group}",
            allow=(404,),
        )


def _customized(body: dict[str, Json], template: str = FOR_TENANT) -> list[Customized | None]:
    return [
        Customized(text(item, "id"), {text(pair, "name"): text(pair, "value") for pair in objects(item, "values")})
        if text(item, "templateId").lower() == template
        else None
        for item in objects(body, "value")
    ]


def _pairs(values: Mapping[str, str]) -> list[Json]:
    return [{"name": name, "value": value} for name, value in values.items()]


def _unknown(group: str) -> NotYet:
    return NotYet(f"Group {group} is not known everywhere in the directory yet, or is gone", after=REPLICATION_WAIT)
