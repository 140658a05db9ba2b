"""The objects of the directory, found by id or by an indexed property, as this reader's replica shows them."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from devstack.tenant.directory.lag import Lag

Record = dict[str, Any]

# Look-ups of facts 1.3 and the uniqueness rules go by these; nothing on a look-up path scans a kind.
INDEXED: dict[str, tuple[str, ...]] = {
    "user": ("id", "userPrincipalName", "mail", "proxyAddresses", "otherMails", "mailNickname", "displayName"),
    "group": ("id", "displayName", "mailNickname", "mail", "proxyAddresses"),
    "contact": ("id", "mail", "proxyAddresses"),
    "message": ("internetMessageId",),
    "organizationRelationship": ("Name", "Guid", "DomainNames"),
    "sharingPolicy": ("Name",),
    "inboundConnector": ("Name",),
    "outboundConnector": ("Name",),
    "remoteDomain": ("Name", "DomainName"),
    "mailboxSettings": ("Mailbox",),
}


@dataclass(slots=True)
class Entry:
    """One object. Its record is never changed in place: a change replaces it, so that readers may keep the old one."""

    id: str
    kind: str
    number: int
    record: Record


def _values(record: Record, name: str) -> Iterator[str]:
    value = record.get(name)
    if isinstance(value, str):
        yield value.lower()
    elif isinstance(value, list):
        yield from (item.lower() for item in value if isinstance(item, str))


@dataclass(slots=True)
class Objects:
    """Every object, soft-deleted ones included (they carry `deletedDateTime`)."""

    lag: Lag
    # Told of every change: the object, what it was and what it is, None for not there.
    watcher: Callable[[Entry, Record | None, Record | None], None] = lambda entry, before, after: None
    _entries: dict[str, Entry] = field(default_factory=dict)
    _kinds: dict[str, dict[str, Entry]] = field(default_factory=dict)
    _index: dict[tuple[str, str, str], dict[str, None]] = field(default_factory=dict)
    # Values that objects had before changes that some reader has not seen yet: a stale reader finds them by these.
    _old_index: dict[tuple[str, str, str], dict[str, None]] = field(default_factory=dict)
    _touched: dict[str, dict[str, Entry]] = field(default_factory=dict)
    # All of a kind in the order of their numbers, made when somebody goes through them page by page.
    _ordered: dict[str, list[Entry]] = field(default_factory=dict)
    _last_number: int = 0

    def add(self, kind: str, identifier: str, record: Record, *, replicated: bool = False) -> Entry:
        """The object exists. With `replicated`, every reader sees it at once (seeds)."""
        self._last_number += 1
        entry = Entry(identifier.lower(), kind, self._last_number, record)
        self._entries[entry.id] = self._kinds.setdefault(kind, {})[entry.id] = entry
        self._link(entry)
        if kind in self._ordered:
            self._ordered[kind].append(entry)
        if not replicated:
            self._note(entry, None)
        self.watcher(entry, None, record)
        return entry

    def change(self, entry: Entry, **changes: Any) -> None:
        """The object has these values; every other property stays."""
        before = entry.record
        self._unlink(entry)
        entry.record = {**before, **changes}
        self._link(entry)
        self._note(entry, before)
        self.watcher(entry, before, entry.record)

    def remove(self, entry: Entry) -> None:
        """The object is gone for good."""
        self._unlink(entry)
        del self._entries[entry.id], self._kinds[entry.kind][entry.id]
        self._ordered.pop(entry.kind, None)
        self._note(entry, entry.record)
        self.watcher(entry, entry.record, None)

    def entry(self, identifier: str, kind: str | None = None) -> Entry | None:
        """The object as the primary has it, by id."""
        found = self._entries.get(identifier.lower())
        return found if found is not None and kind in (None, found.kind) else None

    def read(self, identifier: str) -> tuple[Entry, Record] | None:
        """The object as this reader's replica has it, by id; None if it is not there (yet, or any more)."""
        entry = self._entries.get(identifier.lower()) or self._gone(identifier.lower())
        if entry is None:
            return None
        record = self.lag.view(entry.id, entry.record if entry.id in self._entries else None)
        return None if record is None else (entry, record)

    def holders(self, kind: str, name: str, value: str) -> list[Entry]:
        """Objects of the kind whose indexed property has the value, ignoring case, as the primary has them."""
        return [self._entries[identifier] for identifier in self.identifiers(kind, name, value)]

    def identifiers(self, kind: str, name: str, value: str) -> dict[str, None]:
        """Their ids alone. Not to be changed."""
        return self._index.get((kind, name, value.lower()), {})

    def candidates(self, kind: str, name: str, value: str) -> set[str]:
        """Ids of objects that have the value, or had it for a reader that is behind."""
        key = (kind, name, value.lower())
        found = set(self._index.get(key, ()))
        old = self._old_index.get(key)
        if old:
            touched = self._still_touched(kind, old)
            for identifier in [i for i in old if i not in touched]:
                del old[identifier]
            if not old:
                del self._old_index[key]
            found.update(old)
        return found

    def all(self, kind: str) -> Iterable[Entry]:
        """Every object of the kind, oldest first, as the primary has them."""
        return self._kinds.get(kind, {}).values()

    def behind(self, kind: str, number: int) -> Iterator[Entry]:
        """Those with a higher number, oldest first, as the primary has them; soft-deleted ones included."""
        if kind not in self._ordered:
            self._ordered[kind] = list(self.all(kind))
        entries = self._ordered[kind]
        return (entries[place] for place in range(bisect_right(entries, number, key=lambda entry: entry.number), len(entries)))

    def count(self, kind: str) -> int:
        """How many objects of the kind there are, deleted ones included."""
        return len(self._kinds.get(kind, {}))

    def query(self, kind: str, candidates: set[str] | None, matches: Callable[[Record], bool]) -> list[tuple[Entry, Record]]:
        """Objects that match as this reader's replica has them, oldest first. `candidates` None means all of the kind."""
        entries = self._kinds.get(kind, {})
        touched = self._still_touched(kind, candidates)
        chosen: Iterable[Entry] = entries.values() if candidates is None else [entries[i] for i in candidates if i in entries]
        found = [(entry, entry.record) for entry in chosen if entry.id not in touched and matches(entry.record)]
        for entry in touched.values():
            current = entry.record if entry.id in entries else None
            before = self.lag.peek(entry.id, current)
            if not any(state is not None and matches(state) for state in (before, current)):
                continue
            seen = self.lag.view(entry.id, current, query=True)
            if seen is not None and matches(seen):
                found.append((entry, seen))
        if touched or candidates is not None:
            found.sort(key=lambda pair: pair[0].number)
        return found

    def touched_ids(self) -> set[str]:
        """Ids of objects of which some reader may be shown an older state."""
        return {identifier for touched in self._touched.values() for identifier in touched}

    def _still_touched(self, kind: str, only: Iterable[str] | None = None) -> dict[str, Entry]:
        """Of these objects (None: of all of the kind) those that some reader may be shown an older state of."""
        touched = self._touched.get(kind)
        if not touched:
            return {}
        asked = list(touched) if only is None else [identifier for identifier in only if identifier in touched]
        still = {}
        for identifier in asked:
            if self.lag.pending(identifier):
                still[identifier] = touched[identifier]
            else:
                del touched[identifier]
        return still

    def _gone(self, identifier: str) -> Entry | None:
        return next((touched[identifier] for touched in self._touched.values() if identifier in touched), None)

    def _note(self, entry: Entry, before: Record | None) -> None:
        if not self.lag.settings.on:
            return
        self.lag.note(entry.id, before)
        self._touched.setdefault(entry.kind, {})[entry.id] = entry
        for name in INDEXED.get(entry.kind, ()) if before is not None else ():
            for value in _values(before or {}, name):
                self._old_index.setdefault((entry.kind, name, value), {})[entry.id] = None

    def _link(self, entry: Entry) -> None:
        for name in INDEXED.get(entry.kind, ()):
            for value in _values(entry.record, name):
                self._index.setdefault((entry.kind, name, value), {})[entry.id] = None

    def _unlink(self, entry: Entry) -> None:
        for name in INDEXED.get(entry.kind, ()):
            for value in _values(entry.record, name):
                holders = self._index[entry.kind, name, value]
                del holders[entry.id]
                if not holders:
                    del self._index[entry.kind, name, value]
