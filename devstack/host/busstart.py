"""Starts the listener of one Service Bus trigger. Imports the client library, so it is imported when the first one is needed."""

import asyncio
import logging
from functools import partial

from devstack.host.appsettings import Connection
from devstack.host.bus import Entity, Namespace
from devstack.host.functions import Function
from devstack.host.invocations import Invocations
from devstack.host.listeners import Listening, listen, per_trigger
from devstack.host.startup import App

_log = logging.getLogger("host.servicebus")


def entity(function: Function, app: App) -> Entity:
    """What the trigger listens to, its %NAMES% resolved."""

    def named(what: str) -> str:
        return app.settings.resolve(str(function.trigger.get(what) or ""))

    return Entity(queue=named("queueName"), topic=named("topicName"), subscription=named("subscriptionName"))


async def listener(function: Function, app: App, invocations: Invocations, stopping: asyncio.Event) -> None:
    """Listens until `stopping` is set and everything received is settled; then the connection is closed."""
    connection = app.settings.connection(str(function.trigger.get("connection") or ""))
    if connection is None:
        return
    namespace = Namespace(connection, app.config.service_bus)
    what = entity(function, app)
    options = per_trigger(function, app.config.service_bus)
    opening = (
        partial(namespace.accept_session, what, options.retry.try_timeout) if function.sessions else partial(namespace.open, what)
    )
    _log.debug("%s listens to %s of %s.", function.name, what, _where(connection))
    try:
        await listen(Listening(function, opening, options, invocations), stopping)
    finally:
        await namespace.close()


def _where(connection: Connection) -> str:
    """The namespace's name; never the connection string, which holds a key."""
    return connection.namespace or connection.setting
