"""What a request will meet is found out bit by bit where the tenant does not answer everything at once."""

from datetime import timedelta

from shared.verbs.ahead import Ahead
from tests.app.conftest import Stage
from tests.app.whole import few
from tests.rig import START


async def test_only_what_the_tenant_did_not_answer_is_asked_again(stage: Stage) -> None:
    """One in six questions fails: that a score of steps are all answered in one go will not happen."""
    rig = await stage.fresh()
    rule = {"match": {"method": "GET"}, "effect": "status", "status": 503, "probability": 0.17}
    stage.running.services.tenant.faults.add(rule)
    await rig.settle(few(2, id="look", mode="plan", template="joint-project"))
    request = await rig.world.tables.requests.get("look")
    assert request is not None
    assert request.state == "done"
    assert request.received - START < timedelta(minutes=20)
    stage.running.services.tenant.faults.clear()
    calm = await stage.fresh()
    await calm.settle(few(2, id="look", mode="plan", template="joint-project"))
    same = await calm.world.tables.requests.get("look")
    assert same is not None
    assert request.outlook == same.outlook


async def test_a_look_that_was_finished_is_not_remembered(stage: Stage) -> None:
    rig = await stage.fresh()
    await rig.settle(few(1, id="look", mode="plan", template="joint-project"))
    assert rig.world.ahead.looks == {}


async def test_what_was_found_is_kept_for_minutes_and_so_many_requests(stage: Stage) -> None:
    rig = await stage.fresh()
    ahead = rig.world.ahead
    ahead.of("first", rig.now)["some-step"] = ()
    assert ahead.of("first", rig.now) == {"some-step": ()}
    for number in range(100):
        ahead.of(number, rig.now)
    assert len(ahead.looks) == 100
    assert ahead.of("first", rig.now) == {}


def test_patience_grows_only_while_nothing_is_learned() -> None:
    ahead = Ahead()
    assert [ahead.tried("r", retry, progress=False) for retry in range(4)] == [0, 1, 2, 3]
    assert ahead.tried("r", 40, progress=True) == 0
    assert [ahead.tried("r", 41 + more, progress=False) for more in range(2)] == [1, 2]
    assert ahead.tried("another", 40, progress=False) == 3, "a process that was not there counts from a few"
