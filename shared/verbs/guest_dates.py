"""What a person decides about a guest: until when they stay, that they go, and who answers for them. In the journal, the first valid
answer to a clean-up run wins."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta

from shared.nouns.errors import Fault, Refusal
from shared.nouns.redaction import without_addresses
from shared.nouns.request import GUID
from shared.tables.guests import MOST_SPONSORS, Guest, claim_key
from shared.tables.store import Changed
from shared.tables.task_rows import JournalEntry
from shared.verbs.guest_record import on_record
from shared.verbs.refused import Refused, note_refused
from shared.verbs.world import World

# Nobody means to keep a guest for longer; somebody has mistyped the year.
LONGEST = timedelta(days=10 * 366)

type _Change = Callable[[Guest], dict[str, object]]


@dataclass(frozen=True)
class _Said:
    who: str
    why: str
    run: str


async def extend(world: World, partner: str, person: str, until: date, who: str, why: str, *, run: str = "") -> Guest:
    """The guest's last day is `until`, whatever requests said, and what a clean-up had begun of them is over.

    `run` is the clean-up run that this answers: its first answer wins. Raises Refusal for an unknown guest, a day that is past
    or too far off, for no reason, and where somebody has answered the run before.
    """
    today = world.clock().date()
    wrong = ""
    if until < today:
        wrong = f"{until} is past: give today ({today}) or a later day"
    if until > today + LONGEST:
        wrong = f"{until} is more than ten years off: give an earlier day"
    if wrong:
        # Who answers a run has it on record with their answer.
        if not run:
            await note_refused(world, Refused(partner, person, who, f"extend until {until}", "day", wrong))
        raise Refusal([Fault("until", wrong)])
    said = _Said(who, reason_of(why), run)
    return await _decided(world, partner, person, "extend-guest", said, lambda guest: _until(guest, until))


async def end(world: World, partner: str, person: str, who: str, why: str, *, run: str = "") -> Guest:
    """Yesterday was the guest's last day: the next clean-up run has them. Raises Refusal as `extend` does."""
    yesterday = world.clock().date() - timedelta(days=1)
    said = _Said(who, reason_of(why), run)
    return await _decided(world, partner, person, "end-guest", said, lambda guest: _until(guest, yesterday))


async def set_sponsors(
    world: World, partner: str, person: str, sponsors: tuple[str, ...], who: str, why: str, *, run: str = ""
) -> Guest:
    """These people of ours (object ids, one to five) answer for the guest, here and in the directory; those who did before, by us,
    do no more. Sponsors that others have set stay.

    Raises Refusal as `extend` does, NotYet and WontWork as the directory does: then nothing is recorded, and it bears repetition.
    """
    wanted = tuple(dict.fromkeys(sponsor.lower() for sponsor in sponsors))
    if not 1 <= len(wanted) <= MOST_SPONSORS or not all(GUID.match(sponsor) for sponsor in wanted):
        raise Refusal([Fault("sponsors", f"must be one to {MOST_SPONSORS} object ids of our people")])
    guest = await known(world, partner, person)
    _refuse_answered(guest, run)
    if guest.user:
        there = await world.tenant.users.by_id(guest.user, sponsors=True)
        has = set(there.sponsors or ()) if there is not None else set()
        # The new ones first: nobody must be without a sponsor in between.
        for sponsor in (sponsor for sponsor in wanted if there is not None and sponsor not in has):
            await world.tenant.users.add_sponsor(guest.user, sponsor)
        for sponsor in sorted((has & set(guest.sponsors)) - set(wanted)):
            await world.tenant.users.remove_sponsor(guest.user, sponsor)
    # When one of them leaves, this is how their guests are found.
    await world.tables.index.note(guest.partner, {guest.user: person}, sponsors=wanted)
    changes: dict[str, object] = {"sponsors": wanted, "orphaned_since": None}
    return await _decided(world, partner, person, "set-sponsors", _Said(who, reason_of(why), run), lambda _: changes)


async def known(world: World, partner: str, person: str) -> Guest:
    """The guest on record. Raises Refusal where there is none."""
    guest = await world.tables.guests.get(partner.lower(), person)
    if guest is None:
        raise Refusal([Fault("guest", "is on record for no partner under this id: see entente guests list")])
    return guest


async def _decided(world: World, partner: str, person: str, what: str, said: _Said, change: _Change) -> Guest:
    """The guest with the change, on record before and after. Of several answers to a run one is written, the others are refused; who only finds
    the same answer carried out by somebody else is refused too, and it is not on record as not taken."""
    begun = False
    while True:
        guest = await known(world, partner, person)
        values = change(guest)
        before = {key: _word(getattr(guest, key)) for key in values}
        after = {key: _word(value) for key, value in values.items()}
        intent = JournalEntry("intent", 1, world.clock(), said.who, before, after, {}, note=said.why)
        try:
            _refuse_answered(guest, said.run)
        except Refusal as refusal:
            same = guest.answered_by == said.who
            note = "done already, by another attempt at the same answer" if same else f"not taken: {refusal}; said: {said.why}"
            if begun or not same:
                await on_record(world, guest.partner, person, what, replace(intent, kind="outcome", after=before, note=note))
            raise
        await on_record(world, guest.partner, person, what, intent)
        begun = True
        try:
            answer = {"answered": said.run, "answered_by": said.who} if said.run else {}
            saved = await world.tables.guests.save(guest, **values, **answer)
        except Changed:
            continue
        await on_record(world, guest.partner, person, what, replace(intent, kind="outcome"))
        return saved


def _until(guest: Guest, until: date) -> dict[str, object]:
    changes: dict[str, object] = {"ends": until, "overrules": frozenset(claim_key(claim.request) for claim in guest.claims)}
    if guest.stage == "warned":
        changes |= {"stage": "redeemed" if guest.redeemed else "invited", "warnings": 0, "warned_for": "", "why": ""}
    return changes


def _refuse_answered(guest: Guest, run: str) -> None:
    if run and guest.answered == run:
        raise Refusal([Fault("answer", f"{guest.answered_by} has answered for this guest already; the first answer stands")])


def reason_of(why: str) -> str:
    """Why somebody wants it, without addresses. Raises Refusal for nothing."""
    reason = without_addresses(why).strip()
    if not reason:
        raise Refusal([Fault("reason", "is needed: it stands in the journal")])
    return reason[:1_000]


def _word(value: object) -> str | tuple[str, ...] | None:
    if isinstance(value, tuple | frozenset):
        return tuple(sorted(str(one) for one in value))
    return None if value is None else str(value)
