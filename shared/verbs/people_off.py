"""A partner's people out of our tenant, twenty at a time: only those who can sign in now, so that it is known whom we blocked."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field

from shared.nouns.outcomes import NotYet, WontWork
from shared.nouns.person import Person, person_id
from shared.nouns.task import TaskState
from shared.tenant.found import Outsider
from shared.verbs.block_record import Record
from shared.verbs.blocked import PeopleOutcome
from shared.verbs.world import World

# Directory writes are limited to 3,000 in 150 s (facts 10): 900 people fit into one window, so a block does not pace itself.
AT_ONCE = 4
# https://learn.microsoft.com/graph/json-batching
MOST_PER_BATCH = 20
MOST_ROUNDS = 6
LONGEST_WAIT = 30.0

type Wait = Callable[[float], Awaitable[None]]
type Tell = Callable[[str], None]


@dataclass
class Tally:
    """What has become of everybody so far. `waits` holds those who are tried again, with the reason."""

    switched: set[str] = field(default_factory=set)
    left: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)
    waits: dict[str, NotYet] = field(default_factory=dict)
    told: int = 0


async def people_off(world: World, record: Record, people: tuple[Outsider, ...], tell: Tell, wait: Wait) -> PeopleOutcome:
    """Everybody who could sign in cannot any more, each chunk on record before and after; the others are counted as they were."""
    begun = world.clock()
    tally = Tally(left={one.id for one in people if one.enabled is False})
    waiting = [one for one in people if one.enabled is not False]
    for round_ in range(MOST_ROUNDS):
        tally.waits = {}
        limit = asyncio.Semaphore(AT_ONCE)

        async def one_chunk(chunk: list[Outsider], limit: asyncio.Semaphore = limit) -> None:
            async with limit:
                before = len(tally.switched)
                await _chunk_off(world, record, chunk, tally)
                if len(tally.switched) > max(before, tally.told):
                    tally.told = len(tally.switched)
                    tell(f"{tally.told} of {len(people) - len(tally.left)} people are blocked")

        await asyncio.gather(*(one_chunk(chunk) for chunk in _chunks(waiting)))
        waiting = [one for one in waiting if one.id in tally.waits]
        if not waiting:
            break
        if round_ + 1 < MOST_ROUNDS:
            await wait(min(max(error.after for error in tally.waits.values()), LONGEST_WAIT))
    failed = tally.failed | {user: error.reason for user, error in tally.waits.items()}
    said = f"{len(tally.switched)} blocked, {len(tally.left)} were blocked already" + (
        f", {len(failed)} could not be blocked" if failed else ""
    )
    seconds = (world.clock() - begun).total_seconds()
    return PeopleOutcome(len(people), len(tally.switched), len(tally.left), failed, seconds, said)


async def _chunk_off(world: World, record: Record, chunk: list[Outsider], tally: Tally) -> None:
    try:
        # By id: the index behind the query lags, and who was blocked by others must not be released by us.
        states = await world.tenant.accounts.states(one.id for one in chunk)
    except (NotYet, WontWork):
        states = {one.id: one.enabled for one in chunk}
    tally.left |= {one.id for one in chunk if states.get(one.id) is False or (one.id in states and states[one.id] is None)}
    due = [one for one in chunk if one.id not in tally.left]
    if not due:
        return
    names = {one.id: opaque(world, one) for one in due}
    ids = {names[one.id]: one.id for one in due}
    before, after = dict.fromkeys(ids, True), dict.fromkeys(ids, False)
    subject = f"{record.partner.tenant_id}.{min(one.id for one in due)}"
    task = await record.opened("block-guest", subject, members=tuple(ids), before=before, after=after, ids=ids)
    found = await _switched(world, [one.id for one in due], on=False)
    for user, error in found.items():
        if error is None:
            tally.switched.add(user)
        elif isinstance(error, NotYet):
            tally.waits[user] = error
        else:
            tally.failed[user] = await _why(world, user, error, alone=None not in found.values())
    good = {name: user for name, user in ids.items() if found[user] is None}
    entry = record.entry(task, "outcome", dict.fromkeys(good, True), dict.fromkeys(good, False), "blocked in an emergency", good)
    state = TaskState.DONE if len(good) == len(ids) else TaskState.STOPPED
    refused = [name for name, user in ids.items() if isinstance(found[user], WontWork)]
    await record.closed(task, state, f"{len(good)} of {len(ids)} blocked", entry, without=refused)
    people = [Person(names[one.id], one.address) for one in due if one.address]
    if record.block is not None:
        await record.kept(world.tables.people.remember(people, record.block.request, record.partner.tenant_id))


async def _why(world: World, user: str, error: WontWork, *, alone: bool) -> str:
    """Why somebody is not blocked: an administrator's role in our directory, which keeps the app out, or what Microsoft 365 said.

    https://learn.microsoft.com/graph/api/user-update (who may update sensitive properties of whom)
    """
    try:
        # Where nobody of a batch could be blocked, it is not for anybody's role.
        roles = () if alone else await world.tenant.accounts.directory_roles(user)
    except (NotYet, WontWork):
        roles = ()
    if not roles:
        return f"{error.reason} (whoever holds an administrator's role here is blocked by hand)"
    held = ", ".join(roles)
    return f"holds {held} in our directory, which the app may not disable: block by hand, in the Entra admin center, Users"


async def _switched(world: World, users: list[str], *, on: bool) -> Mapping[str, NotYet | WontWork | None]:
    try:
        return await world.tenant.accounts.switch_some(users, on=on)
    except (NotYet, WontWork) as error:
        # The whole batch: what it did is not known, and it bears repetition.
        return dict.fromkeys(users, error)


def opaque(world: World, one: Outsider) -> str:
    """How the journal calls the person: by address where it is known, as requests do, else by what their account is called."""
    return person_id(world.settings.person_key, one.address or one.id)


def _chunks[Item](items: list[Item]) -> Iterator[list[Item]]:
    for start in range(0, len(items), MOST_PER_BATCH):
        yield items[start : start + MOST_PER_BATCH]
