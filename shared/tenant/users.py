"""Users of our directory: people who are guests, and those who stand for them."""

from collections.abc import Collection
from datetime import UTC, datetime

from kiota_abstractions.base_request_configuration import RequestConfiguration
from msgraph.generated.directory.deleted_items.graph_user.graph_user_request_builder import GraphUserRequestBuilder
from msgraph.generated.models.reference_create import ReferenceCreate
from msgraph.generated.users.item.user_item_request_builder import UserItemRequestBuilder
from msgraph.generated.users.users_request_builder import UsersRequestBuilder

from shared.nouns.json_text import Json
from shared.nouns.outcomes import NotYet, WontWork
from shared.tenant import operations
from shared.tenant.accounts import Accounts
from shared.tenant.answers import Answer
from shared.tenant.fields import flag, instant, objects, text
from shared.tenant.found import Outsider, User
from shared.tenant.graph import Build, Graph
from shared.tenant.odata import guid, literal
from shared.tenant.operations import Operation

REPLICATION_WAIT = 10.0
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_FIELDS = [
    "id",
    "userType",
    "accountEnabled",
    "userPrincipalName",
    "creationType",
    "externalUserState",
    "createdDateTime",
]
_SPONSORS = ["sponsors($select=id)"]

UserQuery = UserItemRequestBuilder.UserItemRequestBuilderGetQueryParameters
UsersQuery = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters
DeletedQuery = GraphUserRequestBuilder.GraphUserRequestBuilderGetQueryParameters


class Users:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def find_by_address(self, address: str) -> tuple[User, ...]:
        """Every user who has the address, as mail, proxy address or other mail; each once, ordered by id.

        Facts 1.3. Asked as one filter; where the directory refuses the combination, as three.
        """
        value = literal(address.strip().lower())
        proxy = literal(f"smtp:{address.strip().lower()}")
        filters = [
            f"mail eq {value}",
            f"proxyAddresses/any(p:p eq {proxy})",
            f"otherMails/any(o:o eq {value})",
        ]
        together = await self._all(operations.FIND_USERS, _filtered(" or ".join(filters)), allow=(400,))
        found = (
            together
            if together is not None
            else [user for one in filters for user in await self._all(operations.FIND_USERS, _filtered(one)) or []]
        )
        return tuple(sorted({user.id: user for user in found}.values(), key=lambda user: user.id))

    async def deleted_by_address(self, address: str) -> tuple[User, ...]:
        """The users with this mail who were deleted and can still be restored (30 days), the latest deleted first."""
        build = _deleted(f"mail eq {literal(address.strip().lower())}")
        found = await self._all(operations.FIND_DELETED_USERS, build) or []
        return tuple(sorted(found, key=lambda user: (user.deleted or _LONG_AGO, user.id), reverse=True))

    async def by_id(self, user_id: str, *, sponsors: bool = False) -> User | None:
        """The user, or None where the directory does not have it (gone, or not replicated yet)."""
        checked = guid(user_id, "user id")
        query = UserQuery(select=_FIELDS, expand=_SPONSORS if sponsors else None)
        return await self._one(checked, query, f"user {checked}", sponsors=sponsors)

    async def deleted_by_id(self, user_id: str) -> User | None:
        """The user, if they were deleted and can still be restored, else None."""
        checked = guid(user_id, "user id")
        answer = await self._graph.ask(
            operations.READ_DELETED_USER,
            lambda client: client.directory.deleted_items.by_directory_object_id(checked).to_get_request_information(),
            about=f"deleted user {checked}",
            allow=(404,),
        )
        return None if answer.status == 404 else _user(answer.content())

    async def by_principal_name(self, name: str) -> User | None:
        """The user with this user principal name, or None; a word that cannot be one is nobody's."""
        if "@" not in name:
            return None
        return await self._one(name, UserQuery(select=_FIELDS), "user by principal name")

    async def of_domains(self, domains: Collection[str], initial_domain: str = "") -> tuple[Outsider, ...]:
        """All guests and external members with an address in one of the domains, whoever invited them."""
        return await Accounts(self._graph).outsiders(domains, initial_domain)

    async def restore(self, user_id: str) -> None:
        """The deleted user is back, with its memberships; one who is back already counts as well.

        Raises WontWork where it is neither among the users nor among the deleted any more.
        """
        checked = guid(user_id, "user id")
        answer = await self._graph.ask(
            operations.RESTORE_USER,
            lambda client: client.directory.deleted_items.by_directory_object_id(checked).restore.to_post_request_information(),
            about=f"user {checked}",
            allow=(404,),
        )
        if answer.status == 404 and await self.by_id(checked) is None:
            raise WontWork(f"The deleted user {checked} cannot be restored: the directory does not have it any more")

    async def delete(self, user_id: str) -> None:
        """The user is gone (restorable for 30 days); a user who was gone before counts as well."""
        checked = guid(user_id, "user id")
        await self._graph.ask(
            operations.DELETE_USER,
            lambda client: client.users.by_user_id(checked).to_delete_request_information(),
            about=f"user {checked}",
            allow=(404,),
        )

    async def add_sponsor(self, user_id: str, sponsor_id: str) -> None:
        """The sponsor (a user or group of ours) stands for the guest; one who did so before counts as well.

        Raises NotYet where the guest is not replicated yet, WontWork where the sponsor does not exist.
        """
        user, sponsor = guid(user_id, "user id"), guid(sponsor_id, "sponsor id")
        body = ReferenceCreate(odata_id=self._graph.reference("users", sponsor))
        answer = await self._graph.ask(
            operations.ADD_SPONSOR,
            lambda client: client.users.by_user_id(user).sponsors.ref.to_post_request_information(body),
            about=f"user {user}, sponsor {sponsor}",
            allow=(400, 404),
        )
        if answer.status == 404:
            raise _missing(answer, user, sponsor)
        if answer.status == 400 and not answer.says("already exist"):
            raise answer.error()

    async def remove_sponsor(self, user_id: str, sponsor_id: str) -> None:
        """The sponsor does not stand for the guest; one who did not before counts as well."""
        user, sponsor = guid(user_id, "user id"), guid(sponsor_id, "sponsor id")
        await self._graph.ask(
            operations.REMOVE_SPONSOR,
            lambda client: (
                client.users.by_user_id(user).sponsors.by_directory_object_id(sponsor).ref.to_delete_request_information()
            ),
            about=f"user {user}, sponsor {sponsor}",
            allow=(404,),
        )

    async def _one(self, key: str, query: UserQuery, about: str, *, sponsors: bool = False) -> User | None:
        found = await read_user(self._graph, key, query, about)
        return None if found is None else _user(found, sponsors=sponsors)

    async def _all(self, operation: Operation, build: Build, allow: tuple[int, ...] = ()) -> list[User] | None:
        """The users on all pages, or None where the answer's status was one of `allow`."""
        found: list[User] = []
        async for page in self._graph.pages(operation, build, about="a person", allow=allow):
            if not page.good:
                return None
            found += [_user(item) for item in objects(page.content(), "value")]
        return found


async def read_user(graph: Graph, key: str, query: UserQuery, about: str) -> dict[str, Json] | None:
    """What the directory says of the user with this object id or principal name, or None where it does not have them (gone, or not
    replicated yet)."""
    answer = await graph.ask(
        operations.READ_USER,
        lambda client: client.users.by_user_id(key).to_get_request_information(RequestConfiguration(query_parameters=query)),
        about=about,
        allow=(404,),
    )
    return None if answer.status == 404 else answer.content()


def _filtered(expression: str) -> Build:
    query = UsersQuery(filter=expression, select=_FIELDS)
    return lambda client: client.users.to_get_request_information(RequestConfiguration(query_parameters=query))


def _deleted(expression: str) -> Build:
    query = DeletedQuery(filter=expression, select=[*_FIELDS, "deletedDateTime"])
    return lambda client: client.directory.deleted_items.graph_user.to_get_request_information(
        RequestConfiguration(query_parameters=query)
    )


def _user(body: dict[str, Json], *, sponsors: bool = False) -> User:
    state = text(body, "externalUserState") or None
    # Any of the three tells an account from elsewhere: people from cross-tenant sync were never invited.
    # https://learn.microsoft.com/entra/external-id/user-properties
    external = (
        state is not None
        or text(body, "creationType").lower() == "invitation"
        or "#ext#" in text(body, "userPrincipalName").lower()
    )
    return User(
        id=guid(text(body, "id"), "id of the user in the answer"),
        user_type=text(body, "userType"),
        enabled=flag(body, "accountEnabled"),
        external=external,
        redemption=state,
        created=instant(body, "createdDateTime"),
        deleted=instant(body, "deletedDateTime"),
        sponsors=tuple(sorted(text(item, "id").lower() for item in objects(body, "sponsors"))) if sponsors else None,
    )


def _missing(answer: Answer, user: str, sponsor: str) -> NotYet | WontWork:
    if answer.says(sponsor):
        return WontWork(f"The sponsor {sponsor} of guest {user} is not in our directory: name another sponsor")
    return NotYet(f"Guest {user} is not known everywhere in the directory yet", after=REPLICATION_WAIT)
