"""What the tests of the steps share: a simulated tenant in a process of its own, reached over sockets by the real clients."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from shared.tenant import Tenant, TenantSettings


def pytest_configure(config: pytest.Config) -> None:
    # Importing any request builder of msgraph-sdk 1.65 says this.
    config.addinivalue_line("filterwarnings", "ignore:(This class|GetQueryParameters) is deprecated:DeprecationWarning")


@dataclass(frozen=True)
class Simulation:
    """The control plane of the simulated tenant."""

    where: dict[str, str]
    http: httpx.Client

    def order(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.http.request(method, f"{self.where['control']}/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    @property
    def state(self) -> Any:
        return self.order("GET", "state")

    @property
    def mails(self) -> list[str]:
        """Who was written to, in order."""
        return [mail["to"] for mail in self.state["outbox"]]

    def user(self, address: str) -> Any:
        return next(user for user in self.state["users"] if address in (user.get("mail"), user.get("userPrincipalName")))

    def fault(self, effect: str, path: str, times: int = 1, **match: str) -> None:
        """The next requests that match go wrong in this way."""
        self.order("POST", "faults", {"effect": effect, "match": {"path": path, **match}, "times": times})

    def writes(self, path: str) -> list[str]:
        """The methods of all requests but reads whose path matches (a regular expression), in order."""
        seen = self.order("GET", f"requests?path={path}")["value"]
        return [request["method"] for request in seen if request["method"] != "GET"]


@pytest.fixture(scope="session")
def simulated() -> Iterator[dict[str, str]]:
    with subprocess.Popen([sys.executable, "-m", "devstack.tenant"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()


@pytest.fixture
def simulation(simulated: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulation]:
    monkeypatch.setenv("IDENTITY_ENDPOINT", simulated["identity"])
    monkeypatch.setenv("IDENTITY_HEADER", simulated["identityHeader"])
    with httpx.Client(trust_env=False) as http:
        simulation = Simulation(simulated, http)
        simulation.order("POST", "reset")
        simulation.order("PUT", "lag", 0)
        # A step is asked as fast as the test goes; what limits make of it is the runner's, and has tests of its own.
        simulation.order("PUT", "throttle", {"enabled": False})
        yield simulation


def settings_of(simulation: Simulation) -> TenantSettings:
    where = simulation.where
    return TenantSettings(
        where["tenantId"],
        graph_url=where["graph"],
        exchange_url=where["tenant"],
        sharepoint_url=where["tenant"],
        sharepoint_admin_url=where["tenant"],
        sharepoint_resource="https://contoso.sharepoint.com",
        sharepoint_admin_resource="https://contoso-admin.sharepoint.com",
        teams_url=where["tenant"],
        teams_settings="write",
        fabric_url=where["tenant"],
    )


@pytest.fixture
async def tenant(simulation: Simulation) -> AsyncIterator[Tenant]:
    tenant = Tenant(settings_of(simulation))
    yield tenant
    await tenant.close()
