"""Moving a partner from an organization relationship of Exchange to Microsoft 365 capabilities.

While a relationship is enabled it decides, and its road (Exchange Web Services) is being closed tenant by tenant (facts 3.7).
"""

from collections.abc import Mapping

from shared.migration import MigrationPlan, compare
from shared.nouns.errors import Fault, Refusal
from shared.nouns.outcomes import NotYet, WontWork
from shared.nouns.partner import Partner
from shared.nouns.request import GUID
from shared.tenant.blocks import permits_nothing
from shared.tenant.found import Relationship
from shared.verbs.world import World

TRUST = "m365CollaborationInbound"
SEEN_WAIT = 30.0


async def partner_named(world: World, said: str) -> Partner:
    """The partner with this tenant id or domain, with the domains that we know of it. Raises Refusal where there is none."""
    domains: tuple[str, ...] = ()
    tenant_id, name = said.lower(), said
    if not GUID.match(said):
        found = await world.tenant.organizations.of_domain(said)
        if found is None:
            raise Refusal([Fault("partner", f"{said} belongs to no Microsoft Entra tenant; give a domain or a tenant id")])
        tenant_id, name, domains = found.tenant_id, found.name, (said.lower(),)
    known = await world.tables.partners.get(tenant_id)
    if known is None:
        if not domains:
            raise Refusal([Fault("partner", f"{said} is no partner that we know; give one of its domains")])
        return Partner(tenant_id, name, domains)
    return Partner(tenant_id, known.partner.name, tuple(dict.fromkeys((*known.partner.domains, *domains))))


async def plan_migration(world: World, partner: Partner, scopes: Mapping[str, str] | None = None) -> MigrationPlan:
    """What would be done, and what the partner gains and loses by it; reading only."""
    now = await world.tenant.capabilities.read(partner.tenant_id)
    trusted = not permits_nothing((await world.tenant.partner_configurations.read(partner.tenant_id)).effective(TRUST))
    return compare(partner, await world.tenant.exchange.relationships(), now, trusted=trusted, scopes=scopes)


async def apply_migration(
    world: World, partner: Partner, scopes: Mapping[str, str] | None = None, *, accept_loss: bool = False
) -> tuple[str, ...]:
    """The partner has the capabilities, read back, and the relationship no longer decides anything; what was done, in sentences.

    Each part bears repetition, so after any failure it is called again. Raises WontWork for what a person has to decide (with
    `accept_loss` the partner may lose what no capability gives), NotYet where a write is not visible yet.
    """
    plan = await plan_migration(world, partner, scopes)
    if plan.problem:
        raise WontWork(plan.problem)
    if plan.loses and not accept_loss:
        lost = "; ".join(line.why for line in plan.lines if line.verdict == "less")
        raise WontWork(f"{partner.name} would lose something by this ({lost}): say so with --accept-loss if that is meant")
    told: list[str] = []
    if plan.trust_missing:
        found = await world.tenant.partner_configurations.read(partner.tenant_id)
        if TRUST in found.own:
            raise WontWork(
                f"Somebody has closed {TRUST} for {partner.name}, and capabilities need it: find out who and why, and open it with "
                "set-partner-configuration (reopen: true)"
            )
        await world.tenant.partner_configurations.set_blocks(
            partner.tenant_id, {TRUST: "users allowed: AllUsers"}, exists=found.exists
        )
        told.append(f"{TRUST} was allowed")
    for name, value in (plan.opens or {}).items():
        await world.tenant.capabilities.set(partner.tenant_id, name, value)
        told.append(f"{name} was set: {value}")
    await _verify(world, partner, plan)
    if plan.relationship is not None and not plan.retired:
        told.append(await _retire(world, partner, plan.relationship, plan.kept_domains))
    return tuple(told) or ("nothing was left to do",)


async def _verify(world: World, partner: Partner, plan: MigrationPlan) -> None:
    """What was set is there to be read; before that, the relationship stays."""
    if not plan.opens:
        return
    now = await world.tenant.capabilities.read(partner.tenant_id)
    trust = (await world.tenant.partner_configurations.read(partner.tenant_id)).effective(TRUST)
    missing = [name for name, value in plan.opens.items() if now.effective(name) != value]
    if missing or permits_nothing(trust):
        what = ", ".join(missing) or TRUST
        raise NotYet(f"{what} was set and is not visible yet; the relationship stays until it is: try again", after=SEEN_WAIT)


async def _retire(world: World, partner: Partner, old: Relationship, kept: tuple[str, ...]) -> str:
    """The relationship is off, and can be switched on again; where it is others' too, it only loses the partner's domains."""
    if kept:
        await world.tenant.exchange.set_relationship(old.identity, {"DomainNames": kept})
        return f"the relationship {old.name!r} lost the domains of {partner.name} and goes on for {', '.join(kept)}"
    await world.tenant.exchange.set_relationship(old.identity, {"Enabled": False})
    return f"the relationship {old.name!r} was disabled; it can be enabled again, and removed once nobody misses it"
