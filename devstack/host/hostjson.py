"""host.json: read, checked, frozen. Every mistake is found in one pass.

Defaults: facts/azure-functions-host.md 2.1, 2.6, 2.7; https://learn.microsoft.com/azure/azure-functions/functions-host-json and
https://learn.microsoft.com/azure/azure-functions/functions-bindings-service-bus.
"""

import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_SPAN = re.compile(r"(?:(\d+)\.)?(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,7}))?)?")
_TOP = (
    *("aggregator", "concurrency", "customHandler", "extensionBundle", "functions", "healthMonitor", "logging"),
    *("managedDependency", "retry", "sendCanceledInvocationsToWorker", "singleton", "telemetryMode"),
    *("watchDirectories", "watchFiles", "$schema"),
)


@dataclass(frozen=True, slots=True)
class ClientRetry:
    """How the Service Bus client retries: waits and timeouts in seconds."""

    mode: str = "exponential"
    tries: int = 3
    delay: float = 0.8
    most_delay: float = 60.0
    try_timeout: float = 60.0


@dataclass(frozen=True, slots=True)
class ServiceBus:
    """extensions.serviceBus; durations in seconds."""

    prefetch: int = 0
    auto_complete: bool = True
    renewal: float = 300.0
    calls: int = field(default_factory=lambda: 16 * (os.cpu_count() or 1))
    sessions: int = 8
    calls_per_session: int = 1
    most_in_batch: int = 1000
    least_in_batch: int = 1
    batch_wait: float = 30.0
    session_idle: float | None = None
    web_sockets: bool = False
    retry: ClientRetry = ClientRetry()

    @property
    def idle(self) -> float:
        """Seconds without a message after which a session is given back."""
        return self.retry.try_timeout if self.session_idle is None else self.session_idle


@dataclass(frozen=True, slots=True)
class HostConfig:
    """What host.json says. `timeout` is the functionTimeout in seconds, None for unlimited; -1 requests means no limit."""

    timeout: float | None = 1800.0
    route_prefix: str = "api"
    outstanding_requests: int = -1
    concurrent_requests: int = -1
    service_bus: ServiceBus = field(default_factory=ServiceBus)


@dataclass(slots=True)
class _Reader:
    """Takes known keys out of one object of host.json and notes what is wrong with them."""

    where: str
    found: dict[str, Any]
    problems: list[str]

    def number(self, key: str, default: int, least: int) -> int:
        value = self.found.pop(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            self.wrong(key, value, f"use a whole number of at least {least}")
            return default
        return value

    def flag(self, key: str, default: bool) -> bool:
        value = self.found.pop(key, default)
        if not isinstance(value, bool):
            self.wrong(key, value, "use true or false")
            return default
        return value

    def span(self, key: str, default: float | None) -> float | None:
        value = self.found.pop(key, None)
        if value is None:
            return default
        seconds = span_seconds(value)
        if seconds is None:
            self.wrong(key, value, "use hh:mm:ss")
            return default
        return seconds

    def text(self, key: str, default: str, allowed: tuple[str, ...] = ()) -> str:
        value = self.found.pop(key, default)
        if not isinstance(value, str) or (allowed and value.lower() not in allowed):
            self.wrong(key, value, f"use one of {', '.join(allowed)}" if allowed else "use a string")
            return default
        return value

    def inner(self, key: str) -> "_Reader":
        value = self.found.pop(key, {})
        if not isinstance(value, dict):
            self.wrong(key, value, "use an object")
            value = {}
        return _Reader(self.place(key), dict(value), self.problems)

    def skip(self, *keys: str) -> None:
        for key in keys:
            self.found.pop(key, None)

    def place(self, key: str) -> str:
        return f"{self.where}.{key}".lstrip(".")

    def wrong(self, key: str, value: object, instead: str) -> None:
        self.problems.append(f"host.json: {self.place(key)} is {json.dumps(value)}, which the host refuses; {instead}.")

    def nothing_left(self) -> None:
        for key in self.found:
            place = self.place(key)
            self.problems.append(f"host.json: {place} is not a setting the host knows; correct its spelling or remove it.")


def span_seconds(value: object) -> float | None:
    """The seconds of a .NET TimeSpan such as "00:05:00" or "1.00:00:00"; None where it is not one."""
    match = _SPAN.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups()[:4])
    if hours > 23 or minutes > 59 or seconds > 59:
        return None
    return days * 86400 + hours * 3600 + minutes * 60 + seconds + float(f"0.{match[5] or 0}")


def read(app: Path) -> tuple[HostConfig, list[str]]:
    """The app's host.json and every problem it has, each a sentence."""
    path = app / "host.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return HostConfig(), [f'{path} is missing, and without it this is no function app; create it with {{"version": "2.0"}}.']
    except (OSError, ValueError) as error:
        return HostConfig(), [f"{path} cannot be read as JSON: {error}. Correct it."]
    if not isinstance(document, dict):
        return HostConfig(), [f"{path} must hold a JSON object. Correct it."]
    return parse(document)


def parse(document: dict[str, Any]) -> tuple[HostConfig, list[str]]:
    """The configuration in a host.json document and every problem it has."""
    problems: list[str] = []
    top = _Reader("", dict(document), problems)
    if top.found.pop("version", None) != "2.0":
        problems.append(f'host.json: version is {json.dumps(document.get("version"))}; a v4 host accepts only "2.0".')
    timeout = _timeout(top)
    extensions = top.inner("extensions")
    http, bus = extensions.inner("http"), extensions.inner("serviceBus")
    config = HostConfig(
        timeout=timeout,
        route_prefix=http.text("routePrefix", "api").strip("/"),
        outstanding_requests=http.number("maxOutstandingRequests", -1, -1),
        concurrent_requests=http.number("maxConcurrentRequests", -1, -1),
        service_bus=_service_bus(bus),
    )
    http.skip("dynamicThrottlesEnabled", "hsts", "customHeaders")
    http.nothing_left()
    bus.nothing_left()
    top.skip(*_TOP)
    top.nothing_left()
    return config, problems


def _timeout(top: _Reader) -> float | None:
    if str(top.found.get("functionTimeout")) == "-1":
        top.skip("functionTimeout")
        return None
    return top.span("functionTimeout", 1800.0)


def _service_bus(bus: _Reader) -> ServiceBus:
    retry = bus.inner("clientRetryOptions")
    client = ClientRetry(
        mode=retry.text("mode", "exponential", ("exponential", "fixed")).lower(),
        tries=retry.number("maxRetries", 3, 0),
        delay=retry.span("delay", 0.8) or 0.0,
        most_delay=retry.span("maxDelay", 60.0) or 0.0,
        try_timeout=retry.span("tryTimeout", 60.0) or 60.0,
    )
    retry.nothing_left()
    known = ServiceBus()
    parsed = ServiceBus(
        prefetch=bus.number("prefetchCount", 0, 0),
        auto_complete=bus.flag("autoCompleteMessages", True),
        renewal=bus.span("maxAutoLockRenewalDuration", 300.0) or 0.0,
        calls=bus.number("maxConcurrentCalls", known.calls, 1),
        sessions=bus.number("maxConcurrentSessions", 8, 1),
        calls_per_session=bus.number("maxConcurrentCallsPerSession", 1, 1),
        most_in_batch=bus.number("maxMessageBatchSize", 1000, 1),
        least_in_batch=bus.number("minMessageBatchSize", 1, 1),
        batch_wait=bus.span("maxBatchWaitTime", 30.0) or 0.0,
        session_idle=bus.span("sessionIdleTimeout", None),
        web_sockets=bus.text("transportType", "amqpTcp", ("amqptcp", "amqpwebsockets")).lower() == "amqpwebsockets",
        retry=client,
    )
    bus.skip("webProxy", "enableCrossEntityTransactions")
    if parsed.least_in_batch > parsed.most_in_batch:
        bus.wrong("minMessageBatchSize", parsed.least_in_batch, "use at most maxMessageBatchSize")
    if parsed.batch_wait > 150:
        bus.wrong("maxBatchWaitTime", parsed.batch_wait, "use at most 00:02:30, half of the longest lock")
    return parsed
