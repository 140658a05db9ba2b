"""Sites and their document libraries. https://learn.microsoft.com/graph/api/site-getbypath"""

from typing import Any
from urllib.parse import urlsplit

from devstack.tenant.directory.objects import Record
from devstack.tenant.errors import GraphError
from devstack.tenant.graph.operation import PLAIN, Call, Operation, Reply
from devstack.tenant.tenant import SimulatedTenant

_SHOWN = ("id", "name", "displayName", "webUrl", "createdDateTime", "lastModifiedDateTime")
FILES_READ = ("Files.Read.All", "Files.ReadWrite.All", "Sites.Read.All", "Sites.ReadWrite.All")


def item_not_found() -> GraphError:
    """404 as the services of files say it."""
    return GraphError(404, "itemNotFound", "The resource could not be found.")


def _site(call: Call) -> Record:
    """The site by id, by host and path (`contoso.sharepoint.com:/sites/x`), or `root`."""
    name = call.parameters["id"]
    if name.lower() == "root":
        return _root(call.tenant)
    host, mark, path = name.partition(":")
    for site in call.tenant.workloads.sites.values():
        own_host = site["webUrl"].split("/")[2]
        if name.lower() in (site["id"].lower(), site["collection"].lower()):
            return site
        if (
            mark
            and host.lower() == own_host
            and site["webUrl"].lower() == f"https://{own_host}{path.rstrip(':').rstrip('/')}".lower()
        ):
            return site
    raise item_not_found()


def _root(tenant: SimulatedTenant) -> Record:
    """The site at the tenant's own SharePoint host: https://learn.microsoft.com/graph/api/site-get"""
    urls = [urlsplit(site["webUrl"]) for site in tenant.workloads.sites.values()]
    host = urls[0].netloc if urls else f"{tenant.initial_domain.partition('.')[0]}.sharepoint.com"
    created = tenant.organization.get("createdDateTime")
    return {
        "id": ",".join((host, *(tenant.chance.identifier(kind, host) for kind in ("site", "web")))),
        "name": "",
        "displayName": "Communication site",
        "webUrl": f"https://{host}",
        "createdDateTime": created,
        "lastModifiedDateTime": created,
        "siteCollection": {"hostname": host},
    }


def get_site(call: Call) -> Reply:
    """The site."""
    site = _site(call)
    shown = {name: site[name] for name in (*_SHOWN, "siteCollection") if name in site}
    return Reply(200, {"@odata.context": call.context("sites/$entity"), **shown})


def list_drives(call: Call) -> Reply:
    """The site's document libraries."""
    found = [drive_shown(one) for one in call.tenant.workloads.drives.values() if one["site"] == _site(call)["id"]]
    return Reply(200, {"@odata.context": call.context("drives"), "value": found})


def drive_shown(drive: Record) -> dict[str, Any]:
    """The drive as Graph shows it."""
    return {name: drive[name] for name in ("id", "name", "driveType", "webUrl")}


_READ = ("Sites.Read.All", "Sites.ReadWrite.All")
OPERATIONS = (
    Operation("GET", "/sites/{id}", get_site, _READ, "https://learn.microsoft.com/graph/api/site-get", options=PLAIN),
    Operation(
        "GET",
        "/sites/{id}/drives",
        list_drives,
        FILES_READ,
        "https://learn.microsoft.com/graph/api/drive-list",
        options=PLAIN,
    ),
)
NOT_SIMULATED = ()
