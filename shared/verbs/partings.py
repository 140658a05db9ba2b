"""Who and what goes: the tasks that take back what earlier requests of the partner have brought about."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from shared.admission import Admitted, AdmittedGuest
from shared.nouns.person import person_id
from shared.nouns.step import Ask, Step
from shared.nouns.task import PARTNER_COHORT, Task, TaskState
from shared.plan import COHORT, Cohort, Planner
from shared.tenant import Tenant
from shared.verbs.world import World

# Instead of what they replace, where the partner ends explicitly closed.
CLOSING = {"partner": "close-partner", "person": "block-guest"}
REPLACED = frozenset({"set-partner-configuration", "set-capabilities", "invite-guest"})


@dataclass(frozen=True)
class _Past:
    """What one subject was given by a step: the earlier tasks, the latest first."""

    step: Step[Tenant]
    subject: str
    of: tuple[tuple[str, str], ...]
    members: tuple[str, ...]


def parted(admitted: Admitted) -> tuple[Admitted, tuple[AdmittedGuest, ...]]:
    """Those who come or stay, and those who leave."""
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
        if past.step.subject in {"partner", "named"} and (past.step.name, past.subject) not in wanted
    ]
    closing = _closing(world, planner, "partner")
    if closing is not None:
        gone = [past for past in gone if past.step.name not in REPLACED]
    tasks = list(asked.tasks) + _reversals(planner, PARTNER_COHORT, gone)
    if closing is not None:
        tasks.append(_task(planner, closing, PARTNER_COHORT, planner.partner.tenant_id))
    return [Cohort(PARTNER_COHORT, tuple(tasks))]


async def farewells(world: World, planner: Planner[Tenant], leaving: tuple[AdmittedGuest, ...], part: int) -> list[Cohort]:
    """The cohorts of guests who leave: those the request names, or all of them where the partner goes."""
    whole = planner.header.action == "offboard"
    if not leaving and not (whole and part == 1):
        return []
    named = {person_id(planner.key, guest.wish.email) for guest in leaving}
    past = [one for one in await _past(world, planner) if one.step.subject in {"person", "batch"}]
    if not whole:
        past = [one for one in past if one.subject in named or named & set(one.members)]
    closing = _closing(world, planner, "person") if whole else None
    persons = sorted({one.subject for one in past if one.step.subject == "person"})
    batches = [one for one in past if one.step.subject == "batch"] if whole else []
    cohorts = [
        _of_people(planner, f"p{part:03}l{number:04}", chunk, past, closing) for number, chunk in enumerate(_chunks(persons))
    ]
    for number, some in enumerate(_chunks(batches)):
        name = f"p{part:03}g{number:04}"
        cohorts.append(
            Cohort(
                name,
                tuple(
                    _reversals(planner, name, [replace(one, subject=f"{one.subject}.{place}") for place, one in enumerate(some)])
                ),
            )
        )
    return cohorts


def _of_people(
    planner: Planner[Tenant], name: str, persons: list[str], past: list[_Past], closing: Step[Tenant] | None
) -> Cohort:
    among = [one for one in past if one.step.subject == "person" and one.subject in persons]
    if closing is None:
        return Cohort(name, tuple(_reversals(planner, name, among)))
    kept = [one for one in among if one.step.name not in REPLACED]
    blocked = [_task(planner, closing, name, person) for person in persons]
    return Cohort(name, (*_reversals(planner, name, kept), *blocked))


async def _past(world: World, planner: Planner[Tenant]) -> list[_Past]:
    """Everything that earlier requests of the partner have made true and that still counts as done."""
    found: dict[tuple[str, str], list[Task]] = {}
    for name in await world.tables.partners.requests_of(planner.partner.tenant_id):
        if name == planner.header.id:
            continue
        request = await world.tables.requests.get(name)
        if request is None or request.mode != "apply":
            continue
        async for task in world.tables.tasks.all(name):
            if task.state is TaskState.DONE and not task.reverses and task.step not in CLOSING.values():
                subject = f"{task.subject}.{name}.{task.cohort}" if task.members else task.subject
                found.setdefault((task.step, subject), []).append(task)
    known = {step.name: step for step in world.steps}
    return [
        _Past(known[step], tasks[0].subject, tuple((task.request, task.key) for task in tasks), tasks[0].members)
        for (step, _), tasks in found.items()
        if step in known
    ]


def _reversals(planner: Planner[Tenant], cohort: str, gone: Iterable[_Past]) -> list[Task]:
    gone = list(gone)
    first = {past.step.name for past in gone}
    tasks = []
    for past in gone:
        follows = [step.name for step in planner.steps if past.step.name in step.after and step.name in first]
        tasks.append(
            replace(
                _task(planner, past.step, cohort, past.subject),
                reverses=past.of,
                wanted={},
                details={},
                state=TaskState.WAITING if follows else TaskState.READY,
            )
        )
    return tasks


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


def _chunks[Item](items: list[Item]) -> Iterator[list[Item]]:
    for start in range(0, len(items), COHORT):
        yield items[start : start + COHORT]
