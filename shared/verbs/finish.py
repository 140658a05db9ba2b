"""Ending a request, and letting the next one of the same partner begin."""

import hashlib
from collections import Counter
from dataclasses import replace

from shared.admission import PROOF
from shared.bus import Envelope
from shared.log import log
from shared.nouns.counted import counted
from shared.nouns.messages import Finish
from shared.nouns.outcomes import NotYet
from shared.nouns.partner import Partner
from shared.nouns.step import Ask
from shared.nouns.task import Sight, Task, TaskState
from shared.spans import span
from shared.tables.parked import SEEN
from shared.tables.requests import Request, RequestState
from shared.templates import load_template
from shared.topology import FINISH
from shared.verbs.advance import under_way
from shared.verbs.going import set_going
from shared.verbs.latecomers import all_that_go
from shared.verbs.partner_sites import sites_named
from shared.verbs.running import take_turn
from shared.verbs.world import World

MOST_RETRIES = 500
# A proof is no audit: so many of the partner's sites are looked through.
MOST_SITES = 10


async def finish(world: World, name: str, session: str = "", retry: int = 0) -> None:
    """Where all tasks of the request are settled, it has ended and the next of its partner runs. Bears repetition.

    Where tables or Service Bus cannot be reached, it is tried again later, in the same `session`.
    """
    try:
        with span("finish request", request=name):
            await _finish(world, name)
    except NotYet as error:
        if retry >= MOST_RETRIES:
            raise
        log.warning("end postponed", request=name, reason=error.reason)
        at = world.again_at(error.after, retry)
        again = Envelope(
            queue=FINISH,
            message_id=hashlib.sha256(f"{FINISH}\n{name}\nagain {retry + 1} {at.isoformat()}".encode()).hexdigest(),
            body=Finish(request=name).model_dump_json(),
            session=session or name,
            at=at,
            properties={"retry": str(retry + 1)},
        )
        await world.bus.send([again])


async def _finish(world: World, name: str) -> None:
    request = await world.tables.requests.get(name)
    if request is None:
        return
    if request.is_open:
        if await under_way(world, request) or await _to_be_proved(world, request):
            return
        request = await _ended(world, request)
        await world.tables.requests.close(request)
        if await world.tables.tasks.is_open(name):
            # Somebody has taken a task up again meanwhile.
            await world.tables.requests.reopen(
                replace(request, state=RequestState.RUNNING, finished=None, reason="taken up again")
            )
            return
        if request.header.parts > 1:
            await world.tables.parked.remove(f"{SEEN}:parts:{name}")
        log.info("request ended", request=name, state=request.state.value, reason=request.reason)
    await world.tables.partners.release(request.partner_tenant, name, request.finished or world.clock())
    await begin_next(world, request.partner_tenant)


async def _to_be_proved(world: World, request: Request) -> bool:
    """The last task of a partner's leaving is on its way: reading the tenant once more, when all else is settled."""
    proof = next((step for step in world.steps if step.name == PROOF), None)
    if proof is None or request.header.action != "offboard" or request.mode != "apply" or request.cancelled:
        return False
    template = load_template(world.settings.templates, request.header.template, world.steps)
    if template.offboard != "closed":
        return False
    now = world.clock()
    settings = {**template.defaults.get(PROOF, {}), **request.header.steps.get(PROOF, {})}
    wish = proof.wanted(Ask(request.header, template, await _partner(world, request), settings))
    details = dict(wish.details) if wish else {}
    if not details.get("sites"):
        # Whoever was there may have been given more than a request says.
        details["sites"] = [*(await sites_named(world, request.partner_tenant, ever=True))[:MOST_SITES]]
    task = Task(
        request=request.id,
        cohort=PROOF,
        step=PROOF,
        subject=request.partner_tenant,
        wanted=wish.state if wish else {},
        details=details,
        touched=now,
    )
    if await world.tables.tasks.insert_cohort(request.id, PROOF, [task], mark_open=True):
        await world.send([task], [now])
        return True
    # It was there before: whether it is settled decides whether the request is.
    return await under_way(world, request)


async def _partner(world: World, request: Request) -> Partner:
    """The partner with every domain that is on record."""
    known = await world.tables.partners.get(request.partner_tenant)
    header = request.header.partner
    return known.partner if known is not None else Partner(request.partner_tenant, header.name, header.domains)


async def begin_next(world: World, partner_tenant: str) -> None:
    """The request that has waited longest for the partner runs, where none does."""
    waiting = await world.tables.requests.oldest_queued(partner_tenant)
    if waiting is None:
        return
    # The partner's first request may have waited for approval: then nobody has put the partner on record yet.
    partner = Partner(partner_tenant, waiting.header.partner.name, waiting.header.partner.domains)
    if await take_turn(world, partner, waiting.id) != waiting.id:
        return
    # The settled ones too: a cohort of which nothing was left to do has still to be closed.
    await set_going(world, waiting.id, await all_that_go(world, waiting))


async def _ended(world: World, request: Request) -> Request:
    counts: Counter[TaskState] = Counter()
    async for _, task_state in world.tables.tasks.states(request.id):
        counts[task_state] += 1
    stopped = counts[TaskState.STOPPED]
    if request.cancelled:
        why = request.reason or "cancelled"
        before = counts[TaskState.DONE]
        said = f"{why}; {counted(before, 'task was', 'tasks were')} done before" if before else why
        state, reason = RequestState.CANCELLED, said
    elif stopped:
        state, reason = RequestState.STOPPED, f"{stopped} of {counts.total()} tasks need a person: see entente parked list"
    else:
        state, reason = RequestState.DONE, await _told(world, request, counts)
    return replace(
        request,
        state=state,
        reason=reason,
        finished=world.clock(),
        counts={settled.value: number for settled, number in counts.items()},
    )


async def _told(world: World, request: Request, counts: Counter[TaskState]) -> str:
    if request.mode == "apply":
        left = counts[TaskState.CANCELLED]
        return (
            f"all {counts.total()} tasks are done"
            if not left
            else f"{counts[TaskState.DONE]} tasks are done, {left} were not needed"
        )
    seen = Counter([task.seen.sight async for task in world.tables.tasks.all(request.id) if task.seen is not None])
    changes = sum(number for sight, number in seen.items() if sight is not Sight.NOTHING)
    return f"nothing was changed; {changes} of {counts.total()} tasks would change something"
