"""What the preflights of the steps in Exchange Online share: may we run cmdlets there, and who holds addresses of the partner."""

from collections.abc import Awaitable

from shared.nouns.grants import MANAGE_EXCHANGE as MANAGE
from shared.nouns.outcomes import WontWork
from shared.nouns.step import Finding, Preflight, Weight
from shared.tenant import Tenant

_ROLES = "Microsoft Entra admin center > Enterprise applications > the app's managed identity > Permissions"
_RBAC = "Microsoft Entra admin center > Roles & admins > Exchange Administrator, or a role group in the Exchange admin center"
_RECIPIENTS = "Exchange admin center > Recipients > Contacts"


async def access(tenant: Tenant, ahead: Preflight) -> tuple[Finding, ...]:
    """A refusal where our token does not let us run cmdlets at all, else nothing."""
    if await _let_in(tenant, ahead):
        return ()
    said = (
        f"The app has no permission {MANAGE} on Office 365 Exchange Online: grant it to the managed identity, together with an Exchange "
        "role; a new grant takes from 15 minutes to hours to work"
    )
    return (Finding(Weight.REFUSES, MANAGE, "not granted", _ROLES, said, grant=True),)


async def readable[Found](asked: Awaitable[Found], what: str) -> tuple[Found | None, tuple[Finding, ...]]:
    """What was found; or None and the refusal, where Exchange does not let us see it. Raises NotYet."""
    try:
        return await asked, ()
    except WontWork as error:
        return None, (Finding(Weight.REFUSES, "Exchange role of the app", f"cannot read {what}", _RBAC, error.reason),)


async def address_clashes(tenant: Tenant, ahead: Preflight) -> tuple[Finding, ...]:
    """Mail contacts and mail users with addresses in the partner's or the guests' domains, as warnings; where Exchange does not let
    us look, that nobody looked. An invitation to an address that such an object holds is refused (facts 1.1): a single guest's,
    so the request is not."""
    if ahead.guests == 0:
        return ()
    domains = sorted({*ahead.partner.domains, *ahead.guest_domains})
    try:
        if not await _let_in(tenant, ahead):
            return (_not_looked(MANAGE, "not granted", _ROLES),)
        found = await tenant.recipients.outsiders(domains)
    except WontWork as error:
        return (_not_looked("Exchange role of the app", f"cannot read mail contacts and mail users: {error.reason}", _RBAC),)
    findings = []
    for kind in sorted({one.kind for one in found}):
        alike = [one for one in found if one.kind == kind]
        synced = sum(one.synced for one in alike)
        hybrid = f", {synced} of them from on-premises (change those there)" if synced else ""
        said = (
            f"{len(alike)} recipients of kind {kind} have addresses in {', '.join(domains)}{hybrid}: a guest with the same address cannot be "
            "invited until the address is taken from the other object"
        )
        findings.append(Finding(Weight.WARNS, kind, str(len(alike)), _RECIPIENTS, said))
    return tuple(findings)


async def _let_in(tenant: Tenant, ahead: Preflight) -> bool:
    return MANAGE in ahead.roles or MANAGE in await tenant.exchange.roles()


def _not_looked(setting: str, value: str, where: str) -> Finding:
    said = "Whether mail contacts or mail users hold addresses of the guests was not looked at; an invitation to such an address is refused"
    return Finding(Weight.TELLS, setting, value, where, said)
