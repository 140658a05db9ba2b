"""The partners on record: who they are, what requests have set for them, and whether they are shut out."""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from typing import Any

from shared.nouns.errors import Fault, Refusal
from shared.nouns.partner import Partner
from shared.nouns.request import GUID
from shared.nouns.task import PARTNER_COHORT, Task, TaskState
from shared.tables.blocks import Block
from shared.tables.requests import Request, RequestState
from shared.verbs.block_record import TEMPLATE as EMERGENCY
from shared.verbs.guest_record import TEMPLATE as DECISIONS
from shared.verbs.migration_record import STEP as MIGRATION
from shared.verbs.partings import CLOSING
from shared.verbs.world import World

AT_ONCE = 8
INVITE, RELATIONSHIP = "invite-guest", "set-organization-relationship"


@dataclass(frozen=True)
class OnRecord:
    """A partner and the requests about it that were not plans only, the latest first; and those that were."""

    partner: Partner
    requests: tuple[Request, ...]
    running: str = ""
    block: Block | None = None
    plans: tuple[Request, ...] = ()

    @property
    def latest(self) -> Request | None:
        """The latest request that gave the partner something by a template of ours."""
        return next((request for request in self.requests if _by_template(request)), None)


async def on_record(world: World, said: str) -> OnRecord:
    """The partner with this tenant id, domain or name. Raises Refusal where none, or more than one, is on record."""
    wanted = said.strip().casefold()
    if GUID.match(wanted):
        found = await _of_tenant(world, wanted)
        if found is None:
            raise Refusal([Fault("partner", f"{said} is the tenant of no partner that a request was about")])
        return found
    everybody = await _everybody(world)
    matching = [one for one in everybody if wanted in one.partner.domains] or [
        one for one in everybody if wanted == one.partner.name.casefold()
    ]
    if len(matching) != 1:
        many = f"is the name of {len(matching)} partners: give a domain or the tenant id"
        none = f"{said} is the domain or name of no partner that a request was about"
        raise Refusal([Fault("partner", many if matching else none)])
    return matching[0]


async def partners_view(world: World) -> list[dict[str, Any]]:
    """Every partner in a few words, by name. Partners for whom there were only plans are left out."""
    found = [one for one in await _everybody(world) if one.requests]
    closed = await _all(_is_closed(world, one) for one in found)
    shown = [_summary(one, closed=shut) for one, shut in zip(found, closed, strict=True)]
    return sorted(shown, key=lambda one: (str(one["name"]).casefold(), one["tenantId"]))


async def partner_view(world: World, said: str) -> dict[str, Any]:
    """The partner with what is set for it, by step, and its guests counted. Raises Refusal where it is not on record."""
    found = await on_record(world, said)
    tasks = [(request, task) for request in found.requests async for task in world.tables.tasks.all(request.id)]
    settled = [(request, task) for request, task in tasks if _is_set(task)]
    return _summary(found, closed=_closed_by(found.requests, tasks)) | {
        "set": _set(settled),
        "guests": dict(_guests(tasks)),
        "openRequests": [
            {"id": request.id, "state": request.shown.value, "action": request.header.action, "reason": request.reason}
            for request in found.requests
            if request.is_open
        ],
        "requests": [request.id for request in found.requests],
        "history": [
            _brief(request)
            for request in sorted((*found.requests, *found.plans), key=lambda request: request.received, reverse=True)
        ],
    }


async def done_tasks(world: World, found: OnRecord) -> list[Task]:
    """Everything that requests have made true of the partner itself and that still counts, the latest first."""
    return [task for request in found.requests async for task in world.tables.tasks.all(request.id) if _is_set(task)]


def _by_template(request: Request) -> bool:
    """Blocks, migrations and decisions about single guests stand among the requests, for the journal, without being any template's."""
    return request.header.template not in {EMERGENCY, MIGRATION, DECISIONS}


def _is_set(task: Task) -> bool:
    return task.state is TaskState.DONE and not task.reverses and task.cohort == PARTNER_COHORT


def latest_words(told: Iterable[tuple[Request, Task]]) -> list[tuple[Request, Task]]:
    """Of tasks, the latest first, the last word on each thing. What a migration has retired has none any more."""
    found: dict[tuple[str, str], tuple[Request, Task]] = {}
    retired: set[str] = set()
    for request, task in told:
        if task.step == MIGRATION and request.state is RequestState.DONE:
            retired.add(task.subject)
        if task.step != RELATIONSHIP or task.subject not in retired:
            found.setdefault((task.step, task.subject), (request, task))
    return [found[key] for key in sorted(found)]


def _set(settled: Iterable[tuple[Request, Task]]) -> list[dict[str, Any]]:
    """One entry for each thing that is set."""
    return [
        {
            "step": task.step,
            "name": task.subject.partition(".")[2],
            "reason": task.reason,
            "request": request.id,
            "since": task.settled_at.isoformat() if task.settled_at else None,
        }
        for request, task in latest_words(settled)
    ]


def _guests(tasks: Iterable[tuple[Request, Task]]) -> Counter[str]:
    """How many people are guests, are blocked, or wait for somebody; the latest word on each counts."""
    stages: dict[str, str] = {}
    for _, task in tasks:
        if task.step == CLOSING["person"] and task.members:
            # An emergency blocks many at once.
            if task.state in {TaskState.DONE, TaskState.STOPPED}:
                stages |= {person: "blocked" for person in task.members if person in task.ids and person not in stages}
            continue
        if task.subject in stages or task.step not in {INVITE, CLOSING["person"]}:
            continue
        if task.reverses:
            if task.state is TaskState.DONE:
                stages[task.subject] = "gone"
        elif task.step == CLOSING["person"]:
            if task.state is TaskState.DONE:
                stages[task.subject] = "blocked"
        elif task.state is TaskState.DONE:
            stages[task.subject] = "guests"
        elif task.state is TaskState.STOPPED:
            stages[task.subject] = "stopped"
        elif not task.settled:
            stages[task.subject] = "under way"
    return Counter(stages.values())


def _summary(found: OnRecord, *, closed: str) -> dict[str, Any]:
    latest = found.latest
    return {
        "name": found.partner.name,
        "tenantId": found.partner.tenant_id,
        "domains": list(found.partner.domains),
        "template": {"name": latest.header.template, "version": latest.template_version} if latest else None,
        "running": found.running or None,
        "open": sum(request.is_open for request in found.requests),
        "blocked": bool(found.block or closed),
        "blockedBy": found.block.request if found.block else closed or None,
        "latest": found.requests[0].received.isoformat() if found.requests else None,
        "latestRequest": _brief(found.requests[0]) if found.requests else None,
    }


def _brief(request: Request) -> dict[str, Any]:
    return {
        "id": request.id,
        "state": request.shown.value,
        "paused": request.paused,
        "action": request.header.action,
        "mode": request.mode,
        "reason": request.reason,
        "received": request.received.isoformat(),
        "finished": request.finished.isoformat() if request.finished else None,
        "counts": dict(request.counts),
    }


async def _is_closed(world: World, found: OnRecord) -> str:
    tasks = []
    for request in found.requests:
        if request.header.action == "offboard":
            tasks += [(request, task) for task in await world.tables.tasks.cohort(request.id, PARTNER_COHORT)]
    return _closed_by(found.requests, tasks)


def _closed_by(requests: Iterable[Request], tasks: Iterable[tuple[Request, Task]]) -> str:
    """The request that has shut the partner out, unless one has let it in again since."""
    shut = {
        request.id
        for request, task in tasks
        if task.step == CLOSING["partner"] and task.state is TaskState.DONE and not task.reverses
    }
    for request in requests:
        if request.id in shut:
            return request.id
        if _by_template(request) and request.header.action != "offboard" and request.state.value in {"running", "done"}:
            return ""
    return ""


async def _everybody(world: World) -> list[OnRecord]:
    found = await _all(_of_tenant(world, tenant) for tenant in await world.tables.partners.all())
    return [one for one in found if one is not None]


async def _of_tenant(world: World, tenant: str) -> OnRecord | None:
    tables = world.tables
    row, names, block = await asyncio.gather(
        tables.partners.get(tenant), tables.partners.requests_of(tenant), tables.blocks.get(tenant)
    )
    listed = [request for name in names if (request := await world.tables.requests.get(name)) is not None]
    if row is None and not listed:
        return None
    known = listed[0].header.partner if row is None else row.partner
    requests, plans = (tuple(one for one in listed if (one.mode == "apply") is applied) for applied in (True, False))
    return OnRecord(Partner(tenant, known.name, known.domains), requests, "" if row is None else row.running, block, plans)


async def _all[Found](asked: Iterable[Coroutine[Any, Any, Found]]) -> list[Found]:
    """Every answer, a few questions at a time."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(question: Coroutine[Any, Any, Found]) -> Found:
        async with room:
            return await question

    return list(await asyncio.gather(*(one(question) for question in asked)))
