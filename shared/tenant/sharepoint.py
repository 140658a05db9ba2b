"""SharePoint's and OneDrive's sharing settings of the whole tenant, as Microsoft Graph has them.

https://learn.microsoft.com/graph/api/resources/sharepointsettings
"""

from kiota_abstractions.method import Method

from shared.nouns.json_text import Json
from shared.tenant import operations
from shared.tenant.fields import flag, text, texts
from shared.tenant.graph import Graph
from shared.tenant.plain import request
from shared.tenant.sharing_settings import ALLOW_LIST, BLOCK_LIST, Sharing

_LISTS = {ALLOW_LIST: "sharingAllowedDomainList", BLOCK_LIST: "sharingBlockedDomainList"}
_PATH = "/admin/sharepoint/settings"
_ABOUT = "our tenant's"


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
