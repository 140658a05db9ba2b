"""Where the parts of a running stack answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Addresses:
    """Every address of a stack. The names in `to_json` are what tests and tools rely on: they stay.

    `functions` has the base URL of every host, `function_keys` the keys that all of them take (`master`, `default`, and
    `functions` by name). `service_bus` and `tables` are connection strings. `pids` has the process ids by part.
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

    def to_json(self) -> dict[str, Any]:
        """The object that `up --json` prints and that `stack.json` holds."""
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
            "pids": dict(self.pids),
        }
