"""Permissions in code = granted by the command = used in a whole run on the simulated tenant."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from devstack.tenant.graph.operation import Call
from devstack.tenant.seed import plant
from devstack.tenant.tokens import GRAPH
from shared.needs import BY_EXCHANGE, needed, steps_allowed
from shared.nouns.grants import covers
from shared.nouns.power import POWERS
from shared.steps import STEPS
from tests.app.conftest import Stage
from tests.app.test_whole import LISTS
from tests.app.whole import carried_out, few, templates

# What partners who come and go do not need, and what does.
USED_ELSEWHERE = {
    "AuditLog.Read.All": "clean-up looks for the last sign-in",
    "User.DeleteRestore.All": "clean-up deletes and restores",
}


def least(permission: str, enough: Sequence[str]) -> bool:
    """Of the permissions of which each is enough, Microsoft names it first, or all the others allow more of the same."""
    return permission in enough and (enough[0] == permission or all(covers({other}, permission) for other in enough))


async def test_a_whole_run_uses_what_is_needed_and_no_more(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In code = granted = used: each permission alone lets something through that the run asks for, but for those that other runs use."""
    folder = templates(tmp_path)
    needs = needed(STEPS, steps_allowed(folder), POWERS)
    asked: set[tuple[str, ...]] = set()

    def may(call: Call, *permissions: str) -> bool:
        asked.add(permissions)
        return not call.token.roles.isdisjoint(permissions)

    monkeypatch.setattr(Call, "may", may)
    made = await stage.fresh(ENTENTE_TEMPLATES=str(folder))
    tenant = stage.running.services.tenant
    plant(tenant, {**LISTS, "permissions": {GRAPH: sorted(needs | BY_EXCHANGE)}})
    await carried_out(made, few(3, template="shut", id="look", mode="plan"))
    await carried_out(made, few(3, template="shut"))
    await carried_out(made, few(0, template="shut", id="off", action="offboard"))
    granted = needs | BY_EXCHANGE
    used = {
        permission for permission in granted if any(least(permission, [each for each in one if each in granted]) for one in asked)
    }
    assert used <= granted
    assert granted - used == USED_ELSEWHERE.keys(), (
        "what nothing uses is not asked for; what a run has come to use is no longer excused"
    )
