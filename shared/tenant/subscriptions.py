"""Our subscriptions to change notifications of Microsoft Graph.

https://learn.microsoft.com/graph/api/resources/subscription
"""

from datetime import UTC, datetime

from kiota_abstractions.method import Method

from shared.nouns.json_text import Json
from shared.tenant import operations
from shared.tenant.fields import instant, objects, text
from shared.tenant.graph import Graph
from shared.tenant.noticed import Subscribed, Wanted
from shared.tenant.odata import identifier
from shared.tenant.operations import Operation
from shared.tenant.plain import request

# A creation and a soft deletion of a user or group both come as `updated`; `deleted` is for good.
_CHANGE_TYPES = "updated,deleted"
_GONE = 404


class ChangeSubscriptions:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def all(self) -> list[Subscribed]:
        """Every subscription of this app in this tenant."""
        found: list[Subscribed] = []
        build = request(Method.GET, "/subscriptions")
        async for page in self._graph.pages(operations.LIST_SUBSCRIPTIONS, build, about="those of this app"):
            found += [_read(one) for one in objects(page.content(), "value")]
        return found

    async def create(self, wanted: Wanted) -> Subscribed:
        """The subscription is there, both its addresses having answered Graph's handshake."""
        body: Json = {
            "changeType": _CHANGE_TYPES,
            "notificationUrl": wanted.url,
            "lifecycleNotificationUrl": wanted.lifecycle_url,
            "resource": f"/{wanted.resource}",
            "expirationDateTime": _moment(wanted.expires),
            "clientState": wanted.state,
        }
        operation = operations.SUBSCRIBE_TO_USERS if wanted.resource == "users" else operations.SUBSCRIBE_TO_GROUPS
        answer = await self._graph.ask(operation, request(Method.POST, "/subscriptions", body), about=f"/{wanted.resource}")
        return _read(answer.content())

    async def renew(self, subscription: str, expires: datetime) -> Subscribed | None:
        """The subscription lasts until then and is authorized anew; None where it is gone."""
        body: Json = {"expirationDateTime": _moment(expires)}
        return await self._of(operations.RENEW_SUBSCRIPTION, Method.PATCH, subscription, "", body)

    async def reauthorize(self, subscription: str) -> bool:
        """Its notifications go on; False where it is gone."""
        return await self._of(operations.REAUTHORIZE_SUBSCRIPTION, Method.POST, subscription, "/reauthorize") is not None

    async def delete(self, subscription: str) -> None:
        """The subscription is gone."""
        await self._of(operations.DELETE_SUBSCRIPTION, Method.DELETE, subscription)

    async def _of(
        self, operation: Operation, method: Method, subscription: str, more: str = "", body: Json = None
    ) -> Subscribed | None:
        name = identifier(subscription, "subscription id")
        build = request(method, f"/subscriptions/{{id}}{more}", body, id=name)
        answer = await self._graph.ask(operation, build, about=f"subscription {name}", allow=(_GONE,))
        return None if answer.status == _GONE else _read(answer.body)


def _read(content: Json) -> Subscribed:
    return Subscribed(
        id=text(content, "id").lower(),
        resource=text(content, "resource").strip("/").lower(),
        url=text(content, "notificationUrl"),
        expires=instant(content, "expirationDateTime"),
    )


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
