"""Every invocation passes here: it gets its id, is counted, timed, logged, and dies with the worker.

`functionTimeout` restarts the worker, and with it all invocations in it (facts/azure-functions-host.md 2.7). The
ones still running are then reported as failed, so that their messages are abandoned and their callers get a 500.
"""

import asyncio
import logging
import os
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from devstack.host.functions import Function
from devstack.host.wire import ParameterBinding, TypedData
from devstack.host.worker import Invocation, Outcome, Trace

_log = logging.getLogger("host.invocation")
_DEAD = Outcome(ok=False, error="The worker is being restarted, and every invocation in it ends with it.")


@dataclass(slots=True)
class _Running:
    function: str
    started: float
    done: asyncio.Future[Outcome]


class Invocations:
    """Runs functions through `invoke`, knowing at any moment which run and since when (time.monotonic)."""

    def __init__(self, invoke: Callable[[Invocation], Awaitable[Outcome]]) -> None:
        self._invoke = invoke
        self._running: dict[str, _Running] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._dead = False

    async def run(
        self,
        function: Function,
        value: TypedData | None,
        metadata: dict[str, TypedData],
        trace: Trace | None = None,
        attempt: tuple[int, int] = (0, 0),
    ) -> Outcome:
        """How the invocation ended; never raises for what the function does."""
        if self._dead:
            return _DEAD
        call = Invocation(
            id=str(uuid.uuid4()),
            function_id=function.id,
            input=ParameterBinding(name=function.parameter, data=value or TypedData()),
            metadata=metadata,
            trace=trace or new_trace(),
            retry_count=attempt[0],
            max_retry_count=attempt[1],
        )
        running = _Running(function.name, time.monotonic(), asyncio.get_running_loop().create_future())
        self._running[call.id] = running
        task = asyncio.ensure_future(self._carry_out(call, running))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            outcome = await running.done
        finally:
            self._running.pop(call.id, None)
        self._report(call, running, outcome)
        return outcome

    async def _carry_out(self, call: Invocation, running: _Running) -> None:
        try:
            outcome = await self._invoke(call)
        except asyncio.CancelledError:
            outcome = Outcome(ok=False, error="The invocation was cancelled.")
        if not running.done.done():
            running.done.set_result(outcome)

    def _report(self, call: Invocation, running: _Running, outcome: Outcome) -> None:
        took = (time.monotonic() - running.started) * 1000
        fields = {"invocationId": call.id, "function": running.function, "milliseconds": round(took, 1), "ok": outcome.ok}
        if outcome.ok:
            _log.info("%s %s succeeded in %.1f ms", running.function, call.id, took, extra=fields)
            return
        why = f"{outcome.error}\n{outcome.stack}".rstrip() if outcome.stack else outcome.error
        _log.error("%s %s failed in %.1f ms: %s", running.function, call.id, took, why, extra=fields)

    def running(self) -> list[tuple[str, str, float]]:
        """Function, invocation id and start (time.monotonic) of what runs now. Safe to call from another thread."""
        return [(each.function, id_, each.started) for id_, each in list(self._running.items())]

    def die(self) -> None:
        """Everything that runs is reported as failed, and nothing starts any more. The app's code is not told, as when it is killed."""
        self._dead = True
        for each in list(self._running.values()):
            if not each.done.done():
                each.done.set_result(_DEAD)


def new_trace() -> Trace:
    """A trace of its own, for an invocation that nobody's trace leads to."""
    return Trace(parent=f"00-{os.urandom(16).hex()}-{os.urandom(8).hex()}-01")
