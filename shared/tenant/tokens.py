"""Tokens for Microsoft 365 from the app's managed identity."""

import asyncio
import base64
import binascii
import json
import re
import time
from typing import Any, Protocol

from azure.core.exceptions import AzureError, HttpResponseError
from azure.identity import CredentialUnavailableError

from shared.nouns.json_text import Json
from shared.nouns.outcomes import NotYet, WontWork
from shared.tenant.fields import text, texts

OUT_OF_REACH_WAIT = 15.0
# What a managed identity vouches by for an app registration; the name of a resource, and nothing secret.
VOUCHING = "api://AzureADTokenExchange/.default"
RENEW_BEFORE = 300
# A credential gives a cached token unless claims are asked for; claims that ask for nothing are the way to a fresh one.
_NO_CLAIMS = "{}"
# azure-identity 1.27 says the same of an endpoint that failed as of one that is not there; only its text has the status.
_FAILED = re.compile(r"Token request error: \([^)]*\) ?(\d{3})?")


class AccessToken(Protocol):
    @property
    def token(self) -> str: ...

    @property
    def expires_on(self) -> int: ...


class Credential(Protocol):
    """What we use of a credential, in the manner of azure.identity.aio."""

    async def get_token(self, *scopes: str, claims: str | None = None) -> AccessToken: ...

    async def close(self) -> None: ...


def managed_identity(client_id: str | None) -> Credential:
    """The managed identity of this app: user-assigned where a client id is given, else system-assigned.

    It reads IDENTITY_ENDPOINT and IDENTITY_HEADER, which Azure sets, and does not retry: the queue does.
    """
    from azure.identity import ManagedIdentityCredential

    return _InThread(ManagedIdentityCredential(client_id=client_id, retry_total=0))


def federated(tenant_id: str, app_client_id: str, client_id: str | None, **options: Any) -> Credential:
    """The app registration in the tenant, for which the managed identity vouches: there is no secret. `options` go to the credential.

    https://learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity
    """
    from azure.identity import ClientAssertionCredential, ManagedIdentityCredential

    vouching = ManagedIdentityCredential(client_id=client_id, retry_total=0)

    def assertion() -> str:
        return str(vouching.get_token(VOUCHING).token)

    return _InThread(ClientAssertionCredential(tenant_id, app_client_id, assertion, retry_total=0, **options), vouching)


class _Waiting(Protocol):
    """What we use of azure.identity's kind that waits."""

    def get_token(self, *scopes: str, claims: str | None = None) -> AccessToken: ...

    def close(self) -> None: ...


class _InThread:
    """A credential that waits in a thread. Its async sister would bring another HTTP client into every cold start, for a call that is
    made once a day. `beneath` is what it goes by, and is closed with it."""

    def __init__(self, credential: _Waiting, beneath: _Waiting | None = None) -> None:
        self._credential = credential
        self._beneath = beneath

    async def get_token(self, *scopes: str, claims: str | None = None) -> AccessToken:
        return await asyncio.to_thread(self._credential.get_token, *scopes, claims=claims)

    async def close(self) -> None:
        self._credential.close()
        if self._beneath is not None:
            self._beneath.close()


class Tokens:
    """Access tokens by resource, kept until shortly before they expire."""

    def __init__(self, credential: Credential) -> None:
        self._credential = credential
        self._kept: dict[str, AccessToken] = {}

    async def of(self, resource: str, *, fresh: bool = False) -> str:
        """A token for the resource, asked for anew when `fresh`. Raises NotYet where the identity is out of reach, WontWork
        where there is none."""
        kept = self._kept.get(resource)
        # The wall clock, because the expiry is the issuer's.
        if kept is None or fresh or kept.expires_on - RENEW_BEFORE < time.time():
            try:
                kept = await self._credential.get_token(f"{resource}/.default", claims=_NO_CLAIMS if fresh else None)
            except (AzureError, json.JSONDecodeError) as error:
                # What stands before the endpoint may answer a page, which azure-identity takes for JSON.
                raise _explained(error, resource) from None
            self._kept[resource] = kept
        return kept.token

    async def roles(self, resource: str) -> frozenset[str]:
        """The application permissions that the token for the resource really carries.

        Raises WontWork where the token cannot be read. It is our own token: nothing is decided here that its issuer must prove.
        """
        return frozenset(texts(await self._claims(resource), "roles"))

    async def principal(self, resource: str) -> str:
        """Who the token says we are: `app` or `user`, and the object id in the directory."""
        claims = await self._claims(resource)
        kind = "app" if text(claims, "idtyp") == "app" or not text(claims, "scp") else "user"
        return f"{kind} {text(claims, 'oid') or text(claims, 'appid') or 'unknown'}"

    async def _claims(self, resource: str) -> dict[str, Json]:
        parts = (await self.of(resource)).split(".")
        try:
            claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        except (IndexError, ValueError, binascii.Error):
            claims = None
        if not isinstance(claims, dict):
            raise WontWork(f"The access token for {resource} is not a JSON Web Token: its roles cannot be read")
        return claims

    async def close(self) -> None:
        await self._credential.close()


def _explained(error: AzureError | json.JSONDecodeError, resource: str) -> NotYet | WontWork:
    response = error.response if isinstance(error, HttpResponseError) else None
    failed = _FAILED.search(str(error)) if isinstance(error, CredentialUnavailableError) else None
    status = response.status_code if response is not None else int(failed[1]) if failed and failed[1] else None
    if status in {400, 401, 403, 404}:
        return WontWork(
            f"The app's identity gave no token for {resource} ({status}). Assign the identity to the app, and check the client id "
            "in its settings; of an app registration (ENTENTE_APP_CLIENT_ID), that it trusts the identity and is known in the tenant"
        )
    if failed is None and status is None and isinstance(error, CredentialUnavailableError):
        return WontWork(
            f"There is no managed identity here to get a token for {resource}: assign one to the app (Azure then sets "
            "IDENTITY_ENDPOINT and IDENTITY_HEADER)"
        )
    reason = status or type(error).__name__
    return NotYet(f"The managed identity could not give a token for {resource} ({reason})", after=OUT_OF_REACH_WAIT)
