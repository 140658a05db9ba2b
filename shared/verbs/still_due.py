"""Just before a clean-up task does anything: whether the guest is still to be warned, blocked or deleted, as everything stands now."""

from datetime import date, datetime

from shared.expiry import Move, decide
from shared.nouns.sighting import Sighting
from shared.nouns.task import Task
from shared.tenant.listed import SignInsOff
from shared.verbs.cleanup_facts import circumstances, held, partner_facts, seen, sighting
from shared.verbs.cleanup_request import MOVES
from shared.verbs.world import World

# What a decision of the clock asks for. To have somebody back is a person's, and holds whatever the clock says; so may the third be.
CLOCKED = frozenset({"warn-guest", "expire-guest", "unshare-with-guest", "delete-guest"})


async def why_not(world: World, partner: str, task: Task) -> str | None:
    """Why nothing is to be done to the guest any more, or None where it is.

    Asked of the guest's row and of the directory, not of what the run has kept: between the two somebody may have extended or exempted
    them, signed in, or let them in again. Raises NotYet and WontWork.
    """
    if task.step not in CLOCKED or task.intents or not task.details.get("run"):
        return None
    guest = await world.tables.guests.get(partner, task.subject)
    if guest is None:
        return "the guest is not on record any more"
    now = world.clock()
    facts = await partner_facts(world, partner)
    there, sign_ins = await _now(world, task, guest.user)
    denied = date.fromisoformat(str(task.details["since"])) if task.details.get("rule") == "denied" else None
    about = circumstances(facts, now, sign_ins=sign_ins, denied_since=denied)
    decision = decide(guest, seen(there, facts), held(world, guest, facts, now), about)
    if decision.move is Move(MOVES[task.step]):
        return None
    return f"not any more: {decision.words}"


async def _now(world: World, task: Task, user: str) -> tuple[Sighting | None, bool]:
    """The guest in the directory, and whether what is known of their sign-ins can be gone by.

    Only who may read sign-ins asks for them again: a warning goes by what the run has seen.
    """
    usable = task.details.get("signIns") is True
    again = usable and task.step != "warn-guest"
    try:
        listed = await world.tenant.guest_list.one(user, sign_ins=again)
    except SignInsOff:
        listed, usable = await world.tenant.guest_list.one(user, sign_ins=False), False
    if listed is None:
        return None, False
    denied = next(iter(listed.domains), "") if task.details.get("rule") == "denied" else ""
    there = sighting(listed, denied)
    if again or task.details.get("rule") != "not_signed_in":
        return there, usable
    last = datetime.fromisoformat(f"{task.details['since']}T00:00:00+00:00")
    return Sighting(**{**vars(there), "interactive": last, "background": last}), usable
