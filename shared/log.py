"""Structured logs: one JSON object a line, with ids of ours and never an address, token, secret or redeem link.

Every record names its own request and task, because the Functions worker attributes lines of concurrent invocations to
whichever began last (facts: "Log attribution in the 3.13 proxy worker").
"""

import logging
from typing import Any

import structlog

from shared.nouns.redaction import without_addresses


def _redacted(logger: Any, name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Reasons quote what was sent, and that may be anything."""
    return {key: without_addresses(value) if isinstance(value, str) else value for key, value in event.items()}


log: Any = structlog.wrap_logger(
    logging.getLogger("entente"),
    processors=[
        structlog.stdlib.filter_by_level,
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _redacted,
        structlog.processors.JSONRenderer(),
    ],
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
)


def of_tenant(name: str) -> None:
    """Whatever this invocation logs from here on names the tenant; in an app for one there is none to name."""
    if name:
        structlog.contextvars.bind_contextvars(tenant=name)
