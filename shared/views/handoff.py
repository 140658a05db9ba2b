"""The handoff to a partner's own administrator, and what of their side can be seen from ours."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from shared.handoff import Handoff, Set, Us, handoff
from shared.handoff_pages import as_json, as_markdown, as_script
from shared.nouns.errors import Fault, Refusal
from shared.nouns.outcomes import NotYet, WontWork
from shared.nouns.partner import Partner
from shared.nouns.request import Header, PartnerWish
from shared.nouns.task import PARTNER_COHORT, Sight, Task, TaskState
from shared.plan import Planner
from shared.tables.requests import Request
from shared.templates import load_template
from shared.verbs.look import look
from shared.verbs.migrate import partner_named
from shared.verbs.world import World
from shared.views.partners import INVITE, OnRecord, latest_words, on_record

YES, NO, UNSEEN = "yes", "no", "cannot be seen"
MOST_GUESTS = 20
_GONE = frozenset({TaskState.UNDONE, TaskState.CANCELLED})


async def handoff_view(world: World, said: str, template: str = "", *, verify: bool = False) -> dict[str, Any]:
    """The handoff as JSON, with `files`; with `verify` also `seen`. A partner who is not on record yet is found by its domain, and
    the template then has to be named. Raises Refusal."""
    try:
        found = await on_record(world, said)
    except Refusal:
        if not template:
            raise
        found = OnRecord(await partner_named(world, said), ())
    if not found.requests and not template:
        raise Refusal([Fault("template", f"{found.partner.name} has no request on record: name the template that it is to get")])
    organization = await world.tenant.organizations.ours()
    own = tuple(domain for domain in organization.verified_domains if not domain.endswith(".onmicrosoft.com"))
    us = Us(organization.tenant_id, own or (organization.initial_domain,))
    asked = await _asked(world, found) if not template else []
    sets = _sets(asked) if asked else _by_template(world, found.partner, template)
    guests = await _invites(world, found, template)
    made = handoff(us, found.partner, sets, guests=guests)
    answer = as_json(made) | {"files": {"handoff.md": as_markdown(made), "handoff.ps1": as_script(made)}}
    return answer | ({"seen": await _seen(world, found, latest_words(asked), made)} if verify else {})


async def _asked(world: World, found: OnRecord) -> list[tuple[Request, Task]]:
    """What requests ask for the partner itself, the latest first."""
    return [
        (request, task)
        for request in found.requests
        for task in await world.tables.tasks.cohort(request.id, PARTNER_COHORT)
        if not task.reverses and task.state not in _GONE
    ]


def _sets(asked: list[tuple[Request, Task]]) -> list[Set]:
    """What they come to: of one thing, what the latest says over what earlier ones said."""
    last = [task for _, task in latest_words(asked)]
    earlier = [task for _, task in reversed(asked)]
    return [
        Set(
            task.step,
            {
                key: value
                for one in earlier
                if (one.step, one.subject) == (task.step, task.subject)
                for key, value in one.wanted.items()
            },
            task.details,
        )
        for task in last
    ]


def _by_template(world: World, partner: Partner, name: str) -> list[Set]:
    """What a request that asks for nothing of its own would get by the template."""
    if not name:
        return []
    template = load_template(world.settings.templates, name, world.steps)
    wish = PartnerWish(name=partner.name[:64], domains=partner.domains)
    header = Header(version=1, id="handoff", template=name, partner=wish)
    planner = Planner(world.steps, header, template, partner, world.settings.person_key, world.clock())
    return [Set(task.step, task.wanted, task.details) for task in planner.partner_cohort().tasks]


async def _invites(world: World, found: OnRecord, name: str) -> bool:
    chosen = name or (found.latest.header.template if found.latest else "")
    return bool(chosen) and INVITE in load_template(world.settings.templates, chosen, world.steps).steps


async def _seen(world: World, found: OnRecord, asked: Iterable[tuple[Request, Task]], made: Handoff) -> list[dict[str, str]]:
    """What can be told from our side: that the domains are theirs, how our own side is, and what their people's doings prove."""
    seen = [await _domain(world, found.partner, domain) for domain in found.partner.domains]
    seen += [await _ours(world, request, task) for request, task in asked]
    came = await _came(world, found)
    for item in made.items:
        if item.key == "cross-tenant-access" and came:
            proof = f"{came} of their people {'has' if came == 1 else 'have'} accepted an invitation of ours, so their tenant lets them out"
            seen.append(_line(item.title, YES, proof))
        else:
            seen.append(_line(item.title, UNSEEN, item.unseen))
    return seen


async def _domain(world: World, partner: Partner, domain: str) -> dict[str, str]:
    what = f"{domain} is in tenant {partner.tenant_id}"
    try:
        there = await world.tenant.organizations.of_domain(domain)
    except (NotYet, WontWork) as error:
        return _line(what, UNSEEN, error.reason)
    if there is None:
        return _line(what, NO, "Microsoft knows no tenant for it any more")
    same = there.tenant_id == partner.tenant_id
    return _line(what, YES if same else NO, "as Microsoft tells" if same else f"it is in tenant {there.tenant_id} now")


async def _ours(world: World, request: Request, task: Task) -> dict[str, str]:
    what = f"our side: {task.step}"
    if (step := next((one for one in world.steps if one.name == task.step), None)) is None:
        return _line(what, UNSEEN, "this app has no such step any more")
    ending, looked = await look(world, step, request, replace(task, seen=None))
    if looked.seen is None:
        return _line(what, UNSEEN, ending.reason)
    sight = looked.seen.sight
    return _line(
        what, YES if sight is Sight.NOTHING else NO, "is as asked" if sight is Sight.NOTHING else f"is not as asked ({sight})"
    )


async def _came(world: World, found: OnRecord) -> int:
    """How many of a few guests have redeemed their invitation."""
    users: dict[str, None] = {}
    for request in found.requests:
        async for task in world.tables.tasks.all(request.id):
            if task.step == INVITE and task.state is TaskState.DONE and "user" in task.ids:
                users[task.ids["user"]] = None
            if len(users) >= MOST_GUESTS:
                break
    came = 0
    for user in list(users)[:MOST_GUESTS]:
        try:
            guest = await world.tenant.redemption.guest(user)
        except (NotYet, WontWork):
            continue
        came += guest is not None and guest.redemption == "Accepted"
    return came


def _line(what: str, seen: str, how: str) -> dict[str, str]:
    return {"what": what, "seen": seen, "how": how}
