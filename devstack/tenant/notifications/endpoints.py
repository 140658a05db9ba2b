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
class Endpoints:
    """The answers of the last ten minutes of every address, whatever its query string."""

    _answers: dict[str, deque[tuple[float, bool]]] = field(default_factory=dict)
    _ordered: dict[str, State] = field(default_factory=dict)

    def heard(self, url: str, now: float, *, slow: bool) -> None:
        """The address has answered, or has failed to in time."""
        self._answers.setdefault(address(url), deque(maxlen=10_000)).append((now, slow))

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
        answers = self._answers.get(address(url), deque())
        while answers and answers[0][0] <= now - _WINDOW:
            answers.popleft()
        if len(answers) < sample:
            return "ok"
        share = sum(slow for _, slow in answers) / len(answers)
        return "drop" if share > _DROP else "slow" if share > _SLOW else "ok"

    def to_json(self, now: float, sample: int) -> dict[str, State]:
        """Every address and its state."""
        return {known: self.state(known, now, sample) for known in {*self._answers, *self._ordered} - {"*"}}


def address(url: str) -> str:
    """The URL without its query."""
    return urlsplit(url)._replace(query="", fragment="").geturl()
