"""What timers compare costs a small share of what Microsoft allows, however much there is to compare: counted at the simulated tenant."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
import pytest

from devstack.tenant.throttle import PUBLISHED, READ_UNITS
from shared.nouns.power import Power
from shared.settings import Settings
from shared.verbs import succeed
from shared.verbs.compare import compare_settings, look_after_partners
from tests.app.conftest import Stage
from tests.app.test_react import FABRIKAM, MIA, by_hand, request
from tests.app.whole import few, templates
from tests.rig import CountedTransport, Rig

PARTNERS, PER_RUN = 6, 2
HOUR = timedelta(hours=1)
# The smallest tenants have the least; a run is every hour, and may take this share of what an hour allows.
UNITS_AN_HOUR = min(units for _, units in READ_UNITS) * 3_600 / PUBLISHED["reads"].seconds
SHARE = 0.01


@dataclass
class Asked:
    """What Graph was asked: how often with which priority, what that cost, and how much of it at once at most."""

    priorities: Counter[str | None] = field(default_factory=Counter)
    units: int = 0
    cmdlets: int = 0
    writes: int = 0
    at_once: int = 0
    most: int = 0

    def begin(self) -> None:
        """Nothing was asked."""
        self.priorities.clear()
        self.units = self.cmdlets = self.writes = self.most = 0


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    made = Asked()
    forward = CountedTransport.handle_async_request

    async def counted(self: CountedTransport, sent: httpx.Request) -> httpx.Response:
        made.at_once += 1
        made.most = max(made.most, made.at_once)
        try:
            answer = await forward(self, sent)
        finally:
            made.at_once -= 1
        if sent.url.path.startswith(("/v1.0/", "/beta/")):
            made.priorities[sent.headers.get("x-ms-throttle-priority")] += 1
            made.units += int(answer.headers.get("x-ms-resource-unit", 0))
            made.writes += sent.method != "GET" and "$batch" not in str(sent.url)
        else:
            made.cmdlets += 1
        return answer

    monkeypatch.setattr(CountedTransport, "handle_async_request", counted)
    return made


async def partners(stage: Stage, number: int, **more: Any) -> Rig:
    """So many partners, each with an organization relationship and a guest."""
    rig = await stage.fresh(ENTENTE_COMPARE_PER_RUN=PER_RUN)
    homes = stage.running.services.tenant.partner_tenants
    for one in range(number):
        domain = f"p{one}.example"
        home = {"tenantId": f"{one:08}-2222-4000-8000-000000000000", "displayName": f"P {one}", "defaultDomainName": domain}
        homes[domain] = {**homes["fabrikam.com"], **home}
        whose = {"partner": {"name": f"P {one}", "domains": [domain]}, "guests": [{"email": f"g@{domain}"}]}
        await rig.settle({**request(f"r-{one}", template="joint-project"), **whose, **more})
    rig.now += HOUR
    return rig


@pytest.mark.parametrize("power", ["settings", "guests"])
async def test_a_run_costs_the_same_however_many_partners_there_are_and_the_next_goes_on(
    stage: Stage, asked: Asked, power: Power
) -> None:
    rig = await partners(stage, PARTNERS)
    each = []
    for _ in range(PARTNERS // PER_RUN + 1):
        asked.begin()
        await compare_settings(rig.world, power)
        each.append((sum(asked.priorities.values()), asked.cmdlets))
        assert set(asked.priorities) <= {"Low"}
        assert (asked.writes, asked.most) == (0, 1), "it reads, one after the other"
        rig.now += HOUR
    assert len(set(each)) == 1, each
    assert sum(each[0]) > 0


async def test_a_run_with_as_much_as_there_can_be_takes_a_hundredth_of_the_smallest_limit(
    stage: Stage, asked: Asked, tmp_path: Any
) -> None:
    """A partner with every option, as often as a run compares by default, and as many sponsors as it reads."""
    rig = await stage.fresh(ENTENTE_TEMPLATES=str(templates(tmp_path)))
    await rig.settle({**few(3), "template": "freely"})
    known = await rig.world.tables.partners.get(FABRIKAM)
    assert known is not None
    rig.now += HOUR
    asked.begin()
    for power in ("settings", "guests"):
        await compare_settings(rig.world, power)
    per_run = Settings.model_fields["compare_per_run"].default
    assert asked.units > 10
    assert asked.units * per_run < SHARE * UNITS_AN_HOUR / 2
    asked.begin()
    await rig.world.tables.index.note(
        FABRIKAM, {}, sponsors=[f"{number:08}-0000-4000-8000-000000000001" for number in range(1_000)]
    )
    await look_after_partners(rig.world)
    assert set(asked.priorities) == {"Low"}
    assert asked.units < SHARE * UNITS_AN_HOUR / 2


async def test_sponsors_are_read_in_turn_so_many_a_run(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(succeed, "MOST_SPONSORS", 3)
    rig = await stage.fresh()
    names = [f"{number:08}-0000-4000-8000-000000000001" for number in range(7)]
    await rig.world.tables.index.note(FABRIKAM, {}, sponsors=names)
    seen: list[int] = []
    for _ in range(3):
        await succeed.look_after_sponsors(rig.world)
        seen.append(len(await rig.world.tables.index.leavers()))
    assert seen == [3, 6, 7], "nobody of them is there"


async def test_successors_are_looked_for_in_turn_for_so_many_guests_a_run(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(succeed, "MOST_GUESTS", 2)
    rig = await stage.fresh()
    await rig.settle(request(guests=5))
    by_hand(stage, "delete", MIA)
    await succeed.look_after_sponsors(rig.world)
    rig.now += timedelta(days=40)
    looked: Counter[str] = Counter()
    of = rig.world.tenant.sightings.groups_of

    async def groups_of(guest: str) -> tuple[str, ...]:
        looked[guest] += 1
        # Nobody owns them, so that nobody can be asked and it is looked again.
        await of(guest)
        return ()

    monkeypatch.setattr(rig.world.tenant.sightings, "groups_of", groups_of)
    for run in range(1, 25):
        await succeed.look_after_sponsors(rig.world)
        assert looked.total() == 2 * run
        rig.now += HOUR
    assert len(looked) == 5, "everybody has had a turn"
