"""$filter: text to a tested predicate. The grammar is the subset that Entra's directory documents for its objects."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from devstack.tenant.errors import GraphError, bad_request, not_simulated, unsupported_query
from devstack.tenant.odata.predicates import Equals, Plan, Predicate, as_record, both, compared, either, joined

_TOKEN = re.compile(
    r"""\s*(?:(?P<string>'(?:[^']|'')*')
    |(?P<date>\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)|\d{4}-\d\d-\d\d(?![\w-]))
    |(?P<guid>[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12})
    |(?P<number>-?\d+)|(?P<name>[@A-Za-z_][\w.]*(?:/[$A-Za-z_][\w.]*)*)|(?P<mark>[(),:]))""",
    re.VERBOSE,
)
MOST_ALTERNATIVES = 15
_MOST_TOKENS, _MOST_NESTED = 400, 60
_ADVANCED_OPERATORS = frozenset({"ne", "endswith"})


@dataclass(frozen=True, slots=True)
class Filter:
    """A parsed $filter. `advanced` says that it needs `ConsistencyLevel: eventual` and `$count=true`, and for what."""

    matches: Predicate
    plan: Plan
    advanced: str | None
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Filterable:
    """For each property that can be filtered, the operators that Graph documents for it.

    Filters by one of `advanced` are advanced queries whatever the operator. Those in `absent` answer 501.
    """

    resource: str
    operators: dict[str, frozenset[str]]
    spellings: dict[str, str]
    advanced: frozenset[str] = frozenset()
    absent: frozenset[str] = frozenset()

    def spelled(self, name: str) -> str:
        """The property as Graph spells it; names ignore case."""
        return self.spellings.get(name.lower(), name)

    def __hash__(self) -> int:
        return hash(self.resource)

    def check(self, name: str, operator: str) -> None:
        """The operator is documented for the property; raises Request_UnsupportedQuery if not, 501 where only we do not know it."""
        if name.lower().partition("/")[0] in self.absent:
            raise not_simulated(f"A filter by '{name}' of {self.resource}", "devstack/tenant/graph/kinds.py")
        if operator not in self.operators.get(name, ()):
            raise unsupported_query(
                f"Unsupported or invalid query filter clause specified for property '{name}' of resource '{self.resource}'."
            )


@lru_cache(maxsize=1024)
def parse_filter(text: str, filterable: Filterable) -> Filter:
    """The filter; raises GraphError 400 for what Graph refuses."""
    return _Parser(text, filterable).whole()


def _tokens(text: str) -> list[tuple[str, str]]:
    found, position = [], 0
    while text[position:].strip():
        match = _TOKEN.match(text, position)
        if match is None:
            raise _invalid(f"Syntax error at position {position} in '{text}'.")
        kind = match.lastgroup
        assert kind is not None
        found.append((kind, match[kind]))
        position = match.end()
    return found


def _invalid(detail: str) -> GraphError:
    return bad_request(f"Invalid filter clause: {detail}", code="BadRequest")


class _Parser:
    """Recursive descent: or < and < not < comparison. `scope` is the range variable of a lambda and its collection."""

    def __init__(self, text: str, filterable: Filterable) -> None:
        self.text, self.filterable = text, filterable
        self.tokens = _tokens(text)
        self.position = 0
        self.advanced: str | None = None
        self.names: set[str] = set()
        self.scope: tuple[str, str] | None = None

    def whole(self) -> Filter:
        if not self.tokens:
            raise _invalid("it is empty.")
        if len(self.tokens) > _MOST_TOKENS or sum(text.lower() in ("(", "not") for _, text in self.tokens) > _MOST_NESTED:
            raise _invalid("it is too long or too deeply nested.")
        matches, plan = self.either()
        if self.position != len(self.tokens):
            raise _invalid(f"'{self.tokens[self.position][1]}' was not expected in '{self.text}'.")
        return Filter(matches, plan, self.advanced, frozenset(self.names))

    def either(self) -> tuple[Predicate, Plan]:
        left, left_plan = self.both()
        clauses = 1
        while self.accept("or"):
            clauses += 1
            self.limit(clauses)
            right, right_plan = self.both()
            left, left_plan = either(left, right), joined("or", left_plan, right_plan)
        return left, left_plan

    def both(self) -> tuple[Predicate, Plan]:
        left, left_plan = self.negated()
        while self.accept("and"):
            right, right_plan = self.negated()
            left, left_plan = both(left, right), joined("and", left_plan, right_plan)
        return left, left_plan

    def negated(self) -> tuple[Predicate, Plan]:
        if self.accept("not"):
            self.advanced = self.advanced or "not"
            inner, _ = self.negated()
            return (lambda record: not inner(record)), None
        return self.primary()

    def primary(self) -> tuple[Predicate, Plan]:
        if self.accept("("):
            inner = self.either()
            self.expect(")")
            return inner
        kind, text = self.take()
        if kind != "name":
            raise _invalid(f"a property was expected, not '{text}', in '{self.text}'.")
        if text.lower() in ("startswith", "endswith", "contains"):
            return self.function(text.lower()), None
        if text.lower().endswith(("/any", "/all")):
            return self.collection(text)
        return self.comparison(text)

    def function(self, operator: str) -> Predicate:
        self.expect("(")
        name = self.property(self.take()[1], operator)
        self.expect(",")
        value = self.literal()
        self.expect(")")
        if not isinstance(value, str):
            raise _invalid(f"{operator} needs a text in quotes.")
        return compared(name, operator, value)

    def collection(self, path: str) -> tuple[Predicate, Plan]:
        name, quantifier = path.rsplit("/", 1)
        name = self.filterable.spelled(name)
        if quantifier.lower() == "all" or self.scope is not None:
            raise unsupported_query(f"'{path}' is not supported in a filter on {self.filterable.resource}.")
        self.filterable.check(name, "any")
        self.names.add(name)
        self.mark(name, "any")
        self.expect("(")
        if self.accept(")"):
            return (lambda record: bool(record.get(name))), None
        variable = self.take()[1]
        self.expect(":")
        self.scope = (variable, name)
        inner, plan = self.either()
        self.scope = None
        self.expect(")")
        return (lambda record: any(inner(as_record(item)) for item in record.get(name) or ())), plan

    def comparison(self, path: str) -> tuple[Predicate, Plan]:
        operator = self.take()[1].lower()
        if path.lower().endswith("/$count") and operator in ("eq", "ne"):
            return self.size(path, operator)
        if operator not in ("eq", "ne", "ge", "le", "gt", "lt", "in"):
            raise _invalid(f"'{operator}' is not an operator, in '{self.text}'.")
        name = self.property(path, operator)
        if operator == "in":
            self.expect("(")
            values = [self.literal()]
            while self.accept(","):
                values.append(self.literal())
            self.limit(len(values))
            self.expect(")")
            return compared(name, "in", values), None
        value = self.literal()
        if value is None and self.scope is None:
            self.filterable.check(name, "null")
            self.advanced = self.advanced or "eq null"
        indexed = self.scope[1] if self.scope and name == "" else name
        plan = Equals(indexed, value) if operator == "eq" and isinstance(value, str) else None
        return compared(name, operator, value), plan if not self.scope or name == "" else None

    def size(self, path: str, operator: str) -> tuple[Predicate, Plan]:
        name = self.filterable.spelled(path[: -len("/$count")])
        self.filterable.check(name, "any")
        self.names.add(name)
        self.advanced = self.advanced or "$count"
        wanted = self.literal()
        return (lambda record: (len(record.get(name) or ()) == wanted) == (operator == "eq")), None

    def property(self, path: str, operator: str) -> str:
        """The name to read from the record (or "" for the range variable itself), checked against the documentation."""
        if self.scope is not None:
            variable, collection = self.scope
            if path != variable and not path.startswith(variable + "/"):
                raise _invalid(f"'{path}' is not the range variable '{variable}'.")
            if operator not in ("eq", "startswith"):
                self.filterable.check(collection, operator)
            self.mark(collection, operator)
            return path[len(variable) + 1 :]
        name = self.filterable.spelled(path)
        self.filterable.check(name, operator)
        self.names.add(name)
        self.mark(name, operator)
        return name

    def limit(self, clauses: int) -> None:
        """Entra's directory takes at most 15 alternatives."""
        if clauses > MOST_ALTERNATIVES:
            raise unsupported_query(
                f"Too many child clauses specified in search filter expression containing 'OR' operators: {clauses}. "
                f"Max allowed: {MOST_ALTERNATIVES}."
            )

    def mark(self, name: str, operator: str) -> None:
        if operator in _ADVANCED_OPERATORS:
            self.advanced = self.advanced or operator
        elif name in self.filterable.advanced:
            self.advanced = self.advanced or name

    def literal(self) -> Any:
        kind, text = self.take()
        if kind == "string":
            return text[1:-1].replace("''", "'")
        if kind in ("date", "guid"):
            return text
        if kind == "number":
            return int(text)
        word = text.lower()
        if word in ("true", "false", "null"):
            return {"true": True, "false": False, "null": None}[word]
        raise _invalid(f"a value was expected, not '{text}', in '{self.text}'.")

    def take(self) -> tuple[str, str]:
        if self.position == len(self.tokens):
            raise _invalid(f"'{self.text}' ends too early.")
        self.position += 1
        return self.tokens[self.position - 1]

    def accept(self, text: str) -> bool:
        if self.position < len(self.tokens):
            kind, found = self.tokens[self.position]
            if kind in ("name", "mark") and found.lower() == text:
                self.position += 1
                return True
        return False

    def expect(self, text: str) -> None:
        if not self.accept(text):
            found = self.tokens[self.position][1] if self.position < len(self.tokens) else "the end"
            raise _invalid(f"'{text}' was expected, not '{found}', in '{self.text}'.")
