"""Finished tasks read again and compared: what is not so any more is drift."""

from collections.abc import AsyncIterator, Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

from shared.log import log
from shared.nouns.outcomes import NotYet, WontWork
from shared.nouns.power import Power
from shared.nouns.state import difference
from shared.nouns.step import Step
from shared.nouns.task import PARTNER_COHORT, Task, TaskState
from shared.reactions import DELETED, GONE
from shared.spans import span
from shared.tables.drift import UNSETTLED
from shared.tables.requests import Request, RequestState
from shared.tables.store import Changed
from shared.tenant import Tenant
from shared.verbs.domains import compare_domains
from shared.verbs.drifted import Compared, over, settle_drift
from shared.verbs.subjects import Unneeded, subject_of
from shared.verbs.succeed import look_after_sponsors
from shared.verbs.world import World

# Which step's settings a task of another name has replaced.
REPLACES = {"migrate-relationship": "set-organization-relationship"}
# Which part of what `close-partner` has closed a later task of this step has opened on purpose.
OPENS = {
    "set-partner-configuration": "access",
    "allow-federation": "federation",
    "set-capabilities": "capabilities",
    "migrate-relationship": "capabilities",
    "set-organization-relationship": "organizationRelationship",
    "set-inbound-connector": "connectorTrust",
    "set-sharing-policy": "sharingPolicy",
}
BUSY_SECONDS = 30.0
# Of one partner's guests and groups at a time, others at the next.
MOST_AGAIN = 50
# What is nobody's to keep so: a proof, and an address that the person's own organization changes.
NOT_COMPARED = frozenset({"prove-closed", "change-guest-address"})


@dataclass(frozen=True)
class Standing:
    """A finished task that nothing later has replaced, and of it the keys that count: all of them where none are named."""

    request: Request
    task: Task
    keys: frozenset[str] = frozenset()


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
                await compare_partner(world, partner, steps, people=power == "guests")
            except (NotYet, WontWork) as error:
                # Others get their turn; this one comes again with the next round.
                log.warning("partner not compared", partner=partner, reason=error.reason)
                if isinstance(error, NotYet) and error.moves_lane:
                    return
            await world.tables.drift.move_cursor(power, partner)


async def compare_partner(world: World, partner: str, steps: Collection[str] = (), *, people: bool = False) -> int:
    """The partner's settings have been read again (all, or of these steps); with `people`, its domains have been looked up, and what
    stood among the drift of guests and groups was read again too. How many settings differ.

    What cannot be read now is left as it was. Raises NotYet where the tenant asks to wait.
    """
    known = await world.tables.partners.get(partner)
    if known is None or await world.tables.blocks.get(partner) is not None:
        # Who is shut out in an emergency is as they were left, and nothing is put back meanwhile.
        return 0
    if people:
        # First, for it is the request under way that has to stop.
        await compare_domains(world, known.partner)
    await at_rest(world, partner, known.running)
    found = 0
    async for standing in _settings_of(world, partner, steps):
        found += await compared_with(world, standing)
    if people:
        await compare_again(world, partner)
    return found


async def compare_again(world: World, partner: str) -> None:
    """What stood among the drift of the partner's guests and groups has been read again: where it is as wanted, that is over, and so
    is whatever nobody wants any more. Notifications tell of most of it; this finds the rest."""
    found = [one async for one in world.tables.drift.of_partner(partner) if one.state in UNSETTLED and one.task]
    turn = f"{world.clock():%Y%m%d%H%M}"
    for known in sorted(found, key=lambda one: sha256(f"{one.id}{turn}".encode()).digest())[:MOST_AGAIN]:
        request = await world.tables.requests.get(known.request)
        task = await world.tables.tasks.get(known.request, known.task)
        if request is not None and task is not None and task.state is TaskState.DONE:
            # The partner's settings have a turn of their own.
            if is_settled(world, task) and task.cohort != PARTNER_COHORT:
                await compared_with(world, Standing(request, task))
            continue
        with suppress(Changed):
            await over(world, known, "nothing asks for it any more")


async def compare_guest(world: World, partner: str, person: str) -> int:
    """Whether the guest is still as the latest request has made them, whatever else runs. How many things differ."""
    latest: tuple[Request, Task] | None = None
    async for request, task in tasks_of(world, partner, person):
        stands = task.step == "invite-guest" and task.subject == person and task.wanted and not task.reverses
        # However lately it was done: who asks has seen that something is otherwise now.
        if stands and task.state is TaskState.DONE and (latest is None or request.received > latest[0].received):
            latest = request, task
    return 0 if latest is None else await compared_with(world, Standing(*latest))


async def tasks_of(world: World, partner: str, person: str) -> AsyncIterator[tuple[Request, Task]]:
    for name, whose in await world.tables.people.requests_of(person):
        request = await world.tables.requests.get(name) if whose == partner else None
        if request is None or request.mode != "apply":
            continue
        cohort = await world.tables.tasks.cohort_of_person(name, person)
        for task in await world.tables.tasks.cohort(name, cohort) if cohort else []:
            yield request, task


async def at_rest(world: World, partner: str, running: str = "") -> None:
    """Raises NotYet while a request of the partner changes what would be compared."""
    if running and (busy := await world.tables.requests.get(running)) is not None and busy.is_open:
        raise NotYet(f"request {running} is under way", after=BUSY_SECONDS)
    if running:
        return
    known = await world.tables.partners.get(partner)
    if known is not None and known.running:
        await at_rest(world, partner, known.running)


async def _settings_of(world: World, partner: str, steps: Collection[str]) -> AsyncIterator[Standing]:
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
            if step is not None and step.name in OPENS and _stands(step, task):
                wanted.setdefault(("close-partner", task.subject), set()).add(OPENS[step.name])
            if step is None or not _stands(step, task) or (steps and task.step not in steps) or task.step in replaced:
                continue
            taken = wanted.setdefault((task.step, task.subject), set())
            keys = frozenset(task.wanted) - taken
            taken |= keys
            # What was done just now is not read yet, but what an earlier request wanted of it is no longer wanted.
            if keys and is_settled(world, task):
                yield Standing(request, task, keys)
        if request.header.action == "offboard" and request.state is RequestState.DONE:
            # What was there before was taken back by it.
            return


def _stands(step: Step[Tenant], task: Task) -> bool:
    return (
        task.state is TaskState.DONE
        and not task.reverses
        and bool(task.wanted)
        and step.reversible
        and step.name not in NOT_COMPARED
        and not task.subject.startswith("refused-")
    )


def is_settled(world: World, task: Task) -> bool:
    """The task is done, and for so long that what is read is not from before it."""
    horizon = timedelta(seconds=world.settings.horizon_seconds)
    return task.state is TaskState.DONE and (task.settled_at is None or world.clock() - task.settled_at >= horizon)


async def compared_with(world: World, standing: Standing) -> bool:
    """The task's subject was read again; whether it differs."""
    request, task = standing.request, standing.task
    step = world.step(task.step)
    try:
        subject, wanted, _ = await subject_of(world, request, task, back=True)
        wanted = {key: value for key, value in wanted.items() if not standing.keys or key in standing.keys}
        actual = await step.read(world.tenant, subject)
    except (WontWork, Unneeded) as error:
        log.info("not compared", request=request.id, task=task.key, reason=error.reason)
        return False
    change = difference(wanted, actual)
    if task.members:
        change = {person: value for person, value in change.items() if not await _has_left(world, request, person)}
    before = {key: task.wanted[key] for key in change}
    after = {key: actual.get(key) for key in change}
    return await settle_drift(world, Compared(request, task, subject, before, after, tuple(wanted)))


async def _has_left(world: World, request: Request, person: str) -> bool:
    """The guest is deleted, which takes them out of every group; that has an entry of its own where others did it."""
    guest = await world.tables.guests.get(request.partner_tenant, person)
    return guest is not None and guest.stage in {DELETED, GONE}
