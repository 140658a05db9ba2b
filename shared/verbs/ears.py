"""What one process remembers between two notifications: who may tell it something, and what it has not written down yet."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.tables.subscriptions import Kept, Subscriptions

# Notifications come by the score: one writing a second is enough for numbers.
COUNTED_EVERY = timedelta(seconds=1)
# Whoever guesses subscription ids makes us look no more often than this.
LOOK_EVERY = timedelta(seconds=2)
MOST_REMEMBERED = 10_000


@dataclass
class Ears:
    kept: Sequence[Kept] = ()
    looked: datetime | None = None
    numbers: Counter[str] = field(default_factory=Counter)
    last: datetime | None = None
    delay: float | None = None
    written: datetime | None = None
    passed_on: dict[str, None] = field(default_factory=dict)

    async def subscriptions(self, table: Subscriptions, now: datetime, ids: set[str]) -> Sequence[Kept]:
        """Our subscriptions, read again where one of the ids is not known and nobody has just looked."""
        known = {kept.id for kept in self.kept}
        if self.looked is None or (not ids <= known and now - self.looked >= LOOK_EVERY):
            self.kept = await table.all()
            self.looked = now
        return self.kept

    def remember(self, digests: Iterable[str]) -> None:
        """These tellings are on the queue."""
        self.passed_on.update(dict.fromkeys(digests))
        while len(self.passed_on) > MOST_REMEMBERED:
            del self.passed_on[next(iter(self.passed_on))]

    def heard(self, now: datetime, delay: float | None) -> None:
        """A notification came, so many seconds after what it tells of."""
        self.last = now
        self.delay = delay if delay is not None else self.delay

    async def write(self, table: Subscriptions, now: datetime) -> Counter[str]:
        """What was counted is on record, if that was not done just now; what that was. Raises NotYet or Changed where it cannot be, and
        keeps it."""
        if not self.numbers and self.last is None:
            return Counter()
        if self.written is not None and now - self.written < COUNTED_EVERY:
            return Counter()
        numbers, last, delay = self.numbers, self.last, self.delay
        self.numbers, self.last, self.delay, self.written = Counter(), None, None, now
        try:
            await table.count(numbers, last, delay)
        except BaseException:
            self._not_written(numbers, last, delay)
            raise
        return numbers

    def _not_written(self, numbers: Counter[str], last: datetime | None, delay: float | None) -> None:
        """It is to be written with what has come meanwhile."""
        self.numbers.update(numbers)
        self.last = self.last or last
        self.delay = self.delay if self.delay is not None else delay
