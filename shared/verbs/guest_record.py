"""What people decide about single guests, in the journal: one request of its own for each partner and month, so that status, journal and
seals have a decision like any other change."""

from dataclasses import dataclass, replace

from shared.nouns.partner import Partner
from shared.nouns.request import Header, PartnerWish
from shared.nouns.task import Task, TaskState
from shared.tables.requests import Request, RequestState
from shared.tables.store import Changed
from shared.tables.task_rows import JournalEntry
from shared.verbs.world import World

TEMPLATE = "guest-decisions"


@dataclass(frozen=True)
class Once:
    """What is said on an occasion (`word`) is not said again right after. With `most` it is not said again in the month, whatever was said
    between, and no more than so many occasions are."""

    word: str
    most: int = 0


async def on_record(
    world: World, partner: str, person: str, what: str, said: JournalEntry, *, linked: bool = True, once: Once | None = None
) -> None:
    """The entry is in the journal of the partner and of the person. `what` names the decision, kebab-case. Without `linked` it is about
    no person, and `person` names what it is about.
    """
    request = f"guests-{partner}-{said.at:%Y%m}"
    await _has_request(world, partner, request, said.who)
    if linked:
        await world.tables.people.note_request(person, request, partner)
    task = Task(request, "guests", what, person, state=TaskState.DONE, touched=said.at, settled_at=said.at)
    await world.tables.tasks.insert_cohort(request, "guests", [task], mark_open=False)
    while True:
        there = await world.tables.tasks.get(request, task.key) or task
        if once is not None and _is_said(there, once, said):
            return
        entry = replace(said, attempt=there.attempt + 1)
        reason = f"{said.note} (by {said.who})"
        ids = there.ids if once is None else {**there.ids, **({once.word: "said"} if once.most else {"once": once.word})}
        decided = replace(
            there, ids=ids, attempt=entry.attempt, wanted=dict(said.after), reason=reason, settled_at=said.at, touched=said.at
        )
        try:
            await world.tables.tasks.save(decided, entry)
        except Changed:
            continue
        return


def _is_said(there: Task, once: Once, said: JournalEntry) -> bool:
    if once.most:
        return once.word in there.ids or len(there.ids) >= once.most
    return there.ids.get("once") == once.word and there.wanted == dict(said.after)


async def _has_request(world: World, partner: str, name: str, who: str) -> None:
    """The request stands among the ended ones: nothing is left to do in it."""
    known = await world.tables.partners.get(partner)
    about = known.partner if known is not None else Partner(partner, partner, (f"{partner}.invalid",))
    wish = PartnerWish(name=about.name[:64] or partner, domains=(about.domains or (f"{partner}.invalid",))[:50])
    now = world.clock()
    header = Header(version=1, id=name, action="change", template=TEMPLATE, partner=wish)
    await world.tables.requests.close(
        Request(
            id=name,
            state=RequestState.DONE,
            header=header,
            digest="",
            who=who,
            partner_tenant=partner,
            template_version=1,
            received=now,
            finished=now,
            reason="what people decided and others changed, guest by guest",
        )
    )
    await world.tables.partners.note_request(partner, name, now)
