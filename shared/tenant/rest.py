"""A JSON service beside Microsoft Graph (SharePoint, Teams, Fabric), answered in the same values and errors as Graph."""

from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from shared.nouns.json_text import Json
from shared.nouns.outcomes import NotYet, WontWork
from shared.nouns.redaction import without_secrets
from shared.tenant.answers import ANSWER_WAIT, Answer
from shared.tenant.fields import entry, text
from shared.tenant.operations import Operation
from shared.tenant.wire import Wire

# SharePoint says so to tokens that were got with a client secret (facts 5.2): no wait cures it.
_WRONG_TOKEN = "unsupported app only token"  # noqa: S105  # a message, no secret


@dataclass(frozen=True)
class Service:
    """Where a service is, what its tokens are asked for, and what to do where it forbids something (a clause for people)."""

    name: str
    url: str
    resource: str
    forbidden: str


class Rest:
    def __init__(self, wire: Wire, service: Service) -> None:
        self._wire = wire
        self.service = service

    async def roles(self) -> frozenset[str]:
        """The application permissions on this service that our token really carries."""
        return await self._wire.tokens.roles(self.service.resource)

    async def ask(
        self,
        operation: Operation,
        method: str,
        path: str,
        *,
        about: str,
        body: Json = None,
        headers: Mapping[str, str] | None = None,
        allow: Collection[str] = (),
    ) -> Answer:
        """A good answer, or one whose error code is in `allow`. Any other raises NotYet or WontWork.

        `path` begins with a slash, and is encoded already.
        """
        return await self._ask(operation, method, f"{self.service.url}{path}", about, body, headers or {}, allow)

    async def pages(
        self, operation: Operation, path: str, *, about: str, link: str, allow: Collection[str] = ()
    ) -> AsyncIterator[Answer]:
        """All pages of a list; `link` is the field that leads to the next one. With a code in `allow` the list ends there."""
        url = f"{self.service.url}{path}"
        while url:
            answer = await self._ask(operation, "GET", url, about, None, {}, allow)
            yield answer
            url = self._ours(text(answer.body, link), answer)

    async def _ask(
        self,
        operation: Operation,
        method: str,
        url: str,
        about: str,
        body: Json,
        headers: Mapping[str, str],
        allow: Collection[str],
    ) -> Answer:
        request = self._wire.client.build_request(method, url, json=body, headers={"Accept": "application/json", **headers})
        answer = await self._wire.send(operation, request, resource=self.service.resource, about=about)
        if answer.good:
            return answer
        answer = replace(answer, body=_envelope(answer.body))
        if answer.code in allow:
            return answer
        raise self._error(answer)

    def _error(self, answer: Answer) -> NotYet | WontWork:
        said = f"{answer.message} {answer.raw}"
        wrong = answer.status == 401 and _WRONG_TOKEN in said.lower()
        if answer.status != 403 and not wrong:
            return answer.error()
        words = without_secrets(": ".join(part for part in (answer.code, answer.message) if part))
        what = f"{answer.operation.name}, {answer.about} ({answer.status} {words})"
        if wrong:
            return WontWork(
                f"{self.service.name} does not take the app's token to {what}: it takes a managed identity's or a certificate's only"
            )
        return WontWork(f"{self.service.name} forbade us to {what}: {self.service.forbidden}")

    def _ours(self, link: str, answer: Answer) -> str:
        """The link, if it leads where we ask anyway: our token goes nowhere else."""
        here, there = urlsplit(self.service.url), urlsplit(link)
        if link and (here.scheme, here.netloc) != (there.scheme, there.netloc):
            raise NotYet(
                f"{self.service.name} gave a next page on another host when asked to {answer.operation.name}, {answer.about}",
                after=ANSWER_WAIT,
            )
        return link


def _envelope(body: Json) -> Json:
    """The error in Graph's envelope: SharePoint writes `odata.error` with a message in a language, Fabric `errorCode`."""
    if text(body, "errorCode"):
        return {"error": {"code": text(body, "errorCode"), "message": text(body, "message")}}
    error = entry(body, "error") or entry(body, "odata.error")
    if error is None and text(body, "message"):
        error = {"code": text(body, "code"), "message": text(body, "message")}
    if not isinstance(error, dict):
        return body
    message = text(error, "message") or text(entry(error, "message"), "value")
    return {"error": {"code": text(error, "code"), "message": message, "innerError": entry(error, "innerError")}}
