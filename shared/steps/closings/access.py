"""Entra's cross-tenant access: an explicit block, by one write."""

from shared.nouns.outcomes import WontWork
from shared.nouns.partner import Partner
from shared.nouns.state import Value
from shared.steps.closings.part import UNKNOWN, Part, shown
from shared.tenant import Tenant
from shared.tenant.blocks import CLOSED, NO_PARTNER, PartnerConfiguration, permits_nothing

_COLLABORATION = ("m365CollaborationInbound", "m365CollaborationOutbound")
_SHUT = {**CLOSED, **dict.fromkeys(_COLLABORATION, "users blocked: AllUsers")}


async def read(tenant: Tenant, partner: Partner) -> Value:
    """A block counts as closed where the partner's own configuration says so: a default can be opened by anybody, any day."""
    return shown(_open(await tenant.partner_configurations.read(partner.tenant_id)))


async def close(tenant: Tenant, partner: Partner) -> tuple[str, ...]:
    """All ways are blocked, nothing is trusted, nobody is redeemed unasked."""
    done = await tenant.partner_configurations.close(partner.tenant_id)
    if not done.before:
        return (UNKNOWN,)
    return tuple(sorted(f"{name}: {value}" for name, value in done.before.items() if value != done.after[name]))


async def reopen(tenant: Tenant, partner: Partner, before: tuple[str, ...]) -> str:
    """The blocks are those of before."""
    if before == (UNKNOWN,):
        raise WontWork(f"Cross-tenant access stays closed: {UNKNOWN}. Set it by hand as it should be")
    was = {name: value for name, _, value in (one.partition(": ") for one in before) if name in _SHUT}
    created = any(value.endswith(NO_PARTNER) for value in was.values())
    after = {name: _SHUT[name] for name in was}
    return await tenant.partner_configurations.restore(partner.tenant_id, was, after, created=created)


def _open(found: PartnerConfiguration) -> list[str]:
    explicit = [name for name in CLOSED if not (name in found.own and permits_nothing(found.own[name]))]
    more = [name for name in _COLLABORATION if not permits_nothing(found.effective(name))]
    return [f"{name}: {found.shown(name)}" for name in (*explicit, *more)]


ACCESS = Part(
    key="access",
    title="cross-tenant access",
    lasts="the block reaches sign-ins within minutes, and tokens that were issued before live about an hour longer",
    read=read,
    close=close,
    reopen=reopen,
)
