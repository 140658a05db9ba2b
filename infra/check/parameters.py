"""Parameters: what is given, what is declared, and where the two do not agree."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from infra.check.evaluating import Evaluator
from infra.check.reading import BicepFault, Node, Statement, read

_TYPES: dict[str, tuple[type, ...]] = {"string": (str,), "int": (int,), "bool": (bool,), "array": (list,), "object": (dict,)}
_MEASURES: dict[str, tuple[str, Callable[[Any, int], bool]]] = {
    "minLength": ("must be at least {} long", lambda value, bound: len(value) >= bound),
    "maxLength": ("must be at most {} long", lambda value, bound: len(value) <= bound),
    "minValue": ("must be at least {}", lambda value, bound: value >= bound),
    "maxValue": ("must be at most {}", lambda value, bound: value <= bound),
}


def given(
    declared: Sequence[Statement], parameters: Mapping[str, Any], evaluate: Callable[[Node], Any], where: str
) -> tuple[dict[str, Any], list[str]]:
    """The values of all parameters, and a sentence for each that is wrong, missing or unknown."""
    values: dict[str, Any] = {}
    faults = [
        f"{where} has no parameter {name}; it has {', '.join(one.name for one in declared)}"
        for name in parameters
        if name not in {one.name for one in declared}
    ]
    for one in declared:
        if one.name not in parameters and one.body is None:
            raise BicepFault(f"{where}: the parameter {one.name} is needed")
        values[one.name] = parameters[one.name] if one.name in parameters else evaluate(one.body or ("literal", None))
        faults += [f"{where}: parameter {one.name} {fault}" for fault in _faults(one, values[one.name], evaluate)]
    return values, faults


def _faults(one: Statement, value: Any, evaluate: Callable[[Node], Any]) -> list[str]:
    if not isinstance(value, _TYPES[one.about]) or (one.about == "int" and isinstance(value, bool)):
        return [f"is {value!r} and must be of type {one.about}"]
    faults = []
    if "allowed" in one.decorators:
        allowed = evaluate(one.decorators["allowed"][0])
        if value not in allowed:
            faults.append(f"is {value!r}; allowed are {', '.join(map(str, allowed))}")
    for name, (sentence, holds) in _MEASURES.items():
        if name in one.decorators:
            bound = evaluate(one.decorators[name][0])
            if not holds(value, bound):
                faults.append(f"is {value!r} and {sentence.format(bound)}")
    return faults


def from_file(path: Path, environment: Mapping[str, str]) -> tuple[Path, dict[str, Any]]:
    """The template that a .bicepparam file names, and the values that it gives in this environment. Raises BicepFault."""

    def boolean(text: str) -> bool:
        if text.lower() not in {"true", "false"}:
            raise BicepFault(f"{path.name}: {text!r} must be true or false")
        return text.lower() == "true"

    def unknown(name: str, line: int) -> Any:
        raise BicepFault(f"{path.name}:{line}: {name} is not declared")

    functions: dict[str, Callable[..., Any]] = {
        "readEnvironmentVariable": environment.get,
        "bool": boolean,
        "int": int,
        "json": json.loads,
    }
    evaluator = Evaluator(path.name, unknown, functions)
    template, values = path, {}
    for statement in read(path.read_text("utf-8"), path.name):
        try:
            value = evaluator.value(statement.body or ("literal", None), {})
        except ValueError as error:
            raise BicepFault(f"{path.name}:{statement.line}: {statement.name}: {error}") from error
        if statement.kind == "using":
            template = path.parent / value
        else:
            values[statement.name] = value
    return template, values


def said(words: Sequence[str]) -> dict[str, Any]:
    """`parameter=value` of a command line; a value is JSON where it can be, else text."""
    values: dict[str, Any] = {}
    for word in words:
        name, sign, text = word.partition("=")
        if not sign:
            raise BicepFault(f"{word!r} must be parameter=value")
        try:
            values[name] = json.loads(text)
        except ValueError:
            values[name] = text
    return values
