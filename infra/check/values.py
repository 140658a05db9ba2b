"""Parameter values that Bicep's own types and decorators cannot hold to account: addresses, ids, networks, and what stands inside objects."""

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from shared.nouns.tenants import NAME

_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ADDRESS = re.compile(r"[^\s@,;<>]+@[^\s@,;<>]+\.[^\s@,;<>.]+")
A_GUID = "must be a GUID, such as 00000000-0000-0000-0000-000000000001"
# Where subnets for apps and endpoints are cut from: /26 each, at most three apps and one for the endpoints.
SUBNETS, SIZE = 4, 26
OF_A_TENANT: dict[str, type] = {"name": str, "tenantId": str, "reportOnly": bool, "settings": dict}


def value_faults(values: Mapping[str, Any]) -> list[str]:
    """A sentence for each value that is wrong, with its parameter's name. Values of another type than declared are told elsewhere."""
    unnamed = values.get("partnerTopicActive") is True and not values.get("partnerTopic")
    return [
        *(["parameter partnerTopicActive is True, and partnerTopic names none"] if unnamed else []),
        *(
            f"parameter {name} {fault}"
            for name, value in values.items()
            if name in _CHECKS and isinstance(value, _CHECKS[name][0])
            for fault in _CHECKS[name][1](value)
        ),
    ]


def _name(value: str) -> Iterator[str]:
    if not re.fullmatch(r"[a-z][a-z0-9]*", value):
        yield f"is {value!r} and must be lower-case letters and digits, a letter first"


def _guid(value: str) -> Iterator[str]:
    if value and not _GUID.fullmatch(value):
        yield f"is {value!r} and {A_GUID}"


def _guids(value: list[Any]) -> Iterator[str]:
    yield from (f"has {one!r}, which {A_GUID}" for one in value if not isinstance(one, str) or not _GUID.fullmatch(one))


def _addresses(value: list[Any]) -> Iterator[str]:
    yield from (
        f"has {one!r}, which must be a mail address" for one in value if not isinstance(one, str) or not _ADDRESS.fullmatch(one)
    )


def _network(value: str) -> Iterator[str]:
    try:
        network = ipaddress.IPv4Network(value)
    except ValueError as error:
        yield f"is {value!r} and must be an IPv4 network, such as 10.90.0.0/24 ({error})"
        return
    if network.prefixlen > SIZE or 2 ** (SIZE - network.prefixlen) < SUBNETS or not network.is_private:
        yield f"is {value!r} and must be a private network of /24 or larger: {SUBNETS} subnets of /{SIZE} are cut from it"


def _texts(value: dict[str, Any]) -> Iterator[str]:
    yield from (f"has {key} as {one!r}, which must be text" for key, one in value.items() if not isinstance(one, str))


def _tenants(value: list[Any]) -> Iterator[str]:
    for number, one in enumerate(value):
        where = f"[{number}]"
        if not isinstance(one, dict):
            yield f"{where} is {one!r} and must be an object with name and tenantId"
            continue
        for key, item in one.items():
            if key not in OF_A_TENANT:
                yield f"{where} has {key}; there are {', '.join(OF_A_TENANT)}"
            elif not isinstance(item, OF_A_TENANT[key]):
                yield f"{where}.{key} is {item!r} and must be of type {OF_A_TENANT[key].__name__}"
        name, directory = one.get("name"), one.get("tenantId")
        if not isinstance(name, str) or not NAME.fullmatch(name):
            yield f"{where}.name is {name!r} and must be 2 to 12 lower-case letters and digits, a letter first"
        if not isinstance(directory, str) or not _GUID.fullmatch(directory):
            yield f"{where}.tenantId is {directory!r} and {A_GUID}"


_CHECKS: dict[str, tuple[type, Callable[[Any], Iterator[str]]]] = {
    "name": (str, _name),
    "tenantId": (str, _guid),
    "signInClientId": (str, _guid),
    "appClientId": (str, _guid),
    "requesters": (list, _guids),
    "operators": (list, _addresses),
    "networkPrefix": (str, _network),
    "tags": (dict, _texts),
    "tenants": (list, _tenants),
}
