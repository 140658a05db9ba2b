"""Journals that are about no partner: of each a request a month, among the ended ones, so that journal, seals and retention find it there."""

from dataclasses import replace
from datetime import datetime

from shared.nouns.redaction import without_addresses
from shared.nouns.request import Header, PartnerWish
from shared.nouns.task import Task, TaskState
from shared.tables.requests import Request, RequestState
from shared.tables.store import Changed
from shared.tables.task_rows import JournalEntry
from shared.verbs.guest_record import TEMPLATE
from shared.verbs.world import World

# By the name under which the journal shows them, as it shows a partner: how their requests are called, and what they say they are.
NOBODY, CLEAN_UP, REBUILDS = "nobody", "clean-up", "rebuilds"
_CALLED = {
    NOBODY: ("refused", "what was refused and is about nobody on record"),
    CLEAN_UP: ("cleanup-decisions", "what people decided about clean-up runs"),
    REBUILDS: ("rebuilds", "what people put on record from audit packs"),
}
COHORT = "decisions"
MOST_CHARACTERS = 1_000
OWN = frozenset(_CALLED)


def request_id(name: str, at: datetime) -> str:
    """The id of the month's request."""
    return f"{_CALLED[name][0]}-{at:%Y%m}"


async def has_request(world: World, name: str, who: str, at: datetime) -> str:
    """The id of the month's request, which stands among the ended ones. Bears repetition."""
    wish = PartnerWish(name=name, domains=(f"{name}.invalid",))
    header = Header(version=1, id=request_id(name, at), action="change", template=TEMPLATE, partner=wish)
    now = world.clock()
    request = Request(
        id=header.id,
        state=RequestState.DONE,
        header=header,
        digest="",
        who=who,
        partner_tenant=name,
        template_version=1,
        received=now,
        finished=now,
        reason=_CALLED[name][1],
    )
    await world.tables.requests.close(request)
    return request.id


async def put_entry(world: World, name: str, what: str, about: str, said: JournalEntry) -> None:
    """The entry, about what has that id, is in the journal of that name, whoever else writes there."""
    request = await has_request(world, name, said.who, said.at)
    new = Task(request, COHORT, what, about, state=TaskState.DONE, touched=said.at, settled_at=said.at)
    await world.tables.tasks.insert_cohort(request, COHORT, [new], mark_open=False)
    note = without_addresses(said.note)[:MOST_CHARACTERS]
    while True:
        there = await world.tables.tasks.get(request, new.key) or new
        attempt = there.attempt + 1
        try:
            await world.tables.tasks.save(
                replace(there, attempt=attempt, reason=note, touched=said.at), replace(said, attempt=attempt, note=note)
            )
        except Changed:
            continue
        return
