"""Bicep text -> statements. https://learn.microsoft.com/azure/azure-resource-manager/bicep/file"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from infra.check.lexing import BicepFault, Code, Token, tokens

# An expression: its kind, then its parts. `rendering.py` has one case for each.
type Node = tuple[Any, ...]

# Weakest first. https://learn.microsoft.com/azure/azure-resource-manager/bicep/operators#operator-precedence-and-associativity
_STRENGTH = {
    "??": 1,
    "||": 2,
    "&&": 3,
    "==": 4,
    "!=": 4,
    "<": 5,
    ">": 5,
    "<=": 5,
    ">=": 5,
    "+": 6,
    "-": 6,
    "*": 7,
    "/": 7,
    "%": 7,
}


@dataclass(frozen=True)
class Statement:
    """`kind` is the keyword, `about` the type of a parameter or resource or the path of a module."""

    kind: str
    name: str
    body: Node | None
    about: str = ""
    existing: bool = False
    decorators: dict[str, list[Node]] = field(default_factory=dict)
    line: int = 0


def read(text: str, where: str) -> list[Statement]:
    """The statements of a Bicep or parameters file. Raises BicepFault."""
    reader = _Reader(tokens(text, where), where)
    return reader.statements()


class _Reader:
    """Recursive descent; binary operators by their strength."""

    def __init__(self, tokens: list[Token], where: str) -> None:
        self._tokens, self._at, self._where = tokens, 0, where

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self, value: str | None = None, kind: str | None = None) -> Token:
        token = self._next
        if (value is not None and token.value != value) or (kind is not None and token.kind != kind):
            raise BicepFault(f"{self._where}:{token.line}: {value or kind} was expected, not {token.value!r}")
        self._at += 1
        return token

    def _has(self, *values: str) -> bool:
        if self._next.kind in {"sign", "name"} and self._next.value in values:
            self._at += 1
            return True
        return False

    def _lines(self) -> None:
        while self._next.kind == "line":
            self._at += 1

    def statements(self) -> list[Statement]:
        found = []
        self._lines()
        while self._next.kind != "end":
            found.append(self._statement())
            self._take(kind="line")
            self._lines()
        return found

    def _statement(self) -> Statement:
        decorators: dict[str, list[Node]] = {}
        while self._has("@"):
            name = self._take(kind="name").value
            decorators[name] = self._arguments()
            self._lines()
        keyword = self._take(kind="name")
        kind, about, existing, name = keyword.value, "", False, keyword.value
        if kind == "using":
            return Statement(kind, kind, self.expression(), line=keyword.line)
        if kind not in {"param", "var", "output", "resource", "module", "targetScope"}:
            raise BicepFault(f"{self._where}:{keyword.line}: the statement {kind!r} is not known to this check")
        if kind != "targetScope":
            name = self._take(kind="name").value
        if kind in {"resource", "module"}:
            about = "".join(self._take(kind="string").value)
            existing = self._has("existing")
        elif kind in {"param", "output"} and self._next.kind == "name":
            about = self._take(kind="name").value
        body = self.expression() if self._has("=") else None
        return Statement(kind, name, body, about, existing, decorators, keyword.line)

    def _arguments(self) -> list[Node]:
        self._take("(")
        found: list[Node] = []
        self._lines()
        while not self._has(")"):
            found.append(self.expression())
            self._lines()
            self._has(",")
            self._lines()
        return found

    def expression(self) -> Node:
        condition = self._binary(0)
        if not self._has("?"):
            return condition
        yes = self.expression()
        self._take(":")
        return ("choice", condition, yes, self.expression())

    def _binary(self, weakest: int) -> Node:
        left = self._unary()
        while self._next.kind == "sign" and _STRENGTH.get(self._next.value, 0) > weakest:
            sign = self._take().value
            left = ("binary", sign, left, self._binary(_STRENGTH[sign]))
        return left

    def _unary(self) -> Node:
        if self._has("!"):
            return ("not", self._unary())
        if self._has("-"):
            return ("minus", self._unary())
        return self._reached(self._primary())

    def _reached(self, node: Node) -> Node:
        while True:
            if self._has(".", ".?"):
                name = self._take(kind="name").value
                node = ("get", node, ("string", [name]))
            elif self._has("["):
                node = ("get", node, self.expression())
                self._take("]")
            else:
                return node

    def _primary(self) -> Node:
        token = self._take()
        if token.kind == "string":
            return ("string", [self._within(part) if isinstance(part, Code) else part for part in token.value])
        if token.kind == "number":
            return ("literal", token.value)
        if token.kind == "name":
            return self._named(token)
        opened: dict[str, Callable[[], Node]] = {"(": self._bracketed, "[": self._array, "{": self._object}
        if token.value in opened:
            return opened[token.value]()
        raise BicepFault(f"{self._where}:{token.line}: {token.value!r} was not expected here")

    def _within(self, part: Code) -> Node:
        return _Reader(tokens(part.text, self._where, part.line), self._where).expression()

    def _named(self, token: Token) -> Node:
        if token.value in {"true", "false", "null"}:
            return ("literal", {"true": True, "false": False, "null": None}[token.value])
        if token.value == "if" and self._next.value == "(":
            self._take("(")
            condition = self.expression()
            self._take(")")
            return ("if", condition, self.expression())
        if self._next.value == "(":
            return ("call", token.value, self._arguments(), token.line)
        if self._has("=>"):
            return ("lambda", [token.value], self.expression())
        return ("name", token.value, token.line)

    def _bracketed(self) -> Node:
        inside = self.expression()
        self._take(")")
        return inside

    def _array(self) -> Node:
        if self._has("for"):
            return self._loop()
        found: list[Node] = []
        self._lines()
        while not self._has("]"):
            found.append(self.expression())
            self._has(",")
            self._lines()
        return ("array", found)

    def _loop(self) -> Node:
        if self._has("("):
            names = [self._take(kind="name").value]
            self._take(",")
            names.append(self._take(kind="name").value)
            self._take(")")
        else:
            names = [self._take(kind="name").value]
        self._take("in")
        over = self.expression()
        self._take(":")
        body = self.expression()
        self._take("]")
        return ("for", names, over, body)

    def _object(self) -> Node:
        found: list[tuple[Node, Node]] = []
        self._lines()
        while not self._has("}"):
            key = self._take()
            if key.kind not in {"name", "string"}:
                raise BicepFault(f"{self._where}:{key.line}: {key.value!r} cannot be a key")
            self._take(":")
            text = ("string", [self._within(part) if isinstance(part, Code) else part for part in key.value])
            found.append((text if key.kind == "string" else ("string", [key.value]), self.expression()))
            self._has(",")
            self._lines()
        return ("object", found)


__all__ = ["BicepFault", "Node", "Statement", "read"]
