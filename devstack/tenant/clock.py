"""The tenant's clock: real time plus what the control plane has advanced it by."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


def system_time() -> datetime:
    """The time of this machine, in UTC."""
    return datetime.now(UTC)


@dataclass(slots=True)
class TenantClock:
    """Time as the tenant sees it. Give another `source` in tests to stand still.

    Tokens expire by the source, everything else by `now`: clients cache tokens by their own clock, so a tenant
    that was advanced by a month must not refuse a token that its owner rightly believes valid.
    """

    source: Callable[[], datetime] = system_time
    offset: timedelta = timedelta()

    def now(self) -> datetime:
        """The tenant's time, in UTC."""
        return self.source() + self.offset

    def seconds(self) -> float:
        """The tenant's time in seconds since 1970."""
        return self.now().timestamp()

    def advance(self, seconds: float) -> None:
        """The tenant is that many seconds later (or earlier, if negative)."""
        self.offset += timedelta(seconds=seconds)

    def set(self, moment: datetime) -> None:
        """The tenant's time is `moment` and goes on from there."""
        self.offset = moment - self.source()


def graph_time(moment: datetime) -> str:
    """The moment as Graph writes it: whole seconds and a `Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
