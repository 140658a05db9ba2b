"""One endpoint of a service beside Graph: who may call it, what it answers, how it refuses."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from devstack.tenant.graph.operation import Reply
from devstack.tenant.tenant import SimulatedTenant
from devstack.tenant.tokens import Token


class ServiceError(Exception):
    """One refusal; each service has an envelope of its own."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, headers or {}


@dataclass(slots=True)
class Asked:
    """One request as an endpoint sees it: authenticated, and its path taken apart. `base` is scheme and host, for links."""

    tenant: SimulatedTenant
    token: Token
    base: str
    parameters: dict[str, str]
    query: dict[str, str]
    headers: dict[str, str]
    body: Any = None

    def json(self) -> dict[str, Any]:
        """The body; raises 400 where there is no object."""
        if not isinstance(self.body, dict):
            raise ServiceError(400, "InvalidRequest", "The request could not be processed due to missing or invalid information")
        return self.body


@dataclass(frozen=True, slots=True)
class Service:
    """`audiences` are what a token must be for (any of them); `refusal` makes the body of an error; `may` raises ServiceError for a
    caller who may not use the service at all, and is told whether it is to write."""

    name: str
    audiences: Callable[[SimulatedTenant], tuple[str, ...]]
    refusal: Callable[[ServiceError], Any]
    may: Callable[[SimulatedTenant, Token, bool], None]


@dataclass(frozen=True)
class Endpoint:
    """A method on a path, whose `{names}` match one segment each and `{name:...}` a pattern."""

    method: Literal["GET", "POST", "PATCH", "PUT", "DELETE"]
    path: str
    run: Callable[[Asked], Reply]
    service: Service
    documentation: str
    kind: Literal["read", "write"] = "read"
    unverified: tuple[str, ...] = ()
    deviations: tuple[str, ...] = ()
    pattern: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        parts = re.split(r"(\{\w+\})", self.path)
        shape = "".join(f"(?P<{p[1:-1]}>[^/]+)" if p.startswith("{") else re.escape(p) for p in parts)
        object.__setattr__(self, "pattern", re.compile(shape, re.IGNORECASE))

    @property
    def name(self) -> str:
        """`METHOD path`."""
        return f"{self.method} {self.path}"
