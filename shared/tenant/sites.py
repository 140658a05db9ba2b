"""SharePoint sites: how widely each may be shared, and which groups are among its people.

Graph has neither: `/sites/{id}/permissions` is about applications. So the limit goes through the SharePoint admin endpoint and the
people through the site's own REST service, both with a token for SharePoint that carries its Sites.FullControl.All. Microsoft's PnP
team documents managed identities as working against sites; nobody is known to have tried the admin endpoint [U], so it is
used only where a setting names it.
https://learn.microsoft.com/sharepoint/dev/sp-add-ins/users-groups-and-roles-rest-api-reference
"""

from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from kiota_abstractions.method import Method

from shared.nouns.json_text import Json
from shared.nouns.outcomes import WontWork
from shared.tenant import operations
from shared.tenant.fields import entry, objects, text
from shared.tenant.graph import Graph
from shared.tenant.odata import guid
from shared.tenant.plain import request
from shared.tenant.rest import Rest

READ, EDIT = "read", "edit"
# The groups that every site makes for its people: https://support.microsoft.com/office/default-sharepoint-groups
_PEOPLE = {READ: "associatedvisitorgroup", EDIT: "associatedmembergroup"}
# Numbers of Microsoft.Online.SharePoint.TenantManagement.SharingCapabilities.
CAPABILITIES = {
    "disabled": 0,
    "externalUserSharingOnly": 1,
    "externalUserAndGuestSharing": 2,
    "existingExternalUserSharingOnly": 3,
}
# Least first.
BY_WIDTH = ("disabled", "existingExternalUserSharingOnly", "externalUserSharingOnly", "externalUserAndGuestSharing")
_JSON = {"Content-Type": "application/json", "Accept": "application/json;odata=nometadata"}
# The site collections' REST door of the admin endpoint answers to OData 4 only.
_ADMIN = {"Content-Type": "application/json", "OData-Version": "4.0"}
_PERHAPS_GONE = "-2147024894, System.IO.FileNotFoundException"


@dataclass(frozen=True)
class SitePeople:
    """Which access a group has to a site, and the directory group (an object id) that the site belongs to, or ""."""

    access: dict[str, int]
    connected: str


class Sites:
    """`web` and `admin` are None where the settings do not name SharePoint's addresses."""

    def __init__(self, graph: Graph, web: Rest | None, admin: Rest | None) -> None:
        self._graph = graph
        self._web = web
        self._admin = admin

    @property
    def reachable(self) -> bool:
        """Whether the settings name the address of our sites."""
        return self._web is not None

    @property
    def limits_known(self) -> bool:
        """Whether the settings let us use the SharePoint admin endpoint."""
        return self._admin is not None

    async def roles(self) -> frozenset[str]:
        """The application permissions on SharePoint that our token really carries; none where its address is not known."""
        service = self._web or self._admin
        return await service.roles() if service is not None else frozenset()

    def ours(self, url: str) -> bool:
        """Whether the site's URL is one of our tenant, where the settings say what that is."""
        return self._web is None or urlsplit(url).hostname == urlsplit(self._web.service.resource).hostname

    async def find(self, url: str) -> str | None:
        """The id of the site collection at the URL (host, collection and web ids with commas), or None."""
        parts = urlsplit(url)
        path = parts.path.strip("/")
        site = f"{parts.hostname}:/{path}" if path else str(parts.hostname)
        answer = await self._graph.ask(
            operations.READ_SITE,
            request(Method.GET, "/sites/{site}?%24select=id", site=site),
            about=f"site /{path}",
            allow=(404,),
        )
        return text(answer.body, "id") if answer.good else None

    async def limit(self, site: str) -> str:
        """How widely the site may be shared, by Graph's names."""
        answer = await self._admins().ask(
            operations.READ_SITE_LIMIT, "GET", _collection(site), about=_about(site), headers=_ADMIN
        )
        number = entry(answer.content(), "SharingCapability")
        known = next((name for name, value in CAPABILITIES.items() if value == number), None)
        if known is None:
            raise WontWork(f"SharePoint's admin endpoint did not say how widely {_about(site)} may be shared: set it by hand")
        return known

    async def set_limit(self, site: str, capability: str) -> None:
        """The site may be shared so widely, and no more. SharePoint refuses more than the tenant allows."""
        body: dict[str, Json] = {"SharingCapability": CAPABILITIES[capability]}
        await self._admins().ask(
            operations.SET_SITE_LIMIT, "PATCH", _collection(site), about=_about(site), body=body, headers=_ADMIN
        )

    async def people(self, url: str, claim: str) -> SitePeople | None:
        """What the claim's holder may do on the site, by its visitor and member groups, or None where there is no such site."""
        about = f"site {urlsplit(url).path}"
        answer = await self._webs().ask(
            operations.READ_SITE_PEOPLE,
            "GET",
            f"{_web(url)}/_api/site?$select=GroupId",
            about=about,
            headers=_JSON,
            allow=(_PERHAPS_GONE,),
        )
        if not answer.good:
            return None
        access: dict[str, int] = {}
        for level, people in _PEOPLE.items():
            path = f"{_web(url)}/_api/web/{people}/users?$select=Id,LoginName"
            async for page in self._webs().pages(operations.READ_SITE_PEOPLE, path, about=about, link="odata.nextLink"):
                for user in objects(page.content(), "value"):
                    number = entry(user, "Id")
                    if text(user, "LoginName").lower() == claim.lower() and isinstance(number, int):
                        access[level] = number
        connected = text(answer.body, "GroupId").lower()
        return SitePeople(access, "" if set(connected) <= {"0", "-"} else connected)

    async def let_in(self, url: str, claim: str, level: str) -> None:
        """The claim's holder is among the site's visitors or members; one who was before counts as well."""
        about = f"site {urlsplit(url).path}"
        await self._webs().ask(
            operations.LET_INTO_SITE,
            "POST",
            f"{_web(url)}/_api/web/ensureuser",
            about=about,
            body={"logonName": claim},
            headers=_JSON,
        )
        path = f"{_web(url)}/_api/web/{_PEOPLE[level]}/users"
        await self._webs().ask(operations.LET_INTO_SITE, "POST", path, about=about, body={"LoginName": claim}, headers=_JSON)

    async def let_out(self, url: str, user: int, level: str) -> None:
        """The site's user of that number is not among its visitors or members any more."""
        path = f"{_web(url)}/_api/web/{_PEOPLE[level]}/users/removebyid({user})"
        await self._webs().ask(operations.LET_OUT_OF_SITE, "POST", path, about=f"site {urlsplit(url).path}", headers=_JSON)

    def _webs(self) -> Rest:
        if self._web is None:
            raise WontWork("The address of our SharePoint sites is not known: set ENTENTE_SHAREPOINT_URL")
        return self._web

    def _admins(self) -> Rest:
        if self._admin is None:
            raise WontWork("The SharePoint admin endpoint is switched off: set ENTENTE_SHAREPOINT_ADMIN_URL")
        return self._admin


def claim_of(group: str, kind: str) -> str:
    """How SharePoint names a group of the directory; `kind` is `security` or `microsoft365`."""
    prefix = "c:0o.c|federateddirectoryclaimprovider|" if kind == "microsoft365" else "c:0t.c|tenant|"
    return prefix + guid(group, "group id")


def _web(url: str) -> str:
    return quote(urlsplit(url).path.rstrip("/"))


def _collection(site: str) -> str:
    # Graph's id of a site is host, site collection and web; the admin endpoint wants the collection's alone.
    parts = site.split(",")
    return f"/_api/SPO.Tenant/sites('{guid(parts[1] if len(parts) == 3 else site, 'site id')}')"


def _about(site: str) -> str:
    return f"site {site}"
