"""Tables put together again from the journal and the tenant: requests, tasks and claims from an audit pack, addresses from the directory."""

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from shared.log import log
from shared.nouns.errors import Fault, Refusal
from shared.nouns.person import Person, person_id
from shared.nouns.task import NEW_GROUP
from shared.reactions import BLOCKED, BY_OTHERS, DELETED, GONE, INVITED, REDEEMED
from shared.tables.guests import Guest
from shared.tables.parked import UNKNOWN_GUEST
from shared.tables.partners import RESTORING
from shared.tables.store import Changed
from shared.tables.task_rows import JournalEntry
from shared.tenant.noticed import Sighting
from shared.verbs.own_record import REBUILDS, put_entry
from shared.verbs.packed import Pack, PackedGuest, PackedRequest, unpacked
from shared.verbs.world import World

WHAT = "rebuild-tables"
# How many users are read side by side.
AT_ONCE = 20


@dataclass
class _Found:
    """What is put on record, counted, and what cannot be, in sentences."""

    counts: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)


async def rebuild(world: World, raw: Any, who: str, *, apply: bool) -> dict[str, Any]:
    """What the pack tells is on record again, where it is not on record already; without `apply` that is only counted. Nothing is written in
    the tenant. Bears repetition, and goes on where it was interrupted.

    Raises Refusal for what is no pack, or one of another person key, and NotYet where the directory does not answer.
    """
    pack = unpacked(raw)
    seen = await _directory(world, pack.guests)
    _same_key(world, pack.guests, seen)
    found = await _put(world, pack, seen, apply=False)
    missing = {name: number for name, number in found.counts.items() if number}
    if apply:
        digest = hashlib.sha256(json.dumps(raw, sort_keys=True).encode()).hexdigest()
        await _noted(world, who, digest, missing, "intent")
        await _put(world, pack, seen, apply=True)
        log.warning("tables rebuilt", who=who, pack=digest, **missing)
        await _noted(world, who, digest, missing, "outcome")
    return {"applied": apply, "rebuilt": missing, "notes": found.notes}


async def _noted(world: World, who: str, digest: str, missing: Mapping[str, int], kind: str) -> None:
    """A pack is believed: so the journal says who has put which on record, where anything of it was missing."""
    if not missing:
        return
    said = ", ".join(f"{number} {name}" for name, number in missing.items())
    note = f"put on record from an audit pack, or a piece of one, as JSON with sorted keys of SHA-256 {digest}: {said}"
    await put_entry(
        world, REBUILDS, WHAT, digest[:16], JournalEntry(kind, 1, world.clock(), who, {}, {"rebuilt": digest}, {}, note=note)
    )


async def _put(world: World, pack: Pack, seen: Mapping[str, Sighting], *, apply: bool) -> _Found:
    found = _Found()
    for partner in pack.partners:
        known = await world.tables.partners.get(partner.tenant_id)
        missing = known is None or known.running == RESTORING or not set(partner.domains) <= set(known.partner.domains)
        found.counts["partners"] += missing
        if apply and missing:
            await world.tables.partners.restore(partner, world.clock())
    for one in pack.requests:
        await _request(world, one, found, apply=apply)
    for packed in pack.guests:
        await _guest(world, packed, seen.get(packed.guest.user), found, apply=apply)
    return found


async def _request(world: World, one: PackedRequest, found: _Found, *, apply: bool) -> None:
    request, tables = one.request, world.tables
    known = await tables.requests.get(request.id)
    if known is not None and known.partner_tenant != request.partner_tenant:
        raise Refusal([Fault("pack", f"request {request.id} is on record for another partner")])
    if known is not None and known.is_open:
        # A task that is put beside those of a running request would be carried out with them.
        found.notes.append(f"Request {request.id} is under way, and left as it is")
        return
    there = await tables.tasks.keys(request.id)
    found.counts["requests"] += known is None
    found.counts["tasks"] += len({task.key for task in one.tasks} - there)
    found.counts["journal entries"] += len(one.entries.keys() - there)
    if not apply:
        return
    # The journal first: what of it this piece has is there before the request is.
    await tables.tasks.restore(request.id, one.tasks, one.entries)
    groups = {
        group for task in one.tasks for group in (task.group, task.ids.get("group")) if group and not group.startswith(NEW_GROUP)
    }
    await tables.index.note(request.partner_tenant, {}, groups=groups)
    await tables.partners.note_request(request.partner_tenant, request.id, request.received)
    if known is None:
        await tables.requests.close(request)


async def _directory(world: World, guests: Sequence[PackedGuest]) -> dict[str, Sighting]:
    """The guests' accounts that there are, by object id; those that were deleted and can be restored too."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def look(user: str) -> Sighting | None:
        async with turns:
            return await world.tenant.sightings.user(user)

    users = list(dict.fromkeys(one.guest.user for one in guests if one.guest.user))
    seen = await asyncio.gather(*(look(user) for user in users))
    return {user: one for user, one in zip(users, seen, strict=True) if one is not None}


def _same_key(world: World, guests: Sequence[PackedGuest], seen: dict[str, Sighting]) -> None:
    """Raises Refusal where no guest's id is made from their address with our key: then nobody would ever be recognized."""
    told = [one.guest for one in guests if one.guest.user in seen and seen[one.guest.user].address]
    if told and not any(_is(world, guest, seen[guest.user]) for guest in told):
        raise Refusal([Fault("pack", "was made with another ENTENTE_PERSON_KEY: nobody in it would be recognized")])


def _is(world: World, guest: Guest, seen: Sighting) -> bool:
    return person_id(world.settings.person_key, seen.address or seen.id) == guest.person


async def _guest(world: World, packed: PackedGuest, seen: Sighting | None, found: _Found, *, apply: bool) -> None:
    guest, tables = packed.guest, world.tables
    known = await tables.guests.get(guest.partner, guest.person)
    held = {claim.request for claim in known.claims} if known is not None else set()
    claims = {request: until for request, until in packed.claims.items() if request not in held}
    exempt = packed.exempt if await tables.exemptions.get(guest.partner, guest.person) is None else None
    found.counts["guests"] += known is None or not known.user
    found.counts["claims"] += len(claims)
    found.counts["exemptions"] += exempt is not None
    named = seen is not None and _is(world, guest, seen)
    if named:
        found.counts["addresses"] += await tables.people.get(guest.person) is None
    elif seen is None:
        found.notes.append(f"Guest {guest.person} (user {guest.user or 'unknown'}) is not in the directory any more")
    else:
        found.notes.append(
            f"Guest {guest.person} (user {guest.user}) has another address than then, so who they were is not known: only their account is"
        )
    if not apply:
        return
    if named and seen is not None:
        person = Person(guest.person, seen.address, seen.name)
        for request in packed.claims or (f"rebuilt-{guest.partner}",):
            await tables.people.remember([person], request, guest.partner)
    for request, until in claims.items():
        await tables.guests.claim(guest.partner, request, {guest.person: until})
    if seen is not None:
        await tables.index.note(guest.partner, {guest.user: guest.person}, sponsors=seen.sponsors)
        # Whoever was heard of while nothing was on record was listed as unknown.
        await tables.parked.remove(f"{UNKNOWN_GUEST}:{guest.user}")
    if exempt is not None:
        await tables.exemptions.put(exempt)
    # Last: whoever is on record counts as rebuilt.
    if known is None or not known.user:
        now = _as_seen(world, guest, seen)
        try:
            await tables.guests.save(replace(now, etag=known.etag if known else ""))
        except Changed:
            log.info("guest was put on record meanwhile", person=guest.person)


def _as_seen(world: World, guest: Guest, seen: Sighting | None) -> Guest:
    """The guest as the directory has them. Who is disabled, and not known to be by us, is so by others: we never let them in again."""
    if seen is None:
        return replace(guest, stage=GONE, blocked_by="")
    if seen.deleted:
        return replace(guest, stage=DELETED, deleted_at=world.clock(), sponsors=seen.sponsors)
    stage = BLOCKED if not seen.enabled else INVITED if seen.redemption == "PendingAcceptance" else REDEEMED
    return replace(
        guest,
        stage=stage,
        sponsors=seen.sponsors,
        invited=seen.created,
        redeemed=seen.changed if stage == REDEEMED else None,
        blocked_by=(guest.blocked_by or BY_OTHERS) if stage == BLOCKED else "",
        orphaned_since=None if seen.sponsors else world.clock().date(),
    )
