"""What a filter's parts mean: predicates over records, and what an index can answer of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

type Predicate = Callable[[dict[str, Any]], bool]
# What an index can answer: one property equals one value; several of these joined; None where only a scan can tell.
type Plan = Equals | Joined | None


@dataclass(frozen=True, slots=True)
class Equals:
    """The property equals the value."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Joined:
    """Both parts hold (`and`), or at least one (`or`)."""

    how: Literal["and", "or"]
    left: Plan
    right: Plan


def as_record(item: Any) -> dict[str, Any]:
    """An item of a collection as something to read properties from; a plain value is its property with the empty name."""
    return item if isinstance(item, dict) else {"": item}


def either(left: Predicate, right: Predicate) -> Predicate:
    """True where at least one is."""
    return lambda record: left(record) or right(record)


def both(left: Predicate, right: Predicate) -> Predicate:
    """True where both are."""
    return lambda record: left(record) and right(record)


def joined(how: Literal["and", "or"], left: Plan, right: Plan) -> Plan:
    """What an index can answer of the two together."""
    if how == "or" and (left is None or right is None):
        return None
    return Joined(how, left, right) if left is not None or right is not None else None


def compared(path: str, operator: str, value: Any) -> Predicate:
    """A comparison; texts ignore case, as the directory does."""
    names = path.split("/")
    wanted = [_folded(item) for item in value] if operator == "in" else _folded(value)
    compare = _COMPARISONS[operator]

    def matches(record: dict[str, Any]) -> bool:
        found: Any = record
        for name in names:
            found = found.get(name) if isinstance(found, dict) else None
        return compare(_folded(found), wanted)

    return matches


def _folded(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda found, wanted: isinstance(found, str) and isinstance(wanted, str) and compare(found, wanted)


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda found, wanted: bool(found == wanted),
    "ne": lambda found, wanted: bool(found != wanted),
    "ge": _ordered(lambda found, wanted: found >= wanted),
    "le": _ordered(lambda found, wanted: found <= wanted),
    "gt": _ordered(lambda found, wanted: found > wanted),
    "lt": _ordered(lambda found, wanted: found < wanted),
    "in": lambda found, wanted: found in wanted,
    "startswith": lambda found, wanted: isinstance(found, str) and found.startswith(wanted),
    "endswith": lambda found, wanted: isinstance(found, str) and found.endswith(wanted),
}
