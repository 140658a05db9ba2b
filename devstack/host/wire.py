"""The message classes that `azure_functions_runtime` expects to be handed as `protos`.

The runtime library builds its answers by keyword and reads its requests by attribute; the only protobuf method it calls
is `WhichOneof`. So plain records do, and neither protobuf nor gRPC is needed. Source: runtime library 1.3.0, `handle_event.py`,
`bindings/datumdef.py`, `bindings/nullable_converters.py`.
"""

from enum import IntEnum
from types import SimpleNamespace
from typing import Any


class TypedData:
    """One value with its kind: string, json, bytes, http, collection_string, collection_bytes, collection_sint64 or none."""

    __slots__ = ("kind", "value")

    def __init__(self, **field: Any) -> None:
        self.kind: str | None
        self.value: Any
        self.kind, self.value = next(iter(field.items()), (None, None))

    def WhichOneof(self, _group: str) -> str | None:  # noqa: N802 - the runtime calls this protobuf method by name
        return self.kind

    def __getattr__(self, name: str) -> Any:
        if name == self.kind:
            return self.value
        raise AttributeError(name)

    def __repr__(self) -> str:
        return f"TypedData({self.kind}={self.value!r})"


class ParameterBinding:
    """A named value going into or coming out of a function."""

    __slots__ = ("data", "name")

    def __init__(self, *, name: str, data: TypedData | None) -> None:
        self.name = name
        self.data = data

    def WhichOneof(self, _group: str) -> str:  # noqa: N802 - the runtime calls this protobuf method by name
        return "data"


class StatusResult(SimpleNamespace):
    """Whether a request succeeded; `exception` is an `RpcException` if not."""

    Failure = 0
    Success = 1


class BindingInfo(SimpleNamespace):
    """A binding's type, direction and data type; the numbers are those of the protocol."""

    undefined = 0
    out = 1
    inout = 2


class RpcException(SimpleNamespace):
    """`message` and `stack_trace` of what the function or the runtime raised."""


class WorkerMetadata(SimpleNamespace):
    """Name and version of the worker."""


class WorkerInitResponse(SimpleNamespace):
    """The answer to indexing: `result` says whether the app could be indexed."""


class FunctionMetadataResponse(SimpleNamespace):
    """`function_metadata_results`: one `RpcFunctionMetadata` for each indexed function, or None."""


class FunctionLoadResponse(SimpleNamespace):
    """Echoes the function id."""


class FunctionEnvironmentReloadResponse(SimpleNamespace):
    """Only used in placeholder mode."""


class InvocationResponse(SimpleNamespace):
    """`result`, and if it succeeded `return_value` and `output_data`."""


class RpcFunctionMetadata(SimpleNamespace):
    """What indexing found about one function."""


class RpcRetryOptions(SimpleNamespace):
    """The retry decorator's options; intervals are timedeltas."""


class RpcHttp(SimpleNamespace):
    """An HTTP request or response."""


# The protocol calls its zero "None", which a Python class body cannot name.
SameSite = IntEnum("SameSite", {"None": 0, "Lax": 1, "Strict": 2, "ExplicitNone": 3})


class RpcHttpCookie(SimpleNamespace):
    """A Set-Cookie header, taken apart."""

    SameSite = SameSite


class NullableString(SimpleNamespace):
    """A string that may be absent."""


class NullableBool(SimpleNamespace):
    """A bool that may be absent."""


class NullableDouble(SimpleNamespace):
    """A number that may be absent."""


class NullableTimestamp(SimpleNamespace):
    """A point in time that may be absent."""


class Timestamp(SimpleNamespace):
    """`seconds` since 1970, UTC."""


def text(value: str) -> TypedData:
    """A .NET string on the wire."""
    return TypedData(string=value)


def raw(value: bytes) -> TypedData:
    """A .NET byte array on the wire."""
    return TypedData(bytes=value)


def json_text(value: str) -> TypedData:
    """Whatever the host can only send as JSON: int, dates, dictionaries, arrays of those."""
    return TypedData(json=value)


def strings(values: list[str]) -> TypedData:
    """A string array on the wire."""
    return TypedData(collection_string=SimpleNamespace(string=values))


def byte_strings(values: list[bytes]) -> TypedData:
    """An array of byte arrays on the wire."""
    return TypedData(collection_bytes=SimpleNamespace(bytes=values))


def longs(values: list[int]) -> TypedData:
    """An array of 64 bit integers on the wire."""
    return TypedData(collection_sint64=SimpleNamespace(sint64=values))
