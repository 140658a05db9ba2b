"""Microsoft 365 capabilities: calendars, MailTips, profiles that the partner may see."""

from shared.nouns.outcomes import WontWork
from shared.nouns.partner import Partner
from shared.nouns.state import Value
from shared.steps.closings.part import Part, shown
from shared.tenant import Tenant
from shared.tenant.capability_texts import CAPABILITIES as NAMES
from shared.tenant.capability_texts import NOT_ALLOWED, Capabilities, going_back


async def read(tenant: Tenant, partner: Partner) -> Value:
    """What is allowed, by the partner's own configuration or by the default."""
    return shown(_open(await tenant.capabilities.read(partner.tenant_id)))


async def close(tenant: Tenant, partner: Partner) -> tuple[str, ...]:
    """Each capability that is allowed is not, by the partner's own configuration."""
    before = _open(await tenant.capabilities.read(partner.tenant_id))
    for said in before:
        await tenant.capabilities.set(partner.tenant_id, said.partition(": ")[0], NOT_ALLOWED)
    return tuple(before)


async def reopen(tenant: Tenant, partner: Partner, before: tuple[str, ...]) -> str:
    """Each is as before; all are looked at before any is written."""
    found = await tenant.capabilities.read(partner.tenant_id)
    plans: list[tuple[str, str | None]] = []
    problems: list[str] = []
    for name, _, was in (said.partition(": ") for said in before):
        try:
            due, back = going_back(found, name, was, NOT_ALLOWED)
        except WontWork as error:
            problems.append(error.reason)
            continue
        if due:
            plans.append((name, back))
    if problems:
        raise WontWork("; ".join(problems))
    for name, back in plans:
        if back is None:
            await tenant.capabilities.remove(partner.tenant_id, name)
        else:
            await tenant.capabilities.set(partner.tenant_id, name, back)
    return "The capabilities are as before" if plans else "The capabilities are as before already"


def _open(found: Capabilities) -> list[str]:
    return [f"{name}: {found.shown(name)}" for name in NAMES if found.effective(name) != NOT_ALLOWED]


CAPABILITIES = Part(
    key="capabilities",
    title="Microsoft 365 capabilities",
    lasts="what was shown may be seen a little longer where it is cached",
    read=read,
    close=close,
    reopen=reopen,
)
