"""Throttling by the published numbers (facts section 10; https://learn.microsoft.com/graph/throttling-limits).

Refused requests count too: "Microsoft Graph continues to log resource usage while a client is being throttled"
(https://learn.microsoft.com/graph/throttling). What counts is capped at 1.8 of a limit, the highest that Graph reports.
"""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

_BUCKETS = 50  # of a window: the grain in which use leaves it
_CAP = 1.8
_SHOWN_FROM = 0.8


@dataclass(frozen=True, slots=True)
class Limit:
    """So many units in so many seconds; `scope` as in `x-ms-throttle-scope`. Not every service says how long to wait (`tells`)."""

    units: int
    seconds: float
    scope: str
    reason: str
    tells: bool = True


PUBLISHED: dict[str, Limit] = {
    "reads": Limit(8000, 10, "Tenant_Application/Read", "ResourceUnitLimitExceeded"),
    "writes": Limit(3000, 150, "Tenant_Application/Write", "WriteLimitExceeded"),
    "tenantWrites": Limit(18000, 300, "Tenant/Write", "WriteLimitExceeded"),
    "applicationReads": Limit(150_000, 20, "Application/Read", "ResourceUnitLimitExceeded"),
    "applicationWrites": Limit(70_000, 300, "Application/Write", "WriteLimitExceeded"),
    "invitations": Limit(150, 5, "Tenant/Write", "InvitationLimitExceeded"),
    "reports": Limit(5, 10, "Tenant_Application/ReadWrite", "ReportLimitExceeded"),
    # Of the tenant, whoever asks; "don't return the Retry-After header".
    "conditionalAccess": Limit(1, 1, "Tenant/ReadWrite", "RequestLimitExceeded", tells=False),
    "teamMembers": Limit(60, 1, "Tenant_Application/Read", "RequestLimitExceeded"),
    "teamsMade": Limit(6, 1, "Tenant_Application/Write", "RequestLimitExceeded"),
    "oneTeam": Limit(4, 1, "Resource_Application/ReadWrite", "RequestLimitExceeded"),
    "global": Limit(130_000, 10, "Application/ReadWrite", "GlobalLimitExceeded"),
}
# Read units by the number of users in the tenant: small below 50, medium up to 500, large above.
READ_UNITS = ((50, 3500), (501, 5000), (math.inf, 8000))


@dataclass(slots=True)
class _Window:
    """Use of one limit by one caller, in buckets that leave the window as time goes on."""

    used: float = 0.0
    buckets: deque[tuple[float, float]] = field(default_factory=deque)

    def add(self, now: float, units: float, limit: Limit) -> None:
        self.leave(now, limit)
        units = min(units, limit.units * _CAP - self.used)
        if units <= 0:
            return
        grain = limit.seconds / _BUCKETS
        start = math.floor(now / grain) * grain
        if self.buckets and self.buckets[-1][0] == start:
            units_before = self.buckets.pop()[1]
            self.buckets.append((start, units_before + units))
        else:
            self.buckets.append((start, units))
        self.used += units

    def leave(self, now: float, limit: Limit) -> None:
        grain = limit.seconds / _BUCKETS
        while self.buckets and self.buckets[0][0] + limit.seconds + grain <= now:
            self.used -= self.buckets.popleft()[1]

    def wait(self, now: float, limit: Limit) -> int:
        """Whole seconds until the use is below the limit if nobody adds to it."""
        grain, left = limit.seconds / _BUCKETS, self.used
        for start, units in self.buckets:
            left -= units
            if left < limit.units:
                return max(1, math.ceil(start + limit.seconds + grain - now))
        return max(1, math.ceil(limit.seconds))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the limits say about one request: `retry_after` is None if it may go on."""

    retry_after: int | None
    headers: dict[str, str]


@dataclass(slots=True)
class Throttle:
    """Counts use per limit and caller."""

    now: Callable[[], float]
    limits: dict[str, Limit] = field(default_factory=lambda: dict(PUBLISHED))
    on: bool = True
    exchange_concurrent: int = 3
    exchange_seconds: float = 0.05
    sized: bool = True
    _windows: dict[tuple[str, str], _Window] = field(default_factory=dict)

    def charge(self, costs: dict[str, int], application: str, users: int, tenant: str = "", resource: str = "") -> Verdict:
        """The request's units are counted; the verdict says whether it is over a limit. `resource` is what a limit of one resource is of.

        `x-ms-throttle-scope` is "<Scope>/<Limit>/<ApplicationId>/<TenantId|UserId|ResourceId>":
        https://learn.microsoft.com/graph/throttling-limits#regular-responses-requests
        """
        if not self.on:
            return Verdict(None, {})
        now, headers, worst, refusal = self.now(), {"x-ms-resource-unit": str(costs.get("reads", 1))}, 0.0, None
        for name, units in costs.items():
            limit = self._limit(name, users)
            caller = application if "Application" in limit.scope else ""
            caller += f" {resource}" if "Resource" in limit.scope else ""
            window = self._windows.setdefault((name, caller), _Window())
            window.leave(now, limit)
            over = window.used + units > limit.units
            window.add(now, units, limit)
            worst = max(worst, window.used / limit.units)
            if over and refusal is None:
                refusal = (max(1, window.wait(now, limit)), limit)
        if worst >= _SHOWN_FROM:
            headers["x-ms-throttle-limit-percentage"] = f"{min(worst, _CAP):.2f}"
        if refusal is None:
            return Verdict(None, headers)
        seconds, limit = refusal
        headers |= {"Retry-After": str(seconds)} if limit.tells else {}
        headers |= {
            "x-ms-throttle-scope": f"{limit.scope}/{application}/{resource if 'Resource' in limit.scope else tenant}",
            "x-ms-throttle-information": limit.reason,
        }
        return Verdict(seconds, headers)

    def _limit(self, name: str, users: int) -> Limit:
        limit = self.limits[name]
        if name != "reads" or not self.sized:
            return limit
        units = next(units for below, units in READ_UNITS if users < below)
        return replace(limit, units=units)

    def configure(self, given: Any) -> None:
        """The settings in `given` hold and all counts are zero: `{"enabled", "limits": {name: {"units", "seconds"}}, "exchange"}`.

        Raises ValueError with a sentence that says what is wrong.
        """
        if not isinstance(given, dict) or given.keys() - {"enabled", "limits", "exchange"}:
            raise ValueError("throttle takes an object with enabled, limits and exchange")
        limits = dict(self.limits)
        for name, numbers in (given.get("limits") or {}).items():
            if name not in PUBLISHED:
                raise ValueError(f"there is no limit '{name}'; there are {', '.join(PUBLISHED)}")
            old = limits[name]
            units, seconds = numbers.get("units", old.units), numbers.get("seconds", old.seconds)
            if not units > 0 or not seconds > 0:
                raise ValueError(f"limit '{name}' needs units and seconds above 0, not {numbers!r}")
            limits[name] = replace(old, units=units, seconds=seconds)
        exchange = given.get("exchange") or {}
        self.limits, self.on = limits, bool(given.get("enabled", self.on))
        self.sized = self.sized and "reads" not in (given.get("limits") or {})
        self.exchange_concurrent = int(exchange.get("concurrent", self.exchange_concurrent))
        self.exchange_seconds = float(exchange.get("seconds", self.exchange_seconds))
        self._windows.clear()

    def to_json(self, users: int) -> dict[str, Any]:
        """The settings and what has been used, as the control plane shows them."""
        now = self.now()
        used: dict[str, float] = {}
        for (name, caller), window in self._windows.items():
            window.leave(now, self._limit(name, users))
            used[f"{name} {caller}".strip()] = window.used
        return {
            "enabled": self.on,
            "limits": {n: {"units": self._limit(n, users).units, "seconds": self.limits[n].seconds} for n in self.limits},
            "exchange": {"concurrent": self.exchange_concurrent, "seconds": self.exchange_seconds},
            "used": used,
        }
