"""The platform for sign-in: an app registration gets a token of a tenant if its identity vouches for it, and if it is known there."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from devstack.login.exchange import GRANT, JWT, Platform, Registration
from devstack.stack.tenants import APP, platform, seeds
from devstack.tenant.clock import TenantClock
from devstack.tenant.control.routes import Order, carry_out
from devstack.tenant.identity import answer_token
from devstack.tenant.server import build, load_seed
from devstack.tenant.tenant import SimulatedTenant
from devstack.tenant.tokens import GRAPH, VOUCHING

SECRET = "secret"
GOOD = {"grant_type": GRANT, "client_assertion_type": JWT, "client_id": APP, "scope": f"{GRAPH}/.default"}


@pytest.fixture
def tenants() -> dict[str, SimulatedTenant]:
    """By the address of their control plane, which is their name here."""
    return {name: build(seed, TenantClock()) for name, seed in seeds(("contoso", "tailspin"), load_seed()).items()}


def described(tenants: dict[str, SimulatedTenant]) -> Platform:
    announced = {
        name: {"tenantId": one.tenant_id, "control": name, "identityPrincipal": one.own_principal}
        for name, one in tenants.items()
    }
    made = platform(announced)
    return Platform(made["tenants"], {one["app"]: Registration(**one) for one in made["registrations"]})


def vouching(tenant: SimulatedTenant, resource: str = VOUCHING) -> str:
    _, body = answer_token(tenant, SECRET, {"X-IDENTITY-HEADER": SECRET}, f"api-version=2019-08-01&resource={resource}")
    return str(body["access_token"])


async def asked(
    tenants: dict[str, SimulatedTenant], of: str, trusting: Platform | None = None, **changes: str
) -> tuple[int, dict[str, Any]]:
    async def ask(control: str, path: str, body: Mapping[str, str]) -> tuple[int, Any]:
        return carry_out("POST", path, Order(tenants[control], dict(body), {}, lambda _: None, _nothing))

    form = {**GOOD, "client_assertion": vouching(tenants["contoso"]), **changes}
    return await (trusting or described(tenants)).answer(tenants[of].tenant_id if of in tenants else of, form, ask)


async def _nothing() -> None:
    return


async def test_a_token_is_good_in_the_tenant_that_was_asked_alone(tenants: dict[str, SimulatedTenant]) -> None:
    for name, tenant in tenants.items():
        status, body = await asked(tenants, name)
        assert status == 200, body
        token = tenant.tokens.check(f"Bearer {body['access_token']}", GRAPH)
        assert token.application == APP
        assert "User.Invite.All" in token.roles
        (other,) = [one for one in tenants.values() if one is not tenant]
        with pytest.raises(Exception, match="Invalid signature"):
            other.tokens.check(f"Bearer {body['access_token']}", GRAPH)


@pytest.mark.parametrize(
    ("of", "changes", "code"),
    [
        ("99999999-0000-4000-8000-000000000000", {}, "AADSTS90002"),
        ("tailspin", {"grant_type": "password"}, "AADSTS900144"),
        ("tailspin", {"scope": GRAPH}, "AADSTS1002012"),
        ("tailspin", {"client_id": "99999999-0000-4000-8000-000000000000"}, "AADSTS700016"),
        ("tailspin", {"client_assertion": "a.b.c"}, "AADSTS50013"),
        ("tailspin", {"scope": "https://nowhere.example/.default"}, "AADSTS500011"),
    ],
)
async def test_what_is_wrong_is_refused_in_its_words(
    tenants: dict[str, SimulatedTenant], of: str, changes: dict[str, str], code: str
) -> None:
    status, body = await asked(tenants, of, None, **changes)
    assert status in {400, 401}
    assert body["error_description"].startswith(code)


async def test_only_the_identity_of_the_apps_own_tenant_vouches(tenants: dict[str, SimulatedTenant]) -> None:
    for assertion in (vouching(tenants["tailspin"]), vouching(tenants["contoso"], GRAPH)):
        status, body = await asked(tenants, "tailspin", client_assertion=assertion)
        assert (status, body["error_description"][:11]) == (401, "AADSTS50013")


async def test_another_identity_of_that_tenant_is_not_trusted(tenants: dict[str, SimulatedTenant]) -> None:
    made = described(tenants)
    assertion = vouching(tenants["contoso"])
    trusted = replace(made.registrations[APP], subject="99999999-0000-4000-8000-000000000009")
    status, body = await asked(tenants, "tailspin", Platform(made.tenants, {APP: trusted}), client_assertion=assertion)
    assert (status, body["error_description"][:12]) == (401, "AADSTS700213")


async def test_a_tenant_that_does_not_know_the_app_gives_nothing(tenants: dict[str, SimulatedTenant]) -> None:
    there = tenants["tailspin"]
    there.identities = [one for one in there.identities if not one.registered]
    status, body = await asked(tenants, "tailspin")
    assert (status, body["error_description"][:12]) == (400, "AADSTS700016")


def test_the_managed_identity_endpoint_gives_nothing_for_a_registration(tenants: dict[str, SimulatedTenant]) -> None:
    query = f"api-version=2019-08-01&resource={GRAPH}&client_id={APP}"
    status, _ = answer_token(tenants["contoso"], SECRET, {"X-IDENTITY-HEADER": SECRET}, query)
    assert status == 400
