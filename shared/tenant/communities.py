"""Viva Engage communities. https://learn.microsoft.com/graph/api/resources/community; facts section 7.

Guests of the network, external networks and the network's guest switch have no API.
"""

from collections.abc import Mapping, Sequence
from urllib.parse import unquote, urlsplit

from kiota_abstractions.method import Method

from shared.nouns.json_text import Json
from shared.nouns.outcomes import NotYet
from shared.tenant import operations
from shared.tenant.answers import ANSWER_WAIT
from shared.tenant.fields import entry, header, objects, text
from shared.tenant.graph import Graph
from shared.tenant.odata import guid, identifier
from shared.tenant.plain import request
from shared.tenant.teamwork import Community, Creation

# "Poll ... at least 30 seconds between requests" (facts section 7).
POLL_WAIT = 30.0
REPLICATION_WAIT = 10.0
_ROOT = "/employeeExperience/communities"
_ONE = "/employeeExperience/communities/{community}"
_OPERATION = "/employeeExperience/engagementAsyncOperations/{operation}"


class Communities:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def all(self) -> tuple[Community, ...]:
        """Every community, ordered by id. Names can repeat, and the list cannot be filtered by them."""
        found: list[Community] = []
        async for page in self._graph.pages(operations.READ_COMMUNITIES, request(Method.GET, _ROOT), about="the network"):
            found += [_community(item) for item in objects(page.content(), "value")]
        return tuple(sorted(found, key=lambda community: community.id))

    async def by_id(self, community_id: str) -> Community | None:
        """The community, or None where there is none (gone, or not to be seen yet)."""
        answer = await self._graph.ask(
            operations.READ_COMMUNITIES,
            request(Method.GET, _ONE, community=identifier(community_id, "community id")),
            about="a community",
            allow=(404,),
        )
        return None if answer.status == 404 else _community(answer.content())

    async def create(self, values: Mapping[str, Json], owners: Sequence[str]) -> str:
        """The id of the operation that is making the community. Nothing keeps a second one of the same name from being made."""
        links: list[Json] = [self._graph.reference("users", guid(owner, "owner id")) for owner in owners]
        answer = await self._graph.ask(
            operations.CREATE_COMMUNITY, request(Method.POST, _ROOT, {**values, "owners@odata.bind": links}), about="a community"
        )
        operation = unquote(urlsplit(header(answer.headers, "location")).path).rstrip("/").rpartition("/")[2]
        operation = operation.rpartition("('")[2].removesuffix("')")
        if not operation:
            raise NotYet(
                "Viva Engage took a community without saying where its creation can be followed",
                after=ANSWER_WAIT,
                effect_unknown=True,
            )
        return identifier(operation, "operation id")

    async def creation(self, operation_id: str) -> Creation | None:
        """How the creation ended; an empty one while it goes on, None where there is no such operation (any more)."""
        answer = await self._graph.ask(
            operations.READ_COMMUNITIES,
            request(Method.GET, _OPERATION, operation=identifier(operation_id, "operation id")),
            about="the creation of a community",
            allow=(404,),
        )
        if answer.status == 404:
            return None
        body = answer.content()
        status = text(body, "status").lower()
        if status == "succeeded":
            return Creation(community=text(body, "resourceId"))
        if status in ("failed", "skipped"):
            return Creation(failed=text(body, "statusDetail") or text(entry(body, "error"), "message") or status)
        return Creation()

    async def change(self, community_id: str, values: Mapping[str, Json]) -> None:
        """The community has these values; every other one stays."""
        await self._graph.ask(
            operations.CHANGE_COMMUNITY,
            request(Method.PATCH, _ONE, dict(values), community=identifier(community_id, "community id")),
            about="a community",
        )

    async def delete(self, community_id: str) -> None:
        """The community is gone; one that was gone before counts as well."""
        await self._graph.ask(
            operations.CHANGE_COMMUNITY,
            request(Method.DELETE, _ONE, community=identifier(community_id, "community id")),
            about="a community",
            allow=(404,),
        )


def _community(body: dict[str, Json]) -> Community:
    return Community(
        id=text(body, "id"),
        name=text(body, "displayName"),
        description=text(body, "description"),
        privacy=text(body, "privacy"),
        group=text(body, "groupId").lower() or None,
    )
