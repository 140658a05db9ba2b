"""The control plane over HTTP: queues, what is in them, faults, counts. For tests and tools; clients need none of it.

PUT, GET, DELETE /_bus/queues/{name}    GET /_bus/queues    GET /_bus/queues/{name}/messages?from=&top=&deadLetter=
POST /_bus/reset[?queues=true]          POST, DELETE /_bus/faults                GET /_bus/stats
"""

import base64
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import cast
from urllib.parse import unquote

from aiohttp import web

from devstack.broker import config as configuration
from devstack.broker.codec.decode import decode
from devstack.broker.codec.sections import body_value, string_entries
from devstack.broker.config import Config, ConfigError
from devstack.broker.front.hub import Hub
from devstack.broker.model.entity import Queue
from devstack.broker.model.errors import BusError
from devstack.broker.model.message import Message, State
from devstack.broker.model.namespace import Entity

_QUEUES = "/_bus/queues/"
_MESSAGES = "/messages"
_MOST_PEEKED = 1000


def application(hub: Hub, config: Config) -> web.Application:
    control = _Control(hub, config)
    app = web.Application(middlewares=[_errors])
    app.add_routes(
        [
            web.get("/_bus/queues", control.list_queues),
            web.put("/_bus/queues/{name:.+}", control.put_queue),
            web.get("/_bus/queues/{name:.+}", control.get_queue),
            web.delete("/_bus/queues/{name:.+}", control.delete_queue),
            web.post("/_bus/reset", control.reset),
            web.post("/_bus/faults", control.order_faults),
            web.delete("/_bus/faults", control.clear_faults),
            web.get("/_bus/stats", control.stats),
        ]
    )
    return app


@web.middleware
async def _errors(request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> web.StreamResponse:
    """Whatever is refused is refused with one sentence."""
    try:
        return await handler(request)
    except BusError as error:
        return web.json_response({"error": error.description}, status=HTTPStatus.NOT_FOUND)
    except (ValueError, TypeError) as error:
        return web.json_response({"error": str(error)}, status=HTTPStatus.BAD_REQUEST)
    except web.HTTPError as error:
        sentence = f"{request.method} {request.path}: {error.reason}."
        return web.json_response({"error": sentence}, status=error.status, headers=_allowed(error))


def _allowed(error: web.HTTPError) -> dict[str, str]:
    return {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}


class _Control:
    def __init__(self, hub: Hub, config: Config) -> None:
        self._hub = hub
        self._config = config

    async def list_queues(self, _request: web.Request) -> web.Response:
        return web.json_response({"queues": [self._described(entity) for entity in self._hub.namespace]})

    async def put_queue(self, request: web.Request) -> web.Response:
        name = _name(request)
        properties = configuration.properties(await _object(request))
        namespace = self._hub.namespace
        known = {entity.queue.name: entity.queue.properties for entity in namespace} | {name: properties}
        problems = configuration.forward_problems(name, properties, known)
        if problems:
            raise ConfigError("\n".join(problems))
        created = self._hub.put(name, properties)
        entity = namespace.entity(name)
        self._hub.wake()
        return web.json_response(self._described(entity), status=HTTPStatus.CREATED if created else HTTPStatus.OK)

    async def get_queue(self, request: web.Request) -> web.Response:
        if request.rel_url.raw_path.endswith(_MESSAGES):
            return self._messages(request)
        return web.json_response(self._described(self._hub.namespace.entity(_name(request))))

    async def delete_queue(self, request: web.Request) -> web.Response:
        name = _name(request)
        self._hub.namespace.delete(name)
        return web.json_response({"deleted": name})

    def _messages(self, request: web.Request) -> web.Response:
        entity = self._hub.namespace.entity(_name(request, _MESSAGES))
        dead = request.query.get("deadLetter", "false").lower() in {"true", "1"}
        first, top = int(request.query.get("from", "0")), int(request.query.get("top", "100"))
        found = (entity.dead_letters if dead else entity.queue).peek(first, min(max(top, 0), _MOST_PEEKED))
        return web.json_response({"messages": [_message(message) for message in found]})

    def _described(self, entity: Entity) -> dict[str, object]:
        queue = entity.queue
        return {
            "name": queue.name,
            "properties": configuration.described(queue.properties),
            "counts": _counts(entity),
            "receivers": self._hub.outlet(queue).receivers,
        }

    async def reset(self, request: web.Request) -> web.Response:
        namespace = self._hub.namespace
        for queue in [queue for entity in namespace for queue in entity]:
            if queue.sessions is not None:
                self._hub.detach_receivers(queue)
            queue.clear()
        if request.query.get("queues", "false").lower() in {"true", "1"}:
            wanted = {name.lower() for name in self._config.queues}
            for entity in list(namespace):
                if entity.queue.name.lower() not in wanted:
                    namespace.delete(entity.queue.name)
            for name, properties in self._config.queues.items():
                self._hub.put(name, properties)
        self._hub.counts.clear()
        self._hub.wake()
        return web.json_response({"queues": [entity.queue.name for entity in namespace]})

    async def order_faults(self, request: web.Request) -> web.Response:
        if self._hub.faults.order(await _object(request), self._hub.clock()):
            self._hub.drop_connections()
        self._hub.watch_idle_links()
        return web.json_response({})

    async def clear_faults(self, _request: web.Request) -> web.Response:
        self._hub.faults.clear()
        self._hub.watch_idle_links()
        return web.json_response({})

    async def stats(self, _request: web.Request) -> web.Response:
        return web.json_response(dict(sorted(self._hub.counts.items())))


def _name(request: web.Request, suffix: str = "") -> str:
    """The queue's name, whose slashes may be encoded or not."""
    return unquote(request.rel_url.raw_path.removeprefix(_QUEUES).removesuffix(suffix)).strip("/")


async def _object(request: web.Request) -> dict[str, object]:
    text = await request.text()
    value = json.loads(text) if text.strip() else {}
    if not isinstance(value, dict):
        raise TypeError("The body must be a JSON object.")
    return cast("dict[str, object]", value)


def _counts(entity: Entity) -> dict[str, int]:
    """Every message counts once: a locked one as locked, whatever its state."""
    entity.queue.advance()
    entity.dead_letters.advance()
    states = Counter("locked" if message.lock else message.state.name.lower() for message in entity.queue)
    named = {name: states[name] for name in ("active", "deferred", "scheduled", "locked")}
    return named | {"deadLetter": _length(entity.dead_letters)}


def _length(queue: Queue) -> int:
    return sum(1 for _ in queue)


def _message(message: Message) -> dict[str, object]:
    content = message.content
    body = body_value(content.body)
    shown = _shown(body)
    properties = {key: _shown(decode(raw)) for key, _, raw in string_entries(content.application_properties)}
    return {
        "sequenceNumber": message.sequence_number,
        "messageId": _shown(content.message_id),
        "sessionId": content.session_id,
        "state": "locked" if message.lock else message.state.name.lower(),
        "deliveryCount": message.delivery_count,
        "body": shown,
        "bodyEncoding": "base64" if isinstance(body, bytes) and shown != body.decode(errors="replace") else "text",
        "applicationProperties": properties,
        "enqueuedTime": _time(message.enqueued_at),
        "expiresAt": None if message.expires_at is None else _time(message.expires_at),
        "scheduledEnqueueTime": _time(content.due) if message.state is State.SCHEDULED and content.due else None,
        "lockedUntil": _time(message.lock.until) if message.lock else None,
        "deadLetterSource": message.dead_letter_source,
    }


def _time(seconds: float) -> str:
    """ISO 8601, at most the last second that a datetime can hold."""
    return datetime.fromtimestamp(min(seconds, 253402300799), UTC).isoformat().replace("+00:00", "Z")


def _shown(value: object) -> object:
    """A value as JSON has it: binary as text if it is text, else as base64."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case bytes():
            try:
                return value.decode()
            except UnicodeDecodeError:
                return base64.b64encode(value).decode()
        case dict():
            return {str(key): _shown(item) for key, item in value.items()}
        case list() | tuple():
            return [_shown(item) for item in cast("Iterable[object]", value)]
        case _:
            return str(value)
