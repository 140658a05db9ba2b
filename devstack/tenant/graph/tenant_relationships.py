"""Who owns a domain. https://learn.microsoft.com/graph/api/resources/tenantrelationship; facts section 3.2."""

import re

from devstack.tenant.directory.objects import Record
from devstack.tenant.errors import GraphError, bad_request
from devstack.tenant.graph.operation import GUID, PLAIN, Call, Operation, Reply

_DOMAIN = re.compile(r"(?=.{1,255}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}", re.IGNORECASE)
_PERMISSIONS = ("CrossTenantInformation.ReadBasic.All",)


def _answer(call: Call, found: Record | None, what: str) -> Reply:
    if found is None:
        raise GraphError(404, "Directory_ObjectNotFound", f"Unable to read the company information from the directory: {what}.")
    names = ("tenantId", "federationBrandName", "displayName", "defaultDomainName")
    return Reply(
        200, {"@odata.context": call.context("microsoft.graph.tenantInformation"), **{name: found.get(name) for name in names}}
    )


def by_domain_name(call: Call) -> Reply:
    """The tenant that the domain belongs to. Several domains may belong to one."""
    domain = call.parameters["value"]
    if not _DOMAIN.fullmatch(domain):
        raise bad_request(f"Invalid domain name '{domain}'.")
    return _answer(call, call.tenant.tenant_of(domain), f"no tenant has the domain '{domain}'")


def by_tenant_id(call: Call) -> Reply:
    """The tenant with the id."""
    identifier = call.parameters["value"]
    if not GUID.fullmatch(identifier):
        raise bad_request(f"Invalid tenant id '{identifier}'.")
    return _answer(call, call.tenant.tenant_with_id(identifier), f"there is no tenant '{identifier}'")


_API = "https://learn.microsoft.com/graph/api/tenantrelationship-"
_UNVERIFIED = ("codes and texts of 404 and 400",)
OPERATIONS = (
    Operation(
        "GET",
        "/tenantRelationships/findTenantInformationByDomainName(domainName='{value}')",
        by_domain_name,
        _PERMISSIONS,
        f"{_API}findtenantinformationbydomainname",
        unverified=_UNVERIFIED,
        options=PLAIN,
    ),
    Operation(
        "GET",
        "/tenantRelationships/findTenantInformationByTenantId(tenantId='{value}')",
        by_tenant_id,
        _PERMISSIONS,
        f"{_API}findtenantinformationbytenantid",
        unverified=_UNVERIFIED,
        options=PLAIN,
    ),
)
NOT_SIMULATED = ("GET /tenantRelationships/multiTenantOrganization",)
