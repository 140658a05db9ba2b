"""Expressions -> values."""

from collections.abc import Callable, Mapping
from typing import Any

from infra.check.reading import BicepFault, Node

type Scope = Mapping[str, Any]


class Evaluator:
    """`symbol(name, line)` gives what a name stands for, outside of loops and lambdas; `functions` are those that may be called."""

    def __init__(self, where: str, symbol: Callable[[str, int], Any], functions: Mapping[str, Callable[..., Any]]) -> None:
        self._where, self._symbol, self._functions = where, symbol, functions

    def value(self, node: Node, scope: Scope) -> Any:
        """The value of an expression, with the names of loops and lambdas in `scope`. Raises BicepFault."""
        evaluate = getattr(self, f"_{node[0]}", None)
        if evaluate is None:
            raise BicepFault(f"{self._where}: {node[0]} is not known to this check")
        return evaluate(scope, *node[1:])

    def bound(self, names: list[str], over: Node, scope: Scope) -> list[dict[str, Any]]:
        """What a loop's names stand for, turn by turn."""
        return [{**scope, **dict(zip(names, (item, turn), strict=False))} for turn, item in enumerate(self.value(over, scope))]

    def _literal(self, scope: Scope, value: Any) -> Any:
        return value

    def _string(self, scope: Scope, parts: list[Any]) -> Any:
        return "".join(part if isinstance(part, str) else str(self.value(part, scope)) for part in parts)

    def _name(self, scope: Scope, name: str, line: int) -> Any:
        return scope[name] if name in scope else self._symbol(name, line)

    def _array(self, scope: Scope, items: list[Node]) -> Any:
        return [self.value(item, scope) for item in items]

    def _object(self, scope: Scope, pairs: list[tuple[Node, Node]]) -> Any:
        return {self.value(key, scope): self.value(value, scope) for key, value in pairs}

    def _for(self, scope: Scope, names: list[str], over: Node, inner: Node) -> Any:
        return [self.value(inner, turn) for turn in self.bound(names, over, scope)]

    def _lambda(self, scope: Scope, names: list[str], inner: Node) -> Any:
        return lambda *given: self.value(inner, {**scope, **dict(zip(names, given, strict=True))})

    def _call(self, scope: Scope, name: str, arguments: list[Node], line: int) -> Any:
        if name not in self._functions:
            raise BicepFault(f"{self._where}:{line}: the function {name} is not known to this check")
        return self._functions[name](*(self.value(argument, scope) for argument in arguments))

    def _choice(self, scope: Scope, condition: Node, yes: Node, no: Node) -> Any:
        return self.value(yes if self.value(condition, scope) else no, scope)

    def _get(self, scope: Scope, owner: Node, key: Node) -> Any:
        there, name = self.value(owner, scope), self.value(key, scope)
        try:
            return there[name]
        except (KeyError, IndexError, TypeError):
            what = ", ".join(there) if isinstance(there, dict) else repr(there)
            raise BicepFault(f"{self._where}: there is no {name!r} in {what}") from None

    def _not(self, scope: Scope, inner: Node) -> Any:
        return not self.value(inner, scope)

    def _binary(self, scope: Scope, sign: str, left: Node, right: Node) -> Any:
        first = self.value(left, scope)
        if sign in {"&&", "||"}:
            return bool(self.value(right, scope)) if bool(first) == (sign == "&&") else sign == "||"
        joined: dict[str, Callable[[Any, Any], Any]] = {
            "==": lambda one, other: one == other,
            "!=": lambda one, other: one != other,
            ">": lambda one, other: one > other,
            "<": lambda one, other: one < other,
            "+": lambda one, other: one + other,
        }
        if sign not in joined:
            raise BicepFault(f"{self._where}: the operator {sign} is not known to this check")
        return joined[sign](first, self.value(right, scope))
