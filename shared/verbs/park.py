"""Putting what needs a person where a person looks, and telling."""

import hashlib
import re

from shared.bus import Envelope
from shared.log import log
from shared.nouns.errors import Refusal
from shared.nouns.json_text import decoded
from shared.nouns.messages import REQUEST_ID, attempt_from
from shared.nouns.outcomes import NotYet
from shared.nouns.task import Task, TaskState, move
from shared.tables.parked import ParkedItem
from shared.tables.store import Changed
from shared.topology import PARKED
from shared.verbs.advance import advance
from shared.verbs.world import World

MOST_RETRIES = 500


async def park_task(world: World, task: Task) -> None:
    """The stopped task is listed among what waits for a person. Bears repetition."""
    await world.tables.parked.add(
        ParkedItem(
            id=parked_id(task.request, task.key),
            kind="refused" if task.subject.startswith("refused-") else "task",
            request=task.request,
            task=task.key,
            step=task.step,
            reason=task.reason,
            since=task.settled_at or world.clock(),
        )
    )
    log.warning("parked", request=task.request, task=task.key, reason=task.reason)


async def park_by_hand(world: World, task: Task, text: str) -> None:
    """What a person has to do by hand is listed until it is seen to be done. Bears repetition."""
    name = parked_id(task.request, task.key)
    known = await world.tables.parked.get(name)
    since = known.since if known is not None else world.clock()
    await world.tables.parked.add(
        ParkedItem(id=name, kind="by hand", request=task.request, task=task.key, step=task.step, reason=text, since=since)
    )
    if known is None:
        log.warning("to be done by hand", request=task.request, task=task.key)


async def park_message(world: World, queue: str, body: bytes, reason: str, request: str = "") -> None:
    """A message that nobody can use is listed with the reason, its body kept for whoever looks. Bears repetition."""
    digest, request = hashlib.sha256(body).hexdigest(), request or _request_in(body)
    await world.tables.people.keep_message(digest, body)
    item = ParkedItem(
        id=f"message:{request or '-'}:{digest[:24]}",
        kind="message",
        request=request,
        task=digest,
        step="",
        reason=reason,
        since=world.clock(),
        queue=queue,
    )
    await world.tables.parked.add(item)
    log.warning("parked", request=request, queue=queue, message=digest[:24], reason=reason)


async def park_dead_letter(world: World, body: bytes, source: str, reason: str, retry: int = 0) -> None:
    """A dead letter's task is stopped and listed; a dead letter that names none is listed as it is.

    Where tables or Service Bus cannot be reached, it is tried again later: nobody looks among the dead letters of `parked`.
    """
    try:
        await _park_dead_letter(world, body, source, reason)
    except NotYet as error:
        if retry >= MOST_RETRIES:
            raise
        at = world.again_at(error.after, retry)
        again = Envelope(
            queue=PARKED,
            message_id=hashlib.sha256(body + f"\nagain {retry + 1} {at.isoformat()}".encode()).hexdigest(),
            body=body,
            at=at,
            properties={"source": source, "reason": reason, "retry": str(retry + 1)},
        )
        await world.bus.send([again])


async def _park_dead_letter(world: World, body: bytes, source: str, reason: str) -> None:
    try:
        message = attempt_from(body)
    except Refusal:
        await park_message(world, source, body, reason)
        return
    task = await world.tables.tasks.get(message.request, message.task)
    if task is None:
        await park_message(world, source, body, reason, message.request)
        return
    if not task.settled and message.attempt >= task.attempt:
        now = world.clock()
        try:
            task = await world.tables.tasks.save(
                move(task, TaskState.STOPPED, f"{reason} (last known: {task.reason or task.state})", now)
            )
        except Changed:
            await _park_dead_letter(world, body, source, reason)
            return
    if task.state is TaskState.STOPPED:
        await park_task(world, task)
        await advance(world, task.request, task.cohort)


def parked_id(request: str, key: str) -> str:
    """Under which id a stopped task is listed."""
    return f"task:{request}:{hashlib.sha256(key.encode()).hexdigest()[:24]}"


def _request_in(body: bytes) -> str:
    """The id of the request that a message is, or is about; empty where it says none that a request can have."""
    try:
        said = decoded(body)
    except Refusal:
        return ""
    name = said.get("id", said.get("request")) if isinstance(said, dict) else None
    return name if isinstance(name, str) and re.fullmatch(REQUEST_ID, name) else ""
