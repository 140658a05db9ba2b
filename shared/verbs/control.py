"""What people ask of a request that is under way: cancel, pause, resume; and of what is parked: redrive."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from shared.bus import Envelope
from shared.nouns.changes import Change
from shared.nouns.errors import Fault, Refusal
from shared.nouns.messages import Attempt, attempt_from
from shared.nouns.task import Task, TaskState, cohort_of, move
from shared.plan import single
from shared.tables.parked import REFUSED_PLAN, SEEN, UNKNOWN_GUEST, ParkedItem
from shared.tables.requests import Request, RequestState
from shared.tables.store import Changed
from shared.topology import TENANT_CHANGES, queues
from shared.verbs.advance import advance, finish_if_settled
from shared.verbs.attempt import CANCELLED_BEFORE
from shared.verbs.running import BLOCKED, take_turn
from shared.verbs.sweep import send_again, send_all_again
from shared.verbs.world import World, session_of

REDRIVEN_AFTER_SECONDS = 2
# So far the clocks of Service Bus and of our instances may differ.
CLOCKS_APART = timedelta(seconds=5)
# Under which name a task's ids hold who has said that it was done by hand.
CONFIRMED = "confirmed"


async def cancel(world: World, name: str, who: str, reason: str = "") -> Request:
    """No task of the request begins any more; what has begun is brought to its end. Nothing done is undone."""
    why = reason or f"cancelled by {who}"
    request = await _change(world, name, lambda request: replace(request, cancelled=True, paused=False, reason=why))
    cohort: list[Task] = []
    async for task in world.tables.tasks.all(name):
        if cohort and cohort[0].cohort != task.cohort:
            await _cancel_cohort(world, cohort)
            cohort = []
        cohort.append(task)
    if cohort:
        await _cancel_cohort(world, cohort)
    await finish_if_settled(world, request, salt="cancelled")
    return request


async def pause(world: World, name: str, who: str) -> Request:
    """Attempts of the request do nothing until it is resumed; one that has begun is brought to its end."""
    return await _change(world, name, lambda request: replace(request, paused=True, reason=f"paused by {who}"))


async def resume(world: World, name: str, who: str) -> Request:
    """The request goes on where it was. Raises Refusal while its partner is blocked."""
    known = await world.tables.requests.get(name)
    if known is not None and await world.tables.blocks.get(known.partner_tenant) is not None:
        raise Refusal(
            [Fault("", f"the partner of request {name} is blocked: it goes on by the release of the block (entente release)")]
        )
    request = await _change(world, name, lambda request: replace(request, paused=False, reason=f"resumed by {who}"))
    unsettled = [task async for task in world.tables.tasks.all(name) if not task.settled]
    if request.state is RequestState.RUNNING:
        await send_all_again(world, [task for task in unsettled if _missed(world, task)], f"resumed by {who}")
    for cohort in sorted({task.cohort for task in unsettled}):
        await advance(world, name, cohort)
    return request


def _missed(world: World, task: Task) -> bool:
    """The task's message may have come, and gone, during a pause: its time is not still to come. So may a look at whether a batch
    should still wait."""
    if task.state is TaskState.WAITING:
        return bool(task.members)
    return task.touched is None or task.touched <= world.clock() + CLOCKS_APART


async def _look_at_guest(world: World, user: str) -> None:
    """The guest is looked at again, by what is on record now."""
    at = world.clock()
    change = Change(kind="user", id=user, seen=at, source="timer", mark=f"person {at.timestamp():.0f}")
    body = change.model_dump_json(exclude_defaults=True)
    await world.bus.send([Envelope(queue=TENANT_CHANGES, message_id=change.message_id(), body=body)])


async def redrive(world: World, item: ParkedItem, who: str) -> str:
    """The parked thing is tried again; a sentence says how. Raises Refusal where that cannot help."""
    if item.kind == "task":
        return await _redrive_task(world, item, who)
    if item.kind == "by hand":
        return await _look_now(world, item, who)
    if item.kind == SEEN:
        await world.tables.parked.remove(item.id)
        return f"seen by {who}: it is no longer listed"
    if item.kind == UNKNOWN_GUEST:
        await _look_at_guest(world, item.task)
        await world.tables.parked.remove(item.id)
        return "looked at again: listed anew if they are still of no partner"
    if item.kind in {"refused", REFUSED_PLAN}:
        raise Refusal([Fault("", "was refused for what it says; correct it and submit it as a new request")])
    body = await world.tables.people.message(item.task)
    if body is None:
        raise Refusal([Fault("", "its message is no longer kept")])
    queue = next((known for known in queues() if known.name == item.queue), None)
    if queue is None:
        raise Refusal([Fault("", "does not say which queue it was on, so there is none to put it back on")])
    session = _session_in(body) or item.task if queue.sessions else None
    message_id = f"{item.task}-{world.clock().timestamp()}"
    # Not at once: it may be parked again, under the same id, and must not be before it is no longer listed.
    at = world.clock() + timedelta(seconds=REDRIVEN_AFTER_SECONDS)
    await world.bus.send([Envelope(queue=item.queue, message_id=message_id, body=body, session=session, at=at)])
    await world.tables.parked.remove(item.id)
    await world.tables.people.forget_message(item.task)
    return f"its message is on queue {item.queue} again"


def _session_in(body: bytes) -> str | None:
    try:
        return session_of(attempt_from(body).task)
    except Refusal:
        return None


async def _look_now(world: World, item: ParkedItem, who: str) -> str:
    """Somebody says that what was to be done by hand is done: it is looked at now, and their word is kept with the task."""
    task = await world.tables.tasks.get(item.request, item.task)
    if task is None or task.settled:
        await world.tables.parked.remove(item.id)
        return "its task is settled by now"
    await send_again(world, replace(task, ids={**task.ids, CONFIRMED: who}), f"done by hand, says {who}")
    return "it is looked at now"


async def _redrive_task(world: World, item: ParkedItem, who: str) -> str:
    task = await world.tables.tasks.get(item.request, item.task)
    request = await world.tables.requests.get(item.request)
    if task is None or request is None:
        raise Refusal([Fault("", "its task is no longer on record")])
    if task.state is not TaskState.STOPPED:
        await world.tables.parked.remove(item.id)
        return f"its task is {task.state} by now"
    await _take_up(world, request)
    now = world.clock()
    ready = replace(
        move(task, TaskState.READY, f"tried again by {who}", now),
        attempt=task.attempt + 1,
        begun=now,
        sweeps=0,
        member_outcomes={},
    )
    await world.tables.tasks.save(ready, new=await _memberships(world, task), opens=True)
    await _awaken(world, task)
    if not (request := await world.tables.requests.get(item.request) or request).is_open:
        # It ended between the two looks at it.
        await _take_up(world, request)
    await world.tables.parked.remove(item.id)
    await world.bus.send([world.envelope(Attempt(request=task.request, task=task.key, attempt=ready.attempt))])
    return f"attempt {ready.attempt} is on queue {task.step}"


async def _memberships(world: World, guest: Task) -> list[Task]:
    """A task for each group whose batches went on without this guest, where none is waiting for them already."""
    by_group: dict[str, list[Task]] = {}
    for other in await world.tables.tasks.cohort(guest.request, cohort_of(guest.key)):
        if other.group and guest.subject in other.members:
            by_group.setdefault(other.group, []).append(other)
    return [
        single(batches[0], guest.subject, world.clock(), number=1 + sum(batch.subject != group for batch in batches))
        for group, batches in by_group.items()
        if all(batch.settled for batch in batches)
    ]


async def _awaken(world: World, task: Task) -> None:
    """What was left out because this task had stopped waits for it again."""
    for other in await world.tables.tasks.cohort(task.request, task.cohort):
        follows = task.step in world.step(other.step).after and other.subject == task.subject
        if follows and other.state is TaskState.CANCELLED:
            await world.tables.tasks.save(move(other, TaskState.WAITING, "", world.clock()))


async def _take_up(world: World, request: Request) -> None:
    """The request of a task that is tried again is under way. Raises Refusal while another request of the partner is."""
    known = await world.tables.partners.get(request.partner_tenant)
    if known is None:
        raise Refusal([Fault("", "its partner is no longer on record")])
    if not request.is_open:
        # First, because a turn that an ended request holds is given on.
        await world.tables.requests.reopen(
            replace(request, state=RequestState.RUNNING, finished=None, cancelled=False, reason="taken up again")
        )
    running = await take_turn(world, known.partner, request.id)
    if running != request.id:
        if not request.is_open:
            await world.tables.requests.close(request)
        if running == BLOCKED:
            raise Refusal(
                [Fault("", "its partner is blocked: it can be tried again after the release of the block (entente release)")]
            )
        raise Refusal([Fault("", f"request {running} of the same partner is running; try again when it has ended")])


async def _cancel_cohort(world: World, cohort: list[Task]) -> None:
    # All at once: one after another, 10,000 guests take longer than a caller waits.
    await asyncio.gather(*(_cancel_task(world, task) for task in cohort if not task.settled))
    await advance(world, cohort[0].request, cohort[0].cohort)


async def _cancel_task(world: World, task: Task) -> None:
    if task.intents:
        # It is brought to its end; but its message may have come, and gone, during a pause.
        if task.claimed_until is None or task.claimed_until <= world.clock():
            await send_again(world, task, "its request was cancelled")
        return
    try:
        await world.tables.tasks.save(move(task, TaskState.CANCELLED, CANCELLED_BEFORE, world.clock()))
    except Changed:
        # It has just begun; its own attempt sees the request's mark.
        return


async def _change(world: World, name: str, change: Callable[[Request], Request]) -> Request:
    while True:
        request = await world.tables.requests.get(name)
        if request is None:
            raise Refusal([Fault("", f"there is no request {name}")])
        if not request.is_open:
            raise Refusal([Fault("", f"request {name} has ended ({request.state})")])
        try:
            return await world.tables.requests.save(change(request))
        except Changed:
            continue
