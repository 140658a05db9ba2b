"""What follows where others have changed what a task had made so: on record, and by template reported, put back, or accepted."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from shared.drifting import narrows
from shared.log import log
from shared.nouns.errors import Fault, Refusal
from shared.nouns.outcomes import NotYet
from shared.nouns.state import State, Value
from shared.nouns.step import Subject
from shared.nouns.task import Task, TaskState, move
from shared.nouns.watching import Drift
from shared.tables.drift import (
    ACCEPTED,
    GROUP,
    OPEN,
    OVER,
    PUT_BACK,
    PUTTING_BACK,
    UNSETTLED,
    WAITING,
    Drifted,
    drift_id,
)
from shared.tables.requests import Request
from shared.tables.store import Changed
from shared.tables.task_rows import JournalEntry
from shared.templates import load_template
from shared.verbs.domains import has_moved
from shared.verbs.permitted import why_only_planned
from shared.verbs.putting_back import put_back
from shared.verbs.seen_by_others import WHO, partner_name, settle, tell
from shared.verbs.world import World

MEMBERS = "add-to-group"
AGAIN_SECONDS = 5.0
# Whoever changes it again so soon means it, or is another machine: two of them must not go on for ever.
PUT_BACK_ONCE_IN = timedelta(days=1)


@dataclass(frozen=True)
class Compared:
    """A finished task and what was read: `before` as the task had made it and `after` as it is now, in the keys that differ; `keys`
    are all that were compared."""

    request: Request
    task: Task
    subject: Subject
    before: State
    after: State
    keys: tuple[str, ...] = ()

    @property
    def about(self) -> str:
        """What the drift is of: for a batch also of whom, so that other guests of the group have their own."""
        return f"{self.task.subject}.{self.task.cohort}" if self.task.members else self.task.subject


async def settle_drift(world: World, compared: Compared) -> bool:
    """The difference is on record, and what the template says of it has been done; or what was there is over. Whether it differs.

    Bears repetition: the same difference is journalled, told and put back once.
    """
    partner, task = compared.request.partner_tenant, compared.task
    name = drift_id(partner, task.step, compared.about)
    known = await world.tables.drift.get(partner, name)
    try:
        if not compared.before:
            await over(world, known)
            return False
        same = known is not None and (dict(known.before), dict(known.after)) == (dict(compared.before), dict(compared.after))
        if known is not None and same and known.state in {OPEN, WAITING}:
            return True
        if known is not None and same and known.state == PUTTING_BACK:
            await _go_on(world, known)
            return True
        if known is not None and same and known.state == ACCEPTED:
            # Whoever accepted it died before the task knew.
            await _accepted(world, known, task, known.by)
            return True
        if known is not None and same and world.clock() - known.seen < timedelta(seconds=world.settings.horizon_seconds):
            # It has just been settled: what is read may be from before.
            return True
        await _begun(world, compared, name, known)
    except Changed as error:
        raise NotYet(f"drift {name} is being settled by somebody else", after=AGAIN_SECONDS) from error
    return True


async def accept_drift(world: World, drifted: Drifted, who: str) -> Drifted:
    """What is there now is the new wish of the task, and goes with the rest when the partner leaves; a group that is gone may stay so.
    Raises Refusal where that is settled."""
    group = drifted.step == GROUP and drifted.state == OPEN
    task = None if group else await _task_of(world, drifted)
    try:
        said = f"accepted as the new wish by {who}"
        # First, so that a comparison after a crash finishes it.
        drifted = await world.tables.drift.save(replace(drifted, state=ACCEPTED, by=who, said=said, seen=world.clock()))
        if task is not None:
            await _accepted(world, drifted, task, who)
        else:
            await settle(world, drifted.partner, "group-deleted", drifted.subject)
    except Changed as error:
        raise NotYet("somebody else is settling this; look again", after=AGAIN_SECONDS) from error
    return drifted


async def put_back_drift(world: World, drifted: Drifted, who: str) -> Drifted:
    """A request of its own makes it as before, whatever that opens: a person has said so. Raises Refusal where that is settled."""
    await _task_of(world, drifted)
    try:
        return await put_back(world, drifted, who)
    except Changed as error:
        raise NotYet("somebody else is settling this; look again", after=AGAIN_SECONDS) from error


async def _task_of(world: World, drifted: Drifted) -> Task:
    if drifted.state not in {OPEN, WAITING}:
        raise Refusal([Fault("id", f"is settled already: {drifted.state} {drifted.said}".strip())])
    task = await world.tables.tasks.get(drifted.request, drifted.task) if drifted.task else None
    if task is None or task.state is not TaskState.DONE:
        raise Refusal([Fault("id", "is of no task that stands any more: see what it says, and decide in the tenant")])
    return task


async def _begun(world: World, compared: Compared, name: str, known: Drifted | None) -> None:
    request, task, now = compared.request, compared.task, world.clock()
    seen = known.etag if known is not None else "new"
    await _journal(world, task, compared, seen)
    partner = await partner_name(world, request.partner_tenant)
    why = f"Settings of {partner} were changed by others: `entente drift {request.partner_tenant}` shows them, before and after"
    await tell(world, request.partner_tenant, "setting-changed", why)
    reaction = _reaction(world, request, task.step)
    again = known is not None and known.state in {PUT_BACK, PUTTING_BACK} and now - known.seen < PUT_BACK_ONCE_IN
    narrowing = narrows(task.step, compared.after, compared.before)
    state, said = OPEN, "changed by others"
    if reaction == "put-back" and not narrowing:
        state, said = WAITING, "putting it back would widen access, or nobody can tell: a person decides"
    elif reaction == "put-back" and await has_moved(world, request.partner_tenant):
        state, said = WAITING, "a domain of the partner has moved: a person decides"
    elif reaction == "put-back" and again:
        state, said = WAITING, "it was put back before, and changed again: a person decides"
    drifted = Drifted(
        partner=request.partner_tenant,
        id=name,
        step=task.step,
        subject=compared.about,
        request=request.id,
        task=task.key,
        before=compared.before,
        after=compared.after,
        state=state,
        since=now,
        seen=now,
        said=said,
        etag=known.etag if known is not None else "",
    )
    drifted = await world.tables.drift.save(drifted)
    log.warning("drift", partner=request.partner_tenant, request=request.id, task=task.key, reaction=reaction, state=state)
    if reaction == "accept":
        await accept_drift(world, drifted, WHO)
    elif reaction == "put-back" and state == OPEN and not await why_only_planned(world, (task.step,)):
        await put_back(world, drifted, WHO)


async def _go_on(world: World, known: Drifted) -> None:
    """What is being put back goes on; where its request has ended and it is not so, a person has to look."""
    repair = await world.tables.requests.get(known.repair)
    if repair is None or repair.is_open:
        await put_back(world, known, known.by)
    elif repair.finished is not None and world.clock() - repair.finished >= timedelta(seconds=world.settings.horizon_seconds):
        said = f"putting it back has not helped: see request {known.repair} ({repair.reason})"
        await world.tables.drift.save(replace(known, state=WAITING, said=said, seen=world.clock()))


async def over(world: World, known: Drifted | None, said: str = "it is as wanted again") -> None:
    """There is no difference any more. Raises Changed where somebody else settles it. Bears repetition."""
    if known is None or known.state not in UNSETTLED:
        return
    state, said = (PUT_BACK, f"put back by {known.by}") if known.state == PUTTING_BACK else (OVER, said)
    await world.tables.drift.save(replace(known, state=state, said=said, seen=world.clock()))


async def _journal(world: World, task: Task, compared: Compared, seen: str) -> None:
    """The task's own journal says what others did to it, once for each version of our record."""
    entries = await world.tables.tasks.journal(task.request, task)
    if any(entry.kind == "drift" and entry.ids.get("seen") == seen and entry.after == compared.after for entry in entries):
        return
    entry = JournalEntry(
        kind="drift",
        attempt=task.attempt,
        at=world.clock(),
        who=WHO,
        before=compared.before,
        after=compared.after,
        ids={"seen": seen},
        note="changed by others",
    )
    await world.tables.tasks.save(task, entry)


async def _accepted(world: World, drifted: Drifted, task: Task, who: str) -> None:
    """The task wants what is there. Where nothing is left of what it made, it is undone: there is nothing to take back any more."""
    after = {key: _kept(task.wanted.get(key), value) for key, value in drifted.after.items()}
    now = world.clock()
    entry = JournalEntry(
        kind="outcome",
        attempt=task.attempt,
        at=now,
        who=who,
        before=drifted.before,
        after=after,
        ids={},
        note="accepted as the new wish",
    )
    members = tuple(one for one in task.members if after.get(one, "there") is not None)
    wanted = {**task.wanted, **after}
    if task.members:
        wanted = {key: value for key, value in wanted.items() if key in members}
    if not any(value is not None for value in wanted.values()):
        gone = move(task, TaskState.UNDONE, f"taken away by others, and accepted by {who}", now)
        await world.tables.tasks.save(gone, replace(entry, kind="accepted"))
        return
    lost = all(value is None for value in after.values())
    accepted = replace(task, wanted=wanted, members=members, touched=now)
    # An absence is nothing of ours to take back; a value is, with all that came before it.
    await world.tables.tasks.save(accepted, replace(entry, kind="accepted") if lost else entry)


def _kept(wanted: Value, now: Value) -> Value:
    """Of a list that others use too, what is still there of ours."""
    if isinstance(wanted, tuple) and isinstance(now, tuple):
        return tuple(element for element in wanted if element in now)
    return now


def _reaction(world: World, request: Request, step: str) -> str:
    try:
        template = load_template(world.settings.templates, request.header.template, world.steps)
    except Refusal:
        return Drift().of(step)
    return template.drift.of(step)


def shown(state: Mapping[str, Value]) -> dict[str, object]:
    """A state as JSON has it."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in state.items()}
