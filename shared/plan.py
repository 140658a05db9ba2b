"""From an admitted request to tasks: pure, and the same request always gives the same rows."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from shared.admission import Admitted, AdmittedGuest
from shared.nouns.errors import Fault, Refusal
from shared.nouns.json_text import Json
from shared.nouns.partner import Partner
from shared.nouns.person import Person, person_id
from shared.nouns.redaction import without_addresses
from shared.nouns.request import Header
from shared.nouns.state import State
from shared.nouns.step import Ask, Step
from shared.nouns.task import NEW_GROUP, PARTNER_COHORT, Task, TaskState
from shared.nouns.template import Template

# A PATCH of a group takes at most 20 members, so 20 guests share their batches.
# https://learn.microsoft.com/graph/api/group-post-members
COHORT = 20
# A cohort is written in one transaction. https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions
MOST_ROWS = 100
MOST_SETTINGS = 60
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")


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
        """The tasks for the partner itself, and for what it is given by name. Raises Refusal where a step's settings are wrong."""
        tenant = self.partner.tenant_id
        wishes = [(step, tenant, step.wanted(self._ask(step))) for step in self._enabled("partner")]
        for step in self._enabled("named"):
            for name, settings in self._named(step):
                wishes.append((step, f"{tenant}.{name}", step.wanted(self._ask(step, name=name, settings=settings))))
        planned = {step.name for step, _, wish in wishes if wish is not None}
        if (count := sum(wish is not None for _, _, wish in wishes)) > MOST_SETTINGS:
            raise Refusal([Fault("steps", f"asks for {count} things, and one request has at most {MOST_SETTINGS}: send several")])
        people = {
            (step.name, subject, name): Person(person_id(self.key, str(wish.details[name])), str(wish.details[name]), "")
            for step, subject, wish in wishes
            if wish is not None
            for name in step.addresses
        }
        return Cohort(
            PARTNER_COHORT,
            people=tuple(dict.fromkeys(people.values())),
            tasks=tuple(
                self._task(
                    PARTNER_COHORT,
                    step.name,
                    subject,
                    wish.state,
                    {**wish.details, **{name: people[step.name, subject, name].id for name in step.addresses}},
                    group=self._group(wish.group),
                    waiting=bool(planned & set(step.after)),
                )
                for step, subject, wish in wishes
                if wish is not None
            ),
        )

    def group_id(self, name: str) -> str | None:
        """What a task writes down for a group that a request names: its object id, or the name under which the request makes it."""
        if (known := self.template.group_id(name)) is not None:
            return known
        return f"{NEW_GROUP}{name}" if name in self.new_groups else None

    @property
    def new_groups(self) -> frozenset[str]:
        """The names of the groups that this request creates."""
        makers = [step for step in self._enabled("named") if "group" in step.keeps]
        return frozenset(name for step in makers for name, _ in self._named(step))

    def _group(self, name: str | None) -> str | None:
        if name is None:
            return None
        if (known := self.group_id(name)) is None:
            raise Refusal(
                [Fault("steps", f"{name} is neither a group of template {self.template.name} nor one that the request creates")]
            )
        return known

    def _named(self, step: Step[Tenant]) -> Iterator[tuple[str, dict[str, Json]]]:
        """The names that the template and the request give, each with the request's settings over the template's."""
        above, here = self.template.defaults.get(step.name, {}), self.header.steps.get(step.name, {})
        faults = []
        for name in dict.fromkeys((*above, *here)):
            field = f"steps.{step.name}.{name}"
            if not _NAME.fullmatch(name):
                faults.append(Fault(field, "must be a name of 1 to 60 lower-case letters, digits and hyphens"))
            elif not all(isinstance(block, dict) for block in (above.get(name, {}), here.get(name, {}))):
                faults.append(Fault(field, "must be a block of settings"))
        if faults:
            raise Refusal(faults)
        for name in dict.fromkeys((*above, *here)):
            yield name, {**above.get(name, {}), **here.get(name, {})}

    def guest_cohorts(self, admitted: Admitted) -> Iterator[Cohort]:
        """Guests in cohorts of up to 20, those with the same groups together, so that group batches are full."""
        ordered = sorted(admitted.guests, key=lambda guest: (guest.groups, guest.position))
        # One row for each step of each guest and one that points to them, one for each batch, and the cohort's own mark.
        each = 1 + sum(1 for _ in self._enabled("person"))
        number = start = 0
        while start < len(ordered):
            end, groups = start, set[str]()
            while end < len(ordered) and end - start < COHORT:
                groups |= set(ordered[end].groups)
                if (end + 1 - start) * each + len(groups) + 1 > MOST_ROWS:
                    break
                end += 1
            yield self._guest_cohort(f"p{self.header.part:03}c{number:04}", ordered[start:end])
            number, start = number + 1, end

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
        enabled = {step.name for kind in ("person", "batch") for step in self._enabled(kind)}
        for step in self._enabled("person"):
            for guest in guests:
                wish = step.wanted(self._ask(step, guest))
                if wish is not None:
                    subject, waits = people[guest.position].id, any(before in enabled for before in step.after)
                    tasks.append(
                        self._task(
                            name,
                            step.name,
                            subject,
                            wish.state,
                            dict(wish.details),
                            group=self._group(wish.group),
                            position=guest.position,
                            waiting=waits,
                        )
                    )
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
        """Steps that every request of the template gets, and those it may ask for and does."""
        asked = {name for name in self.template.optional if name in self.header.steps}
        return (step for step in self.steps if step.subject == subject and step.name in {*self.template.steps, *asked})

    def settings_of(self, step: Step[Tenant]) -> dict[str, Json]:
        """The request's block for the step over the template's."""
        return {**self.template.defaults.get(step.name, {}), **self.header.steps.get(step.name, {})}

    def _ask(
        self,
        step: Step[Tenant],
        guest: AdmittedGuest | None = None,
        members: tuple[str, ...] = (),
        name: str = "",
        settings: dict[str, Json] | None = None,
    ) -> Ask:
        return Ask(
            header=self.header,
            template=self.template,
            partner=self.partner,
            settings=self.settings_of(step) if settings is None else settings,
            guest=guest.wish if guest else None,
            sponsors=guest.sponsors if guest else (),
            members=members,
            name=name,
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
    """The waiting tasks whose predecessors are all settled. `after` gives the steps that each step waits for.

    A guest waits for what is about them, alone or in a batch; what is about the partner waits for all of the partner's. What is taken
    back waits only for what is taken back as well: what comes instead of it comes after.
    """
    open_tasks = [task for task in cohort if not task.settled]
    going = {(task.step, subject) for task in open_tasks if task.reverses for subject in _about(task)}
    unsettled = {(task.step, subject) for task in open_tasks for subject in _about(task)}
    return [
        task
        for task in cohort
        if task.state is TaskState.WAITING
        and not any(
            (step, subject) in (going if task.reverses else unsettled)
            for step in _before(task, after)
            for subject in _about(task)
        )
    ]


def _before(task: Task, after: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The steps that have to be settled before; what is taken back goes the other way round."""
    if not task.reverses:
        return after[task.step]
    return tuple(step for step, before in after.items() if task.step in before)


def _about(task: Task) -> tuple[str, ...]:
    if task.cohort == PARTNER_COHORT:
        return (PARTNER_COHORT,)
    return (*task.members, task.subject)
