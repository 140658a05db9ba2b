"""Lifting an emergency block: one authorized person asks, another confirms. Only what the block did and is still as it left it is lifted."""

from dataclasses import dataclass, field, replace
from datetime import timedelta

from shared.log import log
from shared.nouns.counted import counted
from shared.nouns.errors import Fault, Refusal
from shared.nouns.outcomes import NotYet, WontWork
from shared.nouns.state import Value
from shared.nouns.task import Task, TaskState, move
from shared.spans import span
from shared.steps.closings import PARTS
from shared.steps.closings.part import NOT_READ, UNKNOWN, Part
from shared.tables.blocks import Block
from shared.tables.store import Changed
from shared.tables.task_rows import JournalEntry
from shared.verbs.asker import KEY_HOLDER
from shared.verbs.block import named
from shared.verbs.blocked import Outcome, PartOutcome, PeopleOutcome
from shared.verbs.control import resume
from shared.verbs.finish import begin_next
from shared.verbs.people_off import MOST_PER_BATCH, Tell
from shared.verbs.world import World

# Who asked so long ago may have had another state of affairs in mind.
ASKED_FOR = timedelta(hours=24)


@dataclass
class _Lifting:
    """What has become of the tasks of a block so far. `later` says what has to be tried again before the partner is released."""

    world: World
    who: str
    out: Outcome
    tell: Tell
    later: list[str] = field(default_factory=list)


async def release(world: World, said: str, who: str, reason: str, *, tell: Tell | None = None) -> Outcome:
    """The first person's wish is on record; with the second's the block is lifted: people, ways in, and the requests that it paused.

    What somebody else has closed or changed since stays as it is, and is told. Bears repetition until all of it is lifted. Raises
    Refusal where the partner is not blocked, the same person asks twice, or nobody can tell who asks.
    """
    if not reason.strip():
        raise Refusal([Fault("reason", "is needed: it stands in the journal")])
    if who == KEY_HOLDER:
        raise Refusal([Fault("", "two people release a partner, and a function key does not say who holds it: sign in")])
    partner = await named(world, said)
    known = await world.tables.partners.get(partner.tenant_id)
    if known is not None:
        domains = tuple(dict.fromkeys((*known.partner.domains, *partner.domains)))
        partner = replace(partner, name=known.partner.name, domains=domains)
    out = Outcome(partner)
    block = await _agreed(world, partner.tenant_id, who, reason)
    out.request = block.request

    def telling(line: str) -> None:
        out.lines.append(line)
        if tell is not None:
            tell(line)

    if not block.confirmed_by:
        out.state = "asked"
        telling(f"asked for by {block.asked_by}: somebody else confirms it within {ASKED_FOR.total_seconds() / 3600:g} hours")
        return out
    with span("release partner", partner=partner.tenant_id):
        lifting = _Lifting(world, who, out, telling)
        await _lift(lifting, block)
        if lifting.later:
            out.state, out.remains = "releasing", lifting.later
            telling(f"not all of it could be lifted yet: {'; '.join(lifting.later)}. Run the release again")
            return out
        await _let_go(lifting, block)
    out.state = "released"
    log.warning("partner released", partner=partner.tenant_id, asked=block.asked_by, confirmed=block.confirmed_by)
    return out


async def _agreed(world: World, tenant_id: str, who: str, reason: str) -> Block:
    """The block with this person's word: asked for, or confirmed."""
    while True:
        block = await world.tables.blocks.get(tenant_id)
        if block is None:
            raise Refusal([Fault("partner", "is not blocked, as far as is on record")])
        now = world.clock()
        asked = block.asked_at is not None and now - block.asked_at < ASKED_FOR
        if block.confirmed_by:
            return block
        if asked and block.asked_by == who:
            raise Refusal([Fault("", f"{who} has asked for the release already: somebody else has to confirm it")])
        said = replace(block, confirmed_by=who) if asked else replace(block, asked_by=who, asked_at=now)
        try:
            saved = await world.tables.blocks.save(said)
        except Changed:
            continue
        log.warning("release", partner=tenant_id, who=who, confirmed=bool(saved.confirmed_by), reason=reason)
        await _note(world, saved, who, f"release {'confirmed' if asked else 'asked for'}: {reason}")
        return saved


async def _note(world: World, block: Block, who: str, said: str) -> None:
    """The word of a person is in the journal, under the block's request."""
    now = world.clock()
    task = Task(
        block.request,
        "block",
        "release",
        block.tenant_id,
        state=TaskState.DONE,
        reason=said,
        begun=now,
        touched=now,
        settled_at=now,
    )
    await world.tables.tasks.insert_cohort(block.request, task.cohort, [task], mark_open=False)
    there = await world.tables.tasks.get(block.request, task.key) or task
    again = replace(there, reason=said, attempt=there.attempt + 1)
    await world.tables.tasks.save(again, JournalEntry("outcome", again.attempt, now, who, {}, {}, {}, note=said))


async def _lift(lifting: _Lifting, block: Block) -> None:
    """Every task of the block is taken back, the latest first."""
    world, out = lifting.world, lifting.out
    tasks = [
        task
        async for task in world.tables.tasks.all(block.request)
        if task.state in {TaskState.DONE, TaskState.STOPPED, TaskState.READY}
    ]
    by_key = {part.key: part for part in PARTS}
    for part in reversed(PARTS):
        for task in tasks:
            if task.step == "close-partner" and task.subject.rpartition(".")[2] == part.key:
                await _reopen(lifting, task, by_key[part.key])
    switched = failed = 0
    for task in tasks:
        if task.step == "block-guest":
            done, not_done = await _let_in(lifting, task)
            switched, failed = switched + done, failed + not_done
    out.people = PeopleOutcome(switched, switched, failed, said=f"{counted(switched, 'person', 'people')} can sign in again")
    lifting.tell(out.people.said)


async def _reopen(lifting: _Lifting, task: Task, part: Part) -> None:
    """What the part lost by the block it has again, one change of the block after the other, the latest first."""
    world, partner = lifting.world, lifting.out.partner
    befores = await _befores(world, task, part.key)
    try:
        notes = [await part.reopen(world.tenant, partner, before) for before in befores]
    except NotYet as error:
        lifting.later.append(f"{part.title}: {error.reason}")
        return
    except WontWork as error:
        lifting.out.parts.append(PartOutcome(part.key, part.title, done=False, said=f"stays closed: {error.reason}"))
        lifting.tell(f"{part.title}: stays closed: {error.reason}")
        await _undone(lifting, task, {part.key: "closed"}, {part.key: "closed"}, f"stays closed: {error.reason}")
        return
    said = "; ".join(dict.fromkeys(notes)) or "the block had closed nothing"
    lifting.out.parts.append(PartOutcome(part.key, part.title, done=True, said=said))
    lifting.tell(f"{part.title}: {said}")
    await _undone(lifting, task, {part.key: "closed"}, {part.key: befores[-1] if befores else "closed"}, said)


async def _befores(world: World, task: Task, key: str) -> list[tuple[str, ...]]:
    """What was open before each change of the block, the latest first; an intent counts where no outcome says what became of it."""
    found: dict[int, tuple[str, ...]] = {}
    for entry in await world.tables.tasks.journal(task.request, task):
        value: Value = entry.before.get(key)
        if entry.kind == "outcome" and dict(entry.before) == dict(entry.after):
            found.pop(entry.attempt, None)
        elif isinstance(value, tuple):
            found[entry.attempt] = value
        elif value == NOT_READ:
            found[entry.attempt] = (UNKNOWN,)
    return [found[attempt] for attempt in sorted(found, reverse=True)]


async def _let_in(lifting: _Lifting, task: Task) -> tuple[int, int]:
    """Those whom the block disabled, and who are there, can sign in again; how many, and how many could not be let in.

    Whoever seems to be enabled is enabled too: a replica that is behind shows them as they were before the block.
    """
    world = lifting.world
    users = sorted({user for name, user in task.ids.items() if name in task.members})
    try:
        switched = 0
        failed: dict[str, str] = {}
        for start in range(0, len(users), MOST_PER_BATCH):
            some = users[start : start + MOST_PER_BATCH]
            states = await world.tenant.accounts.states(some)
            found = await world.tenant.accounts.switch_some([user for user in some if states[user] is not None], on=True)
            if waits := [error for error in found.values() if isinstance(error, NotYet)]:
                raise waits[0]
            failed |= {user: error.reason for user, error in found.items() if error is not None}
            switched += sum(error is None for error in found.values())
    except NotYet as error:
        lifting.later.append(f"{len(users)} people: {error.reason}")
        return 0, len(users)
    except WontWork as error:
        lifting.out.remains.append(f"{len(users)} people stay blocked: {error.reason}")
        return 0, len(users)
    lifting.out.remains += [f"account {user} stays blocked: {why}" for user, why in failed.items()]
    names = [name for name in task.ids if name in task.members]
    note = f"{counted(switched, 'person', 'people')} can sign in again"
    await _undone(lifting, task, dict.fromkeys(names, False), dict.fromkeys(names, True), note)
    return switched, len(failed)


async def _undone(lifting: _Lifting, task: Task, before: dict[str, Value], after: dict[str, Value], note: str) -> None:
    """The task is taken back, with its journal entry."""
    world = lifting.world
    entry = JournalEntry("undo", task.attempt, world.clock(), lifting.who, before, after, dict(task.ids), note=note)
    done = task if task.state is TaskState.DONE else replace(task, state=TaskState.DONE)
    await world.tables.tasks.save(move(done, TaskState.UNDONE, note, world.clock()), entry)


async def _let_go(lifting: _Lifting, block: Block) -> None:
    """The partner is not blocked any more; what the block paused goes on, and whoever waited longest begins."""
    world = lifting.world
    request = await world.tables.requests.get(block.request)
    if request is not None:
        said = f"{request.reason}; released by {block.asked_by} and {block.confirmed_by}"
        await world.tables.requests.close(replace(request, reason=said))
    await world.tables.blocks.lift(block.tenant_id)
    resumed: list[str] = []
    for name in block.paused:
        waiting = await world.tables.requests.get(name)
        if waiting is None or not waiting.is_open or not waiting.paused:
            continue
        try:
            await resume(world, name, lifting.who)
            resumed.append(name)
        except Refusal as error:
            lifting.out.remains.append(f"request {name} was not resumed: {error}")
    lifting.out.paused = tuple(resumed)
    await begin_next(world, block.tenant_id)
    lifting.tell(f"released; {counted(len(resumed), 'request goes', 'requests go')} on")
