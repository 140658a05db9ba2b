"""The app's bus over sockets: opening another connection costs no reading of root certificates."""

import ssl
from typing import Any

import pytest

from devstack.broker.config import Config
from devstack.broker.model.properties import QueueProperties
from devstack.broker.server import Broker
from shared.bus import Bus, Envelope
from shared.settings import read_settings

NEEDED = {"ENTENTE_TENANT_ID": "99999999-9999-4999-8999-999999999999", "ENTENTE_PERSON_KEY": "a" * 44, "Tables": "unused"}


async def test_root_certificates_are_read_once_for_all_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Any] = []

    class Context(ssl.SSLContext):
        def load_verify_locations(self, *given: Any, **named: Any) -> None:
            read.append(given or named)
            super().load_verify_locations(*given, **named)

    monkeypatch.setattr(ssl, "SSLContext", Context)
    queues = {name: QueueProperties() for name in ("one", "two", "three")}
    async with Broker(Config(queues)) as broker:
        bus = Bus(read_settings({**NEEDED, "ServiceBus": broker.connection_string}))
        await bus.send(Envelope(queue, "id", "{}") for queue in queues)
        context = bus._client._ssl_context
        await bus.close()
    assert len(read) == 1
    assert context is not None
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.cert_store_stats()["x509_ca"] > 50
