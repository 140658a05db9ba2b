"""What a function is, from the runtime's metadata: its name, its trigger, its retry decorator."""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

HTTP, TIMER, SERVICE_BUS = "httpTrigger", "timerTrigger", "serviceBusTrigger"
TRIGGERS = (HTTP, TIMER, SERVICE_BUS)
OUTPUTS = ("http",)


@dataclass(frozen=True, slots=True)
class Retry:
    """A retry decorator. `limit` -1 means for ever. `fixed` is None for exponential back-off."""

    limit: int
    fixed: timedelta | None
    least: timedelta
    most: timedelta


@dataclass(frozen=True, slots=True)
class Function:
    """One indexed function. `trigger` is the trigger's binding as function.json would hold it."""

    name: str
    id: str
    trigger: dict[str, Any]
    others: tuple[dict[str, Any], ...] = ()
    retry: Retry | None = None

    @property
    def kind(self) -> str:
        """The trigger's binding type, e.g. serviceBusTrigger."""
        return str(self.trigger["type"])

    @property
    def parameter(self) -> str:
        """The name of the trigger's parameter in Python."""
        return str(self.trigger["name"])

    @property
    def data_type(self) -> Literal["", "string", "binary", "stream"]:
        """How the trigger's value is bound; empty when the decorator does not say."""
        said = str(self.trigger.get("dataType") or "").lower()
        return said if said in {"string", "binary", "stream"} else ""  # type: ignore[return-value] # narrowed by the set

    @property
    def many(self) -> bool:
        """Whether a Service Bus trigger takes batches."""
        return str(self.trigger.get("cardinality") or "").lower() == "many"

    @property
    def sessions(self) -> bool:
        """Whether a Service Bus trigger is bound to a session entity."""
        return bool(self.trigger.get("isSessionsEnabled"))


def group(function: Function) -> Literal["http", "others"]:
    """Where Flex Consumption places the function: with all that answer HTTP, or not with those."""
    return "http" if function.kind == HTTP else "others"


def from_metadata(metadata: Any) -> Function:
    """The function that an RpcFunctionMetadata describes."""
    bindings = [json.loads(text) for text in metadata.raw_bindings]
    triggers = [binding for binding in bindings if str(binding.get("type", "")).endswith("Trigger")]
    return Function(
        name=metadata.name,
        id=metadata.function_id,
        trigger=triggers[0] if triggers else bindings[0],
        others=tuple(binding for binding in bindings if not triggers or binding is not triggers[0]),
        retry=_retry(metadata.retry_options),
    )


def _retry(options: Any) -> Retry | None:
    if options is None:
        return None
    zero = timedelta()
    return Retry(
        limit=options.max_retry_count,
        fixed=getattr(options, "delay_interval", None),
        least=getattr(options, "minimum_interval", zero),
        most=getattr(options, "maximum_interval", zero),
    )
