"""SharePoint's admin endpoint (one site's sharing) and the REST service of a site (its visitors and members). Facts section 5.2."""

import re
from typing import Any
from urllib.parse import unquote

from devstack.tenant.directory.objects import Record
from devstack.tenant.graph.operation import Reply
from devstack.tenant.services.endpoint import Asked, Endpoint, Service, ServiceError
from devstack.tenant.services.workloads import MEMBERS, VISITORS
from devstack.tenant.tenant import SimulatedTenant
from devstack.tenant.tokens import Token

_DENIED = "-2147024891, System.UnauthorizedAccessException"
_MISSING = "-2147024894, System.IO.FileNotFoundException"
_INVALID = "-2147024809, System.ArgumentException"
# Widest last; a site cannot be more open than the tenant.
_WIDTH = ("disabled", "existingExternalUserSharingOnly", "externalUserSharingOnly", "externalUserAndGuestSharing")
_NUMBERS = {0: "disabled", 1: "externalUserSharingOnly", 2: "externalUserAndGuestSharing", 3: "existingExternalUserSharingOnly"}
_GROUP_CLAIM = re.compile(r"(?:c:0t\.c\|tenant|c:0o\.c\|federateddirectoryclaimprovider)\|(?P<id>[0-9a-f-]{36})", re.IGNORECASE)


def host_name(tenant: SimulatedTenant) -> str:
    """The first label of the tenant's SharePoint hosts: that of its initial domain."""
    return tenant.initial_domain.partition(".")[0]


def _may(tenant: SimulatedTenant, token: Token, writes: bool) -> None:
    if "Sites.FullControl.All" not in token.roles:
        raise ServiceError(403, _DENIED, "Attempted to perform an unauthorized operation.")


def _refusal(error: ServiceError) -> Any:
    return {"odata.error": {"code": error.code, "message": {"lang": "en-US", "value": error.message}}}


SITES = Service("SharePoint", lambda tenant: (f"https://{host_name(tenant)}.sharepoint.com",), _refusal, _may)
ADMIN = Service("SharePoint admin", lambda tenant: (f"https://{host_name(tenant)}-admin.sharepoint.com",), _refusal, _may)


def _collection(asked: Asked) -> Record:
    found = asked.tenant.workloads.sites.get(asked.parameters["id"].lower())
    if found is None:
        raise ServiceError(404, _MISSING, "File Not Found.")
    if asked.headers.get("odata-version") != "4.0":
        raise ServiceError(400, "-1, Microsoft.SharePoint.Client.InvalidClientQueryException", "The expression is not valid.")
    return found


def read_limit(asked: Asked) -> Reply:
    """The site's properties, of which only those about sharing are kept here."""
    site = asked.tenant.lag.view(f"site:{asked.parameters['id'].lower()}", _collection(asked))
    return Reply(200, {"SiteId": site["collection"], "Url": site["webUrl"], "SharingCapability": site["sharingCapability"]})


def set_limit(asked: Asked) -> Reply:
    """The site may be shared so widely; never more widely than the tenant."""
    site, body = _collection(asked), asked.json()
    number = body.get("SharingCapability")
    if body.keys() - {"SharingCapability"} or number not in _NUMBERS or isinstance(number, bool):
        raise ServiceError(400, _INVALID, "The parameter SharingCapability is invalid.")
    most = asked.tenant.workloads.sharing["sharingCapability"]
    if _WIDTH.index(_NUMBERS[number]) > _WIDTH.index(most):
        raise ServiceError(
            400, _INVALID, "The sharing capability of a site cannot be less restrictive than that of the organization."
        )
    _replace(asked, site, sharingCapability=number)
    return Reply(204)


def _replace(asked: Asked, site: Record, **changes: Any) -> None:
    asked.tenant.lag.note(f"site:{site['collection']}", site)
    asked.tenant.workloads.sites[site["collection"]] = {**site, **changes}


def _site(asked: Asked) -> Record:
    path = unquote("/" + "/".join(asked.parameters[name] for name in ("kind", "name") if name in asked.parameters))
    found = asked.tenant.workloads.site_at(path)
    if found is None:
        raise ServiceError(404, _MISSING, "File Not Found.")
    return found


def read_collection(asked: Asked) -> Reply:
    """The site collection: the Microsoft 365 group that it belongs to, zeros where it belongs to none."""
    return Reply(200, {"GroupId": _site(asked)["groupId"]})


def _people(asked: Asked) -> str:
    people = asked.parameters["people"].lower()
    if people not in (VISITORS, MEMBERS):
        raise ServiceError(
            404, "-1, Microsoft.SharePoint.Client.ResourceNotFoundException", f"Cannot find resource for the request {people}."
        )
    return people


def list_people(asked: Asked) -> Reply:
    """The users and groups among the site's visitors or members."""
    site = asked.tenant.lag.view(f"site:{_site(asked)['collection']}", _site(asked), query=True)
    names = {number: claim for claim, number in site["users"].items()}
    return Reply(200, {"value": [{"Id": number, "LoginName": names[number]} for number in site["people"][_people(asked)]]})


def ensure_user(asked: Asked) -> Reply:
    """The group is known to the site. Users are not simulated."""
    site, claim = _site(asked), asked.json().get("logonName")
    known = _known(asked, claim)
    if known not in site["users"]:
        _replace(asked, site, users={**site["users"], known: 10 + len(site["users"])})
    return Reply(200, {"Id": _site(asked)["users"][known], "LoginName": known, "PrincipalType": 4})


def _known(asked: Asked, claim: Any) -> str:
    match = _GROUP_CLAIM.fullmatch(claim) if isinstance(claim, str) else None
    group = asked.tenant.live(match["id"], "group") if match else None
    if group is None or (":0o" in claim) != ("Unified" in (group.record.get("groupTypes") or [])):
        raise ServiceError(400, "-2146232832, Microsoft.SharePoint.SPException", "The specified user could not be found.")
    return str(claim).lower()


def add_person(asked: Asked) -> Reply:
    """The group is among the site's visitors or members; one that was before stays so."""
    site, people, claim = _site(asked), _people(asked), str(asked.json().get("LoginName")).lower()
    if claim not in site["users"]:
        raise ServiceError(400, "-2146232832, Microsoft.SharePoint.SPException", "The specified user could not be found.")
    number, there = site["users"][claim], site["people"][people]
    if number not in there:
        _replace(asked, site, people={**site["people"], people: [*there, number]})
    return Reply(201, {"Id": number, "LoginName": claim})


def remove_person(asked: Asked) -> Reply:
    """The user of the number is not among them."""
    site, people = _site(asked), _people(asked)
    number = int(asked.parameters["number"]) if asked.parameters["number"].isdecimal() else -1
    if number not in site["people"][people]:
        raise ServiceError(404, "-2146232832, Microsoft.SharePoint.SPException", "User cannot be found.")
    _replace(asked, site, people={**site["people"], people: [one for one in site["people"][people] if one != number]})
    return Reply(200, {"odata.null": True})


_REST = "https://learn.microsoft.com/sharepoint/dev/sp-add-ins/users-groups-and-roles-rest-api-reference"
_TENANT = "https://learn.microsoft.com/dotnet/api/microsoft.online.sharepoint.tenantadministration.siteproperties"
_UNVERIFIED = ("that a managed identity's token is taken", "statuses and codes of refusals")
ENDPOINTS = (
    Endpoint("GET", "/_api/SPO.Tenant/sites('{id}')", read_limit, ADMIN, _TENANT, unverified=_UNVERIFIED),
    Endpoint("PATCH", "/_api/SPO.Tenant/sites('{id}')", set_limit, ADMIN, _TENANT, "write", unverified=_UNVERIFIED),
    Endpoint("GET", "/{kind}/{name}/_api/site", read_collection, SITES, _REST),
    Endpoint(
        "POST", "/{kind}/{name}/_api/web/ensureuser", ensure_user, SITES, _REST, "write", deviations=("only groups are known",)
    ),
    Endpoint("GET", "/{kind}/{name}/_api/web/{people}/users", list_people, SITES, _REST, deviations=("one page",)),
    Endpoint("POST", "/{kind}/{name}/_api/web/{people}/users", add_person, SITES, _REST, "write"),
    Endpoint("POST", "/{kind}/{name}/_api/web/{people}/users/removebyid({number})", remove_person, SITES, _REST, "write"),
)
