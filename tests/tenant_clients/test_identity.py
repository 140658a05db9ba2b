"""The managed identity, asked over a socket: what the simulated App Service answers, and what may go wrong."""

import asyncio
import json
from typing import Any

import pytest
from aiohttp import web
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ServiceRequestError

from devstack.tenant.server import running_tenant
from shared.tenant.identity import RENEW_BEFORE, ManagedIdentity

GRAPH = "https://graph.microsoft.com/.default"


async def test_a_token_is_asked_for_once_and_anew_where_claims_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_tenant() as tenant, ManagedIdentity() as identity:
        monkeypatch.setenv("IDENTITY_ENDPOINT", tenant.to_json()["identity"])
        monkeypatch.setenv("IDENTITY_HEADER", tenant.to_json()["identityHeader"])
        first, *others = await asyncio.gather(*(identity.get_token(GRAPH) for _ in range(5)))
        assert {other.token for other in others} == {first.token}
        assert (await identity.get_token_info(GRAPH)).token == first.token
        assert (await identity.get_token(GRAPH, claims="{}")).token != first.token or first.expires_on
        assert (await identity.get_token("https://outlook.office365.com/.default")).token != first.token
        with pytest.raises(HttpResponseError) as unknown:
            await identity.get_token("https://nowhere.example/.default")
        assert unknown.value.status_code == 400
        with pytest.raises(HttpResponseError):
            await ManagedIdentity("11111111-1111-4111-8111-111111111111").get_token(GRAPH)


class Endpoint:
    """An endpoint that answers as told, and counts."""

    def __init__(self, status: int = 200, **body: Any) -> None:
        self.status, self.body, self.asked = status, body, []  # type: ignore[var-annotated]  # requests, as they come

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(dict(request.query))
        return web.Response(status=self.status, text=json.dumps(self.body))

    async def started(self, monkeypatch: pytest.MonkeyPatch) -> web.AppRunner:
        app = web.Application()
        app.router.add_get("/msi/token", self.answer)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{runner.addresses[0][1]}/msi/token")
        monkeypatch.setenv("IDENTITY_HEADER", "secret")
        return runner


async def test_what_is_about_to_expire_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 1_000_000.0)
    endpoint = Endpoint(access_token="t", expires_on=str(1_000_000 + RENEW_BEFORE - 1))
    runner = await endpoint.started(monkeypatch)
    identity = ManagedIdentity("own")
    await identity.get_token(GRAPH)
    endpoint.body["expires_on"] = str(1_000_000 + RENEW_BEFORE + 1)
    await identity.get_token(GRAPH)
    await identity.get_token(GRAPH)
    await runner.cleanup()
    assert endpoint.asked == [{"api-version": "2019-08-01", "resource": "https://graph.microsoft.com", "client_id": "own"}] * 2


@pytest.mark.parametrize(
    ("endpoint", "kind"),
    [
        (Endpoint(500), HttpResponseError),
        (Endpoint(302), HttpResponseError),
        (Endpoint(200, error="none"), ServiceRequestError),
        (Endpoint(200, access_token="t", expires_on="soon"), ServiceRequestError),
    ],
    ids=["500", "redirect", "no token", "no time"],
)
async def test_an_answer_that_is_no_token(endpoint: Endpoint, kind: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    runner = await endpoint.started(monkeypatch)
    with pytest.raises(kind):
        await ManagedIdentity().get_token(GRAPH)
    await runner.cleanup()


async def test_no_identity_and_one_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IDENTITY_ENDPOINT", raising=False)
    with pytest.raises(ClientAuthenticationError, match="IDENTITY_ENDPOINT"):
        await ManagedIdentity().get_token(GRAPH)
    runner = await Endpoint().started(monkeypatch)
    await runner.cleanup()
    with pytest.raises(ServiceRequestError, match="out of reach"):
        await ManagedIdentity().get_token(GRAPH)
