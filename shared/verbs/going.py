"""Setting a request going: its first attempts are on their queues, at the pace of their lanes."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from shared.nouns.messages import Attempt
from shared.nouns.task import Task, TaskState
from shared.tables.requests import Request, RequestState
from shared.tables.store import Changed
from shared.verbs.advance import advance, finish_if_settled, look_at_all
from shared.verbs.world import World


async def set_going(world: World, name: str, tasks: Iterable[Task]) -> None:
    """The request is running; each given task that is ready is on its queue, each batch has its gate. Bears repetition."""
    # A batch's slot stands right behind those of its guests, so that they get into their groups while others are still invited.
    listed = sorted(tasks, key=lambda task: (task.cohort, task.state is TaskState.WAITING))
    begun = await _mark_running(world, name, None)
    if begun is None:
        return
    # What waits alone gets its slot when it may run; a batch has it from the beginning.
    pending = [task for task in listed if task.state is TaskState.READY or (not task.settled and task.subject == task.group)]
    if begun.mode == "plan":
        await look_at_all(world, [task for task in pending if task.state is TaskState.READY])
        pending = []
    slots = await world.slots(pending)
    times = dict(zip((task.key for task in pending), slots, strict=True))
    ready = [task for task in pending if task.state is TaskState.READY]
    await world.send(ready, [times[task.key] for task in ready])
    patience = timedelta(seconds=world.settings.split_seconds)
    await world.bus.send(
        world.envelope(Attempt(request=task.request, task=task.key, attempt=task.attempt, gate=True), times[task.key] + patience)
        for task in pending
        if task.state is TaskState.WAITING and task.members and not task.reverses
    )
    slowest = max(times.values(), default=world.clock())
    request = await _mark_running(world, name, slowest)
    if request is None:
        return
    for cohort in sorted({task.cohort for task in listed} - {task.cohort for task in listed if not task.settled}):
        await advance(world, name, cohort)
    await finish_if_settled(world, request, salt=f"accepted {len(listed)}")


async def _mark_running(world: World, name: str, paced_until: datetime | None) -> Request | None:
    """The request, running, with the last instant that a first attempt waits for; None where it has ended."""
    while True:
        request = await world.tables.requests.get(name)
        if request is None or not request.is_open:
            return None
        paced = max((at for at in (paced_until, request.paced_until) if at), default=None)
        running = replace(request, state=RequestState.RUNNING, paced_until=paced)
        if running == request:
            return request
        try:
            return await world.tables.requests.save(running)
        except Changed:
            continue
