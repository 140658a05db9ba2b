"""What a request will meet is found out bit by bit where the tenant does not answer everything at once."""

from datetime import timedelta

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
