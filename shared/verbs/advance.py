"""What follows from a settled task: its successors, the end of its cohort, the end of its request."""

import asyncio
import hashlib
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

from shared.bus import Envelope
from shared.nouns.messages import Attempt, Finish
from shared.nouns.task import NEW_GROUP, Task, TaskState, move
from shared.plan import ready_now, split_off
from shared.tables.guests import MOST_SPONSORS
from shared.tables.requests import Request
from shared.tables.store import Changed
from shared.topology import FINISH
from shared.verbs.cleanup_notes import note_outcomes
from shared.verbs.world import AT_ONCE, World, queue_of


async def advance(world: World, request: str, cohort: str) -> None:
    """Whatever has become possible in the cohort is on its way. Bears repetition.

    Every attempt writes its own row first and reads the others' after, so the last one always sees all of them.
    """
    tasks = await world.tables.tasks.outline(request, cohort)
    ready = ready_now(tasks, world.after)
    if ready:
        await _send(world, ready)
    if all(task.settled for task in tasks):
        await _close(world, request, cohort)


async def _send(world: World, ready: list[Task]) -> None:
    """Batches of the plan have had their slot since the request began; all else gets one of its own, and only one."""
    request = await world.request(ready[0].request)
    if request is not None and request.mode == "plan":
        await look_at_all(world, ready)
        return
    planned = [task for task in ready if task.subject == task.group]
    others = [task for task in ready if task.subject != task.group]
    slots = await world.slots(others)
    await world.send([*planned, *others], [*[world.clock()] * len(planned), *slots])
    await _note_slots(world, {task.key: at for task, at in zip(others, slots, strict=True)}, ready[0])


async def _note_slots(world: World, slots: Mapping[str, datetime], one: Task) -> None:
    """Whose slot is still to come no longer waits: else every look at the cohort until then would take them another one. Slots for mails
    are so few that those are noted too whose mail goes at once.

    After they were sent, so that nothing gets lost between the two: who comes too soon is sent once more, as the same message.
    """
    soon = world.clock() + AT_ONCE
    scarce = {
        key: at for key, at in slots.items() if at > soon or (world.rate("mail") and "mail" in world.step(queue_of(key)).lanes)
    }
    if not scarce:
        return
    waiting = [task for task in await world.tables.tasks.cohort(one.request, one.cohort) if task.state is TaskState.WAITING]
    noted = [move(task, TaskState.READY, task.reason, at) for task in waiting if (at := scarce.get(task.key))]
    await asyncio.gather(*(_note(world, task) for task in noted))


async def _note(world: World, task: Task) -> None:
    try:
        await world.tables.tasks.save(task)
    except Changed:
        # It is being attempted, or somebody else has noted it.
        return


async def look_at_all(world: World, tasks: Iterable[Task]) -> None:
    """One attempt for each cohort and function app is on its way, which looks at all that a plan has there.

    A plan writes nothing to the tenant, so it takes nobody's slot and waits for none.
    """
    first = {(task.cohort, world.step(task.step).power): task for task in reversed(list(tasks))}
    await world.send(first.values(), [world.clock()] * len(first))


async def _close(world: World, name: str, cohort: str) -> None:
    """The cohort's outcomes are on record, once: who comes late finds it closed, and tells nothing that others have changed since."""
    request = await world.request(name)
    tasks = await world.tables.tasks.cohort(name, cohort)
    if request is None or not tasks:
        return
    if await world.tables.tasks.is_cohort_open(name, cohort):
        await _put_down(world, request, cohort, tasks)
    await finish_if_settled(world, request, salt=f"{cohort} {max(str(task.settled_at) for task in tasks)}")


async def _put_down(world: World, request: Request, cohort: str, tasks: list[Task]) -> None:
    if request.mode == "apply":
        guests = await _brought(world, request, tasks)
        await note_outcomes(world, request.partner_tenant, tasks)
        await _index(world, request, tasks, guests)
    await world.tables.tasks.close_cohort(request.id, cohort)


async def _brought(world: World, request: Request, tasks: list[Task]) -> dict[str, tuple[str, str, tuple[str, ...]]]:
    """User id, stage and sponsors of those who are guests by these tasks, as they are on record now, but for what others did since."""
    done = {
        task.subject: task for task in tasks if "guest" in task.wanted and task.state is TaskState.DONE and "user" in task.ids
    }
    guests = {person: (task.ids["user"], "invited", _texts(task.wanted.get("sponsors"))) for person, task in done.items()}
    if guests:
        invited = {task.subject: task.settled_at or world.clock() for task in tasks if "guest" in task.wanted and task.created}
        guests |= await _with_sponsors_of_before(world, request.partner_tenant, guests, invited)
        # An invitation by an app makes nobody a sponsor; who was there before may have some that are not on record.
        alone = {person: at.date() for person, at in invited.items() if person in guests and not guests[person][2]}
        since = {person: task.settled_at for person, task in done.items() if task.settled_at is not None}
        await world.tables.guests.note(request.partner_tenant, guests, invited=invited, alone=alone, since=since)
    return guests


async def _with_sponsors_of_before(
    world: World, partner: str, guests: Mapping[str, tuple[str, str, tuple[str, ...]]], invited: Collection[str]
) -> dict[str, tuple[str, str, tuple[str, ...]]]:
    """Those who were guests before, with the sponsors that they have besides, because a request takes nobody's sponsors away."""
    again = [person for person, (_, _, sponsors) in guests.items() if person not in invited and sponsors]
    known = await asyncio.gather(*(world.tables.guests.get(partner, person) for person in again))
    found = {}
    for person, guest in zip(again, known, strict=True):
        user, stage, sponsors = guests[person]
        before = guest.sponsors if guest is not None and guest.user == user else ()
        found[person] = user, stage, tuple(dict.fromkeys((*sponsors, *before)))[:MOST_SPONSORS]
    return found


async def _index(
    world: World, request: Request, tasks: list[Task], guests: Mapping[str, tuple[str, str, tuple[str, ...]]]
) -> None:
    """Whoever hears of a change to one of these users, sponsors or groups finds whose guests it concerns."""
    groups = {task.group for task in tasks if task.group is not None and not task.group.startswith(NEW_GROUP)}
    groups |= {task.ids["group"] for task in tasks if "group" in task.ids}
    if guests or groups:
        users = {user: person for person, (user, _, _) in guests.items()}
        sponsors = {sponsor for _, _, found in guests.values() for sponsor in found}
        await world.tables.index.note(request.partner_tenant, users, sponsors=sponsors, groups=groups)


async def finish_if_settled(world: World, request: Request, salt: str) -> None:
    """Where no cohort of the request is open and every part has come, its end is on its way.

    `salt` keeps the message ids of different ends apart (a request can be taken up again), and those of one end equal.
    """
    if await under_way(world, request):
        return
    message = Finish(request=request.id)
    await world.bus.send(
        [
            Envelope(
                queue=FINISH,
                message_id=hashlib.sha256(f"{FINISH}\n{request.id}\n{salt}".encode()).hexdigest(),
                body=message.model_dump_json(),
                session=request.partner_tenant,
            )
        ]
    )


async def under_way(world: World, request: Request) -> bool:
    """A cohort of the request is open, or a part of it has still to come; nobody waits for the parts of a cancelled one."""
    if await world.tables.tasks.is_open(request.id):
        return True
    return not request.cancelled and not await world.tables.tasks.all_parts_accepted(request.id)


async def hold_gate(world: World, task: Task, message: Attempt) -> Task | None:
    """The batch as it can be attempted now, or None where it still waits for its guests.

    A guest who is not settled `split_seconds` after the others gets a task alone, and the others go on.
    """
    now = world.clock()
    cohort = await world.tables.tasks.cohort(task.request, task.cohort)
    after = world.step(task.step).after
    waited = {other.subject: other for other in cohort if other.step in after and other.subject in task.members}
    settled = {subject: other for subject, other in waited.items() if other.settled}
    if len(settled) == len(waited):
        return task
    patience = timedelta(seconds=world.settings.split_seconds)
    latest = max((other.settled_at for other in settled.values() if other.settled_at), default=now)
    if settled and now - latest >= patience:
        rest, stragglers = split_off(task, frozenset(task.members) - (waited.keys() - settled.keys()), now)
        return await world.tables.tasks.save(rest, new=stragglers)
    gate = message.model_copy(update={"gate": True, "retry": message.retry + 1})
    await world.bus.send([world.envelope(gate, max(latest + patience, now + timedelta(seconds=1)))])
    return None


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, tuple) else ()
