"""What the directory shows of an object that may have changed, in one question each; and who brought a guest in."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from urllib.parse import quote

from kiota_abstractions.method import Method

from shared.nouns.json_text import Json
from shared.tenant import operations
from shared.tenant.fields import entry, flag, instant, objects, text, texts
from shared.tenant.graph import BatchItem, Graph
from shared.tenant.noticed import Inviter, Sighting
from shared.tenant.odata import guid
from shared.tenant.plain import request
from shared.tenant.side_by_side import SideBySide

_FIELDS = (
    "id,userType,accountEnabled,userPrincipalName,creationType,externalUserState,externalUserStateChangeDateTime,createdDateTime,mail,"
    "otherMails,displayName"
)
# The log is a report: five requests in ten seconds (facts 10), so a look is a few pages of a narrow window at most.
MOST_PAGES = 3
AROUND = timedelta(minutes=30)


class Sightings:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._users = SideBySide(graph, operations.READ_USER)

    async def user(self, user_id: str) -> Sighting | None:
        """The user with their sponsors, also one who was deleted and can be restored; None where the directory knows none."""
        user = guid(user_id, "user id")
        about = f"user {user}"
        build = request(Method.GET, "/users/{user}?$select={fields}&$expand=sponsors($select=id)", user=user, fields=_FIELDS)
        answer = await self._users.ask(
            BatchItem("GET", f"/users/{user}?$select={_FIELDS}&$expand=sponsors($select=id)", about),
            lambda: self._graph.ask(operations.READ_USER, build, about=about, allow=(404,)),
        )
        if answer.good:
            return _sighting(answer.content(), deleted=False)
        if answer.status != 404:
            raise answer.error()
        gone = await self._graph.ask(
            operations.READ_DELETED_USER,
            request(Method.GET, "/directory/deletedItems/{user}", user=user),
            about=f"deleted user {user}",
            allow=(404,),
        )
        if not gone.good or "group" in text(gone.body, "@odata.type").lower():
            return None
        return _sighting(gone.content(), deleted=True)

    async def manager(self, user_id: str) -> str | None:
        """The object id of the user's manager, or None where they have none (or are not there).

        https://learn.microsoft.com/graph/api/user-list-manager
        """
        user = guid(user_id, "user id")
        answer = await self._graph.ask(
            operations.READ_MANAGER,
            request(Method.GET, "/users/{user}/manager?$select=id", user=user),
            about=f"user {user}",
            allow=(404,),
        )
        return text(answer.content(), "id").lower() or None if answer.good else None

    async def groups_of(self, user_id: str) -> tuple[str, ...]:
        """The groups that the user is in directly, by id; none where the directory does not have the user."""
        user = guid(user_id, "user id")
        found: list[str] = []
        async for page in self._graph.pages(
            operations.READ_GROUPS_OF_USER,
            request(Method.GET, "/users/{user}/memberOf?$select=id", user=user),
            about=f"user {user}",
            allow=(404,),
        ):
            if page.good:
                kinds = (one for one in objects(page.content(), "value") if "group" in text(one, "@odata.type").lower())
                found += [text(one, "id").lower() for one in kinds]
        return tuple(sorted(found))

    async def group(self, group_id: str) -> bool:
        """The group is there (and not among the deleted ones)."""
        group = guid(group_id, "group id")
        answer = await self._graph.ask(
            operations.READ_GROUP,
            request(Method.GET, "/groups/{group}?$select=id", group=group),
            about=f"group {group}",
            allow=(404,),
        )
        return answer.good

    async def inviter(self, user_id: str, created: datetime) -> Inviter | None:
        """Who brought the guest in; None where the log does not say (yet: it is minutes behind).

        Raises WontWork where we may not read it, NotYet where it asks to wait.
        https://learn.microsoft.com/graph/api/directoryaudit-list
        """
        user = guid(user_id, "user id")
        window = f"activityDateTime ge {_moment(created - AROUND)} and activityDateTime le {_moment(created + AROUND)}"
        build = request(
            Method.GET,
            f"/auditLogs/directoryAudits?$filter={quote(f'{window} and category eq {_QUOTED}')}&$top=500",
        )
        found: Inviter | None = None
        pages = 0
        async for page in self._graph.pages(operations.LIST_AUDITS, build, about=f"user {user}"):
            pages += 1
            for record in objects(page.content(), "value"):
                if _brought_in(record, user):
                    found = _inviter(record)
            if found is not None or pages >= MOST_PAGES:
                break
        return found


_QUOTED = "'UserManagement'"
# An invitation is `Invite external user`; synchronization and entitlement management add the user.
_ACTIVITIES = frozenset({"invite external user", "add user"})


def _brought_in(record: Mapping[str, Json], user: str) -> bool:
    told = text(dict(record), "activityDisplayName").strip().lower() in _ACTIVITIES
    return told and any(text(target, "id").lower() == user for target in objects(dict(record), "targetResources"))


def _inviter(record: dict[str, Json]) -> Inviter:
    by = entry(record, "initiatedBy")
    return Inviter(text(entry(by, "user"), "id").lower(), text(entry(by, "app"), "displayName"))


def _sighting(body: dict[str, Json], *, deleted: bool) -> Sighting:
    state = text(body, "externalUserState") or None
    creation, name = text(body, "creationType"), text(body, "userPrincipalName").lower()
    addresses = [text(body, "mail"), *texts(body, "otherMails")]
    return Sighting(
        id=guid(text(body, "id"), "id of the user in the answer"),
        member=text(body, "userType").lower() == "member",
        enabled=flag(body, "accountEnabled") is not False,
        external=state is not None or creation.lower() == "invitation" or "#ext#" in name or text(body, "userType") == "Guest",
        redemption=state,
        changed=instant(body, "externalUserStateChangeDateTime"),
        created=instant(body, "createdDateTime"),
        creation=creation,
        sponsors=tuple(sorted(text(item, "id").lower() for item in objects(body, "sponsors"))),
        address=next((one.strip().lower() for one in addresses if "@" in one), ""),
        name=text(body, "displayName"),
        deleted=deleted,
    )


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
