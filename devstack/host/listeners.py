"""Service Bus triggers: one listener a function, which never ends before the host does.

Source of the dispatch rules: facts/azure-functions-host.md 2.1.
"""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from devstack.host import batches, metadata
from devstack.host.delivery import Delivery, LinkLostError, NoSessionError, Open, Receiver
from devstack.host.functions import Function
from devstack.host.hostjson import ServiceBus
from devstack.host.invocations import Invocations
from devstack.host.pump import Pump, Worked
from devstack.host.renewal import Renewal
from devstack.host.worker import Outcome, Trace

_log = logging.getLogger("host.servicebus")
_BACKOFF = (1.0, 2.0, 4.0, 8.0, 15.0)
# .NET accepts as many sessions at once as there are processors; an accept that waits costs a connection.
_ACCEPTING = max(2, os.cpu_count() or 1)


@dataclass(frozen=True, slots=True)
class Listening:
    """What a listener needs: its function, how to open a receiver (for sessions: on the next session), options, invocations."""

    function: Function
    open: Open
    options: ServiceBus
    invocations: Invocations


def per_trigger(function: Function, options: ServiceBus) -> ServiceBus:
    """host.json's options with what the trigger itself says."""
    said = function.trigger.get("autoCompleteMessages")
    return replace(options, auto_complete=said) if isinstance(said, bool) else options


async def listen(listening: Listening, stopping: asyncio.Event) -> None:
    """Works on messages until `stopping` is set and what was received is settled; a lost connection is opened again."""
    function, options = listening.function, listening.options
    once = _batches if function.many else _singles
    if not function.sessions:
        await _persistently(listening, stopping, lambda: once(listening, stopping))
        return
    accepting = asyncio.Semaphore(_ACCEPTING)
    at_once = 1 if function.many else options.sessions
    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(_persistently(listening, stopping, lambda: once(listening, stopping, accepting)))


async def _persistently(listening: Listening, stopping: asyncio.Event, once: Callable[[], Awaitable[None]]) -> None:
    failures = 0
    while not stopping.is_set():
        try:
            await once()
            failures = 0
        except NoSessionError:
            failures = 0
        except LinkLostError as error:
            pause = _BACKOFF[min(failures, len(_BACKOFF) - 1)]
            failures += 1
            _log.warning(
                "%s: the connection to its messages is lost, it is opened again in %.0f s: %s",
                listening.function.name,
                pause,
                error,
            )
            await _unless(stopping, asyncio.sleep(pause))


async def _unless[T](stopping: asyncio.Event, work: Awaitable[T]) -> T | None:
    """The work's result, or None when `stopping` is set first; then the work is cancelled."""
    task = asyncio.ensure_future(work)
    stop = asyncio.ensure_future(stopping.wait())
    try:
        await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        return None
    finally:
        stop.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait({task})


async def _opened(
    listening: Listening, stopping: asyncio.Event, accepting: asyncio.Semaphore | None
) -> tuple[Receiver, Renewal | None] | None:
    if accepting is None:
        receiver = await _unless(stopping, listening.open())
        return None if receiver is None else (receiver, None)
    async with accepting:
        receiver = await _unless(stopping, listening.open())
    if receiver is None:
        return None
    _log.debug("%s: session %s is accepted.", listening.function.name, receiver.session_id)
    return receiver, Renewal(receiver, None, receiver.session_locked_until(), listening.options.renewal)


async def _singles(listening: Listening, stopping: asyncio.Event, accepting: asyncio.Semaphore | None = None) -> None:
    opened = await _opened(listening, stopping, accepting)
    if opened is None:
        return
    receiver, renewal = opened
    options = listening.options
    slots, idle = (options.calls, None) if accepting is None else (options.calls_per_session, options.idle)
    # A session's messages share the session's lock; there is nothing to renew for each.
    each = options.renewal if accepting is None else 0.0
    locks: dict[str, Renewal] = {}

    async def work(delivery: Delivery) -> Outcome:
        locks[delivery.lock_token] = Renewal(receiver, delivery, delivery.locked_until, each)
        value, found = metadata.single(delivery, listening.function.data_type)
        return await listening.invocations.run(listening.function, value, found, trace_of(delivery))

    async def settle(done: Sequence[Worked]) -> None:
        await _settle(listening, receiver, done)
        for one in done:
            locks.pop(one.delivery.lock_token).stop()

    try:
        await Pump(receiver, work, settle, slots, idle).run(stopping)
    finally:
        if renewal is not None:
            renewal.stop()
        await receiver.close()


async def _settle(listening: Listening, receiver: Receiver, done: Sequence[Worked]) -> None:
    due = [one for one in done if not one.outcome.ok or listening.options.auto_complete]
    answers = await receiver.settle([(one.delivery, one.outcome.ok) for one in due])
    for one, answer in zip(due, answers, strict=True):
        if answer is not None:
            _log.warning(
                "%s: message %s could not be %s, so it will be delivered again: %s",
                listening.function.name,
                one.delivery.message_id,
                "completed" if one.outcome.ok else "abandoned",
                answer,
            )


async def _batches(listening: Listening, stopping: asyncio.Event, accepting: asyncio.Semaphore | None = None) -> None:
    opened = await _opened(listening, stopping, accepting)
    if opened is None:
        return
    receiver, renewal = opened
    try:
        while not stopping.is_set():
            batch = await _gathered(receiver, listening.options, stopping, accepting is not None)
            if not batch and accepting is not None:
                return
            if batch:
                await _batch(listening, receiver, batch)
    finally:
        if renewal is not None:
            renewal.stop()
        await receiver.close()


async def _gathered(receiver: Receiver, options: ServiceBus, stopping: asyncio.Event, in_session: bool) -> list[Delivery]:
    """A batch: what is there, or with a least size what comes until the wait is over."""
    loop = asyncio.get_running_loop()
    first_by = loop.time() + (options.idle if in_session else 1.0)
    enough_by = first_by
    batch: list[Delivery] = []
    while not stopping.is_set() or batch:
        batch += await receiver.receive(options.most_in_batch - len(batch), min(1.0, options.batch_wait or 1.0))
        if batch and first_by != float("inf"):
            first_by, enough_by = float("inf"), loop.time() + options.batch_wait
        if not batch and loop.time() >= first_by:
            return []
        if batch and (len(batch) >= options.least_in_batch or loop.time() >= enough_by or stopping.is_set()):
            return batch
    return batch


async def _batch(listening: Listening, receiver: Receiver, batch: list[Delivery]) -> None:
    function = listening.function
    try:
        value, found = batches.many(batch, function.data_type)
    except batches.UnbindableError as error:
        _log.error("%s: a batch of %d is abandoned: %s", function.name, len(batch), error)
        outcome = Outcome(ok=False)
    else:
        outcome = await listening.invocations.run(function, value, found, trace_of(batch[0]))
    await _settle(listening, receiver, [Worked(delivery, outcome) for delivery in batch])


def trace_of(delivery: Delivery) -> Trace | None:
    """The sender's trace context, if the message carries one (`traceparent`, or Azure's older `Diagnostic-Id`)."""
    said = delivery.properties.get("traceparent") or delivery.properties.get("Diagnostic-Id")
    state = delivery.properties.get("tracestate")
    return Trace(said, state if isinstance(state, str) else "") if isinstance(said, str) else None
