"""Whether a partner's domains are still the partner's. Where one has moved: stop, and tell."""

from collections.abc import AsyncIterator
from dataclasses import replace

from shared.nouns.outcomes import WontWork
from shared.nouns.partner import Partner
from shared.tables.drift import OPEN, OVER, UNSETTLED, Drifted, drift_id
from shared.tables.store import Changed
from shared.verbs.control import pause
from shared.verbs.seen_by_others import WHO, journal, tell
from shared.verbs.world import World

# Under which step a moved domain stands among the drift.
DOMAIN = "domain"


async def compare_domains(world: World, partner: Partner) -> None:
    """Every domain on record is looked up again. Where one leads to another tenant or to ours, it stands among the drift, the partner's
    requests are paused (but for one that takes it out), and a person is told; nothing is changed. Bears repetition."""
    async for domain, tenant in _moved(world, partner):
        await _stop(world, partner, domain, tenant)
    async for known in world.tables.drift.of_partner(partner.tenant_id):
        if known.step == DOMAIN and known.state in UNSETTLED and await _home(world, known.subject) == partner.tenant_id:
            await _over(world, known)


async def has_moved(world: World, partner: str) -> bool:
    """A domain of the partner is not theirs any more, and nobody has settled it: nothing is done by itself for what may be somebody else."""
    return any([one.step == DOMAIN and one.state in UNSETTLED async for one in world.tables.drift.of_partner(partner)])


async def _moved(world: World, partner: Partner) -> AsyncIterator[tuple[str, str]]:
    ours = await world.tenant.organizations.ours()
    for domain in partner.domains:
        if domain in ours.verified_domains:
            yield domain, ours.tenant_id
        elif (home := await _home(world, domain)) is not None and home != partner.tenant_id:
            yield domain, home


async def _home(world: World, domain: str) -> str | None:
    try:
        found = await world.tenant.organizations.of_domain(domain)
    except WontWork:
        return None
    return found.tenant_id.lower() if found is not None else None


async def _stop(world: World, partner: Partner, domain: str, tenant: str) -> None:
    name, now = drift_id(partner.tenant_id, DOMAIN, domain), world.clock()
    known = await world.tables.drift.get(partner.tenant_id, name)
    before, after = {"tenant": partner.tenant_id}, {"tenant": tenant}
    async for request in world.tables.requests.all_open():
        stops = request.partner_tenant == partner.tenant_id and request.header.action != "offboard"
        if stops and not request.paused and not request.cancelled:
            await pause(world, request.id, WHO)
    if known is not None and known.state in UNSETTLED and dict(known.after) == after:
        return
    where = "our own tenant" if tenant == world.settings.tenant_id.lower() else f"tenant {tenant}"
    why = f"{domain} belongs to {where} now, and not to {partner.name} any more: its requests are paused. Find out what has become of it"
    seen = known.etag if known else "new"
    await journal(world, partner.tenant_id, domain, seen=seen, before=before, after=after, note=why, person=False)
    await tell(world, partner.tenant_id, "domain-moved", why, subject=domain)
    drifted = Drifted(
        partner.tenant_id, name, DOMAIN, domain, "", "", before, after, OPEN, now, now, said=why, etag=known.etag if known else ""
    )
    try:
        await world.tables.drift.save(drifted)
    except Changed:
        return


async def _over(world: World, known: Drifted) -> None:
    try:
        await world.tables.drift.save(replace(known, state=OVER, seen=world.clock(), said="it belongs to the partner again"))
    except Changed:
        return
