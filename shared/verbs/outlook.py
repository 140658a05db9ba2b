"""What a request will meet in the tenant, found before its first write: what refuses it, what hinders it, what it needs."""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from shared.nouns.errors import Fault
from shared.nouns.outcomes import WontWork
from shared.nouns.redaction import without_addresses
from shared.nouns.request import MOST_GUESTS_PER_PART, Header, Read
from shared.nouns.step import Finding, Preflight, Step, Weight
from shared.nouns.task import Task
from shared.nouns.template import Template
from shared.plan import Cohort, Planner
from shared.tenant import Tenant
from shared.verbs.permitted import lacked, permitted, sentence
from shared.verbs.world import World

# What is shown of it stands in one property of a row, which holds 32 K characters.
MOST_FINDINGS = 60
MOST_CHARACTERS = 400


@dataclass(frozen=True)
class Outlook:
    """`steps` are those that are carried out, `undone` those whose earlier changes are taken back. `findings` are by step; `needed` are
    the application permissions on Microsoft Graph of both, `missing` those that the identities lack which carry them out, and `planned` why
    the request is only planned for that; empty where nothing is missing."""

    steps: tuple[Step[Tenant], ...]
    undone: tuple[Step[Tenant], ...]
    findings: tuple[tuple[str, Finding], ...]
    needed: tuple[str, ...]
    missing: tuple[str, ...]
    planned: str = ""

    @property
    def refusals(self) -> list[Fault]:
        """Why the request cannot be carried out as it is, all permissions granted; each names the setting, its value and where to change it."""
        return [
            Fault(f"steps.{step}", f"{found.why} ({found.setting} is {found.value}; change it in {found.where})")
            for step, found in self.findings
            if found.weight is Weight.REFUSES and not found.grant
        ]

    @property
    def shown(self) -> Mapping[str, Any]:
        return {
            "findings": [
                {
                    "step": step,
                    "weight": found.weight.value,
                    "setting": found.setting[:MOST_CHARACTERS],
                    "value": without_addresses(found.value)[:MOST_CHARACTERS],
                    "where": found.where[:MOST_CHARACTERS],
                    "why": without_addresses(found.why)[:MOST_CHARACTERS],
                }
                for step, found in self.findings[:MOST_FINDINGS]
            ],
            "planned": self.planned,
            "permissions": {"needed": list(self.needed), "missing": list(self.missing)},
            "exchangeRoles": sorted({role for step in (*self.steps, *self.undone) for role in step.exchange_roles}),
        }

    def needs_approval(self, template: Template, action: str, guests: int) -> tuple[str, ...]:
        """Why somebody else than the requester has to agree; empty where nobody has to.

        A change that takes a limit or a connector back may let in more than before; a leaving ends closed, or as it was.
        """
        named = template.approval.steps
        steps = dict.fromkeys((*self.steps, *(self.undone if action == "change" else ())))
        why = [step.name for step in steps if (step.sensitive if named is None else step.name in named)]
        return (*why, *([f"up to {guests} guests"] if guests > template.approval.guests else []))


async def outlook(world: World, planner: Planner[Tenant], planned: Iterable[Cohort], read: Read) -> Outlook:
    """What the planned steps look ahead for, all at once. Raises NotYet where the tenant cannot be asked now; what it did answer is not
    asked again soon.

    What is taken back meets nothing that a preflight tells, but needs its permissions.
    """
    tasks = [task for cohort in planned for task in cohort.tasks]
    steps = _of(world, (task for task in tasks if not task.reverses))
    undone = _of(world, (task for task in tasks if task.reverses))
    acting = _of(world, tasks)
    may = await permitted(world, acting)
    lacks = lacked(may, acting)
    roles = await world.tenant.roles()
    guests = _coming(planner.header, read)
    domains = tuple(sorted({guest.email.rpartition("@")[2] for guest in read.guests.values()}))
    look = (read.header_digest, read.part_digest, roles)
    found = world.ahead.of(look, world.clock())
    left = [step for step in steps if step.name not in found]
    asked = await asyncio.gather(
        *(_findings(world, planner, step, guests, domains, roles) for step in left), return_exceptions=True
    )
    new = {step.name: said for step, said in zip(left, asked, strict=True) if not isinstance(said, BaseException)}
    found |= new
    world.ahead.answers += len(new)
    for failed in (said for said in asked if isinstance(said, BaseException)):
        raise failed
    world.ahead.finish(look)
    needed = tuple(sorted({permission for step in acting for permission in step.permissions}))
    missing = tuple(sorted({permission for some in lacks.values() for permission in some}))
    lacking = [(name, _lacks(name, some)) for name, some in lacks.items()]
    lacking += [("invite-guest", finding) for finding in _synchronized_better(planner.template, guests)]
    listed = [(step.name, one) for step in steps for one in found[step.name] if not (one.grant and step.name in lacks)]
    only = _planned(lacks, (*lacking, *listed))
    return Outlook(steps, undone, tuple(dict.fromkeys((*lacking, *listed))), needed, missing, only)


def _planned(lacks: Mapping[str, tuple[str, ...]], findings: Iterable[tuple[str, Finding]]) -> str:
    """Why the request is only planned: what the tokens lack, and what a step has found out for itself."""
    others = {step: (found.setting,) for step, found in findings if found.grant and found.weight is Weight.REFUSES}
    return sentence({**others, **lacks}) if others or lacks else ""


def _of(world: World, tasks: Iterable[Task]) -> tuple[Step[Tenant], ...]:
    """The steps of the tasks, each once."""
    names = {task.step for task in tasks}
    return tuple(step for step in world.steps if step.name in names)


def _coming(header: Header, read: Read) -> int:
    """How many guests come or stay; of a request in parts, as many as those can hold."""
    if header.action == "offboard":
        return 0
    return MOST_GUESTS_PER_PART * header.parts if header.parts > 1 else sum(not one.leave for one in read.guests.values())


async def _findings(
    world: World, planner: Planner[Tenant], step: Step[Tenant], guests: int, domains: tuple[str, ...], roles: frozenset[str]
) -> tuple[Finding, ...]:
    if step.preflight is None:
        return ()
    if step.power not in world.settings.powers:
        # Our identity sees nothing there; the plan's own look at it is made by the app that carries it out.
        said = "not looked at ahead: the app that carries the step out has an identity of its own"
        return (Finding(Weight.TELLS, f"preflight of {step.name}", "not read", "the plan's tasks say", said),)
    ahead = Preflight(
        partner=planner.partner,
        header=planner.header,
        template=planner.template,
        settings=planner.settings_of(step),
        guests=guests,
        guest_domains=domains,
        roles=roles,
    )
    try:
        # Exchange takes very few calls at once.
        async with world.exchange if "exchange" in step.lanes or step.asks_exchange else nullcontext():
            return await step.preflight(world.tenant, ahead)
    except WontWork as error:
        return (Finding(Weight.WARNS, f"preflight of {step.name}", "not read", "the reason says", error.reason),)


def _synchronized_better(template: Template, guests: int) -> tuple[Finding, ...]:
    """Where people of organizations of one group come in better by themselves, and who sets that up.

    https://learn.microsoft.com/entra/identity/multi-tenant-organizations/cross-tenant-synchronization-overview
    """
    if template.synchronization is None or not guests:
        return ()
    most = template.synchronization.above
    why = (
        f"Template {template.name} invites up to {most} guests. Cross-tenant synchronization brings more in better: it follows who "
        "joins, moves and leaves, which invitations do not. The partner's administrator creates the configuration in their tenant, and ours "
        "allows it; access to groups and settings is then asked for here, without guests"
    )
    where = (
        "Microsoft Entra admin center, Entra ID, External Identities: theirs, Cross-tenant synchronization, Configurations; ours, "
        "Cross-tenant access settings, the partner, Inbound access, Cross-tenant sync"
    )
    weight = Weight.REFUSES if guests > most else Weight.TELLS
    return (Finding(weight, "synchronization.above", f"{most}, with {guests} guests asked for", where, why),)


def _lacks(step: str, lacks: tuple[str, ...]) -> Finding:
    return Finding(
        Weight.REFUSES,
        "application permissions",
        f"without {', '.join(lacks)}",
        "Microsoft Entra admin center, Enterprise applications, the app's managed identity, Permissions",
        f"The app's identity may not do what {step} needs",
        grant=True,
    )
