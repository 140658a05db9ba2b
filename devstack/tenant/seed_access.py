"""The sections of a seed about cross-tenant access, Conditional Access, applications and sign-ins."""

from collections.abc import Callable
from typing import Any

from devstack.tenant.directory.objects import Record
from devstack.tenant.errors import GraphError
from devstack.tenant.graph.access_blocks import check
from devstack.tenant.graph.capabilities import plant_capability
from devstack.tenant.graph.conditional_access import whole_agreement, whole_policy
from devstack.tenant.graph.cross_tenant_access import plant_partner
from devstack.tenant.graph.governance import plant_governance
from devstack.tenant.graph.mail import plant_inbox
from devstack.tenant.graph.service_principals import whole_service_principal
from devstack.tenant.tenant import SimulatedTenant

SECTIONS: dict[str, str] = {
    "crossTenantDefault": "blocks of the default of cross-tenant access, over Microsoft's own",
    "crossTenantPartners": "list of {tenantId and blocks}: partner configurations; what is left out is inherited",
    "m365Capabilities": "list of {tenantId (or default), name, inboundAccess}",
    "conditionalAccess": "list of Conditional Access policies: displayName, state, conditions, grantControls",
    "agreements": "list of terms of use: displayName, id",
    "servicePrincipals": "list of applications: displayName, appOwnerOrganizationId",
    "signIns": "list of sign-ins, the oldest first: properties of Graph",
    "governance": "{reviews: [{..., instances: [{..., decisions}]}], workflows: [{..., executionScope}], settings, subjects}",
    "inbox": "list of messages that have come in: mailbox (a user name), properties of Graph",
}


def _default(tenant: SimulatedTenant, given: Record) -> None:
    try:
        for name, block in given.items():
            check(name, block)
    except GraphError as error:
        raise ValueError(error.message) from error
    tenant.access_default = {**tenant.access_default, **given, "isServiceDefault": False}


def _each(plant: Callable[[SimulatedTenant, Record], None]) -> Callable[[SimulatedTenant, Any], None]:
    def planter(tenant: SimulatedTenant, given: list[Record]) -> None:
        for one in given:
            plant(tenant, one)

    return planter


def _listed(name: str, whole: Callable[[Record, str], Record]) -> Callable[[SimulatedTenant, Any], None]:
    """The objects are in the tenant's list of this name; one with an id that is there takes its place."""

    def planter(tenant: SimulatedTenant, given: list[Record]) -> None:
        listed: list[Record] = getattr(tenant, name)
        for one in given:
            record = whole(one, str(one.get("id") or tenant.new_id(name)).lower())
            listed[:] = [*(other for other in listed if other["id"] != record["id"]), record]

    return planter


PLANTERS: tuple[tuple[str, Callable[[SimulatedTenant, Any], None]], ...] = (
    ("crossTenantDefault", _default),
    ("crossTenantPartners", _each(plant_partner)),
    ("m365Capabilities", _each(plant_capability)),
    ("conditionalAccess", _listed("access_policies", whole_policy)),
    ("agreements", _listed("agreements", whole_agreement)),
    ("servicePrincipals", _listed("service_principals", whole_service_principal)),
    ("signIns", _listed("sign_ins", lambda given, identifier: {"id": identifier, **given})),
    ("governance", plant_governance),
    ("inbox", plant_inbox),
)
