"""The functions of Bicep that our files call. https://learn.microsoft.com/azure/azure-resource-manager/bicep/bicep-functions

`uniqueString` and `guid` give other characters than Azure does, of the same kind and length.
"""

import base64
import hashlib
import ipaddress
import json
import uuid
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any

SUBSCRIPTION = "/subscriptions/00000000-0000-0000-0000-000000000001"
GROUP = f"{SUBSCRIPTION}/resourceGroups/entente"
TENANT = "00000000-0000-0000-0000-000000000002"


def _unique(*parts: Any) -> str:
    return base64.b32encode(hashlib.sha256("|".join(map(str, parts)).encode()).digest()).decode().lower()[:13]


def _union(*values: Any) -> Any:
    if isinstance(values[0], list):
        joined = [item for value in values for item in value]
        return [item for index, item in enumerate(joined) if item not in joined[:index]]
    merged: dict[str, Any] = {}
    for value in values:
        merged |= value
    return merged


def _text(value: Any) -> str:
    if isinstance(value, bool):
        # Azure writes True and False.
        return str(value)
    return value if isinstance(value, str) else json.dumps(value)


def _items(value: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": value[key]} for key in sorted(value)]


def _object(items: Iterable[Any], key: Callable[[Any], str], value: Callable[[Any], Any] = lambda item: item) -> dict[str, Any]:
    return {key(item): value(item) for item in items}


def _subnet(prefix: str, size: int, index: int) -> str:
    return str(list(ipaddress.ip_network(prefix).subnets(new_prefix=size))[index])


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "cidrSubnet": _subnet,
    "concat": lambda *values: list(chain(*values)) if isinstance(values[0], list) else "".join(values),
    "contains": lambda within, item: item in within,
    "empty": lambda value: not value,
    "environment": lambda: {
        "suffixes": {"storage": "core.windows.net", "keyvaultDns": ".vault.azure.net"},
        "authentication": {"loginEndpoint": "https://login.microsoftonline.com/"},
    },
    "filter": lambda items, test: [item for item in items if test(item)],
    "flatten": lambda lists: list(chain(*lists)),
    "guid": lambda *parts: str(uuid.uuid5(uuid.NAMESPACE_URL, "|".join(map(str, parts)))),
    "items": _items,
    "join": lambda words, between: between.join(words),
    "length": len,
    "map": lambda items, change: [change(item) for item in items],
    "range": lambda start, count: list(range(start, start + count)),
    "resourceGroup": lambda: {"id": GROUP, "location": "westeurope", "name": "entente"},
    "string": _text,
    "subscription": lambda: {"id": SUBSCRIPTION, "tenantId": TENANT},
    "subscriptionResourceId": lambda kind, name: f"{SUBSCRIPTION}/providers/{kind}/{name}",
    "take": lambda value, count: value[:count],
    "tenant": lambda: {"tenantId": TENANT},
    "toObject": _object,
    "union": _union,
    "uniqueString": _unique,
}
