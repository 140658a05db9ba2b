"""The Python worker: indexes one function app and invokes its functions, in this process.

The runtime library keeps its state in module globals, so a process can hold one app; a reload is a new process.
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from devstack.host import wire
from devstack.host.wire import ParameterBinding, TypedData


class IndexingFailedError(Exception):
    """The app could not be indexed; the text is the runtime's own, with the stack of the app's error."""


@dataclass(frozen=True, slots=True)
class Trace:
    """W3C trace context of an invocation."""

    parent: str
    state: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an invocation ended. `value` is the function's return value on the wire; `error` and `stack` say why it failed."""

    ok: bool
    value: TypedData | None = None
    error: str = ""
    stack: str = ""


@dataclass(frozen=True, slots=True)
class Invocation:
    """One call of a function: its trigger input, the trigger metadata and its context."""

    id: str
    function_id: str
    input: ParameterBinding
    metadata: dict[str, TypedData]
    trace: Trace
    retry_count: int = 0
    max_retry_count: int = 0


async def index(app: Path) -> list[Any]:
    """What the runtime found in `app`: one RpcFunctionMetadata for each function, in the order of registration.

    Afterwards the app directory is the working directory and first on sys.path, as in the cloud. Raises IndexingFailedError.
    """
    import azure_functions_runtime as runtime

    os.chdir(app)
    sys.path.insert(0, str(app))
    runtime.start_threadpool_executor()
    init = SimpleNamespace(capabilities={}, function_app_directory=str(app))
    answer = await runtime.worker_init_request(_envelope(worker_init_request=init))
    if answer.result.status != wire.StatusResult.Success:
        raise IndexingFailedError(f"{answer.result.exception.message}\n{answer.result.exception.stack_trace}".rstrip())
    listed = await runtime.functions_metadata_request(_envelope())
    found: list[Any] = list(listed.function_metadata_results or ())
    for metadata in found:
        load = SimpleNamespace(function_id=metadata.function_id)
        await runtime.function_load_request(_envelope(function_load_request=load))
    return found


async def invoke(call: Invocation) -> Outcome:
    """Runs the function once, through the runtime library; never raises for what the function or the decoding raises."""
    import azure_functions_runtime as runtime

    request = SimpleNamespace(
        invocation_id=call.id,
        function_id=call.function_id,
        input_data=[call.input],
        trigger_metadata=call.metadata,
        trace_context=SimpleNamespace(trace_parent=call.trace.parent, trace_state=call.trace.state, attributes={}),
        retry_context=SimpleNamespace(retry_count=call.retry_count, max_retry_count=call.max_retry_count, exception=None),
    )
    answer = await runtime.invocation_request(SimpleNamespace(request=SimpleNamespace(invocation_request=request)))
    if answer.result.status == wire.StatusResult.Success:
        return Outcome(ok=True, value=answer.return_value)
    failure = answer.result.exception
    return Outcome(ok=False, error=failure.message, stack=failure.stack_trace)


def _envelope(**request: Any) -> Any:
    return SimpleNamespace(request=SimpleNamespace(**request), properties={"protos": wire, "host": "127.0.0.1"})
