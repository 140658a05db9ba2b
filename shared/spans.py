"""OpenTelemetry spans around what the app does, with ids of ours and never a person's data.

They go where the Functions runtime sends telemetry: app setting `PYTHON_ENABLE_OPENTELEMETRY` set to `true`, and
`"telemetryMode": "OpenTelemetry"` in host.json. Without an SDK set up, a span costs next to nothing.
https://learn.microsoft.com/azure/azure-functions/opentelemetry-howto
"""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace

_tracer = trace.get_tracer("entente")


@contextmanager
def span(name: str, **attributes: str | int) -> Iterator[trace.Span]:
    """A span around the block; its attributes are named `entente.<name>`."""
    with _tracer.start_as_current_span(name, attributes={f"entente.{key}": value for key, value in attributes.items()}) as opened:
        yield opened
