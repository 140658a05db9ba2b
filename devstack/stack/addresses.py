"""Where the parts of a running stack answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypedDict


class OfTenant(TypedDict):
    """What is a simulated tenant's own."""

    tenant: str
    tenant_id: str
    control: str


@dataclass(frozen=True, slots=True)
class Addresses:
    """Every address of a stack. The names in `to_json` are what tests and tools rely on: they stay.

    `functions` has the base URL of every host, `function_keys` the keys that all of them take (`master`, `default`, and
    `functions` by name). `service_bus` and `tables` are connection strings. `pids` has the process ids by part.
    Where the app is for several tenants, `tenants` has what is each one's own by name; `tenant`, `tenant_id` and `control` are the first's.
    """

    functions: tuple[str, ...]
    function_keys: Mapping[str, Any]
    service_bus: str
    service_bus_control: str
    tables: str
    identity: str
    identity_header: str
    tenant: str
    tenant_id: str
    control: str
    pids: Mapping[str, Any]
    tenants: Mapping[str, OfTenant] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The object that `up --json` prints and that `stack.json` holds."""
        several = {
            name: {"tenant": one["tenant"], "tenantId": one["tenant_id"], "control": one["control"]}
            for name, one in self.tenants.items()
        }
        return {
            "functions": list(self.functions),
            "functionKeys": dict(self.function_keys),
            "serviceBus": self.service_bus,
            "serviceBusControl": self.service_bus_control,
            "tables": self.tables,
            "identity": self.identity,
            "identityHeader": self.identity_header,
            "tenant": self.tenant,
            "tenantId": self.tenant_id,
            "control": self.control,
            **({"tenants": several} if several else {}),
            "pids": dict(self.pids),
        }
