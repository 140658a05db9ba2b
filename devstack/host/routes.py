"""ASP.NET route templates, as HTTP triggers use them: literals, parameters with constraints, defaults, optional and catch-all.

Source: https://learn.microsoft.com/aspnet/core/fundamentals/routing (templates, constraints, precedence); a method that no function
of a route takes is a miss (404), because the Functions host makes methods route constraints.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote

_GUID = r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}"
_PLAIN: dict[str, str] = {
    "int": r"[+-]?\d{1,10}",
    "long": r"[+-]?\d{1,19}",
    "bool": r"(?i:true|false)",
    "alpha": r"[A-Za-z]+",
    "guid": rf"(?:{_GUID}|\{{{_GUID}\}}|\({_GUID}\))",
    "decimal": r"[+-]?\d*\.?\d+",
    "double": r"[+-]?\d*\.?\d+(?:[eE][+-]?\d+)?",
    "float": r"[+-]?\d*\.?\d+(?:[eE][+-]?\d+)?",
    "datetime": r"\d{4}-\d{1,2}-\d{1,2}(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})?)?",
    "required": r".+",
}
_RANKS = {"int": (-(2**31), 2**31 - 1), "long": (-(2**63), 2**63 - 1)}


class BadTemplateError(ValueError):
    """The route template is not valid; the message says why."""


@dataclass(frozen=True, slots=True)
class _Parameter:
    name: str
    tests: tuple[Callable[[str], bool], ...]
    default: str | None
    optional: bool
    catch_all: bool


@dataclass(frozen=True, slots=True)
class _Segment:
    """Literal and parameters of one path segment; `pattern` has one group a parameter, in order."""

    pattern: re.Pattern[str]
    parameters: tuple[_Parameter, ...]

    @property
    def rank(self) -> int:
        """Precedence: literal, mixed, constrained parameter, parameter, constrained catch-all, catch-all."""
        if not self.parameters:
            return 1
        only = self.parameters[0]
        if only.catch_all:
            return 5 if only.tests else 6
        if self.pattern.pattern != "(.+)":
            return 2
        return 3 if only.tests else 4


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed route template. `shape` is equal for templates that match the same paths."""

    segments: tuple[_Segment, ...]
    shape: str

    @property
    def precedence(self) -> tuple[int, ...]:
        """Sort key: the more specific template comes first."""
        return tuple(segment.rank for segment in self.segments)

    def match(self, path: str) -> dict[str, str] | None:
        """The route parameters if the percent-encoded path matches, else None."""
        parts = path.strip("/").split("/") if path.strip("/") else []
        values: dict[str, str] = {}
        for index, segment in enumerate(self.segments):
            only = segment.parameters[0] if segment.parameters else None
            if only is not None and only.catch_all:
                return _take(values, only, unquote("/".join(parts[index:])))
            if index >= len(parts):
                if only is None or not (only.optional or only.default is not None):
                    return None
                if only.default is not None:
                    values[only.name] = only.default
                continue
            found = segment.pattern.fullmatch(unquote(parts[index]))
            if found is None:
                return None
            for parameter, text in zip(segment.parameters, found.groups(), strict=True):
                if not all(test(text) for test in parameter.tests):
                    return None
                values[parameter.name] = text
        return values if len(parts) <= len(self.segments) else None


def _take(values: dict[str, str], parameter: _Parameter, rest: str) -> dict[str, str] | None:
    rest = rest or (parameter.default or "")
    if rest and not all(test(rest) for test in parameter.tests):
        return None
    return values | ({parameter.name: rest} if rest else {})


def parse(template: str) -> Template:
    """The parsed template; raises BadTemplateError."""
    if template.startswith(("/", "~")):
        raise BadTemplateError("it must not begin with '/' or '~'")
    segments: list[_Segment] = []
    shapes: list[str] = []
    names: set[str] = set()
    parts = _split(template)
    for index, part in enumerate(parts):
        segment, shape = _segment(part)
        for parameter in segment.parameters:
            if parameter.name.lower() in names:
                raise BadTemplateError(f"the parameter '{parameter.name}' appears twice")
            names.add(parameter.name.lower())
            if (parameter.optional or parameter.catch_all) and index != len(parts) - 1:
                raise BadTemplateError(f"'{parameter.name}' may be optional or catch-all only at the end")
        segments.append(segment)
        shapes.append(shape)
    return Template(tuple(segments), "/".join(shapes))


def _split(template: str) -> list[str]:
    parts, depth, current = [], 0, ""
    for character in template:
        depth += {"{": 1, "}": -1}.get(character, 0)
        if character == "/" and depth == 0:
            parts.append(current)
            current = ""
        else:
            current += character
    if depth:
        raise BadTemplateError("its braces do not match")
    parts.append(current)
    if "" in parts[:-1]:
        raise BadTemplateError("it has an empty segment")
    return [part for part in parts if part]


def _segment(part: str) -> tuple[_Segment, str]:
    pattern, shape = "", ""
    parameters: list[_Parameter] = []
    for literal, braced in re.findall(r"([^{}]+)|\{((?:[^{}]|\{\{|\}\}|\{[^{}]*\})*)\}", part):
        if literal:
            pattern += f"(?i:{re.escape(literal)})"
            shape += literal.lower()
            continue
        parameter, constraints = _parameter(braced)
        if parameters and pattern.endswith(")") and pattern.endswith("(.+)"):
            raise BadTemplateError("two parameters of a segment need a literal between them")
        pattern += "(.+)"
        shape += "{" + ("*" if parameter.catch_all else "") + constraints.lower() + ("?" if parameter.optional else "") + "}"
        parameters.append(parameter)
    if len(parameters) > 1 and any(each.catch_all for each in parameters):
        raise BadTemplateError("a catch-all parameter must be alone in its segment")
    return _Segment(re.compile(pattern, re.DOTALL), tuple(parameters)), shape


def _parameter(text: str) -> tuple[_Parameter, str]:
    catch_all = text.startswith("*")
    body = text.lstrip("*")
    match = re.match(r"[^:=?{}()]+", body)
    if match is None:
        raise BadTemplateError(f"'{{{text}}}' has no parameter name")
    name, rest = match[0], body[match.end() :]
    tests: list[Callable[[str], bool]] = []
    constraints = ""
    while rest.startswith(":"):
        found = re.match(r":([A-Za-z]+)(?:\((.*?)\)(?=[:=?]|$))?", rest)
        if found is None:
            raise BadTemplateError(f"'{rest}' is not a constraint of '{name}'")
        tests.append(constraint(found[1], found[2]))
        constraints += found[0]
        rest = rest[found.end() :]
    default = rest[1:] if rest.startswith("=") else None
    optional = rest == "?"
    if rest and default is None and not optional:
        raise BadTemplateError(f"'{rest}' after the parameter '{name}' is not understood")
    return _Parameter(name, tuple(tests), default, optional, catch_all), constraints


def constraint(kind: str, argument: str | None) -> Callable[[str], bool]:
    """The test of an inline constraint such as int, length(3,5) or regex(..); raises BadTemplateError."""
    name = kind.lower()
    if name in _PLAIN:
        pattern = re.compile(_PLAIN[name])
        least, most = _RANKS.get(name, (0, -1))
        return lambda text: bool(pattern.fullmatch(text)) and (most < least or least <= int(text) <= most)
    if name == "regex":
        try:
            expression = re.compile((argument or "").replace("{{", "{").replace("}}", "}"), re.IGNORECASE)
        except re.error as error:
            raise BadTemplateError(f"its regex is not valid: {error}") from error
        return lambda text: bool(expression.search(text))
    try:
        numbers = [int(each) for each in (argument or "").split(",")]
    except ValueError:
        numbers = []
    bounds: dict[tuple[str, int], Callable[[str], bool]] = {
        ("minlength", 1): lambda text: len(text) >= numbers[0],
        ("maxlength", 1): lambda text: len(text) <= numbers[0],
        ("length", 1): lambda text: len(text) == numbers[0],
        ("length", 2): lambda text: numbers[0] <= len(text) <= numbers[1],
        ("min", 1): lambda text: _whole(text) is not None and int(text) >= numbers[0],
        ("max", 1): lambda text: _whole(text) is not None and int(text) <= numbers[0],
        ("range", 2): lambda text: _whole(text) is not None and numbers[0] <= int(text) <= numbers[1],
    }
    test = bounds.get((name, len(numbers)))
    if test is None:
        raise BadTemplateError(f"'{kind}{f'({argument})' if argument is not None else ''}' is not a route constraint")
    return test


def _whole(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[+-]?\d{1,19}", text) else None
