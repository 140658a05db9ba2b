"""Microsoft Graph through the request builders of its SDK, without the SDK's decoding, retries and redirects.

Decoding one entity makes msgraph-sdk import 1,200 modules (1.5 s of CPU), and its retry middleware repeats POSTs and sleeps.
So its builders write the request, and the raw answer is read here.
"""

import json
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from kiota_abstractions.authentication import AnonymousAuthenticationProvider
from kiota_abstractions.method import Method
from kiota_abstractions.request_information import RequestInformation
from kiota_http.middleware import ParametersNameDecodingHandler
from kiota_http.observability_options import ObservabilityOptions
from msgraph.graph_request_adapter import GraphRequestAdapter
from msgraph.graph_service_client import GraphServiceClient

from shared.nouns.json_text import Json
from shared.nouns.outcomes import NotYet
from shared.tenant.answers import ANSWER_WAIT, Answer
from shared.tenant.calls import priority
from shared.tenant.fields import entry, objects, text
from shared.tenant.operations import Operation
from shared.tenant.settings import TenantSettings
from shared.tenant.wire import Wire

MOST_PER_BATCH = 20
_PARAMETER_NAMES = ParametersNameDecodingHandler()

type Build = Callable[[GraphServiceClient], RequestInformation]


@dataclass(frozen=True)
class BatchItem:
    """One request of a `$batch`: `url` is relative to the version and already encoded."""

    method: str
    url: str
    about: str
    body: Json = None


class Graph:
    def __init__(self, wire: Wire, settings: TenantSettings) -> None:
        self._wire = wire
        self._settings = settings
        self._adapter = GraphRequestAdapter(AnonymousAuthenticationProvider(), wire.client)
        self._adapter.base_url = settings.graph_url
        self._adapter.observability_options = ObservabilityOptions(include_euii_attributes=False)
        self._client = GraphServiceClient(request_adapter=self._adapter)

    def reference(self, collection: str, object_id: str) -> str:
        """The link to an object as Graph wants it in a body: always the service's own name, not our base URL."""
        return f"{self._settings.graph_resource}/v1.0/{collection}/{object_id}"

    async def ask(self, operation: Operation, build: Build, *, about: str, allow: Collection[int] = ()) -> Answer:
        """A good answer, or one whose status is in `allow`. Any other raises NotYet or WontWork."""
        return _expected(await self._send(operation, build(self._client), about), allow)

    async def page(
        self, operation: Operation, build: Build, link: str = "", *, about: str, allow: Collection[int] = ()
    ) -> Answer:
        """One page of a list: the first, or the one that `link` (the next link of an earlier answer) leads to."""
        information = build(self._client)
        if link:
            headers = information.headers
            information = RequestInformation(Method.GET)
            information.headers.add_all(headers)
            information.url = self.ours(link, operation, about)
        return _expected(await self._send(operation, information, about), allow)

    async def pages(
        self, operation: Operation, build: Build, *, about: str, allow: Collection[int] = ()
    ) -> AsyncIterator[Answer]:
        """All pages of a list, in order. Pages may be empty; only a missing next link is the end.

        Headers such as ConsistencyLevel have to be sent with every page. https://learn.microsoft.com/graph/paging
        """
        information = build(self._client)
        headers = information.headers
        while True:
            answer = _expected(await self._send(operation, information, about), allow)
            yield answer
            link = text(answer.body, "@odata.nextLink")
            if not link:
                return
            information = RequestInformation(Method.GET)
            information.headers.add_all(headers)
            information.url = self.ours(link, operation, about)

    async def batch(self, operation: Operation, items: Mapping[str, BatchItem], *, about: str) -> dict[str, Answer]:
        """The answer to every item (at most 20), by key. Items fail singly; an item without an answer raises NotYet.

        Items bear repetition. Neither Graph nor its clients repeat those that failed (5xx), so they are sent again, as long as some
        of them succeed: else twenty questions would need twenty good answers at once.
        https://learn.microsoft.com/graph/json-batching
        """
        if len(items) > MOST_PER_BATCH:
            raise ValueError(f"a batch holds {MOST_PER_BATCH} requests at most, not {len(items)}")
        answers = await self._batch(operation, items, about)
        left = len(items)
        while 0 < len(failed := {key: items[key] for key, answer in answers.items() if answer.status >= 500}) < left:
            left = len(failed)
            try:
                answers |= await self._batch(operation, failed, about)
            except NotYet:
                break
        return answers

    async def _batch(self, operation: Operation, items: Mapping[str, BatchItem], about: str) -> dict[str, Answer]:
        body = {"requests": [_item(key, item) for key, item in items.items()]}
        information = RequestInformation(Method.POST, "{+baseurl}/$batch")
        information.headers.try_add("Accept", "application/json")
        information.set_stream_content(json.dumps(body).encode(), "application/json")
        answer = _expected(await self._send(operation, information, about), ())
        found = {text(item, "id"): item for item in objects(answer.content(), "responses")}
        if missing := [items[key].about for key in items if key not in found]:
            raise NotYet(f"Microsoft 365 left requests of a batch unanswered: {', '.join(missing)}", after=ANSWER_WAIT)
        return {key: _item_answer(operation, item, found[key]) for key, item in items.items()}

    async def _send(self, operation: Operation, information: RequestInformation, about: str) -> Answer:
        information.headers.try_add("x-ms-throttle-priority", priority(self._settings.priority))
        self._adapter.set_base_url_for_request_information(information)
        # The builders write $filter as %24filter; some services behind Graph, and people who read logs, know only the former.
        # The template is filled in once here; the adapter's own conversion would do it twice, for a third of a call's work.
        path, mark, query = information.url.partition("?")
        url = f"{path}{mark}{_PARAMETER_NAMES.decode_uri_encoded_string(query, ['$'])}"
        method = (information.http_method or Method.GET).value
        request = self._wire.client.build_request(method, url, headers=information.request_headers, content=information.content)
        return await self._wire.send(operation, request, resource=self._settings.graph_resource, about=about)

    def ours(self, link: str, operation: Operation, about: str) -> str:
        """The link, if it leads where we ask anyway: our token goes nowhere else."""
        here, there = urlsplit(self._settings.graph_url), urlsplit(link)
        if (here.scheme, here.netloc) != (there.scheme, there.netloc):
            raise NotYet(
                f"Microsoft 365 gave a next page on another host when asked to {operation.name}, {about}", after=ANSWER_WAIT
            )
        return link


def _expected(answer: Answer, allow: Collection[int]) -> Answer:
    if answer.good or answer.status in allow:
        return answer
    raise answer.error()


def _item(key: str, item: BatchItem) -> dict[str, Json]:
    request: dict[str, Json] = {"id": key, "method": item.method, "url": item.url}
    if item.body is not None:
        request |= {"headers": {"Content-Type": "application/json"}, "body": item.body}
    return request


def _item_answer(operation: Operation, item: BatchItem, found: dict[str, Json]) -> Answer:
    status, headers = found.get("status"), found.get("headers")
    plain = {key: str(value) for key, value in headers.items()} if isinstance(headers, dict) else {}
    return Answer(operation, item.about, status if isinstance(status, int) else 500, plain, entry(found, "body"))
