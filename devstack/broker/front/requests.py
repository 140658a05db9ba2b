"""A request to `$management` and its reply (facts/service-bus-broker.md, section 8)."""

from typing import NamedTuple

from devstack.broker.codec import encode as e
from devstack.broker.codec import sections
from devstack.broker.codec.decode import decode, decode_at
from devstack.broker.front.replies import encoded
from devstack.broker.model.errors import (
    ARGUMENT_ERROR,
    LOCK_LOST,
    MESSAGE_NOT_FOUND,
    NOT_ALLOWED,
    NOT_FOUND,
    NOT_IMPLEMENTED,
    SESSION_LOCK_LOST,
    TIMEOUT,
    UNAUTHORIZED,
    BusError,
)

_STATUS = {
    ARGUMENT_ERROR: 400,
    NOT_ALLOWED: 400,
    UNAUTHORIZED: 401,
    NOT_FOUND: 404,
    MESSAGE_NOT_FOUND: 404,
    TIMEOUT: 408,
    LOCK_LOST: 410,
    SESSION_LOCK_LOST: 410,
    NOT_IMPLEMENTED: 501,
    "com.microsoft:server-busy": 503,
}


class Reply(NamedTuple):
    """`entries` are encoded; their keys become strings."""

    entries: dict[str, bytes]
    status: int = 200
    condition: str | None = None
    description: str = "OK"

    def encoded(self, message_id: bytes) -> bytes:
        """The reply to the request with this raw message id."""
        properties = {"statusCode": e.int32(self.status), "statusDescription": e.string(self.description)}
        if self.condition is not None:
            properties["errorCondition"] = e.symbol(self.condition)
        body = e.amqp_map((e.string(key), raw) for key, raw in self.entries.items())
        return encoded(message_id, properties, body)


def refusal(error: BusError) -> Reply:
    return Reply({}, _STATUS.get(error.condition, 500), error.condition, error.description)


class Request:
    """A request's properties decoded, the entries of its body on demand; wrong ones raise BusError."""

    def __init__(self, payload: bytes) -> None:
        parts = sections.split(payload)
        self.message_id = sections.fields(parts.properties, 1)[0]
        properties = {key: decode(raw) for key, _, raw in sections.string_entries(parts.application_properties)}
        self.operation = str(properties.get("operation"))
        link = properties.get("associated-link-name")
        self.link_name = link if isinstance(link, str) else None
        self._body: dict[str, bytes] = {}
        if parts.body:
            _, value_at = decode_at(parts.body, 1)
            if parts.body[value_at : value_at + 1] in {b"\xc1", b"\xd1"}:
                self._body = {key: raw for key, _, raw in sections.string_entries(parts.body[value_at:])}

    def raw(self, name: str) -> bytes:
        return self._body.get(name, e.NULL)

    def get[T](self, name: str, kind: type[T], default: T | None = None) -> T:
        value = decode(self.raw(name))
        if value is None and default is not None:
            return default
        if not isinstance(value, kind):
            raise BusError(ARGUMENT_ERROR, f"'{name}' of the request {self.operation} must be of type {kind.__name__}.")
        return value

    def optional[T](self, name: str, kind: type[T]) -> T | None:
        return self.get(name, kind) if decode(self.raw(name)) is not None else None

    def items[T](self, name: str, kind: type[T]) -> list[T]:
        found = self.get(name, list)
        wrong = [item for item in found if not isinstance(item, kind)]
        if wrong:
            raise BusError(ARGUMENT_ERROR, f"'{name}' of the request {self.operation} has an element {wrong[0]!r}.")
        return found
