"""Entra's cross-tenant access settings for one partner, in words."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from kiota_abstractions.request_information import RequestInformation
from msgraph.generated.models.cross_tenant_access_policy_configuration_partner import (
    CrossTenantAccessPolicyConfigurationPartner as Body,
)
from msgraph.generated.policies.cross_tenant_access_policy.cross_tenant_access_policy_request_builder import (
    CrossTenantAccessPolicyRequestBuilder as Builder,
)
from msgraph.generated.policies.cross_tenant_access_policy.partners.item.cross_tenant_access_policy_configuration_partner_tenant_item_request_builder import (
    CrossTenantAccessPolicyConfigurationPartnerTenantItemRequestBuilder as PartnerBuilder,
)
from msgraph.graph_service_client import GraphServiceClient

from shared.nouns.json_text import Json
from shared.nouns.outcomes import NotYet, WontWork
from shared.tenant import operations
from shared.tenant.blocks import BLOCKS, CLOSED, PartnerConfiguration, block_of, going_back, permits_nothing, written
from shared.tenant.fields import entry, flag, objects
from shared.tenant.graph import Graph
from shared.tenant.odata import guid

REPLICATION_WAIT = 10.0
# Settings of a partner that are none of ours: where one is there, the configuration is not ours to delete.
_OTHERS = ("appServiceConnectInbound", "tenantRestrictions", "serviceProviderConstraints")
_OTHER_FLAGS = ("isServiceProvider", "isInMultiTenantOrganization")


@dataclass(frozen=True)
class Closed:
    """What closing a partner brought about. `before` is what `restore` takes; empty where it could not be read."""

    created: bool
    before: Mapping[str, str] = field(default_factory=dict)
    after: Mapping[str, str] = field(default_factory=dict)


class PartnerConfigurations:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def read(self, tenant_id: str) -> PartnerConfiguration:
        """What holds for the partner, effective and its own.

        https://learn.microsoft.com/graph/api/crosstenantaccesspolicyconfigurationpartner-get
        """
        tenant = guid(tenant_id, "tenant id")
        default = await self.default()
        answer = await self._graph.ask(
            operations.READ_PARTNER_CONFIGURATION,
            lambda client: _partner(client, tenant).to_get_request_information(),
            about=f"tenant {tenant}",
            allow=(404,),
        )
        if answer.status == 404:
            return PartnerConfiguration(tenant, exists=False, own={}, default=default)
        content = answer.content()
        own = {block: written(block, content[block], default[block]) for block in BLOCKS if _is_set(content.get(block))}
        others = [name for name in _OTHERS if _is_set(content.get(name))] + [name for name in _OTHER_FLAGS if flag(content, name)]
        return PartnerConfiguration(tenant, exists=True, own=own, default=default, others=tuple(others))

    async def default(self) -> dict[str, str]:
        """Every block of the default, which holds for partners that set none of their own."""
        answer = await self._graph.ask(
            operations.READ_DEFAULT_CONFIGURATION,
            lambda client: _policy(client).default.to_get_request_information(),
            about="the default for all organizations",
        )
        content = answer.content()
        return {block: written(block, content.get(block)) for block in BLOCKS}

    async def size(self) -> int:
        """About how many characters the configurations of all partners take together, of the `MOST_IN_POLICY` that the policy may.

        https://learn.microsoft.com/graph/api/crosstenantaccesspolicy-list-partners
        """
        size = 0
        async for page in self._graph.pages(
            operations.LIST_PARTNER_CONFIGURATIONS,
            lambda client: _policy(client).partners.to_get_request_information(),
            about="all partners",
        ):
            size += sum(len(json.dumps(_set_only(one), separators=(",", ":"))) for one in objects(page.content(), "value"))
        return size

    async def synchronization(self, tenant_id: str) -> bool | None:
        """Whether the partner may synchronize its people into our tenant; None where that was never set up.

        https://learn.microsoft.com/graph/api/crosstenantidentitysyncpolicypartner-get
        """
        tenant = guid(tenant_id, "tenant id")
        answer = await self._graph.ask(
            operations.READ_SYNCHRONIZATION,
            lambda client: _partner(client, tenant).identity_synchronization.to_get_request_information(),
            about=f"tenant {tenant}",
            allow=(404,),
        )
        if answer.status == 404:
            return None
        return flag(entry(answer.content(), "userSyncInbound"), "isSyncAllowed") is True

    async def set_blocks(self, tenant_id: str, blocks: Mapping[str, str | None], *, exists: bool = True) -> bool:
        """The partner's own blocks are these, each as a whole (None: it inherits the default); whether its configuration was
        made by this. `exists` is what was read last; where that is behind, it is found out."""
        tenant = guid(tenant_id, "tenant id")
        body: dict[str, Json] = {name: None if value is None else block_of(name, value) for name, value in blocks.items()}
        if exists and await self._changed(tenant, body):
            return False
        made = await self._graph.ask(
            operations.CREATE_PARTNER_CONFIGURATION,
            lambda client: _sent(
                _policy(client).partners.to_post_request_information(Body()),
                {"tenantId": tenant} | {name: block for name, block in body.items() if block is not None},
            ),
            about=f"tenant {tenant}",
            allow=(400, 409),
        )
        if made.good:
            return True
        # How a second POST is refused is not documented (facts 3.1): whether there is one decides, not the status.
        if made.status == 400 and not (await self.read(tenant)).exists:
            raise made.error()
        if not await self._changed(tenant, body):
            raise NotYet(f"The configuration of tenant {tenant} is not known everywhere yet", after=REPLICATION_WAIT)
        return False

    async def remove(self, tenant_id: str) -> None:
        """The partner has no configuration of its own, so that the default holds; one that was gone before counts as well."""
        tenant = guid(tenant_id, "tenant id")
        await self._graph.ask(
            operations.DELETE_PARTNER_CONFIGURATION,
            lambda client: _partner(client, tenant).to_delete_request_information(),
            about=f"tenant {tenant}",
            allow=(404,),
        )

    async def close(self, tenant_id: str) -> Closed:
        """The partner is shut out explicitly, by one write: no B2B collaboration or direct connect, in or out, no trust, no
        automatic redemption, and no Microsoft 365 collaboration where it was open. Bears repetition.

        Sessions that are open last until their tokens expire; one-time-passcode and consumer accounts are not reached by it (facts 15).
        """
        after = dict(CLOSED)
        try:
            found = await self.read(tenant_id)
        except (NotYet, WontWork):
            # Shutting out does not wait for what is only needed to open again.
            return Closed(await self.set_blocks(tenant_id, after), after=after)
        extra = ("m365CollaborationInbound", "m365CollaborationOutbound")
        after |= {name: "users blocked: AllUsers" for name in extra if not permits_nothing(found.effective(name))}
        before = {name: found.shown(name) for name in after}
        return Closed(await self.set_blocks(tenant_id, after, exists=found.exists), before, after)

    async def restore(
        self, tenant_id: str, before: Mapping[str, str], after: Mapping[str, str], *, created: bool, patient: bool = False
    ) -> str:
        """The blocks that we changed from `before` to `after` are those of before, or the configuration that we created is gone;
        a sentence that says which. Bears repetition.

        Raises WontWork, showing both, where somebody has changed a block since, or where going back would let more through than
        what somebody else has decided since: when the other blocks are put back. Where `patient`, raises NotYet while something seems to hang
        on the configuration that we created: what has just been taken from it is shown by replicas that are behind.
        """
        found = await self.read(tenant_id)
        back, problems = going_back(found, before, after)
        if not found.exists:
            # What is to be inherited is so without a configuration.
            back = {name: value for name, value in back.items() if value is not None}
        if problems:
            if back:
                await self.set_blocks(tenant_id, back)
            raise WontWork("; ".join(problems), restored=back)
        alone = created and found.exists and not found.others and set(found.own) <= {name for name in after if name in before}
        if alone and all(back.get(name, "") is None for name in found.own):
            if await self._is_bare(found):
                await self.remove(tenant_id)
                return "The partner configuration that we had created was removed"
            if patient:
                raise NotYet(
                    f"Capabilities or a synchronization still seem to hang on tenant {tenant_id}", after=REPLICATION_WAIT
                )
        if not back:
            return "The partner configuration is as it was before already"
        await self.set_blocks(tenant_id, back)
        return "The blocks of before are set again"

    async def _is_bare(self, found: PartnerConfiguration) -> bool:
        """Nothing hangs on the configuration that would go with it."""
        answer = await self._graph.ask(
            operations.READ_CAPABILITIES,
            lambda client: _partner(client, found.tenant_id).m365_capabilities.to_get_request_information(),
            about=f"tenant {found.tenant_id}",
            allow=(400, 404),
        )
        capabilities = entry(answer.body, "value") if answer.good else None
        return not capabilities and await self.synchronization(found.tenant_id) is None

    async def _changed(self, tenant: str, body: Mapping[str, Json]) -> bool:
        """The blocks were written; False where there is no configuration to change."""
        answer = await self._graph.ask(
            operations.CHANGE_PARTNER_CONFIGURATION,
            lambda client: _sent(_partner(client, tenant).to_patch_request_information(Body()), body),
            about=f"tenant {tenant}",
            allow=(404,),
        )
        return answer.good


def _is_set(block: Json) -> bool:
    """A block of nothing but nulls inherits like one that is null (facts 3.1)."""
    return isinstance(block, dict) and any(value is not None for key, value in block.items() if "@" not in key)


def _set_only(content: Mapping[str, Json]) -> dict[str, Json]:
    return {name: value for name, value in content.items() if value is not None and "@" not in name}


def _policy(client: GraphServiceClient) -> Builder:
    return client.policies.cross_tenant_access_policy


def _partner(client: GraphServiceClient, tenant: str) -> PartnerBuilder:
    return _policy(client).partners.by_cross_tenant_access_policy_configuration_partner_tenant_id(tenant)


def _sent(information: RequestInformation, body: Mapping[str, Json]) -> RequestInformation:
    """The request with this very body: the SDK's models leave out a null, which here means to inherit again."""
    information.content = json.dumps(body).encode()
    return information
