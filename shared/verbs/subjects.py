"""From a task's row to the subject that its step sees."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from shared.nouns.outcomes import NotYet, WontWork
from shared.nouns.partner import Partner
from shared.nouns.state import State
from shared.nouns.step import Step, Subject
from shared.nouns.task import NEW_GROUP, PARTNER_COHORT, Task, TaskState
from shared.steps.invite_guest import LEFT, OUR_BLOCK
from shared.tables.requests import Request
from shared.tenant import Tenant
from shared.verbs.changed_before import with_change_before
from shared.verbs.world import World

# How the outcome of a guest begins whom the tenant did not take into the group; tried again only by a person's wish.
REFUSED = "refused"
# What a step is told of who has blocked an account, by what the record says.
_BLOCKS = {"expiry": OUR_BLOCK, "offboard": LEFT}
# A group of the same request is made within seconds, or somebody has to look.
GROUP_WAIT = 2.0
OPENING = "set-partner-configuration"
# The partner is opened within seconds, unless a person has to look at that first.
OPENING_WAIT, STOPPED_WAIT = 2.0, 300.0


class Unneeded(Exception):
    """What the task follows has not come about, so there is nothing for it to do. `reason` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


async def subject_of(
    world: World, request: Request, task: Task, *, back: bool = False, rows: Mapping[str, Task] | None = None
) -> tuple[Subject, State, Mapping[str, str]]:
    """The subject, what is wanted of it now, and outcomes of members who will never be part of it.

    Looking `back` at what was done, it does not matter what has become since of the tasks that it followed. Else raises
    Unneeded where what it follows has not come about, NotYet while a group of the request is still being made or the partner is
    still to be opened again, and WontWork where the group was not made. `rows` are the tasks of its cohort by key, where they are in hand.
    """
    partner = Partner(request.partner_tenant, request.header.partner.name, request.header.partner.domains)
    group, made = await group_of(world, request, task, back=back, rows=rows)
    lately = world.clock() - timedelta(seconds=world.settings.horizon_seconds)
    subject = Subject(
        id=task.subject,
        partner=partner,
        group=group,
        new_group=made is not None and made > lately,
        details=task.details,
        ids=task.ids,
        intents=task.intents,
        waited=(world.clock() - task.begun).total_seconds() if task.begun else 0.0,
    )
    if task.members:
        return await _batch(world, task, subject, back=back, rows=rows)
    step = world.step(task.step)
    if not back and step.name == "invite-guest":
        await _opened_first(world, request)
    if step.addresses:
        subject = replace(subject, details={**task.details, **await _addresses(world, task, step.addresses)})
    if step.subject != "person":
        return subject, task.wanted, {}
    person = await world.tables.people.get(task.subject)
    return (
        replace(subject, person=person, ids={**await _ids_before(world, task, back=back, rows=rows), **task.ids}),
        task.wanted,
        {},
    )


async def _opened_first(world: World, request: Request) -> None:
    """Raises NotYet while the partner is closed and this very request opens it again: until then invitations are refused, or let
    in whom a person may yet decide to keep out. Only such a request is asked."""
    if request.mode != "apply" or request.header.steps.get(OPENING, {}).get("reopen") is not True:
        return
    opening = await world.tables.tasks.get(request.id, f"t|{PARTNER_COHORT}|{OPENING}|{request.partner_tenant}")
    if opening is not None and not opening.settled:
        raise NotYet("the partner is opened again first", after=OPENING_WAIT)
    if opening is not None and opening.state is TaskState.STOPPED:
        raise NotYet(f"the partner was not opened again: {opening.reason}", after=STOPPED_WAIT)


async def read_on_record(
    world: World, step: Step[Tenant], request: Request, subject: Subject
) -> tuple[Subject, State, str | None]:
    """The subject, its state, and why nothing can be done with that, or None: as the tenant shows it, and where that is nobody, or a
    blocked account, with what is on record of the guest. Raises NotYet and WontWork as the reading does."""
    actual = await step.read(world.tenant, subject)
    why = step.explain(subject, actual)
    known = await _with_account(world, step, request, subject, actual)
    if known is None and why is not None:
        known = await _with_our_block(world, request, subject, actual)
    if known is None and why is None:
        known = await with_change_before(world, step, request, subject, actual)
    if known is None:
        return subject, actual, why
    actual = await step.read(world.tenant, known)
    return known, actual, step.explain(known, actual)


async def _with_account(world: World, step: Step[Tenant], request: Request, subject: Subject, actual: State) -> Subject | None:
    """The subject with the account that the partner's request just before this one has made or found, where the directory shows nobody:
    a replica may be behind, and who is invited once more gets another mail. Read only within the time that may take."""
    if step.name != "invite-guest" or "user" in subject.ids or actual.get("user") or actual.get("deleted"):
        return None
    rested = await world.rested_before(request)
    if rested is None or world.clock() - rested >= timedelta(seconds=world.settings.horizon_seconds):
        return None
    guest = await world.tables.guests.get(request.partner_tenant, subject.id)
    if guest is None or not guest.user or guest.stage in {"deleted", "gone"}:
        return None
    return replace(subject, ids={**subject.ids, "user": guest.user})


async def _with_our_block(world: World, request: Request, subject: Subject, actual: State) -> Subject | None:
    """The subject with the knowledge that the account is disabled because we let the guest expire, or the partner has left; None where
    that is not so, or known already. Read only where the account is found disabled."""
    if actual.get("enabled") is not False or OUR_BLOCK in subject.details:
        return None
    guest = await world.tables.guests.get(request.partner_tenant, subject.id)
    account = actual.get("user") or actual.get("deleted")
    by = _BLOCKS.get(guest.blocked_by) if guest is not None else None
    if guest is None or by is None or guest.stage not in {"blocked", "deleted"} or guest.user != account:
        return None
    return replace(subject, details={**subject.details, by: True})


async def group_of(
    world: World, request: Request, task: Task, *, back: bool, rows: Mapping[str, Task] | None = None
) -> tuple[str | None, datetime | None]:
    """The object id of the task's group; that of one which the same request makes is known when it is there, with when that was.

    Raises WontWork where nothing makes it, and (unless looking `back`) NotYet while it is being made.
    """
    if task.group is None or not task.group.startswith(NEW_GROUP):
        return task.group, None
    name = task.group.removeprefix(NEW_GROUP)
    if (making := await maker(world, request, task.group, rows or {})) is None:
        raise WontWork(f"Nothing in this request makes group {name}")
    if making.state is TaskState.DONE or back:
        return making.ids.get("group"), making.settled_at
    if making.settled:
        raise WontWork(f"Group {name} was not made ({making.reason or making.state.value}): see its own task")
    raise NotYet(f"group {name} is still being made", after=GROUP_WAIT)


async def maker(world: World, request: Request, group: str, rows: Mapping[str, Task]) -> Task | None:
    """The task of the request that makes this group; from `rows`, by key, where it is among them."""
    for step in world.steps:
        if step.subject == "named" and "group" in step.keeps:
            key = f"t|{PARTNER_COHORT}|{step.name}|{request.partner_tenant}.{group.removeprefix(NEW_GROUP)}"
            if (task := rows.get(key) or await world.tables.tasks.get(request.id, key)) is not None:
                return task
    return None


async def _addresses(world: World, task: Task, names: tuple[str, ...]) -> Mapping[str, str]:
    """The addresses that the task's details name by who has them. Raises WontWork where one was erased."""
    found: dict[str, str] = {}
    for name in names:
        person = await world.tables.people.get(str(task.details.get(name, "")))
        if person is None:
            raise WontWork(f"The address that this task calls {name!r} is no longer kept: send a new request")
        found[name] = person.address
    return found


async def _ids_before(world: World, task: Task, *, back: bool, rows: Mapping[str, Task] | None) -> Mapping[str, str]:
    """The ids that the steps before this one have found for the same person."""
    ids: dict[str, str] = {}
    for name in world.step(task.step).after:
        key = f"t|{task.cohort}|{name}|{task.subject}"
        before = await world.tables.tasks.get(task.request, key) if rows is None else rows.get(key)
        if before is None:
            continue
        if before.state is not TaskState.DONE and not back:
            raise Unneeded(f"{name} has not come about for this person: {before.reason or before.state.value}")
        ids |= before.ids
    return ids


async def _batch(
    world: World, task: Task, subject: Subject, *, back: bool, rows: Mapping[str, Task] | None
) -> tuple[Subject, State, Mapping[str, str]]:
    """A batch is about those of its guests who are there; the others' own tasks say why they are not."""
    others = await world.tables.tasks.cohort(task.request, task.cohort) if rows is None else rows.values()
    cohort = {(other.step, other.subject): other for other in others}
    users: dict[str, str] = {}
    outcomes: dict[str, str] = {}
    for person in task.members:
        if task.member_outcomes.get(person, "").startswith(REFUSED):
            continue
        before = [cohort[step, person] for step in world.step(task.step).after if (step, person) in cohort]
        missing = [other for other in before if other.state is not TaskState.DONE and not back]
        if missing:
            outcomes[person] = f"not added: {missing[0].reason or missing[0].state.value}"
            continue
        user = next((other.ids["user"] for other in before if "user" in other.ids), None)
        if user is not None:
            users[person] = user
    wanted = {person: value for person, value in task.wanted.items() if person in users}
    return replace(subject, members=users), wanted, outcomes
