"""Finding what got lost: tasks that nothing has touched for longer than any attempt or delivery takes."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from shared.log import log
from shared.nouns.messages import Attempt
from shared.nouns.task import Task, TaskState, move
from shared.tables.requests import Request, RequestState
from shared.tables.store import Changed
from shared.verbs.advance import advance, finish_if_settled
from shared.verbs.finish import begin_next
from shared.verbs.park import park_task
from shared.verbs.world import World

MOST_SWEEPS = 20
AT_ONCE = 32


async def sweep(world: World) -> None:
    """Every open request goes on: lost attempts are sent again (20 times at most), lost ends are ended, the next begins."""
    async for request in world.tables.requests.all_open():
        if request.state is RequestState.QUEUED:
            await begin_next(world, request.partner_tenant)
        elif not request.paused and (request.cancelled or request.state is not RequestState.AWAITING_APPROVAL):
            await _sweep_request(world, request)


async def _sweep_request(world: World, request: Request) -> None:
    quiet = timedelta(seconds=world.settings.sweep_seconds)
    now = world.clock()
    if request.paced_until is not None and request.paced_until > now - quiet:
        return
    lost = [task async for task in world.tables.tasks.untouched_since(request.id, now - quiet) if task.state is TaskState.READY]
    await send_all_again(world, lost, "nothing was heard of the attempt", swept=True)
    # Also those whose tasks are all settled: the message that was to close them may be what got lost.
    for cohort in await world.tables.tasks.open_cohorts(request.id):
        await advance(world, request.id, cohort)
    await finish_if_settled(world, request, salt=f"sweep {now.isoformat()}")


async def send_all_again(world: World, tasks: Sequence[Task], why: str, *, swept: bool = False) -> None:
    """The next attempts of these tasks are on their way, at the pace of their lanes. What waits is looked at now, and writes nothing."""
    for start in range(0, len(tasks), AT_ONCE):
        chunk = tasks[start : start + AT_ONCE]
        ready = [task for task in chunk if task.state is not TaskState.WAITING]
        slots = dict(zip((task.key for task in ready), await world.slots(ready), strict=True))
        await asyncio.gather(*(send_again(world, task, why, at=slots.get(task.key), swept=swept) for task in chunk))


async def send_again(world: World, task: Task, why: str, *, at: datetime | None = None, swept: bool = False) -> None:
    """The task's next attempt is on its way; earlier ones that turn up late only return."""
    now = world.clock()
    try:
        if swept and task.sweeps >= MOST_SWEEPS:
            lost = move(task, TaskState.STOPPED, f"was lost {MOST_SWEEPS} times; last known: {task.reason or 'nothing'}", now)
            await park_task(world, await world.tables.tasks.save(lost))
            return
        raised = replace(
            task, attempt=task.attempt + 1, touched=max(now, at or now), sweeps=task.sweeps + int(swept), claimed_until=None
        )
        await world.tables.tasks.save(raised)
    except Changed:
        return
    log.info("attempt sent again", request=task.request, task=task.key, attempt=raised.attempt, reason=why)
    # What a waiting batch gets is a look at whether it should wait on; its attempt proper must not count as a copy of this.
    gate = task.state is TaskState.WAITING
    await world.bus.send([world.envelope(Attempt(request=task.request, task=task.key, attempt=raised.attempt, gate=gate), at)])
