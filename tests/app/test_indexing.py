"""Finding the functions imports the bindings, and next to nothing else: what a function needs, its first call imports."""

import subprocess
import sys

from shared.steps import STEPS
from shared.topology import STEP_QUEUES, StepQueue

OURS = """
import sys
import function_app
print(*sorted(name for name in sys.modules if name.partition(".")[0] in {"shared", "functions", "pydantic", "structlog"}))
"""
WEBHOOK = """
import sys
import function_app
from shared.verbs import listen, world
from shared.tables import subscriptions
print(*sorted(name for name in sys.modules if name.startswith(("shared.verbs.", "shared.steps", "shared.tenant."))))
"""


def imported(script: str) -> set[str]:
    return set(subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split())


def test_finding_the_functions_imports_no_verb_no_view_no_step_and_no_model() -> None:
    found = {name for name in imported(OURS) if not name.startswith("functions")}
    nouns = {f"shared.nouns.{name}" for name in ("errors", "outcomes", "power")}
    assert found == {"shared", "shared.clock", "shared.nouns", "shared.powers", "shared.root", "shared.topology", *nouns}


def test_the_webhook_imports_no_reaction_no_step_and_no_client_of_the_tenant() -> None:
    names = ("ahead", "ears", "listed", "listen", "telling", "told_again", "upkeep", "world")
    assert imported(WEBHOOK) == {f"shared.verbs.{name}" for name in names}


def test_the_queues_of_the_steps_are_what_the_steps_say() -> None:
    assert tuple(StepQueue(step.name, step.power, sessions=step.session) for step in STEPS) == STEP_QUEUES
