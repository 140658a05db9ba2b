"""What has changed among users and groups since we asked last, page by page.

https://learn.microsoft.com/graph/delta-query-overview
"""

from kiota_abstractions.method import Method
from kiota_abstractions.request_information import RequestInformation
from msgraph.graph_service_client import GraphServiceClient

from shared.nouns.json_text import Json
from shared.tenant import operations
from shared.tenant.fields import entry, flag, objects, text
from shared.tenant.graph import Build, Graph
from shared.tenant.noticed import Changed, Page

# Only changes of these are told. No name: nothing is done about one.
_SELECT = {
    "users": "id,userType,accountEnabled,externalUserState,mail,otherMails,userPrincipalName",
    "groups": "id,displayName,members",
}
_OPERATIONS = {"users": operations.CHANGED_USERS, "groups": operations.CHANGED_GROUPS}
# A token that is expired or unknown: 410, or 400 or 404 with one of these codes (facts 1.8).
_ANEW = frozenset({"syncstatenotfound", "resyncrequired", "syncstateinvalid"})


class Delta:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def page(self, resource: str, link: str = "") -> Page | None:
        """The page that the link leads to, without one the first page of all there is; None where the link is no longer good."""
        operation, about = _OPERATIONS[resource], f"{resource} since the last time" if link else f"all {resource}"
        allow = (400, 404, 410) if link else ()
        answer = await self._graph.ask(operation, self._build(resource, link), about=about, allow=allow)
        if not answer.good:
            if answer.status == 410 or answer.code.lower() in _ANEW:
                return None
            raise answer.error()
        content = answer.content()
        following, last = text(content, "@odata.nextLink"), text(content, "@odata.deltaLink")
        found = tuple(_changed(one) for one in objects(content, "value") if text(one, "id"))
        return Page(found, self._graph.ours(following or last, operation, about), last=not following)

    def _build(self, resource: str, link: str) -> Build:
        def build(_: GraphServiceClient) -> RequestInformation:
            if link:
                information = RequestInformation(Method.GET)
                information.url = self._graph.ours(link, _OPERATIONS[resource], resource)
            else:
                values = {"%24select": _SELECT[resource]}
                information = RequestInformation(Method.GET, f"{{+baseurl}}/{resource}/delta{{?%24select}}", {**values})
            information.headers.try_add("Accept", "application/json")
            # What people wait for goes first: https://learn.microsoft.com/graph/throttling-limits (x-ms-throttle-priority)
            information.headers.try_add("x-ms-throttle-priority", "Low")
            return information

        return build


def _changed(content: dict[str, Json]) -> Changed:
    came: list[str] = []
    went: list[str] = []
    for member in objects(content, "members@delta"):
        (went if "@removed" in member else came).append(text(member, "id").lower())
    gone = entry(content, "@removed")
    external = bool(text(content, "externalUserState"))
    return Changed(
        id=text(content, "id").lower(),
        removed="" if gone is None else "deleted" if text(gone, "reason") == "deleted" else "changed",
        guest=external or text(content, "userType").lower() == "guest",
        enabled=flag(content, "accountEnabled"),
        came=tuple(filter(None, came)),
        went=tuple(filter(None, went)),
    )
