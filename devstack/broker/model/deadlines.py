"""Keys that fall due, soonest first."""

import heapq
from collections.abc import Hashable, Iterator


class Deadlines[Key: Hashable]:
    """At most one deadline a key; setting it again moves it. Every operation costs O(log n), amortized."""

    def __init__(self) -> None:
        self._due: dict[Key, float] = {}
        self._heap: list[tuple[float, int, Key]] = []
        self._entries = 0

    def set(self, key: Key, due: float) -> None:
        self._due[key] = due
        self._entries += 1  # decides between equal times, so that keys need no order
        heapq.heappush(self._heap, (due, self._entries, key))
        if len(self._heap) > 2 * len(self._due) + 64:
            self._heap = [(when, number, held) for number, (held, when) in enumerate(self._due.items())]
            heapq.heapify(self._heap)
            self._entries = len(self._heap)

    def discard(self, key: Key) -> None:
        self._due.pop(key, None)

    def next(self) -> float | None:
        """When the next key falls due."""
        heap, due = self._heap, self._due
        while heap and due.get(heap[0][2]) != heap[0][0]:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def pop_due(self, now: float) -> Iterator[Key]:
        """Each key whose deadline is at or before `now`, soonest first; it is forgotten as it is yielded."""
        while self._heap and self._heap[0][0] <= now:
            when, _, key = heapq.heappop(self._heap)
            if self._due.get(key) == when:
                del self._due[key]
                yield key

    def __len__(self) -> int:
        return len(self._due)
