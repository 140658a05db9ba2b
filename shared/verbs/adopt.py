"""A guest whom no request has named: whose they are, who stands for them, and on record with the others. Never anything against them."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from shared.log import log
from shared.nouns.outcomes import NotYet, WontWork
from shared.nouns.person import Person, person_id
from shared.nouns.state import Value
from shared.nouns.watching import Adoption
from shared.reactions import BLOCKED, BY_OTHERS, INVITED, REDEEMED
from shared.tables.guest_index import Place
from shared.tables.guests import Guest
from shared.tables.parked import UNKNOWN_GUEST, ParkedItem
from shared.tables.store import Changed
from shared.tenant.noticed import Inviter, Sighting
from shared.verbs.domains import has_moved
from shared.verbs.permitted import why_only_planned
from shared.verbs.redeemed import latest_template
from shared.verbs.seen_by_others import NAME_ONE, NO_SPONSOR, journal, partner_name, tell
from shared.verbs.world import World

# The directory's log is some minutes behind. https://learn.microsoft.com/entra/identity/monitoring-health/reference-reports-latencies
LOG_IS_BEHIND = timedelta(minutes=15)
# How long a tenant with Entra ID P1 keeps it. https://learn.microsoft.com/entra/identity/monitoring-health/reference-reports-data-retention
LOG_IS_KEPT = timedelta(days=30)
LOOK_AGAIN_SECONDS = 60.0
MOST_SPONSORS = 5
MOST_GROUPS = 10


@dataclass(frozen=True)
class _Found:
    """Whose the guest is, and on what terms they are adopted."""

    partner: str
    person: str
    terms: Adoption


async def appeared(world: World, seen: Sighting) -> Place | None:
    """Where the guest stands on record now; None where they are left alone or wait for a person. Bears repetition.

    Raises NotYet where the directory's log has still to say who brought them in.
    """
    person = person_id(world.settings.person_key, seen.address or seen.id)
    if (place := await _asked_for(world, person, seen)) is not None:
        return place
    if await world.tables.index.is_left_alone(seen.id):
        return None
    partner, home = await _partner(world, seen)
    if partner is None:
        await _list(
            world, seen, f"A guest (user {seen.id}) of {seen.domain or 'no known domain'} belongs to no partner on record"
        )
        world.listed.add(seen, home, world.clock())
        return None
    latest = await latest_template(world, partner)
    found = _Found(partner, person, latest[1].adoption if latest is not None else Adoption())
    if found.terms.guests == "ignore":
        return None
    if found.terms.guests == "list" or await has_moved(world, partner):
        await _list(world, seen, f"A guest (user {seen.id}) of {await partner_name(world, partner)} was named by no request")
        return None
    return await _adopt(world, seen, found)


async def _asked_for(world: World, person: str, seen: Sighting) -> Place | None:
    """A guest whom a request has named, and whose cohort has not ended yet, or whom an earlier reaction has put on record."""
    partners = dict.fromkeys(partner for _, partner in await world.tables.people.requests_of(person))
    for partner in partners:
        guest = await world.tables.guests.get(partner, person)
        if guest is None or not (guest.claims or guest.origin):
            continue
        await world.tables.index.note(partner, {seen.id: person}, sponsors=guest.sponsors)
        return Place(partner, person)
    return None


async def _partner(world: World, seen: Sighting) -> tuple[str | None, str]:
    """The partner on record whose tenant the guest's address leads to; where it leads to none, whose domain it is. And that tenant."""
    if not seen.domain:
        return None, ""
    try:
        home = await world.tenant.organizations.of_domain(seen.domain)
    except WontWork:
        home = None
    if home is not None:
        tenant = home.tenant_id.lower()
        return (tenant if await world.tables.partners.get(tenant) is not None else None), tenant
    for tenant in await world.tables.partners.all():
        known = await world.tables.partners.get(tenant)
        if known is not None and seen.domain in known.partner.domains:
            return tenant, ""
    return None, ""


async def _adopt(world: World, seen: Sighting, found: _Found) -> Place | None:
    inviter = await _inviter(world, seen) if not seen.sponsors else None
    owner = await _owner(world, seen, found, inviter)
    if owner in found.terms.leave_alone:
        await world.tables.index.leave_alone(seen.id, owner)
        log.info("guest left alone", user=seen.id, owner=owner)
        return None
    sponsors = seen.sponsors or await _sponsors(world, seen, inviter)
    at = world.clock()
    accepted = seen.redemption != "PendingAcceptance"
    stage = BLOCKED if not seen.enabled else REDEEMED if accepted else INVITED
    request = f"guests-{found.partner}-{at:%Y%m}"
    if seen.address:
        # Before the journal names them, so that their own story has it.
        await world.tables.people.remember([Person(found.person, seen.address, seen.name)], request, found.partner)
    after: dict[str, Value] = {"stage": stage, "origin": "adopted", "user": seen.id, "sponsors": sponsors}
    note = f"guest-appeared: {_because(seen, inviter, sponsors)}"
    await journal(world, found.partner, found.person, seen="new", before={"stage": None}, after=after, note=note)
    if found.terms.sponsor == "set" and not seen.sponsors and not await why_only_planned(world, ("invite-guest",)):
        for sponsor in sponsors:
            await world.tenant.users.add_sponsor(seen.id, sponsor)
    guest = Guest(found.partner, found.person, seen.id, stage, sponsors, ())
    try:
        await world.tables.guests.save(
            guest,
            origin="adopted",
            invited=seen.created or at,
            redeemed=(seen.changed or seen.created or at) if accepted else None,
            ends=(at + timedelta(days=found.terms.days)).date() if found.terms.days else None,
            blocked_by="" if seen.enabled else BY_OTHERS,
            blocked_at=None if seen.enabled else at,
            orphaned_since=None if sponsors else at.date(),
        )
    except Changed:
        log.info("guest was put on record meanwhile", user=seen.id)
    await world.tables.index.note(found.partner, {seen.id: found.person}, sponsors=sponsors)
    await world.tables.parked.remove(f"{UNKNOWN_GUEST}:{seen.id}")
    if not sponsors:
        name = await partner_name(world, found.partner)
        reason = f"Guest {seen.id} of {name} was adopted, and nobody is known to stand for them: {NAME_ONE}"
        await tell(world, found.partner, NO_SPONSOR, reason, subject=found.person)
    return Place(found.partner, found.person)


async def _inviter(world: World, seen: Sighting) -> Inviter | None:
    """By the directory's log, as long as it can know. Raises NotYet while it may still be behind."""
    now = world.clock()
    if seen.created is None or now - seen.created > LOG_IS_KEPT:
        return None
    try:
        inviter = await world.tenant.sightings.inviter(seen.id, seen.created)
    except WontWork as error:
        log.warning("directory log not read", user=seen.id, reason=error.reason)
        return None
    if inviter is None and now - seen.created < LOG_IS_BEHIND:
        raise NotYet(f"the directory's log does not say yet who invited user {seen.id}", after=LOOK_AGAIN_SECONDS)
    return inviter


async def _owner(world: World, seen: Sighting, found: _Found, inviter: Inviter | None) -> str:
    """The product that has brought the guest in: by the log, or because only synchronization makes members of a partner's people."""
    if inviter is not None and inviter.owner:
        return inviter.owner
    if seen.member and seen.creation.lower() != "invitation":
        try:
            return "synchronization" if await world.tenant.partner_configurations.synchronization(found.partner) else ""
        except WontWork:
            return ""
    return ""


async def _sponsors(world: World, seen: Sighting, inviter: Inviter | None) -> tuple[str, ...]:
    """Who invited them, if one of our people still here; else the owners of the first group of theirs that has any."""
    if inviter is not None and inviter.user and await ours(world, [inviter.user]):
        return (inviter.user,)
    for group in (await world.tenant.sightings.groups_of(seen.id))[:MOST_GROUPS]:
        if owners := await owners_of(world, group):
            return owners[:MOST_SPONSORS]
    return ()


async def owners_of(world: World, group: str) -> tuple[str, ...]:
    """Those owners of the group who can answer for a guest."""
    return await ours(world, [owner.id.lower() for owner in await world.tenant.owners.of(group) or ()])


async def ours(world: World, users: Iterable[str]) -> tuple[str, ...]:
    """Those of the users who are our own people and can sign in."""
    listed = list(dict.fromkeys(users))
    found = await asyncio.gather(*(world.tenant.sightings.user(user) for user in listed))
    return tuple(one.id for one in found if one is not None and one.enabled and not one.external and not one.deleted)


def _because(seen: Sighting, inviter: Inviter | None, sponsors: tuple[str, ...]) -> str:
    if seen.sponsors:
        return "the directory names who stands for them"
    if inviter is not None and inviter.user in sponsors:
        return "who invited them stands for them, by the directory's log"
    return "an owner of a group of theirs stands for them" if sponsors else "nobody is known to stand for them"


async def _list(world: World, seen: Sighting, why: str) -> None:
    """They wait for a person, once, and stay as they are."""
    name = f"{UNKNOWN_GUEST}:{seen.id}"
    if await world.tables.parked.get(name) is None:
        reason = f"{why}. Ask for them in a request of their partner, then try this again; nobody is removed for being unknown"
        await world.tables.parked.add(ParkedItem(name, UNKNOWN_GUEST, "", seen.id, "guest-appeared", reason, world.clock()))
