"""A migration from an organization relationship to capabilities, carried out on record.

It stands among the partner's requests (template `migrate-relationship`, version 0: nobody's template), with a task for each step
whose settings it changed: the journal shows it, its seals hold it, and a partner who leaves loses these settings like any other.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import replace

from shared.migration import MigrationPlan
from shared.nouns.errors import Fault, Refusal
from shared.nouns.json_text import Json
from shared.nouns.outcomes import NotYet, WontWork
from shared.nouns.partner import Partner
from shared.nouns.request import Header, PartnerWish
from shared.nouns.state import State
from shared.nouns.task import PARTNER_COHORT, Task, TaskState, move
from shared.tables.requests import Request, RequestState
from shared.tables.task_rows import JournalEntry
from shared.verbs.migrate import TRUST, apply_migration, plan_migration
from shared.verbs.world import World

STEP = "migrate-relationship"
CAPABILITIES, CONFIGURATION = "set-capabilities", "set-partner-configuration"


async def migrate(
    world: World, partner: Partner, scopes: Mapping[str, str] | None, who: str, *, accept_loss: bool
) -> tuple[str, tuple[str, ...]]:
    """The id under which the migration stands on record ("" where nothing was left to do), and what was done, in sentences.

    Raises Refusal where it cannot be done as things are, or where a request of the partner runs; NotYet where it has to be called
    again.
    """
    plan = await plan_migration(world, partner, scopes)
    if plan.finished:
        return "", ("nothing was left to do",)
    if plan.problem:
        raise Refusal([Fault("partner", plan.problem)])
    if plan.loses and not accept_loss:
        lost = "; ".join(line.why for line in plan.lines if line.verdict == "less")
        raise Refusal([Fault("acceptLoss", f"{partner.name} would lose something by this ({lost}): say so if that is meant")])
    row = await world.tables.partners.get(partner.tenant_id)
    running = await world.tables.requests.get(row.running) if row is not None and row.running else None
    # Only looked at: whoever begins in these seconds writes the same settings by reading them first, as this does.
    if running is not None and running.is_open:
        raise Refusal([Fault("partner", f"request {running.id} of {partner.name} is running: try again when it has ended")])
    request = _request(world, partner, who)
    return request.id, await _carry_out(world, partner, scopes, request, plan, accept_loss=accept_loss)


async def _carry_out(
    world: World, partner: Partner, scopes: Mapping[str, str] | None, request: Request, plan: MigrationPlan, *, accept_loss: bool
) -> tuple[str, ...]:
    """Begun on record before the first write, and ended on record whatever comes of it."""
    changes = await _changes(world, partner, plan)
    await world.tables.requests.close(replace(request, state=RequestState.STOPPED, reason="was begun; its end is not on record"))
    await world.tables.partners.note_request(partner.tenant_id, request.id, request.received)
    tasks = [_task(world, request, step, after) for step, (_, after) in changes.items()]
    await world.tables.tasks.insert_cohort(request.id, PARTNER_COHORT, tasks, mark_open=False)
    for task in await world.tables.tasks.cohort(request.id, PARTNER_COHORT):
        await world.tables.tasks.save(task, _entry(world, "intent", request, *changes[task.step]))
    try:
        done = await apply_migration(world, partner, scopes, accept_loss=accept_loss)
    except (NotYet, WontWork) as error:
        # What was written so far is not told apart from what was not: taking either back finds out.
        await _end(world, request, changes, RequestState.STOPPED, error.reason)
        if isinstance(error, WontWork):
            raise Refusal([Fault("partner", error.reason)]) from None
        raise
    await _end(world, request, changes, RequestState.DONE, "; ".join(done))
    return done


async def _changes(world: World, partner: Partner, plan: MigrationPlan) -> dict[str, tuple[State, State]]:
    """By step, what is there and what is to be. The relationship's own is told under a step that nobody takes back: that would
    open it again."""
    old = plan.relationship
    changes: dict[str, tuple[State, State]] = {}
    if old is not None and not plan.retired:
        after: State = {"DomainNames": plan.kept_domains} if plan.kept_domains else {"Enabled": False}
        changes[STEP] = ({key: old.values.get(key) for key in after} | {"relationship": old.identity}, after)
    if plan.opens:
        now = await world.tenant.capabilities.read(partner.tenant_id)
        changes[CAPABILITIES] = ({name: now.shown(name) for name in plan.opens}, dict(plan.opens))
    if plan.trust_missing:
        found = await world.tenant.partner_configurations.read(partner.tenant_id)
        changes[CONFIGURATION] = ({TRUST: found.shown(TRUST)}, {TRUST: "users allowed: AllUsers"})
    return changes


async def _end(
    world: World, request: Request, changes: Mapping[str, tuple[State, State]], state: RequestState, reason: str
) -> None:
    for task in await world.tables.tasks.cohort(request.id, PARTNER_COHORT):
        done = move(task, TaskState.DONE, reason, world.clock())
        await world.tables.tasks.save(done, _entry(world, "outcome", request, *changes[task.step], note=reason))
    ended = replace(request, state=state, reason=reason, finished=world.clock(), counts={"done": len(changes)})
    await world.tables.requests.close(ended)


def _task(world: World, request: Request, step: str, after: State) -> Task:
    # As those steps read it when what they have set is taken back.
    asked: dict[str, Json] = {key: str(value) for key, value in after.items()}
    block = {CAPABILITIES: "capabilities", CONFIGURATION: "blocks"}.get(step)
    return Task(
        request=request.id,
        cohort=PARTNER_COHORT,
        step=step,
        subject=request.partner_tenant,
        wanted=dict(after),
        details={block: asked} if block else {},
        begun=world.clock(),
        touched=world.clock(),
    )


def _entry(world: World, kind: str, request: Request, before: State, after: State, note: str = "") -> JournalEntry:
    return JournalEntry(kind=kind, attempt=1, at=world.clock(), who=request.who, before=before, after=after, ids={}, note=note)


def _request(world: World, partner: Partner, who: str) -> Request:
    now = world.clock()
    name = f"{STEP}-{partner.tenant_id[:8]}-{now:%Y%m%d%H%M%S}-{hashlib.sha256(now.isoformat().encode()).hexdigest()[:6]}"
    wish = PartnerWish(name=partner.name[:64], domains=partner.domains[:50])
    header = Header(version=1, id=name, action="change", template=STEP, partner=wish)
    return Request(
        id=name,
        state=RequestState.RUNNING,
        header=header,
        digest="",
        who=who,
        partner_tenant=partner.tenant_id,
        template_version=0,
        received=now,
    )
