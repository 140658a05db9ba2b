"""Microsoft 365 cross-tenant capabilities: what of our calendars, MailTips and profiles a partner may see (facts 3.7).

Each tenant opens its own; the partner has to open theirs. That the application permission works is documented and was never
seen by us.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from kiota_abstractions.request_information import RequestInformation
from msgraph.generated.models.m365_capability_base import M365CapabilityBase
from msgraph.generated.policies.cross_tenant_access_policy.partners.item.m365_capabilities.m365_capabilities_request_builder import (
    M365CapabilitiesRequestBuilder,
)
from msgraph.graph_service_client import GraphServiceClient

from shared.nouns.outcomes import NotYet, WontWork
from shared.nouns.step import Json
from shared.tenant import operations
from shared.tenant.answers import Answer
from shared.tenant.blocks import INHERITED, inherited, plain
from shared.tenant.fields import entry, flag, objects, text
from shared.tenant.graph import Graph
from shared.tenant.odata import guid

REPLICATION_WAIT = 10.0
# Every type for a partner. Facts 3.7 also list crossTenantLabelSync, which Microsoft's description of v1.0 does not have: not verified.
CAPABILITIES = (
    "crossTenantCalendarAvailabilityBasic",
    "crossTenantCalendarAvailabilityLimitedDetails",
    "crossTenantCalendarSharingFreeBusySimple",
    "crossTenantCalendarSharingFreeBusyDetail",
    "crossTenantCalendarSharingFreeBusyReviewer",
    "crossTenantMailTipsLimited",
    "crossTenantMailTipsAll",
    "crossTenantOpenProfileCard",
    "crossTenantPlacesRoomBooking",
    "crossTenantPlacesDeskBooking",
    "crossTenantLabelSync",
    "crossTenantMigration",
)
NOT_ALLOWED = "not allowed"
ALL = "All"
_SCOPE = re.compile(r"All|(user|group):[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|(user|group):All")


@dataclass(frozen=True)
class Capabilities:
    """`own` are those that the partner's configuration has, `default` those of the default; texts such as `allowed: All` and
    `allowed: group:<id>; except user:<id>`."""

    own: Mapping[str, str]
    default: Mapping[str, str]

    def effective(self, name: str) -> str:
        """What holds: the partner's own, or else the default's, which is off where nobody has set it."""
        return self.own.get(name, self.default.get(name, NOT_ALLOWED))

    def shown(self, name: str) -> str:
        """What holds, with where it comes from if that is not the partner's own configuration."""
        return self.effective(name) + ("" if name in self.own else INHERITED)


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


def scope_text(included: tuple[str, ...], excluded: tuple[str, ...] = ()) -> str:
    """The text for an allowed capability with these scopes: `All`, `user:<id>` or `group:<id>`. Raises ValueError for others."""
    for scope in (*included, *excluded):
        if not _SCOPE.fullmatch(scope):
            raise ValueError(f"{scope!r} is none of All, user:<object id>, group:<object id>")
    but = f"; except {', '.join(sorted(set(excluded)))}" if excluded else ""
    return f"allowed: {', '.join(sorted(set(included)))}{but}"


def scopes(value: str) -> tuple[frozenset[str], frozenset[str]]:
    """Who is included and who is excluded; nobody where it is not allowed."""
    value = plain(value)
    if value == NOT_ALLOWED:
        return frozenset(), frozenset()
    included, _, excluded = value.removeprefix("allowed: ").partition("; except ")
    return frozenset(included.split(", ")), frozenset(excluded.split(", ") if excluded else ())


def opens_more(new: str, old: str) -> bool:
    """The new text may show somebody's things that the old one does not; in doubt it does."""
    (new_in, new_out), (old_in, old_out) = scopes(new), scopes(old)
    if not new_in:
        return False
    return not ((new_in <= old_in or ALL in old_in) and old_out <= new_out)


def going_back(found: Capabilities, name: str, before: str, after: str) -> tuple[bool, str | None]:
    """Whether anything has to be written so that the capability is as before, and what (None: its own entry goes).

    Raises WontWork, showing both, where somebody has changed it since, or where the default now opens more than before.
    """
    was, now = plain(before), found.effective(name)
    if now == was and (was != plain(after) or (name in found.own) != inherited(before)):
        return False, None
    if now != plain(after):
        raise WontWork(
            f"{name} was changed by somebody after us (it was {plain(after)!r} and is {now!r}): set it by hand as it should be"
        )
    if not inherited(before):
        return True, was
    default = found.default.get(name, NOT_ALLOWED)
    return True, (was if opens_more(default, was) else None)


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
