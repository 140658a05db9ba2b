"""One app for several tenants, by settings: the same functions, and nothing of one tenant's in another's."""

import base64
import heapq
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import azure.functions as func
import pytest

from devstack.tenant.control.state import state
from devstack.tenant.server import RunningTenant, load_seed, running_tenant
from devstack.tenant.tokens import GRAPH
from functions import cleanup, intake, listening, people, requests, steps, tenant_changes, timers, whose
from shared import root
from shared.bus import Envelope, TenantBus
from shared.nouns.errors import SettingsMissing
from shared.nouns.outcomes import NotYet
from shared.nouns.person import person_id
from shared.nouns.power import POWERS
from shared.settings import ROOT, read_tenants
from shared.tables import Tables
from shared.topology import FINISH, INTAKE
from shared.verbs.subscribe import addresses
from shared.verbs.world import World
from tests.app.whole import ONE_GUEST as REQUEST
from tests.rig import MemoryBus, MemoryTable, Rig, rig

NAMES = ("contoso", "tailspin")
SOME_ID = "00000000-0000-0000-0000-0000000000ff"
KEYS = {name: base64.b64encode(name.encode() * 8).decode() for name in NAMES}
ENVIRONMENT = {
    "ENTENTE_TENANTS": "contoso, tailspin",
    "ServiceBus__fullyQualifiedNamespace": "bus.servicebus.windows.net",
    "Tables__endpoint": "https://data.table.core.windows.net",
    "ENTENTE_APP_CLIENT_ID": "00000000-0000-0000-0000-00000000000a",
    "ENTENTE_TENANT_ID__contoso": "00000000-0000-0000-0000-000000000001",
    "ENTENTE_TENANT_ID__tailspin": "00000000-0000-0000-0000-000000000002",
    "ENTENTE_PERSON_KEY__contoso": KEYS["contoso"],
    "ENTENTE_PERSON_KEY__tailspin": KEYS["tailspin"],
    "ENTENTE_MAILBOX__contoso": "partners@contoso.com",
    "ENTENTE_TEMPLATES__contoso": str(ROOT / "templates"),
    "ENTENTE_TEMPLATES__tailspin": str(ROOT / "examples"),
    "ENTENTE_LANGUAGE": "nl",
}


# --- settings


def test_each_tenant_has_what_is_its_own_and_what_is_said_for_all() -> None:
    contoso, tailspin = read_tenants(ENVIRONMENT).values()
    assert (contoso.tenant_name, contoso.table_prefix, contoso.mailbox) == ("contoso", "contoso", "partners@contoso.com")
    assert (tailspin.tenant_name, tailspin.table_prefix, tailspin.mailbox) == ("tailspin", "tailspin", "")
    assert {one.language for one in (contoso, tailspin)} == {"nl"}
    assert contoso.report_only
    assert tailspin.report_only


def test_an_app_for_one_is_as_it_was() -> None:
    one = {"ENTENTE_TENANT_ID": ENVIRONMENT["ENTENTE_TENANT_ID__contoso"], "ENTENTE_PERSON_KEY": KEYS["contoso"]}
    shared = {name: value for name, value in ENVIRONMENT.items() if "__c" not in name and "__t" not in name}
    (settings,) = read_tenants({**shared, **one, "ENTENTE_TENANTS": ""}).values()
    assert (settings.tenant_name, settings.table_prefix) == ("", "")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"ENTENTE_TENANT_ID__tailspin": ENVIRONMENT["ENTENTE_TENANT_ID__contoso"]},
            "ENTENTE_TENANT_ID: contoso and tailspin have",
        ),
        ({"ENTENTE_PERSON_KEY__tailspin": KEYS["contoso"]}, "ENTENTE_PERSON_KEY: contoso and tailspin have"),
        ({"ENTENTE_TABLE_PREFIX__tailspin": "contoso"}, "ENTENTE_TABLE_PREFIX: contoso and tailspin have"),
        ({"ENTENTE_TEMPLATES__tailspin": str(ROOT / "templates")}, "ENTENTE_TEMPLATES: contoso and tailspin have"),
        ({"ENTENTE_TEMPLATES__tailspin": ""}, "there is no folder"),
        ({"ENTENTE_MAILBOX": "all@contoso.com"}, "ENTENTE_MAILBOX is of one tenant: say whose, as in ENTENTE_MAILBOX__contoso"),
        ({"ENTENTE_REPORT_ONLY": "false"}, "ENTENTE_REPORT_ONLY is of one tenant"),
        (
            {"ENTENTE_MAILBOX__contosso": "x@contoso.com"},
            "ENTENTE_MAILBOX__contosso is of a tenant that ENTENTE_TENANTS does not name",
        ),
        ({"ServiceBus__contoso": "Endpoint=x"}, "ServiceBus is one for all tenants"),
        ({"ENTENTE_TENANT_ID__tailspin": ""}, "tenant tailspin"),
        ({"ENTENTE_TENANTS": "contoso, Tail-Spin"}, "ENTENTE_TENANTS names Tail-Spin"),
        ({"ENTENTE_TENANTS": "contoso, contoso"}, "names a tenant twice"),
    ],
)
def test_what_would_mix_tenants_up_is_told_at_the_start(change: dict[str, str], says: str) -> None:
    with pytest.raises(SettingsMissing, match=says.replace("(", r"\(")):
        read_tenants({**ENVIRONMENT, **change})


def test_worlds_share_the_connection_to_the_bus_and_nothing_else() -> None:
    made = root.build_several(read_tenants(ENVIRONMENT), credential=SimpleNamespace())
    assert made.keys() == set(NAMES)
    first, second = made.values()
    assert isinstance(first.bus, TenantBus)
    assert isinstance(second.bus, TenantBus)
    assert first.bus._bus is second.bus._bus
    for part in ("tables", "tenant", "ears", "listed", "exchange", "planning"):
        assert getattr(first, part) is not getattr(second, part)


# --- the app


@dataclass
class App:
    """Two tenants of Microsoft 365, one set of queues, one account of tables, and the functions between them."""

    worlds: dict[str, World]
    rigs: dict[str, Rig]
    running: dict[str, RunningTenant]
    bus: MemoryBus
    tables: dict[str, MemoryTable]
    functions: dict[str, Callable[..., Awaitable[Any]]]

    async def deliver_all(self) -> None:
        for _ in range(2_000):
            if not self.bus.waiting:
                return
            due = heapq.heappop(self.bus.waiting)
            for one in self.rigs.values():
                one.now = max(one.now, due.at)
            await self.deliver(due.envelope)
        raise AssertionError("messages keep coming")

    async def deliver(self, envelope: Envelope) -> None:
        body = envelope.body if isinstance(envelope.body, bytes) else envelope.body.encode()
        message = SimpleNamespace(
            get_body=lambda: body, application_properties=dict(envelope.properties), session_id=envelope.session
        )
        await self.functions[envelope.queue](message)

    async def call(self, name: str, tenant: str, roles: tuple[str, ...], body: Any = None, **named: str) -> tuple[int, Any]:
        claims = [{"typ": "oid", "val": "one"}, *({"typ": "roles", "val": role} for role in roles)]
        signed = base64.b64encode(json.dumps({"claims": claims}).encode()).decode()
        request = func.HttpRequest(
            method="POST",
            url="https://app/api/x",
            headers={"x-ms-client-principal": signed, **({"x-entente-tenant": tenant} if tenant else {})},
            params={},
            route_params=named,
            body=json.dumps(body or {}).encode(),
        )
        answer = await self.functions[name](request)
        return answer.status_code, json.loads(answer.get_body())

    def guests(self, name: str) -> list[str]:
        return [
            str(user.get("mail")) for user in state(self.running[name].services.tenant)["users"] if user["userType"] == "Guest"
        ]


def elsewhere() -> Any:
    """The default tenant, as another one."""
    seed = load_seed()
    return {**seed, "organization": {**seed["organization"], "tenantId": "99999999-1111-1111-1111-111111111111"}}


@pytest.fixture
async def app() -> AsyncIterator[App]:
    async with running_tenant() as contoso, running_tenant(elsewhere()) as tailspin:
        running = dict(zip(NAMES, (contoso, tailspin), strict=True))
        rigs = {}
        for name, there in running.items():
            rigs[name] = rig(there, ENTENTE_TENANT_NAME=name, ENTENTE_PERSON_KEY=KEYS[name], WEBSITE_AUTH_ENABLED="true")
        first = rigs["contoso"]
        shared: dict[str, MemoryTable] = {}
        for name, one in rigs.items():
            one.world.bus = TenantBus(first.bus, name)
            one.world.tables = _prefixed(name, shared, first)
        found = {name: one.world for name, one in rigs.items()}
        root._built.update(found)
        yield App(found, rigs, running, first.bus, shared, dict(_functions()))
        root._built.clear()
        for one in rigs.values():
            await one.close()


def _prefixed(name: str, shared: dict[str, MemoryTable], first: Rig) -> Tables:
    async def ending() -> None:
        return

    return Tables(lambda table: shared.setdefault(f"{name}{table}", MemoryTable(f"{name}{table}", first.border)), ending)


def _functions() -> Iterator[tuple[str, Callable[..., Awaitable[Any]]]]:
    """Every function by its queue, or by its name."""
    app = func.FunctionApp()
    for module in (cleanup, intake, listening, people, requests, tenant_changes, timers):
        app.register_functions(module.bp)
    for power in POWERS:
        app.register_functions(steps.of(power))
    for one in app.get_functions():
        trigger: Any = one.get_trigger()
        queue = trigger.get_dict_repr().get("queueName")
        yield str(queue or one.get_function_name()), one.get_user_function()


async def test_the_same_request_to_two_tenants_is_carried_out_in_each_by_itself(app: App) -> None:
    for name in NAMES:
        status, said = await app.call("submit-partner-request", name, (f"{name}.Requester",), REQUEST)
        assert status == 202, said
    await app.deliver_all()
    for name, ours in app.worlds.items():
        request = await ours.tables.requests.get("r1")
        assert request is not None
        assert request.state.value == "done", request.reason
        assert app.guests(name).count("ana@fabrikam.com") == 1
        assert not {row for table in app.tables for row in app.tables[table].content if not table.startswith(NAMES)}
    ana = {name: person_id(ours.settings.person_key, "ana@fabrikam.com") for name, ours in app.worlds.items()}
    assert len(set(ana.values())) == 2
    for name, table in app.tables.items():
        other = ana["tailspin" if name.startswith("contoso") else "contoso"]
        assert other not in str(table.content), f"{name} knows somebody of the other tenant"


async def test_only_one_of_them_is_touched_when_one_is_asked(app: App) -> None:
    await app.call("submit-partner-request", "tailspin", ("tailspin.Requester",), REQUEST)
    await app.deliver_all()
    assert "ana@fabrikam.com" in app.guests("tailspin")
    assert "ana@fabrikam.com" not in app.guests("contoso")
    assert await app.worlds["contoso"].tables.requests.get("r1") is None


@pytest.mark.parametrize("roles", [("Requester", "Operator"), ("tailspin.Requester", "tailspin.Operator"), ("contosoRequester",)])
async def test_a_role_counts_for_the_tenant_that_it_is_named_after(app: App, roles: tuple[str, ...]) -> None:
    status, said = await app.call("submit-partner-request", "contoso", roles, REQUEST)
    assert status == 403
    assert "has none of the roles" in said["error"]
    assert not app.bus.waiting


@pytest.mark.parametrize("tenant", ["", "fourthcoffee"])
async def test_who_names_no_tenant_of_ours_gets_nowhere(app: App, tenant: str) -> None:
    status, said = await app.call("submit-partner-request", tenant, ("contoso.Requester", "tailspin.Requester"), REQUEST)
    assert status == 400
    assert not set(NAMES) & set(said["error"].split()), "who the others are is nobody's business"


async def test_a_message_from_outside_asks_for_nobody(app: App) -> None:
    await app.deliver(Envelope(INTAKE, "m", json.dumps(REQUEST), properties={"tenant": "contoso"}))
    assert await app.worlds["contoso"].tables.requests.get("r1") is None
    (item,) = await app.worlds["contoso"].tables.parked.all()
    assert "requests come over HTTP" in item.reason
    # What is signed for one tenant is no request to another.
    await app.call("submit-partner-request", "contoso", ("contoso.Requester",), REQUEST)
    (sent,) = [due.envelope for due in app.bus.waiting]
    app.bus.waiting.clear()
    await app.deliver(Envelope(INTAKE, "x", sent.body, properties={**sent.properties, "tenant": "tailspin"}))
    assert await app.worlds["tailspin"].tables.requests.get("r1") is None


async def test_a_message_of_no_tenant_is_not_done(app: App) -> None:
    for properties in ({}, {"tenant": "fourthcoffee"}):
        with pytest.raises(root.UnknownTenant):
            await app.deliver(Envelope(FINISH, "m", "{}", properties=properties))


async def test_ids_and_sessions_of_two_tenants_are_never_the_same(app: App) -> None:
    for name in NAMES:
        await app.worlds[name].bus.send([Envelope(FINISH, "same", "{}", session="same")])
    envelopes = [due.envelope for due in app.bus.waiting]
    assert sorted(one.message_id for one in envelopes) == ["contoso.same", "tailspin.same"]
    assert sorted(str(one.session) for one in envelopes) == ["contoso.same", "tailspin.same"]


async def test_timers_take_each_in_turn_whatever_becomes_of_the_other(app: App) -> None:
    seen = []

    async def verb(ours: World) -> None:
        seen.append(ours.settings.tenant_name)
        if ours.settings.tenant_name == "contoso":
            raise NotYet("out of reach", after=5)

    with pytest.raises(NotYet, match="out of reach"):
        await whose.each(verb)
    assert seen == list(NAMES)


async def test_each_tenant_hears_of_its_own_changes_alone(app: App) -> None:
    told = {}
    for name, ours in app.worlds.items():
        changed = {"notification_url": "https://app.example", "client_state_key": KEYS[name].encode()}
        ours.settings = ours.settings.model_copy(update=changed)
        told[name] = addresses(ours.settings)
    assert told["contoso"] == (
        "https://app.example/api/tenant-changes?tenant=contoso",
        "https://app.example/api/tenant-changes/lifecycle?tenant=contoso",
    )
    request = func.HttpRequest("POST", "https://app/api/x", params={"tenant": "fourthcoffee"}, body=b"{}")
    assert (await app.functions["hear-tenant-changes"](request)).status_code == 404
    event: dict[str, Any] = {
        "specversion": "1.0",
        "type": "Microsoft.Graph.UserUpdated",
        "data": {"subscriptionId": SOME_ID, "resource": f"Users/{SOME_ID}"},
    }
    for name in NAMES:
        about = {**event, "data": {**event["data"], "tenantId": app.worlds[name].settings.tenant_id}}
        message: Any = SimpleNamespace(get_body=lambda about=about: json.dumps(about).encode(), application_properties={})
        assert (await whose.of_event(message)) is app.worlds[name]


async def asked_how_it_is(app: App, **params: str) -> tuple[int, Any]:
    answer = await app.functions["show-health"](func.HttpRequest("GET", "https://app/api/health", params=params, body=b""))
    return answer.status_code, json.loads(answer.get_body())


async def test_health_of_all_names_nobody_and_of_one_says_all(app: App) -> None:
    status, said = await asked_how_it_is(app)
    assert (status, said["tenants"]["all"]) == (200, 2)
    assert not [name for name in NAMES if name in str(said)]
    status, said = await asked_how_it_is(app, tenant="tailspin")
    assert (status, said["mode"]) == (200, "apply")
    assert (await asked_how_it_is(app, tenant="fourthcoffee"))[0] == 404


async def test_what_is_degraded_takes_work_and_is_red_for_who_watches(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    (identity,) = app.running["tailspin"].services.tenant.identities
    identity.permissions[GRAPH].remove("User.Invite.All")
    for params, degraded in (({"tenant": "tailspin"}, 503), ({}, 503), ({"tenant": "contoso"}, 200)):
        status, said = await asked_how_it_is(app, **params)
        assert (status, said["status"]) == (200, "degraded" if degraded == 503 else "ok"), params
        assert (await asked_how_it_is(app, **params, strict="true"))[0] == degraded

    async def silent(_: str) -> None:
        raise NotYet("out of reach", after=5)

    for name, of_all in (("contoso", 200), ("tailspin", 503)):
        monkeypatch.setattr(app.worlds[name].tables.requests, "get", silent)
        assert (await asked_how_it_is(app, tenant=name))[0] == 503
        assert (await asked_how_it_is(app))[0] == of_all, "as long as one of them takes work"


async def test_pace_is_kept_for_each_tenant(app: App) -> None:
    now = app.worlds["contoso"].clock()
    await app.worlds["contoso"].hold(("entra-writes",), 600)
    free = {name: (await ours.tables.pace.reserve("entra-writes", 1, 1.0, now))[0] for name, ours in app.worlds.items()}
    assert free["tailspin"] == now
    assert free["contoso"] >= now + timedelta(seconds=600)
