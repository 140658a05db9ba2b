"""Sponsors who leave: since when, who was their manager, and after the grace period who is asked instead."""

from collections import Counter
from collections.abc import Callable, Iterable
from hashlib import sha256

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

# Of a run, which is every hour: each costs two calls, and notifications tell of most of it at once.
MOST_SPONSORS = 200
# Of a run, for whom somebody else is looked for: each costs a call, and one for every group that they are in.
MOST_GUESTS = 100
SPONSORS = "sponsors"
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
    """The next sponsors in turn have been read again, so many a run: managers are kept, and who is away is on record. For those whose grace
    period is over somebody else has been asked, again for so many guests a run. Bears repetition."""
    sponsors = sorted(await world.tables.index.sponsors())
    done = await world.tables.drift.cursor(SPONSORS)
    turn = [*(one for one in sponsors if one > done), *(one for one in sponsors if one <= done)]
    for sponsor in turn[:MOST_SPONSORS]:
        await sponsor_changed(world, sponsor, await world.tenant.sightings.user(sponsor))
        await world.tables.drift.move_cursor(SPONSORS, sponsor)
    left = MOST_GUESTS
    for leaver in _in_turn(world, await world.tables.index.leavers(), lambda one: one.sponsor):
        for partner in await world.tables.index.partners_of_sponsor(leaver.sponsor):
            latest = await latest_template(world, partner)
            terms = latest[1].succession if latest is not None else Succession()
            if left > 0 and due(leaver.since, world.clock(), terms):
                left -= await _succeed(world, leaver, partner, terms, left)


def _in_turn[One](world: World, found: Iterable[One], name: Callable[[One], str]) -> list[One]:
    """In another order every hour, so that whoever is behind the last of a run is not behind it for ever."""
    now = f"{world.clock():%Y%m%d%H}"
    return sorted(found, key=lambda one: sha256(f"{name(one)}{now}".encode()).digest())


async def _succeed(world: World, leaver: Leaver, partner: str, terms: Succession, most: int) -> int:
    """Somebody is asked for each guest of the partner (for `most` of them) whom nobody else stands for; whoever cannot be placed is told of,
    together. For how many somebody was looked for."""
    left = [guest async for guest in world.tables.guests.of_partner(partner) if await _is_left(world, guest, leaver)]
    manager = await world.tables.index.manager(leaver.sponsor)
    able: set[str] = set(await ours(world, [manager] if manager else []))
    wanted: dict[str, tuple[str, ...]] = {}
    already: Counter[str] = Counter()
    owners: dict[str, tuple[str, ...]] = {}
    for guest in _in_turn(world, left, lambda one: one.person):
        state, to, _ = await proposal(world, partner, guest.person)
        if state in {OPEN, ACCEPTED}:
            already[to] += 1
            continue
        if len(wanted) >= most:
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
    return len(wanted)


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
