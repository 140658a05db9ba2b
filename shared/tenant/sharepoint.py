"""SharePoint's and OneDrive's sharing settings of the whole tenant, as Microsoft Graph has them.

https://learn.microsoft.com/graph/api/resources/sharepointsettings
"""

from dataclasses import dataclass

from kiota_abstractions.method import Method

from shared.nouns.step import Json
from shared.tenant import operations
from shared.tenant.fields import flag, text, texts
from shared.tenant.graph import Graph
from shared.tenant.plain import request

NONE, ALLOW_LIST, BLOCK_LIST = "none", "allowList", "blockList"
_LISTS = {ALLOW_LIST: "sharingAllowedDomainList", BLOCK_LIST: "sharingBlockedDomainList"}
_PATH = "/admin/sharepoint/settings"
_ABOUT = "our tenant's"


@dataclass(frozen=True)
class Sharing:
    """`capability` is disabled, existingExternalUserSharingOnly, externalUserSharingOnly or externalUserAndGuestSharing.

    `mode` is none, allowList or blockList; a list that the mode does not use has no effect. Domains are in lower case.
    """

    capability: str
    mode: str
    allowed: tuple[str, ...]
    blocked: tuple[str, ...]
    resharing: bool | None = None
    same_account: bool | None = None

    @property
    def listed(self) -> tuple[str, ...]:
        """The list that is in force."""
        return {ALLOW_LIST: self.allowed, BLOCK_LIST: self.blocked}.get(self.mode, ())

    def allows(self, domain: str) -> bool:
        """Whether the list lets people of the domain in. Entries have no wildcards; one is taken for its own domain only.

        https://learn.microsoft.com/sharepoint/restricted-domains-sharing
        """
        if self.mode == ALLOW_LIST:
            return domain in self.allowed
        return not (self.mode == BLOCK_LIST and domain in self.blocked)


class SharePoint:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def sharing(self) -> Sharing:
        """The sharing settings of our tenant."""
        answer = await self._graph.ask(operations.READ_SHARING, request(Method.GET, _PATH), about=_ABOUT)
        content = answer.content()
        return Sharing(
            capability=text(content, "sharingCapability"),
            mode=text(content, "sharingDomainRestrictionMode"),
            allowed=_domains(content, "sharingAllowedDomainList"),
            blocked=_domains(content, "sharingBlockedDomainList"),
            resharing=flag(content, "isResharingByExternalUsersEnabled"),
            same_account=flag(content, "isRequireAcceptingUserToMatchInvitedUserEnabled"),
        )

    async def set_list(self, mode: str, domains: tuple[str, ...]) -> None:
        """The list of the mode, which is in force already, is this one. It is replaced whole, and there is no ETag: writers
        take turns."""
        body: Json = {"sharingDomainRestrictionMode": mode, _LISTS[mode]: list(domains)}
        await self._graph.ask(operations.SET_SHARING, request(Method.PATCH, _PATH, body), about=_ABOUT)


def _domains(content: Json, key: str) -> tuple[str, ...]:
    # Null is how an empty list is shown where none was ever set.
    return tuple(sorted({domain.strip().lower() for domain in texts(content, key)}))
