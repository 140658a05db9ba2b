"""The app's managed identity, asked for tokens where Azure says that it is.

It is one GET of an address that the platform gives to the process. The library for it would bring nine other packages into a process that may
act as an administrator, cryptography and MSAL among them, and a fifth of a cold start (docs/decisions/0012-the-identity-is-one-call.md).
https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
"""

import asyncio
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import aiohttp
from azure.core.credentials import AccessToken, AccessTokenInfo
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ServiceRequestError

from shared.settings import identity_endpoint

API_VERSION = "2019-08-01"
# The platform keeps tokens as well, and gives out those that are good for some minutes at least.
RENEW_BEFORE = 300
ANSWER_SECONDS = 30


class ManagedIdentity:
    """A credential as the Azure clients want one (`AsyncTokenCredential`): user-assigned where a client id is given, else system-assigned.

    Tokens are kept until five minutes before they expire. Nothing is retried: the queue does that. Raises ClientAuthenticationError where
    there is no identity, HttpResponseError (with `status_code`) where it gives no token, ServiceRequestError where it is out of reach.
    """

    def __init__(self, client_id: str | None = None) -> None:
        self._client_id = client_id
        self._kept: dict[str, AccessToken] = {}
        # Those who ask for the same at once wait for one answer.
        self._asking = asyncio.Lock()

    async def get_token(self, *scopes: str, claims: str | None = None, **_: Any) -> AccessToken:
        """A token for the resource of the one scope (`RESOURCE/.default`); one from anew where claims are asked for."""
        resource = scopes[0].removesuffix("/.default")
        async with self._asking:
            kept = self._kept.get(resource)
            # The wall clock, because the expiry is the issuer's.
            if kept is None or claims or kept.expires_on - RENEW_BEFORE < time.time():
                kept = self._kept[resource] = await self._asked(resource)
            return kept

    async def get_token_info(self, *scopes: str, options: Mapping[str, Any] | None = None) -> AccessTokenInfo:
        """As `get_token`, in the newer form."""
        token = await self.get_token(*scopes, claims=(options or {}).get("claims"))
        return AccessTokenInfo(token.token, token.expires_on)

    async def _asked(self, resource: str) -> AccessToken:
        where = identity_endpoint()
        if where is None:
            raise ClientAuthenticationError(
                "There is no managed identity here: Azure has set no IDENTITY_ENDPOINT and IDENTITY_HEADER"
            )
        url, secret = where
        asked = {"api-version": API_VERSION, "resource": resource} | ({"client_id": self._client_id} if self._client_id else {})
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(ANSWER_SECONDS)) as session,
                session.get(url, params=asked, headers={"X-IDENTITY-HEADER": secret}, allow_redirects=False) as answer,
            ):
                if answer.status != 200:
                    raise _refused(answer.status, resource)
                body = await answer.json(content_type=None)
                return AccessToken(str(body["access_token"]), int(body["expires_on"]))
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ServiceRequestError(f"The managed identity is out of reach ({type(error).__name__})") from error
        except (ValueError, KeyError, TypeError) as error:
            raise ServiceRequestError(
                f"The managed identity's answer for {resource} is no token ({type(error).__name__})"
            ) from error

    async def close(self) -> None:
        """Nothing stays open."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()


def _refused(status: int, resource: str) -> HttpResponseError:
    error = HttpResponseError(f"The managed identity gave no token for {resource} ({status})")
    error.status_code = status
    return error
