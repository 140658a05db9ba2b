"""The two steps for mail connectors, put together from what they share, and what both look ahead for."""

from collections.abc import Callable, Mapping
from functools import partial

from shared.nouns.state import Value
from shared.nouns.step import Ask, Finding, Preflight, Step, Weight, Wish
from shared.steps import connectors
from shared.steps.connectors import ENABLED, WHERE, Direction
from shared.steps.exchange_ahead import access, readable
from shared.steps.exchange_values import elements
from shared.tenant import Tenant


def connector_step(
    direction: Direction,
    sentence: str,
    wanted: Callable[[Ask], Wish | None],
    of_check: Callable[[str], tuple[Weight, str]],
    *,
    by_hand: str,
) -> Step[Tenant]:
    """The step of one direction. `of_check` says what the chosen check of the mail flow means, `by_hand` what a person has to try."""

    async def looked_ahead(tenant: Tenant, ahead: Preflight) -> tuple[Finding, ...]:
        wish = wanted(Ask(ahead.header, ahead.template, ahead.partner, ahead.settings))
        if wish is None:
            return ()
        found = await _preflight(direction, tenant, ahead, wish.state, str(wish.details["name"]))
        if wish.state[ENABLED] is not True:
            return found
        check = str(wish.details["check"])
        weight, said = of_check(check)
        return (*found, Finding(weight, "MailFlowCheck", check, "the request or its template", said))

    return Step(
        name=direction.step,
        sentence=sentence,
        subject="partner",
        permissions=(),
        power="settings",
        lanes=("exchange",),
        wanted=wanted,
        read=partial(connectors.read, direction),
        explain=partial(connectors.explain, direction),
        apply=partial(connectors.apply, direction),
        undo=partial(connectors.undo, direction),
        settled=partial(connectors.settled, direction),
        # Which management role has the connectors' cmdlets is unverified; Exchange Administrator has them.
        exchange_roles=("Remote and Accepted Domains",),
        session=True,
        sensitive=True,
        keeps=("connector",),
        preflight=looked_ahead,
        instruct=partial(connectors.instruct, direction, by_hand),
    )


async def _preflight(
    direction: Direction, tenant: Tenant, ahead: Preflight, asked: Mapping[str, Value], name: str
) -> tuple[Finding, ...]:
    """Missing permissions, connectors of others for the same domains, one of this name, and those for all domains."""
    if missing := await access(tenant, ahead):
        return missing
    everything, refused = await readable(direction.objects(tenant).all(), f"{direction.title}s")
    findings = list(refused)
    for one in everything or ():
        there = one.values.get(ENABLED) is True
        if one.name.casefold() == name.casefold():
            said = f"The {direction.title} {one.name!r} is there already: what differs is changed, and nothing else"
            findings.append(Finding(Weight.TELLS, direction.title, one.name, WHERE, said))
        elif there and (common := elements(asked, direction.domains) & elements(one.values, direction.domains)):
            said = (
                f"The {direction.title} {one.name!r} is enabled for {', '.join(sorted(common))} already: name it in the request to have it "
                "changed, or disable it"
            )
            findings.append(Finding(Weight.REFUSES, direction.title, one.name, WHERE, said))
        elif there and "*" in elements(one.values, direction.domains):
            said = f"The {direction.title} {one.name!r} is for all domains; the one for the partner's own domains comes before it"
            findings.append(Finding(Weight.TELLS, direction.title, one.name, WHERE, said))
    return tuple(findings)
