"""From an admitted request to tasks: pure, and the same request always gives the same rows."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from shared.admission import Admitted, AdmittedGuest
from shared.nouns.errors import Fault
from shared.nouns.partner import Partner
from shared.nouns.person import Person, person_id
from shared.nouns.redaction import without_addresses
from shared.nouns.request import Header
from shared.nouns.state import State
from shared.nouns.step import Ask, Json, Step
from shared.nouns.task import PARTNER_COHORT, Task, TaskState
from shared.nouns.template import Template

# A PATCH of a group takes at most 20 members, so 20 guests share their batches.
# https://learn.microsoft.com/graph/api/group-post-members
COHORT = 20


@dataclass(frozen=True)
class Cohort:
    """Tasks that wait for one another, with the persons in them and until when each may stay."""

    name: str
    tasks: tuple[Task, ...]
    people: tuple[Person, ...] = ()
    until: Mapping[str, date | None] | None = None


@dataclass(frozen=True)
class Planner[Tenant]:
    """What every plan of one request part has in common."""

    steps: tuple[Step[Tenant], ...]
    header: Header
    template: Template
    partner: Partner
    key: bytes
    now: datetime

    def partner_cohort(self) -> Cohort:
        """The tasks for the partner itself. Raises Refusal where a step's settings are wrong."""
        tasks = []
        for step in self._enabled("partner"):
            wish = step.wanted(self._ask(step))
            if wish is not None:
                tasks.append(self._task(PARTNER_COHORT, step.name, self.partner.tenant_id, wish.state, dict(wish.details)))
        return Cohort(PARTNER_COHORT, tuple(tasks))

    def guest_cohorts(self, admitted: Admitted) -> Iterator[Cohort]:
        """Guests in cohorts of up to 20, those with the same groups together, so that group batches are full."""
        ordered = sorted(admitted.guests, key=lambda guest: (guest.groups, guest.position))
        for number, start in enumerate(range(0, len(ordered), COHORT)):
            yield self._guest_cohort(f"p{self.header.part:03}c{number:04}", ordered[start : start + COHORT])

    def refused_cohorts(self, refused: Mapping[int, tuple[Fault, ...]]) -> Iterator[Cohort]:
        """One stopped task for each guest who was refused, so that nobody disappears."""
        indices = sorted(refused)
        for start in range(0, len(indices), COHORT):
            name = f"p{self.header.part:03}x{start // COHORT:04}"
            yield Cohort(
                name, tuple(self._refused_task(name, index, refused[index]) for index in indices[start : start + COHORT])
            )

    def _refused_task(self, cohort: str, index: int, faults: tuple[Fault, ...]) -> Task:
        return Task(
            request=self.header.id,
            cohort=cohort,
            step="invite-guest",
            subject=f"refused-{index}",
            state=TaskState.STOPPED,
            reason=without_addresses("; ".join(str(fault) for fault in faults)),
            position=index,
            touched=self.now,
            settled_at=self.now,
        )

    def _guest_cohort(self, name: str, guests: list[AdmittedGuest]) -> Cohort:
        people = {
            guest.position: Person(person_id(self.key, guest.wish.email), guest.wish.email, guest.wish.name) for guest in guests
        }
        tasks = []
        for step in self._enabled("person"):
            for guest in guests:
                wish = step.wanted(self._ask(step, guest))
                if wish is not None:
                    subject = people[guest.position].id
                    tasks.append(self._task(name, step.name, subject, wish.state, dict(wish.details), position=guest.position))
        for step in self._enabled("batch"):
            for group in sorted({group for guest in guests for group in guest.groups}):
                members = tuple(people[guest.position].id for guest in guests if group in guest.groups)
                wish = step.wanted(self._ask(step, members=members))
                if wish is not None:
                    tasks.append(
                        self._task(
                            name, step.name, group, wish.state, dict(wish.details), group=group, members=members, waiting=True
                        )
                    )
        until = {people[guest.position].id: guest.until for guest in guests}
        return Cohort(name, tuple(tasks), tuple(people.values()), until)

    def _enabled(self, subject: str) -> Iterator[Step[Tenant]]:
        return (step for step in self.steps if step.subject == subject and step.name in self.template.steps)

    def _ask(self, step: Step[Tenant], guest: AdmittedGuest | None = None, members: tuple[str, ...] = ()) -> Ask:
        settings: dict[str, Json] = {**self.template.defaults.get(step.name, {}), **self.header.steps.get(step.name, {})}
        return Ask(
            header=self.header,
            template=self.template,
            partner=self.partner,
            settings=settings,
            guest=guest.wish if guest else None,
            sponsors=guest.sponsors if guest else (),
            members=members,
        )

    def _task(  # noqa: PLR0913 -- the columns of a row
        self,
        cohort: str,
        step: str,
        subject: str,
        state: State,
        details: dict[str, Json],
        *,
        position: int | None = None,
        group: str | None = None,
        members: tuple[str, ...] = (),
        waiting: bool = False,
    ) -> Task:
        return Task(
            request=self.header.id,
            cohort=cohort,
            step=step,
            subject=subject,
            state=TaskState.WAITING if waiting else TaskState.READY,
            attempt=1,
            position=position,
            wanted=state,
            details=details,
            group=group,
            members=members,
            touched=self.now,
        )


def split_off(batch: Task, settled: frozenset[str], now: datetime) -> tuple[Task, list[Task]]:
    """The batch with only its settled guests, and a task of its own for each other, still waiting."""
    stragglers = [person for person in batch.members if person not in settled]
    rest = replace(
        batch,
        members=tuple(person for person in batch.members if person in settled),
        wanted={key: value for key, value in batch.wanted.items() if key not in stragglers},
    )
    return rest, [single(batch, person, now) for person in stragglers]


def single(batch: Task, person: str, now: datetime, number: int = 1) -> Task:
    """A task of one guest of a batch, waiting for that guest; `number` keeps apart those that were tried one after another."""
    return Task(
        request=batch.request,
        cohort=batch.cohort,
        step=batch.step,
        subject=f"{batch.group}.{person}" + (f".{number}" if number > 1 else ""),
        state=TaskState.WAITING,
        wanted={person: batch.wanted[person]},
        details=batch.details,
        group=batch.group,
        members=(person,),
        touched=now,
    )


def ready_now(cohort: list[Task], after: Mapping[str, tuple[str, ...]]) -> list[Task]:
    """The waiting tasks whose predecessors are all settled. `after` gives the steps that each step waits for."""
    open_subjects = {(task.step, task.subject) for task in cohort if not task.settled}
    return [
        task
        for task in cohort
        if task.state is TaskState.WAITING
        and not any((step, member) in open_subjects for step in after[task.step] for member in (*task.members, task.subject))
    ]
