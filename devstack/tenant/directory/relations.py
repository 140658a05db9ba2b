"""References between objects (members, owners, sponsors, manager), each with its own replication delay."""

from collections.abc import Callable
from dataclasses import dataclass, field

from devstack.tenant.directory.lag import Lag

RELATIONS = ("members", "owners", "sponsors", "manager")


def _edge(relation: str, source: str, target: str) -> str:
    return f"{relation}:{source}:{target}"


@dataclass(slots=True)
class Relations:
    """For every relation and source its targets in the order they were added, and the way back."""

    lag: Lag
    # Told of every change: relation, source, target, and whether the reference came.
    watcher: Callable[[str, str, str, bool], None] = lambda relation, source, target, added: None
    _targets: dict[tuple[str, str], dict[str, None]] = field(default_factory=dict)
    _sources: dict[tuple[str, str], dict[str, None]] = field(default_factory=dict)
    _touched_targets: dict[tuple[str, str], dict[str, None]] = field(default_factory=dict)
    _touched_sources: dict[tuple[str, str], dict[str, None]] = field(default_factory=dict)

    def add(self, relation: str, source: str, target: str, *, replicated: bool = False) -> None:
        """The source refers to the target."""
        if not replicated:
            self._note(relation, source, target)
        new = target not in self.targets(relation, source)
        self._targets.setdefault((relation, source), {})[target] = None
        self._sources.setdefault((relation, target), {})[source] = None
        if new:
            self.watcher(relation, source, target, True)

    def remove(self, relation: str, source: str, target: str) -> None:
        """The source does not refer to the target."""
        self._note(relation, source, target)
        was = target in self.targets(relation, source)
        self._targets.get((relation, source), {}).pop(target, None)
        self._sources.get((relation, target), {}).pop(source, None)
        if was:
            self.watcher(relation, source, target, False)

    def targets(self, relation: str, source: str) -> dict[str, None]:
        """What the source refers to, as the primary has it. Not to be changed."""
        return self._targets.get((relation, source), {})

    def sources(self, relation: str, target: str) -> dict[str, None]:
        """What refers to the target, as the primary has it. Not to be changed."""
        return self._sources.get((relation, target), {})

    def has(self, relation: str, source: str, target: str) -> bool:
        """Whether this reader's replica has the reference."""
        current = target in self._targets.get((relation, source), ())
        return bool(self.lag.view(_edge(relation, source, target), current, query=True))

    def read_targets(self, relation: str, source: str) -> list[str]:
        """What the source refers to, as this reader's replica has it."""
        touched = self._touched_targets.get((relation, source))
        current = self._targets.get((relation, source), {})
        if not touched:
            return list(current)
        for target in [t for t in touched if not self.lag.pending(_edge(relation, source, t))]:
            del touched[target]
        untouched = [target for target in current if target not in touched]
        return untouched + [target for target in touched if self.has(relation, source, target)]

    def read_sources(self, relation: str, target: str) -> list[str]:
        """What refers to the target, as this reader's replica has it."""
        touched = self._touched_sources.get((relation, target))
        current = self._sources.get((relation, target), {})
        if not touched:
            return list(current)
        for source in [s for s in touched if not self.lag.pending(_edge(relation, s, target))]:
            del touched[source]
        untouched = [source for source in current if source not in touched]
        return untouched + [source for source in touched if self.has(relation, source, target)]

    def forget(self, identifier: str) -> None:
        """Nothing refers to the object and it refers to nothing: it is gone for good."""
        for relation in RELATIONS:
            for target in list(self.targets(relation, identifier)):
                self.remove(relation, identifier, target)
            for source in list(self.sources(relation, identifier)):
                self.remove(relation, source, identifier)

    def _note(self, relation: str, source: str, target: str) -> None:
        if not self.lag.settings.on:
            return
        self.lag.note(_edge(relation, source, target), target in self._targets.get((relation, source), ()))
        self._touched_targets.setdefault((relation, source), {})[target] = None
        self._touched_sources.setdefault((relation, target), {})[source] = None
