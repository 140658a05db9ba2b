"""`$cbs`: clients put their tokens here (facts/service-bus-broker.md, section 3)."""

from typing import TYPE_CHECKING

from devstack.broker.codec import encode as e
from devstack.broker.codec import sections
from devstack.broker.codec.decode import MalformedAmqpError, decode
from devstack.broker.front.replies import encoded
from devstack.broker.model.errors import ARGUMENT_ERROR, BusError
from devstack.broker.tokens import TokenError, path_of, verify

if TYPE_CHECKING:
    from devstack.broker.front.channel import Channel


class CbsNode:
    def __init__(self, channel: "Channel") -> None:
        self._channel = channel

    def request(self, payload: bytes, _message_format: int) -> None:
        """The token's grant holds for the connection, or the answer says why not; raises BusError for what is no request."""
        try:
            parts = sections.split(payload)
            properties = {key: decode(raw) for key, _, raw in sections.string_entries(parts.application_properties)}
            message_id = sections.fields(parts.properties, 1)[0]
            token = sections.body_value(parts.body)
        except MalformedAmqpError as error:
            raise BusError(ARGUMENT_ERROR, f"The request to $cbs is not a valid message: {error}.") from error
        status, description = self._put(properties, token)
        answer = {"status-code": e.int32(status), "status-description": e.string(description)}
        link = self._channel.replies.get("$cbs")
        if link is not None:
            link.reply(encoded(message_id, answer, e.NULL))

    def _put(self, properties: dict[str, object], token: object) -> tuple[int, str]:
        operation, audience = properties.get("operation"), properties.get("name")
        if operation != "put-token" or not isinstance(audience, str):
            return 400, f"The operation '{operation}' is not supported here; put-token with a name is."
        connection = self._channel.connection
        hub = connection.hub
        try:
            grant = verify(str(token), audience, hub.keys, hub.clock())
        except TokenError as error:
            return 401, f"{error} Audience: '{audience}'."
        entity = path_of(audience).removesuffix("/$management")
        try:
            if entity:
                hub.namespace.queue(entity)
        except BusError as error:
            return 404, error.description
        connection.grants = [held for held in connection.grants if held.path != grant.path] + [grant]
        return 202, "Accepted"
