"""What follows from a clean-up run that has looked at everybody: it only reports, is held, or its tasks are sent, a few first."""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from shared.brake import EARLIER, Limits, Tally, why_held
from shared.expiry import Move
from shared.log import log
from shared.mails import Values
from shared.notify import notify
from shared.nouns.mail import mark_of
from shared.nouns.outcomes import NotYet, WontWork
from shared.tables.runs import Candidate, Run, RunState
from shared.verbs.cleanup_request import is_open, put_request
from shared.verbs.exemptions_due import exemption_notes
from shared.verbs.permitted import clean_up_steps, why_only_planned
from shared.verbs.world import World

TOUCHING = frozenset({Move.WARN.value, Move.BLOCK.value, Move.DELETE.value})
# Who cannot sign in any more, or is gone: a few of these first.
CLOSING = frozenset({Move.BLOCK.value, Move.DELETE.value})
ACTS = TOUCHING | {Move.RESTORE.value}
# The first few are still being blocked: look again.
NOT_SETTLED = timedelta(minutes=30)
FIRST, REST = "a", "b"
MOST_NOTES = 100


async def conclude(world: World, run: Run) -> Run:
    """The run is over as far as looking goes. Its tasks are sent next, unless it only reports or the brake holds it."""
    totals: Counter[str] = Counter()
    partners: dict[str, Counter[str]] = defaultdict(Counter)
    async for partner, counts in world.tables.runs.chunks(run.id):
        totals.update(counts)
        partners[partner].update(counts)
    tally = Tally(
        guests=run.counts.get("directory", 0),
        touched=_touched(totals),
        partners={name: (counts["known"], _touched(counts)) for name, counts in partners.items()},
        expected=run.counts.get("expected", 0) if run.sign_ins else 0,
        missing=run.counts.get("missing", 0) if run.sign_ins else 0,
        earlier=await _earlier(world, run),
        strange=run.strange - await world.tables.runs.passed(),
    )
    reasons = why_held(tally, _limits(world))
    counted = {**run.counts, **totals, "touched": tally.touched, "unknown": max(tally.guests - totals["known"], 0)}
    notes = (*run.notes, *await exemption_notes(world))
    over = replace(run, counts=counted, held=reasons, page=run.page + 1, notes=notes[:MOST_NOTES])
    if not run.apply:
        return await world.tables.runs.save(replace(over, state=RunState.REPORTED, finished=world.clock()))
    if reasons:
        saved = await world.tables.runs.save(replace(over, state=RunState.HELD))
        log.warning("clean-up held", run=run.id, since=run.started.isoformat(), reasons="; ".join(reasons))
        await _tell(world, saved)
        return saved
    return await world.tables.runs.save(await set_off(world, over))


async def set_off(world: World, run: Run) -> Run:
    """The run as it sets off: with a canary where more than a few guests are blocked or deleted."""
    closing = [one.key async for one in world.tables.runs.candidates(run.id) if one.move in CLOSING]
    few = world.settings.canary
    if not few or len(closing) <= few:
        return replace(run, state=RunState.SENT)
    until = world.clock() + timedelta(hours=world.settings.canary_hours)
    return replace(run, state=RunState.CANARY, canary=tuple(closing[:few]), canary_until=until)


async def go_on(world: World, run: Run) -> datetime | None:
    """The tasks that may go now are on their way. When to look again, where the rest waits for the first few. Bears repetition."""
    now = world.clock()
    if only := await why_only_planned(world, clean_up_steps(world)):
        # Switched back, or taken away, since the run began: nobody else is touched.
        notes = (*run.notes, only)[:MOST_NOTES]
        await world.tables.runs.save(replace(run, state=RunState.REPORTED, notes=notes, finished=now, page=run.page + 1))
        return None
    if run.state is RunState.SENT:
        await _send(world, run, FIRST, lambda one: not run.canary or one.move not in CLOSING or one.key in run.canary)
        await _send(world, run, REST, lambda one: bool(run.canary) and one.move in CLOSING and one.key not in run.canary)
        await world.tables.runs.save(replace(run, finished=now, page=run.page + 1))
        return None
    await _send(world, run, FIRST, lambda one: one.move not in CLOSING or one.key in run.canary)
    until = run.canary_until or now
    if now < until:
        return until
    if any([await is_open(world, run.id, key.partition("|")[0], FIRST) for key in run.canary]):
        return now + NOT_SETTLED
    if objections := await _objections(world, run):
        held = await world.tables.runs.save(replace(run, state=RunState.HELD, held=objections, page=run.page + 1))
        log.warning("clean-up held", run=run.id, since=run.started.isoformat(), reasons="; ".join(objections))
        await _tell(world, held)
        return None
    await world.tables.runs.save(replace(run, state=RunState.SENT))
    return now


async def _objections(world: World, run: Run) -> tuple[str, ...]:
    """What somebody has said against the first few, one sentence each."""
    found = []
    for key in run.canary:
        partner, _, person = key.partition("|")
        guest = await world.tables.guests.get(partner, person)
        if guest is None:
            continue
        if guest.decided and guest.end is not None and guest.end >= world.clock().date():
            found.append(f"guest {person} was extended after they had gone")
        elif guest.stage not in {"blocked", "deleted", "gone"} and not guest.left_alone:
            found.append(f"guest {person} was let in again after they had gone")
    return tuple(found)


async def _send(world: World, run: Run, wave: str, chosen: Callable[[Candidate], bool]) -> None:
    """A request for each partner, with the tasks of this wave."""
    batch: list[Candidate] = []
    async for one in world.tables.runs.candidates(run.id):
        if one.move not in ACTS or not chosen(one):
            continue
        if batch and batch[0].partner != one.partner:
            await put_request(world, run, wave, batch)
            batch = []
        batch.append(one)
    if batch:
        await put_request(world, run, wave, batch)


async def _earlier(world: World, run: Run) -> list[int]:
    """How many guests earlier runs came to, the latest first; those that failed or were rejected tell nothing."""
    ended = {RunState.SENT, RunState.REPORTED}
    runs = [one for one in await world.tables.runs.latest() if one.id < run.id and one.state in ended and one.apply == run.apply]
    return [one.counts.get("touched", 0) for one in runs[:EARLIER]]


def _touched(counts: Counter[str]) -> int:
    return sum(counts[move] for move in TOUCHING)


def _limits(world: World) -> Limits:
    settings = world.settings
    return Limits(
        guests=settings.brake_guests,
        tenant_percent=settings.brake_tenant_percent,
        partner_percent=settings.brake_partner_percent,
        few=settings.brake_few,
        jump=settings.brake_jump,
        missing_percent=settings.brake_missing_percent,
    )


async def _tell(world: World, run: Run) -> None:
    """Those who may release it have been told by mail, once, where a mailbox and their addresses are set."""
    to = world.settings.approvers
    if not to or not world.settings.mailbox:
        return
    values: Values = {"run": run.id, "guests": str(run.counts.get("touched", 0)), "reasons": [(why, "") for why in run.held]}
    mark = mark_of("clean-up-held", run.id, *run.held)
    try:
        await notify(world.tenant, "clean-up-held", world.settings.language, values, to=to, mark=mark, about=f"run {run.id}")
    except (NotYet, WontWork) as error:
        log.warning("mail not sent", run=run.id, mail="clean-up-held", reason=error.reason)
