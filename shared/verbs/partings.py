"""Who and what goes: the tasks that take back what earlier requests of the partner have brought about."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from shared.admission import PROOF, Admitted, AdmittedGuest
from shared.nouns.partner import Partner
from shared.nouns.person import Person, person_id
from shared.nouns.request import Header
from shared.nouns.step import Ask, Step
from shared.nouns.task import PARTNER_COHORT, Task, TaskState
from shared.plan import COHORT, Cohort, Planner
from shared.steps.prove_closed import outsiders
from shared.tables.requests import Request, RequestState
from shared.tenant import Tenant
from shared.tenant.found import Outsider
from shared.verbs.world import World

# Instead of what they replace, where the partner ends explicitly closed.
CLOSING = {"partner": "close-partner", "person": "block-guest"}
# A cohort is written in one transaction of 100 rows; some are for the batches and the cohort's own mark.
MOST_ROWS = 80
# How the cohorts of those are called who came in after the leaving was planned.
LATE = "late"
# The redemption of somebody who is blocked cannot be reset, which is how an address is changed back.
REPLACED = frozenset({"set-partner-configuration", "set-capabilities", "invite-guest", "change-guest-address"})


@dataclass(frozen=True)
class _Past:
    """What one subject was given by a step: the earlier tasks, the latest first, and the ids that these found. A batch is about
    `members`."""

    step: Step[Tenant]
    subject: str
    of: tuple[tuple[str, str], ...]
    cohort: str = ""
    members: tuple[str, ...] = ()
    ids: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Going:
    """Who goes, of what they were given, and how: blocked by `closing` where there is one, but for those who are `blocked` already."""

    past: tuple[_Past, ...]
    persons: tuple[str, ...]
    closing: Step[Tenant] | None
    strangers: Mapping[str, Outsider]
    blocked: frozenset[str] = frozenset()


def parted(admitted: Admitted, header: Header) -> tuple[Admitted, tuple[AdmittedGuest, ...]]:
    """Those who come or stay, and those who leave. Where the partner goes, whoever the request names goes with all the others."""
    if header.action == "offboard":
        return Admitted((), {}), ()
    staying = tuple(guest for guest in admitted.guests if not guest.wish.leave)
    return replace(admitted, guests=staying), tuple(guest for guest in admitted.guests if guest.wish.leave)


async def settings_cohorts(world: World, planner: Planner[Tenant]) -> list[Cohort]:
    """The partner's own tasks: what the request asks for, and what goes because it does not, or because the partner goes."""
    action = planner.header.action
    if action == "onboard":
        return [planner.partner_cohort()]
    asked = planner.partner_cohort() if action == "change" else Cohort(PARTNER_COHORT, ())
    wanted = {(task.step, task.subject) for task in asked.tasks}
    gone = [
        past
        for past in await _past(world, planner)
        if past.step.subject in {"partner", "named"}
        and (past.step.name, past.subject) not in wanted
        # A guest whom a later request does not name keeps what they have, their address too.
        and (action == "offboard" or not past.step.addresses)
    ]
    closing = _closing(world, planner, "partner")
    if closing is not None:
        gone = [past for past in gone if past.step.name not in REPLACED]
    tasks = list(asked.tasks) + _reversals(planner, PARTNER_COHORT, gone)
    if closing is not None:
        # The proof is planned when all else has ended; what is asked of it is read now, so that a fault is told in time.
        _task(planner, world.step(PROOF), PARTNER_COHORT, planner.partner.tenant_id)
        # What is taken back goes first: closing changes the same objects.
        waits = any(past.step.name in closing.after for past in gone)
        known = replace(planner, partner=await _whole_partner(world, planner.partner))
        task = _task(known, closing, PARTNER_COHORT, planner.partner.tenant_id)
        tasks.append(replace(task, state=TaskState.WAITING if waits else TaskState.READY))
    return [Cohort(PARTNER_COHORT, tuple(tasks), asked.people)]


async def farewells(world: World, planner: Planner[Tenant], leaving: tuple[AdmittedGuest, ...], part: int) -> list[Cohort]:
    """The cohorts of guests who leave: those the request names, or all of them where the partner goes."""
    whole = planner.header.action == "offboard"
    if not leaving and not (whole and part == 1):
        return []
    named = {person_id(planner.key, guest.wish.email) for guest in leaving}
    past = [one for one in await _past(world, planner) if one.step.subject in {"person", "batch"}]
    # Those who came together go together, so that few batches have to be taken back in pieces.
    persons = dict.fromkeys(
        one.subject
        for one in sorted(past, key=lambda one: (one.cohort, one.subject))
        if one.step.subject == "person" and (whole or one.subject in named)
    )
    closing = _closing(world, planner, "person") if whole else None
    strangers = await _strangers(world, planner, persons) if closing is not None else {}
    return _in_cohorts(
        planner, f"p{part:03}l", 0, _Going(tuple(past), tuple({**persons, **dict.fromkeys(strangers)}), closing, strangers)
    )


async def latecomers(world: World, planner: Planner[Tenant], planned: Collection[Task], received: datetime) -> list[Cohort]:
    """The cohorts of those for whom the partner's leaving, `received` then, has no task yet: whom earlier requests have brought in since,
    whatever they were given since, and strangers who have come meanwhile."""
    covered = {pair for task in planned for pair in task.reverses}
    past = [
        replace(one, of=rest)
        for one in await _past(world, planner, received)
        if one.step.subject in {"person", "batch"} and (rest := tuple(pair for pair in one.of if pair not in covered))
    ]
    persons = dict.fromkeys(person for one in past for person in (one.members if one.step.subject == "batch" else (one.subject,)))
    closing = _closing(world, planner, "person")
    blocked = {task.subject for task in planned if closing is not None and task.step == closing.name}
    strangers = await _strangers(world, planner, {*persons, *blocked}) if closing is not None else {}
    before = len({task.cohort for task in planned if task.cohort.startswith(LATE)})
    everybody = tuple({**persons, **dict.fromkeys(strangers)})
    cohorts = _in_cohorts(planner, LATE, before, _Going(tuple(past), everybody, closing, strangers, frozenset(blocked)))
    # Of whom all is planned already, but for what being blocked stands for, nothing is left to do.
    return [cohort for cohort in cohorts if cohort.tasks]


def _in_cohorts(planner: Planner[Tenant], prefix: str, first: int, going: _Going) -> list[Cohort]:
    each = 2 + len({one.step.name for one in going.past})
    return [
        _of_people(planner, f"{prefix}{number:04}", chunk, going)
        for number, chunk in enumerate(_chunks(list(going.persons), min(COHORT, MOST_ROWS // each)), start=first)
    ]


async def _whole_partner(world: World, partner: Partner) -> Partner:
    """The partner with every domain that is on record."""
    known = await world.tables.partners.get(partner.tenant_id)
    more = known.partner.domains if known is not None else ()
    return replace(partner, domains=tuple(dict.fromkeys((*partner.domains, *more))))


async def _strangers(world: World, planner: Planner[Tenant], known: Collection[str]) -> dict[str, Outsider]:
    """The partner's people in our directory whom no request has named, by opaque id: invited by others, or synchronized."""
    people = await outsiders(world.tenant, (await _whole_partner(world, planner.partner)).domains)
    # Whoever has no address in these domains is told apart by the id of their account.
    found = {person_id(planner.key, one.address or one.id): one for one in people}
    return {person: one for person, one in found.items() if person not in known}


def _of_people(planner: Planner[Tenant], name: str, persons: list[str], going: _Going) -> Cohort:
    """What these persons were given goes, their part in batches too: a batch waits in no cohort but that of its guests."""
    past, closing, strangers = going.past, going.closing, going.strangers
    gone = [
        one
        for one in past
        if one.step.subject == "person" and one.subject in persons and (closing is None or one.step.name not in REPLACED)
    ]
    batches = [one for one in past if one.step.subject == "batch" and set(one.members) & set(persons)]
    gone += [
        replace(one, subject=f"{one.subject}.{place}", members=tuple(person for person in one.members if person in persons))
        for place, one in enumerate(batches)
    ]
    users = {one.subject: one.ids["user"] for one in past if one.step.name == "invite-guest" and "user" in one.ids}
    users |= {person: one.id for person, one in strangers.items()}
    blocked = [
        replace(_task(planner, closing, name, person), ids={"user": users[person]} if person in users else {})
        for person in persons
        if closing is not None and person not in going.blocked
    ]
    people = tuple(Person(person, one.address) for person, one in strangers.items() if person in persons and one.address)
    return Cohort(name, (*_reversals(planner, name, gone), *blocked), people)


async def _past(world: World, planner: Planner[Tenant], received: datetime | None = None) -> list[_Past]:
    """Everything that earlier requests of the partner have made true, or still will before this one's turn comes; where it is on
    record itself, `received` says which came before it.

    What was there before the partner went the last time is settled by that.
    """
    known = {step.name: step for step in world.steps if step.reversible}
    found: dict[tuple[str, str], list[Task]] = {}
    for name in await world.tables.partners.requests_of(planner.partner.tenant_id):
        request = None if name == planner.header.id else await world.tables.requests.get(name)
        if request is None or request.mode != "apply" or (received is not None and request.received > received):
            continue
        if request.header.action == "offboard" and request.state is RequestState.DONE:
            break
        async for task in world.tables.tasks.all(name):
            if _counts(task, request) and task.step in known:
                subject = f"{task.subject}.{name}.{task.cohort}" if task.members else task.subject
                found.setdefault((task.step, subject), []).append(task)
    return [
        _Past(
            known[step],
            tasks[0].subject,
            tuple((task.request, task.key) for task in tasks),
            f"{tasks[0].request} {tasks[0].cohort}",
            tasks[0].members,
            tasks[0].ids,
        )
        for (step, _), tasks in found.items()
    ]


def _counts(task: Task, request: Request) -> bool:
    """The task has changed something, or may yet; that of a guest who was refused never will."""
    if task.reverses or not task.wanted or task.step in CLOSING.values():
        return False
    begun = bool(task.intents) or task.created
    return task.state is TaskState.DONE or (
        task.state not in {TaskState.UNDONE, TaskState.CANCELLED} and (begun or request.is_open)
    )


def _reversals(planner: Planner[Tenant], cohort: str, gone: Iterable[_Past]) -> list[Task]:
    gone = list(gone)
    going = {past.step.name for past in gone}
    return [
        Task(
            request=planner.header.id,
            cohort=cohort,
            step=past.step.name,
            subject=past.subject,
            state=TaskState.WAITING
            if any(past.step.name in step.after and step.name in going for step in planner.steps)
            else TaskState.READY,
            members=past.members,
            reverses=past.of,
            touched=planner.now,
        )
        for past in gone
    ]


def _closing(world: World, planner: Planner[Tenant], subject: str) -> Step[Tenant] | None:
    if planner.header.action != "offboard" or planner.template.offboard != "closed":
        return None
    return world.step(CLOSING[subject])


def _task(planner: Planner[Tenant], step: Step[Tenant], cohort: str, subject: str) -> Task:
    ask = Ask(planner.header, planner.template, planner.partner, planner.settings_of(step))
    wish = step.wanted(ask)
    return Task(
        request=planner.header.id,
        cohort=cohort,
        step=step.name,
        subject=subject,
        wanted=wish.state if wish else {},
        details=dict(wish.details) if wish else {},
        touched=planner.now,
    )


def _chunks[Item](items: list[Item], most: int) -> Iterator[list[Item]]:
    for start in range(0, len(items), most):
        yield items[start : start + most]
