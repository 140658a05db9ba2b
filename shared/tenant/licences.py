"""What our tenant has bought. https://learn.microsoft.com/graph/api/subscribedsku-list"""

from kiota_abstractions.method import Method

from shared.tenant import operations
from shared.tenant.fields import objects, text
from shared.tenant.graph import Graph
from shared.tenant.plain import request

# A subscription that is late is still served ("Warning"); one that was suspended is not.
_SERVED = frozenset({"Enabled", "Warning"})


class Licences:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def service_plans(self) -> frozenset[str]:
        """The names of the service plans in subscriptions that are served, in capitals, such as TEAMS1."""
        plans: set[str] = set()
        async for page in self._graph.pages(operations.READ_LICENCES, request(Method.GET, "/subscribedSkus"), about="the tenant"):
            for sku in objects(page.content(), "value"):
                if text(sku, "capabilityStatus") in _SERVED:
                    plans |= {text(plan, "servicePlanName").upper() for plan in objects(sku, "servicePlans")}
        return frozenset(plans)
