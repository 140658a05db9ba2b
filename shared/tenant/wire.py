"""The one HTTP client to Microsoft 365: sends a request once, records it, and knows what a missing answer means."""

import logging
import uuid
from collections.abc import AsyncGenerator

import httpx

from shared.nouns.json_text import Json
from shared.nouns.outcomes import NotYet, WontWork
from shared.tenant.answers import Answer
from shared.tenant.calls import Call, record
from shared.tenant.operations import Operation
from shared.tenant.settings import TenantSettings
from shared.tenant.tokens import Credential, Tokens, federated, managed_identity
from shared.tenant.transport import Transport

NO_ANSWER_WAIT = 15.0
MOST_REFUSED_TOKENS = 5
MOST_RAW = 2_000
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class Bearer(httpx.Auth):
    """Puts our token on the request, and once a fresh one where the first was not accepted. A request that was answered
    401 has had no effect, so it may be sent again even if it writes."""

    def __init__(self, tokens: Tokens, resource: str) -> None:
        self._tokens = tokens
        self._resource = resource

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        request.headers["Authorization"] = f"Bearer {await self._tokens.of(self._resource)}"
        response = yield request
        if response.status_code == 401:
            request.headers["Authorization"] = f"Bearer {await self._tokens.of(self._resource, fresh=True)}"
            yield request


class Wire:
    """Opened once per process; `close` ends its connections. Redirects are not followed: a token goes to one place only."""

    def __init__(
        self, settings: TenantSettings, credential: Credential | None = None, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        # It logs every URL at INFO, and a look-up's URL has an address in it.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        self._settings = settings
        self.tokens = Tokens(credential or _own(settings))
        self.client = httpx.AsyncClient(
            timeout=settings.request_timeout, transport=transport or Transport(), follow_redirects=False, trust_env=False
        )
        self._refused_tokens = 0

    async def send(self, operation: Operation, request: httpx.Request, *, resource: str, about: str) -> Answer:
        """The answer to the request, whatever its status. Raises NotYet where none came."""
        ours = str(uuid.uuid4())
        request.headers["User-Agent"] = self._settings.user_agent
        request.headers["client-request-id"] = ours
        request.headers["return-client-request-id"] = "true"
        try:
            response = await self.client.send(request, auth=Bearer(self.tokens, resource))
        except httpx.HTTPError as error:
            record(Call(operation.name, None, "", operation.write, ours))
            raise NotYet(
                f"Microsoft 365 did not answer when asked to {operation.name}, {about} ({type(error).__name__})",
                after=NO_ANSWER_WAIT,
                effect_unknown=operation.write and not isinstance(error, _NOT_SENT),
            ) from None
        answer = Answer(operation, about, response.status_code, response.headers, *_decoded(response))
        record(Call(operation.name, answer.status, answer.request_id, operation.write, ours))
        self._count_refused_tokens(answer, resource)
        return answer

    def _count_refused_tokens(self, answer: Answer, resource: str) -> None:
        self._refused_tokens = self._refused_tokens + 1 if answer.status == 401 else 0
        if self._refused_tokens > MOST_REFUSED_TOKENS:
            raise WontWork(
                f"Microsoft 365 has not accepted {self._refused_tokens} fresh tokens for {resource} in a row: check that the managed "
                "identity is one of this tenant and is enabled, and that the base URLs in the settings belong to it"
            )

    async def close(self) -> None:
        await self.client.aclose()
        await self.tokens.close()


def _decoded(response: httpx.Response) -> tuple[Json, str]:
    """The JSON in the answer, or what there was instead, cut to what a classification needs."""
    try:
        return (response.json() if response.content else None), ""
    except ValueError:
        return None, response.text[:MOST_RAW]


def _own(settings: TenantSettings) -> Credential:
    """The managed identity, or the app registration that it vouches for."""
    if settings.app_client_id:
        return federated(settings.tenant_id, settings.app_client_id, settings.identity_client_id)
    return managed_identity(settings.identity_client_id)
