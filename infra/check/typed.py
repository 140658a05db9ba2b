"""A rendered resource held against Microsoft's published type definitions, property by property.

The definitions are those of the Bicep compiler (Azure/bicep-types-az). They are not part of this repository.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from infra.check.rendering import Later, Resource

REQUIRED, READ_ONLY = 1, 2
# Providers that the definitions at hand do not cover; `az bicep build` checks these.
NOT_AT_HAND = ("Microsoft.Network/",)


class Definitions:
    """All types of a folder of definition files, each file read when something of its provider is first asked for."""

    def __init__(self, folder: Path) -> None:
        self._paths = sorted(folder.glob("*.json"))
        self._read = cache(_defined)

    def body(self, kind: str, version: str) -> tuple[list[Any], Any] | None:
        """The types of the file that defines the resource, and the resource's body among them."""
        provider = kind.partition("/")[0].lower()
        for path in self._paths:
            if path.name.startswith(f"{provider}.") or path.name.startswith(f"{provider}@"):
                types, bodies = self._read(path)
                if found := bodies.get(f"{kind}@{version}".lower()):
                    return types, _target(types, found)
        return None

    def versions(self, kind: str) -> list[str]:
        """The versions that there are of the type, the newest last."""
        provider = kind.partition("/")[0].lower()
        files = [path for path in self._paths if path.name.startswith((f"{provider}.", f"{provider}@"))]
        bodies = [name for path in files for name in self._read(path)[1]]
        return sorted(name.rpartition("@")[2] for name in bodies if name.rpartition("@")[0] == kind.lower())


def _defined(path: Path) -> tuple[list[Any], dict[str, Any]]:
    types = json.loads(path.read_text("utf-8"))
    return types, {one["name"].lower(): one["body"] for one in types if one["$type"] == "ResourceType"}


def typed(resource: Resource, definitions: Definitions) -> list[str]:
    """A sentence for each thing that the definitions do not allow."""
    if resource.type.startswith(NOT_AT_HAND):
        return []
    where = f"{resource.where} {resource.type} {resource.name}"
    found = definitions.body(resource.type, resource.version)
    if found is None:
        there = definitions.versions(resource.type)
        known = f"; its versions are {', '.join(there)}" if there else f" of any version: is {resource.type} spelled so?"
        return [f"{where}: there is no type {resource.type}@{resource.version}{known}"]
    if resource.existing:
        return []
    types, body = found
    return [f"{where}: {fault}" for fault in _faults(types, body, dict(resource.body), "")]


def _target(types: list[Any], reference: Mapping[str, str]) -> Any:
    return types[int(reference["$ref"].removeprefix("#/"))]


def _faults(types: list[Any], kind: Any, value: Any, path: str) -> Iterator[str]:
    if kind["$type"] not in _CHECKS:
        yield f"{path}: the definition's {kind['$type']} is not known to this check"
        return
    yield from _CHECKS[kind["$type"]](types, kind, value, path)


def _text(types: list[Any], kind: Any, value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"{path} is {value!r} and must be text"
    elif isinstance(value, Later) or "<" in value:
        return
    elif not kind.get("minLength", 0) <= len(value) <= kind.get("maxLength", len(value)):
        yield f"{path} is {value!r}; its length must be from {kind.get('minLength', 0)} to {kind.get('maxLength')}"
    elif "pattern" in kind and not re.search(kind["pattern"], value):
        yield f"{path} is {value!r} and must match {kind['pattern']}"


def _number(types: list[Any], kind: Any, value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, int) or isinstance(value, bool):
        yield f"{path} is {value!r} and must be a number"
    elif not kind.get("minValue", value) <= value <= kind.get("maxValue", value):
        yield f"{path} is {value} and must be from {kind.get('minValue')} to {kind.get('maxValue')}"


def _boolean(types: list[Any], kind: Any, value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, bool):
        yield f"{path} is {value!r} and must be true or false"


def _literal(types: list[Any], kind: Any, value: Any, path: str) -> Iterator[str]:
    if value != kind["value"]:
        yield f"{path} is {value!r} and must be {kind['value']!r}"


def _array(types: list[Any], kind: Any, value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{path} is {value!r} and must be an array"
        return
    for index, item in enumerate(value):
        yield from _faults(types, _target(types, kind["itemType"]), item, f"{path}[{index}]")


def _union(types: list[Any], kind: Any, value: Any, path: str) -> Iterator[str]:
    """Where a definition lists values and allows any text besides, we hold to the list."""
    choices = [_target(types, element) for element in kind["elements"]]
    allowed = [choice["value"] for choice in choices if choice["$type"] == "StringLiteralType"]
    if allowed and value not in allowed:
        yield f"{path} is {value!r}; allowed are {', '.join(allowed)}"
    if not allowed and all(list(_faults(types, choice, value, path)) for choice in choices):
        yield f"{path} is {value!r}, which none of the allowed types takes"


def _object(types: list[Any], kind: Any, value: Any, path: str) -> Iterator[str]:
    yield from _members(types, kind["properties"], kind.get("additionalProperties"), value, path)


def _members(types: list[Any], properties: Any, more: Any, value: Any, path: str) -> Iterator[str]:
    """Where a definition lists properties and allows any besides, we hold to the list: a misspelt one would be taken and ignored."""
    if not isinstance(value, dict):
        yield f"{path} is {value!r} and must be an object"
        return
    for name, wanted in properties.items():
        if wanted["flags"] & REQUIRED and not wanted["flags"] & READ_ONLY and value.get(name) is None:
            yield f"{path}.{name} is missing".removeprefix(".")
    for name, inner in value.items():
        below = f"{path}.{name}".removeprefix(".")
        if name not in properties and (more is None or (properties and _target(types, more)["$type"] == "AnyType")):
            yield f"{below} does not exist; there are {', '.join(sorted(properties))}"
        elif name in properties and properties[name]["flags"] & READ_ONLY:
            if name not in {"id", "type", "apiVersion"}:
                yield f"{below} can only be read"
        elif inner is not None:
            yield from _faults(types, _target(types, properties[name]["type"] if name in properties else more), inner, below)


def _discriminated(types: list[Any], kind: Any, value: Any, path: str) -> Iterator[str]:
    said = value.get(kind["discriminator"]) if isinstance(value, dict) else value
    if not isinstance(value, dict) or not isinstance(said, str) or said not in kind["elements"]:
        yield f"{path}.{kind['discriminator']} is {said!r}; allowed are {', '.join(kind['elements'])}".removeprefix(".")
        return
    chosen = _target(types, kind["elements"][value[kind["discriminator"]]])
    yield from _members(types, kind["baseProperties"] | chosen["properties"], chosen.get("additionalProperties"), value, path)


type _Check = Callable[[list[Any], Any, Any, str], Iterator[str]]
_CHECKS: dict[str, _Check] = {
    "AnyType": lambda types, kind, value, path: iter(()),
    "StringType": _text,
    "IntegerType": _number,
    "BooleanType": _boolean,
    "StringLiteralType": _literal,
    "UnionType": _union,
    "ArrayType": _array,
    "ObjectType": _object,
    "DiscriminatedObjectType": _discriminated,
}
