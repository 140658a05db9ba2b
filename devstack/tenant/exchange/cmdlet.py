"""A cmdlet and one invocation of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from devstack.tenant.exchange.parameters import Parameter, flag
from devstack.tenant.tenant import SimulatedTenant

SWITCHES = (Parameter("Confirm", flag), Parameter("WhatIf", flag))
DOCUMENTATION = "https://learn.microsoft.com/powershell/module/exchangepowershell/"


@dataclass(slots=True)
class Invocation:
    """One call of a cmdlet with its parameters bound. What is added to `warnings` goes into `@adminapi.warnings`."""

    tenant: SimulatedTenant
    values: dict[str, Any]
    warnings: list[str] = field(default_factory=list)

    @property
    def what_if(self) -> bool:
        """Whether nothing must change."""
        return bool(self.values.get("WhatIf"))


@dataclass(frozen=True, slots=True)
class Cmdlet:
    """`confirms` says that it would prompt unless `Confirm` is false; `kind` write needs the Exchange Administrator role."""

    name: str
    run: Callable[[Invocation], list[dict[str, Any]]]
    parameters: tuple[Parameter, ...]
    kind: Literal["read", "write"] = "read"
    confirms: bool = False
    unverified: tuple[str, ...] = ()
    deviations: tuple[str, ...] = ()

    @property
    def documentation(self) -> str:
        """The cmdlet's page."""
        return DOCUMENTATION + self.name.lower()
