"""What a partner's people and applications have done here, as far as the directory's logs tell: ids and times, nobody's name.

https://learn.microsoft.com/graph/api/signin-list, https://learn.microsoft.com/graph/api/directoryaudit-list
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from kiota_abstractions.method import Method
from kiota_abstractions.request_information import RequestInformation
from msgraph.graph_service_client import GraphServiceClient

from shared.nouns.json_text import Json
from shared.tenant import operations
from shared.tenant.fields import entry, instant, objects, text
from shared.tenant.graph import Build, Graph
from shared.tenant.odata import guid
from shared.tenant.operations import Operation

# Reports are limited to 5 requests in 10 s per app and tenant (facts 10), so a look never takes more than these.
MOST_PAGES = 4
PER_PAGE = 1_000
# Of one user, the latest are enough to see whether they still come in.
FEW = 50
# So many users in one filter: each takes 60 characters of the URL.
MOST_USERS = 15

type _Tell = Callable[[dict[str, Json]], tuple[set[str], str]]


@dataclass(frozen=True)
class App:
    """An application of another organization that has a foothold here (a service principal)."""

    id: str
    app: str
    name: str
    enabled: bool


@dataclass(frozen=True)
class Events:
    """`found` is what the log says of those asked about, the latest first, each as words of ids and times; `complete` says whether
    all of the log since then was read."""

    found: tuple[str, ...]
    complete: bool


class Evidence:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def apps(self, tenant_id: str) -> tuple[App, ...]:
        """The applications that the other organization owns and that are in our directory.

        A filter by the owner is an advanced query: https://learn.microsoft.com/graph/aad-advanced-queries
        """
        owner = guid(tenant_id, "tenant id")
        build = _filtered("/servicePrincipals", f"appOwnerOrganizationId eq {owner}", advanced=True)
        found: list[App] = []
        async for page in self._graph.pages(operations.LIST_APPS, build, about=f"tenant {owner}"):
            found += [
                App(text(one, "id"), text(one, "appId"), text(one, "displayName"), one.get("accountEnabled") is not False)
                for one in objects(page.content(), "value")
            ]
        return tuple(sorted(found, key=lambda app: app.id))

    async def sign_ins(self, users: Collection[str], since: datetime) -> Events:
        """The sign-ins of these users since then. Raises WontWork where the tenant has no Entra ID P1, or we may not."""
        build = _filtered("/auditLogs/signIns", f"createdDateTime ge {_moment(since)}", PER_PAGE)
        return await self._events(operations.LIST_SIGN_INS, build, users, _sign_in)

    async def failures(self, user_id: str, since: datetime) -> tuple[tuple[datetime, int], ...]:
        """When signing in failed for the user since then and after their last success, with the error's code, the latest first; interactive
        sign-ins alone, and at most those of one page. Raises WontWork where the tenant has no Entra ID P1, or we may not.

        https://learn.microsoft.com/graph/api/resources/signinstatus
        """
        user = guid(user_id, "user id")
        build = _filtered("/auditLogs/signIns", f"userId eq '{user}' and createdDateTime ge {_moment(since)}", FEW)
        answer = await self._graph.page(operations.LIST_SIGN_INS, build, about=f"user {user}")
        return _failures(answer.content(), user)

    async def failures_of(self, user_ids: Collection[str], since: datetime) -> dict[str, tuple[tuple[datetime, int], ...]]:
        """As `failures`, of up to `MOST_USERS` users by one request; of the latest sign-ins of theirs, a page."""
        users = [guid(user, "user id") for user in user_ids]
        if not 1 <= len(users) <= MOST_USERS:
            raise ValueError(f"one to {MOST_USERS} users are asked for at once")
        named = " or ".join(f"userId eq '{user}'" for user in users)
        build = _filtered("/auditLogs/signIns", f"({named}) and createdDateTime ge {_moment(since)}", PER_PAGE)
        answer = await self._graph.page(operations.LIST_SIGN_INS, build, about=f"{len(users)} users")
        return {user: _failures(answer.content(), user) for user in users}

    async def audits(self, users: Collection[str], since: datetime) -> Events:
        """The changes that these users made, or that were made to them, since then."""
        build = _filtered("/auditLogs/directoryAudits", f"activityDateTime ge {_moment(since)}", PER_PAGE)
        return await self._events(operations.LIST_AUDITS, build, users, _audit)

    async def _events(self, operation: Operation, build: Build, users: Collection[str], tell: _Tell) -> Events:
        wanted, found, pages = {user.lower() for user in users}, [], 0
        async for page in self._graph.pages(operation, build, about="those of the partner"):
            pages += 1
            for record in objects(page.content(), "value"):
                who, said = tell(record)
                if wanted & who:
                    found.append(said)
            if pages >= MOST_PAGES and text(page.body, "@odata.nextLink"):
                return Events(tuple(found), complete=False)
        return Events(tuple(found), complete=True)


def _failures(body: dict[str, Json], user: str) -> tuple[tuple[datetime, int], ...]:
    found: list[tuple[datetime, int]] = []
    for record in objects(body, "value"):
        at, code = instant(record, "createdDateTime"), entry(entry(record, "status"), "errorCode")
        if at is not None and isinstance(code, int) and text(record, "userId").lower() == user:
            found.append((at, code))
    found.sort(reverse=True)
    success = next((place for place, (_, code) in enumerate(found) if code == 0), len(found))
    return tuple(found[:success])


def _sign_in(record: dict[str, Json]) -> tuple[set[str], str]:
    user = text(record, "userId").lower()
    code = entry(entry(record, "status"), "errorCode")
    words = (text(record, "createdDateTime"), text(record, "id"), user, f"app {text(record, 'appId')}", f"error {code}")
    return {user}, " ".join(words)


def _audit(record: dict[str, Json]) -> tuple[set[str], str]:
    by = text(entry(entry(record, "initiatedBy"), "user"), "id").lower()
    targets = [text(target, "id").lower() for target in objects(record, "targetResources")]
    words = (text(record, "activityDateTime"), text(record, "id"), f"by {by or '-'}", f"on {','.join(targets) or '-'}")
    return {by, *targets} - {""}, " ".join(words)


def _filtered(path: str, expression: str, top: int | None = None, *, advanced: bool = False) -> Build:
    def build(_: GraphServiceClient) -> RequestInformation:
        values = {"%24filter": expression}
        if top:
            values["%24top"] = str(top)
        if advanced:
            values["%24count"] = "true"
        information = RequestInformation(Method.GET, "{+baseurl}" + path + "{?%24filter,%24top,%24count}", {**values})
        information.headers.try_add("Accept", "application/json")
        if advanced:
            information.headers.try_add("ConsistencyLevel", "eventual")
        return information

    return build


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
