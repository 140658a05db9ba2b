"""Accepting a partner request: validate, look the partner up, plan, put rows down, send what is ready."""

import asyncio
import hashlib
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from itertools import batched

from shared.admission import Ours, admit_guests, admit_header, partner_of
from shared.bus import Envelope
from shared.log import log
from shared.nouns.errors import Fault, Refusal
from shared.nouns.json_text import decoded
from shared.nouns.outcomes import NotYet, WontWork
from shared.nouns.partner import Partner
from shared.nouns.redaction import without_addresses
from shared.nouns.request import GUID, Header, Read, read_request
from shared.nouns.task import Task, TaskState
from shared.plan import Cohort, Planner
from shared.spans import span
from shared.tables.parked import REFUSED_PLAN, ParkedItem
from shared.tables.requests import Request, RequestState
from shared.templates import load_template
from shared.tenant import Tenant
from shared.topology import INTAKE
from shared.verbs.approve import ask_approvers
from shared.verbs.asker import sign
from shared.verbs.going import set_going
from shared.verbs.latecomers import all_that_go
from shared.verbs.on_record import leaving_partner, refuse_moved
from shared.verbs.outlook import outlook
from shared.verbs.park import park_task
from shared.verbs.partings import farewells, parted, settings_cohorts
from shared.verbs.permitted import BY_SETTING
from shared.verbs.running import take_turn
from shared.verbs.world import World

MOST_RETRIES = 500
COHORTS_AT_ONCE = 10


async def accept(world: World, body: bytes, who: str, retry: int = 0) -> None:
    """The part of the request in `body` is planned and on its way, or refused with the reason on record.

    Bears repetition: the same part gives the same rows, and rows that are there are never written over. `who` asked.
    """
    name, raw, answers = "", None, world.ahead.answers
    try:
        try:
            async with world.planning:
                raw = decoded(body)
                name = str(raw.get("id", "")) if isinstance(raw, dict) else ""
                read = read_request(raw)
                with span("accept partner request", request=read.header.id, part=read.header.part):
                    await _accept(world, read, who)
        except (Refusal, WontWork) as refusal:
            kind = REFUSED_PLAN if isinstance(raw, dict) and raw.get("mode") == "plan" else "refused"
            await _record_refusal(world, body, name, kind, without_addresses(str(refusal)))
        else:
            await _forget_refusal(world, body, name)
    except NotYet as error:
        if retry >= MOST_RETRIES:
            raise
        log.warning("request postponed", request=name, reason=error.reason)
        # A tenant that answers most of what it is asked is asked the rest soon.
        tries = world.ahead.tried(hashlib.sha256(body).hexdigest(), retry, progress=world.ahead.answers > answers)
        again = Envelope(
            queue=INTAKE,
            message_id=hashlib.sha256(body + f"\n{retry + 1}".encode()).hexdigest(),
            body=body,
            at=world.again_at(error.after, tries),
            properties={"who": who, "signature": sign(world, who, body), "retry": str(retry + 1)},
        )
        await world.bus.send([again])


async def _accept(world: World, read: Read, who: str) -> None:
    header = read.header
    known = await world.tables.requests.get(header.id)
    if known is not None and known.digest != read.header_digest:
        raise Refusal([Fault("id", f"{header.id} is taken by a request with other content; the first one stands")])
    if known is not None and not known.is_open:
        if not await _came_before(world, read):
            raise Refusal([Fault("part", f"{header.part} came after request {header.id} had ended ({known.state})")])
        return
    template = load_template(world.settings.templates, header.template, world.steps)
    organization = await world.tenant.organizations.ours()
    ours = Ours(world.settings.tenant_id.lower(), frozenset(organization.verified_domains))
    partner = await leaving_partner(world, header) or await _partner(world, header, ours)
    await refuse_moved(world, header, partner, known)
    await _refuse_blocked(world, header, partner, known)
    await _refuse_leaving(world, header, partner, known)
    # A request is in time when its first part is: the others may come after midnight.
    today = (known.received if known else world.clock()).date()
    sponsors = await _sponsors(world, read)
    planner = Planner(world.steps, header, template, partner, world.settings.person_key, world.clock())
    admit_header(
        header, template, today, sponsors, planner.group_id, frozenset(s.name for s in world.steps if s.subject == "named")
    )
    admitted = admit_guests(read, template, partner, ours, sponsors, today, planner.group_id)
    staying, leaving = parted(admitted, header)
    planned = [*await settings_cohorts(world, planner), *planner.guest_cohorts(staying)]
    planned += await farewells(world, planner, leaving, header.part)
    request = known or await _new_request(world, read, who, planner, planned, len(staying.guests))
    # Nothing refuses the request from here on: what is on record must be able to end.
    await _put_on_record(world, read, request)

    tasks: list[Task] = []
    for some in batched(planned, COHORTS_AT_ONCE, strict=False):
        # The first guests are invited while the others are still put on record.
        if tasks:
            await _begin(world, partner, header, tasks)
        tasks = await _put_down(world, request, some)
    for cohort in planner.refused_cohorts(staying.refused):
        await world.tables.tasks.insert_cohort(header.id, cohort.name, cohort.tasks, mark_open=False)
        for task in cohort.tasks:
            await park_task(world, task)
    await world.tables.tasks.note_part(header.id, header.part, read.part_digest, accepted=True)
    await _begin(world, partner, header, tasks)
    await ask_approvers(world, request)


async def _put_down(world: World, request: Request, planned: Iterable[Cohort]) -> list[Task]:
    """People, rows and claims of these cohorts are on record; the tasks as they are there."""
    planned = list(planned)
    # People first: an attempt that finds its task finds its person.
    people = [person for cohort in planned for person in cohort.people]
    await world.tables.people.remember(people, request.id, request.partner_tenant)
    cohorts = [await _insert(world, request.header, cohort) for cohort in planned if cohort.tasks]
    until = {person: day for cohort in cohorts for person, day in (cohort.until or {}).items()}
    if request.mode == "apply":
        await world.tables.guests.claim(request.partner_tenant, request.id, until)
    tasks = [task for cohort in cohorts for task in cohort.tasks]
    for task in (task for task in tasks if task.state is TaskState.STOPPED):
        await park_task(world, task)
    return tasks


async def _refuse_blocked(world: World, header: Header, partner: Partner, known: Request | None) -> None:
    """Raises Refusal for a new request of a partner that is blocked; a plan changes nothing."""
    block = None if known is not None or header.mode == "plan" else await world.tables.blocks.get(partner.tenant_id)
    if block is not None:
        why = f"{partner.name} has been blocked in an emergency since {block.at:%Y-%m-%d %H:%M} UTC by {block.by}"
        raise Refusal([Fault("partner", f"{why}: send the request again after two people have released it (entente release)")])


async def _refuse_leaving(world: World, header: Header, partner: Partner, known: Request | None) -> None:
    """Raises Refusal for a new request of a partner whose leaving waits for a decision: what that takes back is planned already, and
    whatever came in meanwhile would stay when it runs."""
    if known is not None or header.mode == "plan" or world.settings.report_only:
        return
    async for other in world.tables.requests.all_open():
        leaving = other.partner_tenant == partner.tenant_id and other.header.action == "offboard" and not other.cancelled
        if leaving and other.state is RequestState.AWAITING_APPROVAL:
            why = f"{partner.name} is to leave: request {other.id} waits for approval"
            then = "have that decided (entente approve, entente reject) or cancel it, and send this again"
            raise Refusal([Fault("partner", f"{why}; {then}")])


async def _partner(world: World, header: Header, ours: Ours) -> Partner:
    found = await asyncio.gather(*(world.tenant.organizations.of_domain(domain) for domain in header.partner.domains))
    tenants = {
        domain: organization.tenant_id.lower() if organization else None
        for domain, organization in zip(header.partner.domains, found, strict=True)
    }
    return partner_of(header, ours, tenants)


async def _sponsors(world: World, read: Read) -> dict[str, str | None]:
    """The object id of everybody named as a sponsor; None for who is none of our people."""
    names = {name for guest in read.guests.values() for name in guest.sponsors or ()} | set(read.header.sponsors)
    ordered = sorted(names)
    found = await asyncio.gather(*(_member(world, name) for name in ordered))
    return dict(zip(ordered, found, strict=True))


async def _member(world: World, name: str) -> str | None:
    """The object id of one of our own people; None for anybody else."""
    if "@" not in name and not GUID.match(name):
        return None
    user = await (world.tenant.users.by_id(name) if GUID.match(name) else world.tenant.users.by_principal_name(name))
    return user.id if user is not None and user.user_type.lower() == "member" and not user.external else None


async def _new_request(
    world: World, read: Read, who: str, planner: Planner[Tenant], planned: list[Cohort], guests: int
) -> Request:
    """The request as it will be on record. Raises Refusal for what the tenant will refuse, before the first write."""
    header, template = _without_addresses(planner), planner.template
    ahead = await outlook(world, planner, planned, read)
    only = BY_SETTING if world.settings.report_only else ahead.planned
    mode = "plan" if only else header.mode
    if ahead.planned and header.mode == "apply" and not world.settings.report_only:
        log.warning("permission missing", request=header.id, reason=ahead.planned)
    if mode == "apply" and (refused := ahead.refusals):
        raise Refusal(refused)
    why = ahead.needs_approval(template, header.action, guests)
    # A plan tells what will need approval, and needs none itself.
    waits = bool(why) and mode == "apply"
    now = world.clock()
    return Request(
        id=header.id,
        state=RequestState.AWAITING_APPROVAL if waits else RequestState.QUEUED,
        header=header,
        digest=read.header_digest,
        who=who,
        partner_tenant=planner.partner.tenant_id,
        template_version=template.version,
        received=now,
        mode=mode,
        needs_approval=why,
        decide_by=now + timedelta(days=template.approval.days) if waits else None,
        outlook={**ahead.shown, "planned": only if header.mode == "apply" else ""},
        reason=f"waits for somebody else than {who} to approve it: {'; '.join(why)}" if waits else "",
    )


def _without_addresses(planner: Planner[Tenant]) -> Header:
    """The header as it is kept: what it says of persons stands with its tasks, and in `people`."""
    told = {step.name for step in planner.steps if step.addresses}
    kept = {name: block for name, block in planner.header.steps.items() if name not in told}
    return planner.header.model_copy(update={"steps": kept})


async def _put_on_record(world: World, read: Read, request: Request) -> None:
    header = read.header
    # Another part of the same request may have been first; then its row stands.
    if request.etag or await world.tables.requests.insert(request):
        await world.tables.partners.note_request(request.partner_tenant, request.id, request.received)
    await world.tables.tasks.expect_parts(header.id, header.parts)
    await _came_before(world, read)
    await world.tables.tasks.note_part(header.id, header.part, read.part_digest, accepted=False)


async def _came_before(world: World, read: Read) -> bool:
    """This part of the request has come before. Raises Refusal where it had other guests then."""
    name, part = read.header.id, read.header.part
    digest = await world.tables.tasks.part_digest(name, part)
    if digest and digest != read.part_digest:
        raise Refusal([Fault("part", f"{part} of request {name} has come before with other content; the first one stands")])
    return bool(digest)


async def _insert(world: World, header: Header, cohort: Cohort) -> Cohort:
    """The cohort's rows are there; returned as they are, without guests who stand in the request already."""
    subjects = {task.subject for task in cohort.tasks}
    persons = [person.id for person in cohort.people if person.id in subjects]
    if await world.tables.tasks.insert_cohort(header.id, cohort.name, cohort.tasks, persons=persons, mark_open=True):
        return cohort
    there = await world.tables.tasks.cohort(header.id, cohort.name)
    if there:
        known = {task.subject for task in there}
        until = {person: day for person, day in (cohort.until or {}).items() if person in known}
        return replace(cohort, tasks=tuple(there), until=until)
    twice = {
        person for person in persons if await world.tables.tasks.cohort_of_person(header.id, person) not in {None, cohort.name}
    }
    return await _insert(world, header, _without(cohort, twice, world))


def _without(cohort: Cohort, twice: set[str], world: World) -> Cohort:
    """The cohort with the guests of an earlier part refused: each stands stopped, and in no batch."""
    now = world.clock()
    tasks = []
    for task in cohort.tasks:
        if task.subject in twice:
            reason = f"guests[{task.position}].email: stands in an earlier part of the request already"
            subject = f"refused-{task.position}"
            refused = replace(task, subject=subject, state=TaskState.STOPPED, reason=reason, settled_at=now, touched=now)
            tasks.append(replace(refused, wanted={}, details={}))
        elif task.members:
            members = tuple(person for person in task.members if person not in twice)
            if members:
                tasks.append(replace(task, members=members, wanted={key: task.wanted[key] for key in members}))
        else:
            tasks.append(task)
    people = tuple(person for person in cohort.people if person.id not in twice)
    until = {person: day for person, day in (cohort.until or {}).items() if person not in twice}
    return replace(cohort, tasks=tuple(tasks), people=people, until=until)


async def _begin(world: World, partner: Partner, header: Header, tasks: list[Task]) -> None:
    """The request runs and its first attempts are on their way, unless it waits for approval or for another of the partner.

    A plan changes nothing, so it waits for nobody.
    """
    request = await world.tables.requests.get(header.id)
    if request is None or request.state is RequestState.AWAITING_APPROVAL:
        return
    if request.mode == "apply" and await take_turn(world, partner, header.id) != header.id:
        log.info("queued", request=header.id, partner=partner.tenant_id)
        return
    # What it waited behind may have ended while this one was planned.
    leaves = header.action == "offboard" and request.state is RequestState.QUEUED
    await set_going(world, header.id, await all_that_go(world, request) if leaves else tasks)


async def _record_refusal(world: World, body: bytes, name: str, kind: str, reason: str) -> None:
    """The refusal is on record under the request's id where it has one, and listed for a person unless it was a plan."""
    digest = hashlib.sha256(body).hexdigest()
    await world.tables.people.keep_message(digest, body)
    safe = _safe(name)
    item = ParkedItem(
        id=_refused_id(body, name),
        kind=kind,
        request=safe,
        task=digest,
        step="accept-partner-request",
        reason=reason,
        since=world.clock(),
        queue=INTAKE,
    )
    await world.tables.parked.add(item)
    log.warning("request refused", request=safe, reason=reason)


async def _forget_refusal(world: World, body: bytes, name: str) -> None:
    """What was refused before, for a reason that has gone since, and is accepted now waits for nobody any more."""
    if await world.tables.parked.get(_refused_id(body, name)) is not None:
        await world.tables.parked.remove(_refused_id(body, name))
        await world.tables.people.forget_message(hashlib.sha256(body).hexdigest())


def _refused_id(body: bytes, name: str) -> str:
    return f"refused:{_safe(name)}:{hashlib.sha256(body).hexdigest()[:24]}"


def _safe(name: str) -> str:
    return "".join(char if char.isalnum() or char in "._-" else "_" for char in name[:64]) or "-"
