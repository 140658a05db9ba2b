"""The organization relationship of Exchange Online: off, or, where it is others' too, without the partner's domains."""

from shared.nouns.outcomes import WontWork
from shared.nouns.partner import Partner
from shared.nouns.state import Value
from shared.steps.closings.part import Part, shown, split
from shared.steps.exchange_values import within
from shared.tenant import Tenant
from shared.tenant.found import Relationship

ON = "enabled"


async def read(tenant: Tenant, partner: Partner) -> Value:
    """Which enabled relationships have domains of the partner."""
    return shown([said for one in await tenant.exchange.relationships() for said in _open(one, partner)])


async def close(tenant: Tenant, partner: Partner) -> tuple[str, ...]:
    """None that is enabled has a domain of the partner."""
    before: list[str] = []
    for one in await tenant.exchange.relationships():
        if not (said := _open(one, partner)):
            continue
        kept = tuple(domain for domain in one.domains if not within(domain, partner.domains))
        await tenant.exchange.set_relationship(one.identity, {"DomainNames": kept} if kept else {"Enabled": False})
        before += said
    return tuple(before)


async def reopen(tenant: Tenant, partner: Partner, before: tuple[str, ...]) -> str:
    """Those that were enabled are again, and the domains are back where they were."""
    there = {one.name: one for one in await tenant.exchange.relationships()}
    gone = [name for name, _ in map(split, before) if name not in there]
    if gone:
        raise WontWork(
            f"The organization relationship {gone[0]!r} was removed by somebody after us: make it by hand if it is to be"
        )
    for name in dict.fromkeys(name for name, _ in map(split, before)):
        one, values = there[name], [value for other, value in map(split, before) if other == name]
        if ON in values and one.values.get("Enabled") is False:
            await tenant.exchange.set_relationship(one.identity, {"Enabled": True})
        missing = [value for value in values if value != ON and value not in one.domains]
        if missing:
            await tenant.exchange.set_relationship(one.identity, {"DomainNames": tuple(sorted({*one.domains, *missing}))})
    return "The organization relationship is as before"


def _open(one: Relationship, partner: Partner) -> list[str]:
    common = [domain for domain in one.domains if within(domain, partner.domains)]
    if not common or one.values.get("Enabled") is False:
        return []
    return [f"{one.name}: {ON}"] if len(common) == len(one.domains) else [f"{one.name}: {domain}" for domain in common]


RELATIONSHIP = Part(
    key="organizationRelationship",
    title="the organization relationship",
    lasts="what was shown may be seen a little longer where it is cached",
    read=read,
    close=close,
    reopen=reopen,
)
