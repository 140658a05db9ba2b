"""What our directory says about a person. Teams and the address lists show it. https://learn.microsoft.com/graph/api/user-update"""

from collections.abc import Mapping
from dataclasses import dataclass

from kiota_abstractions.method import Method

from shared.nouns.json_text import Json
from shared.nouns.outcomes import NotYet
from shared.tenant import operations
from shared.tenant.fields import flag, text
from shared.tenant.graph import Graph
from shared.tenant.odata import guid
from shared.tenant.plain import request

PROPERTIES = ("companyName", "department", "jobTitle", "usageLocation", "displayName")
REPLICATION_WAIT = 10.0


@dataclass(frozen=True)
class Profile:
    """`external` says that the account belongs to another organization, `synced` that its properties come from on-premises."""

    id: str
    external: bool
    synced: bool
    values: Mapping[str, str]


class Profiles:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def of_user(self, user_id: str) -> Profile | None:
        """The person's profile, or None where the directory does not have them (gone, or not replicated yet)."""
        user = guid(user_id, "user id")
        fields = ",".join(("id,userType,externalUserState,userPrincipalName,onPremisesSyncEnabled", *PROPERTIES))
        answer = await self._graph.ask(
            operations.READ_USER,
            request(Method.GET, "/users/{user}?$select={fields}", user=user, fields=fields),
            about=f"user {user}",
            allow=(404,),
        )
        if answer.status == 404:
            return None
        body = answer.content()
        outside = bool(text(body, "externalUserState")) or "#ext#" in text(body, "userPrincipalName").lower()
        return Profile(
            id=user,
            external=outside or text(body, "userType") == "Guest",
            synced=flag(body, "onPremisesSyncEnabled") is True,
            values={name: text(body, name) for name in PROPERTIES},
        )

    async def change(self, user_id: str, values: Mapping[str, str | None]) -> None:
        """The person's profile has these values (None: none); every other one stays. Raises NotYet where they are not known (yet)."""
        user = guid(user_id, "user id")
        body: dict[str, Json] = dict(values)
        answer = await self._graph.ask(
            operations.CHANGE_USER, request(Method.PATCH, "/users/{user}", body, user=user), about=f"user {user}", allow=(404,)
        )
        if answer.status == 404:
            raise NotYet(f"User {user} is not known everywhere in the directory yet, or is gone", after=REPLICATION_WAIT)
