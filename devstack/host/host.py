"""One running host: HTTP, timers and Service Bus listeners around one worker, from start to drain."""

import asyncio
import hashlib
import logging
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine
from pathlib import Path

from devstack.host import functions as kinds
from devstack.host import keys, ncrontab, routes, worker
from devstack.host.admin import Admin
from devstack.host.clock import SystemClock
from devstack.host.functions import Function
from devstack.host.invocations import Invocations
from devstack.host.options import Options
from devstack.host.startup import App
from devstack.host.timers import TimerListener
from devstack.host.timerstate import TimerState
from devstack.host.watchdog import Watchdog
from devstack.host.web import Front, Route

_log = logging.getLogger("host")
# How long messages and callers of a worker that is restarted get to hear of it, in seconds.
_LAST_WORDS = 5.0


class Host:
    """Runs an indexed app. `die` is called, from any thread, when the worker has to be restarted; it does not return."""

    def __init__(self, app: App, options: Options, access: keys.Keys, die: Callable[[int], None]) -> None:
        self._app = app
        self._options = options
        self._die = die
        self._stopping = asyncio.Event()
        self._dying = False
        self._told = threading.Event()
        self._loop = asyncio.get_running_loop()
        self._invocations = Invocations(worker.invoke)
        self._admin = Admin(app.functions, app.disabled, access, self._invocations)
        self._front = Front(_routes(app), app.config, access, self._invocations, self._admin.answer, options)
        self._bus: list[asyncio.Task[None]] = []
        self._timers: list[asyncio.Task[None]] = []
        self._watchdog = None if app.config.timeout is None else Watchdog(self._invocations, app.config.timeout, self._expired)
        self._port = 0

    async def start(self, port: int) -> str:
        """The base URL, once HTTP is answered and every listener has been started; raises OSError if the port is taken."""
        taken = await self._front.open(self._options.host, port)
        self._admin.base_url = f"http://{self._options.host}:{taken}"
        self._port = taken
        self._start_bus([each for each in self._app.active if each.kind == kinds.SERVICE_BUS])
        if self._options.timers:
            self._start_timers([each for each in self._app.active if each.kind == kinds.TIMER])
        if self._watchdog is not None:
            self._watchdog.start()
        return self._admin.base_url

    async def run(self) -> int:
        """Returns the exit code after SIGTERM or SIGINT: 0 when everything that ran has ended, 1 when the drain timed out."""
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._signalled)
        await self._stopping.wait()
        if self._dying:
            # The watchdog's thread is about to replace this process; a drain would end it instead.
            await asyncio.Event().wait()
        _log.info("Draining: nothing new is taken, %d invocations are running.", len(self._invocations.running()))
        await self._front.refuse()
        for task in self._timers:
            task.cancel()
        # A listener in a receive call returns within a second; after that its receivers close.
        waiting = [*self._bus, *self._timers]
        done = await self._ended(waiting, self._options.drain_timeout)
        if self._watchdog is not None:
            self._watchdog.stop()
        if not done:
            names = ", ".join(f"{name} {id_}" for name, id_, _ in self._invocations.running())
            _log.error(
                "The drain timed out after %.0f s with these running: %s. Their messages will be delivered again.",
                self._options.drain_timeout,
                names or "listeners that do not close",
            )
            return 1
        await self._front.close()
        _log.info("Drained.")
        return 0

    async def _ended(self, tasks: list[asyncio.Task[None]], patience: float) -> bool:
        deadline = time.monotonic() + patience
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=patience)
            if late:
                return False
        while self._invocations.running():
            if time.monotonic() >= deadline:
                return False
            await asyncio.sleep(0.02)
        return True

    def _signalled(self) -> None:
        if self._stopping.is_set():
            _log.error("Signalled again while draining: ending at once.")
            os._exit(1)
        self._stopping.set()

    def _start_bus(self, triggers: list[Function]) -> None:
        if not triggers:
            return
        # Imported only here: an app without Service Bus triggers should not wait for the client library.
        from devstack.host import busstart

        for each in triggers:
            work = busstart.listener(each, self._app, self._invocations, self._stopping)
            self._bus.append(self._guarded(work, each.name))

    def _start_timers(self, triggers: list[Function]) -> None:
        if not triggers:
            return
        state = TimerState(self._options.state or default_state(self._options.app))
        for each in triggers:
            schedule = ncrontab.parse(self._app.settings.resolve(str(each.trigger["schedule"])))
            listener = TimerListener(each, schedule, state, SystemClock(), self._invocations)
            self._timers.append(self._guarded(listener.listen(), each.name))

    def _guarded(self, work: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
        task = self._loop.create_task(work, name=name)
        task.add_done_callback(self._ended_early)
        return task

    def _ended_early(self, task: asyncio.Task[None]) -> None:
        """A listener ends only when the host does; anything else is a bug of this host, and silence would hide it."""
        if not task.cancelled() and task.exception() is not None:
            _log.critical("The listener of %s ended: this is a bug of the host.", task.get_name(), exc_info=task.exception())
            os._exit(70)

    def _expired(self) -> None:
        """Called by the watchdog's thread: messages are abandoned and callers told, then the process is replaced."""
        if self._stopping.is_set():
            # The drain has its own time limit; a host that was told to end must not come back.
            return
        self._loop.call_soon_threadsafe(self._tell)
        if not self._told.wait(_LAST_WORDS):
            _log.error("The event loop is blocked, so messages in work are not abandoned; their locks have to run out.")
        self._die(self._port)

    def _tell(self) -> None:
        task = self._loop.create_task(self._last_words())
        task.add_done_callback(lambda _: self._told.set())

    async def _last_words(self) -> None:
        self._dying = True
        self._stopping.set()
        self._invocations.die()
        if self._bus:
            await asyncio.wait(self._bus, timeout=_LAST_WORDS - 1)
        # The callers' 500s are written by now or in the next turns of the loop.
        await asyncio.sleep(0.1)


def default_state(app: Path) -> Path:
    """Where timers of an app keep their state unless told: one private directory an app and user, kept over restarts."""
    name = hashlib.sha256(str(app).encode()).hexdigest()[:12]
    directory = Path(tempfile.gettempdir()) / f"functions-host-{os.getuid()}-{name}"
    directory.mkdir(mode=0o700, exist_ok=True)
    if directory.is_symlink() or directory.stat().st_uid != os.getuid():
        raise PermissionError(f"{directory} belongs to somebody else; name another directory with --state.")
    return directory


def _routes(app: App) -> list[Route]:
    found = []
    for each in app.active:
        if each.kind == kinds.HTTP:
            template = routes.parse(app.settings.resolve(str(each.trigger.get("route") or "")))
            methods = frozenset(str(method).upper() for method in each.trigger.get("methods") or ())
            level = str(each.trigger.get("authLevel") or "function").lower()
            found.append(Route(each, template, methods, level))
    return found
