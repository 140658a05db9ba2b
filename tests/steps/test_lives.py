"""Every case of every step that is lived through against the simulated tenant, and that no step is without them."""

from pathlib import Path

import pytest

from shared.steps import STEPS
from tests.app.conftest import Stage, stage
from tests.steps.lives import Life, Lived, lives

__all__ = ["stage"]

LIVES = list(lives(Path(__file__).parent / "cases"))
BY_NAME = {step.name: step for step in STEPS}
# What a step cannot have, and why.
WITHOUT = {
    "prove-closed": {"change", "undo", "others"},  # it only reads
    "unshare-with-guest": {"change", "undo", "others"},  # permissions by name are in tests of their own
    "close-partner": {"refused"},  # nothing stands in the way of closing
    **{key: {"others"} for key in ("welcome-guest", "tell-owners", "warn-guest")},  # a mail stays sent, whatever others do
}


@pytest.mark.parametrize("life", LIVES, ids=lambda life: f"{life.step}: {life.name}")
async def test_a_step_lives_as_its_case_says(stage: Stage, life: Life) -> None:
    rig = await stage.fresh()
    # A whole life takes one moment of the test's clock.
    stage.running.services.tenant.throttle.on = False
    await Lived(stage.running, rig.world.tenant, BY_NAME[life.step], life.given).through()


@pytest.mark.parametrize("step", sorted(BY_NAME))
def test_every_step_has_its_cases(step: str) -> None:
    mine = [life.given for life in LIVES if life.step == step]
    has = {
        "nothing to do": any("again" in one or ("settled" in one and "change" not in one) for one in mine),
        "change": any("change" in one for one in mine),
        "undo": any("undo" in one and "others" not in one for one in mine),
        "others": any("others" in one and ("wontWork" in one or "undo" in one) for one in mine),
        "refused": any("why" in one for one in mine),
    }
    assert {kind for kind, there in has.items() if not there} <= WITHOUT.get(step, set())
