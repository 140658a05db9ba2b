"""A clean-up run's work for one partner as a request of its own: the same runner, journal, pace and turn as any other."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import batched

from shared.expiry import warnings_so_far
from shared.nouns.json_text import Json
from shared.nouns.partner import Partner
from shared.nouns.request import Header, PartnerWish
from shared.nouns.state import Value
from shared.nouns.task import Task, TaskState
from shared.plan import COHORT
from shared.tables.asks import Asked
from shared.tables.guests import Guest
from shared.tables.requests import Request, RequestState
from shared.tables.runs import Candidate, Run
from shared.verbs.asks import ask
from shared.verbs.cleanup_facts import CLEAN_UP, PartnerFacts, partner_facts
from shared.verbs.going import set_going
from shared.verbs.running import take_turn
from shared.verbs.unshared import reversal
from shared.verbs.world import World

STEPS: dict[str, tuple[str, dict[str, Value]]] = {
    "warn": ("warn-guest", {"warned": True}),
    "block": ("expire-guest", {"enabled": False}),
    "delete": ("delete-guest", {"gone": True}),
    "unshare": ("unshare-with-guest", {"shared": None}),
    "restore": ("restore-guest", {"back": True}),
}
# What is shared is taken away only from whom is to be deleted.
MOVES = {step: move for move, (step, _) in STEPS.items()} | {"unshare-with-guest": "delete"}


async def put_request(world: World, run: Run, wave: str, candidates: list[Candidate]) -> None:
    """The candidates' tasks are on record and run when it is the partner's turn. All are of one partner. Bears repetition."""
    facts = await partner_facts(world, candidates[0].partner)
    guests = {one.person: await world.tables.guests.get(one.partner, one.person) for one in candidates}
    tasks = []
    for one in candidates:
        if (guest := guests[one.person]) is not None:
            tasks += await _tasks(world, run, facts, one, guest)
    who = f"clean-up run {run.id}" + (f", released by {run.decided_by}" if run.decided_by else "")
    why = f"clean-up run {run.id}"
    await put_tasks(world, request_id(run.id, facts.partner.tenant_id, wave), facts, tasks, who, why)
    await ask(
        world, run.id, [_asked(task, guest) for task in tasks if (guest := guests[task.subject]) and _is_asked(task, guest)]
    )


async def put_tasks(world: World, name: str, facts: PartnerFacts, tasks: list[Task], who: str, why: str) -> None:
    """The request is on record with these tasks, and runs when it is the partner's turn. Bears repetition."""
    partner = facts.partner
    request = _request(world, name, facts, who, why)
    if await world.tables.requests.get(name) is None:
        await world.tables.requests.insert(request)
    await world.tables.partners.note_request(partner.tenant_id, name, request.received)
    await world.tables.tasks.expect_parts(name, 1)
    # What is about one guest waits for one another, so it stands in one cohort.
    guests = dict.fromkeys(task.subject for task in tasks)
    for number, some in enumerate(batched(guests, COHORT, strict=False)):
        cohort = f"c{number:04}"
        for person in some:
            await world.tables.people.note_request(person, name, partner.tenant_id)
        put = [replace(task, request=name, cohort=cohort) for task in tasks if task.subject in some]
        await world.tables.tasks.insert_cohort(name, cohort, put, mark_open=True)
    await world.tables.tasks.note_part(name, 1, "", accepted=True)
    there = [task async for task in world.tables.tasks.all(name)]
    if await take_turn(world, partner, name) == name:
        await set_going(world, name, there)


async def is_open(world: World, run: str, partner: str, wave: str) -> bool:
    """The tasks of this wave are still under way."""
    request = await world.tables.requests.get(request_id(run, partner, wave))
    return request is not None and request.is_open


def request_id(run: str, partner: str, wave: str) -> str:
    """The id of the request that does a wave of a run for a partner."""
    return f"{CLEAN_UP}{run}.{partner}.{wave}"[:64]


def task_of(world: World, move: str, guest: Guest, details: dict[str, Json]) -> Task:
    """The task that makes the move true of the guest."""
    step, wanted = STEPS[move]
    return Task(
        request="",
        cohort="",
        step=step,
        subject=guest.person,
        wanted=wanted,
        details=details,
        ids={"user": guest.user},
        touched=world.clock(),
    )


async def _tasks(world: World, run: Run, facts: PartnerFacts, one: Candidate, guest: Guest) -> list[Task]:
    """The task that makes the candidate's move true, behind the one that takes away what is shared with them, where the template wants that.
    Whoever is let in again gets that back."""
    task = _task(world, run, facts, one, guest)
    if one.move == "restore":
        return [task, *([again] if (again := await reversal(world, guest)) else [])]
    if one.move != "delete" or not facts.sites or facts.rules is None:
        return [task]
    details: dict[str, Json] = {**task.details, "unshare": facts.rules.unshare, "sites": list(facts.sites)}
    before = task_of(world, "unshare", guest, details)
    if facts.rules.unshare == "all":
        before = replace(before, wanted={**before.wanted, "complete": True})
    return [before, replace(task, state=TaskState.WAITING)]


def _task(world: World, run: Run, facts: PartnerFacts, one: Candidate, guest: Guest) -> Task:
    rules, today = facts.rules, world.clock().date()
    details: dict[str, Json] = {
        "run": run.id,
        "rule": one.rule,
        "cycle": one.cycle,
        "since": one.cycle.partition(":")[2],
        "words": one.words,
        "evidence": one.evidence,
        "signIns": run.sign_ins,
    }
    if one.move == "warn" and rules is not None:
        number = warnings_so_far(guest, one.cycle, world.clock(), rules) + 1
        acts = today + timedelta(days=rules.every * max(rules.warnings - number + 1, 1))
        details |= {
            "number": number,
            "of": rules.warnings,
            "acts": acts.isoformat(),
            "failed": one.failed.isoformat() if one.failed else "",
            "bounced": one.bounced.isoformat() if one.bounced else "",
            "language": facts.language or world.settings.language,
        }
    return task_of(world, one.move, guest, details)


def _is_asked(task: Task, guest: Guest) -> bool:
    return task.step == "warn-guest" and bool(guest.sponsors)


def _asked(task: Task, guest: Guest) -> Asked:
    return Asked(
        partner=guest.partner,
        person=guest.person,
        sponsors=guest.sponsors,
        ends=guest.end,
        acts=date.fromisoformat(str(task.details["acts"])),
        why=str(task.details["rule"]),
        failed=_day(task, "failed"),
        bounced=_day(task, "bounced"),
    )


def _day(task: Task, name: str) -> date | None:
    return date.fromisoformat(said) if (said := str(task.details.get(name) or "")) else None


def _request(world: World, name: str, facts: PartnerFacts, who: str, why: str) -> Request:
    partner: Partner = facts.partner
    wish = PartnerWish(
        name=partner.name[:64] or partner.tenant_id, domains=(partner.domains or (f"{partner.tenant_id}.invalid",))[:50]
    )
    header = Header(version=1, id=name, action="change", template=facts.template or "guest-decisions", partner=wish)
    return Request(
        id=name,
        state=RequestState.QUEUED,
        header=header,
        digest="",
        who=who,
        partner_tenant=partner.tenant_id,
        template_version=1,
        received=world.clock(),
        reason=why,
    )
