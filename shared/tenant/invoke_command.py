"""Exchange Online cmdlets over InvokeCommand, as Microsoft's own PowerShell module sends them.

Microsoft does not support this for others (facts 4.1); it is one `Cmdlets` among those that are possible.
"""

import uuid
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

import httpx

from shared.nouns.json_text import Json
from shared.nouns.outcomes import NotYet
from shared.tenant.answers import ANSWER_WAIT, Answer
from shared.tenant.cmdlets import CmdletAnswer, error, failure
from shared.tenant.fields import objects, text
from shared.tenant.operations import Operation
from shared.tenant.settings import TenantSettings
from shared.tenant.wire import Wire

# The arbitration mailbox that every organization has: it routes the request to the tenant's servers.
_ANCHOR = "APP:SystemMailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}@"


class InvokeCommand:
    def __init__(self, wire: Wire, settings: TenantSettings) -> None:
        self._wire = wire
        self._settings = settings
        self._url = f"{settings.exchange_url}/adminapi/beta/{settings.tenant_id}/InvokeCommand"

    async def roles(self) -> frozenset[str]:
        return await self._wire.tokens.roles(self._settings.exchange_resource)

    async def run(
        self, operation: Operation, parameters: Mapping[str, Json], *, about: str, allow: Collection[str] = ()
    ) -> CmdletAnswer:
        """See `Cmdlets`. All pages are read, each with the same body, as the module does."""
        body = {"CmdletInput": {"CmdletName": operation.name, "Parameters": dict(parameters)}}
        values: list[Mapping[str, Json]] = []
        url = self._url
        while url:
            answer = await self._wire.send(
                operation, self._request(url, operation, body), resource=self._settings.exchange_resource, about=about
            )
            if not answer.good:
                failed = failure(answer)
                if failed.name in allow:
                    return CmdletAnswer(exception=failed.name)
                raise error(answer, failed)
            content = {} if answer.status == 204 else answer.content()
            values += objects(content, "value")
            url = self._ours(text(content, "@odata.nextLink"), answer)
        return CmdletAnswer(tuple(values))

    def _request(self, url: str, operation: Operation, body: Mapping[str, object]) -> httpx.Request:
        headers = {
            "Accept": "application/json",
            "X-AnchorMailbox": f"{_ANCHOR}{self._settings.tenant_id}",
            "X-CmdletName": operation.name,
            "Prefer": "odata.maxpagesize=1000",
            "X-ResponseFormat": "json",
            "X-SerializationLevel": "Partial",
            "connection-id": str(uuid.uuid4()),
        }
        timeout = max(operation.seconds or 0, self._settings.request_timeout)
        return self._wire.client.build_request("POST", url, json=body, headers=headers, timeout=timeout)

    def _ours(self, link: str, answer: Answer) -> str:
        here, there = urlsplit(self._settings.exchange_url), urlsplit(link)
        if link and (here.scheme, here.netloc) != (there.scheme, there.netloc):
            raise NotYet(f"Exchange Online gave a next page on another host for {answer.operation.name}", after=ANSWER_WAIT)
        return link
