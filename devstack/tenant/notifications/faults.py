"""What goes wrong on the way of a notification, on demand."""

import re
from dataclasses import dataclass, field
from typing import Any

from devstack.tenant.chance import Chance
from devstack.tenant.notifications.notice import Notice

EFFECTS: dict[str, str] = {
    "lose": "it is never sent",
    "duplicate": "it is sent `copies` times more (1)",
    "delay": "it is sent `seconds` of the tenant's time later",
    "reorder": "it comes up to `seconds` (5) of the tenant's time later, by itself, so that later ones overtake it",
    "reply-lost": "it is sent, and counts as unanswered: it comes again with the next attempt",
}
_MATCH = frozenset({"resource", "url", "changeType", "lifecycle", "subscription"})
_ALLOWED = frozenset({"match", "effect", "times", "probability", "after", "seconds", "copies"})


@dataclass(slots=True)
class NoticeRule:
    """One rule and what became of it. `seen` counts notices that match, `hits` those that it spoiled."""

    number: int
    effect: str
    given: dict[str, Any]
    match: dict[str, Any]
    seen: int = 0
    hits: int = 0

    def matches(self, notice: Notice) -> bool:
        """Whether the rule is about this notice."""
        wanted = self.match
        return (
            wanted.get("changeType") in (None, notice.change_type)
            and wanted.get("lifecycle")
            in (None, notice.lifecycle if isinstance(wanted.get("lifecycle"), str) else bool(notice.lifecycle))
            and wanted.get("subscription") in (None, notice.subscription.id)
            and ("resource" not in wanted or re.search(wanted["resource"], notice.resource or "", re.IGNORECASE) is not None)
            and ("url" not in wanted or re.search(wanted["url"], notice.url, re.IGNORECASE) is not None)
        )

    def to_json(self) -> dict[str, Any]:
        """The rule as it was given, with its counts."""
        return {**self.given, "number": self.number, "seen": self.seen, "hits": self.hits}


@dataclass(slots=True)
class NoticeFaults:
    """The rules in force; the first that applies to a notice decides."""

    chance: Chance
    rules: list[NoticeRule] = field(default_factory=list)
    _last: int = 0

    def add(self, given: Any) -> list[NoticeRule]:
        """The rules are in force besides those there are, all or none; raises ValueError with a sentence."""
        rules = [
            self._rule(item, self._last + 1 + place) for place, item in enumerate(given if isinstance(given, list) else [given])
        ]
        self.rules += rules
        self._last += len(rules)
        return rules

    def strike(self, notice: Notice) -> NoticeRule | None:
        """The rule that spoils the notice, if any; its counts are kept."""
        for rule in self.rules:
            if not rule.matches(notice):
                continue
            rule.seen += 1
            given = rule.given
            spent = given.get("times") is not None and rule.hits >= given["times"]
            unlucky = self.chance.fraction("notice fault", rule.number, rule.seen) < given.get("probability", 1)
            if spent or rule.seen <= given.get("after", 0) or not unlucky:
                continue
            rule.hits += 1
            return rule
        return None

    @staticmethod
    def _rule(given: Any, number: int) -> NoticeRule:
        if not isinstance(given, dict) or given.get("effect") not in EFFECTS:
            raise ValueError(f"a rule for notifications is an object with an effect, one of {', '.join(EFFECTS)}; got {given!r}")
        match = given.get("match") or {}
        if given.keys() - _ALLOWED or match.keys() - _MATCH:
            raise ValueError(
                f"a rule has {', '.join(sorted(_ALLOWED))}, and match has {', '.join(sorted(_MATCH))}; got {given!r}"
            )
        for name in ("times", "after", "copies"):
            if given.get(name) is not None and (type(given[name]) is not int or given[name] < 0):
                raise ValueError(f"{name} is a whole number, 0 or more; got {given!r}")
        for name, most in (("probability", 1), ("seconds", 10**9)):
            if not 0 <= float(given.get(name, 0)) <= most:
                raise ValueError(f"{name} lies between 0 and {most}; got {given!r}")
        for name in ("resource", "url"):
            re.compile(match.get(name, ""))
        return NoticeRule(number, given["effect"], given, match)
