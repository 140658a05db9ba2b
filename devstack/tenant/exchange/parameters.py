"""Parameters of cmdlets: their types, allowed values, and how JSON is turned into them (facts 4.1)."""

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from devstack.tenant.exchange.errors import binding, transformation

_SMTP = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_DOMAIN = re.compile(r"\*|(?:\*\.)?[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?)+")
_PARTS_OF_AN_ADDRESS, _MOST_OF_A_PART = 4, 255
_COMMON = frozenset({"erroraction", "warningaction", "informationaction", "verbose", "debug", "outvariable", "outbuffer"})


@dataclass(frozen=True, slots=True)
class Change:
    """`@{Add=...; Remove=...}` on a multi-valued parameter."""

    add: tuple[str, ...]
    remove: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter. `convert` raises ValueError or TypeError with the reason why a value does not fit."""

    name: str
    convert: Callable[[Any], Any]
    required: bool = False


def text(most: int | None = None) -> Callable[[Any], Any]:
    """A string, at most so many characters long."""

    def convert(value: Any) -> Any:
        if not isinstance(value, str):
            raise TypeError(f'Cannot convert value "{value}" to type "System.String".')
        if most is not None and len(value) > most:
            raise ValueError(
                f"The length of the property is too long. The maximum length is {most} and the length of the value provided is {len(value)}."
            )
        return value

    return convert


def flag(value: Any) -> Any:
    """A boolean; `$true` and `$false` are taken too."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false", "$true", "$false"):
        return value.lower().endswith("true")
    raise ValueError(
        f'Cannot convert value "{value}" to type "System.Boolean". Boolean parameters accept only Boolean values and numbers, such as $True, $False, 1 or 0.'
    )


def one_of(*allowed: str) -> Callable[[Any], Any]:
    """One of the names, ignoring case; answered as the documentation spells it."""

    def convert(value: Any) -> Any:
        found = next((name for name in allowed if isinstance(value, str) and name.lower() == value.lower()), None)
        if found is None:
            raise ValueError(
                f"Unable to match the identifier name {value} to a valid enumerator name. Specify one of the following "
                f"enumerator names and try again: {', '.join(allowed)}"
            )
        return found

    return convert


def texts(value: Any) -> Any:
    """Strings: a JSON array, a single one, or a hashtable of Add and Remove."""
    if isinstance(value, dict) and value.get("@odata.type") == "#Exchange.GenericHashTable":
        return Change(tuple(texts(value.get("Add", []))), tuple(texts(value.get("Remove", []))))
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list) or not all(isinstance(item, str) and item for item in items):
        raise ValueError(f'Cannot convert value "{value}" to type "System.String[]".')
    return items


def each(convert: Callable[[str], str]) -> Callable[[Any], Any]:
    """Strings as `texts` takes them, each converted, also within a hashtable."""

    def converted(value: Any) -> Any:
        found = texts(value)
        if isinstance(found, Change):
            return Change(tuple(convert(item) for item in found.add), tuple(convert(item) for item in found.remove))
        return [convert(item) for item in found]

    return converted


def smtp_domain(value: str) -> str:
    """A domain, or one with all its subdomains (`*.contoso.com`, `*`); a wildcard within it is refused."""
    if not _DOMAIN.fullmatch(value):
        raise ValueError(f'"{value}" isn\'t a valid SMTP domain.')
    return value.lower()


def plain_domain(value: str) -> str:
    """A domain without wildcards, spelled as it was given."""
    if "*" in value or not _DOMAIN.fullmatch(value):
        raise ValueError(f'"{value}" isn\'t a valid SMTP domain.')
    return value


def ipv4(value: str) -> str:
    """An IPv4 address or a CIDR range of /24 to /32; other masks and IPv6 are refused."""
    address, slash, mask = value.partition("/")
    parts = address.split(".")
    good = len(parts) == _PARTS_OF_AN_ADDRESS and all(part.isdigit() and int(part) <= _MOST_OF_A_PART for part in parts)
    if not good or (slash and mask not in {str(number) for number in range(24, 33)}):
        raise ValueError(f'"{value}" isn\'t a valid IPv4 address or CIDR range with a subnet mask from /24 through /32.')
    return value


def number(value: Any) -> Any:
    """A whole number."""
    if isinstance(value, bool) or not (isinstance(value, int) or (isinstance(value, str) and value.isdigit())):
        raise ValueError(f'Cannot convert value "{value}" to type "System.Int32".')
    return int(value)


def result_size(value: Any) -> Any:
    """How many results are wanted: a whole number, or `Unlimited`; as text."""
    if isinstance(value, str) and value.lower() == "unlimited":
        return value
    if number(value) < 0:
        raise ValueError(f'Cannot convert value "{value}" to type "System.UInt32".')
    return str(value)


def uri(value: Any) -> Any:
    """An absolute URI or, as TargetApplicationUri is used, a bare name such as `outlook.com`."""
    if not isinstance(value, str) or not re.fullmatch(r"[^\s]+", value):
        raise ValueError(f'Cannot convert value "{value}" to type "System.Uri".')
    return value


def smtp(value: Any) -> Any:
    """An SMTP address."""
    if not isinstance(value, str) or not _SMTP.fullmatch(value):
        raise ValueError(f'"{value}" isn\'t a valid SMTP address.')
    return value


def guid(value: Any) -> Any:
    """A GUID."""
    try:
        return str(uuid.UUID(value))
    except (ValueError, AttributeError, TypeError) as error:
        raise ValueError(f'Cannot convert value "{value}" to type "System.Guid".') from error


def bound(parameters: tuple[Parameter, ...], given: dict[str, Any]) -> dict[str, Any]:
    """The given values by parameter name, converted. A null clears. Names ignore case, as in PowerShell.

    Raises CmdletError for an unknown parameter, a missing required one, or a value that does not fit.
    """
    known = {parameter.name.lower(): parameter for parameter in parameters}
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name.lower() in _COMMON or "@odata" in name:
            continue
        parameter = known.get(name.lower())
        if parameter is None:
            raise binding(f"A parameter cannot be found that matches parameter name '{name}'.")
        try:
            values[parameter.name] = None if value is None else parameter.convert(value)
        except (ValueError, TypeError) as error:
            raise transformation(parameter.name, str(error)) from error
    missing = [parameter.name for parameter in parameters if parameter.required and values.get(parameter.name) in (None, "", [])]
    if missing:
        raise binding(f"Cannot process command because of one or more missing mandatory parameters: {' '.join(missing)}.")
    return values
