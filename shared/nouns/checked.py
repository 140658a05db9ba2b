"""What somebody sent us, held against its model; what is wrong with it by field, with what is allowed there."""

from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel, ValidationError

from shared.nouns.errors import Fault, Refusal, path_of

type Location = tuple[str | int, ...]
_UNKNOWN = "extra_forbidden"


def checked[Model: BaseModel](model: type[Model], given: object, prefix: Location = ()) -> Model:
    """The model with these values. Raises Refusal with every fault, by field under `prefix`."""
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise Refusal(reasons(error, model, prefix)) from None


def checked_text[Model: BaseModel](model: type[Model], text: str | bytes) -> Model:
    """The model in this JSON text. Raises Refusal with every fault, by field."""
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        raise Refusal(reasons(error, model)) from None


def reasons(error: ValidationError, model: type[BaseModel], prefix: Location = ()) -> list[Fault]:
    """The faults in a validation error of the model. Values are left out: they may be somebody's address."""
    return [
        Fault(path_of((*prefix, *detail["loc"])), _reason(detail["type"], str(detail["msg"]), detail["loc"], model))
        for detail in error.errors(include_url=False, include_input=False, include_context=False)
    ]


def _reason(kind: str, said: str, location: Location, model: type[BaseModel]) -> str:
    if kind != _UNKNOWN:
        return said.removeprefix("Value error, ")
    known = sorted(_names_beside(model.model_json_schema(by_alias=True), location))
    return f"there is no such field; there are: {', '.join(known)}" if known else "there is no such field"


def _names_beside(schema: dict[str, Any], location: Location) -> set[str]:
    """The names that the schema knows where the last one of the location stands."""
    nodes = list(_meant([schema], schema))
    for part in location[:-1]:
        # A part that no schema has names the kind that was meant, where there are several.
        nodes = list(_meant((below for node in nodes if (below := _below(node, part)) is not None), schema)) or nodes
    return {name for node in nodes for name in node.get("properties", {})}


def _below(node: dict[str, Any], part: str | int) -> dict[str, Any] | None:
    found = node.get("items") if isinstance(part, int) else node.get("properties", {}).get(part, node.get("additionalProperties"))
    return found if isinstance(found, dict) else None


def _meant(nodes: Iterable[dict[str, Any]], schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The schemas themselves: references followed, alternatives taken apart."""
    for node in nodes:
        if reference := str(node.get("$ref", "")):
            yield from _meant([schema["$defs"][reference.rpartition("/")[2]]], schema)
        elif some := [one for kind in ("anyOf", "oneOf", "allOf") for one in node.get(kind, ())]:
            yield from _meant(some, schema)
        else:
            yield node
