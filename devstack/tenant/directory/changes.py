"""What became of every user and group, by number: delta queries read it, change notifications are made from it.

Kept is the latest of each thing (object, property, reference), not a log, so that its size is bounded by the directory's.
"""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from secrets import token_hex

from devstack.tenant.clock import TenantClock
from devstack.tenant.directory.lag import Lag
from devstack.tenant.directory.objects import Entry, Record

WATCHED = ("user", "group")
# A purged object is remembered longer than any token lives.
_REMEMBERED = timedelta(days=30)


@dataclass(slots=True)
class Latest:
    """The numbers of the latest changes to one object. `since` is that of its creation or restoration."""

    id: str
    kind: str
    since: int
    number: int
    purged: float | None = None
    properties: dict[str, int] = field(default_factory=dict)
    members: dict[str, tuple[int, str]] = field(default_factory=dict)

    def changed(self, names: tuple[str, ...], after: int) -> list[str]:
        """Those of the properties that changed after the number."""
        return [name for name in names if self.properties.get(name, 0) > after]


@dataclass(frozen=True, slots=True)
class Change:
    """One change, as those who listen hear of it. `members` are the references that came (True) or went."""

    number: int
    kind: str
    id: str
    moment: datetime
    purged: bool = False
    members: tuple[tuple[str, bool], ...] = ()
    owners: bool = False


@dataclass(slots=True)
class Changes:
    """The latest of everything, in the order of the numbers."""

    clock: TenantClock
    lag: Lag
    listener: Callable[[Change], None] = lambda change: None
    delay: float = 0.0
    # Tokens of another tenant, or of this one before a reset, are none of ours.
    epoch: str = field(default_factory=lambda: token_hex(6))
    last: int = 0
    # Tokens issued up to this number of changes are no longer good, by order of the control plane.
    gone: dict[str, int] = field(default_factory=lambda: dict.fromkeys(WATCHED, 0))
    issued: int = 0
    _latest: dict[str, dict[str, Latest]] = field(default_factory=lambda: {kind: {} for kind in WATCHED})
    _unseen: deque[tuple[int, float]] = field(default_factory=deque)
    _purged: deque[Latest] = field(default_factory=deque)
    _quiet: bool = False

    @contextmanager
    def quietly(self) -> Iterator[None]:
        """Changes inside are there at once and nobody is told (seeds); delta queries show them."""
        before, self._quiet = self._quiet, True
        try:
            yield
        finally:
            self._quiet = before

    def object_changed(self, entry: Entry, before: Record | None, after: Record | None) -> None:
        """The object is not what it was: None stands for not being there."""
        if entry.kind not in WATCHED:
            return
        names = [] if before is None or after is None else [n for n in after if after[n] != before.get(n)]
        if before is not None and after is not None and not names:
            return
        latest = self._touch(entry.kind, entry.id)
        if before is None or (before.get("deletedDateTime") and after and not after.get("deletedDateTime")):
            latest.since = self.last
        latest.properties.update(dict.fromkeys(names, self.last))
        if after is None:
            latest.purged = self.clock.seconds()
            self._purged.append(latest)
            self._forget_purged()
        self._tell(Change(self.last, entry.kind, entry.id, self.clock.now(), purged=after is None))

    def reference_changed(self, relation: str, source: str, target: str, *, added: bool, kinds: tuple[str, str]) -> None:
        """The source, of the first kind, refers to the target, or does so no longer. Sponsors count for no change of the user."""
        if kinds[0] != "group" or relation not in ("members", "owners"):
            return
        if relation == "owners":
            # Delta queries do not track owners; who subscribed is told that the group is not what it was.
            self.last += 1
            self._tell(Change(self.last, "group", source, self.clock.now(), owners=True))
            return
        latest = self._touch("group", source)
        latest.members[target] = (self.last, kinds[1])
        self._tell(Change(self.last, "group", source, self.clock.now(), members=((target, added),)))

    def latest(self, kind: str, identifier: str) -> Latest | None:
        """What became of the object, purged ones included; None if it was never there."""
        return self._latest.get(kind, {}).get(identifier)

    def kind(self, identifier: str) -> str:
        """The kind of an object that may be purged already."""
        return next((kind for kind, known in self._latest.items() if identifier in known), "contact")

    def after(self, kind: str, number: int, until: int) -> list[Latest]:
        """Objects whose latest change lies behind `number` and not behind `until`, the oldest change first."""
        found = []
        for latest in reversed(self._latest[kind].values()):
            if latest.number <= number:
                break
            if latest.number <= until:
                found.append(latest)
        return found[::-1]

    def seen(self) -> int:
        """The number up to which every delta query shows the changes now; later ones are still under way."""
        now, settings = self.clock.seconds(), self.lag.settings
        behind = settings.query_factor if settings.on and settings.stale_reads is None else 0.0
        low, high = settings.seconds
        while self._unseen:
            number, moment = self._unseen[0]
            own = (low + (high - low) * self.lag.chance.fraction("delta", number)) * behind
            if moment + own + self.delay > now:
                return number - 1
            self._unseen.popleft()
        return self.last

    def _touch(self, kind: str, identifier: str) -> Latest:
        self.last += 1
        found = self._latest[kind].pop(identifier, None) or Latest(identifier, kind, self.last, self.last)
        found.number = self.last
        self._latest[kind][identifier] = found
        if not self._quiet:
            self._unseen.append((self.last, self.clock.seconds()))
        return found

    def _tell(self, change: Change) -> None:
        if not self._quiet:
            self.listener(change)

    def _forget_purged(self) -> None:
        horizon = self.clock.seconds() - _REMEMBERED.total_seconds()
        while self._purged and (self._purged[0].purged or 0) < horizon:
            gone = self._purged.popleft()
            self._latest[gone.kind].pop(gone.id, None)
