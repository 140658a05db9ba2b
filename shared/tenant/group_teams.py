"""Teams of our groups. https://learn.microsoft.com/graph/api/resources/team; facts 2.2 and 6.2."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from kiota_abstractions.method import Method

from shared.nouns.json_text import Json
from shared.nouns.outcomes import NotYet
from shared.tenant import operations
from shared.tenant.answers import Answer
from shared.tenant.fields import entry, flag, header, instant
from shared.tenant.graph import Graph
from shared.tenant.odata import guid
from shared.tenant.plain import request
from shared.tenant.teamwork import Team

FAMILIES = ("memberSettings", "guestSettings", "messagingSettings", "funSettings")
# "If the group was created less than 15 minutes ago, it's possible for the Create team call to fail with a 404 ... The
# recommended pattern is to retry the Create team call three times, with a 10 second delay between calls."
# https://learn.microsoft.com/graph/api/team-put-teams
YOUNG = timedelta(seconds=40)
SOON, LATER = 10.0, 60.0


class GroupTeams:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def of_group(self, group_id: str) -> Team | None:
        """The group's team, or None where there is none (or no such group)."""
        group = guid(group_id, "group id")
        answer = await self._graph.ask(
            operations.READ_TEAM, request(Method.GET, "/teams/{team}", team=group), about=f"group {group}", allow=(404,)
        )
        return None if answer.status == 404 else _team(group, answer.content())

    async def enable(self, group_id: str, settings: Mapping[str, bool | str]) -> bool:
        """The group has a team: True, and it has these settings; False where it had one before, which was left as it was.

        Raises NotYet where Teams does not know the group yet: soon again while the group is new, more slowly after.
        """
        group = guid(group_id, "group id")
        answer = await self._graph.ask(
            operations.CREATE_TEAM,
            request(Method.PUT, "/groups/{group}/team", _nested(settings), group=group),
            about=f"group {group}",
            allow=(404, 409),
        )
        if answer.status == 404:
            raise await self._not_known(group)
        return answer.good

    async def change(self, group_id: str, settings: Mapping[str, bool | str]) -> None:
        """The team has these settings; every other one stays. An archived team refuses."""
        group = guid(group_id, "group id")
        await self._graph.ask(
            operations.CHANGE_TEAM, request(Method.PATCH, "/teams/{team}", _nested(settings), team=group), about=f"team {group}"
        )

    async def archive(self, group_id: str) -> None:
        """The team is, or will soon be, read-only; nothing in it is deleted."""
        group = guid(group_id, "group id")
        await self._graph.ask(
            operations.ARCHIVE_TEAM,
            request(Method.POST, "/teams/{team}/archive", {"shouldSetSpoSiteReadOnlyForMembers": False}, team=group),
            about=f"team {group}",
        )

    async def _not_known(self, group: str) -> NotYet:
        found = await self._graph.ask(
            operations.READ_UNIFIED_GROUP,
            request(Method.GET, "/groups/{group}?$select={fields}", group=group, fields="id,createdDateTime"),
            about=f"group {group}",
            allow=(404,),
        )
        young = found.status == 404 or _age(found) < YOUNG
        return NotYet(
            f"Teams does not know group {group} yet, which can take 15 minutes for a new group", after=SOON if young else LATER
        )


def _age(found: Answer) -> timedelta:
    """How old the group in the answer was when it was answered, by Microsoft's clock alone."""
    created = instant(found.content(), "createdDateTime")
    try:
        answered = parsedate_to_datetime(header(found.headers, "date"))
    except ValueError:
        return timedelta()
    return (answered if answered.tzinfo else answered.replace(tzinfo=UTC)) - (created or datetime.min.replace(tzinfo=UTC))


def _team(group: str, body: dict[str, Json]) -> Team:
    settings: dict[str, bool | str] = {}
    for family in FAMILIES:
        values = entry(body, family)
        for name, value in values.items() if isinstance(values, dict) else ():
            if isinstance(value, bool | str):
                settings[f"{family}.{name}"] = value
    return Team(group, flag(body, "isArchived") is True, settings)


def _nested(settings: Mapping[str, bool | str]) -> dict[str, Json]:
    body: dict[str, Json] = {}
    for family in FAMILIES:
        own: dict[str, Json] = {
            name.partition(".")[2]: value for name, value in settings.items() if name.partition(".")[0] == family
        }
        if own:
            body[family] = own
    return body
