"""The only code that speaks to Blob Storage: one container into which things are put once and read again.

Its HTTP client is imported and opened by the first call: a cold start pays nothing for it.
"""

from __future__ import annotations

from email.utils import formatdate
from functools import cached_property
from typing import TYPE_CHECKING

from shared.nouns.outcomes import NotYet, WontWork
from shared.settings import Settings

if TYPE_CHECKING:
    import httpx

    from shared.tenant.tokens import Credential, Tokens

RESOURCE = "https://storage.azure.com"
# Tokens are taken since 2017-11-09. https://learn.microsoft.com/rest/api/storageservices/versioning-for-the-azure-storage-services
VERSION = "2023-11-03"
NO_ANSWER_WAIT = 15.0
TIMEOUT_SECONDS = 20.0


class Blobs:
    """The container at ENTENTE_SEAL_CONTAINER. A SAS in its address, which is for this machine only, is used instead of a token.

    `credential` and `transport` are for tests; by default they are the app's managed identity and the network.
    """

    def __init__(
        self, settings: Settings, credential: Credential | None = None, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._settings = settings
        self._credential = credential
        self._transport = transport
        self.place, _, self._sas = settings.seal_container.partition("?")

    async def put_once(self, name: str, content: bytes) -> None:
        """The blob is there with this content: written now, or found so. Nothing that is there is ever replaced.

        Raises NotYet where that is not known now, WontWork where another content is there or we may not write.
        https://learn.microsoft.com/rest/api/storageservices/put-blob
        """
        headers = {"x-ms-blob-type": "BlockBlob", "If-None-Match": "*", "Content-Type": "application/json"}
        response = await self._send("PUT", name, headers, content)
        if response.status_code in {409, 412}:
            # Also where our own first try was carried out and its answer got lost.
            there = await self.get(name)
            if there == content:
                return
            if there is not None:
                raise WontWork(f"Blob {name} in {self.place} is there with another content, and is left as it is")
            raise NotYet(f"Blob {name} in {self.place} can be neither written nor read{_code(response)}", after=NO_ANSWER_WAIT)
        if response.status_code != 201:
            raise self._refused(response, name)

    async def get(self, name: str) -> bytes | None:
        """What stands in the blob, or None where there is none. Raises NotYet, or WontWork where we may not read."""
        response = await self._send("GET", name, {})
        if response.status_code == 404 and response.headers.get("x-ms-error-code") == "BlobNotFound":
            return None
        if response.status_code != 200:
            raise self._refused(response, name)
        return response.content

    async def close(self) -> None:
        """Connections are closed. What was never opened stays so."""
        if "_client" in self.__dict__:
            await self._client.aclose()
        if "_tokens" in self.__dict__:
            await self._tokens.close()

    async def _send(self, method: str, name: str, headers: dict[str, str], content: bytes | None = None) -> httpx.Response:
        import httpx

        from shared.tenant.wire import Bearer

        url = f"{self.place}/{name}" + (f"?{self._sas}" if self._sas else "")
        # The wall clock, because the service compares it with its own.
        headers = {"x-ms-version": VERSION, "x-ms-date": formatdate(usegmt=True), **headers}
        try:
            return await self._client.request(
                method, url, headers=headers, content=content, auth=None if self._sas else Bearer(self._tokens, RESOURCE)
            )
        except httpx.HTTPError as error:
            raise NotYet(
                f"Blob Storage did not answer about {name} in {self.place} ({type(error).__name__})",
                after=NO_ANSWER_WAIT,
                effect_unknown=method == "PUT",
            ) from None

    def _refused(self, response: httpx.Response, name: str) -> NotYet | WontWork:
        status = response.status_code
        if status in {408, 429} or status >= 500:
            return NotYet(f"Blob Storage cannot answer now about {name} in {self.place} ({status})", after=NO_ANSWER_WAIT)
        advice = {
            401: "give the app's identity the role Storage Blob Data Contributor on the container; a new role takes minutes to work",
            403: "give the app's identity the role Storage Blob Data Contributor on the container, and let its network reach the "
            "account; a new role takes minutes to work",
            404: "there is no such container: make it, or change ENTENTE_SEAL_CONTAINER",
        }.get(status, "look at ENTENTE_SEAL_CONTAINER")
        return WontWork(f"Blob Storage refused {name} in {self.place}{_code(response)}: {advice}")

    @cached_property
    def _client(self) -> httpx.AsyncClient:
        import logging

        import httpx

        from shared.tenant.transport import Transport

        # It logs every URL at INFO, and a SAS stands in one.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        return httpx.AsyncClient(
            timeout=TIMEOUT_SECONDS, transport=self._transport or Transport(), follow_redirects=False, trust_env=False
        )

    @cached_property
    def _tokens(self) -> Tokens:
        from shared.tenant.tokens import Tokens, managed_identity

        return Tokens(self._credential or managed_identity(self._settings.identity_client_id or None))


def _code(response: httpx.Response) -> str:
    return f" ({response.status_code} {response.headers.get('x-ms-error-code', '')}".rstrip() + ")"
