"""azure-core over connections of our own, which bring no other HTTP client with them."""

from http.client import responses
from types import TracebackType
from typing import Any

from azure.core.exceptions import (
    ServiceRequestError,
    ServiceRequestTimeoutError,
    ServiceResponseError,
    ServiceResponseTimeoutError,
)
from azure.core.pipeline.transport import AsyncHttpTransport
from azure.core.rest import HttpRequest

# What every transport's answers are built on, as it says itself; the public class is abstract, and knows no parts of a transaction.
from azure.core.rest._http_response_impl_async import AsyncHttpResponseImpl
from azure.core.utils import case_insensitive_dict
from yarl import URL

from shared.http1.connection import MaybeSent, NoAnswerInTime, NothingSent, NotInTime, Reply
from shared.http1.pool import PORTS, Connections, Patience, Place

_WITHOUT_BODY = frozenset({"GET", "DELETE"})


class Transport(AsyncHttpTransport[HttpRequest, AsyncHttpResponseImpl]):
    """Answers are read whole; what only reads is asked once more where the other side hangs up.

    Raises azure-core's ServiceRequestError where nothing was sent, ServiceResponseError where it may have been.
    """

    def __init__(self, patience: Patience) -> None:
        self._connections = Connections()
        self._patience = patience

    async def send(self, request: HttpRequest, **_options: Any) -> AsyncHttpResponseImpl:
        # azure-data-tables signs the path in the one form that this gives it, whatever else may be encoded or not.
        url = URL(request.url)
        body = _body(request)
        headers = {"Host": url.raw_authority, "Accept-Encoding": "identity", **request.headers}
        if body or request.method not in _WITHOUT_BODY:
            headers["Content-Length"] = str(len(body))

        async def asked() -> Reply:
            return await self._connections.ask(
                Place(url.scheme, url.raw_host or "", url.port or PORTS[url.scheme]),
                request.method,
                url.raw_path_qs.encode("ascii"),
                [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers.items()],
                body=body,
                patience=self._patience,
            )

        try:
            try:
                reply = await asked()
            except NoAnswerInTime:
                raise
            except MaybeSent:
                # An idle connection was closed just when it was used again. https://www.rfc-editor.org/rfc/rfc9112#section-9.3.1
                if request.method != "GET":
                    raise
                reply = await asked()
        except NotInTime as error:
            raise ServiceRequestTimeoutError(str(error), error=error) from error
        except NothingSent as error:
            raise ServiceRequestError(str(error), error=error) from error
        except NoAnswerInTime as error:
            raise ServiceResponseTimeoutError(str(error), error=error) from error
        except MaybeSent as error:
            raise ServiceResponseError(str(error), error=error) from error
        return _Answer(request, reply)

    async def open(self) -> None:
        """There is nothing to open: each connection is, by who needs it first."""

    async def close(self) -> None:
        self._connections.close()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self.close()


class _Answer(AsyncHttpResponseImpl):
    """An answer that is there already."""

    def __init__(self, request: HttpRequest, reply: Reply) -> None:
        headers = case_insensitive_dict([(name.decode("latin-1"), value.decode("latin-1")) for name, value in reply.headers])
        super().__init__(
            request=request,
            internal_response=None,
            status_code=reply.status,
            reason=responses.get(reply.status, ""),
            content_type=headers.get("content-type"),
            headers=headers,
            stream_download_generator=None,
        )
        self._content = reply.body
        self._is_closed = True

    def body(self) -> bytes:
        """What azure-core reads the parts of a transaction from."""
        return self.content


def _body(request: HttpRequest) -> bytes:
    """Raises TypeError for what cannot be sent whole: better than to send nothing in its place."""
    content = request.content
    if content is None or isinstance(content, str):
        return (content or "").encode()
    if not isinstance(content, bytes):
        raise TypeError(f"a body that is a {type(content).__name__} is not sent")
    return content
