"""What the step that sets Microsoft 365 capabilities will meet."""

from collections.abc import Mapping
from typing import Any

from shared.nouns.outcomes import WontWork
from shared.nouns.step import Finding, Preflight, Weight
from shared.nouns.template import Template
from shared.steps.preflights.asked import opens, partner_settings
from shared.steps.preflights.permissions import missing
from shared.tenant import Tenant
from shared.tenant.blocks import permits_nothing

PERMISSIONS = ("Policy.Read.All", "Policy.ReadWrite.CrossTenantCapability")
TRUST = "m365CollaborationInbound"
_WHERE = "the partner's cross-tenant access settings in the Entra admin center; here: steps.set-partner-configuration"


def asks_for_trust(steps: Mapping[str, Mapping[str, Any]], template: Template) -> bool:
    """The same request allows Microsoft 365 collaboration with the partner."""
    return opens(partner_settings(steps, template), TRUST)


async def preflight(tenant: Tenant, ahead: Preflight) -> tuple[Finding, ...]:
    """Missing permissions, collaboration that is not allowed, and an organization relationship that would win (facts 3.7)."""
    if lacking := missing("set-capabilities", PERMISSIONS, ahead.roles):
        return lacking
    opening = [name for name, value in ahead.settings.items() if value]
    if not opening:
        return ()
    trust = (await tenant.partner_configurations.read(ahead.partner.tenant_id)).effective(TRUST)
    findings = []
    if permits_nothing(trust) and not asks_for_trust(ahead.header.steps, ahead.template):
        findings.append(
            Finding(
                Weight.REFUSES,
                TRUST,
                trust,
                _WHERE,
                f'Capabilities work only where {TRUST} is allowed: ask for "{TRUST}": "allowed" in steps.set-partner-configuration as well',
            )
        )
    return (*findings, *await _relationships(tenant, ahead))


async def _relationships(tenant: Tenant, ahead: Preflight) -> tuple[Finding, ...]:
    try:
        if not await tenant.exchange.roles():
            return ()
        all_ = await tenant.exchange.relationships()
    except WontWork:
        # An app without Exchange is complete without it.
        return ()
    domains = set(ahead.partner.domains)
    return tuple(
        Finding(
            Weight.WARNS,
            "organization relationship",
            f"{one.name} is enabled",
            "Exchange admin center, Organization, Sharing; or entente migrate-relationship",
            "While an organization relationship with the partner is enabled, it decides and the capabilities do not: migrate it",
        )
        for one in all_
        if one.values.get("Enabled") is True and domains & set(one.domains)
    )
