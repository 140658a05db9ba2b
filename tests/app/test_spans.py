"""Spans of the app go to whatever OpenTelemetry SDK the process has, and hold ids only."""

from collections.abc import Iterator

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.app.conftest import Stage
from tests.app.test_killed import request

_EXPORTED = InMemorySpanExporter()


@pytest.fixture
def exported() -> Iterator[InMemorySpanExporter]:
    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        # A process has one provider for good; no other test of this process looks at spans.
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(_EXPORTED))
        trace.set_tracer_provider(provider)
    _EXPORTED.clear()
    yield _EXPORTED
    _EXPORTED.clear()


async def test_every_attempt_is_a_span_that_names_request_and_task_and_nobody(
    stage: Stage, exported: InMemorySpanExporter
) -> None:
    rig = await stage.fresh()
    await rig.settle(request([{"email": "ana.trujillo@fabrikam.com", "name": "Ana Trujillo", "groups": ["partner-readers"]}]))
    ours = [
        span
        for span in exported.get_finished_spans()
        if span.instrumentation_scope and span.instrumentation_scope.name == "entente"
    ]
    names = {span.name for span in ours}
    assert {"accept partner request", "attempt invite-guest", "attempt add-to-group", "finish request"} <= names
    attempts = [span for span in ours if span.name == "attempt invite-guest"]
    assert all(span.attributes and span.attributes["entente.request"] == "fabrikam-1" for span in attempts)
    everything = " ".join(span.to_json() for span in exported.get_finished_spans()).lower()
    assert "trujillo" not in everything
    assert "redeem" not in everything
