"""Failures on demand: rules that match a request and say what goes wrong with it."""

import re
from dataclasses import dataclass, field
from typing import Any, Literal

from devstack.tenant.chance import Chance

Effect = Literal["status", "effect-then-status", "lost", "effect-then-lost", "delay", "sponsors-ignored", "stale"]
EFFECTS: dict[str, str] = {
    "status": "answer with `status`, `code`, `message`, `headers` (or a raw `body`) and do nothing",
    "effect-then-status": "do it, then answer with `status`, `code`, `message`, `headers` (or a raw `body`)",
    "lost": "do nothing and close the connection without an answer",
    "effect-then-lost": "do it, then close the connection without an answer",
    "delay": "wait `seconds` of real time, then go on",
    "sponsors-ignored": "carry out an invitation and ignore its sponsors",
    "stale": "answer from a replica that has not seen the latest change",
}
_MATCH = ("method", "path", "cmdlet")


@dataclass(slots=True)
class Rule:
    """One rule and what became of it. `seen` counts matching requests, `hits` those that it spoiled."""

    number: int
    effect: Effect
    method: str | None
    path: re.Pattern[str] | None
    cmdlet: str | None
    times: int | None
    probability: float
    after: int
    given: dict[str, Any]
    seen: int = 0
    hits: int = 0

    def matches(self, method: str, path: str, cmdlet: str | None) -> bool:
        """Whether the rule is about this request, whatever its counts say."""
        return (
            (self.method is None or self.method == method)
            and (self.path is None or self.path.search(path) is not None)
            and (self.cmdlet is None or self.cmdlet == (cmdlet or "").lower())
        )

    def to_json(self) -> dict[str, Any]:
        """The rule as it was given, with its counts."""
        return {**self.given, "number": self.number, "seen": self.seen, "hits": self.hits}


@dataclass(slots=True)
class Faults:
    """The rules in force, in the order they were given; the first that applies decides."""

    chance: Chance
    rules: list[Rule] = field(default_factory=list)
    _last_number: int = 0

    def add(self, given: Any) -> list[Rule]:
        """The rules are in force after those there already. All or none; raises ValueError with a sentence."""
        if not isinstance(given, list):
            given = [given]
        rules = [self._rule(item, self._last_number + 1 + place) for place, item in enumerate(given)]
        self.rules += rules
        self._last_number += len(rules)
        return rules

    def clear(self) -> None:
        """No rule is in force."""
        self.rules.clear()

    def strike(self, method: str, path: str, cmdlet: str | None = None, *, by_path_only: bool = False) -> Rule | None:
        """The rule that spoils this request, if any; its counts are kept. `by_path_only` passes over rules without a path."""
        for rule in self.rules:
            if not rule.matches(method, path, cmdlet) or (by_path_only and rule.path is None):
                continue
            rule.seen += 1
            spent = rule.times is not None and rule.hits >= rule.times
            if spent or rule.seen <= rule.after or self.chance.fraction("fault", rule.number, rule.seen) >= rule.probability:
                continue
            rule.hits += 1
            return rule
        return None

    @staticmethod
    def _rule(given: Any, number: int) -> Rule:
        if not isinstance(given, dict) or given.get("effect") not in EFFECTS:
            raise ValueError(f"a fault rule is an object with an effect, one of {', '.join(EFFECTS)}; got {given!r}")
        allowed = {"match", "times", "probability", "after", "effect", "status", "code", "message", "headers", "body", "seconds"}
        unknown = given.keys() - allowed
        match = given.get("match") or {}
        if unknown or match.keys() - set(_MATCH):
            raise ValueError(f"a fault rule has {', '.join(sorted(allowed))}, and match has {', '.join(_MATCH)}; got {given!r}")
        if given["effect"].endswith("status") and not 100 <= int(given.get("status", 0)) <= 599:
            raise ValueError(f"effect {given['effect']} needs a status between 100 and 599; got {given!r}")
        counts = [given[name] for name in ("times", "after") if given.get(name) is not None]
        if not all(type(count) is int and count >= 0 for count in counts):
            raise ValueError(f"times and after are whole numbers, 0 or more; got {given!r}")
        if not 0 <= float(given.get("probability", 1)) <= 1:
            raise ValueError(f"probability lies between 0 and 1; got {given!r}")
        try:
            path = re.compile(match["path"], re.IGNORECASE) if match.get("path") else None
        except re.error as error:
            raise ValueError(f"the path of a fault rule is a regular expression; {match['path']!r} is none: {error}") from error
        return Rule(
            number=number,
            effect=given["effect"],
            method=match["method"].upper() if match.get("method") else None,
            path=path,
            cmdlet=match["cmdlet"].lower() if match.get("cmdlet") else None,
            times=given.get("times"),
            probability=float(given.get("probability", 1)),
            after=int(given.get("after", 0)),
            given=given,
        )
