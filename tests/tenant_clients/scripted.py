"""Microsoft 365 at the lowest seam: an HTTP transport that answers what a script says, and nothing else."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import httpx
from azure.core.credentials import AccessToken

from shared.tenant import Tenant, TenantSettings

OURS = "99999999-9999-4999-8999-999999999999"
GRAPH = "https://graph.microsoft.com/v1.0"
EXCHANGE = f"https://outlook.office365.com/adminapi/beta/{OURS}/InvokeCommand"


@dataclass(frozen=True)
class Turn:
    """One request that is expected, by method and the beginning of its decoded URL after the base, and its answer.

    `body` has the fields of the request's body that matter. An `answer` that is an exception is raised instead.
    """

    request: str
    answer: httpx.Response | Exception
    body: Any = None


@dataclass
class Script(httpx.AsyncBaseTransport):
    turns: Sequence[Turn]
    seen: list[httpx.Request] = field(default_factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        await request.aread()
        told = spelled(request)
        assert len(self.seen) <= len(self.turns), f"nobody expected {told}"
        turn = self.turns[len(self.seen) - 1]
        assert told.startswith(turn.request), f"{turn.request} was expected, not {told}"
        if turn.body is not None:
            sent = json.loads(request.content)
            assert covers(turn.body, sent), f"{told}: {turn.body} was expected in {sent}"
        if isinstance(turn.answer, Exception):
            raise turn.answer
        return turn.answer

    def done(self) -> None:
        """Every request of the script was made."""
        missing = [turn.request for turn in self.turns[len(self.seen) :]]
        assert not missing, f"these were never asked: {missing}"


def spelled(request: httpx.Request) -> str:
    """`GET /users?$filter=...` for Graph, the cmdlet's name for Exchange; decoded, for people."""
    url = str(request.url)
    if url.startswith(EXCHANGE):
        return str(json.loads(request.content)["CmdletInput"]["CmdletName"])
    return f"{request.method} {unquote(url.removeprefix(GRAPH))}"


def covers(expected: Any, actual: Any) -> bool:
    """The expected fields are in the actual ones, with these values; `null` means that the field is not there."""
    if isinstance(expected, dict):
        return isinstance(actual, dict) and all(covers(value, actual.get(key)) for key, value in expected.items())
    return bool(expected == actual)


@dataclass
class FixedCredential:
    """Gives `token`, and `token-fresh-1` and so on when asked for a fresh one."""

    token: str = "eyJ0b2tlbg.eyJyb2xlcyI6WyJVc2VyLkludml0ZS5BbGwiXX0.c2ln"
    fresh: int = 0
    scopes: list[str] = field(default_factory=list)
    closed: bool = False

    async def get_token(self, *scopes: str, claims: str | None = None) -> AccessToken:
        self.scopes += scopes
        if claims is None:
            return AccessToken(self.token, 2_000_000_000)
        self.fresh += 1
        return AccessToken(f"{self.token}-fresh-{self.fresh}", 2_000_000_000)

    async def close(self) -> None:
        self.closed = True


def scripted_tenant(script: Script, credential: FixedCredential | None = None) -> Tenant:
    """Our tenant over the script, with the addresses of the real one."""
    return Tenant(TenantSettings(OURS), credential=credential or FixedCredential(), transport=script)


def refusal(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> httpx.Response:
    """An error as Graph gives it."""
    inner = {"date": "2026-11-22T00:00:00", "request-id": "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"}
    return httpx.Response(status, json={"error": {"code": code, "message": message, "innerError": inner}}, headers=headers)


def exchange_refusal(exception: str, said: str, status: int = 500, headers: dict[str, str] | None = None) -> httpx.Response:
    """An error as the Exchange admin API gives it."""
    details = [{"code": "Client", "target": "", "message": f"Ex6F9304|{exception}|{said}"}]
    error = {"code": "InternalServerError", "message": "Error executing cmdlet", "details": details}
    return httpx.Response(status, json={"error": error}, headers=headers)
