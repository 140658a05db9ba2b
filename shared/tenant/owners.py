"""Who answers for a group of ours."""

from dataclasses import dataclass, field

from kiota_abstractions.base_request_configuration import RequestConfiguration
from msgraph.generated.groups.item.owners.owners_request_builder import OwnersRequestBuilder

from shared.tenant import operations
from shared.tenant.fields import objects, text
from shared.tenant.graph import Graph
from shared.tenant.odata import guid

OwnersQuery = OwnersRequestBuilder.OwnersRequestBuilderGetQueryParameters


@dataclass(frozen=True)
class Owner:
    """An owner; `mail` is empty for one without a mailbox, such as an application."""

    id: str
    mail: str = field(repr=False)


class Owners:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def of(self, group_id: str) -> tuple[Owner, ...] | None:
        """The group's owners ordered by id, or None where there is no such group (gone, or not replicated yet)."""
        group = guid(group_id, "group id")
        query = OwnersQuery(select=["id", "mail"])
        found: dict[str, Owner] = {}
        async for page in self._graph.pages(
            operations.READ_OWNER_ADDRESSES,
            lambda client: client.groups.by_group_id(group).owners.to_get_request_information(
                RequestConfiguration(query_parameters=query)
            ),
            about=f"group {group}",
            allow=(404,),
        ):
            if page.status == 404:
                return None
            found |= {text(item, "id"): Owner(text(item, "id"), text(item, "mail")) for item in objects(page.content(), "value")}
        return tuple(found[key] for key in sorted(found))
