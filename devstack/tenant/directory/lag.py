"""Replication: a reader may be served by a replica that has not seen the latest changes (facts 0.4).

A change leaves behind what was true before it. A read within the delay is answered, by a choice that depends on the
seed alone, either from the primary or from what was true before. Queries (lists, filters) lag longer than reads by id.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

from devstack.tenant.chance import Chance


@dataclass(frozen=True, slots=True)
class LagSettings:
    """How far replicas are behind. `stale_reads` replaces `seconds` when it is set."""

    seconds: tuple[float, float] = (0.2, 3.0)
    query_factor: float = 2.0
    stale_share: float = 0.5
    stale_reads: int | None = None

    @property
    def on(self) -> bool:
        """Whether any read can be stale."""
        return bool(self.stale_reads) if self.stale_reads is not None else self.seconds[1] > 0

    @classmethod
    def from_json(cls, given: Any) -> Self:
        """The settings in `given`: `0`, `{"seconds": s | [min, max], "queryFactor", "staleShare"}` or `{"staleReads": n}`.

        Raises ValueError or TypeError with a sentence that says what is wrong.
        """
        if given in (0, None, False):
            return cls(seconds=(0.0, 0.0))
        if not isinstance(given, dict):
            raise TypeError(f"lag must be 0 or an object such as {{'seconds': [0.2, 3]}}, not {given!r}")
        unknown = given.keys() - {"seconds", "queryFactor", "staleShare", "staleReads"}
        if unknown:
            raise ValueError(f"lag has no setting {sorted(unknown)}; it has seconds, queryFactor, staleShare and staleReads")
        span = given.get("seconds", (0.0, 0.0) if "staleReads" in given else (0.2, 3.0))
        low, high = (span, span) if isinstance(span, int | float) else span
        if not 0 <= low <= high:
            raise ValueError(f"lag seconds must be [min, max] with 0 <= min <= max, not {span!r}")
        stale_reads = given.get("staleReads")
        if stale_reads is not None and (not isinstance(stale_reads, int) or stale_reads < 0):
            raise ValueError(f"lag staleReads must be a whole number of reads, 0 or more, not {stale_reads!r}")
        return cls(
            (float(low), float(high)), float(given.get("queryFactor", 2.0)), float(given.get("staleShare", 0.5)), stale_reads
        )

    def to_json(self) -> dict[str, Any]:
        """The settings as the control plane shows them."""
        return {
            "seconds": list(self.seconds),
            "queryFactor": self.query_factor,
            "staleShare": self.stale_share,
            "staleReads": self.stale_reads,
        }


@dataclass(slots=True)
class _Unseen:
    """One change that some readers do not see yet."""

    before: Any
    until: float
    query_until: float
    reads: int


@dataclass(slots=True)
class Lag:
    """What was true before each recent change, and who is still shown it."""

    settings: LagSettings
    chance: Chance
    now: Callable[[], float]
    stale_answers: int = 0
    _unseen: dict[str, list[_Unseen]] = field(default_factory=dict)
    _count: int = 0
    _forced: bool = False

    @contextmanager
    def forced_stale(self, forced: bool) -> Iterator[None]:
        """With `forced`, readers inside are served by the replica that is furthest behind."""
        self._forced = forced
        try:
            yield
        finally:
            self._forced = False

    def note(self, key: str, before: Any) -> None:
        """Remember that `key` was `before` until now."""
        if not self.settings.on:
            return
        self._count += 1
        low, high = self.settings.seconds
        delay = low + (high - low) * self.chance.fraction("delay", key, self._count)
        now = self.now()
        unseen = _Unseen(before, now + delay, now + delay * self.settings.query_factor, self.settings.stale_reads or 0)
        self._unseen.setdefault(key, []).append(unseen)

    def pending(self, key: str) -> bool:
        """Whether some reader may still be shown an older state of `key`."""
        waiting = self._unseen.get(key)
        if not waiting:
            return False
        if not self.settings.on:
            waiting.clear()
        elif self.settings.stale_reads is not None:
            waiting[:] = [unseen for unseen in waiting if unseen.reads > 0]
        else:
            now = self.now()
            waiting[:] = [unseen for unseen in waiting if unseen.query_until > now]
        if not waiting:
            del self._unseen[key]
        return bool(waiting)

    def peek(self, key: str, current: Any) -> Any:
        """The oldest state of `key` that a reader may be shown. Counts as no read."""
        return self._unseen[key][0].before if self.pending(key) else current

    def view(self, key: str, current: Any, *, query: bool = False) -> Any:
        """What this reader is shown of `key`: `current`, or what was true before."""
        if not self._unseen or not self.pending(key):
            return current
        waiting = self._unseen[key]
        if self.settings.stale_reads is not None:
            for unseen in waiting:
                unseen.reads -= 1
            self.stale_answers += 1
            return waiting[0].before
        now = self.now()
        behind = next((unseen for unseen in waiting if (unseen.query_until if query else unseen.until) > now), None)
        self._count += 1
        if self._forced:
            behind = waiting[0]
        elif behind is None or self.chance.fraction("replica", key, self._count) >= self.settings.stale_share:
            return current
        self.stale_answers += 1
        return behind.before

    def clear(self) -> None:
        """Every replica has seen everything."""
        self._unseen.clear()
