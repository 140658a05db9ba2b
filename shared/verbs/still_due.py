"""Just before a clean-up task does anything: whether the guest is still to be warned, blocked or deleted, as everything stands now."""

from dataclasses import replace
from datetime import date, datetime

from shared.expiry import Decision, Move, decide
from shared.nouns.expiry import Expiry
from shared.nouns.outcomes import WontWork
from shared.nouns.sighting import Sighting
from shared.nouns.task import Task
from shared.tenant.listed import SignInsOff
from shared.verbs.cleanup_facts import circumstances, held, partner_facts, seen, sighting
from shared.verbs.cleanup_request import MOVES
from shared.verbs.owned_elsewhere import owner_now
from shared.verbs.world import World

WARN, UNSHARE = "warn-guest", "unshare-with-guest"
# What a decision of the clock asks for. To have somebody back is a person's, and holds whatever the clock says; so may the third be.
CLOCKED = frozenset({WARN, "expire-guest", UNSHARE, "delete-guest"})


async def why_not(world: World, partner: str, task: Task) -> str | None:
    """Why nothing is to be done to the guest any more, or None where it is.

    Asked of the guest's row, the rules and the directory as they are now, not of what the run has kept: between the two somebody may have
    extended or exempted them, signed in, taken their domain off the deny list, or let them in again; and one of Microsoft's own products may
    own the account by now. Raises NotYet and WontWork.
    """
    if task.step not in CLOCKED or not task.details.get("run"):
        return None
    guest = await world.tables.guests.get(partner, task.subject)
    if guest is None:
        return "the guest is not on record any more"
    if world.settings.report_only:
        return "not any more: ENTENTE_REPORT_ONLY is on by now"
    now = world.clock()
    facts = await partner_facts(world, partner)
    there, sign_ins = await _now(world, task, guest.user)
    denied = date.fromisoformat(str(task.details["since"])) if task.details.get("rule") == "denied" else None
    away = frozenset([sponsor for sponsor in guest.sponsors if await world.tables.index.leaver(sponsor) is not None])
    about = circumstances(facts, now, sign_ins=sign_ins, denied_since=denied, away=away)

    def decided(owner: str = "") -> Decision:
        return decide(guest, seen(there, facts, owner), held(world, guest, facts, now), about)

    wanted, decision = Move(MOVES[task.step]), decided()
    # Last, and only of whom all else would go on: this takes the most to read.
    if decision.move is wanted and (owner := await _owner(world, task, guest.user)):
        decision = decided(owner)
    if decision.move is not wanted:
        return f"not any more: {decision.words}"
    return await _kept_by_others(world, task, facts.rules, guest.user)


async def _kept_by_others(world: World, task: Task, rules: Expiry | None, user: str) -> str | None:
    """What a run says beside its decision, and what a step does not ask for itself."""
    if rules is None or rules.report_only:
        return "not any more: the template only reports by now"
    if task.step != UNSHARE:
        return None
    if rules.unshare == "no":
        return "not any more: the template leaves what is shared with guests by now"
    roles = await world.tenant.accounts.directory_roles(user)
    return f"not any more: they hold the directory role {' and '.join(roles)} in our tenant" if roles else None


async def _owner(world: World, task: Task, user: str) -> str:
    """Which of Microsoft's products ends the account; of a warning only where this app is the one that may read it."""
    if task.step == WARN and "guests" not in world.settings.powers:
        return ""
    return await owner_now(world, user)


async def _now(world: World, task: Task, user: str) -> tuple[Sighting | None, bool]:
    """The guest in the directory, and whether what is known of their sign-ins can be gone by.

    Only who may read sign-ins and the deny list asks for them again: a warning goes by what the run has seen.
    """
    usable = task.details.get("signIns") is True
    again = usable and task.step != WARN
    try:
        listed = await world.tenant.guest_list.one(user, sign_ins=again)
    except SignInsOff:
        listed, usable = await world.tenant.guest_list.one(user, sign_ins=False), False
    if listed is None:
        return None, False
    there = sighting(listed, await _denied(world, task, listed.domains) if task.details.get("rule") == "denied" else "")
    if again or task.details.get("rule") != "not_signed_in":
        return there, usable
    last = datetime.fromisoformat(f"{task.details['since']}T00:00:00+00:00")
    return replace(there, interactive=last, background=last), usable


async def _denied(world: World, task: Task, domains: tuple[str, ...]) -> str:
    """A domain of theirs that may not be invited now; none where the list cannot be read any more, as in a run."""
    if task.step == WARN:
        return next(iter(domains), "")
    try:
        found = await world.tenant.policies.domain_list()
    except WontWork:
        return ""
    return next((domain for domain in domains if found.refuses(domain)), "")
