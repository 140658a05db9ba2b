"""The dashboard's functions behind a web server, with a partner that was onboarded for real on the rig, and much else on record."""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import azure.functions as func
import pytest
import pytest_asyncio
from aiohttp import web

from devstack.tenant.clock import TenantClock
from devstack.tenant.server import running_tenant
from functions import dashboard, dashboard_pages, people, principal
from shared.nouns.partner import Partner
from shared.nouns.person import person_id
from shared.nouns.request import PartnerWish
from shared.tables.drift import Drifted, drift_id
from shared.tables.parked import ParkedItem
from shared.tables.requests import RequestState
from shared.tables.runs import Candidate, Run, RunState
from shared.verbs.approve import approve
from tests.app.conftest import Moment, Stage
from tests.app.whole import few, templates
from tests.rig import START, Rig

FABRIKAM = "22222222-2222-2222-2222-222222222222"
ROLES = ("Reader", "Requester", "Approver", "Operator")
# Whatever it says, it is to be read and nothing else.
HOSTILE = "<img src=x onerror=\"window.hurt='yes'\"><script>window.hurt='yes'</script>'\"&amp;\u202e{{7*7}}"


def signed_in(*roles: str, person: str = "alice") -> dict[str, str]:
    """The header that App Service sets for who has signed in."""
    claims = [{"typ": "http://schemas.microsoft.com/identity/claims/objectidentifier", "val": person}]
    claims += [{"typ": "roles", "val": role} for role in roles]
    return {"x-ms-client-principal": base64.b64encode(json.dumps({"auth_typ": "aad", "claims": claims}).encode()).decode()}


class Site:
    """The functions behind a web server. `asked` has the path and query of every request; `instead` answers in their place, by path; while
    `down` is set, connections are closed without an answer."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.url = ""
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.instead: dict[str, tuple[int, Any]] = {}
        self.down = False

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(str(request.rel_url))
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.headers.append(headers)
        if self.down and request.transport is not None:
            request.transport.abort()
        if request.path in self.instead:
            status, body = self.instead[request.path]
            return web.json_response(body, status=status, headers={"Cache-Control": "no-store"})
        route, params = _route(request.path)
        if request.method != "GET" or route is None:
            return web.Response(status=404)
        found: func.HttpResponse = await route(
            func.HttpRequest(
                method="GET",
                url=str(request.url),
                headers=headers,
                params={key: value for key, value in request.query.items() if value},
                route_params=params,
                body=b"",
            )
        )
        sent = {name: value for name, value in found.headers.items() if name.lower() != "content-type"}
        kind = found.headers.get("content-type") or found.mimetype
        return web.Response(status=found.status_code, body=found.get_body(), headers={**sent, "Content-Type": kind})


def _route(path: str) -> tuple[Any, dict[str, str]]:
    parts = path.strip("/").split("/")[1:]
    match parts:
        case ["health"]:
            return people.show_health, {}
        case ["dashboard", "status", what, *rest] if len(rest) <= 1:
            return dashboard.read_for_dashboard, {"what": what, **({"id": rest[0]} if rest else {})}
        case ["dashboard", *rest] if len(rest) <= 1:
            return dashboard.show_dashboard, {"file": rest[0]} if rest else {}
    return None, {}


async def onboarded(rig: Rig) -> None:
    """The example with every option for two guests, and a plan of it."""
    await rig.settle(few(2))
    await approve(rig.world, "fabrikam-full", "user bob")
    await rig.deliver_all()
    await rig.settle(few(2, id="look-ahead", mode="plan"))


async def much(rig: Rig, partners: int = 2, guests: int = 3) -> None:
    """Further partners with guests, whose names are hostile, and whatever else a person may have to look at."""
    tables, now = rig.world.tables, rig.now
    known = await tables.requests.get("fabrikam-full")
    assert known is not None
    states = [RequestState.DONE, RequestState.STOPPED, RequestState.AWAITING_APPROVAL, RequestState.DONE, RequestState.RUNNING]
    for number in range(partners):
        tenant = f"33333333-0000-4000-8000-{number:012}"
        name = f"Partner {number:03}" if number else HOSTILE[:64]
        wish = PartnerWish(name=name, domains=(f"partner{number:03}.example",))
        state = states[number % len(states)]
        request = replace(
            known,
            id=f"onboard-{number:03}",
            header=known.header.model_copy(update={"id": f"onboard-{number:03}", "partner": wish}),
            partner_tenant=tenant,
            state=state,
            received=now - timedelta(minutes=number),
            finished=None,
            needs_approval=("allow-domain",) if state is RequestState.AWAITING_APPROVAL else (),
            decide_by=now + timedelta(days=14) if state is RequestState.AWAITING_APPROVAL else None,
            decided_by="",
            reason=HOSTILE if state is RequestState.STOPPED else "",
            counts={"done": 20, "stopped": 3} if state is RequestState.STOPPED else known.counts,
        )
        await tables.requests.insert(request)
        if not request.is_open:
            await tables.requests.close(request)
        await tables.partners.take(Partner(tenant, name, wish.domains), request.id if state is RequestState.RUNNING else "")
        await tables.partners.note_request(tenant, request.id, now)
        people_of = [person_id(rig.world.settings.person_key, f"g{one}@{wish.domains[0]}") for one in range(guests)]
        last = {person: rig.now.date() + timedelta(days=3 * at % 90 - 2) for at, person in enumerate(people_of)}
        await tables.guests.claim(tenant, request.id, last)
        stages = ("redeemed", "redeemed", "invited", "warned", "blocked", "deleted")
        for at, stage_name in enumerate(stages):
            some = dict.fromkeys(people_of[at :: len(stages)], ("", stage_name, ()))
            await tables.guests.note(tenant, some)


async def waiting(rig: Rig) -> None:
    """One of each thing that needs a person."""
    tables, now = rig.world.tables, rig.now
    for kind, request, step in (
        ("task", "fabrikam-full", "invite-guest"),
        ("by hand", "fabrikam-full", "allow-federation"),
        ("refused", "refused-1", ""),
        ("unknown-guest", "", "guest-appeared"),
        ("seen", "", "sponsor-left"),
    ):
        item = f"{kind.replace(' ', '-')}:{request}:t|p1|it's {kind}"
        await tables.parked.add(ParkedItem(item, kind, request, "", step, f"{kind}: {HOSTILE}", now))
    step, before, after = "allow-domain", {"domain": "fabrikam.com"}, {"domain": HOSTILE}
    name = drift_id(FABRIKAM, step, FABRIKAM)
    await tables.drift.save(
        Drifted(FABRIKAM, name, step, FABRIKAM, "fabrikam-full", "", before, after, "open", now, now, said=HOSTILE)
    )
    run = Run(
        "cleanup-1", RunState.HELD, now, "the clock", True, counts={"directory": 60, "touched": 30, "block": 30, "unknown": 2}
    )
    await tables.runs.begin(replace(run, held=("30 of 60 guests would be blocked, more than 5 % at once",), notes=(HOSTILE,)))
    person = person_id(rig.world.settings.person_key, "ana@fabrikam.com")
    ended = date(2026, 11, 1)
    await tables.runs.name(
        run.id, [Candidate(FABRIKAM, person, "", "block", "ended", "c1", f"their last day was {ended}", HOSTILE)]
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house() -> AsyncIterator[Stage]:
    """One simulated tenant for all."""
    made: list[Rig] = []
    clock = TenantClock(source=lambda: made[0].now if made else START)
    async with running_tenant(clock=clock) as running:
        yield Stage(running, made)
        for old in made:
            await old.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def before(house: Stage, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Moment]:
    """Settings, and everything as it is once the partner has been onboarded."""
    settings: dict[str, Any] = {
        "templates": templates(tmp_path_factory.mktemp("templates")),
        "WEBSITE_AUTH_ENABLED": "true",
        "ENTENTE_KEY_ROLES": "Reader",
    }
    rig = await house.fresh(**settings)
    await onboarded(rig)
    return settings, house.moment(rig, **settings)


@pytest_asyncio.fixture(loop_scope="module")
async def site(house: Stage, before: tuple[dict[str, Any], Moment], monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    """A site where one partner was onboarded."""
    async with served(await house.back_at(before[1]), monkeypatch) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def empty(house: Stage, before: tuple[dict[str, Any], Moment], monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    """A site where nothing was asked for yet."""
    async with served(await house.fresh(**before[0]), monkeypatch) as made:
        yield made


@asynccontextmanager
async def served(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    """A site for the rig, as long as the block lasts."""

    async def of_call(req: func.HttpRequest) -> Any:
        return rig.world

    async def worlds() -> list[Any]:
        return [rig.world]

    for module in (principal, dashboard_pages, people):
        monkeypatch.setattr(module, "of_call", of_call)
    monkeypatch.setattr(people, "worlds", worlds)
    made = Site(rig)
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", made.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://localhost:{runner.addresses[0][1]}"
    try:
        yield made
    finally:
        await runner.cleanup()
