"""Reads of single objects that are wanted at the same time share a `$batch`; nothing waits for company.

A call costs the process and the directory more than what it asks. The first two go out alone; whoever comes while they are under way
is in the next batch. Within a batch every item succeeds, fails and counts against the limits for itself.
https://learn.microsoft.com/graph/json-batching
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context
from dataclasses import dataclass

from shared.nouns.outcomes import NotYet
from shared.tenant.answers import ANSWER_WAIT, Answer
from shared.tenant.calls import apart
from shared.tenant.graph import MOST_PER_BATCH, BatchItem, Graph
from shared.tenant.operations import Operation

MOST_UNDER_WAY = 2


@dataclass(frozen=True)
class _Wanted:
    item: BatchItem
    done: "asyncio.Future[Answer]"


class SideBySide:
    """Reads of one operation."""

    def __init__(self, graph: Graph, operation: Operation) -> None:
        self._graph = graph
        self._operation = operation
        self._wanted: list[_Wanted] = []
        self._under_way = 0
        self._batches: set[asyncio.Task[None]] = set()

    async def ask(self, item: BatchItem, alone: Callable[[], Awaitable[Answer]]) -> Answer:
        """The answer to the item, whatever its status, or to `alone`, which asks the same. Raises NotYet and WontWork as the call does.

        Calls that are recorded, or less urgent, share nothing.
        """
        if apart():
            return await alone()
        if self._under_way < MOST_UNDER_WAY:
            self._under_way += 1
            try:
                return await alone()
            finally:
                self._landed()
        wanted = _Wanted(item, asyncio.get_running_loop().create_future())
        self._wanted.append(wanted)
        return await wanted.done

    def _landed(self) -> None:
        """One is no longer under way: those who came meanwhile are asked about together."""
        self._under_way -= 1
        if self._wanted and self._under_way < MOST_UNDER_WAY:
            self._under_way += 1
            group, self._wanted = self._wanted[:MOST_PER_BATCH], self._wanted[MOST_PER_BATCH:]
            # In nobody's context: what is shared belongs to no one caller's trace.
            batch = asyncio.get_running_loop().create_task(self._ask(group), context=Context())
            self._batches.add(batch)
            batch.add_done_callback(self._batches.discard)

    async def _ask(self, group: list[_Wanted]) -> None:
        items = {str(number): wanted.item for number, wanted in enumerate(group)}
        try:
            answers = await self._graph.batch(self._operation, items, about=f"{len(items)} objects")
        except BaseException as error:
            for wanted in group:
                _tell(wanted, error)
            if isinstance(error, KeyboardInterrupt | SystemExit | asyncio.CancelledError):
                raise
        else:
            for wanted, answer in zip(group, answers.values(), strict=True):
                if not wanted.done.done():
                    wanted.done.set_result(answer)
        finally:
            self._landed()


def _tell(wanted: _Wanted, error: BaseException) -> None:
    """Whoever waits hears it; that somebody else's task was ended is no end of theirs."""
    if wanted.done.done():
        return
    if isinstance(error, asyncio.CancelledError):
        error = NotYet(f"{wanted.item.about} was not read: what asked for it was ended", after=ANSWER_WAIT)
    wanted.done.set_exception(error)
