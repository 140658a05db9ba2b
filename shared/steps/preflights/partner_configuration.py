"""What the step that sets a partner configuration will meet."""

from shared.nouns.step import Finding, Preflight, Weight
from shared.steps.preflights.asked import opens
from shared.steps.preflights.permissions import missing
from shared.tenant import Tenant
from shared.tenant.blocks import PARTS, permits_nothing

PERMISSIONS = ("Policy.Read.All", "Policy.ReadWrite.CrossTenantAccess")
WHERE = "Entra admin center, External Identities, Cross-tenant access settings, Organizational settings"


async def preflight(tenant: Tenant, ahead: Preflight) -> tuple[Finding, ...]:
    """Missing permissions, blocks that somebody has closed for this partner, and what else hangs on its configuration."""
    if lacking := missing("set-partner-configuration", PERMISSIONS, ahead.roles):
        return lacking
    found = await tenant.partner_configurations.read(ahead.partner.tenant_id)
    findings = [
        _closed(block, found.own[block], ahead)
        for block in PARTS
        if block in found.own and permits_nothing(found.own[block]) and opens(ahead.settings, block)
    ]
    if found.others:
        findings.append(
            Finding(
                Weight.TELLS,
                "partner configuration",
                ", ".join(found.others),
                WHERE,
                "The partner's configuration has settings of others, which stay: it is changed and never deleted",
            )
        )
    if found.exists and await tenant.partner_configurations.synchronization(ahead.partner.tenant_id):
        findings.append(
            Finding(
                Weight.WARNS,
                "identitySynchronization",
                "userSyncInbound is allowed",
                WHERE,
                "The partner synchronizes its people into our tenant (as members, often): these are not guests of this process, and "
                "taking guests out does not take them out",
            )
        )
    return tuple(findings)


def _closed(block: str, value: str, ahead: Preflight) -> Finding:
    known = ahead.settings.get("reopen") is True
    return Finding(
        Weight.WARNS if known else Weight.REFUSES,
        block,
        value,
        WHERE,
        f"Somebody has closed {block} for this partner, and the request opens it"
        + (" again" if known else ": find out who and why, and say reopen: true if it is to be opened again"),
    )
