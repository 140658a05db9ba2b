"""Microsoft 365 cross-tenant capabilities: what of our calendars, MailTips and profiles a partner may see (facts 3.7).

Each tenant opens its own; the partner has to open theirs. That the application permission works is documented and was never
seen by us.
"""

import json
from collections.abc import Mapping

from kiota_abstractions.request_information import RequestInformation
from msgraph.generated.models.m365_capability_base import M365CapabilityBase
from msgraph.generated.policies.cross_tenant_access_policy.partners.item.m365_capabilities.m365_capabilities_request_builder import (
    M365CapabilitiesRequestBuilder,
)
from msgraph.graph_service_client import GraphServiceClient

from shared.nouns.json_text import Json
from shared.nouns.outcomes import NotYet
from shared.tenant import operations
from shared.tenant.answers import Answer
from shared.tenant.capability_texts import ALL, CAPABILITIES, NOT_ALLOWED, Capabilities, scope_text, scopes
from shared.tenant.fields import entry, flag, objects, text
from shared.tenant.graph import Graph
from shared.tenant.odata import guid

REPLICATION_WAIT = 10.0


class CrossTenantCapabilities:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def read(self, tenant_id: str) -> Capabilities:
        """What holds for the partner. Without a partner configuration it is the default's alone."""
        tenant = guid(tenant_id, "tenant id")
        default = await self._graph.ask(
            operations.READ_CAPABILITIES,
            lambda client: client.policies.cross_tenant_access_policy.default.m365_capabilities.to_get_request_information(),
            about="the default for all organizations",
            allow=(404,),
        )
        own = await self._graph.ask(
            operations.READ_CAPABILITIES,
            lambda client: _of(client, tenant).to_get_request_information(),
            about=f"tenant {tenant}",
            allow=(404,),
        )
        return Capabilities(_found(own), _found(default))

    async def set(self, tenant_id: str, name: str, value: str) -> bool:
        """The partner's capability is as the text says; whether it had none before. Raises NotYet where the partner has no
        configuration (yet)."""
        tenant, about = guid(tenant_id, "tenant id"), f"capability {name} of tenant {tenant_id}"
        body = _body(name, value)
        changed = await self._graph.ask(
            operations.SET_CAPABILITY,
            lambda client: _sent(
                _of(client, tenant).by_m365_capability_base_name(name).to_patch_request_information(M365CapabilityBase()), body
            ),
            about=about,
            allow=(404,),
        )
        if changed.good:
            return False
        made = await self._graph.ask(
            operations.SET_CAPABILITY,
            lambda client: _sent(_of(client, tenant).to_post_request_information(M365CapabilityBase()), body),
            about=about,
            allow=(404, 409),
        )
        if not made.good:
            raise NotYet(
                f"Tenant {tenant} has no partner configuration that {name} could be set in, or it is not known everywhere yet",
                after=REPLICATION_WAIT,
            )
        return True

    async def remove(self, tenant_id: str, name: str) -> None:
        """The partner has no such capability of its own, so that the default holds; gone before counts as well."""
        tenant = guid(tenant_id, "tenant id")
        await self._graph.ask(
            operations.SET_CAPABILITY,
            lambda client: _of(client, tenant).by_m365_capability_base_name(_known(name)).to_delete_request_information(),
            about=f"capability {name} of tenant {tenant}",
            allow=(404,),
        )


def _found(answer: Answer) -> dict[str, str]:
    if not answer.good:
        return {}
    kinds = {name.casefold(): name for name in CAPABILITIES}
    found: dict[str, str] = {}
    for capability in objects(answer.content(), "value"):
        said = text(capability, "@odata.type").rpartition(".")[2] or text(capability, "name")
        found[kinds.get(said.casefold(), said)] = _text(entry(capability, "inboundAccess"))
    return found


def _text(access: Json) -> str:
    if flag(access, "isAllowed") is not True:
        return NOT_ALLOWED
    both = entry(access, "resourceScopes")
    included = tuple(_scope(one) for one in objects(both, "included")) or (ALL,)
    return scope_text(included, tuple(_scope(one) for one in objects(both, "excluded")))


def _scope(scope: dict[str, Json]) -> str:
    kind, name = text(scope, "resourceType").lower(), text(scope, "resourceId")
    if name.casefold() == ALL.casefold():
        return ALL if kind != "group" else f"group:{ALL}"
    return f"{kind}:{name.lower()}"


def _body(name: str, value: str) -> dict[str, Json]:
    included, excluded = scopes(value)
    access: dict[str, Json] = {
        "isAllowed": bool(included),
        "resourceScopes": {
            "included": [_resource(scope) for scope in sorted(included or {ALL})],
            "excluded": [_resource(scope) for scope in sorted(excluded)],
        },
    }
    return {"@odata.type": f"#microsoft.graph.{_known(name)}", "inboundAccess": access}


def _resource(scope: str) -> Json:
    kind, colon, name = scope.partition(":")
    return {"resourceId": name, "resourceType": kind} if colon else {"resourceId": scope, "resourceType": "user"}


def _known(name: str) -> str:
    # Only these go into a path.
    if name not in CAPABILITIES:
        raise ValueError(f"{name!r} is no capability; there are {', '.join(CAPABILITIES)}")
    return name


def _of(client: GraphServiceClient, tenant: str) -> M365CapabilitiesRequestBuilder:
    partners = client.policies.cross_tenant_access_policy.partners
    return partners.by_cross_tenant_access_policy_configuration_partner_tenant_id(tenant).m365_capabilities


def _sent(information: RequestInformation, body: Mapping[str, Json]) -> RequestInformation:
    """The request with this very body, the type's name in it whatever the SDK's models know."""
    information.content = json.dumps(body).encode()
    return information
