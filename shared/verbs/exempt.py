"""Guests whom clean-up leaves alone for a while: why, on whose word, and until when. In the journal."""

from datetime import date, timedelta

from shared.nouns.errors import Fault, Refusal
from shared.nouns.redaction import without_addresses
from shared.nouns.request import GUID
from shared.nouns.state import State
from shared.tables.exemptions import Exemption
from shared.tables.guests import Guest
from shared.tables.task_rows import JournalEntry
from shared.verbs.guest_record import on_record
from shared.verbs.world import World

# An exemption without end is how lists of them rot.
LONGEST = timedelta(days=2 * 366)


async def exempt(world: World, guest: Guest, *, reason: str, owner: str, until: date, who: str) -> Exemption:
    """Clean-up leaves the guest alone until the end of `until`. Raises Refusal for no reason, an owner who is none of our people, and a
    day that is past or more than two years off."""
    why, today = without_addresses(reason).strip(), world.clock().date()
    faults = [] if why else [Fault("reason", "is needed: whoever finds the exemption later goes by it")]
    if not today <= until <= today + LONGEST:
        faults.append(Fault("until", f"must be a day from today ({today}) on, within two years"))
    person = await _owner(world, owner)
    if person is None:
        faults.append(Fault("owner", "is none of our people: give the object id or user principal name of who answers for it"))
    if faults or person is None:
        raise Refusal(faults)
    before = await world.tables.exemptions.get(guest.partner, guest.person)
    made = Exemption(guest.partner, guest.person, why[:1_000], person, until, who, world.clock())
    await _note(world, guest, "exempt-guest", _state(before), _state(made), who, why, "intent")
    await world.tables.exemptions.put(made)
    await _note(world, guest, "exempt-guest", _state(before), _state(made), who, why, "outcome")
    return made


async def unexempt(world: World, guest: Guest, *, reason: str, who: str) -> None:
    """The guest has no exemption. Raises Refusal where there was none."""
    before = await world.tables.exemptions.get(guest.partner, guest.person)
    if before is None:
        raise Refusal([Fault("guest", "has no exemption: see entente exempt list")])
    why = without_addresses(reason).strip() or "not needed any more"
    await _note(world, guest, "exempt-guest", _state(before), {"until": None}, who, why, "intent")
    await world.tables.exemptions.remove(guest.partner, guest.person)
    await _note(world, guest, "exempt-guest", _state(before), {"until": None}, who, why, "outcome")


async def _owner(world: World, said: str) -> str | None:

    user = await (world.tenant.users.by_id(said) if GUID.match(said) else world.tenant.users.by_principal_name(said))
    ours = user is not None and user.user_type.lower() == "member" and not user.external and user.enabled is not False
    return user.id if user is not None and ours else None


def _state(exemption: Exemption | None) -> State:
    if exemption is None:
        return {"until": None}
    return {"until": exemption.until.isoformat(), "reason": exemption.reason, "owner": exemption.owner}


async def _note(  # noqa: PLR0913, PLR0917 -- the columns of a journal entry
    world: World, guest: Guest, what: str, before: State, after: State, who: str, why: str, kind: str
) -> None:
    entry = JournalEntry(kind, 1, world.clock(), who, before, after, {}, note=why)
    await on_record(world, guest.partner, guest.person, what, entry)
