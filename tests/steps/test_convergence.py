"""A worker that loses every answer, at any write, with readers behind: each step still gets there, and nobody two mails.

The runner's rules in ten lines: read, compare, journal the intent, apply, verify; repeat only after the horizon.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.nouns.json_text import Json
from shared.nouns.outcomes import NotYet
from shared.nouns.partner import Partner
from shared.nouns.person import Person
from shared.nouns.state import State, difference
from shared.nouns.step import Intent, Step, Subject
from shared.steps.add_to_group import ADD_TO_GROUP
from shared.steps.invite_guest import INVITE_GUEST
from shared.steps.set_organization_relationship import SET_ORGANIZATION_RELATIONSHIP
from shared.tenant import Tenant
from tests.steps.conftest import Simulation

HORIZON = 300
FABRIKAM = Partner("22222222-2222-2222-2222-222222222222", "Fabrikam", ("fabrikam.com", "fabrikam.co.uk"))
MIA = "bbbbbbbb-0000-4000-8000-000000000001"
NOOR = "bbbbbbbb-0000-4000-8000-000000000002"
GROUP = "aaaaaaaa-0000-4000-8000-000000000002"
EFFECTS = ["lost", "effect-then-lost", "status", "effect-then-status"]
DETAILS: dict[str, Json] = {"redirectUrl": "https://myapps.microsoft.com", "sendMail": True}

STEPS: dict[str, tuple[Step[Tenant], Subject, State, str]] = {
    "guest": (
        INVITE_GUEST,
        Subject("p-ana", FABRIKAM, Person("p-ana", "ana@fabrikam.com", "Ana"), details=DETAILS),
        {"guest": True, "sponsors": (MIA,)},
        "/invitations",
    ),
    "group": (
        ADD_TO_GROUP,
        Subject("b", FABRIKAM, group=GROUP, members={"p-mia": MIA, "p-noor": NOOR}),
        {"p-mia": "member", "p-noor": "member"},
        f"/groups/{GROUP}",
    ),
    "relationship": (
        SET_ORGANIZATION_RELATIONSHIP,
        Subject("t", FABRIKAM, details={"parameters": {"PhotosEnabled": True}}),
        {"PhotosEnabled": True, "DomainNames": FABRIKAM.domains},
        "/InvokeCommand",
    ),
}


async def attempt(tenant: Tenant, step: Step[Tenant], subject: Subject, wanted: State, now: datetime) -> tuple[Subject, bool]:
    """The subject as the next attempt finds it, and whether it is as wanted."""
    begun: Intent | None = None
    try:
        actual = await step.read(tenant, subject)
        assert step.explain(subject, actual) is None
        change = difference(wanted, actual)
        if not change:
            return subject, True
        if subject.intents and now - subject.intents[-1].at < timedelta(seconds=HORIZON):
            return subject, False
        begun = Intent(now, len(subject.intents) + 1, change, answered=False)
        applied = await step.apply(tenant, subject, change)
    except NotYet as error:
        lost = (begun,) if begun and error.effect_unknown else ()
        return replace(subject, intents=(*subject.intents, *lost)), False
    answered = (*subject.intents, replace(begun, answered=True))
    return replace(subject, intents=answered, ids={**subject.ids, **applied.ids}), False


@pytest.mark.parametrize("stale", [0, 1, 3])
@pytest.mark.parametrize("losses", [1, 3])
@pytest.mark.parametrize("effect", EFFECTS)
@pytest.mark.parametrize("name", STEPS)
async def test_it_converges(tenant: Tenant, simulation: Simulation, name: str, effect: str, losses: int, stale: int) -> None:
    step, subject, wanted, path = STEPS[name]
    simulation.order("PUT", "lag", {"staleReads": stale})
    cmdlet = {"cmdlet": "New-OrganizationRelationship"} if name == "relationship" else {}
    answer: dict[str, Any] = {"status": 500, "code": "UnknownError"} if "status" in effect else {}
    match = {"path": path, **cmdlet} if cmdlet else {"path": f"{path}$"}
    simulation.order("POST", "faults", {"effect": effect, "match": match, "times": losses, **answer})
    ahead, there = 0, False
    for _ in range(20):
        now = datetime.now(UTC) + timedelta(seconds=ahead)
        subject, there = await attempt(tenant, step, subject, wanted, now)
        if there:
            break
        simulation.order("POST", "clock", {"advance": HORIZON + 1})
        ahead += HORIZON + 1
    assert there, subject.intents
    simulation.order("PUT", "lag", 0)
    assert difference(wanted, await step.read(tenant, subject)) == {}
    if name == "guest":
        assert simulation.mails == ["ana@fabrikam.com"]
    if name == "relationship":
        assert len(simulation.state["organizationRelationships"]) == 1
