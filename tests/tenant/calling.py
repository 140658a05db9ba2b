"""Callers with tokens, and a clock that stands still."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from devstack.tenant.server import RunningTenant
from devstack.tenant.tokens import EXCHANGE, GRAPH

MIA = "bbbbbbbb-0000-4000-8000-000000000001"
NOOR = "bbbbbbbb-0000-4000-8000-000000000002"
LI = "bbbbbbbb-0000-4000-8000-000000000003"
PROJECT = "aaaaaaaa-0000-4000-8000-000000000001"
READERS = "aaaaaaaa-0000-4000-8000-000000000002"
CONTACT = "cccccccc-0000-4000-8000-000000000001"


@dataclass
class StandingTime:
    """Time that passes only when told."""

    moment: datetime = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment

    def forward(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


@dataclass
class Caller:
    """Plain HTTP to one tenant, with tokens that carry the roles asked for. At `webhook` an application answers handshakes."""

    tenant: RunningTenant
    http: httpx.AsyncClient
    tokens: dict[Any, str] = field(default_factory=dict)
    webhook: str = ""

    def bearer(
        self, resource: str = GRAPH, roles: tuple[str, ...] | None = None, directory_roles: tuple[str, ...] | None = None
    ) -> dict[str, str]:
        state = self.tenant.services.tenant
        own = state.identities[0]
        key = (resource, roles, directory_roles)
        if key not in self.tokens:
            self.tokens[key], _ = state.tokens.mint(
                resource,
                application=own.application,
                principal=own.principal,
                roles=own.permissions.get(resource, []) if roles is None else list(roles),
                directory_roles=own.directory_roles if directory_roles is None else list(directory_roles),
            )
        return {"Authorization": f"Bearer {self.tokens[key]}"}

    async def graph(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        eventual: bool = False,
        roles: tuple[str, ...] | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        all_headers = {**self.bearer(roles=roles), **({"ConsistencyLevel": "eventual"} if eventual else {}), **(headers or {})}
        url = path if path.startswith("http") else f"{self.tenant.graph}{path}"
        return await self.http.request(method, url, json=body, headers=all_headers)

    async def exchange(
        self,
        name: str,
        /,
        *,
        directory_roles: tuple[str, ...] | None = None,
        headers: dict[str, str] | None = None,
        url: str | None = None,
        **parameters: Any,
    ) -> httpx.Response:
        anchor = f"APP:SystemMailbox{{bb558c35-97f1-4cb9-8ff7-d53741dc928c}}@{self.tenant.services.tenant.tenant_id}"
        return await self.http.post(
            url or self.tenant.exchange,
            json={"CmdletInput": {"CmdletName": name, "Parameters": parameters}},
            headers={
                **self.bearer(EXCHANGE, directory_roles=directory_roles),
                "X-AnchorMailbox": anchor,
                "X-CmdletName": name,
                **(headers or {}),
            },
        )

    async def control(self, method: str, path: str, body: Any = None, /, **query: str) -> Any:
        reply = await self.http.request(method, f"{self.tenant.control}/{path}", json=body, params=query or None)
        assert reply.status_code == 200, reply.text
        return reply.json()

    async def invite(self, address: str, **more: Any) -> httpx.Response:
        body = {"invitedUserEmailAddress": address, "inviteRedirectUrl": "https://myapps.microsoft.com/?tenantid=x", **more}
        return await self.graph("POST", "/invitations", body)

    async def guest(self, address: str, **more: Any) -> str:
        reply = await self.invite(address, **more)
        assert reply.status_code == 201, reply.text
        identifier: str = reply.json()["invitedUser"]["id"]
        return identifier

    async def state(self) -> dict[str, Any]:
        found: dict[str, Any] = await self.control("GET", "state")
        return found


def error_of(reply: httpx.Response) -> tuple[int, str, str]:
    """Status, code and message of a refusal."""
    error = reply.json()["error"]
    return reply.status_code, error["code"], error["message"]
