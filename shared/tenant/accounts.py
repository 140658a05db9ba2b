"""Whether people may sign in: accounts switched off and on, singly and twenty at a time; and which outsiders have addresses in given
domains."""

from collections.abc import Collection, Iterable, Mapping

from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_abstractions.method import Method
from msgraph.generated.users.users_request_builder import UsersRequestBuilder

from shared.nouns.json_text import Json
from shared.nouns.outcomes import NotYet, WontWork
from shared.tenant import operations
from shared.tenant.fields import flag, objects, text, texts
from shared.tenant.found import Outsider
from shared.tenant.graph import MOST_PER_BATCH, BatchItem, Build, Graph
from shared.tenant.odata import guid, literal
from shared.tenant.plain import request

MOST_PER_PAGE = 999
_FIELDS = ["id", "userType", "accountEnabled", "userPrincipalName", "creationType", "externalUserState", "mail", "otherMails"]
_ROLE = "#microsoft.graph.directoryRole"
UsersQuery = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters


class Accounts:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def outsiders(self, domains: Collection[str], initial_domain: str = "") -> tuple[Outsider, ...]:
        """All guests and external members with an address in one of the domains, ordered by id: whoever invited them.

        By mail, other mails, and (with our `initial_domain`) the user principal name that an invitation gives, which also finds who
        has no mailbox. The index behind these filters lags more than reading by id does (facts 0.4).
        https://learn.microsoft.com/graph/aad-advanced-queries (endsWith needs ConsistencyLevel and $count)
        """
        found: dict[str, Outsider] = {}
        for domain in domains:
            for body in await self._of_domain(domain, initial_domain):
                if (outsider := _outsider(body, domains)) is not None:
                    found[outsider.id] = outsider
        return tuple(found[key] for key in sorted(found))

    async def switch(self, user_id: str, *, on: bool) -> None:
        """The account is enabled, or disabled. https://learn.microsoft.com/graph/api/user-update

        Raises NotYet where the user is not known everywhere yet, WontWork where we may not (403: they hold an administrator's role).
        """
        user = guid(user_id, "user id")
        build = request(Method.PATCH, "/users/{user}", {"accountEnabled": on}, user=user)
        await self._graph.ask(operations.SWITCH_ACCOUNT, build, about=f"user {user}")

    async def switch_some(self, users: Iterable[str], *, on: bool) -> Mapping[str, NotYet | WontWork | None]:
        """Up to 20 accounts at once; for each user None where it is so (one that is gone counts as well), else why not.

        https://learn.microsoft.com/graph/json-batching: items fail and are throttled one by one.
        """
        ids = [guid(user, "user id") for user in users]
        items = {user: BatchItem("PATCH", f"/users/{user}", f"user {user}", {"accountEnabled": on}) for user in ids}
        if not items:
            return {}
        if len(items) > MOST_PER_BATCH:
            raise ValueError(f"{len(items)} accounts are more than the {MOST_PER_BATCH} of a batch")
        answers = await self._graph.batch(operations.SWITCH_ACCOUNT, items, about=f"{len(items)} accounts")
        return {user: None if answer.good or answer.status == 404 else answer.error() for user, answer in answers.items()}

    async def states(self, users: Iterable[str]) -> Mapping[str, bool | None]:
        """Whether each of up to 20 accounts is enabled, read by id; None for one that is gone."""
        ids = [guid(user, "user id") for user in users]
        items = {user: BatchItem("GET", f"/users/{user}?$select=id,accountEnabled", f"user {user}") for user in ids}
        if not items:
            return {}
        answers = await self._graph.batch(operations.READ_USER, items, about=f"{len(items)} accounts")
        for answer in answers.values():
            if not answer.good and answer.status != 404:
                raise answer.error()
        return {user: flag(answer.content(), "accountEnabled") if answer.good else None for user, answer in answers.items()}

    async def directory_roles(self, user_id: str) -> tuple[str, ...]:
        """The names (or ids) of the directory roles that the user is in, directly or by a group; eligible ones are not seen.

        https://learn.microsoft.com/graph/api/user-list-transitivememberof
        """
        user = guid(user_id, "user id")
        build = request(Method.GET, "/users/{user}/transitiveMemberOf", user=user)
        roles: list[str] = []
        async for page in self._graph.pages(operations.READ_ROLES_OF_USER, build, about=f"user {user}", allow=(404,)):
            if page.good:
                held = [one for one in objects(page.content(), "value") if text(one, "@odata.type").lower() == _ROLE.lower()]
                roles += [text(one, "displayName") or text(one, "id") for one in held]
        return tuple(sorted(roles))

    async def _of_domain(self, domain: str, initial_domain: str) -> list[dict[str, Json]]:
        """The raw users; asked as one filter, and as several where the directory refuses the combination."""
        filters = [f"endsWith(mail,{literal(f'@{domain}')})", f"otherMails/any(o:endsWith(o,{literal(f'@{domain}')}))"]
        if initial_domain:
            filters.append(f"endsWith(userPrincipalName,{literal(f'_{domain}#EXT#@{initial_domain}')})")
        together = await self._all(_query(" or ".join(filters)), domain, allow=(400,))
        if together is not None:
            return together
        return [user for one in filters for user in await self._all(_query(one), domain) or []]

    async def _all(self, build: Build, domain: str, allow: tuple[int, ...] = ()) -> list[dict[str, Json]] | None:
        found: list[dict[str, Json]] = []
        pages = self._graph.pages(operations.FIND_OUTSIDERS, build, about=f"people of {domain}", allow=allow)
        async for page in pages:
            if not page.good:
                return None
            found += objects(page.content(), "value")
        return found


def _query(expression: str) -> Build:
    query = UsersQuery(filter=expression, select=_FIELDS, count=True, top=MOST_PER_PAGE)
    configuration = RequestConfiguration(query_parameters=query)
    configuration.headers.add("ConsistencyLevel", "eventual")
    return lambda client: client.users.to_get_request_information(configuration)


def _outsider(body: dict[str, Json], domains: Collection[str]) -> Outsider | None:
    """None for our own people, who may have an address elsewhere too."""
    name = text(body, "userPrincipalName").lower()
    external = bool(text(body, "externalUserState")) or text(body, "creationType").lower() == "invitation" or "#ext#" in name
    if not external and text(body, "userType").lower() != "guest":
        return None
    return Outsider(
        guid(text(body, "id"), "id of the user in the answer"),
        _address(body, name, domains),
        text(body, "userType"),
        flag(body, "accountEnabled"),
    )


def _address(body: dict[str, Json], name: str, domains: Collection[str]) -> str:
    invited = name.partition("#ext#")[0]
    head, _, tail = invited.rpartition("_")
    candidates = [text(body, "mail"), *texts(body, "otherMails"), f"{head}@{tail}" if head else ""]
    lowered = [candidate.strip().lower() for candidate in candidates]
    return next((one for one in lowered if one.rpartition("@")[2] in domains), "")
