"""A request as people see it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.nouns.task import PARTNER_COHORT, Task, TaskState
from shared.tables.parked import ParkedItem
from shared.tables.requests import Request, RequestState
from shared.verbs.world import World
from shared.views.group_names import group_name, group_names, group_of
from shared.views.progress import states_of, steps_view

MOST_TASKS = 1_000


@dataclass(frozen=True)
class Wanted:
    """What of a request: up to `most` tasks behind the task key `behind`, those in one `state` alone where it is given; whether the tasks
    of a running request are `counted`, and how far each of the `steps` is, both of which read the state of every task."""

    most: int = 500
    behind: str = ""
    state: TaskState | None = None
    counted: bool = True
    steps: bool = False


WANTED = Wanted()


async def request_status(world: World, name: str, wanted: Wanted = WANTED) -> dict[str, Any] | None:
    """The request with what is wanted of it; None where nothing of that id is known.

    `next` is the key to go on behind, absent on the last page.
    """
    request = await world.tables.requests.get(name)
    if request is None:
        refusals = await world.tables.parked.refusals(name)
        return None if not refusals else {"id": name, "state": "refused", "refusals": [item.reason for item in refusals]}
    listed = world.tables.tasks.all(name, behind=wanted.behind, most=wanted.most, state=wanted.state)
    tasks = [task async for task in listed] if wanted.most else []
    kept = {} if request.is_open else dict(request.counts)
    counting = wanted.steps or (not kept and (wanted.counted or not request.is_open))
    progress = await world.tables.tasks.progress(name) if counting else {}
    # Reading the template costs more than most of a status, and few tasks are about groups.
    names = group_names(world, [request.header.template]) if any(task.members for task in tasks) else {}
    shown = _request(request) | {"counts": kept or states_of(progress), "tasks": [task_view(task, names) for task in tasks]}
    if request.state is RequestState.QUEUED:
        partner = await world.tables.partners.get(request.partner_tenant)
        shown["behind"] = partner.running if partner is not None else ""
    if wanted.steps:
        shown["steps"] = steps_view(world, progress)
    shown["refusals"] = [item.reason for item in await world.tables.parked.refusals(name)]
    if tasks and len(tasks) == wanted.most:
        shown["next"] = tasks[-1].key
    return shown


async def latest_requests(world: World, most: int = 50) -> list[dict[str, Any]]:
    """The newest requests, the open ones first, without their tasks."""
    return [_request(request) | {"counts": request.counts} for request in await world.tables.requests.latest(most)]


def parked_view(item: ParkedItem) -> dict[str, Any]:
    """What waits for a person."""
    return {
        "id": item.id,
        "kind": item.kind,
        "request": item.request,
        "step": item.step,
        "task": item.task if item.kind == "task" else "",
        "reason": item.reason,
        "since": item.since.isoformat(),
        "queue": item.queue,
    }


def task_view(task: Task, names: Mapping[str, str]) -> dict[str, Any]:
    """A task in the words of the report: seconds are from the first attempt's begin to the end, None while it is not settled.

    `names` are what people call groups, by object id.
    """
    seconds = (task.settled_at - task.begun).total_seconds() if task.settled_at and task.begun else None
    view: dict[str, Any] = {
        "key": task.key,
        "step": task.step,
        "subject": task.subject,
        "name": named(task),
        "position": task.position,
        "state": task.state.value,
        "reason": task.reason,
        "attempts": task.attempt if task.begun else 0,
        "seconds": None if seconds is None else round(max(seconds, 0.0), 3),
        "graphRequestIds": list(task.request_ids),
        "ids": task.ids,
        "next": _text(task.touched) if not task.settled else None,
    }
    if task.seen is not None:
        view["plan"] = {"sight": task.seen.sight.value, "before": dict(task.seen.before), "after": dict(task.seen.after)}
    if task.reverses:
        view["reverses"] = [{"request": name, "task": key} for name, key in task.reverses]
    if task.members:
        view["group"] = group_of(task)
        view["groupName"] = group_name(group_of(task), names)
        view["members"] = {person: task.member_outcomes.get(person, "") for person in task.members}
    return view


def named(task: Task) -> str:
    """By what name the request gave the partner this; empty for what is about the partner itself, or about people."""
    return task.subject.partition(".")[2] if task.cohort == PARTNER_COHORT else ""


def _request(request: Request) -> dict[str, Any]:
    header = request.header
    return {
        "id": request.id,
        "state": request.shown.value,
        "paused": request.paused,
        "reason": request.reason,
        "action": header.action,
        "mode": request.mode,
        "onlyPlanned": str(request.outlook.get("planned", "")),
        "template": {"name": header.template, "version": request.template_version},
        "partner": {"name": header.partner.name, "tenantId": request.partner_tenant, "domains": list(header.partner.domains)},
        "requestedBy": request.who,
        "approval": {
            "needed": list(request.needs_approval),
            "decideBy": _text(request.decide_by),
            "decidedBy": request.decided_by,
        },
        "outlook": dict(request.outlook),
        "received": _text(request.received),
        "finished": _text(request.finished),
    }


def _text(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
