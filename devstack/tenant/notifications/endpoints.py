"""How well an address answers. Slow ones are served late, very slow ones are not served at all (facts 9.3)."""

from collections import deque
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

_WINDOW = 600.0
_SLOW, _DROP = 0.10, 0.15
State = Literal["ok", "slow", "drop"]
STATES: tuple[State, ...] = ("ok", "slow", "drop")


@dataclass(slots=True)
class _Answers:
    """The answers of one address in the last ten minutes, and how many of them were slow."""

    kept: deque[tuple[float, bool]] = field(default_factory=deque)
    slow: int = 0

    def add(self, now: float, *, slow: bool) -> None:
        self.kept.append((now, slow))
        self.slow += slow

    def leave(self, now: float) -> None:
        while self.kept and self.kept[0][0] <= now - _WINDOW:
            self.slow -= self.kept.popleft()[1]


@dataclass(slots=True)
class Endpoints:
    """How every address has answered lately, whatever its query string."""

    _answers: dict[str, _Answers] = field(default_factory=dict)
    _ordered: dict[str, State] = field(default_factory=dict)

    def heard(self, url: str, now: float, *, slow: bool) -> None:
        """The address has answered, or has failed to in time."""
        answers = self._answers.setdefault(address(url), _Answers())
        answers.leave(now)
        answers.add(now, slow=slow)

    def order(self, url: str | None, state: State) -> None:
        """The address (None: every one) is in the state whatever it answers; `ok` lets its answers decide again."""
        if url is None:
            self._ordered = {} if state == "ok" else {"*": state}
        elif state == "ok":
            self._ordered.pop(address(url), None)
        else:
            self._ordered[address(url)] = state

    def state(self, url: str, now: float, sample: int) -> State:
        """The state of the address now: more than 10 % slow answers make it slow, more than 15 % drop."""
        ordered = self._ordered.get(address(url), self._ordered.get("*"))
        if ordered is not None:
            return ordered
        answers = self._answers.get(address(url), _Answers())
        answers.leave(now)
        if len(answers.kept) < sample:
            return "ok"
        share = answers.slow / len(answers.kept)
        return "drop" if share > _DROP else "slow" if share > _SLOW else "ok"

    def to_json(self, now: float, sample: int) -> dict[str, State]:
        """Every address and its state."""
        return {known: self.state(known, now, sample) for known in {*self._answers, *self._ordered} - {"*"}}


def address(url: str) -> str:
    """The URL without its query."""
    return urlsplit(url)._replace(query="", fragment="").geturl()
