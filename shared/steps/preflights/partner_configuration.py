"""What the step that sets a partner configuration will meet."""

import asyncio

from shared.nouns.step import Finding, Preflight, Weight
from shared.steps.preflights.asked import opens
from shared.steps.preflights.permissions import missing
from shared.tenant import Tenant
from shared.tenant.blocks import MOST_IN_POLICY, PARTS, permits_nothing

PERMISSIONS = ("Policy.Read.All", "Policy.ReadWrite.CrossTenantAccess")
# How Microsoft counts is not documented, so a policy that is nearly full is told, and none is refused for its size.
FULL = 0.8
WHERE = "Entra admin center, External Identities, Cross-tenant access settings, Organizational settings"


async def preflight(tenant: Tenant, ahead: Preflight) -> tuple[Finding, ...]:
    """Missing permissions, blocks that somebody has closed for this partner, and what else hangs on its configuration."""
    if lacking := missing("set-partner-configuration", PERMISSIONS, ahead.roles):
        return lacking
    configurations = tenant.partner_configurations
    found, used = await asyncio.gather(configurations.read(ahead.partner.tenant_id), configurations.size())
    findings = [
        _closed(block, found.own[block], ahead)
        for block in PARTS
        if block in found.own and permits_nothing(found.own[block]) and opens(ahead.settings, block)
    ]
    if used >= MOST_IN_POLICY * FULL:
        findings.append(_full(used))
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


def _full(used: int) -> Finding:
    return Finding(
        Weight.WARNS,
        "size of the cross-tenant access policy",
        f"about {used:,} of {MOST_IN_POLICY:,} characters",
        WHERE,
        "The settings of all partners share one policy, and what does not fit in any more is refused: take out partners that are gone, or "
        "name groups instead of single people and applications",
    )


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
