"""Many attempts at once, in any order, some delivered twice: nothing is lost and nothing is done twice."""

import pytest

from tests.app.conftest import Stage
from tests.app.test_killed import assert_converged, request

GUESTS = [
    {"email": f"guest{number}@fabrikam.com", "groups": ["fabrikam-project", "partner-readers"][: number % 3]}
    for number in range(45)
]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("stale", [0, 2])
async def test_any_interleaving_ends_the_same(stage: Stage, seed: int, stale: int) -> None:
    wanted = request(GUESTS)
    rig = await stage.fresh(stale_reads=stale, ENTENTE_ENTRA_WRITES_PER_SECOND="0", ENTENTE_INVITATIONS_PER_SECOND="0")
    rig.submit(wanted)
    await rig.deliver_interleaved(seed)
    assert_converged(stage.running, rig, wanted)
