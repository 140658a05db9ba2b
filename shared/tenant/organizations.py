"""Which organization a domain belongs to, and who we are."""

from dataclasses import dataclass

from kiota_abstractions.base_request_configuration import RequestConfiguration
from msgraph.generated.organization.organization_request_builder import OrganizationRequestBuilder

from shared.nouns.outcomes import WontWork
from shared.tenant import operations
from shared.tenant.answers import Answer
from shared.tenant.fields import flag, objects, text
from shared.tenant.graph import Graph
from shared.tenant.odata import guid, literal

OrganizationQuery = OrganizationRequestBuilder.OrganizationRequestBuilderGetQueryParameters


@dataclass(frozen=True)
class Organization:
    """Another organization, as its domain told us. `tenant_id` is in lower case."""

    tenant_id: str
    name: str
    default_domain: str


@dataclass(frozen=True)
class Ourselves:
    """Our own organization. Domains are in lower case; `initial_domain` is the one under onmicrosoft.com."""

    tenant_id: str
    verified_domains: tuple[str, ...]
    initial_domain: str


class Organizations:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def of_domain(self, domain: str) -> Organization | None:
        """The organization that the domain belongs to, or None where Microsoft knows none.

        https://learn.microsoft.com/graph/api/tenantrelationship-findtenantinformationbydomainname
        """
        # The builder puts the value between apostrophes of its own.
        quoted = literal(domain.strip().lower())[1:-1]
        answer = await self._graph.ask(
            operations.FIND_ORGANIZATION,
            lambda client: client.tenant_relationships.find_tenant_information_by_domain_name_with_domain_name(
                quoted
            ).to_get_request_information(),
            about=f"domain {domain}",
            allow=(404,),
        )
        return None if answer.status == 404 else _organization(answer)

    async def of_tenant(self, tenant_id: str) -> Organization | None:
        """The organization with this tenant id, or None where Microsoft knows none."""
        tenant = guid(tenant_id, "tenant id")
        answer = await self._graph.ask(
            operations.FIND_ORGANIZATION,
            lambda client: client.tenant_relationships.find_tenant_information_by_tenant_id_with_tenant_id(
                tenant
            ).to_get_request_information(),
            about=f"tenant {tenant}",
            allow=(404,),
        )
        return None if answer.status == 404 else _organization(answer)

    async def ours(self) -> Ourselves:
        """Our own organization. Raises WontWork where the answer names none."""
        query = OrganizationQuery(select=["id", "verifiedDomains"])
        answer = await self._graph.ask(
            operations.READ_ORGANIZATION,
            lambda client: client.organization.to_get_request_information(RequestConfiguration(query_parameters=query)),
            about="our tenant",
        )
        found = objects(answer.content(), "value")
        if not found:
            raise WontWork("Microsoft 365 names no organization for our tenant: check the tenant that the managed identity is in")
        domains = objects(found[0], "verifiedDomains")
        return Ourselves(
            guid(text(found[0], "id"), "id of our organization in the answer"),
            tuple(sorted(text(domain, "name").lower() for domain in domains)),
            next((text(domain, "name").lower() for domain in domains if flag(domain, "isInitial")), ""),
        )


def _organization(answer: Answer) -> Organization:
    content = answer.content()
    return Organization(
        guid(text(content, "tenantId"), "tenantId in the answer"),
        text(content, "displayName"),
        text(content, "defaultDomainName").lower(),
    )
