"""A user of our directory may have changed: a guest on record, a guest nobody asked for, or one of our own people."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from shared.nouns.changes import TOLD, Change
from shared.nouns.outcomes import NotYet
from shared.nouns.state import Value
from shared.reactions import BLOCKED, BY_OTHERS, DELETED, INVITED, Known, Now, Rule, decide, to_be_seen
from shared.tables.guest_index import Place
from shared.tables.guests import KIND, REACTED, Guest
from shared.tables.requests import RequestState
from shared.tables.store import Changed
from shared.tenant.noticed import Sighting
from shared.verbs.adopt import appeared
from shared.verbs.compare import compare_guest
from shared.verbs.look_again import look_again, look_at
from shared.verbs.redeemed import redeemed
from shared.verbs.seen_by_others import NAME_ONE, NO_SPONSOR, journal, partner_name, settle, tell
from shared.verbs.succeed import sponsor_changed
from shared.verbs.world import World

# Something of ours that blocks or deletes is under way: who did it is known when it has ended.
UNDER_WAY_SECONDS = 30.0
# Properties of a guest's row that only reactions know.
# What makes, or ends, a difference to what the guest's own task has made true.
DRIFTS = frozenset({"guest-deleted", "guest-restored", "sponsors-changed", "sponsor-named"})
SPONSORS = frozenset({"sponsors-changed", "sponsor-named"})
LAST_SPONSORS, WAS = "directorySponsors", "was"


async def user_changed(world: World, change: Change) -> None:
    """The user has been read again, and every rule about who they are has had its say."""
    index, now = world.tables.index, world.clock()
    place, seen, stands = await asyncio.gather(
        index.place(change.id), world.tenant.sightings.user(change.id), index.is_sponsor(change.id, now)
    )
    if not stands and (seen is None or seen.deleted or not seen.enabled):
        # That a sponsor goes is told once: it must not be missed because they have become one only now.
        stands = bool(await index.partners_of_sponsor(change.id))
    if stands:
        await sponsor_changed(world, change.id, seen)
    if place is None and seen is not None and seen.external and not seen.deleted:
        if change.source in TOLD and await world.listed.has(world.tables.partners, seen, now):
            return
        place = await appeared(world, seen)
        if place is None:
            return
    if place is not None:
        # That nobody has the user is believed at the second look only, or where we were told so.
        doubted = seen is None and change.what != "deleted" and not change.mark.startswith("look2")
        if doubted or not await guest_changed(world, place, seen, change):
            await look_again(world, change, doubted=doubted)
    elif stands or seen is None:
        await look_again(world, change)


async def guest_changed(world: World, place: Place, seen: Sighting | None, change: Change) -> bool:
    """Whether anything was other than known; then it is on record, and what follows from it has been done."""
    while True:
        guest = await world.tables.guests.get(place.partner, place.person)
        if guest is None:
            # Forgotten meanwhile: nothing is kept of them any more.
            return True
        known, now = _known(world, guest, seen), _now(seen)
        found = decide(known, now)
        if to_be_seen(known, now):
            await look_at(world, change, world.settings.horizon_seconds)
        if not found:
            await _learn(world, guest, seen)
            return to_be_seen(known, now)
        if {rule.event for rule, _ in found} <= SPONSORS and not change.is_look:
            # Nothing says when we set them ourselves: believed at the second look.
            return False
        if any(rule.event in {"guest-disabled", "guest-deleted"} for rule, _ in found):
            now = replace(now, by=await _whose(world, guest.partner))
            found = decide(known, now)
        try:
            if now.by == BY_OTHERS and any(rule.event in DRIFTS for rule, _ in found):
                await compare_guest(world, place.partner, place.person)
            await _react(world, guest, known, found, seen)
        except Changed:
            continue
        return True


async def _react(world: World, guest: Guest, known: Known, found: tuple[tuple[Rule, Known], ...], seen: Sighting | None) -> None:
    """Consequences, journal, record: in this order, so that a crash between them leaves a record that asks for the rest."""
    at = world.clock()
    after = found[-1][1]
    if not known.redeemed and any(rule.event == "invitation-redeemed" for rule, _ in found):
        await redeemed(world, guest, seen)
    note = "; ".join(rule.event for rule, _ in found)
    before_words, after_words = _words(known), _words(after)
    await journal(world, guest.partner, guest.person, seen=guest.etag, before=before_words, after=after_words, note=note)
    ours = known.blocked_by not in {"", "other"} or after.blocked_by not in {"", "other"}
    for rule, _ in found:
        if rule.tells and (rule.event != "guest-enabled" or ours):
            name = await partner_name(world, guest.partner)
            why = f"{name}: {rule.condition} (user {guest.user or place_of(seen)}, and perhaps more: entente journal {guest.partner})"
            await tell(world, guest.partner, rule.event, why)
    values = _values(guest, known, after, at, seen)
    sponsors: tuple[str, ...] = values["sponsors"]
    user: str = values["user"]
    if user and set(sponsors) - set(guest.sponsors):
        # When one of them leaves, this is how their guests are found.
        await world.tables.index.note(guest.partner, {user: guest.person}, sponsors=sponsors)
    await world.tables.guests.save(guest, **values)
    if sponsors:
        await settle(world, guest.partner, NO_SPONSOR, guest.person)
    elif guest.sponsors:
        reason = f"Guest {user} of {await partner_name(world, guest.partner)} has no sponsor any more: {NAME_ONE}"
        await tell(world, guest.partner, NO_SPONSOR, reason, subject=guest.person)


def place_of(seen: Sighting | None) -> str:
    """The object id, where the directory shows one."""
    return seen.id if seen is not None else ""


async def _learn(world: World, guest: Guest, seen: Sighting | None) -> None:
    """What no rule is about, and later ones compare with. Not worth a second try."""
    if seen is None or seen.deleted:
        return
    learned = {LAST_SPONSORS: " ".join(seen.sponsors), KIND: "member" if seen.member else "guest"}
    if all(guest.others.get(key, "") == value for key, value in learned.items()) and guest.user:
        return
    try:
        await world.tables.guests.save(guest, user=guest.user or seen.id, others={**guest.others, **learned})
    except Changed:
        return


def _known(world: World, guest: Guest, seen: Sighting | None) -> Known:
    fresh_since = world.clock() - timedelta(seconds=world.settings.horizon_seconds)
    reacted = _moment(guest.others.get(REACTED))
    touched = [moment for moment in (reacted, guest.blocked_at, guest.deleted_at) if moment is not None]
    last = tuple(str(guest.others.get(LAST_SPONSORS, "")).split())
    # Whoever is on record without a sponsor has none, but for a guest whose request is still bringing them in.
    read_before = LAST_SPONSORS in guest.others or (bool(guest.stage) and not guest.sponsors)
    # What kind of account somebody had whom we found there is not on record before it was read: then it is what it is.
    kind = str(guest.others.get(KIND, "")) or ("member" if seen is not None and seen.member else "guest")
    return Known(
        stage=INVITED if guest.stage in {"", "guest"} else guest.stage,
        kind="member" if kind == "member" else "guest",
        blocked_by=guest.blocked_by,
        redeemed=guest.redeemed is not None,
        sponsors=tuple(sponsor for sponsor in guest.sponsors if sponsor in last),
        named=tuple(dict.fromkeys((*guest.sponsors, *last))) if read_before else None,
        fresh=any(moment > fresh_since for moment in touched),
        # What was so before is known only where it was a reaction that wrote last.
        was=str(guest.others.get(WAS, "")) if reacted is not None and reacted == max(touched) else "",
    )


def _now(seen: Sighting | None) -> Now:
    if seen is None:
        return Now("gone")
    return Now(
        there="deleted" if seen.deleted else "there",
        kind="member" if seen.member else "guest",
        enabled=seen.enabled,
        # Who was never invited (from cross-tenant synchronization) has nothing to accept.
        accepted=seen.redemption != "PendingAcceptance",
        sponsors=seen.sponsors,
    )


async def _whose(world: World, partner: str) -> str:
    """Who of ours has blocked or deleted: `emergency`, `offboard`, or nobody of ours (`other`).

    Raises NotYet while a request of the partner is under way that may have done it.
    """
    if await world.tables.blocks.get(partner) is not None:
        return "emergency"
    async for request in world.tables.requests.all_open():
        if request.partner_tenant == partner and request.mode == "apply" and request.header.action != "onboard":
            raise NotYet(f"request {request.id} may have done it, and is under way", after=UNDER_WAY_SECONDS)
    for name in await world.tables.partners.requests_of(partner):
        past = await world.tables.requests.get(name)
        if past is None or past.mode != "apply" or past.state is RequestState.CANCELLED:
            continue
        if past.header.action in {"offboard", "onboard"}:
            return "offboard" if past.header.action == "offboard" else "other"
    return "other"


def _words(known: Known) -> Mapping[str, Value]:
    return {
        "stage": known.stage,
        "kind": known.kind,
        "blockedBy": known.blocked_by or None,
        "redeemed": known.redeemed,
        "sponsors": known.sponsors,
    }


def _values(guest: Guest, known: Known, after: Known, at: datetime, seen: Sighting | None) -> dict[str, Any]:
    """What the guest's row says afterwards."""
    gone = set(known.sponsors) - set(after.sponsors)
    left = tuple(sponsor for sponsor in guest.sponsors if sponsor not in gone)
    left += tuple(sponsor for sponsor in after.sponsors if sponsor not in left)
    values: dict[str, Any] = {"stage": after.stage, "blocked_by": after.blocked_by, "sponsors": left}
    values["user"] = guest.user or place_of(seen)
    others = {**guest.others, KIND: after.kind, REACTED: at.isoformat(), WAS: known.stage}
    if seen is not None and not seen.deleted:
        others[LAST_SPONSORS] = " ".join(seen.sponsors)
    if after.redeemed != known.redeemed:
        values["redeemed"] = (seen.changed if seen is not None and seen.changed else at) if after.redeemed else None
    if after.stage == BLOCKED and known.stage != BLOCKED:
        values |= {"blocked_at": at, "why": "the account was switched off, and not by this app"}
    elif known.stage == BLOCKED and after.stage != BLOCKED:
        values |= {"blocked_at": None, "why": ""}
    if after.stage == DELETED:
        values |= {"deleted_at": at}
    elif known.stage == DELETED:
        values |= {"deleted_at": None}
    if left:
        values["orphaned_since"] = None if set(left) - set(guest.sponsors) else guest.orphaned_since
    elif gone:
        values["orphaned_since"] = at.date()
    return {**values, "others": others}


def _moment(text: object) -> datetime | None:
    return datetime.fromisoformat(str(text)) if text else None
