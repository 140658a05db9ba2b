"""What one process remembers between two notifications: who may tell it something, and what it has not written down yet."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.nouns.outcomes import NotYet
from shared.tables.heard import Heard, Mark, Telling
from shared.tables.subscriptions import Kept, Subscriptions

# Notifications come by the score: one writing a second is enough for numbers.
COUNTED_EVERY = timedelta(seconds=1)
# Whoever guesses subscription ids makes us look no more often than this.
LOOK_EVERY = timedelta(seconds=2)
# A subscription that was replaced meanwhile is believed no longer.
SURE_FOR = timedelta(minutes=15)
MOST_REMEMBERED = 10_000


@dataclass
class Ears:
    kept: Sequence[Kept] = ()
    looked: datetime | None = None
    strangers: frozenset[str] = frozenset()
    numbers: Counter[str] = field(default_factory=Counter)
    last: datetime | None = None
    delay: float | None = None
    written: datetime | None = None
    passed_on: dict[str, None] = field(default_factory=dict)
    under_way: set[str] = field(default_factory=set)
    read: list[Telling] = field(default_factory=list)
    marked: datetime | None = None
    _writing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def subscriptions(self, table: Subscriptions, now: datetime, ids: set[str]) -> Sequence[Kept]:
        """Our subscriptions, read again where one of the ids is not known. Raises NotYet where somebody has just looked, and that one was
        not asked for: it may have been made since."""
        strange = ids - {kept.id for kept in self.kept}
        since = None if self.looked is None else now - self.looked
        if since is None or since >= (LOOK_EVERY if strange else SURE_FOR):
            self.kept = await table.all()
            self.looked = now
            self.strangers = frozenset(ids - {kept.id for kept in self.kept})
        elif strange - self.strangers:
            self.numbers["unknown"] += 1
            raise NotYet("one of the subscriptions may have been made since we looked", after=LOOK_EVERY.total_seconds())
        return self.kept

    def remember(self, digests: Iterable[str]) -> None:
        """These tellings are on the queue."""
        self.passed_on.update(dict.fromkeys(digests))
        while len(self.passed_on) > MOST_REMEMBERED:
            del self.passed_on[next(iter(self.passed_on))]

    @contextmanager
    def reading(self, digest: str) -> Iterator[bool]:
        """Whether nobody in this process is reading because of the same telling; then it is being read until the block ends."""
        first = digest not in self.under_way
        self.under_way.add(digest)
        try:
            yield first
        finally:
            if first:
                self.under_way.discard(digest)

    async def mark(self, table: Heard, telling: Telling) -> None:
        """The object was read again because of this telling: on record within a second, or with the next one. Whoever dies before
        that reads an object once more, if it is told again."""
        self.read.append(telling)
        if self.marked is None or telling.read - self.marked >= COUNTED_EVERY:
            read, self.read, self.marked = self.read, [], telling.read
            try:
                await table.save(read)
            except NotYet:
                # What was reacted to is done; that it is on record has time.
                self.read[:0] = read[-MOST_REMEMBERED:]

    async def known(self, table: Heard, object_id: str, digest: str = "") -> Mark | None:
        """What the object was read again for, lately; `digest` is that of a telling without a time, which is looked for too."""
        stored = await table.get(object_id, digest)
        for one in self.read:
            if one.id == object_id:
                stored = Mark(one.read, one.digest, (stored.digests if stored else frozenset()) | {one.digest})
        return stored

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
        return await self._write(table, now)

    async def write_all(self, table: Subscriptions, now: datetime) -> None:
        """What was counted is on record, by one writing for all who count meanwhile: for processes whose numbers health does not see.
        Raises NotYet or Changed where it cannot be, and keeps it."""
        async with self._writing:
            if self.numbers:
                await self._write(table, now)

    async def _write(self, table: Subscriptions, now: datetime) -> Counter[str]:
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
