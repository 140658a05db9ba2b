"""What was refused and is about nobody on record stands in a journal of its own: a link that we have not signed, a guest whom nobody knows.

`entente journal nobody` shows it, sealed as all else. Anybody on the internet can make links up, so of each hour the first few stand there
whole, and then how many more there were. What such a link says its sender has chosen: none of it is recorded, except that it names a
question that we have asked, and even that as a claim.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from shared.log import log
from shared.nouns.outcomes import NotYet
from shared.nouns.redaction import without_addresses
from shared.nouns.task import Task, TaskState
from shared.tables.store import Changed
from shared.tables.task_rows import JournalEntry
from shared.verbs.met import Met
from shared.verbs.own_record import NOBODY, has_request, request_id
from shared.verbs.world import World

WHAT, COHORT = "refuse-nameless", "nameless"
FORGED, UNKNOWN = "forged", "unknown"
ANYBODY = "whoever sent it"
# Of an hour and kind: enough to see what is going on, and too few to fill a table with.
FIRST = 10
# What a process has met since is added up this often; what it has not when it ends is missing, so the journal says "at least".
ADDED_UP = timedelta(seconds=30)
TRIES = 10


async def note_nameless(world: World, kind: str, who: str, note: str) -> None:
    """The refusal is in the journal of nobody, or counted there. Never raises: to refuse must not depend on it."""
    now = world.clock()
    if is_counted(world, kind):
        world.nameless.met[kind].more += 1
        return
    try:
        await _written(world, kind, JournalEntry("outcome", 1, now, who, {}, {"refused": kind}, {}, note=without_addresses(note)))
    except NotYet as error:
        log.warning("refusal not in the journal", kind=kind, reason=error.reason)


def is_counted(world: World, kind: str) -> bool:
    """Another one of this kind is only counted now, by this process."""
    now, met = world.clock(), world.nameless.met.get(kind)
    return met is not None and met.hour == _hour(now) and now - met.since < ADDED_UP


async def close_hours(world: World) -> None:
    """Of hours that are over the journal says how many more there were. Bears repetition."""
    now = world.clock()
    for day in (now - timedelta(days=1), now):
        for kind in (FORGED, UNKNOWN):
            task = await world.tables.tasks.get(request_id(NOBODY, day), _task(kind, day).key)
            if task is None or task.ids.get("hour") == _hour(now) or not (entries := _more(task, now)):
                continue
            await has_request(world, NOBODY, ANYBODY, day)
            try:
                await world.tables.tasks.save(replace(task, ids={**task.ids, "more": "0"}, attempt=entries[-1].attempt), *entries)
            except Changed:
                # Somebody else is at it, or the next run does it.
                continue


async def _written(world: World, kind: str, said: JournalEntry) -> None:
    hour, before = _hour(said.at), world.nameless.met.pop(kind, None)
    await has_request(world, NOBODY, ANYBODY, said.at)
    await world.tables.tasks.insert_cohort(request_id(NOBODY, said.at), COHORT, [_task(kind, said.at)], mark_open=False)
    for _ in range(TRIES):
        task = await world.tables.tasks.get(request_id(NOBODY, said.at), _task(kind, said.at).key)
        if task is None:
            return
        entries: list[JournalEntry] = []
        if task.ids.get("hour") != hour:
            entries, task = _more(task, said.at), replace(task, ids={"hour": hour, "noted": "0", "more": "0"})
        noted, more = int(task.ids["noted"]), int(task.ids["more"])
        if before is not None and before.hour == hour:
            more += before.more
        if noted < FIRST:
            noted += 1
            entries.append(said)
        else:
            more += 1
        entries = [replace(entry, attempt=task.attempt + place) for place, entry in enumerate(entries, start=1)]
        ids = {"hour": hour, "noted": str(noted), "more": str(more)}
        try:
            await world.tables.tasks.save(replace(task, ids=ids, attempt=task.attempt + len(entries), touched=said.at), *entries)
        except Changed:
            continue
        if noted >= FIRST:
            world.nameless.met[kind] = Met(hour, said.at)
        return
    log.warning("refusal not in the journal", kind=kind, reason="too many at the same moment")


def _more(task: Task, now: datetime) -> list[JournalEntry]:
    """What is still to be said of the hour that the task stands at; nothing where all of it stands in the journal."""
    number = int(task.ids.get("more", "0"))
    if not number:
        return []
    note = f"at least {number} more in the hour from {task.ids['hour']}:00 UTC; the log has them all"
    return [JournalEntry("outcome", task.attempt + 1, now, ANYBODY, {}, {"more": str(number)}, {}, note=note)]


def _task(kind: str, at: datetime) -> Task:
    return Task(request_id(NOBODY, at), COHORT, WHAT, f"{kind}-{at:%Y%m%d}", state=TaskState.DONE, touched=at, settled_at=at)


def _hour(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H}"
