"""functionTimeout: a thread of its own, because a function that blocks the event loop must time out too."""

import logging
import threading
import time
from collections.abc import Callable

from devstack.host.invocations import Invocations

_log = logging.getLogger("host.timeout")


class Watchdog:
    """Calls `expired` once, from its thread, when an invocation has run for longer than `limit` seconds."""

    def __init__(self, invocations: Invocations, limit: float, expired: Callable[[], None]) -> None:
        self._invocations = invocations
        self._limit = limit
        self._expired = expired
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="function-timeout", daemon=True)

    def start(self) -> None:
        """It watches from now on."""
        self._thread.start()

    def stop(self) -> None:
        """It does not watch any more."""
        self._stop.set()

    def _watch(self) -> None:
        while not self._stop.wait(min(self._limit / 4, 0.5)):
            now = time.monotonic()
            late = [each for each in self._invocations.running() if now - each[2] > self._limit]
            if late:
                function, invocation, started = late[0]
                _log.error(
                    "%s %s has run for %.1f s, and functionTimeout is %.1f s: the worker is restarted, and all %d invocations in it die.",
                    function,
                    invocation,
                    now - started,
                    self._limit,
                    len(self._invocations.running()),
                )
                self._expired()
                return
