"""Our own people, as far as one has to know them to write to them and to let them answer for a guest."""

from dataclasses import dataclass, field

from shared.tenant.fields import flag, text
from shared.tenant.graph import Graph
from shared.tenant.odata import guid
from shared.tenant.users import UserQuery, Users, read_user

_FIELDS = ["id", "displayName", "mail", "preferredLanguage", "userType", "accountEnabled", "creationType", "externalUserState"]


@dataclass(frozen=True)
class Colleague:
    """Somebody of ours. `mail` is empty without a mailbox, `language` where they have chosen none. `ours` is False for guests and for
    members from another organization. Name and address are not shown by `repr`."""

    id: str
    name: str = field(repr=False)
    mail: str = field(repr=False)
    language: str
    enabled: bool
    ours: bool


class Colleagues:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def get(self, user_id: str) -> Colleague | None:
        """The person, or None where the directory does not have them."""
        user = guid(user_id, "user id")
        content = await read_user(self._graph, user, UserQuery(select=_FIELDS), f"user {user}")
        if content is None:
            return None
        invited = text(content, "creationType").lower() == "invitation" or bool(text(content, "externalUserState"))
        return Colleague(
            id=text(content, "id").lower(),
            name=text(content, "displayName"),
            mail=text(content, "mail"),
            language=text(content, "preferredLanguage"),
            enabled=flag(content, "accountEnabled") is True,
            ours=text(content, "userType").lower() == "member" and not invited,
        )

    async def find(self, address: str) -> Colleague | None:
        """The one person with this address or user principal name; None where there is none, or more than one."""
        users = Users(self._graph)
        named = await users.by_principal_name(address)
        found = {user.id for user in ((named,) if named is not None else await users.find_by_address(address))}
        return await self.get(found.pop()) if len(found) == 1 else None
