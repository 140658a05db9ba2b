"""Duplicate detection: message ids seen within a window of time."""

from collections import deque
from collections.abc import Hashable


class Duplicates:
    def __init__(self, window: float) -> None:
        self.window = window
        self._order: deque[tuple[float, Hashable]] = deque()
        self._seen: set[Hashable] = set()

    def seen(self, message_id: Hashable, now: float) -> bool:
        """Whether the id came within the window before `now`; from now on it has."""
        while self._order and self._order[0][0] <= now - self.window:
            self._seen.discard(self._order.popleft()[1])
        if message_id in self._seen:
            return True
        self._seen.add(message_id)
        self._order.append((now, message_id))
        return False
