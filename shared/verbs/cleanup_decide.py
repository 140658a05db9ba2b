"""What a person decides about clean-up: a held run is released or rejected; a guest whom it blocked or deleted comes back."""

import hashlib
from dataclasses import replace
from datetime import date

from shared.expiry import RESTORABLE_DAYS
from shared.log import log
from shared.nouns.errors import Fault, Refusal
from shared.tables.guests import Guest
from shared.tables.runs import Run, RunState
from shared.tables.store import Changed
from shared.verbs.cleanup_facts import CLEAN_UP, partner_facts
from shared.verbs.cleanup_request import put_tasks, task_of
from shared.verbs.cleanup_run import send
from shared.verbs.cleanup_send import set_off
from shared.verbs.guest_dates import extend, known, reason_of
from shared.verbs.run_record import note_decision, note_refused_decision
from shared.verbs.unshared import reversal
from shared.verbs.world import World


async def release(world: World, name: str, who: str, why: str) -> Run:
    """The held run goes on: what it has seen for the first time holds no later run. Raises Refusal for whoever changed its rules; what was
    decided, or refused, is in the journal."""
    run = await _held(world, name)
    try:
        return await _release(world, run, who, why)
    except Refusal as refusal:
        await note_refused_decision(world, name, who, "release", refusal)
        raise


async def _release(world: World, run: Run, who: str, why: str) -> Run:
    name = run.id
    reason = reason_of(why)
    if not who.startswith("user ") and run.changers:
        # Who has no name of their own may be anybody, also whoever changed the rules.
        _refuse_unnamed(who)
    if who.removeprefix("user ").lower() in run.changers:
        raise Refusal([Fault("", f"the rules of run {name} were changed last by {who}: somebody else has to release it")])
    if run.who == who:
        raise Refusal([Fault("", f"run {name} was started by {who}: somebody else has to release it")])
    await world.tables.runs.let_pass(run.strange, who)
    if run.canary:
        ready = replace(run, state=RunState.SENT)
    else:
        ready = await set_off(world, run)
    await note_decision(world, name, who, ready.state.value, reason, done=False)
    released = await _saved(world, replace(ready, decided_by=who, why=reason, held=(), page=run.page + 1))
    log.info("clean-up released", run=name, who=who)
    await note_decision(world, name, who, released.state.value, reason, done=True)
    await send(world, released)
    return released


async def reject(world: World, name: str, who: str, why: str) -> Run:
    """The held run is over, and nobody else is touched by it."""
    run = await _held(world, name)
    over = replace(run, state=RunState.REJECTED, decided_by=who, why=reason_of(why), finished=world.clock(), page=run.page + 1)
    await note_decision(world, name, who, over.state.value, over.why, done=False)
    saved = await _saved(world, over)
    log.info("clean-up rejected", run=name, who=who)
    await note_decision(world, name, who, saved.state.value, saved.why, done=True)
    return saved


async def restore(world: World, partner: str, person: str, who: str, why: str) -> str:
    """The guest whom clean-up blocked or deleted is on the way back; the id of the request that does it. Bears repetition within a day.

    Raises Refusal where it was not clean-up that shut them out: that is for whoever did it to take back.
    """
    guest = await known(world, partner, person)
    reason = reason_of(why)
    if guest.stage == "blocked" and guest.blocked_by != "expiry":
        raise Refusal(
            [Fault("guest", f"was blocked by {guest.blocked_by or 'somebody else'}, not by clean-up: {_by_whom(guest)}")]
        )
    if guest.stage not in {"blocked", "deleted"}:
        raise Refusal([Fault("guest", f"is neither blocked nor deleted by clean-up, but {guest.stage or 'unknown'}")])
    now = world.clock()
    if guest.deleted_at is not None and (now - guest.deleted_at).days >= RESTORABLE_DAYS:
        raise Refusal([Fault("guest", f"was deleted on {guest.deleted_at.date()}, more than 30 days ago: invite them again")])
    digest = hashlib.sha256(f"{partner}\n{person}\n{guest.blocked_at}\n{guest.deleted_at}".encode()).hexdigest()[:12]
    name = f"{CLEAN_UP}restore.{now:%Y%m%d}.{digest}"
    facts = await partner_facts(world, guest.partner)
    # What was taken from them in SharePoint comes back with them.
    again = await reversal(world, guest)
    tasks = [task_of(world, "restore", guest, {"words": reason}), *([again] if again else [])]
    await put_tasks(world, name, facts, tasks, who, reason)
    return name


async def keep(world: World, guest: Guest, until: date, who: str, why: str, *, run: str = "") -> tuple[Guest, str]:
    """The guest stays until then; whom clean-up has shut out is on the way back, by the request that is named."""
    kept = await extend(world, guest.partner, guest.person, until, who, why, run=run)
    back = kept.stage == "deleted" or (kept.stage == "blocked" and kept.blocked_by == "expiry")
    return kept, await restore(world, kept.partner, kept.person, who, why) if back else ""


async def _held(world: World, name: str) -> Run:
    run = await world.tables.runs.get(name)
    if run is None:
        raise Refusal([Fault("run", f"there is no clean-up run {name}: see entente cleanup runs")])
    if run.state is not RunState.HELD:
        raise Refusal([Fault("run", f"clean-up run {name} is {run.state}, and waits for no decision")])
    return run


async def _saved(world: World, run: Run) -> Run:
    try:
        return await world.tables.runs.save(run)
    except Changed:
        raise Refusal(
            [Fault("run", f"somebody else has decided on clean-up run {run.id} just now; the first decision stands")]
        ) from None


def _refuse_unnamed(who: str) -> None:
    if who == "function key":
        raise Refusal(
            [Fault("", "a function key tells nobody's name: sign in, so that it is known that somebody else releases the run")]
        )


def _by_whom(guest: Guest) -> str:
    words = {"offboard": "their organization was offboarded", "emergency": "their organization is blocked: entente release"}
    return words.get(guest.blocked_by, "find out who and why")
