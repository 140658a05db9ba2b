"""What steps have found ahead for requests whose look ahead could not be finished, in this process and for a few minutes.

A request with every option asks the tenant some forty questions before its first write. Where the tenant answers most of them, only the
others are asked again: else forty good answers would be needed at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.nouns.step import Finding

KEPT = timedelta(minutes=5)
MOST_REQUESTS = 100
FEW = 3


@dataclass
class Ahead:
    """By what was looked at: since when, and by step what was found. `answers` counts what was found, ever; `vain` how often in a row
    something was tried without any."""

    looks: dict[object, tuple[datetime, dict[str, tuple[Finding, ...]]]] = field(default_factory=dict)
    answers: int = 0
    vain: dict[str, int] = field(default_factory=dict)

    def tried(self, what: str, retry: int, *, progress: bool) -> int:
        """How much patience the next try has learned: none where this one got on, however often it was tried before.

        A process that has not seen it counts from a few of its retries."""
        count = 0 if progress else self.vain.pop(what, min(retry, FEW) - 1) + 1
        while len(self.vain) >= MOST_REQUESTS:
            del self.vain[next(iter(self.vain))]
        self.vain[what] = count
        return max(count, 0)

    def of(self, look: object, now: datetime) -> dict[str, tuple[Finding, ...]]:
        """What steps have found already in this look; whoever looks adds to it."""
        self.looks = {key: one for key, one in self.looks.items() if now - one[0] < KEPT}
        while len(self.looks) >= MOST_REQUESTS and look not in self.looks:
            del self.looks[next(iter(self.looks))]
        return self.looks.setdefault(look, (now, {}))[1]

    def finish(self, look: object) -> None:
        """All was found: the next look, at the same request corrected elsewhere, is a new one."""
        self.looks.pop(look, None)
