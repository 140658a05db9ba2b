"""Bicep text -> tokens."""

import re
from dataclasses import dataclass
from typing import Any

_SIGNS = r"=>|==|!=|<=|>=|&&|\|\||\?\?|\.\?|[\[\]{}()<>,:.?!=+\-*/%@|]"
_TOKEN = re.compile(
    rf"(?P<blank>[ \t\r]+|//[^\n]*|/\*.*?\*/|#disable[^\n]*)|(?P<line>\n)|(?P<number>\d+)|(?P<name>[A-Za-z_]\w*)|(?P<sign>{_SIGNS})",
    re.DOTALL,
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", "'": "'", "$": "$"}


class BicepFault(Exception):
    """The file says something that is wrong, or that this reader does not know. The message says where."""


@dataclass(frozen=True)
class Token:
    kind: str
    value: Any
    line: int


@dataclass(frozen=True)
class Code:
    """An expression within a string, still to be read."""

    text: str
    line: int


def tokens(text: str, where: str, line: int = 1) -> list[Token]:
    found, at = [], 0
    while at < len(text):
        if text[at] == "'":
            token, end = _string(text, at, where, line)
            found.append(token)
        elif match := _TOKEN.match(text, at):
            end = match.end()
            if match.lastgroup != "blank":
                value = int(match.group()) if match.lastgroup == "number" else match.group()
                found.append(Token(str(match.lastgroup), value, line))
        else:
            raise BicepFault(f"{where}:{line}: {text[at]!r} is not understood")
        line += text.count("\n", at, end)
        at = end
    return [*found, Token("line", "\n", line), Token("end", None, line)]


def _string(text: str, at: int, where: str, line: int) -> tuple[Token, int]:
    """A string's parts, text and code by turns; and where it ends."""
    if text.startswith("'''", at):
        end = text.index("'''", at + 3)
        return Token("string", [text[at + 3 : end].removeprefix("\n")], line), end + 3
    parts: list[Any] = [""]
    at += 1
    while at < len(text) and text[at] not in "'\n":
        if text[at] == "\\" and text[at + 1] in _ESCAPES:
            parts[-1] += _ESCAPES[text[at + 1]]
            at += 2
        elif text.startswith("${", at):
            end = _closing(text, at + 2)
            parts += [Code(text[at + 2 : end], line), ""]
            at = end + 1
        else:
            parts[-1] += text[at]
            at += 1
    if at >= len(text) or text[at] != "'":
        raise BicepFault(f"{where}:{line}: a string does not end")
    return Token("string", parts, line), at + 1


def _closing(text: str, at: int) -> int:
    depth, quoted = 0, False
    while depth or quoted or text[at] != "}":
        if text[at] == "'":
            quoted = not quoted
        elif not quoted:
            depth += {"{": 1, "}": -1}.get(text[at], 0)
        at += 1
    return at
