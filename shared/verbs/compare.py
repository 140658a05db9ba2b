"""Finished tasks read again and compared: what is not so any more is drift."""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from shared.log import log
from shared.nouns.outcomes import NotYet, WontWork
from shared.nouns.power import Power
from shared.nouns.state import difference
from shared.nouns.step import Step
from shared.nouns.task import PARTNER_COHORT, Task, TaskState
from shared.spans import span
from shared.tables.requests import Request, RequestState
from shared.tenant import Tenant
from shared.verbs.domains import compare_domains
from shared.verbs.drifted import MEMBERS, Compared, settle_drift
from shared.verbs.subjects import Unneeded, subject_of
from shared.verbs.succeed import look_after_sponsors
from shared.verbs.world import World

# Which step's settings a task of another name has replaced.
REPLACES = {"migrate-relationship": "set-organization-relationship"}
BUSY_SECONDS = 30.0
# What is nobody's to keep so: a proof, and an address that the person's own organization changes.
NOT_COMPARED = frozenset({"prove-closed", "change-guest-address"})


@dataclass(frozen=True)
class _Standing:
    """A finished task that nothing later has replaced, and of it the keys that count."""

    request: Request
    task: Task
    keys: frozenset[str]


async def look_after_partners(world: World) -> None:
    """What an app with the power over guests can see: the partners' domains, their groups, and all sponsors."""
    await compare_settings(world, "guests")
    with world.tenant.low_priority():
        await look_after_sponsors(world)


async def compare_settings(world: World, power: Power) -> None:
    """The next partners in turn are compared, in what the steps of this power set: with low priority, and one call at a time."""
    steps = tuple(step.name for step in world.steps if step.power == power)
    with world.tenant.low_priority(), span("compare settings", power=power):
        partners = sorted(await world.tables.partners.all())
        done = await world.tables.drift.cursor(power)
        turn = [*(one for one in partners if one > done), *(one for one in partners if one <= done)]
        for partner in turn[: world.settings.compare_per_run]:
            try:
                await compare_partner(world, partner, steps, domains=power == "guests")
            except (NotYet, WontWork) as error:
                # Others get their turn; this one comes again with the next round.
                log.warning("partner not compared", partner=partner, reason=error.reason)
                if isinstance(error, NotYet) and error.moves_lane:
                    return
            await world.tables.drift.move_cursor(power, partner)


async def compare_partner(world: World, partner: str, steps: Collection[str] = (), *, domains: bool = False) -> int:
    """The partner's settings have been read again (all, or of these steps), and its `domains` looked up. How many things differ.

    What cannot be read now is left as it was. Raises NotYet where the tenant asks to wait.
    """
    known = await world.tables.partners.get(partner)
    if known is None or await world.tables.blocks.get(partner) is not None:
        # Who is shut out in an emergency is as they were left, and nothing is put back meanwhile.
        return 0
    await _at_rest(world, partner, known.running)
    if domains:
        await compare_domains(world, known.partner)
    found = 0
    async for standing in _settings_of(world, partner, steps):
        found += await _compared(world, standing)
    return found


async def compare_members(world: World, partner: str, group: str, persons: Sequence[str]) -> int:
    """Whether these guests are still in the group that requests have put them into. How many things differ."""
    seen: set[tuple[str, str]] = set()
    found = 0
    await _at_rest(world, partner)
    for person in persons:
        async for request, task in _tasks_of(world, partner, person):
            ours = task.step == MEMBERS and task.group == group and person in task.members
            if ours and _settled(world, task) and (request.id, task.key) not in seen:
                seen.add((request.id, task.key))
                found += await _compared(world, _Standing(request, task, frozenset(persons) & set(task.members)))
    return found


async def compare_guest(world: World, partner: str, person: str) -> int:
    """Whether the guest is still as the latest request has made them, whatever else runs. How many things differ."""
    latest: tuple[Request, Task] | None = None
    async for request, task in _tasks_of(world, partner, person):
        stands = task.step == "invite-guest" and task.subject == person and task.wanted and not task.reverses
        if stands and _settled(world, task) and (latest is None or request.received > latest[0].received):
            latest = request, task
    return 0 if latest is None else await _compared(world, _Standing(*latest, frozenset(latest[1].wanted)))


async def _tasks_of(world: World, partner: str, person: str) -> AsyncIterator[tuple[Request, Task]]:
    for name, whose in await world.tables.people.requests_of(person):
        request = await world.tables.requests.get(name) if whose == partner else None
        if request is None or request.mode != "apply":
            continue
        cohort = await world.tables.tasks.cohort_of_person(name, person)
        for task in await world.tables.tasks.cohort(name, cohort) if cohort else []:
            yield request, task


async def _at_rest(world: World, partner: str, running: str = "") -> None:
    """Raises NotYet while a request of the partner changes what would be compared."""
    if running and (busy := await world.tables.requests.get(running)) is not None and busy.is_open:
        raise NotYet(f"request {running} is under way", after=BUSY_SECONDS)
    if running:
        return
    known = await world.tables.partners.get(partner)
    if known is not None and known.running:
        await _at_rest(world, partner, known.running)


async def _settings_of(world: World, partner: str, steps: Collection[str]) -> AsyncIterator[_Standing]:
    """The tasks that say how the partner's settings stand: of each thing the latest that wants it so, the latest request first."""
    wanted: dict[tuple[str, str], set[str]] = {}
    replaced: set[str] = set()
    for name in await world.tables.partners.requests_of(partner):
        request = await world.tables.requests.get(name)
        if request is None or request.mode != "apply":
            continue
        for task in await world.tables.tasks.cohort(name, PARTNER_COHORT):
            if task.step in REPLACES:
                replaced.add(REPLACES[task.step])
            step = next((one for one in world.steps if one.name == task.step), None)
            if step is None or not _stands(world, step, task) or (steps and task.step not in steps) or task.step in replaced:
                continue
            taken = wanted.setdefault((task.step, task.subject), set())
            keys = frozenset(task.wanted) - taken
            taken |= keys
            if keys:
                yield _Standing(request, task, keys)
        if request.header.action == "offboard" and request.state is RequestState.DONE:
            # What was there before was taken back by it.
            return


def _stands(world: World, step: Step[Tenant], task: Task) -> bool:
    return (
        _settled(world, task)
        and not task.reverses
        and bool(task.wanted)
        and step.reversible
        and step.name not in NOT_COMPARED
        and not task.subject.startswith("refused-")
    )


def _settled(world: World, task: Task) -> bool:
    """The task is done, and for so long that what is read is not from before it."""
    horizon = timedelta(seconds=world.settings.horizon_seconds)
    return task.state is TaskState.DONE and (task.settled_at is None or world.clock() - task.settled_at >= horizon)


async def _compared(world: World, standing: _Standing) -> bool:
    """The task's subject was read again; whether it differs."""
    request, task = standing.request, standing.task
    step = world.step(task.step)
    try:
        subject, wanted, _ = await subject_of(world, request, task, back=True)
        if task.members:
            subject = replace(subject, members={one: user for one, user in subject.members.items() if one in standing.keys})
        wanted = {key: value for key, value in wanted.items() if key in standing.keys}
        actual = await step.read(world.tenant, subject)
    except (WontWork, Unneeded) as error:
        log.info("not compared", request=request.id, task=task.key, reason=error.reason)
        return False
    change = difference(wanted, actual)
    before = {key: task.wanted[key] for key in change}
    after = {key: actual.get(key) for key in change}
    return await settle_drift(world, Compared(request, task, subject, before, after, tuple(wanted)))
