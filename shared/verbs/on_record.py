"""Which partner a request is about, where a domain may be another organization's by now than the one that we know under it."""

from shared.nouns.errors import Fault, Refusal
from shared.nouns.partner import Partner
from shared.nouns.request import Header
from shared.tables.requests import Request, RequestState
from shared.verbs.cleanup_facts import last_request
from shared.verbs.domains import has_moved
from shared.verbs.world import World


async def leaving_partner(world: World, header: Header) -> Partner | None:
    """The one partner on record that has all the domains of an offboarding: what we made for it is taken back, whoever has them now."""
    if header.action != "offboard":
        return None
    held = await world.tables.partners.of_domains(header.partner.domains)
    tenants = [tenant for tenant in held if not await _has_left(world, tenant)]
    if len(tenants) != 1 or set(held[tenants[0]]) != set(header.partner.domains):
        return None
    return Partner(tenants[0], header.partner.name, header.partner.domains)


async def refuse_moved(world: World, header: Header, partner: Partner, known: Request | None) -> None:
    """Raises Refusal for a new request with a domain under which another partner is on record, or of a partner that has lost one: it may be
    somebody else whom that lets in. Leaving is never refused."""
    if known is not None or header.action == "offboard":
        return
    for tenant, domains in (await world.tables.partners.of_domains(partner.domains)).items():
        if tenant != partner.tenant_id and not await _has_left(world, tenant):
            row = await world.tables.partners.get(tenant)
            name = row.partner.name if row is not None else tenant
            why = f"{domains[0]} belongs to tenant {partner.tenant_id} now, and is on record as a domain of {name} (tenant {tenant})"
            raise Refusal([Fault("partner.domains", f"{why}: find out what has become of it, and offboard {name} first")])
    if header.mode == "apply" and await has_moved(world, partner.tenant_id):
        why = f"a domain of {partner.name} belongs to somebody else now (entente drift {partner.tenant_id})"
        raise Refusal([Fault("partner", f"{why}: find out what has become of it before anybody else is let in")])


async def _has_left(world: World, tenant: str) -> bool:
    """Nothing of the partner is there any more, by the latest request that a person sent about it."""
    last = await last_request(world, tenant)
    return last is None or (last.header.action == "offboard" and last.state is RequestState.DONE)
