"""Groups of our directory, and who is in them."""

import json
from collections.abc import Collection

from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_abstractions.request_information import RequestInformation
from msgraph.generated.groups.item.group_item_request_builder import GroupItemRequestBuilder
from msgraph.generated.models.group import Group as GroupBody
from msgraph.generated.models.reference_create import ReferenceCreate

from shared.nouns.json_text import Json
from shared.nouns.outcomes import NotYet
from shared.tenant import operations
from shared.tenant.fields import flag, text, texts
from shared.tenant.found import Group, Membership
from shared.tenant.graph import MOST_PER_BATCH, BatchItem, Graph
from shared.tenant.odata import guid

# PATCH members@odata.bind takes 20 references: https://learn.microsoft.com/graph/api/group-post-members
MOST_PER_PATCH = 20
REPLICATION_WAIT = 10.0
_FIELDS = [
    "id",
    "displayName",
    "groupTypes",
    "mailEnabled",
    "securityEnabled",
    "onPremisesSyncEnabled",
    "isAssignableToRole",
]

GroupQuery = GroupItemRequestBuilder.GroupItemRequestBuilderGetQueryParameters


class Groups:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def read(self, group_id: str) -> Group | None:
        """The group, or None where there is none."""
        group = guid(group_id, "group id")
        query = GroupQuery(select=_FIELDS)
        answer = await self._graph.ask(
            operations.READ_GROUP,
            lambda client: client.groups.by_group_id(group).to_get_request_information(
                RequestConfiguration(query_parameters=query)
            ),
            about=f"group {group}",
            allow=(404,),
        )
        if answer.status == 404:
            return None
        content = answer.content()
        return Group(group, text(content, "displayName"), group_kind(content))

    async def members_among(self, group_id: str, user_ids: Collection[str]) -> Membership:
        """Who of the users (at most 20) is a member, directly or through another group.

        One request whatever the group's size.
        """
        group = guid(group_id, "group id")
        if len(user_ids) > MOST_PER_BATCH:
            raise ValueError(f"{MOST_PER_BATCH} users can be asked about at once, not {len(user_ids)}")
        users = [guid(user_id, "user id") for user_id in user_ids]
        body: dict[str, Json] = {"groupIds": [group]}
        items = {
            user: BatchItem("POST", f"/users/{user}/checkMemberGroups", f"user {user} in group {group}", body) for user in users
        }
        if not items:
            return Membership(frozenset(), frozenset())
        answers = await self._graph.batch(operations.CHECK_MEMBERS, items, about=f"group {group}")
        for answer in answers.values():
            if not answer.good and answer.status != 404:
                raise answer.error()
        members = (
            user
            for user, answer in answers.items()
            if answer.good and group in {found.lower() for found in texts(answer.content(), "value")}
        )
        return Membership(frozenset(members), frozenset(user for user, answer in answers.items() if answer.status == 404))

    async def add_members(self, group_id: str, user_ids: Collection[str]) -> str | None:
        """None: all of them (at most 20) are members now. Else none was added, and this is why: one of them may be a member
        already, not be replicated yet, or not be allowed in, and single additions will tell which."""
        group = guid(group_id, "group id")
        if len(user_ids) > MOST_PER_PATCH:
            raise ValueError(f"{MOST_PER_PATCH} members can be added at once, not {len(user_ids)}")
        links = [self._graph.reference("directoryObjects", guid(user_id, "user id")) for user_id in user_ids]
        answer = await self._graph.ask(
            operations.ADD_MEMBERS,
            lambda client: _binding(client.groups.by_group_id(group), links),
            about=f"group {group}",
            allow=(400, 404),
        )
        return None if answer.good else answer.error().reason

    async def add_member(self, group_id: str, user_id: str) -> None:
        """The user is a direct member; one who was before counts as well.

        Raises NotYet where the directory does not have the user everywhere yet, WontWork where the group refuses them.
        """
        group, user = guid(group_id, "group id"), guid(user_id, "user id")
        body = ReferenceCreate(odata_id=self._graph.reference("directoryObjects", user))
        answer = await self._graph.ask(
            operations.ADD_MEMBERS,
            lambda client: client.groups.by_group_id(group).members.ref.to_post_request_information(body),
            about=f"group {group}, user {user}",
            allow=(400, 404),
        )
        if answer.status == 404:
            raise NotYet(
                f"User {user} cannot be added to group {group} yet: one of them is not known everywhere in the directory, or is gone",
                after=REPLICATION_WAIT,
            )
        if answer.status == 400 and not answer.says("already exist"):
            raise answer.error()

    async def remove_member(self, group_id: str, user_id: str) -> None:
        """The user is no direct member; one who was none before counts as well."""
        group, user = guid(group_id, "group id"), guid(user_id, "user id")
        await self._graph.ask(
            operations.REMOVE_MEMBER,
            # Without /$ref this would delete the user from the directory.
            lambda client: (
                client.groups.by_group_id(group).members.by_directory_object_id(user).ref.to_delete_request_information()
            ),
            about=f"group {group}, user {user}",
            allow=(404,),
        )


def _binding(group: GroupItemRequestBuilder, links: list[str]) -> RequestInformation:
    """The PATCH with nothing but the members, as documented: the SDK's model would write a type beside them, and a body that
    sets more than members needs the wider Group.ReadWrite.All."""
    information = group.to_patch_request_information(GroupBody())
    information.content = json.dumps({"members@odata.bind": links}).encode()
    return information


def group_kind(content: dict[str, Json]) -> str:
    """What kind of group Graph shows, as in `found.Group`."""
    types = {name.lower() for name in texts(content, "groupTypes")}
    if flag(content, "isAssignableToRole"):
        return "role-assignable"
    if "dynamicmembership" in types:
        return "dynamic"
    if flag(content, "onPremisesSyncEnabled"):
        return "synced"
    if "unified" in types:
        return "microsoft365"
    if flag(content, "mailEnabled"):
        return "mail-enabled-security" if flag(content, "securityEnabled") else "distribution"
    return "security"
