"""Ending a request, and letting the next one of the same partner begin."""

from collections import Counter
from dataclasses import replace

from shared.log import log
from shared.nouns.task import TaskState
from shared.spans import span
from shared.tables.requests import Request, RequestState
from shared.verbs.accept import set_going
from shared.verbs.world import World


async def finish(world: World, name: str) -> None:
    """Where all tasks of the request are settled, it has ended and the next of its partner runs. Bears repetition."""
    with span("finish request", request=name):
        await _finish(world, name)


async def _finish(world: World, name: str) -> None:
    request = await world.tables.requests.get(name)
    if request is None:
        return
    if request.is_open:
        if await world.tables.tasks.is_open(name) or not await world.tables.tasks.all_parts_accepted(name):
            return
        request = await _ended(world, request)
        await world.tables.requests.close(request)
        log.info("request ended", request=name, state=request.state.value, reason=request.reason)
    await world.tables.partners.release(request.partner_tenant, name)
    await begin_next(world, request.partner_tenant)


async def begin_next(world: World, partner_tenant: str) -> None:
    """The request that has waited longest for the partner runs, where none does."""
    waiting = await world.tables.requests.oldest_queued(partner_tenant)
    known = await world.tables.partners.get(partner_tenant)
    if waiting is None or known is None:
        return
    if await world.tables.partners.take(known.partner, waiting.id) != waiting.id:
        return
    await set_going(world, waiting.id, [task async for task in world.tables.tasks.all(waiting.id) if not task.settled])


async def _ended(world: World, request: Request) -> Request:
    counts: Counter[TaskState] = Counter()
    async for _, task_state in world.tables.tasks.states(request.id):
        counts[task_state] += 1
    stopped = counts[TaskState.STOPPED]
    if request.cancelled:
        state, reason = RequestState.CANCELLED, f"cancelled; {counts[TaskState.DONE]} tasks were done before"
    elif stopped:
        state, reason = RequestState.STOPPED, f"{stopped} of {counts.total()} tasks need a person: see entente parked list"
    else:
        state, reason = RequestState.DONE, f"all {counts.total()} tasks are done"
    return replace(
        request,
        state=state,
        reason=reason,
        finished=world.clock(),
        counts={settled.value: number for settled, number in counts.items()},
    )
