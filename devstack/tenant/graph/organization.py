"""The tenant itself, its domains and its mail contacts.

https://learn.microsoft.com/graph/api/resources/organization, /domain and /orgcontact.
"""

from devstack.tenant.directory.objects import Record
from devstack.tenant.errors import not_found
from devstack.tenant.graph.kinds import CONTACT
from devstack.tenant.graph.look_up import find
from devstack.tenant.graph.operation import PLAIN, Call, Operation, Reply
from devstack.tenant.graph.show import collection, one

_ORGANIZATION_READ = (
    "Organization.Read.All",
    "Organization.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
    "User.Read.All",
)
_DOMAIN_READ = ("Domain.Read.All", "Domain.ReadWrite.All", "Directory.Read.All")
_CONTACT_READ = ("OrgContact.Read.All", "Directory.Read.All", "Directory.ReadWrite.All")


def _organization(call: Call) -> Record:
    verified = [
        {
            "capabilities": ", ".join(domain["supportedServices"]),
            "isDefault": domain["isDefault"],
            "isInitial": domain["isInitial"],
            "name": name,
            "type": domain["authenticationType"],
        }
        for name, domain in call.tenant.domains.items()
    ]
    return {"id": call.tenant.tenant_id, **call.tenant.organization, "verifiedDomains": verified}


def list_organization(call: Call) -> Reply:
    """The one organization that the tenant is."""
    return Reply(200, {"@odata.context": call.context("organization"), "value": [_organization(call)]})


def get_organization(call: Call) -> Reply:
    """The organization by its id."""
    if call.parameters["id"].lower() != call.tenant.tenant_id:
        raise not_found(call.parameters["id"])
    return Reply(200, {"@odata.context": call.context("organization/$entity"), **_organization(call)})


def list_domains(call: Call) -> Reply:
    """Every domain of the tenant."""
    return Reply(200, {"@odata.context": call.context("domains"), "value": list(call.tenant.domains.values())})


def get_domain(call: Call) -> Reply:
    """The domain by its name."""
    domain = call.tenant.domains.get(call.parameters["id"].lower())
    if domain is None:
        raise not_found(call.parameters["id"])
    return Reply(200, {"@odata.context": call.context("domains/$entity"), **domain})


def list_contacts(call: Call) -> Reply:
    """The mail contacts that the filter and search match, a page at a time."""
    return collection(call, CONTACT, find(call, CONTACT), "contacts")


def get_contact(call: Call) -> Reply:
    """The mail contact."""
    return one(call, *call.seen(call.identifier("id"), "contact"))


_API = "https://learn.microsoft.com/graph/api/"
OPERATIONS = (
    Operation("GET", "/organization", list_organization, _ORGANIZATION_READ, f"{_API}organization-list", options=PLAIN),
    Operation("GET", "/organization/{id}", get_organization, _ORGANIZATION_READ, f"{_API}organization-get", options=PLAIN),
    Operation("GET", "/domains", list_domains, _DOMAIN_READ, f"{_API}domain-list", options=PLAIN),
    Operation("GET", "/domains/{id}", get_domain, _DOMAIN_READ, f"{_API}domain-get", options=PLAIN),
    Operation("GET", "/contacts", list_contacts, _CONTACT_READ, f"{_API}orgcontact-list"),
    Operation("GET", "/contacts/{id}", get_contact, _CONTACT_READ, f"{_API}orgcontact-get"),
)
NOT_SIMULATED = (
    "PATCH /organization/{id}",
    "POST /domains",
    "PATCH /domains/{id}",
    "DELETE /domains/{id}",
)
