"""Sponsors who leave: since when, who was their manager, and after the grace period who is asked instead."""

from collections import Counter

from shared.log import log
from shared.nouns.watching import Succession
from shared.succession import candidates, due, shared_out
from shared.tables.guest_index import Leaver
from shared.tables.guests import Guest
from shared.tenant.noticed import Sighting
from shared.verbs.adopt import ours, owners_of
from shared.verbs.asks import ACCEPTED, OPEN, proposal, propose
from shared.verbs.redeemed import latest_template
from shared.verbs.seen_by_others import WHO, journal, partner_name, tell
from shared.verbs.world import World

_OVER = frozenset({"deleted", "gone"})


async def sponsor_changed(world: World, sponsor: str, seen: Sighting | None) -> None:
    """Since when they are away stands on record, or that they are back; and who their manager is, for the time when nobody knows it
    any more (a leaver's is often cleared first). Bears repetition."""
    index = world.tables.index
    known = await index.leaver(sponsor)
    if seen is not None and seen.enabled and not seen.deleted:
        if known is not None:
            await _journal(
                world, sponsor, "sponsor-back", {"sponsor": f"{known.why} since {known.since:%Y-%m-%d}"}, {"sponsor": "here"}
            )
            await index.forget_leaver(sponsor)
        manager = await world.tenant.sightings.manager(sponsor)
        if manager is not None and manager != await index.manager(sponsor):
            await index.keep_manager(sponsor, manager, world.clock())
    elif known is None:
        why = "gone" if seen is None or seen.deleted else "disabled"
        since = world.clock()
        await _journal(world, sponsor, "sponsor-left", {"sponsor": "here"}, {"sponsor": f"{why} since {since:%Y-%m-%d}"})
        await index.note_leaver(Leaver(sponsor, since, why))


async def look_after_sponsors(world: World) -> None:
    """Every sponsor has been read again: managers are kept, who is away is on record, and for those whose grace period is over somebody
    else has been asked. Bears repetition."""
    for sponsor in await world.tables.index.sponsors():
        await sponsor_changed(world, sponsor, await world.tenant.sightings.user(sponsor))
    for leaver in await world.tables.index.leavers():
        for partner in await world.tables.index.partners_of_sponsor(leaver.sponsor):
            latest = await latest_template(world, partner)
            terms = latest[1].succession if latest is not None else Succession()
            if due(leaver.since, world.clock(), terms):
                await _succeed(world, leaver, partner, terms)


async def _succeed(world: World, leaver: Leaver, partner: str, terms: Succession) -> None:
    """Somebody is asked for each guest of the partner whom nobody else stands for; whoever cannot be placed is told of, together."""
    left = [guest async for guest in world.tables.guests.of_partner(partner) if await _is_left(world, guest, leaver)]
    manager = await world.tables.index.manager(leaver.sponsor)
    able: set[str] = set(await ours(world, [manager] if manager else []))
    wanted: dict[str, tuple[str, ...]] = {}
    already: Counter[str] = Counter()
    owners: dict[str, tuple[str, ...]] = {}
    for guest in left:
        state, to, _ = await proposal(world, partner, guest.person)
        if state in {OPEN, ACCEPTED}:
            already[to] += 1
            continue
        groups = await world.tenant.sightings.groups_of(guest.user) if guest.user and "owners" in terms.to else ()
        for group in groups:
            if group not in owners:
                owners[group] = await owners_of(world, group)
                able |= set(owners[group])
        mine = [one for group in groups for one in owners[group]]
        found = candidates(terms, leaver.sponsor, manager, mine, able.__contains__)
        # Whoever has declined, or let the time pass, is not asked again.
        wanted[guest.person] = tuple(one for one in found if one != to)
    nobody = [
        guest for guest, free in shared_out(wanted, terms.most, already) if not await _asked(world, leaver, partner, guest, free)
    ]
    for guest in left:
        if guest.orphaned_since is None:
            await world.tables.guests.mark(partner, {guest.person: {"orphaned_since": leaver.since.date()}})
    if nobody:
        name = await partner_name(world, partner)
        reason = (
            f"Sponsor {leaver.sponsor} is {leaver.why} since {leaver.since:%Y-%m-%d}, and for {len(nobody)} guests of {name} nobody else can be "
            f"asked: name sponsors for them in the directory (entente guests list --sponsor {leaver.sponsor})"
        )
        await tell(world, partner, "no-successor", reason, subject=leaver.sponsor)


async def _is_left(world: World, guest: Guest, leaver: Leaver) -> bool:
    """The leaver stands for the guest, and nobody else of those who do is here."""
    if leaver.sponsor not in guest.sponsors or guest.stage in _OVER:
        return False
    others = [sponsor for sponsor in guest.sponsors if sponsor != leaver.sponsor]
    return not any([await world.tables.index.leaver(other) is None for other in others])


async def _asked(world: World, leaver: Leaver, partner: str, person: str, free: tuple[str, ...]) -> bool:
    why = f"sponsor {leaver.sponsor} is {leaver.why} since {leaver.since:%Y-%m-%d}"
    for one in free:
        if await propose(world, partner, person, to=one, instead_of=leaver.sponsor, who=WHO, why=why):
            log.info("sponsor proposed", partner=partner, person=person, to=one)
            return True
    return False


async def _journal(world: World, sponsor: str, event: str, before: dict[str, str], after: dict[str, str]) -> None:
    for partner in await world.tables.index.partners_of_sponsor(sponsor):
        seen = f"{event} {before['sponsor']}"
        await journal(world, partner, sponsor, seen=seen, before=before, after=after, note=event, person=False)
